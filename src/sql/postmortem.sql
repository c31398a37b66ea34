-- After an incident: what people write about it, what is to be done, and the document that is made of both and of what
-- was recorded anyway.

CREATE OR REPLACE FUNCTION pulsimo.require_postmortem_text(name text, content text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF octet_length(content) > 65536 THEN
        RAISE EXCEPTION '% must have at most 65536 bytes', name USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Put what is longer somewhere else, and a link to it here.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_postmortem_text(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_postmortem_text(text, text) IS
'Internal: raises 22023 when a text is too long for a post-mortem.';

CREATE OR REPLACE FUNCTION pulsimo.write_postmortem_as_owner(
    incident bigint, summary text, root_cause_category pulsimo.root_cause_category, root_cause text, lessons text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_incident(incident);
    IF num_nonnulls(summary, root_cause_category, root_cause, lessons) = 0 THEN
        RAISE EXCEPTION 'one of summary, root_cause_category, root_cause and lessons must be given' USING
            ERRCODE = 'null_value_not_allowed',
            HINT = 'What is null stays as it is; an empty text takes away what was there.';
    END IF;
    PERFORM pulsimo.require_postmortem_text('summary', summary);
    PERFORM pulsimo.require_postmortem_text('root_cause', root_cause);
    PERFORM pulsimo.require_postmortem_text('lessons', lessons);
    INSERT INTO pulsimo.postmortems AS p (incident_id, summary, root_cause_category, root_cause, lessons, updated_by)
    VALUES (incident, summary, root_cause_category, root_cause, lessons, pulsimo.current_user_id())
    ON CONFLICT ON CONSTRAINT postmortems_pkey DO UPDATE
        SET summary = coalesce(excluded.summary, p.summary),
            root_cause_category = coalesce(excluded.root_cause_category, p.root_cause_category),
            root_cause = coalesce(excluded.root_cause, p.root_cause), lessons = coalesce(excluded.lessons, p.lessons),
            updated_by = excluded.updated_by, updated_at = excluded.updated_at;
    PERFORM pulsimo.record_incident_event(incident, 'postmortem_written', concat_ws(', ',
        CASE WHEN summary IS NOT NULL THEN 'summary' END, CASE WHEN root_cause_category IS NOT NULL THEN 'category' END,
        CASE WHEN root_cause IS NOT NULL THEN 'root cause' END, CASE WHEN lessons IS NOT NULL THEN 'lessons' END), NULL);
END $$;
REVOKE ALL ON FUNCTION pulsimo.write_postmortem_as_owner(bigint, text, pulsimo.root_cause_category, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.write_postmortem_as_owner(bigint, text, pulsimo.root_cause_category, text, text) IS
'Internal: write_postmortem(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.write_postmortem(
    incident bigint, summary text DEFAULT NULL, root_cause_category pulsimo.root_cause_category DEFAULT NULL,
    root_cause text DEFAULT NULL, lessons text DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.write_postmortem(bigint, text, pulsimo.root_cause_category, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.write_postmortem(bigint, text, pulsimo.root_cause_category, text, text) IS
'Writes what people have to say about an incident afterwards, or meanwhile. What is left out stays as it is; an empty text takes away what was there. postmortem() makes a document of it.
summary: what happened, in a few sentences.
root_cause_category: infrastructure, application, human_error or external.
root_cause: why it happened.
lessons: what was learned.
Each text has at most 64 KiB.
Errors: P0002 unknown incident, 42501 may not deal with incidents of its project, 22004 nothing was given, 22023 a text is too long.
Example: SELECT pulsimo.write_postmortem(1, root_cause_category => ''human_error'', root_cause => ''A firewall rule was missing.'');';

-- --- action items ----------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.add_action_item_as_owner(incident bigint, title text, owner bigint, due_on date)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id bigint;
BEGIN
    PERFORM pulsimo.lock_incident(incident);
    IF (title ~ '[^[:space:]]' AND title !~ '[[:cntrl:]]' AND length(title) <= 500) IS NOT TRUE THEN
        RAISE EXCEPTION 'title must be one line of 1 to 500 characters' USING
            ERRCODE = CASE WHEN title IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
            HINT = 'Say what is to be done; details fit in a note.';
    ELSIF NOT isfinite(due_on) THEN
        RAISE EXCEPTION 'due_on must be a day, not %', due_on USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave it out when there is no hurry.';
    ELSIF owner IS NOT NULL AND NOT EXISTS (
            SELECT FROM pulsimo.incidents i
            WHERE i.id = incident AND (pulsimo.permits(owner, false, 'project.view', i.project_id)
                                       OR pulsimo.permits(owner, false, 'projects.view', i.organization_id))) THEN
        RAISE EXCEPTION 'user % may not see incident %', owner, incident USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.organization_members lists the people of your organizations.';
    END IF;
    INSERT INTO pulsimo.action_items (incident_id, title, owner_id, due_on)
    VALUES (incident, add_action_item_as_owner.title, owner, add_action_item_as_owner.due_on)
    RETURNING id INTO new_id;
    PERFORM pulsimo.record_incident_event(incident, 'action_item_added', title, jsonb_build_object('action_item_id', new_id));
    RETURN new_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_action_item_as_owner(bigint, text, bigint, date) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_action_item_as_owner(bigint, text, bigint, date) IS
'Internal: add_action_item(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.add_action_item(
    incident bigint, title text, owner bigint DEFAULT NULL, due_on date DEFAULT NULL
) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.add_action_item(bigint, text, bigint, date) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_action_item(bigint, text, bigint, date) IS
'Writes down what is to be done so that an incident does not happen again, and returns its id. The view open_action_items lists what is not done yet.
title: one line of at most 500 characters.
owner: id of the user who does it, somebody who may see the incident; NULL: nobody yet.
due_on: by which day; NULL: some time.
Errors: P0002 unknown incident, or a user who may not see it; 42501 may not deal with incidents of its project; 22004 title is null; 22023 title or due_on is not acceptable.
Example: SELECT pulsimo.add_action_item(1, ''Watch the free space of db1'', due_on => current_date + 14);';

CREATE OR REPLACE FUNCTION pulsimo.complete_action_item_as_owner(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item pulsimo.action_items;
BEGIN
    SELECT a.* INTO item FROM pulsimo.action_items a JOIN pulsimo.incidents i ON i.id = a.incident_id
    WHERE a.id = complete_action_item_as_owner.id
        AND (pulsimo.has_permission('project.view', i.project_id)
             OR pulsimo.has_permission('projects.view', i.organization_id) OR pulsimo.is_operator());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'action item % does not exist', coalesce(id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.open_action_items lists those that are not done yet.';
    END IF;
    PERFORM pulsimo.lock_incident(item.incident_id);
    UPDATE pulsimo.action_items a SET completed_at = statement_timestamp(), completed_by = pulsimo.current_user_id()
    WHERE a.id = item.id AND a.completed_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'action item % is completed already', id USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'The table pulsimo.action_items tells since when.';
    END IF;
    PERFORM pulsimo.record_incident_event(item.incident_id, 'action_item_completed', item.title,
                                          jsonb_build_object('action_item_id', item.id));
END $$;
REVOKE ALL ON FUNCTION pulsimo.complete_action_item_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.complete_action_item_as_owner(bigint) IS
'Internal: complete_action_item(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.complete_action_item(id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.complete_action_item(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.complete_action_item(bigint) IS
'Says that an action item is done.
id: what add_action_item() has returned.
Errors: P0002 unknown action item, 42501 may not deal with incidents of its project, 55000 it is done already.
Example: SELECT pulsimo.complete_action_item(3);';

CREATE OR REPLACE VIEW pulsimo.open_action_items WITH (security_invoker = true) AS
SELECT a.id, a.incident_id, i.number AS incident, i.project_id, a.title, a.owner_id, u.name AS owner, a.due_on,
       coalesce(a.due_on < current_date, false) AS overdue, a.created_at
FROM pulsimo.action_items a JOIN pulsimo.incidents i ON i.id = a.incident_id
    LEFT JOIN pulsimo.users u ON u.id = a.owner_id
WHERE a.completed_at IS NULL
ORDER BY a.due_on, a.id;
REVOKE ALL ON pulsimo.open_action_items FROM PUBLIC;
COMMENT ON VIEW pulsimo.open_action_items IS
'What is still to be done after incidents, the most urgent first, what has no date last.
Example: SELECT incident, title, owner FROM pulsimo.open_action_items WHERE overdue;';
COMMENT ON COLUMN pulsimo.open_action_items.id IS 'what complete_action_item() takes';
COMMENT ON COLUMN pulsimo.open_action_items.incident_id IS 'id of the incident';
COMMENT ON COLUMN pulsimo.open_action_items.incident IS 'number of the incident';
COMMENT ON COLUMN pulsimo.open_action_items.project_id IS 'id of the project of the incident';
COMMENT ON COLUMN pulsimo.open_action_items.title IS 'what is to be done';
COMMENT ON COLUMN pulsimo.open_action_items.owner_id IS 'id of the user who does it; NULL: nobody yet';
COMMENT ON COLUMN pulsimo.open_action_items.owner IS 'name of that user';
COMMENT ON COLUMN pulsimo.open_action_items.due_on IS 'by which day; NULL: some time';
COMMENT ON COLUMN pulsimo.open_action_items.overdue IS 'whether that day is over, in the time zone of the session';
COMMENT ON COLUMN pulsimo.open_action_items.created_at IS 'when it was added';

-- --- the document ----------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.postmortem(incident bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    document constant jsonb := pulsimo.incident_document(incident);
    written pulsimo.postmortems;
BEGIN
    SELECT * INTO written FROM pulsimo.postmortems p WHERE p.incident_id = incident;
    RETURN document || jsonb_build_object(
        'summary', nullif(written.summary, ''),
        'root_cause', jsonb_build_object('category', written.root_cause_category, 'text', nullif(written.root_cause, '')),
        'lessons', nullif(written.lessons, ''),
        'updated_at', written.updated_at,
        'updated_by', (SELECT u.name FROM pulsimo.users u WHERE u.id = written.updated_by),
        'action_items', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', a.id, 'title', a.title, 'owner', u.name, 'due_on', a.due_on, 'completed_at', a.completed_at)
                ORDER BY a.id), '[]')
            FROM pulsimo.action_items a LEFT JOIN pulsimo.users u ON u.id = a.owner_id WHERE a.incident_id = incident));
END $$;
REVOKE ALL ON FUNCTION pulsimo.postmortem(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.postmortem(bigint) IS
'The post-mortem of an incident: summary, root_cause, lessons and action_items as people wrote them, and what was recorded anyway: incident (facts and how long things took, in seconds), impact (endpoints and how long they were down), timeline, notes, links, excerpt (what the probe saw).
Errors: P0002 unknown incident.
Example: SELECT pulsimo.postmortem(1) -> ''action_items'';';

CREATE OR REPLACE FUNCTION pulsimo.markdown_action_items(document jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT E'## Action items\n\n' || coalesce(string_agg(format('- [%s] %s%s%s',
            CASE WHEN a.row ->> 'completed_at' IS NULL THEN ' ' ELSE 'x' END, pulsimo.markdown_line(a.row ->> 'title'),
            ', ' || pulsimo.markdown_line(a.row ->> 'owner'), ', by ' || (a.row ->> 'due_on')), E'\n' ORDER BY a.place), 'None.')
    FROM jsonb_array_elements(document -> 'action_items') WITH ORDINALITY AS a (row, place);
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_action_items(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_action_items(jsonb) IS
'Internal: the section with what is to be done.';

CREATE OR REPLACE FUNCTION pulsimo.markdown_section(heading text, content text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(E'## %s\n\n%s', heading, coalesce(nullif(pulsimo.markdown_paragraphs(content), ''), 'Not written yet.'));
$$;
REVOKE ALL ON FUNCTION pulsimo.markdown_section(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.markdown_section(text, text) IS
'Internal: a section with what people wrote.';

CREATE OR REPLACE FUNCTION pulsimo.postmortem_markdown(incident bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    document constant jsonb := pulsimo.postmortem(incident);
BEGIN
    RETURN concat_ws(E'\n\n',
        '# Post-mortem of ' || pulsimo.markdown_title(document),
        pulsimo.markdown_section('Summary', document ->> 'summary'),
        pulsimo.markdown_facts(document),
        pulsimo.markdown_impact(document),
        pulsimo.markdown_section('Root cause', document #>> '{root_cause,text}'),
        'Category: ' || replace(document #>> '{root_cause,category}', '_', ' '),
        pulsimo.markdown_timeline(document),
        pulsimo.markdown_excerpt(document),
        pulsimo.markdown_action_items(document),
        pulsimo.markdown_section('Lessons', document ->> 'lessons'),
        pulsimo.markdown_notes(document),
        pulsimo.markdown_links(document)) || E'\n';
END $$;
REVOKE ALL ON FUNCTION pulsimo.postmortem_markdown(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.postmortem_markdown(bigint) IS
'The post-mortem of an incident as a document in Markdown, with the content of postmortem(). What people and servers wrote stays text: it cannot become a heading, a table or HTML. Times are in the time zone of the session.
Errors: P0002 unknown incident.
Example: SELECT pulsimo.postmortem_markdown(1);';
