-- How incidents relate to each other.
--
-- That nothing becomes a duplicate of itself on the way over others can only be told while nobody else links duplicates in
-- the organization: hence its lock, which also makes the second of two transactions that keep their snapshot fail.

CREATE OR REPLACE FUNCTION pulsimo.begin_incident_link(id bigint, link pulsimo.incident_link, other bigint)
RETURNS pulsimo.incidents
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents;
    linked pulsimo.incidents;
BEGIN
    PERFORM pulsimo.require_incident(id), pulsimo.require_incident(other);
    PERFORM pulsimo.require_given('link', link IS NOT NULL);
    SELECT * INTO incident FROM pulsimo.incidents i WHERE i.id = begin_incident_link.id;
    SELECT * INTO linked FROM pulsimo.incidents i WHERE i.id = other;
    PERFORM pulsimo.require_incident_permission(incident.organization_id, incident.project_id);
    IF incident.id = linked.id THEN
        RAISE EXCEPTION 'incident % cannot be linked to itself', incident.id USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Give two incidents.';
    ELSIF incident.organization_id IS DISTINCT FROM linked.organization_id THEN
        RAISE EXCEPTION 'incidents % and % are not of one organization', incident.id, linked.id USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Say in a note what they have to do with each other.';
    END IF;
    IF link = 'duplicate_of' THEN
        PERFORM pulsimo.lock_organization(incident.organization_id);
    END IF;
    RETURN pulsimo.lock_incident(incident.id);
END $$;
REVOKE ALL ON FUNCTION pulsimo.begin_incident_link(bigint, pulsimo.incident_link, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.begin_incident_link(bigint, pulsimo.incident_link, bigint) IS
'Internal: what every function that changes links does first: asks whether both incidents are seen and go together, locks the first and returns it.';

CREATE OR REPLACE FUNCTION pulsimo.add_incident_link(incident bigint, link pulsimo.incident_link, other bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF link = 'duplicate_of' AND EXISTS (
            WITH RECURSIVE originals AS (
                SELECT other AS id
                UNION
                SELECT l.other_id FROM originals o
                    JOIN pulsimo.incident_links l ON l.incident_id = o.id AND l.link = 'duplicate_of'
            )
            SELECT FROM originals o WHERE o.id = incident) THEN
        RAISE EXCEPTION 'incident % is a duplicate of incident % already', other, incident USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Link them the other way round, or remove that link with pulsimo.unlink_incidents().';
    END IF;
    INSERT INTO pulsimo.incident_links AS l (incident_id, link, other_id, created_at)
    VALUES (incident, link, other, clock_timestamp()) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM pulsimo.record_incident_event(incident, 'linked', format('%s %s', replace(link::text, '_', ' '), i.number),
                                              jsonb_build_object('link', link, 'other', other))
        FROM pulsimo.incidents i WHERE i.id = other;
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_incident_link(bigint, pulsimo.incident_link, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_incident_link(bigint, pulsimo.incident_link, bigint) IS
'Internal: links an incident that begin_incident_link() has locked, unless it is linked already.
Errors: 22023 it would become a duplicate of itself.';

CREATE OR REPLACE FUNCTION pulsimo.link_incidents_as_owner(id bigint, link pulsimo.incident_link, other bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.begin_incident_link(id, link, other);
    PERFORM pulsimo.add_incident_link(id, link, other);
END $$;
REVOKE ALL ON FUNCTION pulsimo.link_incidents_as_owner(bigint, pulsimo.incident_link, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.link_incidents_as_owner(bigint, pulsimo.incident_link, bigint) IS
'Internal: link_incidents(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.link_incidents(id bigint, link pulsimo.incident_link, other bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.link_incidents(bigint, pulsimo.incident_link, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.link_incidents(bigint, pulsimo.incident_link, bigint) IS
'Says how an incident relates to another one of the same organization, which the caller has to see. Does nothing when it is said already.
link: what the first is to the other: duplicate_of, caused_by, blocks or parent_of.
Errors: P0002 unknown incident, 42501 may not deal with the first, 22004 link is null, 22023 they are the same or of different organizations, or the first would become a duplicate of itself.
Example: SELECT pulsimo.link_incidents(2, ''caused_by'', 1);';

CREATE OR REPLACE FUNCTION pulsimo.unlink_incidents_as_owner(id bigint, link pulsimo.incident_link, other bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident constant pulsimo.incidents := pulsimo.begin_incident_link(id, link, other);
BEGIN
    DELETE FROM pulsimo.incident_links l
    WHERE l.incident_id = incident.id AND l.link = unlink_incidents_as_owner.link AND l.other_id = other;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'incident % is not linked to incident % as %', incident.id, other, link USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.incident_links lists the links.';
    END IF;
    PERFORM pulsimo.record_incident_event(incident.id, 'unlinked', format('%s %s', replace(link::text, '_', ' '), i.number),
                                          jsonb_build_object('link', link, 'other', other))
    FROM pulsimo.incidents i WHERE i.id = other;
END $$;
REVOKE ALL ON FUNCTION pulsimo.unlink_incidents_as_owner(bigint, pulsimo.incident_link, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.unlink_incidents_as_owner(bigint, pulsimo.incident_link, bigint) IS
'Internal: unlink_incidents(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.unlink_incidents(id bigint, link pulsimo.incident_link, other bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.unlink_incidents(bigint, pulsimo.incident_link, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.unlink_incidents(bigint, pulsimo.incident_link, bigint) IS
'Takes back what link_incidents() has said.
Errors: P0002 unknown incident, or there is no such link; 42501 may not deal with the first, 22004 link is null, 22023 they are the same or of different organizations.
Example: SELECT pulsimo.unlink_incidents(2, ''caused_by'', 1);';

CREATE OR REPLACE FUNCTION pulsimo.merge_incident_as_owner(id bigint, into_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents := pulsimo.begin_incident_link(id, 'duplicate_of', into_id);
    original constant pulsimo.incidents := pulsimo.lock_incident(into_id);
BEGIN
    PERFORM pulsimo.require_transition(incident.id, incident.status, 'resolved');
    IF original.status = 'resolved' THEN
        RAISE EXCEPTION 'incident % is resolved', original.id USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Reopen it first, with pulsimo.reopen_incident(), or only link the two with pulsimo.link_incidents().';
    END IF;
    PERFORM pulsimo.add_incident_link(incident.id, 'duplicate_of', original.id);
    PERFORM pulsimo.close_incident(incident, format('duplicate of %s', original.number),
                                   greatest(incident.started_at, clock_timestamp()));
END $$;
REVOKE ALL ON FUNCTION pulsimo.merge_incident_as_owner(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.merge_incident_as_owner(bigint, bigint) IS
'Internal: merge_incident(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.merge_incident(id bigint, into_id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.merge_incident(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.merge_incident(bigint, bigint) IS
'Says that an incident is the same as another one that is not resolved: links it as its duplicate and resolves it. Its notes stay, and show in the timeline of both. As with resolve_incident(), the keeper opens a new one when its endpoint stays down.
into_id: the incident that stays.
Errors: P0002 unknown incident, 42501 may not deal with both, 55000 one of them is resolved, 22023 they are the same or of different organizations, or the other is a duplicate of the first.
Example: SELECT pulsimo.merge_incident(2, 1);';
