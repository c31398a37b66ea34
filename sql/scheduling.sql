-- When endpoints are checked: cron expressions, tags, whole projects at a time. Which runs a cron expression has is for
-- test/unit/cron_test.cpp.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SET intervalstyle = postgres;
SET timezone = 'PST8PDT';
BEGIN;
SELECT pulsimo.start(), pulsimo.stop();
SELECT pulsimo.ensure_partitions((now() AT TIME ZONE 'UTC')::date - 3, (now() AT TIME ZONE 'UTC')::date) > 0 AS made;
COMMIT;
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_ed LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE ROLE regress_key LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (1, 'blog'), (2, 'of B'), (1, 'empty');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann');
SELECT pulsimo.add_user('vic@a.example', 'Vic', 1, 'viewer', database_role => 'regress_vic');
SELECT pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('ed@a.example', 'Ed', 'regress_ed');
SELECT pulsimo.set_project_role(2, 1, 'editor');  -- Vic sees all of A and changes one project
SELECT pulsimo.grant_access('regress_ed'), pulsimo.set_project_role(4, 1, 'viewer');
SELECT pulsimo.grant_access('regress_key');
CREATE FUNCTION refusal(command text) RETURNS TABLE (code text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN QUERY SELECT 'accepted', NULL, NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END $$;

-- Cron expressions.
SET timezone = 'UTC';
SELECT pulsimo.cron_next('*/5 9-17 * * mon-fri', 'Europe/Berlin', '2026-03-27 16:57Z') AS monday_in_summer_time;
SELECT pulsimo.cron_next('0 0 29 2 *', 'UTC', '2026-01-01') AS leap_day;
SELECT pulsimo.cron_next('0 0 * * *', 'UTC', NULL) AS nothing, pulsimo.cron_next('0 0 * * *', 'UTC', 'infinity') AS never;
-- What has no Unix time any more is not taken for the year 1.
SELECT pulsimo.cron_next('0 0 * * *', 'UTC', '294276-12-31Z') AS never;
SELECT c, pulsimo.validate_cron(c, 'UTC') FROM unnest('{* * * * *,*/5 9-17 * * mon-fri,@daily,0 0 29 2 *}'::text[]) AS c;
SET timezone = 'PST8PDT';

-- Of the session is the time zone unless another one is given; the interval is the shortest distance of two runs.
SET ROLE regress_ann;
SELECT pulsimo.add_endpoint('http://a.example/', 'office', 1, cron => '*/5 9-17 * * mon-fri', timezone => 'Europe/Berlin',
                            tags => '{eu,web}');
SELECT pulsimo.add_endpoint('http://a.example/', 'nightly', 1, cron => '@daily', tags => '{us,web}');
SELECT pulsimo.add_endpoint('http://a.example/', 'steady', 2, '30 s', tags => '{web}');
INSERT INTO pulsimo.endpoints (project_id, name, url, cron, check_interval) VALUES
    (2, 'inserted', 'http://a.example/', '0,10 * * * *', '1 s');
SELECT id, name, cron, timezone, check_interval, tags FROM pulsimo.endpoints ORDER BY id;
SELECT checks_per_minute FROM pulsimo.organization_usage;
RESET ROLE;
SELECT pulsimo.add_endpoint('http://b.example/', 'of B', 3, tags => '{web,secret}');

-- schedule_endpoint() goes from one to the other, and leaves alone what is not given.
SET ROLE regress_ann;
SELECT pulsimo.schedule_endpoint(1, cron => '0 * * * *');
SELECT cron, timezone, check_interval, timeout FROM pulsimo.endpoints WHERE id = 1;
SELECT pulsimo.schedule_endpoint(1, every => '5 s', timeout => '2 s', retry_interval => '3 s');
SELECT cron, timezone, check_interval, timeout, retry_interval FROM pulsimo.endpoints WHERE id = 1;
SELECT pulsimo.schedule_endpoint(1, cron => '*/10 * * * *');
SELECT cron, timezone, check_interval, timeout, retry_interval FROM pulsimo.endpoints WHERE id = 1;
-- So do update_endpoint() and UPDATE.
SELECT pulsimo.update_endpoint(1, '{"timezone": "Asia/Tokyo", "tags": ["eu", "web", "x"]}');
SELECT cron, timezone, tags FROM pulsimo.endpoints WHERE id = 1;
SELECT pulsimo.update_endpoint(1, '{"cron": null}');
SELECT cron, timezone, check_interval FROM pulsimo.endpoints WHERE id = 1;
SELECT pulsimo.update_endpoint(1, '{"cron": "*/5 9-17 * * mon-fri", "timezone": "Europe/Berlin"}');
UPDATE pulsimo.endpoints SET cron = NULL, check_interval = '7 s', timeout = '2 s' WHERE id = 4
RETURNING cron, timezone, check_interval;
UPDATE pulsimo.endpoints SET cron = '1 1 * * *', timezone = 'UTC' WHERE id = 4 RETURNING cron, timezone, check_interval;
UPDATE pulsimo.endpoints SET check_interval = '1 day', name = 'no change' WHERE id = 4 RETURNING check_interval;
\pset format unaligned
SELECT r.* FROM unnest(ARRAY[
    'pulsimo.schedule_endpoint(1)', 'pulsimo.schedule_endpoint(1, ''1 min'', ''@daily'')',
    'pulsimo.schedule_endpoint(1, ''1 min'', timezone => ''UTC'')', 'pulsimo.schedule_endpoint(99, ''1 min'')',
    'pulsimo.schedule_endpoint(NULL, ''1 min'')', 'pulsimo.schedule_endpoint(5, ''1 min'')',
    'pulsimo.schedule_endpoint(1, ''0.5 s'')', 'pulsimo.schedule_endpoint(1, ''1 s'')',
    'pulsimo.schedule_endpoint(1, cron => '''')', 'pulsimo.schedule_endpoint(1, cron => ''60 * * * *'')',
    'pulsimo.schedule_endpoint(1, cron => ''* * *'')', 'pulsimo.schedule_endpoint(1, cron => ''0 0 30 2 *'')',
    'pulsimo.schedule_endpoint(1, cron => repeat(''1,'', 100) || ''1 * * * *'')',
    'pulsimo.schedule_endpoint(1, cron => ''@daily'', timezone => ''Mars/Base'')',
    'pulsimo.schedule_endpoint(1, cron => ''@daily'', timezone => ''<+05>-05'')',
    'pulsimo.schedule_endpoint(1, cron => ''* * * * *'', timeout => ''61 s'')',
    'pulsimo.schedule_endpoint(1, cron => ''* * * * *'', retry_interval => ''61 s'')',
    'pulsimo.update_endpoint(1, ''{"check_interval": "1 min"}'')', 'pulsimo.update_endpoint(1, ''{"cron": 5}'')',
    'pulsimo.update_endpoint(1, ''{"timezone": "nowhere"}'')', 'pulsimo.update_endpoint(3, ''{"timezone": "UTC"}'')',
    'pulsimo.add_endpoint(''http://a.example/'', project => 1, timezone => ''UTC'')',
    'pulsimo.add_endpoint(''http://a.example/'', project => 1, cron => ''@never'')'
]) AS a, LATERAL refusal('SELECT ' || a) r;
SET timezone = '<+05>-05';
SELECT r.* FROM refusal('SELECT pulsimo.add_endpoint(''http://a.example/'', project => 1, cron => ''@daily'')') r;
SET timezone = 'PST8PDT';
\pset format aligned

-- The next runs.
SELECT count(*), min(run) > now() AS ahead, bool_and(extract(minute FROM run)::integer % 5 = 0) AS at_five,
       bool_and(extract(isodow FROM run AT TIME ZONE 'Europe/Berlin') < 6) AS on_working_days,
       bool_and(extract(hour FROM run AT TIME ZONE 'Europe/Berlin') BETWEEN 9 AND 17) AS in_working_hours
FROM pulsimo.next_runs(1, 1000) AS run;
SELECT count(*), max(run) - min(run) AS from_first_to_last FROM pulsimo.next_runs(3) AS run;
SELECT abs(extract(epoch FROM run - pulsimo.next_slot(3, '30 s'))) < 0.001 AS as_planned FROM pulsimo.next_runs(3, 1) AS run;
-- A day here is always 24 hours: in a year there are two that are not in this time zone.
SELECT pulsimo.schedule_endpoint(3, every => '1 day');
SELECT DISTINCT extract(epoch FROM run - lag) AS seconds
FROM (SELECT run, lag(run) OVER (ORDER BY run) AS lag FROM pulsimo.next_runs(3, 366) AS run) r WHERE lag IS NOT NULL;
SELECT r.* FROM unnest(ARRAY['3, 0', '3, 1001', '3, NULL', '99', 'NULL', '5']) AS a,
    LATERAL refusal(format('SELECT * FROM pulsimo.next_runs(%s)', a)) r;

-- Tags.
SELECT pulsimo.tag_endpoint(3, 'x'), pulsimo.tag_endpoint(3, 'x'), pulsimo.tag_endpoint(3, 'two words');
SELECT tags FROM pulsimo.endpoints WHERE id = 3;
SELECT pulsimo.untag_endpoint(3, 'x'), pulsimo.untag_endpoint(3, 'x'), pulsimo.untag_endpoint(3, 'two words');
SELECT tags FROM pulsimo.endpoints WHERE id = 3;
SELECT r.code, r.message FROM unnest(ARRAY[
    'tag_endpoint(3, NULL)', 'tag_endpoint(3, '''')', 'tag_endpoint(3, '' x'')', 'tag_endpoint(99, ''x'')',
    'tag_endpoint(5, ''x'')', 'untag_endpoint(3, NULL)', 'untag_endpoint(5, ''web'')'
]) AS a, LATERAL refusal('SELECT pulsimo.' || a) r;
BEGIN;
UPDATE pulsimo.endpoints SET tags = ARRAY(SELECT 't' || n FROM generate_series(1, 20) n) WHERE id = 3;
SELECT r.code, r.message FROM refusal('SELECT pulsimo.tag_endpoint(3, ''one more'')') r;
ROLLBACK;

-- All of a project, or with a tag, or both; never those of others, and all or none.
SELECT pulsimo.reschedule(every => '20 s', tag => 'web');
SELECT pulsimo.reschedule(cron => '0 * * * *', timezone => 'Asia/Tokyo', project => 1, tag => 'eu');
SELECT pulsimo.reschedule(every => '5 s', project => 2, timeout => '4 s', retry_interval => '2 s');
SELECT pulsimo.reschedule(cron => '30 * * * *', project => 1);
SELECT id, cron, timezone, check_interval, timeout, retry_interval FROM pulsimo.endpoints ORDER BY id;
SELECT r.* FROM unnest(ARRAY[
    'every => ''1 min''', 'project => 1', 'every => ''1 min'', cron => ''@daily'', project => 1',
    'every => ''1 min'', timezone => ''UTC'', project => 1', 'every => ''1 min'', project => 99',
    'every => ''1 min'', project => 3', 'every => ''1 min'', project => 4', 'every => ''1 min'', tag => ''secret''',
    'every => ''1 min'', tag => ''"''', 'every => ''1 min'', project => 2, tag => ''us''', 'every => ''3 s'', project => 2',
    'every => ''0 s'', tag => ''web''', 'cron => ''x'', tag => ''web'''
]) AS a, LATERAL refusal(format('SELECT pulsimo.reschedule(%s)', a)) r;
RESET ROLE;
SELECT check_interval FROM pulsimo.endpoints WHERE id = 5;

-- Who may change some of them changes those; who sees them only is told; strangers see nothing.
SET ROLE regress_vic;
SELECT pulsimo.reschedule(every => '40 s', tag => 'web');
SELECT id, check_interval FROM pulsimo.endpoints ORDER BY id;
SELECT r.code, r.message FROM unnest(ARRAY[
    'reschedule(every => ''1 min'', project => 2)', 'schedule_endpoint(3, ''1 min'')', 'tag_endpoint(3, ''x'')',
    'untag_endpoint(3, ''web'')', 'check_now_all(project => 2)'
]) AS a, LATERAL refusal('SELECT pulsimo.' || a) r;
SELECT count(*) FROM pulsimo.next_runs(3);
SET ROLE regress_ed;
SELECT r.code, r.message FROM unnest(ARRAY[
    'reschedule(every => ''1 min'', tag => ''web'')', 'reschedule(every => ''1 min'', project => 2)',
    'schedule_endpoint(1, ''1 min'')', 'check_now_all(tag => ''web'')', 'check_endpoints(''{1}'', ''1 s'')'
]) AS a, LATERAL refusal('SELECT pulsimo.' || a) r;
SET ROLE regress_bob;
SELECT r.code, r.message FROM unnest(ARRAY[
    'reschedule(every => ''1 min'', project => 1)', 'reschedule(every => ''1 min'', tag => ''eu'')',
    'schedule_endpoint(1, ''1 min'')', 'next_runs(1)', 'tag_endpoint(1, ''x'')', 'check_now_all(tag => ''eu'')',
    'check_now_all(project => 1)', 'check_endpoints(''{1}'', ''1 s'')'
]) AS a, LATERAL refusal('SELECT pulsimo.' || a) r;
SELECT pulsimo.reschedule(every => '50 s', tag => 'web');
RESET ROLE;
SELECT id, check_interval FROM pulsimo.endpoints ORDER BY id;
SET ROLE regress_ann;
SELECT pulsimo.create_api_key('reads', '{read}') AS token \gset
SET ROLE regress_key;
BEGIN;
SELECT pulsimo.use_api_key(:'token');
SELECT count(*) FROM pulsimo.next_runs(1);
SELECT r.code, r.message FROM unnest(ARRAY[
    'reschedule(every => ''1 min'', tag => ''web'')', 'schedule_endpoint(1, ''1 min'')', 'check_now_all(tag => ''web'')'
]) AS a, LATERAL refusal('SELECT pulsimo.' || a) r;
COMMIT;

-- Checking them all at once: test/tap/019_check_now_all.pl does it.
SET ROLE regress_ann;
SELECT r.* FROM unnest(ARRAY[
    '', 'project => 1', 'tag => ''none''', 'tag => ''web'', wait => NULL', 'tag => ''web'', wait => ''-1 s''',
    'tag => ''web'', wait => ''2 days'''
]) AS a, LATERAL refusal(format('SELECT pulsimo.check_now_all(%s)', a)) r;
UPDATE pulsimo.endpoints SET paused = true WHERE project_id = 1;
SELECT r.* FROM unnest(ARRAY[
    'check_now_all(project => 1)', 'check_endpoints(''{1}'', ''1 s'')', 'check_endpoints(NULL, ''1 s'')',
    'check_endpoints(''{NULL}'', ''1 s'')', 'check_endpoints(''{99}'', ''1 s'')'
]) AS a, LATERAL refusal('SELECT pulsimo.' || a) r;
UPDATE pulsimo.endpoints SET paused = false;
RESET ROLE;

-- How long a status holds goes by the runs of the cron expression. The second of these two a day was an hour or two ago.
BEGIN;
SELECT pulsimo.start();
SELECT date_trunc('hour', now()) - interval '1 hour' AS hour_before \gset
UPDATE pulsimo.endpoints SET timezone = 'UTC', created_at = now() - interval '2 days', cron =
    CASE id WHEN 1 THEN format('0,1 %s * * *', extract(hour FROM :'hour_before'::timestamptz AT TIME ZONE 'UTC'))
            ELSE '* * * * *' END
WHERE id IN (1, 2);
DELETE FROM pulsimo.state_changes;
SELECT check_interval FROM pulsimo.endpoints WHERE id = 1;
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
    SELECT id, now() - interval '1 day', 'up', 'unknown' FROM pulsimo.endpoints WHERE id IN (1, 2);
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES
    (1, :'hour_before'::timestamptz + interval '1 min', 'up', 1000),
    (2, date_trunc('minute', now()) - interval '3 min', 'up', 1000);
SELECT id, status, CASE WHEN id = 2 THEN since - last_check END AS unknown_after,
       next_check = pulsimo.cron_next(e.cron, e.timezone, statement_timestamp()) AS planned
FROM pulsimo.endpoint_status s JOIN pulsimo.endpoints e USING (id) WHERE id IN (1, 2) ORDER BY id;
SELECT cron, timezone, check_interval, retrying FROM pulsimo.schedule WHERE id = 2;
UPDATE pulsimo.health_checks SET checked_at = checked_at - interval '1 us' WHERE endpoint_id = 1;
SELECT status FROM pulsimo.endpoint_status WHERE id = 1;  -- by a clock that is not quite the same
-- Two such distances and the timeout later it does not: after the first of the two runs that is soon.
UPDATE pulsimo.health_checks SET checked_at = checked_at - interval '1 day' WHERE endpoint_id = 1;
SELECT status FROM pulsimo.endpoint_status WHERE id = 1;
UPDATE pulsimo.health_checks SET checked_at = checked_at - interval '1 day' WHERE endpoint_id = 1;
SELECT status FROM pulsimo.endpoint_status WHERE id = 1;
UPDATE pulsimo.health_checks SET checked_at = checked_at + interval '1 day' - interval '1 min' WHERE endpoint_id = 1;
SELECT status FROM pulsimo.endpoint_status WHERE id = 1;
-- A check that fails comes again after the retry_interval of the project.
SELECT pulsimo.set_health_policy('{"retry_interval": "40 s"}', project => 1);
UPDATE pulsimo.endpoints SET retry_interval = NULL, timeout = '10 s' WHERE id = 1;
UPDATE pulsimo.health_checks SET checked_at = now(), status = 'down', error_class = 'timeout' WHERE endpoint_id = 1;
SELECT next_check - last_check AS next_check_after, retrying FROM pulsimo.schedule WHERE id = 1;
-- On a server that does not know the time zone the others are shown all the same.
SET LOCAL session_replication_role = replica;
UPDATE pulsimo.endpoints SET timezone = 'Mars/Base' WHERE id = 1;
SET LOCAL session_replication_role = origin;
SELECT id, status, next_check IS NULL AS not_planned FROM pulsimo.endpoint_status WHERE id IN (1, 2) ORDER BY id;
SELECT pulsimo.pause_endpoint(1);
ROLLBACK;
-- And a dump is taken back.
BEGIN;
SET LOCAL row_security = off;
INSERT INTO pulsimo.endpoints (project_id, name, url, cron, timezone, check_interval)
    VALUES (1, 'restored', 'http://a.example/', '0 0 * * *', 'Mars/Base', '1 h')
RETURNING cron, timezone, check_interval;
ROLLBACK;

DROP FUNCTION refusal;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_vic, regress_ed, regress_bob, regress_key;
