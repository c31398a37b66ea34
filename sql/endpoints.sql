-- Adding, changing, pausing and removing endpoints, and everything that is refused.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;

-- The first endpoint of a fresh installation starts monitoring, and makes what it needs. Rolled back, so that nothing
-- is probed.
BEGIN;
SELECT pulsimo.add_endpoint('http://127.0.0.1:9/');
SELECT pulsimo.is_running();
SELECT count(*) AS partitions_ahead FROM pg_inherits WHERE inhparent = 'pulsimo.health_checks'::regclass;
SELECT i.extension_version = e.extversion AS data_are_of_this_version FROM pulsimo.dump_info i, pg_extension e
WHERE e.extname = 'pulsimo';
-- Stopped by hand, it stays stopped.
SELECT pulsimo.stop();
SELECT pulsimo.add_endpoint('http://127.0.0.1:9/');
SELECT pulsimo.is_running();
ROLLBACK;

-- In a clone of another database, and after a restore, nothing starts by itself.
BEGIN;
UPDATE pulsimo.state SET running = true, database_oid = 1;
SELECT pulsimo.add_endpoint('http://127.0.0.1:9/');
SELECT pulsimo.is_running();
SELECT pulsimo.start();
SELECT pulsimo.is_running();
ROLLBACK;
BEGIN;
INSERT INTO pulsimo.dump_info SELECT true, extversion FROM pg_extension WHERE extname = 'pulsimo';
SELECT pulsimo.add_endpoint('http://127.0.0.1:9/');
SELECT pulsimo.is_running();
SELECT pulsimo.start();
SELECT pulsimo.is_running();
ROLLBACK;

-- From here on it has been started and stopped, and stays stopped.
BEGIN;
SELECT pulsimo.start(), pulsimo.stop();
COMMIT;
ALTER SEQUENCE pulsimo.endpoints_id_seq RESTART;
ALTER SEQUENCE pulsimo.projects_id_seq RESTART;
ALTER SEQUENCE pulsimo.organizations_id_seq RESTART;
SELECT pg_get_function_arguments(oid) FROM pg_proc
WHERE proname = 'add_endpoint' AND pronamespace = 'pulsimo'::regnamespace;

-- Names come from host and path; the default project is made once.
SELECT pulsimo.add_endpoint('https://example.org');
SELECT pulsimo.add_endpoint('HTTP://Example.org:8080/health/?a=1/2#d');
SELECT pulsimo.add_endpoint('https://example.org/' || repeat('x', 500));
SELECT pulsimo.add_endpoint('https://example.org/a', 'Ä ß 中', check_interval => '1 s', timeout => '100 ms',
                            failure_threshold => 1, success_threshold => 10,
                            options => '{"retry_interval": "1 s", "degraded_after": "0.05 s", "method": "HEAD"}',
                            tags => '{eu,"two words"}', criticality => 'low');
SELECT pulsimo.add_endpoint('https://example.org/slow', check_interval => '1 day', timeout => '30 min',
                            options => '{"retry_interval": null}');
SELECT id, project_id, left(name, 30) AS name, length(name), left(url, 40) AS url FROM pulsimo.endpoints ORDER BY id;
SELECT id, check_interval, timeout, retry_interval, degraded_after, failure_threshold, success_threshold, options
FROM pulsimo.endpoints ORDER BY id;
SELECT id, tags, criticality FROM pulsimo.endpoints WHERE tags <> '{}' OR criticality IS NOT NULL;
SELECT o.name AS organization, p.name AS project FROM pulsimo.projects p
    JOIN pulsimo.organizations o ON o.id = p.organization_id;
-- A project that is named is used, and the default one is not needed then.
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop');
SELECT pulsimo.add_endpoint('https://example.org/shop', project => 2);
SELECT project_id FROM pulsimo.endpoints WHERE id = 6;

-- Refusals, each with its code and what to do about it.
CREATE FUNCTION refusal(command text) RETURNS TABLE (code text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN QUERY SELECT 'accepted', NULL, NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;
CREATE FUNCTION refused_argument(argument text, url text DEFAULT 'https://example.org/')
RETURNS TABLE (code text, message text, hint text) LANGUAGE sql AS $$
    SELECT * FROM refusal(format('SELECT pulsimo.add_endpoint(%L, %s)', url, argument));
$$;
\pset format unaligned
SELECT r.* FROM unnest(ARRAY[
    'project => 99',
    'name => ''''', 'name => E''two\nlines''', 'name => '' ''', 'name => repeat(''x'', 201)',
    'check_interval => NULL', 'check_interval => ''0.999 s''', 'check_interval => ''-1 min''',
    'check_interval => ''1 day 1 us''', 'check_interval => ''1 month''', 'check_interval => ''1 year -359 days''',
    'timeout => NULL', 'timeout => ''99 ms''', 'timeout => ''0''', 'timeout => ''61 s''',
    'timeout => ''31 min'', check_interval => ''1 h''', 'check_interval => ''5 s''',
    'failure_threshold => 0', 'failure_threshold => 11', 'success_threshold => 0', 'success_threshold => 11',
    'tags => NULL', 'tags => ''{NULL}''', 'tags => ''{""}''', 'tags => ''{" eu"}''', 'tags => E''{"e\nu"}''',
    'tags => ARRAY[repeat(''x'', 101)]', 'tags => ''{eu,us,eu}''', 'tags => ''{{eu,us},{a,b}}''',
    'tags => ARRAY(SELECT ''t'' || n FROM generate_series(1, 21) n)', 'criticality => ''urgent''',
    'options => NULL', 'options => ''[]''', 'options => ''"GET"''', 'options => ''null''',
    'options => ''{"retry_interval": 5}''', 'options => ''{"retry_interval": "soon"}''',
    'options => ''{"retry_interval": "999 ms"}''', 'options => ''{"retry_interval": "61 s"}''',
    'options => ''{"retry_interval": ["5 s"]}''', 'options => ''{"retry_interval": "99999999999999999 years"}''',
    'options => ''{"degraded_after": "0"}''', 'options => ''{"degraded_after": "11 s"}''',
    'options => ''{"degraded_after": true}''',
    'options => jsonb_build_object(''body'', repeat(''x'', 2097152))'
]) AS a, LATERAL refused_argument(a) r;
SELECT * FROM refusal('SELECT pulsimo.add_endpoint(NULL)');
-- An infinite interval exists from PostgreSQL 17 on; before, it is no interval at all.
SELECT code IN ('22023', '22007') AS refused FROM refused_argument('check_interval => ''infinity''');
SELECT code IN ('22023', '22007') AS refused FROM refused_argument('options => ''{"retry_interval": "infinity"}''');
-- What the engine knows better: the words are its own, the code is ours.
SELECT a AS url, r.code, r.hint <> '' AS with_hint FROM unnest(ARRAY[
    '', 'example.org', 'ftp://example.org/', 'http://', 'http://user:secret@example.org/', 'http://example.org:99999/',
    'http://exa mple.org/', E'http://example.org/\u0001', 'https://example.org/' || repeat('x', 2048)
]) AS a, LATERAL refused_argument('name => ''x''', a) r WHERE length(a) < 60;
SELECT r.code FROM refused_argument('name => ''x''', 'https://example.org/' || repeat('x', 2048)) r;
SELECT a AS options, r.code, r.message ~ (SELECT string_agg(k, '|') FROM jsonb_object_keys(a::jsonb) k) AS names_it
FROM unnest(ARRAY[
    '{"metod": "GET"}', '{"method": 1}', '{"method": "G T"}', '{"max_redirects": 21}', '{"expected_status": "99"}',
    '{"body_matches": "("}', '{"insecure": "yes"}', '{"max_body_bytes": -1}'
]) AS a, LATERAL refused_argument(format('options => %L', a)) r;
\pset format aligned

-- The same rules hold for plain INSERT and UPDATE, and the limits for a session that skips triggers.
SELECT r.code, r.message FROM unnest(ARRAY[
    'INSERT INTO pulsimo.endpoints (project_id, name, url, timeout) VALUES (1, ''x'', ''http://a/'', ''2 min'')',
    'UPDATE pulsimo.endpoints SET check_interval = ''1 s''', 'UPDATE pulsimo.endpoints SET url = NULL',
    'UPDATE pulsimo.endpoints SET failure_threshold = 0', 'UPDATE pulsimo.endpoints SET options = ''7'''
]) AS a, LATERAL refusal(a) r;
SELECT code FROM refusal('UPDATE pulsimo.endpoints SET options = ''{"metod": 1}''');
SET session_replication_role = replica;
SELECT r.code, r.message FROM unnest(ARRAY[
    'UPDATE pulsimo.endpoints SET check_interval = ''0''', 'UPDATE pulsimo.endpoints SET timeout = ''1 day''',
    'UPDATE pulsimo.endpoints SET retry_interval = ''0''', 'UPDATE pulsimo.endpoints SET degraded_after = ''1 day''',
    'UPDATE pulsimo.endpoints SET failure_threshold = 0', 'UPDATE pulsimo.endpoints SET success_threshold = 11',
    'UPDATE pulsimo.endpoints SET options = ''[]''', 'UPDATE pulsimo.endpoints SET url = ''''',
    'UPDATE pulsimo.endpoints SET name = E''\n''', 'UPDATE pulsimo.endpoints SET created_at = ''infinity'''
]) AS a, LATERAL refusal(a) r;
RESET session_replication_role;
-- The keeper hears of changes from everywhere; the triggers that check and write stay out of replication.
SELECT tgname, tgenabled FROM pg_trigger
WHERE tgrelid = 'pulsimo.endpoints'::regclass AND NOT tgisinternal ORDER BY tgname;

-- update_endpoint() changes what is named, and merges options.
SELECT pulsimo.update_endpoint(4, '{"name": "four", "url": "http://127.0.0.1:9/four", "project": 2,
    "check_interval": "2 min", "timeout": "5 s", "failure_threshold": 2, "success_threshold": 2,
    "retry_interval": null, "degraded_after": "1 s", "tags": ["us", "web"], "criticality": "critical",
    "options": {"method": "GET", "body_contains": "ok", "headers": {"A": "1"}}}');
SELECT name, url, project_id, check_interval, timeout, retry_interval, degraded_after, failure_threshold,
       success_threshold, options, paused, tags, criticality
FROM pulsimo.endpoints WHERE id = 4 \gx
SELECT pulsimo.update_endpoint(4, '{"options": {"method": null, "headers": {"B": "2"}, "body": null,
    "retry_interval": "3 s"}}');
SELECT options, retry_interval, degraded_after FROM pulsimo.endpoints WHERE id = 4;
-- An option that is null is not kept, however it comes.
UPDATE pulsimo.endpoints SET options = options || '{"insecure": null, "json": {"path": "$.a", "value": null}}'
WHERE id = 4;
SELECT options FROM pulsimo.endpoints WHERE id = 4;
SELECT pulsimo.update_endpoint(4, '{}');
SELECT pulsimo.update_endpoint(4, '{"failure_threshold": null, "success_threshold": null, "tags": [], "criticality": null}');
SELECT failure_threshold, success_threshold, tags, criticality FROM pulsimo.endpoints WHERE id = 4;
\pset format unaligned
SELECT r.* FROM unnest(ARRAY[
    '{"check_intervall": "1 s"}', '{"paused": true}', '{"id": 7}', '{"check_interval": 60}', '{"check_interval": null}',
    '{"check_interval": "soon"}', '{"timeout": null}', '{"name": 7}', '{"name": null}', '{"url": null}',
    '{"failure_threshold": "3"}', '{"failure_threshold": 2.5}', '{"failure_threshold": 1e30}',
    '{"tags": "eu"}', '{"tags": [1]}', '{"tags": null}', '{"criticality": "urgent"}', '{"criticality": 1}',
    '{"project": 99}', '{"project": null}', '{"project": "shop"}',
    '{"options": null}', '{"options": []}', '[]', '7'
]) AS a, LATERAL refusal(format('SELECT pulsimo.update_endpoint(4, %L)', a)) r;
SELECT r.* FROM refusal('SELECT pulsimo.update_endpoint(4, NULL)') r;
SELECT r.* FROM unnest(ARRAY['{"metod": 1}', '{"metod": null}', '{"json": {"path": "$.a", "op": null}}']) AS a,
    LATERAL refusal(format('SELECT pulsimo.update_endpoint(4, %L)', jsonb_build_object('options', a::jsonb))) r;
SELECT a, r.* FROM unnest(ARRAY[
    'pulsimo.update_endpoint(99, ''{}'')', 'pulsimo.update_endpoint(NULL, ''{}'')', 'pulsimo.pause_endpoint(99)',
    'pulsimo.resume_endpoint(NULL)', 'pulsimo.remove_endpoint(99)', 'pulsimo.check_now(99)',
    'pulsimo.check_now(NULL)', 'pulsimo.check_now(1, NULL)', 'pulsimo.check_now(1, ''-1 s'')',
    'pulsimo.check_now(1, ''999999999 days'')', 'pulsimo.next_slot(1, ''0.5 s'')',
    'pulsimo.next_slot(1, ''170000000 years'')'
]) AS a, LATERAL refusal('SELECT ' || a) r;
\pset format aligned

-- Pausing and resuming leave one row each, doing it again leaves none.
SELECT pulsimo.pause_endpoint(1);
SELECT pulsimo.pause_endpoint(1);
SELECT paused FROM pulsimo.endpoints WHERE id = 1;
SELECT status FROM pulsimo.endpoint_status WHERE id = 1;
SELECT pulsimo.resume_endpoint(1);
SELECT pulsimo.resume_endpoint(1);
UPDATE pulsimo.endpoints SET paused = true WHERE id <= 2;
SELECT endpoint_id, previous_status, status FROM pulsimo.state_changes ORDER BY id;
-- A change that lies in the future (the clock was set back) does not hide a pause.
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
    VALUES (3, now() + interval '1 hour', 'up', 'unknown');
SELECT pulsimo.pause_endpoint(3);
SELECT status FROM pulsimo.state_changes WHERE endpoint_id = 3 ORDER BY changed_at DESC, id DESC LIMIT 1;

-- Removing takes the status along, leaves checks, and works by DELETE as well.
SELECT pulsimo.remove_endpoint(1);
DELETE FROM pulsimo.endpoints WHERE id = 2;
SELECT count(*) FROM pulsimo.state_changes WHERE endpoint_id IN (1, 2);
SELECT array_agg(id ORDER BY id) FROM pulsimo.endpoints;
-- Months, and years of 365.25 days, become what they are here: a length.
SELECT pulsimo.add_endpoint('http://127.0.0.1:9/', 'odd', check_interval => '1 year -365 days') AS odd \gset
SELECT pulsimo.update_endpoint(:odd, '{"timeout": "-1 day 24 hours 2 s"}');
SELECT check_interval, timeout FROM pulsimo.endpoints WHERE id = :odd;
SELECT count(*) FROM pulsimo.endpoint_status WHERE id = :odd;
-- Where the trigger is left out, the views bear them all the same.
SET session_replication_role = replica;
UPDATE pulsimo.endpoints SET check_interval = '1 year -365 days' WHERE id = :odd;
RESET session_replication_role;
SELECT count(*) FROM pulsimo.endpoint_status WHERE id = :odd;
TRUNCATE pulsimo.endpoints CASCADE;

DROP FUNCTION refused_argument;
DROP FUNCTION refusal;
DROP EXTENSION pulsimo;
