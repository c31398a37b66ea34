-- From changes of status to state changes, incidents, their timeline and the outbox.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
\set SHOW_CONTEXT never
BEGIN;
SELECT pulsimo.start(), pulsimo.stop();
COMMIT;
SELECT pulsimo.add_endpoint('http://127.0.0.1:9/' || name, name) FROM unnest('{shop,wiki,mail}'::text[]) AS name;

-- A change at so many minutes after 2026-01-01 00:00 UTC, as the keeper writes it.
CREATE FUNCTION change(id bigint, minute integer, status text, incident text DEFAULT NULL, error text DEFAULT NULL,
                       detail text DEFAULT NULL) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('endpoint_id', id, 'at', 1767225600000000 + minute * 60000000::bigint, 'status', status,
                              'previous', 'unknown', 'error', error, 'detail', detail, 'incident', incident);
$$;
CREATE FUNCTION record(VARIADIC changes jsonb[]) RETURNS void LANGUAGE sql AS $$
    SELECT pulsimo.record_changes(to_jsonb(changes));
$$;
CREATE VIEW seen_changes AS
    SELECT endpoint_id, to_char(changed_at AT TIME ZONE 'UTC', 'HH24:MI') AS at, previous_status, status, error_class,
           detail
    FROM pulsimo.state_changes ORDER BY endpoint_id, changed_at, id;
CREATE VIEW seen_incidents AS
    SELECT endpoint_id, title, status, severity, to_char(started_at AT TIME ZONE 'UTC', 'HH24:MI') AS started,
           to_char(resolved_at AT TIME ZONE 'UTC', 'HH24:MI') AS resolved
    FROM pulsimo.incidents ORDER BY id;

-- Nothing, and nothing that matters.
SELECT pulsimo.record_changes('[]');
SELECT record(change(99, 0, 'down', 'open', 'refused'));
SELECT count(*) FROM pulsimo.incidents;

-- Up and down: a state change, an incident, its first event and a message, all of one moment.
SELECT record(change(1, 0, 'up'), change(2, 0, 'up'));
SELECT record(change(1, 5, 'down', 'open', 'refused', 'connection refused by 127.0.0.1:9'));
SELECT * FROM seen_changes;
SELECT * FROM seen_incidents;
SELECT v.event, v.detail, v.happened_at = i.created_at AS when_created FROM pulsimo.incident_events v
    JOIN pulsimo.incidents i ON i.id = v.incident_id;
SELECT topic, jsonb_pretty(payload - '{incident_id,number}'::text[]) FROM pulsimo.outbox;

-- The same batch once more leaves no trace: no change, no incident, no event, no message.
SELECT record(change(1, 5, 'down', 'open', 'refused', 'connection refused by 127.0.0.1:9'));
SELECT (SELECT count(*) FROM pulsimo.state_changes) AS changes, (SELECT count(*) FROM pulsimo.incidents) AS incidents,
       (SELECT count(*) FROM pulsimo.incident_events) AS events, (SELECT count(*) FROM pulsimo.outbox) AS messages;
-- Nor is a second incident opened while one is acknowledged or investigated.
UPDATE pulsimo.incidents SET status = 'acknowledged';
SELECT record(change(1, 6, 'unknown'), change(1, 7, 'down', 'open', 'timeout'));
UPDATE pulsimo.incidents SET status = 'investigating';
SELECT record(change(1, 8, 'unknown'), change(1, 9, 'down', 'open', 'timeout'));
SELECT * FROM seen_incidents;
INSERT INTO pulsimo.incidents (endpoint_id, title, started_at) VALUES (1, 'by hand', now());

-- Resolving; a second time finds nothing to resolve.
SELECT record(change(1, 20, 'up', 'resolve'));
SELECT record(change(1, 21, 'degraded', 'resolve'));
SELECT * FROM seen_incidents;
SELECT topic, payload ->> 'status' AS status, payload ->> 'endpoint' AS endpoint,
       (payload ->> 'resolved_at')::timestamptz AT TIME ZONE 'UTC' AS resolved_at
FROM pulsimo.outbox ORDER BY id;
-- Never before it started, though the clock went back.
SELECT record(change(1, 30, 'down', 'open', 'timeout'));
SELECT record(change(1, 25, 'up', 'resolve'));
SELECT started, resolved FROM seen_incidents OFFSET 1;
SELECT at, previous_status, status FROM seen_changes WHERE endpoint_id = 1 OFFSET 7;

-- A batch of an outage of the database: everything in order, for several endpoints.
TRUNCATE pulsimo.incidents, pulsimo.state_changes, pulsimo.outbox CASCADE;
SELECT record(
    change(2, 1, 'down', 'open', 'timeout'), change(3, 1, 'up'), change(2, 2, 'up', 'resolve'),
    change(3, 2, 'degraded'), change(2, 3, 'down', 'open', 'dns', 'no such host'), change(3, 3, 'degraded'),
    change(3, 4, 'unknown', NULL, 'internal', 'no checks were made'), change(3, 5, 'down', 'open', 'reset'));
SELECT * FROM seen_changes;
SELECT * FROM seen_incidents;
SELECT i.title, v.event FROM pulsimo.incident_events v JOIN pulsimo.incidents i ON i.id = v.incident_id ORDER BY v.id;
SELECT topic, payload ->> 'endpoint' AS endpoint FROM pulsimo.outbox ORDER BY id;

-- A name and a reason of any length and shape make a title of one bounded line.
SELECT record(change(1, 1, 'down', 'open', 'assertion', repeat('x', 1000)));
SELECT length(title), length(detail) FROM pulsimo.incidents WHERE endpoint_id = 1;
SELECT record(change(1, 2, 'up', 'resolve'), change(1, 3, 'down', 'open', NULL, NULL));
SELECT title FROM pulsimo.incidents WHERE endpoint_id = 1 AND status = 'open';

-- Paused endpoints are left out, and their incident stays open.
SELECT pulsimo.pause_endpoint(1);
SELECT record(change(1, 10, 'up', 'resolve'));
SELECT status FROM pulsimo.incidents WHERE endpoint_id = 1 ORDER BY id DESC LIMIT 1;
SELECT status FROM pulsimo.state_changes WHERE endpoint_id = 1 ORDER BY id DESC LIMIT 1;

-- Removing an endpoint resolves its incident and says why; incident and timeline stay.
SELECT id AS mail_incident FROM pulsimo.incidents WHERE endpoint_id = 3 \gset
SELECT pulsimo.remove_endpoint(3);
SELECT endpoint_id, title, status, resolved_at IS NOT NULL AS resolved FROM pulsimo.incidents WHERE id = :mail_incident;
SELECT event, detail FROM pulsimo.incident_timeline(:mail_incident);
SELECT topic, payload ->> 'endpoint' AS endpoint, payload ->> 'status' AS status FROM pulsimo.outbox
WHERE incident_id = :mail_incident ORDER BY id DESC LIMIT 1;

-- The timeline of an incident, with what its endpoint did meanwhile.
SELECT id AS first_incident FROM pulsimo.incidents WHERE endpoint_id = 2 ORDER BY id LIMIT 1 \gset
SELECT event, detail FROM pulsimo.incident_timeline(:first_incident);
SELECT event, detail FROM pulsimo.incident_timeline(-1);
SELECT event, detail FROM pulsimo.incident_timeline(NULL);

-- Active incidents: by severity, then the oldest first.
TRUNCATE pulsimo.incidents CASCADE;
INSERT INTO pulsimo.incidents (endpoint_id, title, severity, status, started_at) VALUES
    (1, 'low', 'low', 'open', now() - interval '3 h'), (2, 'high, old', 'high', 'acknowledged', now() - interval '2 h'),
    (NULL, 'high, new', 'high', 'open', now() - interval '1 h'), (NULL, 'critical', 'critical', 'investigating', now());
INSERT INTO pulsimo.incidents (endpoint_id, title, status, started_at, resolved_at)
    VALUES (1, 'over', 'resolved', now(), now());
SELECT severity, status, title, endpoint, project, date_trunc('hour', duration) AS duration
FROM pulsimo.active_incidents;
-- An incident is resolved when it has an end, and ends after it begins.
\set VERBOSITY terse
UPDATE pulsimo.incidents SET status = 'resolved' WHERE title = 'low';
UPDATE pulsimo.incidents SET resolved_at = now() WHERE title = 'low';
UPDATE pulsimo.incidents SET status = 'resolved', resolved_at = started_at - interval '1 us' WHERE title = 'low';

-- Certificates: the last one counts, endpoints that are gone do not.
SELECT pulsimo.record_certificates('[{"endpoint_id": 1, "issuer": "CN=old", "expires_s": 1767225600},
    {"endpoint_id": 99, "issuer": "CN=nobody", "expires_s": 0},
    {"endpoint_id": 1, "issuer": "CN=new", "expires_s": 1769904000}]');
SELECT pulsimo.record_certificates('[{"endpoint_id": 2, "issuer": "", "expires_s": 4102444800}]');
SELECT endpoint_id, issuer, expires_at AT TIME ZONE 'UTC' AS expires_at FROM pulsimo.certificates ORDER BY endpoint_id;

-- Several changes of one endpoint in a batch: maintenance begins, it fails meanwhile, maintenance ends. What it is underneath
-- is kept, with the true start. The same batch again leaves no trace.
SELECT pulsimo.resume_endpoint(1);
INSERT INTO pulsimo.endpoints (id, project_id, name, url) OVERRIDING SYSTEM VALUE VALUES (3, 1, 'mail', 'http://127.0.0.1:9/');
TRUNCATE pulsimo.state_changes, pulsimo.incidents CASCADE;
CREATE FUNCTION in_window(change jsonb, since integer) RETURNS jsonb LANGUAGE sql AS $$
    SELECT change || jsonb_build_object('maintenance', true, 'since', 1767225600000000 + since * 60000000::bigint);
$$;
SELECT record(change(1, 0, 'up'));
SELECT record(in_window(change(1, 10, 'up'), 0), in_window(change(1, 12, 'down', NULL, 'refused'), 12),
              change(1, 20, 'down', 'open', 'refused', 'still') || '{"incident_at": 1767226320000000}');
CREATE VIEW seen_maintenance AS
    SELECT to_char(changed_at AT TIME ZONE 'UTC', 'HH24:MI') AS at, previous_status, status, underlying,
           to_char(underlying_since AT TIME ZONE 'UTC', 'HH24:MI') AS underlying_since
    FROM pulsimo.state_changes WHERE endpoint_id = 1 ORDER BY changed_at, id;
SELECT * FROM seen_maintenance;
SELECT * FROM seen_incidents;
SELECT record(change(1, 20, 'down', 'open', 'refused', 'still') || '{"incident_at": 1767226320000000}');
SELECT record(in_window(change(1, 30, 'down', NULL, 'refused'), 12));
SELECT record(in_window(change(1, 30, 'down', NULL, 'refused'), 12));
SELECT * FROM seen_maintenance OFFSET 4;
SELECT to_char(t.happened_at AT TIME ZONE 'UTC', 'HH24:MI') AS at, t.detail
FROM pulsimo.incidents i CROSS JOIN LATERAL pulsimo.incident_timeline(i.id) t WHERE i.endpoint_id = 1 AND t.event = 'status';
SELECT status, since_us, maintenance, changed_us FROM pulsimo.keeper_endpoints('{1}');

-- What is put down to something else is so no longer than it is down without an incident, also when one batch tells of
-- all that, and when it is paused.
CREATE FUNCTION put_down(id bigint, minute integer, cause bigint) RETURNS void LANGUAGE sql AS $$
    SELECT pulsimo.record_suppressions(jsonb_build_array(jsonb_build_object(
        'endpoint_id', id, 'at', 1767225600000000 + minute * 60000000::bigint, 'cause', cause)));
$$;
CREATE VIEW seen_suppressions AS
    SELECT endpoint_id, cause_endpoint_id AS cause, to_char(began_at AT TIME ZONE 'UTC', 'HH24:MI') AS began,
           CASE WHEN ended_at > now() - interval '1 hour' THEN 'now' ELSE to_char(ended_at AT TIME ZONE 'UTC', 'HH24:MI') END AS ended
    FROM pulsimo.suppressions ORDER BY id;
SELECT record(change(2, 40, 'down', NULL, 'refused'));
SELECT put_down(2, 40, 1), put_down(2, 40, 1);
SELECT * FROM seen_suppressions;
SELECT record(in_window(change(2, 42, 'down', NULL, 'refused'), 40), change(2, 43, 'down', NULL, 'refused'));
SELECT put_down(2, 40, 1);
SELECT status, since_us - 1767225600000000 AS since_us, changed_us - since_us AS later, suppressed_by FROM pulsimo.keeper_endpoints('{2}');
SELECT record(change(2, 45, 'up'));
SELECT record(change(2, 50, 'down', NULL, 'refused'), change(2, 55, 'up'));
SELECT put_down(2, 50, 1);
SELECT record(change(2, 56, 'down', NULL, 'refused'));
SELECT record(change(2, 57, 'down', 'open', 'refused'));
SELECT put_down(2, 56, 1);
SELECT record(change(3, 56, 'down', NULL, 'refused'));
SELECT put_down(3, 56, 1);
SELECT pulsimo.pause_endpoint(3);
SELECT put_down(3, 56, 1);
SELECT * FROM seen_suppressions;

-- Maintenance ends over one that failed in it, and nothing opens: how it fails is known all the same. What failed before its
-- outage does not count.
SELECT pulsimo.create_partition('2026-01-01');
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class, error)
VALUES (2, '2026-01-01 00:59:00+00', 'down', 1, 'dns', 'before'), (2, '2026-01-01 01:00:00+00', 'down', 1, 'timeout', 'no answer');
SELECT record(change(2, 58, 'up'), in_window(change(2, 60, 'down', NULL, 'refused'), 60));
SELECT record(change(2, 65, 'down') || '{"since": 1767229200000000}');
SELECT status, previous_status, error_class, detail FROM pulsimo.state_changes WHERE endpoint_id = 2 ORDER BY id DESC LIMIT 1;

DROP VIEW seen_changes, seen_incidents, seen_maintenance, seen_suppressions;
DROP FUNCTION record, change, in_window, put_down;
DROP EXTENSION pulsimo;
