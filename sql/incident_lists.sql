-- Lists of incidents: the views, find_incidents(), and as documents.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_ed LOGIN;
CREATE ROLE regress_bob LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B'), pulsimo.add_organization('C');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (1, 'blog'), (2, 'of B'), (3, 'of C');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann'),
       pulsimo.add_user('vic@a.example', 'Vic', 1, 'viewer', database_role => 'regress_vic'),
       pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('ed@c.example', 'Ed', 'regress_ed');
SELECT pulsimo.grant_access('regress_ed'), pulsimo.set_project_role(4, 1, 'editor');
SELECT pulsimo.set_role(3, 3, 'viewer');
INSERT INTO pulsimo.endpoints (project_id, name, url, tags) VALUES
    (1, 'db', 'http://a.example/', '{eu,core}'), (1, 'api|v1', 'http://a.example/', '{}'), (2, 'blog', 'http://a.example/', '{eu}'),
    (3, 'of B', 'http://b.example/', '{eu}'), (4, 'of C', 'http://c.example/', '{}');

-- A day of January 2024, hours after 10:00 UTC.
CREATE FUNCTION clock(hours numeric) RETURNS timestamptz LANGUAGE sql RETURN timestamptz '2024-01-01 10:00+00' + hours * interval '1 hour';
INSERT INTO pulsimo.incidents (endpoint_id, title, number, severity, priority, status, error_class, detail, started_at, created_at, resolved_at) VALUES
    (1, 'db is down', 'INC-2024-000001', 'high', 'low', 'open', 'refused', 'refused by 192.0.2.1', clock(0), clock(0), NULL),
    (2, 'api is down', 'INC-2024-000002', 'critical', NULL, 'acknowledged', 'timeout', NULL, clock(2), clock(2), NULL),
    (3, 'blog is down', 'INC-2024-000003', 'critical', NULL, 'investigating', 'timeout', '100%_\ and more', clock(1), clock(1), NULL),
    (1, 'db was down', 'INC-2024-000004', 'low', NULL, 'resolved', 'refused', NULL, clock(-9), clock(-9), clock(-8)),
    (2, 'api was down', 'INC-2024-000005', 'high', NULL, 'resolved', 'timeout', NULL, clock(-9), clock(-9), clock(-5)),
    (4, 'of B', 'INC-2024-000001', 'low', NULL, 'open', NULL, NULL, clock(0), clock(0), NULL),
    (5, 'of C', 'INC-2024-000001', 'low', NULL, 'resolved', NULL, NULL, clock(0), clock(0), clock(3));
INSERT INTO pulsimo.incidents (organization_id, project_id, title, number, severity, automatic, started_at, created_at) VALUES
    (1, 1, 'Checkout | <b>slow</b>', 'INC-2024-000006', 'high', false, clock(1), clock(1)),
    (1, NULL, '=HYPERLINK("x")', 'INC-2024-000007', 'medium', false, clock(3), clock(3));
-- 5 by Bob, whom those of A do not see.
UPDATE pulsimo.incidents SET acknowledged_at = created_at, acknowledged_by = CASE id WHEN 2 THEN 1 ELSE 3 END WHERE id IN (2, 5);
INSERT INTO pulsimo.incident_endpoints VALUES (8, 2), (8, 1);
INSERT INTO pulsimo.incident_assignees (incident_id, user_id, assigned_at) VALUES (1, 4, clock(2)), (1, 1, clock(1)), (5, 1, clock(1)), (8, 2, clock(1));

-- Active first, by severity, then the oldest; the resolved ones after them, the latest first.
SET ROLE regress_vic;
SELECT id, number, title, severity, priority, status, organization_id, project_id, project, endpoint_id, endpoint, assignees, automatic, acknowledged_by
FROM pulsimo.find_incidents();
SELECT number, age > '300 days' AS old, duration, resolved_at - started_at AS lasted FROM pulsimo.find_incidents('{resolved}');
SELECT number FROM pulsimo.find_incidents('{active}');
SELECT number FROM pulsimo.find_incidents('{open,resolved}');
SELECT number FROM pulsimo.find_incidents('{investigating,acknowledged}');
SELECT number FROM pulsimo.find_incidents('{}');
SELECT number FROM pulsimo.find_incidents(severity => '{critical,low}');
SELECT number FROM pulsimo.find_incidents(organization => 1, project => 2);
SELECT number FROM pulsimo.find_incidents(endpoint => 1);
SELECT number FROM pulsimo.find_incidents(assignee => 1);
SELECT number FROM pulsimo.find_incidents(tag => 'eu');
SELECT number FROM pulsimo.find_incidents('{active}', tag => 'core');
SELECT number FROM pulsimo.find_incidents(contains => 'IS DOWN');
SELECT number FROM pulsimo.find_incidents(contains => '100%_\');
SELECT number FROM pulsimo.find_incidents(contains => '000005');
SELECT number FROM pulsimo.find_incidents(from_time => clock(1), to_time => clock(2));
SELECT number FROM pulsimo.find_incidents(at_most => 6);
SELECT number FROM pulsimo.find_incidents(at_most => 2);
SELECT number FROM pulsimo.find_incidents('{resolved}', '{high}', 1, 1, 2, 1, NULL, 'api', clock(-9), clock(0), 10);

-- The views. Resolved ones of the last week, one of them hours ago.
RESET ROLE;
INSERT INTO pulsimo.incidents (endpoint_id, title, number, status, started_at, resolved_at, acknowledged_at, acknowledged_by)
SELECT e.id, 'resolved ' || d.days || ' days ago', 'INC-' || e.id || d.days, 'resolved', now() - interval '9 days',
       now() - d.days * interval '1 day' + interval '1 minute', now(), 1
FROM unnest('{0.1,7,8}'::numeric[]) AS d (days), unnest('{1,4,5}'::bigint[]) AS e (id);
UPDATE pulsimo.incidents SET muted_until = CASE id WHEN 1 THEN now() + interval '1 hour' ELSE now() - interval '1 hour' END WHERE id IN (1, 2);
SET ROLE regress_vic;
SELECT number, title, project, endpoint, assignees, acknowledged_by FROM pulsimo.resolved_incidents;
SELECT number, severity, title, project, endpoint, priority, assignees, muted, acknowledged_by FROM pulsimo.active_incidents;
SELECT count(*) FROM pulsimo.all_incidents;

-- Others: of the project alone, of two organizations, the operator.
SET ROLE regress_ed;
SELECT number, title, endpoint, assignees, acknowledged_by FROM pulsimo.find_incidents('{active}');
SELECT number FROM pulsimo.resolved_incidents;
SELECT number, title FROM pulsimo.active_incidents;
SET ROLE regress_bob;
SELECT organization_id, title FROM pulsimo.find_incidents();
SELECT organization_id, title FROM pulsimo.find_incidents(organization => 3, at_most => 1);
SELECT project_id, title FROM pulsimo.resolved_incidents ORDER BY project_id, title;
SELECT count(*) FROM pulsimo.all_incidents WHERE organization_id = 1;
RESET ROLE;
SELECT count(*), count(DISTINCT organization_id) FROM pulsimo.find_incidents();
SELECT number, acknowledged_by FROM pulsimo.find_incidents(contains => 'api');
SELECT count(*) FROM pulsimo.resolved_incidents;

-- What is no list.
SET ROLE regress_vic;
SELECT pulsimo.find_incidents('{closed}');
SELECT pulsimo.find_incidents('{NULL}');
SELECT pulsimo.find_incidents(at_most => 0);
SELECT pulsimo.find_incidents(at_most => 100001);
SELECT pulsimo.find_incidents(at_most => NULL);
SELECT pulsimo.find_incidents(organization => 2);
SELECT pulsimo.find_incidents(organization => 99);
SELECT pulsimo.find_incidents(project => 3);
SELECT pulsimo.find_incidents(endpoint => 4);
SELECT pulsimo.find_incidents(assignee => 3);
SELECT pulsimo.export_incidents('html');
SELECT pulsimo.export_incidents(status => '{closed}');
SET ROLE regress_ed;
SELECT pulsimo.find_incidents(project => 2);

-- As documents. What people wrote stays text.
SET ROLE regress_vic;
\t on
\pset format unaligned
SELECT pulsimo.export_incidents('markdown', '{resolved}', to_time => clock(9));
SELECT regexp_replace(pulsimo.export_incidents('markdown', '{active}', contains => 'o'), '(?<=00 \| )\d+ d \d+ h|(?<=00 \| )\d+ d', '(long)', 'g');
SELECT pulsimo.export_incidents('markdown', contains => 'nothing like this');
SELECT pulsimo.export_incidents('json', contains => 'nothing like this');
SELECT pulsimo.export_incidents(status => '{resolved}', to_time => clock(9), at_most => 1);
SELECT e ->> 'number' FROM jsonb_array_elements(pulsimo.export_incidents(status => '{active}')::jsonb) WITH ORDINALITY AS j (e, place) ORDER BY place;
COPY (SELECT number, title, endpoint FROM pulsimo.find_incidents('{active}', contains => '=')) TO STDOUT (FORMAT csv, HEADER);
\pset format aligned
\t off

-- A key that may only read.
SET ROLE regress_ann;
SELECT pulsimo.create_api_key('reader', '{read}') AS key \gset
BEGIN;
SELECT pulsimo.use_api_key(:'key') IS NOT NULL AS used;
SELECT count(*) FROM pulsimo.find_incidents('{active}');
ROLLBACK;

-- The same errors by their SQLSTATE.
RESET ROLE;
CREATE FUNCTION sqlstate_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SET ROLE regress_vic;
SELECT command, sqlstate_of('SELECT pulsimo.' || command) FROM unnest(ARRAY[
    $$find_incidents('{closed}')$$, $$find_incidents(at_most => 0)$$, $$find_incidents(at_most => NULL)$$,
    $$find_incidents(organization => 2)$$, $$find_incidents(organization => 99)$$, $$find_incidents(project => 3)$$,
    $$find_incidents(endpoint => 4)$$, $$find_incidents(assignee => 3)$$, $$export_incidents('html')$$,
    $$export_incidents(NULL)$$]) AS command;

-- What the lists are cut by is in an index, for a tenant too.
RESET ROLE;
INSERT INTO pulsimo.incidents (organization_id, project_id, title, number, status, started_at, created_at, resolved_at)
SELECT 1 + n % 2, CASE n % 2 WHEN 0 THEN 1 ELSE 3 END, 'many', 'INC-M-' || n, 'resolved', clock(-n), clock(-n), clock(1 - n)
FROM generate_series(1, 20000) n;
VACUUM ANALYZE pulsimo.incidents;
CREATE FUNCTION index_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ 'Scan.* on incidents i|Sort|Index Cond: \(\(?organization_id' THEN
            RETURN NEXT trim(regexp_replace(line, '->', ''));
        END IF;
    END LOOP;
END $$;
SET ROLE regress_vic;
SELECT index_of($$SELECT i.id FROM pulsimo.matching_incidents('{1}', NULL, NULL, NULL, NULL, NULL) i
    WHERE i.resolved_at IS NOT NULL ORDER BY i.resolved_at DESC LIMIT 10$$);
SELECT index_of($$SELECT i.id FROM pulsimo.matching_incidents('{1}', NULL, NULL, NULL, NULL, NULL) i WHERE i.resolved_at IS NULL$$);
SELECT index_of($$SELECT i.id FROM pulsimo.matching_incidents('{1}', NULL, NULL, NULL, NULL, NULL) i
    WHERE i.resolved_at >= '2024-01-01'$$);
RESET ROLE;
DROP FUNCTION clock, sqlstate_of, index_of;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_vic, regress_ed, regress_bob;
