-- Dependencies: adding, the guard, and what is asked about them. Sessions that close a circle together: test/isolation.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_ed LOGIN;
CREATE ROLE regress_bob LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (1, 'platform'), (2, 'of B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann') AS ann,
       pulsimo.add_user('vic@a.example', 'Vic', 1, 'viewer', database_role => 'regress_vic') AS vic,
       pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob') AS bob;
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('ed@c.example', 'Ed', 'regress_ed');
SELECT pulsimo.grant_access('regress_ed'), pulsimo.set_project_role(4, 1, 'editor');
SELECT count(pulsimo.add_endpoint('http://a.example/', n.name, n.project))
FROM (VALUES ('web', 1), ('api', 1), ('cart', 1), ('search', 1), ('db', 2), ('replica', 2), ('cache', 2), ('gateway', 2),
             ('watcher', 2), ('of B', 3)) AS n (name, project);
-- The code of an error, and what it says.
CREATE FUNCTION public.tell(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- Adding, and changing by adding again.
SET ROLE regress_ann;
SELECT pulsimo.add_dependency(1, 2, criticality => 'low');
SELECT pulsimo.add_dependency(1, 2, criticality => 'critical');
SELECT pulsimo.add_dependency(1, 4, 'weak', 'search', 'medium');
SELECT pulsimo.add_dependency(1, 7, 'weak', 'cache', 'low');
SELECT pulsimo.add_dependency(2, 5, criticality => 'critical');
SELECT pulsimo.add_dependency(2, 7, 'weak', 'cache', 'low');
SELECT pulsimo.add_dependency(2, 8);
SELECT pulsimo.add_dependency(3, 5);
SELECT pulsimo.add_dependency(3, 6, role => 'fallback');
SELECT pulsimo.add_dependency(4, 5, criticality => 'medium');
SELECT pulsimo.add_dependency(8, 9, 'monitoring', 'optional', 'low');
SELECT endpoint_id, depends_on, kind, role, criticality FROM pulsimo.dependencies ORDER BY 1, 2;

-- What is refused.
SELECT pulsimo.add_dependency(NULL, 2);
SELECT pulsimo.add_dependency(1, NULL);
SELECT pulsimo.add_dependency(1, 2, kind => NULL);
SELECT pulsimo.add_dependency(1, 2, role => NULL);
SELECT pulsimo.add_dependency(1, 2, criticality => NULL);
SELECT pulsimo.add_dependency(1, 1);
SELECT pulsimo.add_dependency(5, 1);
SELECT pulsimo.add_dependency(9, 8, 'monitoring');
SELECT pulsimo.add_dependency(1, 99);
SELECT pulsimo.add_dependency(99, 1);
SELECT pulsimo.add_dependency(1, 10);
SELECT pulsimo.remove_dependency(1, 5);
SELECT pulsimo.remove_dependency(1, NULL);
SELECT pulsimo.remove_dependency(1, 10);
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on) VALUES (6, 5);
UPDATE pulsimo.dependencies SET kind = 'weak';
DELETE FROM pulsimo.dependencies;
SELECT public.tell(s.statement) FROM (VALUES
    ('SELECT pulsimo.add_dependency(NULL, 2)'), ('SELECT pulsimo.add_dependency(1, 2, kind => NULL)'),
    ('SELECT pulsimo.add_dependency(5, 1)'), ('SELECT pulsimo.add_dependency(1, 99)'), ('SELECT pulsimo.add_dependency(1, 10)'),
    ('SELECT pulsimo.remove_dependency(1, 5)'), ('SELECT pulsimo.upstream(10)'), ('SELECT pulsimo.downstream(99)'),
    ('SELECT pulsimo.impact(10)'), ('SELECT pulsimo.simulate_failure(''{1,10}'')'), ('SELECT pulsimo.simulate_failure(NULL)'),
    ('SELECT pulsimo.simulate_failure(''{1,NULL}'')'), ('SELECT pulsimo.critical_path(3)'), ('SELECT pulsimo.critical_path(NULL)'),
    ('SELECT pulsimo.single_points_of_failure(3)'), ('SELECT pulsimo.root_cause(99)'), ('SELECT pulsimo.root_cause(NULL)'),
    ('SELECT pulsimo.dependency_graph(3)'), ('SELECT pulsimo.dependency_graph(1, ''png'')'),
    ('SELECT pulsimo.dependency_graph(1, NULL)')) AS s (statement);

-- A viewer sees and does not change; neither does a key that may read. Others see nothing, and learn nothing.
SET ROLE regress_vic;
SELECT count(*) FROM pulsimo.dependencies;
SELECT pulsimo.add_dependency(6, 5);
SELECT pulsimo.remove_dependency(1, 2);
SET ROLE regress_bob;
SELECT count(*) FROM pulsimo.dependencies;
SELECT pulsimo.add_dependency(10, 1);
SELECT pulsimo.add_dependency(1, 10);
SELECT pulsimo.remove_dependency(1, 2);
SELECT * FROM pulsimo.upstream(1);
SELECT * FROM pulsimo.simulate_failure('{10,1}');
SELECT * FROM pulsimo.single_points_of_failure();
SELECT pulsimo.dependency_graph(format => 'json');
SET ROLE regress_ann;
SELECT pulsimo.create_api_key('reads', '{read}') AS key \gset
BEGIN;
SELECT pulsimo.use_api_key(:'key');
SELECT count(*) FROM pulsimo.upstream(1);
SELECT pulsimo.add_dependency(6, 5);
ROLLBACK;
-- Ed works in the shop and does not see the platform: no dependency on it, no way through it, no name from it.
SET ROLE regress_ed;
SELECT endpoint_id, depends_on FROM pulsimo.dependencies ORDER BY 1, 2;
SELECT name, path FROM pulsimo.upstream(1);
SELECT pulsimo.add_dependency(3, 5);
SELECT pulsimo.remove_dependency(2, 5);
SELECT pulsimo.add_dependency(3, 2, 'weak');
SELECT pulsimo.remove_dependency(3, 2);
RESET ROLE;
SELECT pulsimo.add_dependency(5, 3);
SELECT pulsimo.remove_dependency(3, 5), pulsimo.add_dependency(5, 3);
SET ROLE regress_ed;
SELECT pulsimo.add_dependency(3, 1);
RESET ROLE;
SELECT pulsimo.remove_dependency(5, 3), pulsimo.add_dependency(3, 5);

-- The guard is for everybody and every row, also those of one statement.
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on) VALUES (6, 9), (9, 7), (7, 6);
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on) VALUES (1, 10);
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on) VALUES (1, 99);
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on) VALUES (NULL, 1);
UPDATE pulsimo.dependencies SET depends_on = 9 WHERE (endpoint_id, depends_on) = (1, 2);
UPDATE pulsimo.dependencies SET endpoint_id = 1, kind = 'strong' WHERE (endpoint_id, depends_on) = (1, 2) RETURNING kind;
-- Not for a restore, whose rows come in any order.
BEGIN;
SET LOCAL row_security = off;
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on) VALUES (5, 1);
ROLLBACK;

-- The keeper is told also of what replication brings.
SELECT tgname, tgenabled FROM pg_trigger
WHERE tgrelid = 'pulsimo.dependencies'::regclass AND NOT tgisinternal AND tgname LIKE 'depend%' ORDER BY 1;

-- What is needed, what needs it.
SET ROLE regress_ann;
SELECT pulsimo.pause_endpoint(9);
SELECT * FROM pulsimo.upstream(1);
SELECT * FROM pulsimo.downstream(5);
SELECT * FROM pulsimo.upstream(9);
-- The nearest way may be a weak one: kind tells of the strongest.
SELECT pulsimo.add_dependency(1, 5, 'weak', 'optional', 'low');
SELECT name, depth, kind, role, criticality, path FROM pulsimo.upstream(1) WHERE name = 'db';
SELECT name, depth, kind, role, criticality, path FROM pulsimo.downstream(5) WHERE name = 'web';
SELECT pulsimo.remove_dependency(1, 5);

-- What a failure takes along. The fallback of the cart holds, until it fails as well or is down anyway.
SELECT * FROM pulsimo.impact(5);
SELECT * FROM pulsimo.impact(7);
SELECT * FROM pulsimo.impact(9);
SELECT * FROM pulsimo.impact(6);
SELECT * FROM pulsimo.impact(1);
SELECT * FROM pulsimo.simulate_failure('{5}');
SELECT * FROM pulsimo.simulate_failure('{5,6,5}');
SELECT * FROM pulsimo.simulate_failure('{7,9}');
SELECT * FROM pulsimo.simulate_failure('{}');
RESET ROLE;
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status) VALUES (6, '2024-05-01 09:00+00', 'down', 'up');
SELECT endpoint_id, effect, because FROM pulsimo.simulate_failure('{5}') WHERE name = 'cart';
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status) VALUES (6, '2024-05-01 09:05+00', 'up', 'down');
SELECT endpoint_id, effect, because FROM pulsimo.simulate_failure('{5}') WHERE name = 'cart';
-- A fallback that goes down later than what it stands in for.
SELECT pulsimo.add_dependency(6, 8), pulsimo.add_dependency(8, 5);
SELECT endpoint_id, effect, because FROM pulsimo.simulate_failure('{5}') WHERE name IN ('cart', 'replica');
SELECT pulsimo.remove_dependency(6, 8), pulsimo.remove_dependency(8, 5);

-- Weak spots: three that have no fallback. The cart has one.
SELECT * FROM pulsimo.single_points_of_failure();
SELECT pulsimo.add_dependency(6, 5);
SELECT * FROM pulsimo.single_points_of_failure();
SELECT * FROM pulsimo.single_points_of_failure(1);
SELECT * FROM pulsimo.single_points_of_failure(2);
SELECT pulsimo.remove_dependency(6, 5);

-- The heaviest chain, not the longest; a fallback is no part of it.
SELECT * FROM pulsimo.critical_path(1);
SELECT * FROM pulsimo.critical_path(2);
SELECT pulsimo.add_dependency(8, 6, criticality => 'medium');
SELECT step, name, criticality FROM pulsimo.critical_path(1);
SELECT pulsimo.add_dependency(8, 6, criticality => 'low');
SELECT step, name, criticality FROM pulsimo.critical_path(1);
SELECT pulsimo.remove_dependency(8, 6);

-- Where an incident came from. The database fails, then api and web; search is in maintenance meanwhile, the gateway fails
-- too late, the cache is needed weakly.
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, error_class, detail, underlying, underlying_since)
VALUES (5, '2024-05-02 09:00+00', 'down', 'up', 'refused', 'connection refused', NULL, NULL),
       (5, '2024-05-02 09:30+00', 'up', 'down', NULL, NULL, NULL, NULL),
       (2, '2024-05-02 09:01+00', 'down', 'up', 'status', NULL, NULL, NULL),
       (2, '2024-05-02 09:31+00', 'up', 'down', NULL, NULL, NULL, NULL),
       (4, '2024-05-02 08:00+00', 'maintenance', 'up', NULL, NULL, 'down', '2024-05-02 08:00+00'),
       (7, '2024-05-02 09:00+00', 'down', 'up', NULL, NULL, NULL, NULL),
       (1, '2024-05-02 09:01+00', 'down', 'up', 'status', 'status 502', NULL, NULL),
       (8, '2024-05-02 09:10+00', 'down', 'up', NULL, NULL, NULL, NULL);
INSERT INTO pulsimo.incidents (endpoint_id, title, status, started_at, created_at, resolved_at)
VALUES (5, 'db is down', 'resolved', '2024-05-02 09:00+00', '2024-05-02 09:02+00', '2024-05-02 09:30+00'),
       (1, 'web is down', 'open', '2024-05-02 09:01+00', '2024-05-02 09:03+00', NULL),
       (4, 'search is down', 'open', '2024-05-02 08:00+00', '2024-05-02 08:02+00', NULL),
       (5, 'db is down later', 'open', '2024-05-03 09:00+00', '2024-05-03 09:02+00', NULL);
INSERT INTO pulsimo.incidents (title, organization_id, project_id, started_at, created_at)
VALUES ('cart and search are slow', 1, 1, '2024-05-02 09:05+00', '2024-05-02 09:05+00'),
       ('about nothing', 1, 1, '2024-05-02 09:05+00', '2024-05-02 09:05+00');
INSERT INTO pulsimo.incident_endpoints (incident_id, endpoint_id) VALUES (5, 3), (5, 4);
SET ROLE regress_ann;
SELECT * FROM pulsimo.root_cause(1);
SELECT * FROM pulsimo.root_cause(2);
SELECT * FROM pulsimo.root_cause(3);
SELECT * FROM pulsimo.root_cause(5);
SELECT * FROM pulsimo.root_cause(6);
-- Two causes, one of them put down to something by the keeper alone.
RESET ROLE;
INSERT INTO pulsimo.suppressions (endpoint_id, cause_endpoint_id, cause_incident_id, began_at, ended_at)
VALUES (8, 9, NULL, '2024-05-02 09:00+00', '2024-05-02 09:02+00');
SET ROLE regress_ann;
SELECT name, reason, depth FROM pulsimo.root_cause(2);
-- What is in maintenance is down all the same.
RESET ROLE;
INSERT INTO pulsimo.incidents (endpoint_id, title, status, started_at, created_at, resolved_at)
VALUES (1, 'web was down', 'resolved', '2024-05-02 08:01+00', '2024-05-02 08:02+00', '2024-05-02 08:03+00');
SET ROLE regress_ann;
SELECT name, incident_id, reason FROM pulsimo.root_cause(7);
SELECT pulsimo.add_dependency(1, 4, 'strong', 'search', 'medium');
SELECT name, incident_id, reason FROM pulsimo.root_cause(7);
SELECT pulsimo.add_dependency(1, 4, 'weak', 'search', 'medium');
-- Through what is hidden no way leads.
SET ROLE regress_ed;
SELECT name, reason FROM pulsimo.root_cause(2);
SELECT * FROM pulsimo.root_cause(1);
SET ROLE regress_bob;
SELECT * FROM pulsimo.root_cause(2);

-- Pictures. Names mean nothing in them.
RESET ROLE;
UPDATE pulsimo.endpoints SET name = $$"><b>&amp; #quot; \N [x] {y} `z`; -->$$ WHERE id = 8;
SET ROLE regress_ann;
SELECT pulsimo.dependency_graph(2);
SELECT pulsimo.dependency_graph(2, 'dot');
SELECT jsonb_pretty(pulsimo.dependency_graph(1, 'json')::jsonb -> 'nodes' -> -2) AS node,
       jsonb_pretty(pulsimo.dependency_graph(1, 'json')::jsonb -> 'edges' -> 0) AS edge;
SET ROLE regress_ed;
SELECT pulsimo.dependency_graph(format => 'json')::jsonb;
RESET ROLE;

-- Ways double with every diamond. Thirty of them: answered, or this test would not end.
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'diamonds');
INSERT INTO pulsimo.endpoints (project_id, name, url, failure_threshold, success_threshold)
SELECT 4, 'd' || n, 'http://a.example/', 3, 1 FROM generate_series(0, 61) n;
SELECT min(id) AS top, max(id) AS bottom FROM pulsimo.endpoints WHERE project_id = 4 \gset
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on)
SELECT :top + 2 * n + a, :top + 2 * n + 2 + b
FROM generate_series(29, 0, -1) n, generate_series(0, 1) a, generate_series(0, 1) b;
SET statement_timeout = '20 s';
SELECT count(*), max(depth), count(*) FILTER (WHERE kind = 'strong') AS strong FROM pulsimo.upstream(:top);
SELECT count(*), max(depth) FROM pulsimo.downstream(:bottom);
SELECT effect, count(*) FROM pulsimo.impact(:bottom) GROUP BY 1 ORDER BY 1;
SELECT effect, count(*) FROM pulsimo.simulate_failure(ARRAY[:bottom, :bottom - 1]) GROUP BY 1 ORDER BY 1;
SELECT count(*), sum(CASE criticality WHEN 'high' THEN 3 END) AS weight FROM pulsimo.critical_path(4);
SELECT public.tell(format('SELECT pulsimo.add_dependency(%s, %s)', :bottom, :top));
RESET statement_timeout;
-- Of all these, a tenant who has none of them reads not one, whatever is asked.
INSERT INTO pulsimo.incidents (endpoint_id, title, started_at, created_at)
VALUES (10, 'of B is down', '2024-05-02 09:05+00', '2024-05-02 09:05+00');
ANALYZE pulsimo.dependencies;
SET enable_seqscan = off;
SELECT pg_stat_force_next_flush();
BEGIN;
SET LOCAL ROLE regress_bob;
SELECT (SELECT count(*) FROM pulsimo.upstream(10)) AS upstream, (SELECT count(*) FROM pulsimo.downstream(10)) AS downstream,
       (SELECT count(*) FROM pulsimo.impact(10)) AS impact, (SELECT count(*) FROM pulsimo.simulate_failure('{10}')) AS simulated,
       (SELECT count(*) FROM pulsimo.critical_path(3)) AS critical, (SELECT count(*) FROM pulsimo.root_cause(8)) AS causes,
       (SELECT count(*) FROM pulsimo.single_points_of_failure()) AS points,
       pulsimo.dependency_graph(format => 'json') AS graph;
RESET ROLE;
SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'pulsimo.dependencies'::regclass;
COMMIT;
RESET enable_seqscan;

-- What is removed takes its dependencies along.
SELECT pulsimo.remove_endpoint(5);
SELECT count(*) FROM pulsimo.dependencies WHERE 5 IN (endpoint_id, depends_on);
SELECT action, count(*) FROM pulsimo.audit_log WHERE object_type = 'dependencies' AND object_id IN (1, 3) GROUP BY 1 ORDER BY 1;
DROP EXTENSION pulsimo;
DROP FUNCTION public.tell;
DROP ROLE regress_ann, regress_vic, regress_ed, regress_bob;
