-- The views people look at. Everything that needs monitoring to be on is rolled back, so that nothing is probed.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SET intervalstyle = postgres;
BEGIN;
SELECT pulsimo.start(), pulsimo.stop();
SELECT pulsimo.ensure_partitions((now() AT TIME ZONE 'UTC')::date - 1, (now() AT TIME ZONE 'UTC')::date) > 0 AS made;
COMMIT;
SELECT count(pulsimo.add_endpoint('http://127.0.0.1:9/', n, check_interval => '1 min', timeout => '10 s',
                                  options => '{"retry_interval": "50 s"}'))
FROM unnest('{fine,slow,broken,failing,new,paused,forgotten,troubled,born paused}'::text[]) AS n;

BEGIN;
SELECT pulsimo.start();
UPDATE pulsimo.endpoints SET created_at = now() - interval '1 day';
-- What the keeper would have recorded: a status two hours ago, and a last check some seconds ago.
CREATE FUNCTION recorded(endpoint text, status pulsimo.status, seconds_ago integer, verdict pulsimo.status,
                         error pulsimo.error_class DEFAULT NULL, words text DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
        SELECT id, now() - interval '2 hours', status, 'unknown' FROM pulsimo.endpoints
        WHERE name = endpoint AND status IS NOT NULL;
    INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class, error)
        SELECT id, now() - seconds_ago * interval '1 s', verdict, 250000, error, words FROM pulsimo.endpoints
        WHERE name = endpoint;
$$;
SELECT recorded('fine', 'up', 30, 'up'), recorded('slow', 'degraded', 30, 'degraded'),
       recorded('broken', 'down', 30, 'down', 'refused', 'connection refused by 127.0.0.1:9'),
       recorded('failing', 'up', 1, 'down', 'timeout'), recorded('paused', 'up', 30, 'up'),
       recorded('forgotten', 'up', 1000, 'up'),
       recorded('troubled', 'unknown', 30, 'unknown', 'internal', 'queue full');
UPDATE pulsimo.endpoints SET paused = true WHERE name = 'paused';
INSERT INTO pulsimo.endpoints (project_id, name, url, paused, created_at)
    SELECT project_id, 'born paused', url, true, now() - interval '1 day' FROM pulsimo.endpoints WHERE name = 'new';
DELETE FROM pulsimo.endpoints WHERE name = 'born paused' AND NOT paused;

-- Up only where a check says so that is young enough; forgotten since one interval after its last check.
SELECT name, project, status, date_trunc('second', now() - since) AS since_ago, now() - last_check AS last_check_ago,
       last_response, last_error, uptime_24h, next_check IS NOT NULL AS planned
FROM pulsimo.endpoint_status ORDER BY id;
-- The limit: two intervals and the timeout, 130 seconds here.
SELECT recorded('new', 'up', 100, 'up');
SELECT status FROM pulsimo.endpoint_status WHERE name = 'new';
UPDATE pulsimo.health_checks SET checked_at = now() - interval '131 s'
WHERE endpoint_id = (SELECT id FROM pulsimo.endpoints WHERE name = 'new');
SELECT status FROM pulsimo.endpoint_status WHERE name = 'new';

-- The schedule: every endpoint within its interval from now.
SELECT name, check_interval,
       next_check > now() AND next_check <= clock_timestamp() + check_interval AS within_an_interval
FROM pulsimo.schedule ORDER BY id;
-- Failing below the threshold, it comes back 50 seconds after its last check of 250 ms ended, or with its regular slot
-- if that comes first.
UPDATE pulsimo.endpoints SET check_interval = '1 day' WHERE name = 'failing';
SELECT next_check <= last_check + interval '50.25 s' AS soon,
       retrying = (next_check = last_check + interval '50.25 s') AS told
FROM pulsimo.schedule WHERE name = 'failing';
SELECT retrying FROM pulsimo.schedule WHERE name = 'broken';
SELECT count(*) FILTER (WHERE next_check < before) AS out_of_order
FROM (SELECT next_check, lag(next_check) OVER () AS before FROM pulsimo.schedule) s;
-- In maintenance, what an endpoint is underneath decides.
SAVEPOINT before_maintenance;
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, underlying, underlying_since)
SELECT e.id, now() - interval '1 hour', 'maintenance', s.status, s.status, s.changed_at
FROM pulsimo.endpoints e JOIN pulsimo.state_changes s ON s.endpoint_id = e.id WHERE e.name IN ('broken', 'failing');
UPDATE pulsimo.endpoints SET check_interval = '1 day' WHERE name = 'broken';
SELECT name, status, retrying FROM pulsimo.schedule JOIN pulsimo.endpoint_status USING (name)
WHERE name IN ('broken', 'failing') ORDER BY name;
ROLLBACK TO before_maintenance;
-- A retry that is overdue is not promised again.
UPDATE pulsimo.health_checks SET checked_at = now() - interval '100 s'
WHERE endpoint_id = (SELECT id FROM pulsimo.endpoints WHERE name = 'failing');
SELECT retrying FROM pulsimo.schedule WHERE name = 'failing';

-- Monitoring is switched off: nothing is known, nothing is planned, and pauses are still pauses.
SELECT pulsimo.stop();
SELECT status, count(*), count(next_check) AS planned, bool_and(since <= statement_timestamp()) AS since_then
FROM pulsimo.endpoint_status GROUP BY status ORDER BY status;
SELECT count(*) AS listed, count(next_check) AS planned FROM pulsimo.schedule;
-- So it is in a clone of the database.
UPDATE pulsimo.state SET running = true, database_oid = 1;
SELECT DISTINCT status FROM pulsimo.endpoint_status ORDER BY status;
ROLLBACK;

-- The workers: the launcher is there when the library is preloaded; the rest is for the tests of whole servers.
SELECT count(*) FILTER (WHERE role NOT IN ('launcher', 'keeper', 'prober')) AS other_roles FROM pulsimo.worker_status;
DROP EXTENSION pulsimo;
