-- Notes: what people have found out about an incident and tried. A note belongs to its author; those of the operator have
-- none. The timeline keeps what a note said before it was changed or removed.

CREATE OR REPLACE FUNCTION pulsimo.add_note_as_owner(incident bigint, body text, category pulsimo.note_category)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    note pulsimo.incident_notes;
BEGIN
    PERFORM pulsimo.lock_incident(incident);
    PERFORM pulsimo.require_text('body', body), pulsimo.require_given('category', category IS NOT NULL);
    INSERT INTO pulsimo.incident_notes (incident_id, author_id, category, body, created_at)
    VALUES (incident, pulsimo.current_user_id(), category, body, clock_timestamp())
    RETURNING * INTO note;
    PERFORM pulsimo.record_note_event(note, 'note_added');
    RETURN note.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_note_as_owner(bigint, text, pulsimo.note_category) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_note_as_owner(bigint, text, pulsimo.note_category) IS
'Internal: add_note(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.add_note(
    incident bigint, body text, category pulsimo.note_category DEFAULT 'finding'
) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.add_note(bigint, text, pulsimo.note_category) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_note(bigint, text, pulsimo.note_category) IS
'Writes a note about an incident, whatever its status, and returns its id. Only its author can change or remove it.
body: at most 64 KiB.
category: finding, attempted_fix, root_cause, workaround, fix or follow_up.
Errors: P0002 unknown incident, 42501 may not deal with it, 22004 an argument is null, 22023 body is empty or too long.
Example: SELECT pulsimo.add_note(1, ''The disk is full'', ''root_cause'');';

CREATE OR REPLACE FUNCTION pulsimo.record_note_event(note pulsimo.incident_notes, event pulsimo.incident_event) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.record_incident_event(
        note.incident_id, event, format('%s: %s', replace(note.category::text, '_', ' '), left(note.body, 200)),
        jsonb_build_object('note_id', note.id, 'category', note.category, 'body', note.body));
END $$;
REVOKE ALL ON FUNCTION pulsimo.record_note_event(pulsimo.incident_notes, pulsimo.incident_event) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.record_note_event(pulsimo.incident_notes, pulsimo.incident_event) IS
'Internal: adds to the timeline what has become of a note.';

-- Looked up before the lock, to know the incident, and after it, since it may be gone by then.
CREATE OR REPLACE FUNCTION pulsimo.lock_note(id bigint) RETURNS pulsimo.incident_notes
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents;
    note pulsimo.incident_notes;
BEGIN
    SELECT n.* INTO note
    FROM pulsimo.incident_notes n JOIN pulsimo.incidents i ON i.id = n.incident_id
    WHERE n.id = lock_note.id
        AND (pulsimo.has_permission('project.view', i.project_id)
             OR pulsimo.has_permission('projects.view', i.organization_id) OR pulsimo.is_operator());
    IF FOUND THEN
        incident := pulsimo.lock_incident(note.incident_id);
        SELECT * INTO note FROM pulsimo.incident_notes n WHERE n.id = lock_note.id;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'note % does not exist', coalesce(id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.incident_notes lists the notes with their ids.';
    ELSIF note.author_id IS DISTINCT FROM pulsimo.current_user_id() AND NOT pulsimo.is_operator() THEN
        PERFORM pulsimo.note_denial(
            CASE WHEN incident.project_id IS NULL THEN 'organization.incidents' ELSE 'project.incidents' END,
            coalesce(incident.project_id, incident.organization_id));
        RAISE EXCEPTION 'permission denied: note % is not yours', note.id USING
            ERRCODE = 'insufficient_privilege',
            HINT = 'Only its author changes a note. Write one of your own, with pulsimo.add_note().';
    END IF;
    RETURN note;
END $$;
REVOKE ALL ON FUNCTION pulsimo.lock_note(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.lock_note(bigint) IS
'Internal: keeps others from changing the incident of a note until the end of the transaction, and returns the note.
Errors: P0002 unknown note, 42501 may not change it.';

CREATE OR REPLACE FUNCTION pulsimo.edit_note_as_owner(note bigint, body text, category pulsimo.note_category) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed pulsimo.incident_notes := pulsimo.lock_note(note);
BEGIN
    PERFORM pulsimo.require_given('body or category', num_nonnulls(body, category) > 0);
    IF body IS NOT NULL THEN
        PERFORM pulsimo.require_text('body', body);
    END IF;
    UPDATE pulsimo.incident_notes n
    SET body = coalesce(edit_note_as_owner.body, n.body), category = coalesce(edit_note_as_owner.category, n.category),
        edited_at = clock_timestamp()
    WHERE n.id = changed.id
        AND (n.body <> edit_note_as_owner.body OR n.category <> edit_note_as_owner.category)
    RETURNING * INTO changed;
    IF FOUND THEN
        PERFORM pulsimo.record_note_event(changed, 'note_edited');
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.edit_note_as_owner(bigint, text, pulsimo.note_category) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.edit_note_as_owner(bigint, text, pulsimo.note_category) IS
'Internal: edit_note(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.edit_note(
    note bigint, body text DEFAULT NULL, category pulsimo.note_category DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.edit_note(bigint, text, pulsimo.note_category) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.edit_note(bigint, text, pulsimo.note_category) IS
'Changes a note of one''s own; the operator changes any. The timeline keeps what it said before.
body, category: as for add_note(); what is left out stays.
Errors: P0002 unknown note, 42501 it is not one''s own, or may not deal with its incident; 22004 both are left out, 22023 body is empty or too long.
Example: SELECT pulsimo.edit_note(1, category => ''root_cause'');';

CREATE OR REPLACE FUNCTION pulsimo.remove_note_as_owner(note bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed constant pulsimo.incident_notes := pulsimo.lock_note(note);
BEGIN
    DELETE FROM pulsimo.incident_notes n WHERE n.id = removed.id;
    PERFORM pulsimo.record_incident_event(removed.incident_id, 'note_removed', replace(removed.category::text, '_', ' '),
                                          jsonb_build_object('note_id', removed.id));
END $$;
REVOKE ALL ON FUNCTION pulsimo.remove_note_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_note_as_owner(bigint) IS
'Internal: remove_note(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.remove_note(note bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.remove_note(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_note(bigint) IS
'Removes a note of one''s own; the operator removes any. The timeline keeps what it said.
Errors: P0002 unknown note, 42501 it is not one''s own, or may not deal with its incident.
Example: SELECT pulsimo.remove_note(1);';
