-- The audit log: who did what. What is written by the keeper is tested in test/tap/017_audit.pl.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
COPY (SELECT repeat('5a', 32)) TO PROGRAM 'umask 077; cat >pulsimo.key';
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_mia LOGIN;
CREATE ROLE regress_bob LOGIN;
SET application_name = 'regress';
-- A change leaves an entry: its number, who, and what.
CREATE FUNCTION entries() RETURNS TABLE (organization bigint, who bigint, with_role name, action text, object text, before jsonb, after jsonb)
LANGUAGE sql AS $$
    SELECT a.organization_id, a.user_id, a.database_role, a.action, a.object_type || coalesce(' ' || a.object_id, ''),
           a.before - '{created_at,changed_at,expires_at,database_oid}'::text[], a.after - '{created_at,changed_at,expires_at,database_oid}'::text[]
    FROM pulsimo.audit_log a WHERE a.id > coalesce(current_setting('regress.seen', true), '0')::bigint ORDER BY a.id;
$$;
CREATE FUNCTION seen() RETURNS void LANGUAGE sql AS
    $$ SELECT set_config('regress.seen', (SELECT max(id)::text FROM pulsimo.audit_log), false); $$;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', 'correct horse battery', 'regress_ann');
SELECT * FROM entries();
SELECT seen();
SELECT pulsimo.add_user('mia@a.example', 'Mia', 1, 'viewer', database_role => 'regress_mia'),
       pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
SELECT seen();

-- By function, by direct DML, several rows at a time; nothing of what changes nothing or is rolled back.
SET ROLE regress_ann;
SELECT pulsimo.add_endpoint('http://a.example/', 'one', 1, options => '{"headers": {"X-Custom": "hush"}, "method": "HEAD"}') AS endpoint \gset
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (1, 'two', 'http://a.example/2'), (1, 'three', 'http://a.example/3');
UPDATE pulsimo.endpoints SET check_interval = '30 s' WHERE name <> 'one';
UPDATE pulsimo.endpoints SET name = name;
BEGIN;
UPDATE pulsimo.endpoints SET name = 'undone' WHERE name = 'two';
ROLLBACK;
SELECT pulsimo.remove_endpoint(:endpoint);
SELECT pulsimo.invite_user('zoe@a.example', 1) ~ '^pui_' AS invited;
SELECT pulsimo.revoke_invitation('zoe@a.example', 1);
SELECT pulsimo.set_secret('token', 'hush') AS secret;
SELECT pulsimo.create_api_key('mine') ~ '^pul_' AS made;
SELECT pulsimo.set_role(2, 1, 'member');
RESET ROLE;
SELECT replace(e::text, '""', chr(39)) AS entry FROM entries() e;
SELECT count(*) FROM pulsimo.audit_log a WHERE a::text LIKE '%hush%';
SELECT DISTINCT application, client_address, api_key_id, result, times FROM pulsimo.audit_log ORDER BY 1;
SELECT seen();

-- In the name of whoever the transaction acts for, by way of what.
CREATE ROLE regress_pool LOGIN;
SELECT pulsimo.grant_access('regress_pool');
SET ROLE regress_pool;
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery') AS token \gset
BEGIN;
SELECT pulsimo.use_session(:'token');
SELECT pulsimo.create_api_key('changes', '{all}') AS key \gset
COMMIT;
BEGIN;
SELECT pulsimo.use_api_key(:'key');
UPDATE pulsimo.endpoints SET paused = true WHERE name = 'two';
COMMIT;
SELECT pulsimo.sign_out(:'token');
RESET ROLE;
SELECT user_id, database_role, api_key_id, action, object_type FROM pulsimo.audit_log
WHERE id > current_setting('regress.seen')::bigint ORDER BY id;
-- Sessions that expire are nobody's doing.
INSERT INTO pulsimo.user_sessions (user_id, token_hash, expires_at) VALUES (1, 'x', now() - interval '1 s');
SELECT seen();
SELECT pulsimo.forget_expired();
SELECT count(*) FROM entries();

-- Who may read it: owners and admins that of their organization, everybody what concerns their account.
SET ROLE regress_ann;
SELECT DISTINCT organization_id, user_id FROM pulsimo.audit_log ORDER BY 1, 2;
SET ROLE regress_mia;
SELECT DISTINCT organization_id, user_id FROM pulsimo.audit_log ORDER BY 1, 2;
SET ROLE regress_bob;
SELECT DISTINCT organization_id, user_id FROM pulsimo.audit_log ORDER BY 1, 2;
INSERT INTO pulsimo.audit_log (action) VALUES ('forged');
SELECT nextval('pulsimo.audit_log_id_seq');
SELECT pulsimo.record_audit_notes();
SELECT pulsimo.forget_old_audit();
-- Nobody but the operator can keep the triggers quiet.
SET row_security = off;
UPDATE pulsimo.projects SET name = 'quiet' WHERE id = 2;
INSERT INTO pulsimo.projects (organization_id, name) VALUES (2, 'quiet');
-- Nor within functions that run as the owner, or in the middle of a statement.
RESET ROLE;
SELECT seen();
SELECT pulsimo.set_quota(2, endpoints => 0);
SET ROLE regress_bob;
SET row_security = off;
SELECT pulsimo.set_secret('quiet', 'hush', 2) > 0 AS stored;
SELECT pulsimo.create_api_key('quiet', '{all}') IS NOT NULL AS made;
RESET row_security;
INSERT INTO pulsimo.endpoints (project_id, name, url, options)
SELECT 2, 'quiet', 'http://b.example/', '{"auth": {"bearer": "clear"}}' WHERE set_config('row_security', 'off', true) = 'off';
INSERT INTO pulsimo.endpoints (project_id, name, url)
SELECT 2, 'quiet', 'http://b.example/' WHERE set_config('row_security', 'off', true) = 'off';
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (2, 'quiet', 'http://b.example/')
RETURNING set_config('row_security', 'off', true);
-- Nor by way of a function of a superuser.
RESET ROLE;
CREATE FUNCTION of_the_operator() RETURNS void LANGUAGE sql SECURITY DEFINER AS
    $$ INSERT INTO pulsimo.projects (organization_id, name) VALUES (2, 'not quiet') $$;
SET ROLE regress_bob;
SET row_security = off;
SELECT of_the_operator();
RESET row_security;
RESET ROLE;
DROP FUNCTION of_the_operator;
SELECT action, object FROM entries();
SELECT pulsimo.set_quota(2);
-- What is long is left out.
SET ROLE regress_bob;
SELECT pulsimo.add_endpoint('http://b.example/', 'long', 2, options => jsonb_build_object('method', 'POST', 'body', repeat('x', 100000))) > 0 AS added;
RESET ROLE;
SELECT octet_length(after::text) < 2000 AS short, after -> 'options' AS options FROM pulsimo.search_audit(object_type => 'endpoints', at_most => 1);
-- What was done to an account is seen by whose it is; a project that is removed takes nothing along that cannot be told.
SELECT pulsimo.create_api_key('by the operator', user_id => 2) IS NOT NULL AS made, pulsimo.set_project_role(2, 1, 'viewer');
SET ROLE regress_mia;
SELECT user_id, account_id, action, object_type FROM pulsimo.audit_log ORDER BY id DESC LIMIT 2;
RESET ROLE;
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'short-lived') RETURNING id AS project \gset
SELECT pulsimo.set_project_role(2, :project, 'viewer');
SELECT pulsimo.remove_project(:project);
SELECT organization_id, action, object_type FROM pulsimo.audit_log ORDER BY id DESC LIMIT 2;
SELECT pulsimo.add_endpoint('http://a.example/', 'needed', 1) AS needed, pulsimo.add_endpoint('http://a.example/', 'needs', 1) AS needs \gset
SELECT pulsimo.add_dependency(:needs, :needed);
SELECT pulsimo.remove_endpoint(:needed), pulsimo.remove_endpoint(:needs);
SELECT organization_id, action, object_type FROM pulsimo.audit_log ORDER BY id DESC LIMIT 3;

-- Searching.
SELECT action, object_type FROM pulsimo.search_audit(organization => 1, object_type => 'endpoints', contains => 'TWO');
SELECT count(*) FROM pulsimo.search_audit(user_id => 1, action => 'sign_in', result => 'done');
SELECT count(*) FROM pulsimo.search_audit(to_time => now() - interval '1 day');
SELECT count(*) FROM pulsimo.search_audit(from_time => 'infinity');
SELECT count(*) FROM pulsimo.search_audit(object_id => 1, at_most => 2);
SELECT count(*) FROM pulsimo.search_audit(contains => $$x'; DROP TABLE pulsimo.audit_log; --$$);
SELECT pulsimo.search_audit(at_most => 0);
SELECT pulsimo.search_audit(at_most => NULL);
COPY (SELECT action, object_type, object_id FROM pulsimo.search_audit(object_type => 'projects')) TO STDOUT (FORMAT csv, HEADER);

-- It can only be added to; what is older than pulsimo.audit_retention goes.
UPDATE pulsimo.audit_log SET action = 'forged';
DELETE FROM pulsimo.audit_log;
TRUNCATE pulsimo.audit_log;
INSERT INTO pulsimo.audit_log (happened_at, action) SELECT now() - n * interval '1 year', 'old' FROM generate_series(1, 3) n;
SELECT count(*) AS before FROM pulsimo.audit_log WHERE action = 'old';
SELECT pulsimo.forget_old_audit();
SELECT count(*) AS after FROM pulsimo.audit_log WHERE action = 'old';

DROP FUNCTION entries, seen;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_mia, regress_bob, regress_pool;
