-- Two organizations that must not know of each other, seen with the roles of their people.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();  -- nothing is probed, and no old partition dropped, while this runs
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_vera LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE ROLE regress_customer LOGIN;
CREATE ROLE regress_stranger LOGIN;

-- The ids are given by the test, so that its output says who is meant.
ALTER TABLE pulsimo.organizations ALTER COLUMN id RESTART WITH 1;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (1, 'blog'), (2, 'secret plan');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'member', database_role => 'regress_ann');
SELECT pulsimo.add_user('vera@a.example', 'Vera', 1, 'viewer', database_role => 'regress_vera');
SELECT pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
-- A customer of A sees one project; a stranger has the rights of a tenant and is nobody.
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('cust@c.example', 'Customer', 'regress_customer');
SELECT pulsimo.grant_access('regress_customer'), pulsimo.set_project_role(4, 1, 'viewer');
SELECT pulsimo.grant_access('regress_stranger');
SELECT pulsimo.grant_access('nobody_there');

SELECT pulsimo.add_endpoint('http://a.example/shop', project => 1), pulsimo.add_endpoint('http://a.example/blog', project => 2),
       pulsimo.add_endpoint('http://b.example/', project => 3);
SELECT pulsimo.create_partition('2026-01-31');
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us)
SELECT e, '2026-01-31 12:00:00+00'::timestamptz + n * interval '1 min', 'up', 1000
FROM generate_series(1, 3) e, generate_series(1, e::int) n;
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
SELECT e, '2026-01-31 12:00:00+00', 'up', 'unknown' FROM generate_series(1, 3) e;
INSERT INTO pulsimo.certificates (endpoint_id, issuer, expires_at)
SELECT e, 'CA', '2027-01-31 12:00:00+00' FROM generate_series(1, 3) e;
INSERT INTO pulsimo.incidents (endpoint_id, title, started_at)
SELECT e.id, e.name, '2026-01-31 12:00:00+00' FROM pulsimo.endpoints e;
INSERT INTO pulsimo.incident_events (incident_id, event) SELECT i.id, 'created' FROM pulsimo.incidents i;
INSERT INTO pulsimo.outbox (topic, incident_id, payload) SELECT 'incident_opened', i.id, '{}' FROM pulsimo.incidents i;
SELECT id, endpoint_id, organization_id, project_id FROM pulsimo.incidents ORDER BY id;

-- What each of them sees, table by table: the partition by its own name too, views, functions.
CREATE FUNCTION seen() RETURNS TABLE (what text, ids text) LANGUAGE plpgsql AS $$
DECLARE
    source record;
BEGIN
    FOR source IN SELECT * FROM (VALUES
        ('organizations', 'id'), ('users', 'id'), ('memberships', 'user_id'), ('project_members', 'user_id'),
        ('projects', 'id'), ('endpoints', 'id'), ('health_checks', 'endpoint_id'),
        ('health_checks_p20260131', 'endpoint_id'), ('state_changes', 'endpoint_id'), ('certificates', 'endpoint_id'),
        ('incidents', 'id'), ('incident_events', 'incident_id'), ('outbox', 'incident_id'), ('endpoint_status', 'id'),
        ('schedule', 'id'), ('active_incidents', 'id'), ('organization_members', 'user_id')) AS v (name, id)
    LOOP
        what := source.name;
        EXECUTE format('SELECT coalesce(string_agg(DISTINCT %1$I::text, '','' ORDER BY %1$I::text), ''-'') FROM pulsimo.%2$I',
                       source.id, source.name) INTO ids;
        RETURN NEXT;
    END LOOP;
    RETURN QUERY SELECT 'dashboard()', string_agg(d.endpoint, ',' ORDER BY d.endpoint) FROM pulsimo.dashboard() d;
END $$;
-- A privilege by hand, such as GRANT SELECT ON ALL TABLES gives, changes nothing.
GRANT SELECT ON pulsimo.health_checks_p20260131 TO regress_ann, regress_vera, regress_bob, regress_customer, regress_stranger;
SET ROLE regress_ann;
SELECT pulsimo.current_user_id(), pulsimo.is_operator();
SELECT * FROM seen();
SET ROLE regress_bob;
SELECT * FROM seen();
SET ROLE regress_customer;
SELECT * FROM seen();
SET ROLE regress_stranger;
SELECT pulsimo.current_user_id();
SELECT * FROM seen();

-- Somebody else's endpoint is no different from one that does not exist.
SET ROLE regress_ann;
SELECT pulsimo.uptime(3, now() - interval '1 day', now());
SELECT pulsimo.uptime(99, now() - interval '1 day', now());
SELECT pulsimo.pause_endpoint(3);
SELECT pulsimo.remove_endpoint(3);
SELECT pulsimo.check_now(3);
SELECT pulsimo.incident_timeline(3);
SELECT pulsimo.add_endpoint('http://a.example/x', project => 3);
SELECT pulsimo.add_endpoint('http://a.example/x', project => 99);
SELECT pulsimo.update_endpoint(1, '{"project": 3}');
UPDATE pulsimo.endpoints SET paused = true WHERE id = 3;
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (3, 'x', 'http://a.example/');
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (99, 'x', 'http://a.example/');
UPDATE pulsimo.endpoints SET project_id = 3 WHERE id = 1;
SELECT pulsimo.has_permission('project.view', 3), pulsimo.has_permission('project.view', 99);
COPY pulsimo.endpoints (id) TO stdout;
-- Quals of one's own do not come before those of the policy.
CREATE FUNCTION pg_temp.peek(bigint, text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
    $$ BEGIN RAISE NOTICE 'seen: % %', $1, $2; RETURN true; END $$;
SET client_min_messages = notice;
SELECT id FROM pulsimo.endpoints WHERE pg_temp.peek(id, url) ORDER BY id;
SET client_min_messages = warning;

-- What a member may do, and a viewer may not.
SELECT pulsimo.add_endpoint('http://a.example/new');  -- several projects
SELECT pulsimo.add_endpoint('http://a.example/new', project => 1);
SELECT pulsimo.pause_endpoint(id) FROM pulsimo.endpoints WHERE name = 'a.example/new';
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (2, 'by hand', 'http://a.example/') RETURNING name;
UPDATE pulsimo.endpoints SET check_interval = '30 s' WHERE name = 'by hand' RETURNING check_interval;
SELECT pulsimo.remove_endpoint(id) FROM pulsimo.endpoints WHERE name = 'by hand';
SELECT name FROM pulsimo.endpoints ORDER BY name;
-- A right to DELETE would be one to lock the table for everybody.
DELETE FROM pulsimo.endpoints WHERE id = 1;
BEGIN;
LOCK TABLE pulsimo.endpoints;
ROLLBACK;
SELECT s.status, s.previous_status FROM pulsimo.state_changes s JOIN pulsimo.endpoints e ON e.id = s.endpoint_id
WHERE e.name = 'a.example/new';
-- Which ids are taken is nobody's business.
INSERT INTO pulsimo.endpoints (id, project_id, name, url) OVERRIDING SYSTEM VALUE VALUES (3, 1, 'x', 'http://a.example/');
UPDATE pulsimo.endpoints SET id = DEFAULT;
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'more');
UPDATE pulsimo.projects SET name = 'renamed' WHERE id = 1;
SET ROLE regress_vera;
SELECT name FROM pulsimo.endpoints ORDER BY name;
SELECT pulsimo.pause_endpoint(1);
SELECT pulsimo.check_now(1);
SELECT pulsimo.add_endpoint('http://a.example/x');
UPDATE pulsimo.endpoints SET paused = true;
SELECT DISTINCT action FROM pulsimo.my_permissions() ORDER BY 1;

-- Writing what only workers write, reading what nobody needs, and the work of the operator.
SET ROLE regress_bob;
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES (3, now(), 'up', 1);
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status) VALUES (3, now(), 'up', 'down');
INSERT INTO pulsimo.memberships (organization_id, user_id, role) VALUES (1, 3, 'owner');
UPDATE pulsimo.users SET database_role = 'regress_bob' WHERE id = 1;
SELECT * FROM pulsimo.invitations;
SELECT last_value FROM pulsimo.endpoints_id_seq;
TRUNCATE pulsimo.endpoints CASCADE;
SELECT pulsimo.start();
SELECT pulsimo.worker_stats();
SELECT pulsimo.record_changes('[]');
SELECT pulsimo.permits(1, true, 'project.view', 1);
SELECT pulsimo.grant_access('regress_bob');
SELECT pulsimo.protect_partitions();
-- Bob is owner of B, and its only project is where his endpoints go.
SELECT pulsimo.add_endpoint('http://b.example/more') IS NOT NULL AS added;
SELECT name, project_id FROM pulsimo.endpoints ORDER BY name;
INSERT INTO pulsimo.projects (organization_id, name) VALUES (2, 'another') RETURNING organization_id, name;
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'intruder');

-- An incident stays with its organization when its endpoint goes.
RESET ROLE;
SELECT pulsimo.remove_endpoint(1);
SELECT id, endpoint_id, status FROM pulsimo.incidents WHERE organization_id = 1 ORDER BY id;
SET ROLE regress_ann;
SELECT id, status FROM pulsimo.incidents ORDER BY id;
SET ROLE regress_bob;
SELECT id, status FROM pulsimo.incidents ORDER BY id;
RESET ROLE;

-- Who is asked about is the effective user: a function of Bob's with his rights sees what Bob sees, and what it has
-- done is done by Bob, whoever calls it.
GRANT CREATE ON SCHEMA public TO regress_bob;
SET ROLE regress_bob;
CREATE FUNCTION public.helper() RETURNS TABLE (me bigint, projects text) LANGUAGE sql SECURITY DEFINER AS
    'SELECT pulsimo.current_user_id(), (SELECT string_agg(name, '','' ORDER BY name) FROM pulsimo.projects)';
CREATE FUNCTION public.trap() RETURNS text LANGUAGE sql SECURITY DEFINER AS
    $$SELECT pulsimo.invite_user('mallory@b.example', 1, 'owner')$$;
-- And in maintenance, where a superuser runs functions of others, everybody is nobody.
CREATE FUNCTION public.spy(i integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RAISE WARNING 'operator: %, sees % projects', pulsimo.is_operator(), (SELECT count(*) FROM pulsimo.projects);
    RETURN i;
END $$;
CREATE TABLE public.bait (i integer);
CREATE INDEX bait_idx ON public.bait (public.spy(i));
INSERT INTO public.bait VALUES (1);
RESET ROLE;
UPDATE pulsimo.memberships SET role = 'owner' WHERE user_id = 1;
SET ROLE regress_ann;
SELECT * FROM public.helper();
SELECT public.trap();
RESET ROLE;
SELECT * FROM public.helper();
SELECT public.trap();
REINDEX TABLE public.bait;
UPDATE pulsimo.memberships SET role = 'member' WHERE user_id = 1;
DROP TABLE public.bait;
DROP FUNCTION public.helper, public.trap, public.spy;
REVOKE CREATE ON SCHEMA public FROM regress_bob;

-- A role that took over the name of another is not that person.
ALTER ROLE regress_bob RENAME TO regress_robert;
CREATE ROLE regress_bob;
GRANT regress_ann TO regress_bob;
SET ROLE regress_bob;
SELECT pulsimo.current_user_id(), count(*) FROM pulsimo.projects;
RESET ROLE;
DROP ROLE regress_bob;
ALTER ROLE regress_robert RENAME TO regress_bob;

-- What was found out does not outlive what it was found in: a subtransaction, a snapshot.
BEGIN;
SAVEPOINT s;
INSERT INTO pulsimo.memberships (organization_id, user_id) VALUES (2, 1);
SET LOCAL ROLE regress_ann;
SELECT count(*) FROM pulsimo.projects;
ROLLBACK TO s;
SET LOCAL ROLE regress_ann;
SELECT count(*) FROM pulsimo.projects;
ROLLBACK;
DO $$
BEGIN
    SET LOCAL ROLE regress_ann;
    RAISE WARNING '% projects', (SELECT count(*) FROM pulsimo.projects);
    RESET ROLE;
    UPDATE pulsimo.memberships SET status = 'disabled' WHERE user_id = 1;
    SET LOCAL ROLE regress_ann;
    RAISE WARNING '% projects', (SELECT count(*) FROM pulsimo.projects);
    RESET ROLE;
    UPDATE pulsimo.memberships SET status = 'active' WHERE user_id = 1;
END $$;

-- A change of rights holds from the next statement on; also within a transaction.
SET ROLE regress_bob;
BEGIN;
SELECT count(*) FROM pulsimo.endpoints;
RESET ROLE;
UPDATE pulsimo.memberships SET status = 'disabled' WHERE user_id = 3;
SET ROLE regress_bob;
SELECT count(*) FROM pulsimo.endpoints;
ROLLBACK;
RESET ROLE;

-- The index that serves the operator serves a tenant.
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT * FROM pulsimo.health_checks WHERE endpoint_id = 2 AND checked_at < '2026-02-01'
    ORDER BY checked_at DESC LIMIT 1000;
SET ROLE regress_ann;
EXPLAIN (COSTS OFF) SELECT * FROM pulsimo.health_checks WHERE endpoint_id = 2 AND checked_at < '2026-02-01'
    ORDER BY checked_at DESC LIMIT 1000;
RESET ROLE;
RESET enable_seqscan;

-- Nothing of a tenant without row security: none. And a partition that was attached by hand gets its own.
SELECT c.oid::regclass FROM pg_class c
WHERE c.relnamespace = 'pulsimo'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname NOT IN ('state', 'dump_info')
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity);
CREATE TABLE pulsimo.health_checks_by_hand (LIKE pulsimo.health_checks INCLUDING ALL);
ALTER TABLE pulsimo.health_checks ATTACH PARTITION pulsimo.health_checks_by_hand
    FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-01-02 00:00+00');
SELECT pulsimo.protect_partitions(), pulsimo.protect_partitions() AS again;
CREATE POLICY all_of_it ON pulsimo.health_checks_by_hand USING (true);
SELECT pulsimo.protect_partitions();
SELECT polname FROM pg_policy WHERE polrelid = 'pulsimo.health_checks_by_hand'::regclass;
-- The incidents of an endpoint follow it to another project, and no project leaves its organization with its history.
UPDATE pulsimo.projects SET organization_id = 2 WHERE id = 1;
SELECT pulsimo.update_endpoint(2, '{"project": 1}');
SELECT DISTINCT project_id FROM pulsimo.incidents WHERE endpoint_id = 2;

-- After an update roles with access are given what is new, as if this had been; others are not touched.
CREATE ROLE regress_looker;
GRANT USAGE ON SCHEMA pulsimo TO regress_looker;
GRANT SELECT ON pulsimo.projects TO regress_looker;
REVOKE EXECUTE ON FUNCTION pulsimo.use_api_key(text) FROM regress_bob;
SELECT pulsimo.renew_access();  -- of the same version: what was taken away by hand stays away
UPDATE pulsimo.access_roles SET extension_version = '007' WHERE database_role = 'regress_bob';
SELECT pulsimo.renew_access();
SELECT r, has_function_privilege(r, 'pulsimo.use_api_key(text)', 'EXECUTE') FROM unnest('{regress_bob,regress_looker}'::text[]) r;
SELECT pulsimo.renew_access();

-- What the role was given, it loses.
SELECT pulsimo.revoke_access('regress_bob');
REVOKE ALL ON pulsimo.health_checks_p20260131 FROM regress_ann, regress_vera, regress_customer, regress_stranger;
SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
WHERE r.rolname = 'regress_bob' AND d.deptype = 'a' AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database());
SELECT pulsimo.revoke_access(r) FROM unnest('{regress_ann,regress_vera,regress_customer,regress_stranger}'::name[]) r;

DROP FUNCTION seen, pg_temp.peek;
DROP EXTENSION pulsimo;
DROP ROLE regress_looker;
DROP ROLE regress_ann, regress_vera, regress_bob, regress_customer, regress_stranger;
