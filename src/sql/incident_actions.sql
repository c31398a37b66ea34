-- What people do with incidents: opening, acknowledging, investigating, resolving, reopening.
--
-- Nobody but the operator may write the tables of incidents, so these functions run with the rights of the owner (see
-- src/functions/as_owner.hpp). All begin alike: an incident that the caller does not see is not there; then its row is
-- locked, so that of two people the second finds what the first has done; then the permission is asked for. Everything
-- that is done leaves one event in the timeline, dated after the lock was got.

-- --- what all of them do ---------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.require_incident(id bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Whether it is seen is asked as well, for functions that run with the rights of the owner.
    IF NOT EXISTS (SELECT FROM pulsimo.incidents i
                   WHERE i.id = require_incident.id
                       AND (pulsimo.has_permission('project.view', i.project_id)
                            OR pulsimo.has_permission('projects.view', i.organization_id) OR pulsimo.is_operator())) THEN
        RAISE EXCEPTION 'incident % does not exist', coalesce(id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.incidents lists all incidents, the view pulsimo.active_incidents the open ones.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_incident(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_incident(bigint) IS
'Internal: raises P0002 when there is no incident of this id.';

CREATE OR REPLACE FUNCTION pulsimo.require_incident_permission(organization bigint, project bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF project IS NOT NULL THEN
        PERFORM pulsimo.require_permission('project.incidents', project);
    ELSIF organization IS NOT NULL THEN
        PERFORM pulsimo.require_permission('organization.incidents', organization);
    ELSE
        PERFORM pulsimo.require_operator('deal with incidents of no organization');
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_incident_permission(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_incident_permission(bigint, bigint) IS
'Internal: raises 42501 unless the caller may deal with incidents of this project, or when it is null of the organization.';

CREATE OR REPLACE FUNCTION pulsimo.lock_incident(id bigint) RETURNS pulsimo.incidents
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents;
BEGIN
    PERFORM pulsimo.require_incident(id);  -- first, so that a lock on one that is not seen does not show
    SELECT * INTO incident FROM pulsimo.incidents i WHERE i.id = lock_incident.id FOR NO KEY UPDATE;
    PERFORM pulsimo.require_incident(id);
    PERFORM pulsimo.require_incident_permission(incident.organization_id, incident.project_id);
    RETURN incident;
END $$;
REVOKE ALL ON FUNCTION pulsimo.lock_incident(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.lock_incident(bigint) IS
'Internal: keeps others from changing an incident until the end of the transaction, and returns it.
Errors: P0002 unknown incident, 42501 may not change it.';

CREATE OR REPLACE FUNCTION pulsimo.record_incident_event(
    incident bigint, event pulsimo.incident_event, detail text, data jsonb
) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pulsimo.incident_events (incident_id, event, happened_at, detail, user_id, data)
    VALUES (incident, event, clock_timestamp(), detail, pulsimo.current_user_id(), data);
$$;
REVOKE ALL ON FUNCTION pulsimo.record_incident_event(bigint, pulsimo.incident_event, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.record_incident_event(bigint, pulsimo.incident_event, text, jsonb) IS
'Internal: adds to the timeline of an incident what the caller has just done.';

CREATE OR REPLACE FUNCTION pulsimo.announce_incident(topic text, incident pulsimo.incidents) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    message bigint;
BEGIN
    INSERT INTO pulsimo.outbox (topic, incident_id, payload)
    SELECT announce_incident.topic, incident.id, pulsimo.incident_message(incident, e.name, e.url, s.status)
    FROM (SELECT) AS always
        LEFT JOIN pulsimo.endpoints e ON e.id = incident.endpoint_id
        LEFT JOIN LATERAL (
            SELECT n.status FROM pulsimo.state_changes n
            WHERE n.endpoint_id = e.id ORDER BY n.changed_at DESC, n.id DESC LIMIT 1
        ) s ON true
    RETURNING id INTO message;
    PERFORM pulsimo.notify_outbox(ARRAY[message]);
END $$;
REVOKE ALL ON FUNCTION pulsimo.announce_incident(text, pulsimo.incidents) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.announce_incident(text, pulsimo.incidents) IS
'Internal: tells the world about an incident.';

CREATE OR REPLACE FUNCTION pulsimo.require_text(argument text, value text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (value ~ '[^[:space:]]' AND octet_length(value) <= 65536) IS NOT TRUE THEN
        RAISE EXCEPTION '% must be text of at most 65536 bytes, and not empty', argument USING
            ERRCODE = CASE WHEN value IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
            HINT = 'Say in a few words what the next person needs to know.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_text(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_text(text, text) IS
'Internal: raises 22004 or 22023, naming the argument, when there is nothing to read in a text or too much.';

CREATE OR REPLACE FUNCTION pulsimo.require_given(argument text, given boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT given THEN
        RAISE EXCEPTION '% must not be null', argument USING
            ERRCODE = 'null_value_not_allowed', HINT = 'The comment of the function says what it takes.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_given(text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_given(text, boolean) IS
'Internal: raises 22004, naming the argument, unless it was given.';

-- --- opening ---------------------------------------------------------------------------------------------------------

-- They stay until we commit, in the project they are in; one that is removed meanwhile is not there either.
CREATE OR REPLACE FUNCTION pulsimo.hold_endpoints(ids bigint[]) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    endpoint bigint;
BEGIN
    PERFORM pulsimo.require_given('endpoints', ids IS NOT NULL);
    IF cardinality(ids) > 1000 THEN
        RAISE EXCEPTION 'endpoints must be at most 1000, not %', cardinality(ids) USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Name those that matter, or none.';
    END IF;
    FOREACH endpoint IN ARRAY ids LOOP
        PERFORM pulsimo.require_endpoint(endpoint);
    END LOOP;
    PERFORM FROM pulsimo.endpoints e WHERE e.id = ANY (ids) ORDER BY e.id FOR SHARE;
    FOREACH endpoint IN ARRAY ids LOOP
        PERFORM pulsimo.require_endpoint(endpoint);
    END LOOP;
    RETURN ARRAY(SELECT DISTINCT e.id FROM unnest(ids) AS e (id) ORDER BY e.id);
END $$;
REVOKE ALL ON FUNCTION pulsimo.hold_endpoints(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.hold_endpoints(bigint[]) IS
'Internal: keeps endpoints from being removed or moved until the end of the transaction, and returns their ids in order, each once.
Errors: P0002 unknown endpoint, 22004 null, 22023 too many.';

-- For everybody who asks for the organization, the operator too, unless there is just one that will do.
CREATE OR REPLACE FUNCTION pulsimo.incident_scope(
    endpoints bigint[], organization bigint, OUT organization_id bigint, OUT project_id bigint
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    organizations bigint;
BEGIN
    SELECT count(DISTINCT p.organization_id), min(p.organization_id), CASE WHEN count(DISTINCT p.id) = 1 THEN min(p.id) END
    INTO organizations, organization_id, project_id
    FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id WHERE e.id = ANY (endpoints);
    IF organization IS NOT NULL THEN
        PERFORM pulsimo.require_organization(organization);
    END IF;
    IF organizations > 1 OR organization <> organization_id THEN
        RAISE EXCEPTION 'endpoints must be of one organization' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Open an incident for each organization.';
    END IF;
    organization_id := coalesce(organization_id, organization, pulsimo.only_organization('organization.incidents'));
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_scope(bigint[], bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_scope(bigint[], bigint) IS
'Internal: whose an incident of these endpoints is; the project, when all are of one.
Errors: P0002 unknown organization, 22023 they are of several, or it must be given.';

CREATE OR REPLACE FUNCTION pulsimo.open_incident_as_owner(
    title text, severity pulsimo.severity, endpoints bigint[], priority pulsimo.priority, started_at timestamptz,
    organization bigint, detail text
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held bigint[];
    scope record;
    incident pulsimo.incidents;
BEGIN
    IF (title ~ '[^[:space:]]' AND title !~ '[[:cntrl:]]' AND length(title) <= 200) IS NOT TRUE THEN
        RAISE EXCEPTION 'title must be one line of 1 to 200 characters' USING
            ERRCODE = CASE WHEN title IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
            HINT = 'Say in one line what is wrong.';
    END IF;
    PERFORM pulsimo.require_given('severity', severity IS NOT NULL),
        pulsimo.require_given('started_at', started_at IS NOT NULL);
    IF detail IS NOT NULL THEN
        PERFORM pulsimo.require_text('detail', detail);
    END IF;
    IF NOT isfinite(started_at) OR started_at > clock_timestamp() THEN
        RAISE EXCEPTION 'started_at must not be in the future, nor infinite' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for now.';
    END IF;
    held := pulsimo.hold_endpoints(endpoints);
    SELECT * INTO scope FROM pulsimo.incident_scope(held, organization);
    PERFORM pulsimo.require_incident_permission(scope.organization_id, scope.project_id);
    INSERT INTO pulsimo.incidents (title, severity, priority, detail, started_at, organization_id, project_id, automatic,
                                   opened_by)
    VALUES (title, severity, priority, detail, started_at, scope.organization_id, scope.project_id, false,
            pulsimo.current_user_id())
    RETURNING * INTO incident;
    INSERT INTO pulsimo.incident_endpoints (incident_id, endpoint_id) SELECT incident.id, e.id FROM unnest(held) AS e (id);
    INSERT INTO pulsimo.incident_events (incident_id, event, happened_at, detail, user_id, data)
    VALUES (incident.id, 'created', incident.created_at, detail, incident.opened_by,
            jsonb_build_object('status', 'open', 'severity', severity, 'priority', priority, 'endpoints', held));
    PERFORM pulsimo.announce_incident('incident_opened', incident);
    RETURN incident.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.open_incident_as_owner(text, pulsimo.severity, bigint[], pulsimo.priority, timestamptz, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.open_incident_as_owner(text, pulsimo.severity, bigint[], pulsimo.priority, timestamptz, bigint, text) IS
'Internal: open_incident(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.open_incident(
    title text,
    severity pulsimo.severity,
    endpoints bigint[] DEFAULT '{}',
    priority pulsimo.priority DEFAULT NULL,
    started_at timestamptz DEFAULT now(),
    organization bigint DEFAULT NULL,
    detail text DEFAULT NULL
) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.open_incident(text, pulsimo.severity, bigint[], pulsimo.priority, timestamptz, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.open_incident(text, pulsimo.severity, bigint[], pulsimo.priority, timestamptz, bigint, text) IS
'Opens an incident by hand and returns its id. It is independent of what the checks say: the keeper neither resolves it nor counts it as the one open incident of an endpoint.
title: what is wrong, one line of at most 200 characters.
severity: critical, high, medium or low.
endpoints: ids of the endpoints it is about, at most 1000, all of one organization. When they are of one project, the incident is of that project; otherwise, or without endpoints, of the organization.
priority: high, medium or low; null: not decided.
started_at: when it began, not in the future; by default now.
organization: its id; needed without endpoints, except by whoever may deal with incidents of just one organization.
detail: more about it, at most 64 KiB.
Errors: 22004 an argument is null, 22023 title, endpoints, started_at or detail is not acceptable or organization must be given, 22P02 another word for severity or priority, P0002 unknown endpoint or organization, 42501 may not deal with its incidents.
Example: SELECT pulsimo.open_incident(''Checkout is slow'', ''high'', ARRAY[1, 2]);';

-- --- from status to status -------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.acknowledge_incident_as_owner(id bigint, note text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents := pulsimo.lock_incident(id);
BEGIN
    IF note IS NOT NULL THEN
        PERFORM pulsimo.require_text('note', note);
    END IF;
    PERFORM pulsimo.require_transition(incident.id, incident.status, 'acknowledged');
    UPDATE pulsimo.incidents i SET status = 'acknowledged' WHERE i.id = incident.id RETURNING * INTO incident;
    PERFORM pulsimo.record_incident_event(incident.id, 'acknowledged', note, '{"status": "acknowledged"}');
    PERFORM pulsimo.announce_incident('incident_acknowledged', incident);
END $$;
REVOKE ALL ON FUNCTION pulsimo.acknowledge_incident_as_owner(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.acknowledge_incident_as_owner(bigint, text) IS
'Internal: acknowledge_incident(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.acknowledge_incident(id bigint, note text DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.acknowledge_incident(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.acknowledge_incident(bigint, text) IS
'Says that somebody knows of an open incident and deals with it. Of two people who do so the second is refused.
note: a remark for the timeline, at most 64 KiB.
Errors: P0002 unknown incident, 42501 may not deal with it, 55000 it is not open, 22023 note is empty or too long.
Example: SELECT pulsimo.acknowledge_incident(1, ''I am on it'');';

CREATE OR REPLACE FUNCTION pulsimo.investigate_incident_as_owner(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents := pulsimo.lock_incident(id);
BEGIN
    PERFORM pulsimo.require_transition(incident.id, incident.status, 'investigating');
    UPDATE pulsimo.incidents i SET status = 'investigating' WHERE i.id = incident.id;
    PERFORM pulsimo.record_incident_event(incident.id, 'investigating', NULL, '{"status": "investigating"}');
END $$;
REVOKE ALL ON FUNCTION pulsimo.investigate_incident_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.investigate_incident_as_owner(bigint) IS
'Internal: investigate_incident(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.investigate_incident(id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.investigate_incident(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.investigate_incident(bigint) IS
'Says that the cause of an open or acknowledged incident is being looked for. Counts as acknowledging it, if nobody has.
Errors: P0002 unknown incident, 42501 may not deal with it, 55000 it is investigated already or resolved.
Example: SELECT pulsimo.investigate_incident(1);';

-- With a summary of the checks that failed, because they are not kept as long as the incident.
CREATE OR REPLACE FUNCTION pulsimo.close_incident(incident pulsimo.incidents, reason text, resolved_at timestamptz)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_transition(incident.id, incident.status, 'resolved');
    INSERT INTO pulsimo.incident_events (incident_id, event, happened_at, data)
    SELECT incident.id, 'failing_checks', clock_timestamp(), f.checks || jsonb_build_object('endpoint', e.id)
    FROM unnest(pulsimo.endpoints_of_incident(incident)) AS e (id)
        CROSS JOIN LATERAL pulsimo.failing_checks(e.id, incident.started_at, close_incident.resolved_at) AS f (checks)
    WHERE f.checks IS NOT NULL;
    UPDATE pulsimo.incidents i
    SET status = 'resolved', resolved_at = close_incident.resolved_at, resolved_by = pulsimo.current_user_id(),
        acknowledged_at = coalesce(i.acknowledged_at, clock_timestamp()),
        acknowledged_by = CASE WHEN i.acknowledged_at IS NULL THEN pulsimo.current_user_id() ELSE i.acknowledged_by END
    WHERE i.id = incident.id
    RETURNING * INTO incident;
    PERFORM pulsimo.record_incident_event(incident.id, 'resolved', reason, jsonb_build_object(
        'status', 'resolved', 'resolved_at', incident.resolved_at));
    PERFORM pulsimo.announce_incident('incident_resolved', incident);
    PERFORM pulsimo.note_endpoints(ARRAY[incident.endpoint_id]) WHERE incident.endpoint_id IS NOT NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.close_incident(pulsimo.incidents, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.close_incident(pulsimo.incidents, text, timestamptz) IS
'Internal: resolves an incident that lock_incident() has returned, for a person.';

CREATE OR REPLACE FUNCTION pulsimo.resolve_incident_as_owner(id bigint, note text, resolved_at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident constant pulsimo.incidents := pulsimo.lock_incident(id);
BEGIN
    IF note IS NOT NULL THEN
        PERFORM pulsimo.require_text('note', note);
    END IF;
    PERFORM pulsimo.require_given('resolved_at', resolved_at IS NOT NULL);
    PERFORM pulsimo.require_transition(incident.id, incident.status, 'resolved');
    IF resolved_at < incident.started_at OR resolved_at > clock_timestamp() THEN
        RAISE EXCEPTION 'resolved_at must not be before incident % started, nor in the future', incident.id USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for now.';
    END IF;
    PERFORM pulsimo.close_incident(incident, note, resolved_at);
END $$;
REVOKE ALL ON FUNCTION pulsimo.resolve_incident_as_owner(bigint, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.resolve_incident_as_owner(bigint, text, timestamptz) IS
'Internal: resolve_incident(), with the rights of the owner.';
-- By the clock, since a transaction may be older than the incident.
CREATE OR REPLACE FUNCTION pulsimo.resolve_incident(
    id bigint, note text DEFAULT NULL, resolved_at timestamptz DEFAULT clock_timestamp()
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.resolve_incident(bigint, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.resolve_incident(bigint, text, timestamptz) IS
'Ends an incident. When its endpoint is still down, the keeper opens a new incident after failure_threshold further failures: to be left in peace, use mute_incident() or a maintenance window. Counts as acknowledging it, if nobody has.
note: how it was resolved, at most 64 KiB.
resolved_at: when it was over, not before it started and not in the future; by default now.
Errors: P0002 unknown incident, 42501 may not deal with it, 55000 it is resolved already, 22004 resolved_at is null, 22023 note or resolved_at is not acceptable.
Example: SELECT pulsimo.resolve_incident(1, ''Restarted the cache'');';

CREATE OR REPLACE FUNCTION pulsimo.reopen_incident_as_owner(id bigint, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents := pulsimo.lock_incident(id);
    in_the_way bigint;
BEGIN
    PERFORM pulsimo.require_text('reason', reason);
    IF incident.status <> 'resolved' THEN
        RAISE EXCEPTION 'incident % is %, not resolved', incident.id, incident.status USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Only a resolved incident can be reopened.';
    END IF;
    BEGIN
        UPDATE pulsimo.incidents i SET status = 'open' WHERE i.id = incident.id RETURNING * INTO incident;
    EXCEPTION WHEN unique_violation THEN
        SELECT o.id INTO in_the_way FROM pulsimo.incidents o
        WHERE o.endpoint_id = incident.endpoint_id AND o.status <> 'resolved';
        RAISE EXCEPTION 'endpoint % has another open incident', incident.endpoint_id USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('Deal with incident %s, or link the two with pulsimo.link_incidents().', in_the_way);
    END;
    PERFORM pulsimo.record_incident_event(incident.id, 'reopened', reason, '{"status": "open"}');
    PERFORM pulsimo.announce_incident('incident_reopened', incident);
    PERFORM pulsimo.note_endpoints(ARRAY[incident.endpoint_id]) WHERE incident.endpoint_id IS NOT NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.reopen_incident_as_owner(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.reopen_incident_as_owner(bigint, text) IS
'Internal: reopen_incident(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.reopen_incident(id bigint, reason text) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.reopen_incident(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.reopen_incident(bigint, text) IS
'Takes up a resolved incident again: it is open once more, with the number and the timeline it has. When it was acknowledged first stays as it is. From now on only a person resolves it, as with auto_resolve off: the keeper does not when its endpoint recovers, and until then further outages of the endpoint belong to it and nobody is told of them.
reason: for the timeline, at most 64 KiB.
Errors: P0002 unknown incident, 42501 may not deal with it, 55000 it is not resolved, or its endpoint has another open incident, 22004 reason is null, 22023 reason is empty or too long.
Example: SELECT pulsimo.reopen_incident(1, ''It is back'');';
