-- Time-weighted uptime, against cases computed by hand; and that the parts always make the whole.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
\set SHOW_CONTEXT never
SET intervalstyle = postgres;
SET datestyle = ISO;
SET timezone = UTC;
BEGIN;
SELECT pulsimo.start(), pulsimo.stop();
COMMIT;
SELECT pulsimo.add_endpoint('http://127.0.0.1:9/' || n) FROM generate_series(1, 5) n;
-- A minute of 1 January 2026, UTC. The first hour of endpoint 1, with one check long after it, so that what was
-- recorded holds:
--   0 unknown (nothing yet), 10 up, 20 degraded, 25 down, 30 up, 40 paused, 45 unknown, 50 up until 60
CREATE FUNCTION minute(m numeric) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT timestamptz '2026-01-01 00:00:00+00' + m * interval '1 min';
$$;
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
SELECT 1, minute(m), s::pulsimo.status, 'unknown'
FROM (VALUES (10, 'up'), (20, 'degraded'), (25, 'down'), (30, 'up'), (40, 'paused'), (45, 'unknown'), (50, 'up'))
    AS v (m, s);
SELECT pulsimo.ensure_partitions((now() AT TIME ZONE 'UTC')::date - 3, (now() AT TIME ZONE 'UTC')::date) > 0 AS made;
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES (1, now(), 'up', 1000);

SELECT * FROM pulsimo.time_in_status(1, minute(0), minute(60));
-- up 10 + 10 + 10, degraded 5, down 5: 35 of 40 minutes
SELECT pulsimo.uptime(1, minute(0), minute(60)), trunc(100 * 35 / 40.0, 4) AS by_hand;
-- Windows that cut a period: 22 to 27 is 3 degraded and 2 down; 26 to 29 is down; 41 to 49 says nothing.
SELECT w.from_minute, w.to_minute, pulsimo.uptime(1, minute(w.from_minute), minute(w.to_minute))
FROM (VALUES (22, 27), (26, 29), (41, 49), (30, 40), (25, 25), (10, 10), (0, 10), (0, 11))
    AS w (from_minute, to_minute);
-- On the very moment of a change the new status counts.
SELECT status FROM pulsimo.time_in_status(1, minute(25), minute(25) + interval '1 us') WHERE duration > '0';
SELECT status FROM pulsimo.time_in_status(1, minute(25) - interval '1 us', minute(25)) WHERE duration > '0';
-- Never rounded up: one second in a year is not 100 percent.
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status) VALUES
    (2, '2025-01-01 00:00:00+00', 'up', 'unknown'), (2, '2025-06-01 00:00:00+00', 'down', 'up'),
    (2, '2025-06-01 00:00:01+00', 'up', 'down');
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES (2, now(), 'up', 1000);
SELECT pulsimo.uptime(2, '2025-01-01 00:00:00+00', '2026-01-01 00:00:00+00');
SELECT pulsimo.uptime(2, '2025-06-02 00:00:00+00', '2026-01-01 00:00:00+00');
-- Nothing was ever recorded: nothing is claimed.
SELECT pulsimo.uptime(3, minute(0), minute(60));
SELECT * FROM pulsimo.time_in_status(3, minute(0), minute(60)) WHERE duration > '0';
-- Maintenance from 10 to 30 is left out, whatever it is underneath: it fails at 15 and is up again at 35. Of 40 minutes 5.
BEGIN;
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, underlying, underlying_since) VALUES
    (3, minute(0), 'up', 'unknown', NULL, NULL), (3, minute(10), 'maintenance', 'up', 'up', minute(0)),
    (3, minute(15), 'maintenance', 'maintenance', 'down', minute(15)), (3, minute(30), 'down', 'maintenance', NULL, NULL),
    (3, minute(35), 'up', 'down', NULL, NULL);
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES (3, now(), 'up', 1000);
SELECT pulsimo.uptime(3, minute(0), minute(60)), trunc(100 * 35 / 40.0, 4) AS by_hand,
       pulsimo.uptime(3, minute(10), minute(30)) AS within, pulsimo.uptime(3, minute(29), minute(31)) AS across_its_end;
SELECT * FROM pulsimo.time_in_status(3, minute(0), minute(60)) WHERE duration > '0';
ROLLBACK;

-- From here to COMMIT now() stands still, so that durations come out even.
BEGIN;
-- The last check is 10 hours old, with an interval of a minute: from a minute after it on nothing is known.
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
    VALUES (4, now() - interval '20 h', 'up', 'unknown');
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us)
    VALUES (4, now() - interval '10 h', 'up', 1000);
SELECT status, duration FROM pulsimo.time_in_status(4, now() - interval '24 h', now()) WHERE duration > '0';
-- With checks that arrive, up to now; the future is unknown.
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES (4, now(), 'up', 1000);
SELECT status, date_trunc('minute', duration) AS duration
FROM pulsimo.time_in_status(4, now() - interval '24 h', now() + interval '1 h') WHERE duration > '0';
-- Without any check left, only up to the last change.
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
    VALUES (5, now() - interval '20 h', 'up', 'unknown'), (5, now() - interval '15 h', 'down', 'up');
SELECT status, duration FROM pulsimo.time_in_status(5, now() - interval '24 h', now()) WHERE duration > '0';
-- A paused endpoint has no checks, and is paused until now.
UPDATE pulsimo.endpoints SET paused = true WHERE id = 5;
UPDATE pulsimo.state_changes SET changed_at = now() - interval '10 h' WHERE endpoint_id = 5 AND status = 'paused';
SELECT status, date_trunc('minute', duration) AS duration
FROM pulsimo.time_in_status(5, now() - interval '24 h', now()) WHERE duration > '0';

COMMIT;

-- The parts make the whole, to the microsecond, whatever the changes and the window: 300 random cases, of which every
-- third has several changes at the same moment.
INSERT INTO pulsimo.endpoints (project_id, name, url)
    SELECT 1, 'random ' || n, 'http://127.0.0.1:9/' FROM generate_series(1, 20) n;
SELECT setseed(0.42);
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
SELECT e.id, CASE WHEN e.id % 3 = 0 THEN date_trunc('hour', r.at) ELSE r.at END,
       (enum_range(NULL::pulsimo.status))[1 + floor(random() * 6)], 'unknown'
FROM pulsimo.endpoints e, LATERAL (
    SELECT now() - random() * interval '3 days' * (e.id + n) / (e.id + n) AS at FROM generate_series(1, 40) n) r
WHERE e.name LIKE 'random %';
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us)
SELECT id, now() - (id % 4) * interval '10 h', 'up', 1 FROM pulsimo.endpoints WHERE name LIKE 'random %' AND id % 5 > 0;
SELECT count(*) AS windows, count(*) FILTER (WHERE w.total <> w.to_time - w.from_time) AS wrong,
       count(*) FILTER (WHERE w.negative) AS negative,
       count(*) FILTER (WHERE w.uptime NOT BETWEEN 0 AND 100) AS impossible,
       count(*) FILTER (WHERE w.uptime > 0 AND w.uptime < 100) > 50 AS with_something_to_sum
FROM (
    SELECT b.from_time, b.to_time, t.total, t.negative, pulsimo.uptime(b.id, b.from_time, b.to_time) AS uptime
    FROM (
        SELECT e.id, a.at AS from_time, a.at + random() * interval '2 days' AS to_time
        FROM pulsimo.endpoints e, LATERAL (
            SELECT now() - random() * interval '4 days' * (e.id + n) / (e.id + n) AS at FROM generate_series(1, 15) n) a
        WHERE e.name LIKE 'random %' OFFSET 0
    ) b, LATERAL (
        SELECT sum(s.duration) AS total, bool_or(s.duration < '0') AS negative
        FROM pulsimo.time_in_status(b.id, b.from_time, b.to_time) s
    ) t
) w;

-- Refusals.
SELECT pulsimo.uptime(99, minute(0), minute(1));
SELECT * FROM pulsimo.time_in_status(NULL, minute(0), minute(1));
SELECT pulsimo.uptime(1, minute(1), minute(0));
SELECT pulsimo.uptime(1, NULL, minute(0));
SELECT * FROM pulsimo.time_in_status(1, '-infinity', minute(0));
SELECT * FROM pulsimo.time_in_status(1, minute(0), 'infinity');

DROP FUNCTION minute;
DROP EXTENSION pulsimo;
