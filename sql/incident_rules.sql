-- What holds for incidents whoever writes them: numbers, severity, status, and that the timeline is only added to.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
SELECT pulsimo.add_endpoint('http://a.example/', 'shop', 1), pulsimo.add_endpoint('http://a.example/', 'wiki', 1),
    pulsimo.add_endpoint('http://b.example/', 'of B', 2);

-- Every organization counts for itself; the year is that of UTC, the count goes on in the next.
INSERT INTO pulsimo.incidents (endpoint_id, title, started_at, created_at)
    VALUES (1, 'old', '2025-12-31 00:00+00', '2026-01-01 00:00+01'), (2, 'new', '2026-01-01 00:00+00', '2026-01-01 00:00+00'),
           (3, 'of B', '2026-01-01 00:00+00', '2026-01-01 00:00+00'), (NULL, 'of nobody', '2026-01-01 00:00+00', '2026-01-01 00:00+00')
    RETURNING organization_id, project_id, number;
-- One that was given stays, and is refused a second time.
INSERT INTO pulsimo.incidents (organization_id, title, started_at, number) VALUES (1, 'given', now(), 'INC-2020-000777')
    RETURNING number;
INSERT INTO pulsimo.incidents (organization_id, title, started_at, number) VALUES (1, 'given', now(), 'INC-2020-000777');
-- A number that was rolled back is given again.
BEGIN;
INSERT INTO pulsimo.incidents (organization_id, title, started_at, created_at) VALUES (1, 'x', now(), '2026-02-01') RETURNING number;
ROLLBACK;
INSERT INTO pulsimo.incidents (organization_id, title, started_at, created_at) VALUES (1, 'x', now(), '2026-02-01') RETURNING number;
-- Thirty-three at a time take all lanes twice, and leave no gap.
INSERT INTO pulsimo.incidents (organization_id, title, started_at) SELECT 2, 'many', now() FROM generate_series(1, 33);
SELECT count(DISTINCT number), min(right(number, 6)), max(right(number, 6)) FROM pulsimo.incidents WHERE organization_id = 2;
-- More than six digits.
UPDATE pulsimo.incident_numbers SET next_number = next_number + 1600000 WHERE organization_id = 2;
INSERT INTO pulsimo.incidents (organization_id, title, started_at, created_at) VALUES (2, 'x', now(), '2026-02-01') RETURNING number;
-- Numbers that somebody has given before it was their turn are passed over, and so is what is no number of ours.
INSERT INTO pulsimo.incidents (organization_id, title, started_at, number)
    SELECT 1, 'given', now(), format('INC-2026-%s', lpad(n.next_number::text, 6, '0')) FROM pulsimo.incident_numbers n
    WHERE n.organization_id = 1 ORDER BY n.next_number LIMIT 3;
INSERT INTO pulsimo.incidents (organization_id, title, started_at, number) VALUES (1, 'given', now(), 'TICKET-99999999999999999999');
INSERT INTO pulsimo.incidents (organization_id, title, started_at, created_at) SELECT 1, 'x', now(), '2026-02-01' FROM generate_series(1, 14)
    RETURNING number;
SELECT count(*), bool_and((next_number - 1) % 16 = lane) AS in_lane FROM pulsimo.incident_numbers WHERE organization_id = 1;
-- Lanes that are missing are made, above all there are.
DELETE FROM pulsimo.incident_numbers;
INSERT INTO pulsimo.incidents (organization_id, title, started_at, created_at)
    VALUES (1, 'x', now(), '2026-02-01'), (2, 'x', now(), '2026-02-01'), (1, 'x', now(), '2026-02-01') RETURNING organization_id, number;
SELECT organization_id, count(*), min(next_number), max(next_number), bool_and((next_number - 1) % 16 = lane) AS in_lane
FROM pulsimo.incident_numbers GROUP BY organization_id ORDER BY organization_id;
-- A restore brings lanes and numbers.
BEGIN;
SET LOCAL row_security = off;
INSERT INTO pulsimo.organizations (name) VALUES ('C') RETURNING id;
INSERT INTO pulsimo.incidents (organization_id, title, started_at) VALUES (3, 'x', now()) RETURNING number;
SELECT count(*) FROM pulsimo.incident_numbers WHERE organization_id = 3;
ROLLBACK;

-- Severity: what a plain outage is, what a bad answer, and what ourselves.
SELECT criticality, string_agg(error_class::text, ' ' ORDER BY error_class) AS error_classes, severity
FROM pulsimo.severity_rules GROUP BY criticality, severity ORDER BY criticality, severity;
SELECT pulsimo.incident_severity(NULL, NULL), pulsimo.incident_severity(NULL, 'timeout'), pulsimo.incident_severity(NULL, 'status'),
    pulsimo.incident_severity('critical', NULL);
DELETE FROM pulsimo.incidents;
UPDATE pulsimo.endpoints SET criticality = 'low' WHERE id = 2;
SELECT pulsimo.record_changes('[{"endpoint_id": 1, "at": 1767225600000000, "status": "down", "error": "certificate", "incident": "open"},
    {"endpoint_id": 2, "at": 1767225600000000, "status": "down", "error": "timeout", "incident": "open"},
    {"endpoint_id": 3, "at": 1767225600000000, "status": "down", "error": "timeout", "incident": "open"}]');
SELECT endpoint_id, error_class, severity, automatic FROM pulsimo.incidents ORDER BY endpoint_id;

-- Status: what follows what, and the columns that go with it.
CREATE FUNCTION becomes(new_status text, resolved timestamptz DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
    outcome text;
BEGIN
    UPDATE pulsimo.incidents SET status = new_status::pulsimo.incident_status, resolved_at = coalesce(resolved, resolved_at)
    WHERE endpoint_id = 1
    RETURNING concat_ws(', ', status, 'acknowledged ' || CASE acknowledged_at < '2026-02-01' WHEN true THEN 'then' WHEN false THEN 'now' END,
                        'resolved ' || CASE resolved_at < '2026-02-01' WHEN true THEN 'then' WHEN false THEN 'now' END,
                        'reopened ' || reopened)
    INTO outcome;
    RETURN outcome;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', SQLSTATE, SQLERRM, hint);
END $$;
CREATE FUNCTION becomes_all(path text) RETURNS TABLE (status text, outcome text) LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pulsimo.incidents;
    PERFORM setval('pulsimo.incidents_id_seq', 100);
    INSERT INTO pulsimo.incidents (endpoint_id, title, started_at) VALUES (1, 'x', '2026-01-01');
    FOREACH status IN ARRAY string_to_array(path, ' ') LOOP
        outcome := becomes(status, CASE status WHEN 'resolved' THEN now() END);
        RETURN NEXT;
    END LOOP;
END $$;
SELECT * FROM becomes_all('open acknowledged open acknowledged investigating acknowledged open resolved acknowledged investigating resolved open');
SELECT * FROM becomes_all('investigating resolved open resolved open acknowledged');
SELECT becomes('resolved');
-- Nobody is forgotten who was there first, nothing is left of an end that was none.
SELECT * FROM becomes_all('acknowledged');
UPDATE pulsimo.incidents SET acknowledged_at = '2026-01-01' WHERE endpoint_id = 1;
SELECT becomes('investigating'), becomes('resolved', '2026-01-02'), becomes('open'), becomes('acknowledged');
SELECT acknowledged_at, resolved_at, resolved_by, reopened FROM pulsimo.incidents WHERE endpoint_id = 1;

-- The timeline: not to be changed, by nobody.
CREATE FUNCTION tries(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
DELETE FROM pulsimo.incidents;
INSERT INTO pulsimo.users (email, name) VALUES ('ann@a.example', 'Ann'), ('mia@a.example', 'Mia');
INSERT INTO pulsimo.incidents (organization_id, title, started_at) VALUES (1, 'one', now()), (1, 'two', now()), (2, 'three', now());
INSERT INTO pulsimo.incident_events (incident_id, event, user_id)
    SELECT i.id, 'created', u.id FROM pulsimo.incidents i, pulsimo.users u;
SELECT statement, tries(statement)
FROM unnest('{UPDATE pulsimo.incident_events SET detail = ''x'',
    UPDATE pulsimo.incident_events SET user_id = NULL,
    UPDATE pulsimo.incident_events SET user_id = 2 WHERE user_id = 1,
    DELETE FROM pulsimo.incident_events,
    TRUNCATE pulsimo.incident_events,
    MERGE INTO pulsimo.incident_events v USING pulsimo.users u ON v.user_id = u.id WHEN MATCHED THEN DELETE}'::text[]) AS statement;
-- It goes with its incident, with the organization; who did it is forgotten with the account.
DELETE FROM pulsimo.users WHERE id = 2;
SELECT i.title, count(*), count(v.user_id) AS known FROM pulsimo.incident_events v JOIN pulsimo.incidents i ON i.id = v.incident_id
GROUP BY i.title ORDER BY i.title;
DELETE FROM pulsimo.incidents WHERE title = 'one';
DELETE FROM pulsimo.endpoints WHERE project_id = 2;
DELETE FROM pulsimo.projects WHERE organization_id = 2;
DELETE FROM pulsimo.organizations WHERE id = 2;
SELECT i.title, count(*), count(v.user_id) AS known FROM pulsimo.incident_events v JOIN pulsimo.incidents i ON i.id = v.incident_id
GROUP BY i.title ORDER BY i.title;
TRUNCATE pulsimo.incidents CASCADE;
SELECT count(*) FROM pulsimo.incident_events;

DROP FUNCTION becomes, becomes_all, tries;
DROP EXTENSION pulsimo;
