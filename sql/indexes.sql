-- The indexes that serve what is asked most, with enough rows that the planner has a choice.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.ensure_partitions('2026-01-01', '2026-01-03');

SET session_replication_role = replica;  -- the rows matter here, not what watches them
INSERT INTO pulsimo.organizations (name) VALUES ('default');
INSERT INTO pulsimo.projects (organization_id, name) SELECT 1, 'project ' || n FROM generate_series(1, 100) n;
INSERT INTO pulsimo.endpoints (project_id, name, url)
    SELECT 1 + n % 100, 'endpoint ' || n, 'http://127.0.0.1:9/' || n FROM generate_series(1, 5000) n;
RESET session_replication_role;
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us)
    SELECT e, timestamptz '2026-01-01 00:00:00+00' + m * interval '30 min', 'up', 1000
    FROM generate_series(0, 143) m, generate_series(1, 200) e;
INSERT INTO pulsimo.incidents (endpoint_id, title, status, started_at, created_at, resolved_at)
    SELECT 1 + n % 5000, 'incident ' || n, 'resolved', timestamptz '2026-01-01' + n * interval '1 min',
           timestamptz '2026-01-01' + n * interval '1 min', timestamptz '2026-01-02' + n * interval '1 min'
    FROM generate_series(1, 10000) n;
INSERT INTO pulsimo.incidents (endpoint_id, title, started_at)
    SELECT n, 'open ' || n, '2026-01-03' FROM generate_series(1, 5) n;
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
    SELECT 1 + n % 5000, timestamptz '2026-01-01' + n * interval '1 min', 'up', 'unknown'
    FROM generate_series(1, 20000) n;
ANALYZE pulsimo.endpoints, pulsimo.health_checks, pulsimo.incidents, pulsimo.state_changes;

-- The plan of a statement, without what differs between runs; and whether it reads through the index named.
CREATE FUNCTION plan(command text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF) ' || command;
END $$;
CREATE FUNCTION reads_through(index_name text, command text) RETURNS boolean LANGUAGE sql AS $$
    SELECT bool_or(line ~ ('(Scan|Scan Backward) (using|on) ' || index_name || '\M'))
        AND NOT bool_or(line ~ 'Seq Scan') FROM plan(command) AS line;
$$;

-- Filtering by project.
SELECT reads_through('endpoints_project_id_idx', 'SELECT * FROM pulsimo.endpoints WHERE project_id = 7');
-- Time series of an endpoint: only the partition of the day, through its own index on (endpoint_id, checked_at).
SELECT reads_through('health_checks_p20260102_endpoint_id_checked_at_idx', c) AS indexed,
       (SELECT count(*) FROM plan(c) AS line WHERE line ~ 'on health_checks_p20260(101|103)') AS other_partitions
FROM (VALUES ($$SELECT * FROM pulsimo.health_checks WHERE endpoint_id = 7
    AND checked_at >= '2026-01-02 06:00:00+00' AND checked_at < '2026-01-02 12:00:00+00'$$)) AS command (c);
-- The newest checks: newest partition first, and no sort.
SELECT plan($$SELECT * FROM pulsimo.health_checks WHERE endpoint_id = 7 ORDER BY checked_at DESC LIMIT 10$$);
-- Active incidents.
SELECT reads_through('incidents_status_created_at_idx', 'SELECT * FROM pulsimo.incidents
    WHERE status IN (''open'', ''acknowledged'', ''investigating'') ORDER BY created_at');
SELECT reads_through('incidents_status_created_at_idx', 'SELECT id, title, started_at FROM pulsimo.active_incidents');
SELECT id, title FROM pulsimo.active_incidents;
-- The incidents of an endpoint, and the open one.
SELECT reads_through('incidents_endpoint_id_started_at_idx', 'SELECT * FROM pulsimo.incidents WHERE endpoint_id = 7');
SELECT reads_through('incidents_one_open_per_endpoint',
                     'SELECT * FROM pulsimo.incidents WHERE endpoint_id = 7 AND status <> ''resolved''');
-- The current status.
SELECT reads_through('state_changes_endpoint_id_changed_at_idx',
                     'SELECT * FROM pulsimo.state_changes WHERE endpoint_id = 7
                      ORDER BY changed_at DESC, id DESC LIMIT 1');
-- A view over one endpoint touches no table as a whole.
SELECT line FROM plan('SELECT status, since, last_check, next_check FROM pulsimo.endpoint_status WHERE id = 7') AS line
WHERE line ~ 'Seq Scan' AND line !~ 'on (state|projects)';

DROP FUNCTION reads_through;
DROP FUNCTION plan;
DROP EXTENSION pulsimo;
