-- API keys: a user within scopes, for a transaction at a time.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_pool LOGIN;
CREATE ROLE regress_ann LOGIN;
SELECT pulsimo.grant_access('regress_pool');
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', 'correct horse battery', 'regress_ann');
SELECT pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', 'staple donkey engine');
SELECT pulsimo.add_endpoint('http://a.example/', 'one', 1) AS endpoint \gset
CREATE FUNCTION tries(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;

-- What cannot be made.
SET ROLE regress_pool;
SELECT pulsimo.create_api_key('nobody is asking');
SET ROLE regress_ann;
SELECT pulsimo.create_api_key(NULL);
SELECT pulsimo.create_api_key('');
SELECT pulsimo.create_api_key(E'two\nlines');
SELECT pulsimo.create_api_key('x', NULL);
SELECT pulsimo.create_api_key('x', '{}');
SELECT pulsimo.create_api_key('x', '{read,endpoints.chagne}');
SELECT pulsimo.create_api_key('x', '{read,NULL}');
SELECT pulsimo.create_api_key('x', expires => '-1 s');
SELECT pulsimo.create_api_key('x', expires => '11 years');
SELECT pulsimo.create_api_key('of Bob', user_id => 2);
SELECT pulsimo.create_api_key('x''; DROP TABLE pulsimo.api_keys; --') ~ '^pul_[A-Za-z0-9_-]{43}$' AS form;

SELECT pulsimo.create_api_key('reads') AS reads, pulsimo.create_api_key('pauses', '{endpoints.change,project.view,endpoint.view}') AS pauses,
       pulsimo.create_api_key('does all', '{all}', NULL) AS does_all,
       pulsimo.create_api_key('members', '{members.change,project.members,read}') AS members \gset
SELECT pulsimo.create_api_key('reads');
SELECT name, scopes, expires_at - created_at BETWEEN '89 days' AND '91 days' AS lasts_90_days, expired FROM pulsimo.my_api_keys;
-- Only the hash is kept.
RESET ROLE;
SELECT count(*) FROM pulsimo.api_keys k WHERE k::text LIKE '%pul_%' OR k.key_hash = sha256(convert_to(:'reads', 'UTF8'));

-- A scope takes away, and never adds.
SET ROLE regress_pool;
SELECT pulsimo.use_api_key('pul_no_such_key');
SELECT pulsimo.use_api_key(NULL);
BEGIN;
SELECT pulsimo.use_api_key(:'reads'), pulsimo.current_api_key_id() IS NOT NULL AS by_key;
SELECT name FROM pulsimo.endpoints;
SELECT action FROM pulsimo.my_permissions();
SELECT pulsimo.is_operator();
SAVEPOINT s;
SELECT pulsimo.pause_endpoint(:endpoint);
ROLLBACK TO s;
UPDATE pulsimo.endpoints SET paused = true;
COMMIT;
SELECT pulsimo.current_user_id(), pulsimo.current_api_key_id();
BEGIN;
SELECT pulsimo.use_api_key(:'pauses');
SELECT pulsimo.pause_endpoint(:endpoint);
SELECT pulsimo.resume_endpoint(:endpoint);
SELECT count(*) FROM pulsimo.organizations;
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'more');
ROLLBACK;

-- Whatever its scopes, a key is not the person.
BEGIN;
SELECT pulsimo.use_api_key(:'does_all');
SELECT s.statement, tries(s.statement) FROM (VALUES
    ('INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, ''more'')'),
    ('SELECT pulsimo.create_api_key(''y'')'), ('SELECT pulsimo.rotate_api_key(1)'), ('SELECT pulsimo.revoke_api_key(1)'),
    ('SELECT pulsimo.change_password(''correct horse battery'', ''another horse battery'')'),
    ('SELECT pulsimo.revoke_sessions()'), ('SELECT pulsimo.revoke_session(1)'), ('SELECT pulsimo.remove_user(1, 1)'),
    ('SELECT pulsimo.accept_invitation(''x'')'), ('SELECT pulsimo.begin_one_time_passwords(''correct horse battery'')'),
    ('SELECT pulsimo.confirm_one_time_passwords(''123456'')'), ('SELECT pulsimo.end_one_time_passwords(''x'', ''y'')'),
    ('SELECT pulsimo.add_organization(''C'')'), ('SELECT pulsimo.set_quota(1)')) AS s (statement);
-- And one that may change members is not as good as all.
SELECT pulsimo.use_api_key(:'members');
SELECT s.statement, tries(s.statement) FROM (VALUES
    ('SELECT pulsimo.add_user(''puppet@a.example'', ''P'', 1, ''owner'', ''another horse battery'')'),
    ('SELECT pulsimo.invite_user(''puppet@a.example'', 1, ''admin'')'),
    ('SELECT pulsimo.set_role(1, 1, ''viewer'')'), ('SELECT pulsimo.disable_user(1, 1)'),
    ('SELECT pulsimo.set_project_role(1, 1, ''viewer'')'),
    ('SELECT pulsimo.add_user(''puppet@a.example'', ''P'', 1, ''viewer'')')) AS s (statement);
SELECT pulsimo.use_api_key(:'does_all');
SELECT count(*) AS sessions_seen FROM pulsimo.sessions;
SELECT name FROM pulsimo.my_api_keys;
ROLLBACK;

-- The identity ends with the transaction or the savepoint it came in; the last one counts.
BEGIN;
SELECT pulsimo.sign_in('bob@b.example', 'staple donkey engine') ~ '^pus_' AS signed_in;
SAVEPOINT s;
SELECT pulsimo.use_api_key(:'reads');
SELECT name FROM pulsimo.projects;
ROLLBACK TO s;
SELECT pulsimo.current_user_id(), pulsimo.current_api_key_id();
COMMIT;

-- Rotated, the old text is good for nothing; revoked, expired or of a disabled user, none is.
SET ROLE regress_ann;
SELECT pulsimo.rotate_api_key(id) AS reads_anew FROM pulsimo.my_api_keys WHERE name = 'reads' \gset
SELECT pulsimo.rotate_api_key(id) FROM pulsimo.my_api_keys WHERE name = 'none';
SELECT pulsimo.rotate_api_key(99);
SELECT pulsimo.revoke_api_key(NULL);
SET ROLE regress_pool;
SELECT pulsimo.use_api_key(:'reads');
SELECT pulsimo.use_api_key(:'reads_anew');
SET ROLE regress_ann;
BEGIN;
SELECT pulsimo.use_api_key(:'pauses');
SELECT count(*) FROM pulsimo.endpoints;
RESET ROLE;
DELETE FROM pulsimo.api_keys WHERE name = 'pauses';
SET ROLE regress_ann;
SELECT count(*) AS seen_after_it_was_revoked FROM pulsimo.endpoints;
COMMIT;
SELECT pulsimo.revoke_api_key(id) FROM pulsimo.my_api_keys WHERE name = 'does all';
RESET ROLE;
UPDATE pulsimo.api_keys SET expires_at = now() - interval '1 s' WHERE name = 'reads';
SELECT name, expired FROM pulsimo.my_api_keys;
SELECT pulsimo.use_api_key(:'reads_anew');
SELECT pulsimo.use_api_key(:'does_all');
UPDATE pulsimo.api_keys SET expires_at = NULL;
SELECT pulsimo.disable_user(1, 1);
SELECT pulsimo.add_user('otto@a.example', 'Otto', 1, 'owner');
SELECT pulsimo.disable_user(1, 1);
SET ROLE regress_pool;
BEGIN;
SELECT pulsimo.use_api_key(:'reads_anew');
SELECT count(*) AS seen_while_suspended FROM pulsimo.endpoints;
ROLLBACK;
RESET ROLE;
SELECT pulsimo.disable_user(1);
SELECT pulsimo.use_api_key(:'reads_anew');

-- The operator makes keys for others, for example for an account that is a program.
SELECT pulsimo.create_api_key('of Bob', '{read}', user_id => 2) ~ '^pul_' AS made;
SELECT pulsimo.create_api_key('of nobody', user_id => 99);
SELECT pulsimo.create_api_key('whose');
SELECT user_id, name FROM pulsimo.my_api_keys;
-- Nobody calls the inside.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pulsimo TO regress_pool;
SET ROLE regress_pool;
SELECT pulsimo.act_for(1, 1);
SELECT pulsimo.note_key_use(1, NULL);
SELECT pulsimo.take_audit_notes();
SELECT pulsimo.note_failed_sign_in('x', 'y');
RESET ROLE;
DROP FUNCTION tries;
DROP EXTENSION pulsimo;
DROP ROLE regress_pool, regress_ann;
