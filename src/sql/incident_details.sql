-- What people say about an incident: who deals with it, how severe and how urgent it is, whether anybody is to be told of
-- it, which endpoints it is about. What is that way already stays so, and leaves no event.

CREATE OR REPLACE FUNCTION pulsimo.assign_incident_as_owner(id bigint, user_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident constant pulsimo.incidents := pulsimo.lock_incident(id);
BEGIN
    PERFORM pulsimo.require_sees_incident(user_id, incident);
    INSERT INTO pulsimo.incident_assignees (incident_id, user_id, assigned_at)
    VALUES (incident.id, assign_incident_as_owner.user_id, clock_timestamp()) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM pulsimo.record_incident_event(incident.id, 'assigned', NULL,
                                              jsonb_build_object('user', assign_incident_as_owner.user_id));
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.assign_incident_as_owner(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.assign_incident_as_owner(bigint, bigint) IS
'Internal: assign_incident(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.assign_incident(id bigint, user_id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.assign_incident(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.assign_incident(bigint, bigint) IS
'Says that somebody deals with an incident; there may be several.
user_id: of somebody who may see the incident.
Errors: P0002 unknown incident, or no such user who may see it; 42501 may not deal with it.
Example: SELECT pulsimo.assign_incident(1, 3);';

-- Accounts of other organizations must not be told apart from ones that do not exist.
CREATE OR REPLACE FUNCTION pulsimo.require_sees_incident(account bigint, incident pulsimo.incidents) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pulsimo.permits(account, false, 'project.view', incident.project_id)
        AND NOT pulsimo.permits(account, false, 'projects.view', incident.organization_id) THEN
        RAISE EXCEPTION 'there is no user % who may see incident %', coalesce(account::text, 'null'), incident.id USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.organization_members lists the people of an organization.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_sees_incident(bigint, pulsimo.incidents) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_sees_incident(bigint, pulsimo.incidents) IS
'Internal: raises P0002 unless there is an active user of this id who may see an incident. With the rights of the owner.';

CREATE OR REPLACE FUNCTION pulsimo.unassign_incident_as_owner(id bigint, user_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident constant pulsimo.incidents := pulsimo.lock_incident(id);
BEGIN
    DELETE FROM pulsimo.incident_assignees a
    WHERE a.incident_id = incident.id AND a.user_id = unassign_incident_as_owner.user_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'incident % is not assigned to user %', incident.id, coalesce(user_id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.incident_assignees lists to whom it is.';
    END IF;
    PERFORM pulsimo.record_incident_event(incident.id, 'unassigned', NULL,
                                          jsonb_build_object('user', unassign_incident_as_owner.user_id));
END $$;
REVOKE ALL ON FUNCTION pulsimo.unassign_incident_as_owner(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.unassign_incident_as_owner(bigint, bigint) IS
'Internal: unassign_incident(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.unassign_incident(id bigint, user_id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.unassign_incident(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.unassign_incident(bigint, bigint) IS
'Says that somebody no longer deals with an incident.
Errors: P0002 unknown incident, or it is not assigned to this user; 42501 may not deal with it.
Example: SELECT pulsimo.unassign_incident(1, 3);';

CREATE OR REPLACE FUNCTION pulsimo.set_severity_as_owner(id bigint, severity pulsimo.severity) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident constant pulsimo.incidents := pulsimo.lock_incident(id);
BEGIN
    PERFORM pulsimo.require_given('severity', severity IS NOT NULL);
    UPDATE pulsimo.incidents i SET severity = set_severity_as_owner.severity
    WHERE i.id = incident.id AND i.severity <> set_severity_as_owner.severity;
    IF FOUND THEN
        PERFORM pulsimo.record_incident_event(
            incident.id, 'severity_changed', format('%s to %s', incident.severity, severity),
            jsonb_build_object('severity', severity, 'was', incident.severity));
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_severity_as_owner(bigint, pulsimo.severity) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_severity_as_owner(bigint, pulsimo.severity) IS
'Internal: set_severity(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.set_severity(id bigint, severity pulsimo.severity) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.set_severity(bigint, pulsimo.severity) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_severity(bigint, pulsimo.severity) IS
'Says how severe an incident is: how bad its consequences are.
severity: critical, high, medium or low.
Errors: P0002 unknown incident, 42501 may not deal with it, 22004 severity is null, 22P02 it is another word.
Example: SELECT pulsimo.set_severity(1, ''critical'');';

CREATE OR REPLACE FUNCTION pulsimo.set_priority_as_owner(id bigint, priority pulsimo.priority) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident constant pulsimo.incidents := pulsimo.lock_incident(id);
BEGIN
    UPDATE pulsimo.incidents i SET priority = set_priority_as_owner.priority
    WHERE i.id = incident.id AND i.priority IS DISTINCT FROM set_priority_as_owner.priority;
    IF FOUND THEN
        PERFORM pulsimo.record_incident_event(
            incident.id, 'priority_changed',
            format('%s to %s', coalesce(incident.priority::text, 'none'), coalesce(priority::text, 'none')),
            jsonb_build_object('priority', priority, 'was', incident.priority));
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_priority_as_owner(bigint, pulsimo.priority) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_priority_as_owner(bigint, pulsimo.priority) IS
'Internal: set_priority(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.set_priority(id bigint, priority pulsimo.priority) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.set_priority(bigint, pulsimo.priority) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_priority(bigint, pulsimo.priority) IS
'Says how urgent an incident is: in which order people deal with them.
priority: high, medium or low; null takes it back.
Errors: P0002 unknown incident, 42501 may not deal with it, 22P02 priority is another word.
Example: SELECT pulsimo.set_priority(1, ''high'');';

CREATE OR REPLACE FUNCTION pulsimo.mute_incident_as_owner(id bigint, duration interval) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
DECLARE
    incident constant pulsimo.incidents := pulsimo.lock_incident(id);
    until timestamptz;
BEGIN
    PERFORM pulsimo.require_given('duration', duration IS NOT NULL);
    IF extract(epoch FROM duration) <= 0 OR extract(epoch FROM duration) > 2592000 THEN
        RAISE EXCEPTION 'duration must be positive and at most 30 days, not %', duration USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Give duration like ''2 hours''.';
    ELSIF incident.status = 'resolved' THEN
        RAISE EXCEPTION 'incident % is resolved', incident.id USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Nobody is told of it any more. Reopen it first, with pulsimo.reopen_incident().';
    END IF;
    until := clock_timestamp() + pulsimo.without_months(duration);
    UPDATE pulsimo.incidents i SET muted_until = until WHERE i.id = incident.id;
    PERFORM pulsimo.record_incident_event(incident.id, 'muted', format('for %s', duration),
                                          jsonb_build_object('muted_until', until));
END $$;
REVOKE ALL ON FUNCTION pulsimo.mute_incident_as_owner(bigint, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.mute_incident_as_owner(bigint, interval) IS
'Internal: mute_incident(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.mute_incident(id bigint, duration interval) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.mute_incident(bigint, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.mute_incident(bigint, interval) IS
'Says that nobody is to be told of an incident for a while, from now; once more, the new time counts. Everything else goes on: messages are written to the outbox all the same and carry muted_until, for whoever delivers them.
duration: up to 30 days.
Errors: P0002 unknown incident, 42501 may not deal with it, 55000 it is resolved, 22004 duration is null, 22023 duration is not positive or too long.
Example: SELECT pulsimo.mute_incident(1, ''2 hours'');';

CREATE OR REPLACE FUNCTION pulsimo.unmute_incident_as_owner(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident constant pulsimo.incidents := pulsimo.lock_incident(id);
BEGIN
    IF (incident.muted_until > clock_timestamp()) IS NOT TRUE THEN
        RAISE EXCEPTION 'incident % is not muted', incident.id USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'pulsimo.mute_incident() mutes one for a while.';
    END IF;
    UPDATE pulsimo.incidents i SET muted_until = NULL WHERE i.id = incident.id;
    PERFORM pulsimo.record_incident_event(incident.id, 'unmuted', NULL, '{"muted_until": null}');
END $$;
REVOKE ALL ON FUNCTION pulsimo.unmute_incident_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.unmute_incident_as_owner(bigint) IS
'Internal: unmute_incident(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.unmute_incident(id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.unmute_incident(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.unmute_incident(bigint) IS
'Ends the time for which an incident is muted.
Errors: P0002 unknown incident, 42501 may not deal with it, 55000 it is not muted.
Example: SELECT pulsimo.unmute_incident(1);';

-- --- endpoints -------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.require_by_hand(incident pulsimo.incidents) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF incident.automatic THEN
        RAISE EXCEPTION 'incident % is that of its endpoint alone', incident.id USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Open one by hand with pulsimo.open_incident(), and link the two with pulsimo.link_incidents().';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_by_hand(pulsimo.incidents) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_by_hand(pulsimo.incidents) IS
'Internal: raises 55000 when the keeper has opened an incident.';

-- Without endpoints it stays where it is. Whoever changes it has to be allowed to where it comes to be as well.
CREATE OR REPLACE FUNCTION pulsimo.note_endpoints_of_incident(incident pulsimo.incidents, what text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    endpoints constant bigint[] := pulsimo.endpoints_of_incident(incident);
BEGIN
    IF cardinality(endpoints) > 0 THEN
        UPDATE pulsimo.incidents i SET project_id = s.project_id
        FROM pulsimo.incident_scope(endpoints, NULL) s
        WHERE i.id = incident.id
        RETURNING i.project_id INTO incident.project_id;
        PERFORM pulsimo.require_incident_permission(incident.organization_id, incident.project_id);
    END IF;
    PERFORM pulsimo.record_incident_event(incident.id, 'endpoints_changed', what,
                                          jsonb_build_object('endpoints', endpoints));
END $$;
REVOKE ALL ON FUNCTION pulsimo.note_endpoints_of_incident(pulsimo.incidents, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.note_endpoints_of_incident(pulsimo.incidents, text) IS
'Internal: what follows from other endpoints of an incident: its project, and an event.';

CREATE OR REPLACE FUNCTION pulsimo.add_incident_endpoint_as_owner(id bigint, endpoint bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents;
BEGIN
    -- The endpoint is locked first: whoever moves one to another project locks in this order.
    PERFORM pulsimo.require_incident(id), pulsimo.hold_endpoints(ARRAY[endpoint]);
    incident := pulsimo.lock_incident(id);
    PERFORM pulsimo.require_by_hand(incident);
    IF (pulsimo.incident_scope(ARRAY[endpoint], NULL)).organization_id IS DISTINCT FROM incident.organization_id THEN
        RAISE EXCEPTION 'endpoint % is not of the organization of incident %', endpoint, incident.id USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Open an incident for each organization.';
    END IF;
    INSERT INTO pulsimo.incident_endpoints (incident_id, endpoint_id) VALUES (incident.id, endpoint) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM pulsimo.note_endpoints_of_incident(incident, 'added ' || e.name)
        FROM pulsimo.endpoints e WHERE e.id = endpoint;
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_incident_endpoint_as_owner(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_incident_endpoint_as_owner(bigint, bigint) IS
'Internal: add_incident_endpoint(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.add_incident_endpoint(id bigint, endpoint bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.add_incident_endpoint(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_incident_endpoint(bigint, bigint) IS
'Says that an incident that was opened by hand is about one more endpoint. When its endpoints are no longer of one project, it becomes one of the organization.
Errors: P0002 unknown incident or endpoint, 42501 may not deal with it, or with incidents of the organization; 55000 the keeper has opened it, 22023 the endpoint is of another organization.
Example: SELECT pulsimo.add_incident_endpoint(1, 4);';

CREATE OR REPLACE FUNCTION pulsimo.remove_incident_endpoint_as_owner(id bigint, endpoint bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents;
BEGIN
    -- The endpoint is locked first: whoever moves one to another project locks in this order.
    PERFORM pulsimo.require_incident(id), pulsimo.hold_endpoints(ARRAY[endpoint]);
    incident := pulsimo.lock_incident(id);
    PERFORM pulsimo.require_by_hand(incident);
    DELETE FROM pulsimo.incident_endpoints n WHERE n.incident_id = incident.id AND n.endpoint_id = endpoint;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'incident % is not about endpoint %', incident.id, endpoint USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.incident_endpoints lists what it is about.';
    END IF;
    PERFORM pulsimo.note_endpoints_of_incident(incident, 'removed ' || e.name)
    FROM pulsimo.endpoints e WHERE e.id = endpoint;
END $$;
REVOKE ALL ON FUNCTION pulsimo.remove_incident_endpoint_as_owner(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_incident_endpoint_as_owner(bigint, bigint) IS
'Internal: remove_incident_endpoint(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.remove_incident_endpoint(id bigint, endpoint bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.remove_incident_endpoint(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_incident_endpoint(bigint, bigint) IS
'Says that an incident that was opened by hand is not about an endpoint. When those that are left are of one project, it becomes one of that project; without any it stays where it is.
Errors: P0002 unknown incident or endpoint, or it is not about that; 42501 may not deal with it, 55000 the keeper has opened it.
Example: SELECT pulsimo.remove_incident_endpoint(1, 4);';

-- With the rights of the owner: whoever may move an endpoint may not write incidents otherwise.
CREATE OR REPLACE FUNCTION pulsimo.incident_endpoint_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_trigger_on('pulsimo.endpoints', TG_RELID);
    -- A statement of its own: what follows then sees the endpoints that somebody has added or removed meanwhile.
    PERFORM FROM pulsimo.incidents i
    WHERE i.id IN (SELECT n.incident_id FROM pulsimo.incident_endpoints n WHERE n.endpoint_id = NEW.id)
    ORDER BY i.id FOR NO KEY UPDATE;
    UPDATE pulsimo.incidents i SET project_id = m.project_id
    FROM (
        SELECT o.id, s.project_id
        FROM pulsimo.incident_endpoints n JOIN pulsimo.incidents o ON o.id = n.incident_id
            CROSS JOIN LATERAL pulsimo.incident_scope(pulsimo.endpoints_of_incident(o), NULL) s
        WHERE n.endpoint_id = NEW.id
    ) m
    WHERE i.id = m.id AND i.project_id IS DISTINCT FROM m.project_id;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_endpoint_moved() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_endpoint_moved() IS
'Trigger of pulsimo.endpoints: an incident that was opened by hand goes to the project that all its endpoints are of, or to the organization.';
CREATE OR REPLACE TRIGGER incident_endpoint_moved AFTER UPDATE OF project_id ON pulsimo.endpoints
    FOR EACH ROW WHEN (OLD.project_id <> NEW.project_id) EXECUTE FUNCTION pulsimo.incident_endpoint_moved();
