-- What happened to an incident: the timeline, and the incident as it was at some time, folded from it.
--
-- The functions only read, with the rights of their caller: row security leaves out what the caller does not see.

CREATE OR REPLACE FUNCTION pulsimo.endpoints_of_incident(incident pulsimo.incidents) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(
        SELECT incident.endpoint_id WHERE incident.endpoint_id IS NOT NULL
        UNION
        SELECT e.endpoint_id FROM pulsimo.incident_endpoints e WHERE e.incident_id = incident.id
        ORDER BY 1);
$$;
REVOKE ALL ON FUNCTION pulsimo.endpoints_of_incident(pulsimo.incidents) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoints_of_incident(pulsimo.incidents) IS
'Internal: the endpoints that an incident is about.';

-- The keeper asks for it when it resolves an incident, and everybody else waits meanwhile. So of more than 10000 checks only
-- the first and the last 5000 are read.
CREATE OR REPLACE FUNCTION pulsimo.failing_checks(endpoint_id bigint, from_time timestamptz, to_time timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        WITH head AS MATERIALIZED (
            SELECT h.checked_at, h.status, h.error_class FROM pulsimo.health_checks h
            WHERE h.endpoint_id = failing_checks.endpoint_id
                AND h.checked_at >= from_time AND h.checked_at < coalesce(to_time, 'infinity')
            ORDER BY h.checked_at LIMIT 5000
        ), seen AS (
            SELECT * FROM head
            UNION ALL
            (SELECT h.checked_at, h.status, h.error_class FROM pulsimo.health_checks h
             WHERE (SELECT count(*) FROM head) = 5000 AND h.endpoint_id = failing_checks.endpoint_id
                 AND h.checked_at > (SELECT max(d.checked_at) FROM head d) AND h.checked_at < coalesce(to_time, 'infinity')
             ORDER BY h.checked_at DESC LIMIT 5000)
        )
        SELECT jsonb_build_object('first', min(c.first), 'last', max(c.last), 'count', sum(c.number),
                                  'classes', jsonb_object_agg(c.error_class, c.number))
               || CASE WHEN (SELECT count(*) FROM seen) = 10000 THEN '{"more": true}' ELSE '{}' END::jsonb
        FROM (
            SELECT s.error_class, count(*) AS number, min(s.checked_at) AS first, max(s.checked_at) AS last
            FROM seen s WHERE s.status = 'down'
            GROUP BY s.error_class
        ) c
        HAVING count(*) > 0);
END $$;
REVOKE ALL ON FUNCTION pulsimo.failing_checks(bigint, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.failing_checks(bigint, timestamptz, timestamptz) IS
'Internal: the checks of an endpoint that failed between two times, as {"first", "last", "count", "classes": {"timeout": 3}}; of many only those of the first and the last 5000 checks, and "more": true. NULL when there were none.';

CREATE OR REPLACE FUNCTION pulsimo.describe_failing_checks(checks jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s%s failed (%s), the first at %s, the last at %s',
                  CASE WHEN checks ? 'more' THEN 'at least ' ELSE '' END,
                  CASE WHEN checks ->> 'count' = '1' THEN '1 check' ELSE (checks ->> 'count') || ' checks' END,
                  (SELECT string_agg(c.key || ' ' || c.value, ', ' ORDER BY c.value::bigint DESC, c.key)
                   FROM jsonb_each_text(checks -> 'classes') c),
                  to_char((checks ->> 'first')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'),
                  to_char((checks ->> 'last')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'));
$$;
REVOKE ALL ON FUNCTION pulsimo.describe_failing_checks(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.describe_failing_checks(jsonb) IS
'Internal: what failing_checks() has found, in words.';

-- Links of others are not events of this incident: they show as long as they are there.
CREATE OR REPLACE FUNCTION pulsimo.timeline_of_others(incident_id bigint)
RETURNS TABLE (happened_at timestamptz, id bigint, event text, user_id bigint, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT v.happened_at, v.id, v.event::text, v.user_id, i.number || ': ' || v.detail
    FROM pulsimo.incident_links l
        JOIN pulsimo.incidents i ON i.id = l.incident_id
        JOIN pulsimo.incident_events v ON v.incident_id = i.id
    WHERE l.other_id = timeline_of_others.incident_id AND l.link = 'duplicate_of'
        AND v.event IN ('note_added', 'note_edited', 'note_removed')
    UNION ALL
    SELECT l.created_at, 0, 'linked', NULL,
           i.number || CASE l.link WHEN 'duplicate_of' THEN ' is a duplicate of this'
                                   WHEN 'caused_by' THEN ' was caused by this'
                                   WHEN 'blocks' THEN ' blocks this'
                                   WHEN 'parent_of' THEN ' is the parent of this' END
    FROM pulsimo.incident_links l JOIN pulsimo.incidents i ON i.id = l.incident_id
    WHERE l.other_id = timeline_of_others.incident_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.timeline_of_others(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.timeline_of_others(bigint) IS
'Internal: what incident_timeline() shows of incidents that are linked to this one: that they are, and the notes of duplicates.';

-- Dropped where its columns are others, and only there: views of users depend on it.
DO $$
BEGIN
    IF (SELECT p.proargnames <> '{incident_id,happened_at,event,actor,detail}' FROM pg_proc p
        WHERE p.oid = to_regprocedure('pulsimo.incident_timeline(bigint)')) THEN
        DROP FUNCTION pulsimo.incident_timeline(bigint);
    END IF;
END $$;
CREATE OR REPLACE FUNCTION pulsimo.incident_timeline(incident_id bigint)
RETURNS TABLE (happened_at timestamptz, event text, actor text, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents;
BEGIN
    PERFORM pulsimo.require_incident(incident_id);
    SELECT * INTO incident FROM pulsimo.incidents i WHERE i.id = incident_id;
    RETURN QUERY
    WITH watched AS (
        SELECT e.id, CASE WHEN e.id = incident.endpoint_id THEN '' ELSE e.name || ': ' END AS prefix
        FROM pulsimo.endpoints e WHERE e.id = ANY (pulsimo.endpoints_of_incident(incident))
    )
    SELECT t.happened_at, t.event, u.name, t.detail
    FROM (
        SELECT v.happened_at, 1 AS rank, v.id, v.event::text, v.user_id,
               CASE WHEN v.event = 'failing_checks' THEN
                    coalesce((SELECT w.prefix FROM watched w WHERE w.id = (v.data ->> 'endpoint')::bigint), '')
                    || pulsimo.describe_failing_checks(v.data)
                    -- The name is not in the event: it is to be forgotten with the account.
                    WHEN v.event IN ('assigned', 'unassigned') THEN
                    (SELECT a.name FROM pulsimo.users a WHERE a.id = (v.data ->> 'user')::bigint)
                    ELSE v.detail END AS detail
        FROM pulsimo.incident_events v WHERE v.incident_id = incident.id
        UNION ALL
        SELECT o.happened_at, 2, o.id, o.event, o.user_id, o.detail FROM pulsimo.timeline_of_others(incident.id) o
        UNION ALL
        SELECT s.changed_at, 0, s.id, 'status', NULL,
               w.prefix
               || CASE WHEN s.status = 'maintenance' AND s.previous_status = s.status AND s.underlying IS NOT NULL
                       THEN 'in maintenance, ' || s.underlying
                       ELSE s.previous_status || ' to ' || s.status END
               || coalesce(': ' || coalesce(s.detail, s.error_class::text), '')
        FROM watched w
            JOIN pulsimo.state_changes s ON s.endpoint_id = w.id
                AND s.changed_at BETWEEN incident.started_at AND coalesce(incident.resolved_at, 'infinity')
        UNION ALL
        SELECT (f.checks ->> 'last')::timestamptz, 3, w.id, 'failing_checks', NULL,
               w.prefix || pulsimo.describe_failing_checks(f.checks)
        FROM watched w
            CROSS JOIN LATERAL pulsimo.failing_checks(w.id, incident.started_at, NULL) AS f (checks)
        WHERE incident.status <> 'resolved' AND f.checks IS NOT NULL
    ) t
        LEFT JOIN pulsimo.users u ON u.id = t.user_id
    ORDER BY t.happened_at, t.rank, t.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_timeline(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_timeline(bigint) IS
'What happened to an incident, in order: its events (created, acknowledged, note_added, resolved ...) with the name of who did it, and meanwhile the changes of status of its endpoints (event "status"), also those underneath maintenance. A status is dated when it began, an event when it happened; so the time from the first "status" to "created" is how long the failure took to be believed. "failing_checks" sums up the checks that failed: while the incident is not resolved, those so far, dated at the last one. Incidents that are linked to this one show as "linked", and the notes of its duplicates with their number in front.
actor: NULL for a worker or the operator, and for people whom the reader does not see.
Errors: P0002 unknown incident.
Example: SELECT * FROM pulsimo.incident_timeline(1);';

-- --- as it was at some time ------------------------------------------------------------------------------------------

-- Of an incident that was opened by an older version, the first event does not tell the severity.
CREATE OR REPLACE FUNCTION pulsimo.incident_as_of(id bigint, at timestamptz DEFAULT clock_timestamp()) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    incident pulsimo.incidents;
BEGIN
    PERFORM pulsimo.require_incident(id), pulsimo.require_given('at', at IS NOT NULL);
    SELECT * INTO incident FROM pulsimo.incidents i WHERE i.id = incident_as_of.id;
    IF at < incident.created_at THEN
        RETURN NULL;
    END IF;
    RETURN (
        WITH events AS MATERIALIZED (
            SELECT v.id, v.event, v.user_id, coalesce(v.data, '{}') AS data, v.happened_at <= at AS past
            FROM pulsimo.incident_events v WHERE v.incident_id = incident.id
        ), latest AS (
            SELECT (SELECT CASE WHEN v.event IN ('created', 'reopened') THEN 'open' ELSE v.event::text END FROM events v
                    WHERE v.past AND v.event IN ('created', 'acknowledged', 'investigating', 'resolved', 'reopened')
                    ORDER BY v.id DESC LIMIT 1) AS status,
                   (SELECT v.data ->> 'severity' FROM events v WHERE v.past AND v.data ? 'severity'
                    ORDER BY v.id DESC LIMIT 1) AS severity,
                   (SELECT v.data ->> 'was' FROM events v WHERE NOT v.past AND v.event = 'severity_changed'
                    ORDER BY v.id LIMIT 1) AS severity_until,
                   (SELECT v.data ->> 'priority' FROM events v WHERE v.past AND v.data ? 'priority'
                    ORDER BY v.id DESC LIMIT 1) AS priority,
                   (SELECT (v.data ->> 'muted_until')::timestamptz FROM events v WHERE v.past AND v.data ? 'muted_until'
                    ORDER BY v.id DESC LIMIT 1) AS muted_until,
                   coalesce((SELECT v.data -> 'endpoints' FROM events v WHERE v.past AND v.data ? 'endpoints'
                             ORDER BY v.id DESC LIMIT 1),
                            to_jsonb(array_remove(ARRAY[incident.endpoint_id], NULL))) AS endpoints
        )
        SELECT jsonb_build_object(
            'number', incident.number, 'title', incident.title, 'status', coalesce(l.status, 'open'),
            'severity', coalesce(l.severity, l.severity_until, incident.severity::text), 'priority', l.priority,
            'muted_until', l.muted_until,
            'endpoints', (
                SELECT coalesce(jsonb_agg(e.id ORDER BY e.id), '[]')
                FROM jsonb_array_elements_text(l.endpoints) AS n (id) JOIN pulsimo.endpoints e ON e.id = n.id::bigint),
            'assignees', (
                SELECT coalesce(jsonb_agg(u.id ORDER BY u.id), '[]')
                FROM (SELECT DISTINCT ON (v.data ->> 'user') v.event, v.data ->> 'user' AS id
                      FROM events v WHERE v.past AND v.event IN ('assigned', 'unassigned')
                      ORDER BY v.data ->> 'user', v.id DESC) a
                    JOIN pulsimo.users u ON u.id = a.id::bigint
                WHERE a.event = 'assigned'),
            'notes', (
                SELECT coalesce(jsonb_agg(jsonb_build_object(
                           'id', n.id, 'author', n.author, 'category', n.data -> 'category', 'body', n.data -> 'body')
                       ORDER BY n.id), '[]')
                FROM (SELECT DISTINCT ON (v.data -> 'note_id') v.event, (v.data ->> 'note_id')::bigint AS id, v.data,
                             first_value(v.user_id) OVER (PARTITION BY v.data -> 'note_id' ORDER BY v.id) AS author
                      FROM events v WHERE v.past AND v.event IN ('note_added', 'note_edited', 'note_removed')
                      ORDER BY v.data -> 'note_id', v.id DESC) n
                WHERE n.event <> 'note_removed'),
            'links', (
                SELECT coalesce(jsonb_agg(jsonb_build_object('link', k.link, 'other', i.id) ORDER BY k.link, i.id), '[]')
                FROM (SELECT DISTINCT ON (v.data -> 'link', v.data -> 'other')
                             v.event, v.data ->> 'link' AS link, (v.data ->> 'other')::bigint AS other
                      FROM events v WHERE v.past AND v.event IN ('linked', 'unlinked')
                      ORDER BY v.data -> 'link', v.data -> 'other', v.id DESC) k
                    JOIN pulsimo.incidents i ON i.id = k.other
                WHERE k.event = 'linked'))
        FROM latest l);
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_as_of(bigint, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_as_of(bigint, timestamptz) IS
'An incident as it was at some time: number, title, status, severity, priority, muted_until, endpoints (ids), assignees (ids of users), notes (id, author, category, body) and links (link, other). Found from its timeline. Endpoints, people and incidents that are gone by now, or that the reader does not see, are left out. NULL: it had not been opened yet.
at: the time; by default now.
Errors: P0002 unknown incident, 22004 at is null.
Example: SELECT jsonb_pretty(pulsimo.incident_as_of(1, now() - interval ''1 hour''));';
