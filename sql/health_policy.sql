-- The health policy: what is inherited from project and organization, setting it, and who may.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.start(), pulsimo.stop();
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_ed LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE ROLE regress_key LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (1, 'blog'), (2, 'of B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann');
SELECT pulsimo.add_user('vic@a.example', 'Vic', 1, 'viewer', database_role => 'regress_vic');
SELECT pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('ed@a.example', 'Ed', 'regress_ed');
SELECT pulsimo.grant_access('regress_ed'), pulsimo.set_project_role(4, 1, 'admin');
SELECT pulsimo.grant_access('regress_key');
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES
    (1, 'shop 1', 'http://a.example/'), (1, 'shop 2', 'http://a.example/'), (2, 'blog 3', 'http://a.example/'),
    (3, 'of B 4', 'http://b.example/');

-- What nobody set has a default; then the nearest one counts.
SELECT * FROM pulsimo.effective_policy(1);
SET ROLE regress_ann;
SELECT pulsimo.set_health_policy('{"failure_threshold": 5, "success_threshold": 2, "retry_interval": "7 s",
    "degraded_after": "20 s", "flap_start": 20, "auto_resolve": false, "reference_endpoints": [3, 2, 3]}', organization => 1);
SELECT pulsimo.set_health_policy('{"failure_threshold": 4, "failure_window": 6, "flap_stop": 40, "auto_resolve": true}',
                                 project => 1);
SELECT pulsimo.update_endpoint(1, '{"failure_threshold": 2, "retry_interval": "2 s", "degraded_after": "1 s"}');
SELECT * FROM pulsimo.effective_policy(1);
SELECT * FROM pulsimo.endpoint_policy ORDER BY id;
-- Cut to what the endpoint can do: retry_interval to check_interval, degraded_after to timeout.
SELECT pulsimo.update_endpoint(2, '{"check_interval": "4 s", "timeout": "3 s"}');
SELECT retry_interval, degraded_after FROM pulsimo.endpoint_policy WHERE id = 2;
-- null gives back what is inherited; what is not named stays; whole numbers however written.
SELECT pulsimo.update_endpoint(1, '{"failure_threshold": null, "retry_interval": null, "degraded_after": null}');
SELECT pulsimo.set_health_policy('{"failure_window": null, "failure_threshold": 1.0}', project => 1);
SELECT pulsimo.set_health_policy('{}', organization => 1);
SELECT failure_threshold, failure_window, success_threshold, flap_stop FROM pulsimo.projects WHERE id = 1;
SELECT * FROM pulsimo.effective_policy(1);
-- A reference endpoint that is removed is left out; an endpoint is not its own reference.
SELECT pulsimo.remove_endpoint(3);
SELECT id, reference_endpoints FROM pulsimo.endpoint_policy ORDER BY id;
SELECT pulsimo.set_health_policy('{"auto_resolve": null}', project => 1);  -- the organization still names 3
RESET ROLE;
SELECT reference_endpoints FROM pulsimo.organizations WHERE id = 1;
-- Ids of another organization that came past the trigger are left out, too.
SET session_replication_role = replica;
UPDATE pulsimo.endpoints SET reference_endpoints = '{4, 2}' WHERE id = 1;
RESET session_replication_role;
SELECT reference_endpoints FROM pulsimo.endpoint_policy WHERE id = 1;
UPDATE pulsimo.endpoints SET reference_endpoints = NULL WHERE id = 1;

-- Refusals, each with its code and what to do about it.
CREATE FUNCTION refusal(command text) RETURNS TABLE (code text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN QUERY SELECT 'accepted', NULL, NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;
\pset format unaligned
SET ROLE regress_ann;
SELECT r.* FROM unnest(ARRAY[
    'NULL, 1', '''[]'', 1', '''{}''', '''{}'', 1, 1', '''{}'', 99', '''{}'', 3', '''{}'', NULL, 99', '''{}'', NULL, 2'
]) AS a, LATERAL refusal(format('SELECT pulsimo.set_health_policy(%s)', a)) r;
CREATE TEMP VIEW bad_settings AS SELECT a FROM unnest(ARRAY[
    '{"failure_treshold": 1}',
    '{"failure_threshold": 0}', '{"failure_threshold": 11}', '{"failure_threshold": "2"}', '{"failure_threshold": 1.5}',
    '{"failure_window": 0}', '{"failure_window": 21}', '{"failure_window": 2, "failure_threshold": 3}',
    '{"success_threshold": 0}', '{"success_threshold": 11}', '{"flap_start": -1}', '{"flap_start": 101}',
    '{"flap_stop": -1}', '{"flap_stop": 101}', '{"flap_start": 30, "flap_stop": 31}',
    '{"retry_interval": 5}', '{"retry_interval": "0.9 s"}', '{"retry_interval": "25 h"}',
    '{"degraded_after": "0"}', '{"degraded_after": "31 min"}', '{"degraded_after": true}',
    '{"auto_resolve": "yes"}', '{"auto_resolve": 1}',
    '{"reference_endpoints": 1}', '{"reference_endpoints": ["1"]}', '{"reference_endpoints": [null]}',
    '{"reference_endpoints": [1, 99]}', '{"reference_endpoints": [4]}',
    '{"reference_endpoints": [1,1,1,1,1,1,1,1,1,1,1]}'
]) AS a;
SELECT r.* FROM bad_settings, LATERAL refusal(format('SELECT pulsimo.set_health_policy(%L, organization => 1)', a)) r;
-- In the same words for a project and, where it is the same, for an endpoint.
SELECT a, r.message AS for_the_project FROM bad_settings,
    LATERAL refusal(format('SELECT pulsimo.set_health_policy(%L, organization => 1)', a)) o,
    LATERAL refusal(format('SELECT pulsimo.set_health_policy(%L, project => 2)', a)) r
WHERE (r.code, r.message, r.hint) IS DISTINCT FROM (o.code, o.message, o.hint);
SELECT a, r.message AS for_the_endpoint FROM bad_settings,
    LATERAL refusal(format('SELECT pulsimo.set_health_policy(%L, project => 2)', a)) o,
    LATERAL refusal(format('SELECT pulsimo.update_endpoint(2, %L)', a)) r
WHERE (r.code, r.message) IS DISTINCT FROM (o.code, o.message);
SELECT r.* FROM refusal('SELECT pulsimo.update_endpoint(2, ''{"reference_endpoints": [2]}'')') r;
SELECT r.* FROM refusal('SELECT * FROM pulsimo.effective_policy(99)') r;
SELECT r.* FROM refusal('SELECT * FROM pulsimo.effective_policy(4)') r;
SELECT r.* FROM refusal('SELECT * FROM pulsimo.effective_policy(NULL)') r;
-- Together at one level; from different levels each is used as far as it goes.
SELECT r.* FROM unnest(ARRAY[
    'SELECT pulsimo.set_health_policy(''{"failure_threshold": 3, "failure_window": 5}'', project => 2)',
    'SELECT pulsimo.set_health_policy(''{"failure_threshold": 6}'', project => 2)',
    'SELECT pulsimo.set_health_policy(''{"failure_window": 2}'', project => 2)',
    'SELECT pulsimo.set_health_policy(''{"failure_threshold": null, "failure_window": 2}'', project => 2)'
]) AS a, LATERAL refusal(a) r;
RESET ROLE;
-- The same for plain statements, in a project and in an organization.
SELECT r.code, r.message FROM unnest(ARRAY[
    'UPDATE pulsimo.projects SET failure_window = 1, failure_threshold = 2 WHERE id = 2',
    'UPDATE pulsimo.projects SET reference_endpoints = ''{4}'' WHERE id = 2',
    'UPDATE pulsimo.projects SET reference_endpoints = ''{NULL}'' WHERE id = 2',
    'UPDATE pulsimo.organizations SET retry_interval = ''2 days'' WHERE id = 1',
    'UPDATE pulsimo.organizations SET reference_endpoints = ''{99}'' WHERE id = 1',
    'UPDATE pulsimo.endpoints SET reference_endpoints = ''{4}'' WHERE id = 1',
    'INSERT INTO pulsimo.projects (organization_id, name, flap_start) VALUES (1, ''x'', 200)',
    'INSERT INTO pulsimo.organizations (name, flap_start) VALUES (''x'', 200)'
]) AS a, LATERAL refusal(a) r;
UPDATE pulsimo.projects SET retry_interval = '1 year -365 days' WHERE id = 2;
SELECT retry_interval FROM pulsimo.projects WHERE id = 2;
\pset format aligned

-- Who may: admins of the project, admins of the organization. Viewers see; strangers do not.
SET ROLE regress_vic;
SELECT count(*) FROM pulsimo.effective_policy(1);
SELECT * FROM refusal('SELECT pulsimo.set_health_policy(''{"flap_start": 0}'', project => 1)');
SELECT * FROM refusal('SELECT pulsimo.set_health_policy(''{"flap_start": 0}'', organization => 1)');
SELECT * FROM refusal('UPDATE pulsimo.projects SET flap_start = 0 WHERE id = 1');
SET ROLE regress_ed;
SELECT pulsimo.set_health_policy('{"flap_start": 0}', project => 1);
SELECT value, source FROM pulsimo.effective_policy(1) WHERE setting = 'flap_start';
SELECT * FROM refusal('SELECT pulsimo.set_health_policy(''{"flap_start": 0}'', project => 2)');
SELECT * FROM refusal('SELECT pulsimo.set_health_policy(''{"flap_start": 0}'', organization => 1)');
SELECT * FROM refusal('UPDATE pulsimo.projects SET flap_start = 0 WHERE id = 1');
SET ROLE regress_bob;
SELECT * FROM refusal('SELECT pulsimo.set_health_policy(''{"flap_start": 0}'', project => 1)');
SELECT * FROM refusal('SELECT pulsimo.set_health_policy(''{"flap_start": 0}'', organization => 1)');
SELECT * FROM refusal('SELECT pulsimo.set_health_policy(''{"reference_endpoints": [1]}'', organization => 2)');
SELECT * FROM refusal('SELECT pulsimo.update_endpoint(4, ''{"reference_endpoints": [1]}'')');
SELECT * FROM refusal('UPDATE pulsimo.endpoints SET reference_endpoints = ''{1}''');
SELECT * FROM pulsimo.endpoint_policy;
-- With an API key that may only read.
SET ROLE regress_ann;
SELECT pulsimo.create_api_key('reads', '{read}') AS token \gset
SET ROLE regress_key;
BEGIN;
SELECT pulsimo.use_api_key(:'token');
SELECT count(*) FROM pulsimo.effective_policy(1);
SELECT * FROM refusal('SELECT pulsimo.set_health_policy(''{"flap_start": 0}'', organization => 1)');
COMMIT;
RESET ROLE;

-- A dump is taken back whatever comes first, and the keeper hears of changes from everywhere.
BEGIN;
SET LOCAL row_security = off;
INSERT INTO pulsimo.projects (organization_id, name, reference_endpoints) VALUES (1, 'restored', '{1000}');
INSERT INTO pulsimo.endpoints (project_id, name, url, reference_endpoints) VALUES (1, 'restored', 'http://a.example/', '{1000}');
ROLLBACK;
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
WHERE tgname IN ('policy_written', 'policy_changed') ORDER BY tgrelid::regclass::text, tgname;

DROP VIEW bad_settings;
DROP FUNCTION refusal;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_vic, regress_ed, regress_bob, regress_key;
