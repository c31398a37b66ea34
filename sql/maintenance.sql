-- Windows of maintenance: planning, ending, and when they are. That of transactions and sessions: live_maintenance.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_ed LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_bob LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (1, 'blog'), (2, 'of B');
INSERT INTO pulsimo.endpoints (project_id, name, url, tags) VALUES
    (1, 'shop 1', 'http://a.example/', '{db,eu}'), (1, 'shop 2', 'http://a.example/', '{}'),
    (2, 'blog 1', 'http://a.example/', '{db}'), (3, 'b 1', 'http://b.example/', '{db}');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann');
SELECT pulsimo.add_user('vic@a.example', 'Vic', 1, 'viewer', database_role => 'regress_vic');
SELECT pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('ed@c.example', 'Ed', 'regress_ed');
SELECT pulsimo.grant_access('regress_ed'), pulsimo.set_project_role(4, 1, 'editor');
CREATE FUNCTION tries(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
    result text;
BEGIN
    EXECUTE statement INTO result;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', SQLSTATE, SQLERRM, nullif(hint, ''));
END $$;
CREATE FUNCTION plan_fails(arguments text) RETURNS text LANGUAGE sql AS $$
    SELECT tries('SELECT pulsimo.schedule_maintenance(' || arguments || ')');
$$;

-- What cannot be planned. About what:
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', now(), duration => '1 h'$$,
    $$'x', now(), duration => '1 h', endpoint => NULL$$,
    $$'x', now(), duration => '1 h', endpoint => 1, project => 1$$,
    $$'x', now(), duration => '1 h', project => 1, tag => 'db'$$,
    $$'x', now(), duration => '1 h', project => 1, organization => 1$$,
    $$'x', now(), duration => '1 h', tag => 'db'$$,
    $$'x', now(), duration => '1 h', tag => '', organization => 1$$,
    $$'x', now(), duration => '1 h', endpoint => 99$$,
    $$'x', now(), duration => '1 h', project => 99$$,
    $$'x', now(), duration => '1 h', organization => 99$$]) AS a;
-- Called what:
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$NULL, now(), duration => '1 h', endpoint => 1$$,
    $$E'two\nlines', now(), duration => '1 h', endpoint => 1$$]) AS a;
-- Once:
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', endpoint => 1$$,
    $$'x', duration => '1 h', endpoint => 1$$,
    $$'x', now(), endpoint => 1$$,
    $$'x', now(), now() + '1 h', '1 h', endpoint => 1$$,
    $$'x', now(), now(), endpoint => 1$$,
    $$'x', now() + '1 d', now(), endpoint => 1$$,
    $$'x', '2020-01-01', '2020-01-02', endpoint => 1$$,
    $$'x', '2020-01-01', duration => '1 h', endpoint => 1$$,
    $$'x', now(), duration => '-1 h', endpoint => 1$$,
    $$'x', now(), duration => '2 years', endpoint => 1$$,
    $$'x', now(), duration => '1 h', timezone => 'UTC', endpoint => 1$$,
    $$'x', now(), 'infinity', endpoint => 1$$,
    $$'x', 'infinity', duration => '1 h', endpoint => 1$$]) AS a;
-- Recurring:
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', daily => '02:00', endpoint => 1$$,
    $$'x', daily => '02:00', weekly => 'sun 02:00', duration => '1 h', endpoint => 1$$,
    $$'x', daily => '02:00:30', duration => '1 h', endpoint => 1$$,
    $$'x', daily => '24:00', duration => '1 h', endpoint => 1$$,
    $$'x', weekly => 'someday 02:00', duration => '1 h', endpoint => 1$$,
    $$'x', weekly => 'sun', duration => '1 h', endpoint => 1$$,
    $$'x', weekly => 'sun 25:00', duration => '1 h', endpoint => 1$$,
    $$'x', weekly => 'fri-mon 02:00', duration => '1 h', endpoint => 1$$,
    $$'x', weekly => 'mon-wed-fri 02:00', duration => '1 h', endpoint => 1$$,
    $$'x', monthly => 'first 02:00', duration => '1 h', endpoint => 1$$,
    $$'x', monthly => '32 02:00', duration => '1 h', endpoint => 1$$,
    $$'x', cron => '0 2 * *', duration => '1 h', endpoint => 1$$,
    $$'x', cron => '', duration => '1 h', endpoint => 1$$,
    $$'x', cron => '0 2 30 2 *', duration => '1 h', endpoint => 1$$,
    $$'x', daily => '02:00', duration => '1 h', timezone => 'Europe/Bärlin', endpoint => 1$$,
    $$'x', daily => '02:00', duration => '0 s', endpoint => 1$$,
    $$'x', monthly => '1 02:00', duration => '8 days', endpoint => 1$$,
    $$'x', daily => '02:00', duration => '1 h', ends_at => now() - '1 d'::interval, endpoint => 1$$,
    $$'x', daily => '02:00', duration => '1 h', starts_at => '2020-01-01', ends_at => '2020-02-01', endpoint => 1$$,
    $$'x', daily => '02:00', duration => '1 h', starts_at => '2040-01-01 03:00', ends_at => '2040-01-01 04:00', endpoint => 1$$,
    $$'x', daily => '02:00', duration => '1 h', starts_at => '-infinity', endpoint => 1$$]) AS a;
-- One that begins before the other has ended:
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', cron => '*/10 * * * *', duration => '10 min', endpoint => 1$$,
    $$'x', cron => '0 0,22 * * *', duration => '3 h', endpoint => 1$$,
    $$'x', daily => '02:00', duration => '24 h', endpoint => 1$$,
    $$'x', weekly => 'mon,thu 02:00', duration => '3 days', endpoint => 1$$,
    $$'x', weekly => 'sun 02:00', duration => '7 days', endpoint => 1$$]) AS a;
-- Without a time zone that knows of summer time:
SET timezone = '+03:00';
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', daily => '02:00', duration => '1 h', endpoint => 1$$]) AS a;
SET timezone = 'UTC';
SELECT tries(a) FROM unnest(ARRAY[
    $$SELECT pulsimo.begin_maintenance(NULL, endpoint => 1)$$,
    $$SELECT pulsimo.begin_maintenance('0 s', endpoint => 1)$$,
    $$SELECT pulsimo.begin_maintenance('1 h')$$,
    $$SELECT pulsimo.begin_maintenance('1 h', endpoint => 1, title => ' ')$$,
    $$SELECT pulsimo.end_maintenance(NULL)$$,
    $$SELECT pulsimo.end_maintenance(99)$$]) AS a;
SELECT count(*) FROM pulsimo.maintenance_windows;

-- Plain statements of the operator, in the same words. The organization is found.
SELECT tries(a) FROM unnest(ARRAY[
    $$INSERT INTO pulsimo.maintenance_windows (organization_id, endpoint_id, title, starts_at, ends_at) VALUES (2, 1, 'x', now(), now())$$,
    $$INSERT INTO pulsimo.maintenance_windows (organization_id, project_id, title, starts_at, ends_at) VALUES (2, 1, 'x', now(), now())$$,
    $$INSERT INTO pulsimo.maintenance_windows (endpoint_id, project_id, title, starts_at, ends_at) VALUES (1, 1, 'x', now(), now())$$,
    $$INSERT INTO pulsimo.maintenance_windows (project_id, title, starts_at, ends_at) VALUES (1, ' ', now(), now())$$,
    $$INSERT INTO pulsimo.maintenance_windows (project_id, title, starts_at, ends_at) VALUES (1, 'x', now(), now() - '1 s'::interval)$$,
    $$INSERT INTO pulsimo.maintenance_windows (project_id, title, starts_at) VALUES (1, 'x', now())$$,
    $$INSERT INTO pulsimo.maintenance_windows (project_id, title, starts_at, ends_at, duration) VALUES (1, 'x', now(), now(), '1 h')$$,
    $$INSERT INTO pulsimo.maintenance_windows (project_id, title, starts_at, cron, duration) VALUES (1, 'x', now(), '0 2 * * *', '1 h')$$,
    $$INSERT INTO pulsimo.maintenance_windows (project_id, title, starts_at, cron, timezone) VALUES (1, 'x', now(), '0 2 * * *', 'UTC')$$,
    $$INSERT INTO pulsimo.maintenance_windows (project_id, title, starts_at, cron, timezone, duration) VALUES (1, 'x', now(), 'daily', 'UTC', '1 h')$$]) AS a;
INSERT INTO pulsimo.maintenance_windows (project_id, title, starts_at, ends_at) VALUES (1, 'x', '2020-01-01', '2020-01-02');
INSERT INTO pulsimo.maintenance_windows (endpoint_id, title, starts_at, cron, timezone, duration)
VALUES (4, 'x', '2020-01-01', '0 2 * * sun', 'UTC', '1 day 1 h') RETURNING organization_id, duration;
SELECT tries(a) FROM unnest(ARRAY[
    $$UPDATE pulsimo.maintenance_windows SET duration = '7 days' WHERE endpoint_id = 4$$,
    $$UPDATE pulsimo.maintenance_windows SET timezone = NULL WHERE endpoint_id = 4$$,
    $$UPDATE pulsimo.maintenance_windows SET endpoint_id = 1 WHERE endpoint_id = 4$$]) AS a;
-- What was accepted can be moved, and so be ended, though a change of the clocks now makes the break too short.
INSERT INTO pulsimo.maintenance_windows (project_id, title, starts_at, cron, timezone, duration)
VALUES (1, 'long', '2025-04-01', '0 12 * * *', 'Europe/Berlin', '23:30');
UPDATE pulsimo.maintenance_windows SET starts_at = '2026-01-01', title = 'longer' WHERE title = 'long' RETURNING title, duration;
DELETE FROM pulsimo.maintenance_windows;

-- Once, from now until it is ended.
SELECT pulsimo.begin_maintenance('1 h', endpoint => 1, title => 'New disk') AS id \gset
SELECT id = :id AS same, title, ends_at - starts_at AS lasts, running, organization_id, project_id, endpoint_id, tag
FROM pulsimo.upcoming_maintenance();
SELECT endpoint_ids, since_us = ARRAY[(extract(epoch FROM w.starts_at) * 1000000)::bigint] AS since,
       next_change_us = (extract(epoch FROM w.ends_at) * 1000000)::bigint AS until
FROM pulsimo.keeper_maintenance(), pulsimo.maintenance_windows w;
SELECT pulsimo.end_maintenance(:id);
SELECT * FROM pulsimo.keeper_maintenance();
SELECT ends_at <= clock_timestamp() AS ended FROM pulsimo.maintenance_windows WHERE id = :id;
SELECT regexp_replace(tries('SELECT pulsimo.end_maintenance(' || :id || ')'), '\d+ has', 'N has');
-- What has not begun is taken back.
SELECT pulsimo.schedule_maintenance('Later', '2040-01-01', '2040-01-02', endpoint => 1) AS id \gset
SELECT count(*) FROM pulsimo.upcoming_maintenance();
SELECT next_change_us = (extract(epoch FROM '2040-01-01'::timestamptz) * 1000000)::bigint AS next FROM pulsimo.keeper_maintenance();
SELECT pulsimo.end_maintenance(:id);
SELECT count(*) FROM pulsimo.maintenance_windows WHERE id = :id;
-- Of a recurring one only the run that is going on ends.
SELECT pulsimo.schedule_maintenance('All week', '2024-01-01', duration => '6 days 23:59:59', endpoint => 1, weekly => 'sun 00:00') AS id \gset
SELECT running, count(*) > 3 AS several FROM pulsimo.upcoming_maintenance() GROUP BY running ORDER BY running;
SELECT endpoint_ids FROM pulsimo.keeper_maintenance();
SELECT tries('SELECT pulsimo.end_maintenance(' || :id || ', NULL)');
SELECT pulsimo.end_maintenance(:id);
SELECT running, count(*) > 3 AS several FROM pulsimo.upcoming_maintenance() GROUP BY running;
SELECT endpoint_ids FROM pulsimo.keeper_maintenance();
SELECT regexp_replace(tries('SELECT pulsimo.end_maintenance(' || :id || ')'), '\d+ is', 'N is');
SELECT pulsimo.end_maintenance(:id, all_runs => true);
SELECT count(*) FROM pulsimo.upcoming_maintenance();
-- Also the last run, that goes on behind ends_at.
INSERT INTO pulsimo.maintenance_windows (endpoint_id, title, starts_at, ends_at, cron, timezone, duration)
SELECT 1, 'Last', '2024-01-01', now() - '1 us'::interval, '0 0 * * sun', 'UTC', '6 days 23:59:59' RETURNING id \gset
SELECT endpoint_ids, next_change_us IS NOT NULL AS will_end FROM pulsimo.keeper_maintenance();
SELECT pulsimo.end_maintenance(:id);
SELECT * FROM pulsimo.keeper_maintenance();
TRUNCATE pulsimo.maintenance_windows;

-- Every day at 02:30 in Berlin. Clocks go forward on March 30, when there is no 02:30, and back on October 26, when there
-- are two. Each is as long as the others, and the session's own time zone is no matter.
SELECT pulsimo.schedule_maintenance('Backup', '2025-01-01', duration => '2 h', project => 1, daily => '02:30', timezone => 'Europe/Berlin') AS id \gset
SELECT cron, timezone, duration FROM pulsimo.maintenance_windows;
SELECT starts_at, ends_at, running FROM pulsimo.maintenance_between('2025-03-29 00:00', '2025-04-01 00:00');
SELECT starts_at, ends_at, running FROM pulsimo.maintenance_between('2025-10-25 00:00', '2025-10-28 00:00');
SET timezone = 'America/New_York';
SELECT starts_at, ends_at, ends_at - starts_at AS lasts FROM pulsimo.maintenance_between('2025-03-29 00:00+00', '2025-04-01 00:00+00');
SET timezone = 'UTC';
SELECT at, pulsimo.next_maintenance_change(at), ARRAY(SELECT endpoint_id FROM pulsimo.maintenance_at(at)) AS endpoints
FROM unnest('{2025-03-30 00:59:59, 2025-03-30 01:00, 2025-03-30 02:59:59.999999, 2025-03-30 03:00,
              2025-10-26 00:29:59, 2025-10-26 00:30, 2025-10-26 01:30, 2025-10-26 02:30}'::timestamptz[]) AS at;
-- Begun in the middle of a night, it is from the next one on.
UPDATE pulsimo.maintenance_windows SET starts_at = '2025-06-01 01:00+02', ends_at = '2025-06-03 02:30+02';
SELECT starts_at, ends_at FROM pulsimo.maintenance_between('2025-01-01', '2026-01-01');
UPDATE pulsimo.maintenance_windows SET starts_at = '2025-06-01 03:00+02', ends_at = '2025-06-03 02:31+02';
SELECT starts_at, ends_at FROM pulsimo.maintenance_between('2025-01-01', '2026-01-01');
SELECT pulsimo.next_maintenance_change('2025-06-03 03:00'), pulsimo.next_maintenance_change('2025-06-03 01:00');
TRUNCATE pulsimo.maintenance_windows;
-- A whole day, when one has 23 hours and another 25. In Lord Howe Island it is half an hour.
SELECT pulsimo.schedule_maintenance('Sundays', '2025-01-01', duration => '1 day', project => 1, weekly => 'sun 00:00', timezone => 'Europe/Berlin') AS id \gset
SELECT pulsimo.schedule_maintenance('Island', '2025-01-01', duration => '1 h', project => 2, daily => '02:15', timezone => 'Australia/Lord_Howe') AS id \gset
SELECT title, starts_at, ends_at FROM pulsimo.maintenance_between('2025-03-29 00:00', '2025-03-31', 1);
SELECT title, starts_at, ends_at FROM pulsimo.maintenance_between('2025-10-25 00:00', '2025-10-28', 1);
SELECT title, starts_at, ends_at FROM pulsimo.maintenance_between('2025-10-03 16:00', '2025-10-06', 3);
SELECT title, starts_at, ends_at FROM pulsimo.maintenance_between('2025-04-04 16:00', '2025-04-07', 3);
TRUNCATE pulsimo.maintenance_windows;

-- The last day of the month, in leap years and others; several days; days that not every month has.
SELECT pulsimo.schedule_maintenance('Last', '2023-12-15', duration => '1 h', project => 1, monthly => 'last 03:00', timezone => 'UTC') AS id \gset
SELECT pulsimo.schedule_maintenance('Two', '2023-12-15', duration => '1 h', project => 2, monthly => '1,Last 23:30', timezone => 'UTC') AS id \gset
SELECT pulsimo.schedule_maintenance('30', '2023-12-15', duration => '1 h', project => 3, monthly => '30 4:05', timezone => 'UTC') AS id \gset
SELECT title, starts_at FROM pulsimo.maintenance_between('2024-01-15', '2024-03-31');
SELECT title, starts_at FROM pulsimo.maintenance_between('2028-02-15', '2028-03-01') UNION ALL
SELECT title, starts_at FROM pulsimo.maintenance_between('2027-02-15', '2027-03-01');
TRUNCATE pulsimo.maintenance_windows;
-- Every week across the end of a year, and through midnight.
SELECT pulsimo.schedule_maintenance('Night', '2025-12-01', duration => '3 h', project => 1, weekly => 'Wed,Sat 22:30', timezone => 'Europe/Berlin') AS id \gset
SELECT starts_at, ends_at, running FROM pulsimo.maintenance_between('2025-12-27 23:00+01', '2026-01-07 22:31+01');
SELECT pulsimo.schedule_maintenance('Working days', '2025-12-01', duration => '1 h', project => 2, weekly => 'mon-fri 12:00', timezone => 'UTC') AS id \gset
SELECT to_char(starts_at, 'dy') FROM pulsimo.maintenance_between('2026-01-01', '2026-01-08', 3);
TRUNCATE pulsimo.maintenance_windows;
-- No more than a thousand.
SELECT pulsimo.schedule_maintenance('Often', '2025-01-01', duration => '10 s', project => 1, cron => '* * * * *', timezone => 'UTC') AS id \gset
SELECT count(*), min(starts_at), max(starts_at) FROM pulsimo.maintenance_between('2025-01-01 00:00', '2025-02-01');
TRUNCATE pulsimo.maintenance_windows;

-- Which endpoints, and since when where windows overlap.
INSERT INTO pulsimo.maintenance_windows (organization_id, project_id, endpoint_id, tag, title, starts_at, ends_at) VALUES
    (1, NULL, 1, NULL, 'endpoint', '2025-01-01 01:00', '2025-01-01 03:00'), (1, 1, NULL, NULL, 'project', '2025-01-01 02:00', '2025-01-01 04:00'),
    (1, NULL, NULL, 'db', 'tag', '2025-01-01 03:30', '2025-01-01 06:00'), (1, NULL, NULL, 'no such', 'no such', '2025-01-01', '2025-01-02'),
    (1, NULL, NULL, 'eu', 'tag eu', '2025-01-01 05:00', '2025-01-01 06:30'),
    (1, NULL, NULL, NULL, 'all', '2025-01-01 06:00', '2025-01-01 08:00'), (2, NULL, NULL, NULL, 'all of B', '2025-01-01 07:30', '2025-01-01 08:30'),
    (1, 1, NULL, NULL, 'none', '2025-01-01 01:00', '2025-01-01 01:00');
SELECT to_char(at, 'HH24:MI') AS at, m.endpoint_id, to_char(m.since, 'HH24:MI') AS since, m.title, to_char(pulsimo.next_maintenance_change(at), 'DD HH24:MI') AS next
FROM generate_series('2025-01-01 00:30'::timestamptz, '2025-01-01 08:30', '1 h') AS at LEFT JOIN pulsimo.maintenance_at(at) m ON true
ORDER BY at, m.endpoint_id;
SELECT pulsimo.next_maintenance_change('2025-01-02');
-- Not paused ones. A new project or tag counts at once.
UPDATE pulsimo.endpoints SET paused = true WHERE id = 1;
UPDATE pulsimo.endpoints SET project_id = 1, tags = '{}' WHERE id = 3;
SELECT endpoint_id, title FROM pulsimo.maintenance_at('2025-01-01 03:45');
UPDATE pulsimo.endpoints SET paused = false WHERE id = 1;
UPDATE pulsimo.endpoints SET project_id = 2, tags = '{db}' WHERE id = 3;
-- What concerns an endpoint.
SELECT e, title FROM generate_series(1, 4) e, pulsimo.maintenance_between('2025-01-01 00:00', '2025-01-02', e);
SELECT tries('SELECT pulsimo.upcoming_maintenance(endpoint => 99)');
SELECT tries('SELECT pulsimo.upcoming_maintenance(NULL)');
SELECT tries('SELECT pulsimo.upcoming_maintenance(now() + ''2 years'')');
-- A time zone that this server does not know, because the rows were restored from another, stops nobody else.
BEGIN;
SET LOCAL row_security = off;
INSERT INTO pulsimo.maintenance_windows (organization_id, title, starts_at, cron, timezone, duration)
VALUES (1, 'x', '2025-01-01', '* * * * *', 'Moon/Crater', '10 s');
COMMIT;
SELECT endpoint_id, title FROM pulsimo.maintenance_at('2025-01-01 01:30');
SELECT count(*) FROM pulsimo.upcoming_maintenance();
-- And a user can be removed all the same.
UPDATE pulsimo.maintenance_windows SET created_by = NULL;
TRUNCATE pulsimo.maintenance_windows;

-- Who may. An owner all of the own organization, which need not be named.
SET ROLE regress_ann;
SELECT pulsimo.schedule_maintenance('of a tag', '2040-01-01', duration => '1 h', tag => 'db') AS of_tag,
       pulsimo.schedule_maintenance('of all', '2040-01-01', duration => '1 h', organization => 1) AS of_all,
       pulsimo.schedule_maintenance('of shop', '2040-01-01', duration => '1 h', project => 1) AS of_shop,
       pulsimo.schedule_maintenance('of shop 1', '2040-01-01', duration => '1 h', endpoint => 1) AS of_endpoint,
       pulsimo.begin_maintenance('1 h', endpoint => 3) AS of_blog \gset
SELECT title, organization_id, tag, project_id, endpoint_id, created_by FROM pulsimo.maintenance_windows ORDER BY id;
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', now(), duration => '1 h', endpoint => 4$$,
    $$'x', now(), duration => '1 h', project => 3$$,
    $$'x', now(), duration => '1 h', organization => 2$$,
    $$'x', now(), duration => '1 h', tag => 'db', organization => 2$$]) AS a;
SELECT tries('INSERT INTO pulsimo.maintenance_windows (organization_id, title, starts_at, ends_at) VALUES (1, ''x'', now(), now())');
SELECT tries('UPDATE pulsimo.maintenance_windows SET title = ''x''');
SELECT tries('DELETE FROM pulsimo.maintenance_windows');
-- An editor of a project, that and its endpoints. The organization is seen.
SET ROLE regress_ed;
SELECT title FROM pulsimo.maintenance_windows ORDER BY id;
SELECT pulsimo.schedule_maintenance('by Ed', '2040-01-01', duration => '1 h', endpoint => 2) AS by_ed \gset
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', now(), duration => '1 h', endpoint => 3$$,
    $$'x', now(), duration => '1 h', organization => 1$$,
    $$'x', now(), duration => '1 h', tag => 'db'$$]) AS a;
SELECT regexp_replace(tries(format('SELECT pulsimo.end_maintenance(%s)', w)), '\d+ does', 'N does') FROM unnest(ARRAY[:of_tag, :of_all, :of_blog]) AS w;
SELECT pulsimo.end_maintenance(:of_shop), pulsimo.end_maintenance(:by_ed);
SELECT title, endpoint_id FROM pulsimo.upcoming_maintenance() UNION ALL
SELECT title, endpoint_id FROM pulsimo.maintenance_between('2040-01-01 00:00', '2040-02-01');
SELECT tries('SELECT pulsimo.upcoming_maintenance(endpoint => 3)');
-- A viewer sees all and may nothing.
SET ROLE regress_vic;
SELECT title FROM pulsimo.maintenance_windows ORDER BY id;
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', now(), duration => '1 h', endpoint => 1$$,
    $$'x', now(), duration => '1 h', project => 1$$,
    $$'x', now(), duration => '1 h', organization => 1$$]) AS a;
SELECT tries('SELECT pulsimo.begin_maintenance(''1 h'', endpoint => 1)');
SELECT tries(format('SELECT pulsimo.end_maintenance(%s)', w)) FROM unnest(ARRAY[:of_tag, :of_endpoint]) AS w;
-- A stranger sees nothing, and cannot tell what there is.
SET ROLE regress_bob;
SELECT title FROM pulsimo.maintenance_windows;
SELECT title FROM pulsimo.upcoming_maintenance();
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', now(), duration => '1 h', endpoint => 1$$,
    $$'x', now(), duration => '1 h', project => 1$$,
    $$'x', now(), duration => '1 h', organization => 1$$]) AS a;
SELECT regexp_replace(tries(format('SELECT pulsimo.end_maintenance(%s)', w)), '\d+ does', 'N does') FROM unnest(ARRAY[:of_tag, :of_endpoint, 99]) AS w;
SELECT tries('SELECT pulsimo.upcoming_maintenance(endpoint => 1)'), tries('SELECT pulsimo.upcoming_maintenance(endpoint => 99)');
-- What is for the owner alone.
SELECT tries('SELECT pulsimo.maintenance_at(now())');
SELECT tries('SELECT pulsimo.keeper_maintenance()');
SELECT tries('SELECT pulsimo.schedule_maintenance_as_owner(''x'', now(), now(), NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)');
SELECT tries('SELECT pulsimo.end_maintenance_as_owner(1, true)');
-- A key that reads.
SET ROLE regress_ann;
SELECT pulsimo.create_api_key('reads') AS reads \gset
BEGIN;
SELECT pulsimo.use_api_key(:'reads');
SELECT title FROM pulsimo.upcoming_maintenance() WHERE running UNION ALL SELECT title FROM pulsimo.maintenance_windows WHERE tag = 'db';
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', now(), duration => '1 h', endpoint => 1$$]) AS a;
SELECT tries(format('SELECT pulsimo.end_maintenance(%s)', :of_endpoint));
COMMIT;
RESET ROLE;
-- Who did it is recorded.
SELECT u.name, a.action, a.object_id = :of_tag AS that FROM pulsimo.audit_log a JOIN pulsimo.users u ON u.id = a.user_id
WHERE a.object_type = 'maintenance_windows' AND a.object_id IN (:of_tag, :of_shop) ORDER BY a.id;

-- There is a limit to how many; what has ended does not count.
INSERT INTO pulsimo.maintenance_windows (organization_id, title, starts_at, ends_at)
SELECT 2, 'old', '2020-01-01', '2020-01-02' FROM generate_series(1, 1000);
INSERT INTO pulsimo.maintenance_windows (organization_id, title, starts_at, ends_at)
SELECT 2, 'new', '2040-01-01', '2040-01-02' FROM generate_series(1, 999);
SET ROLE regress_bob;
SELECT pulsimo.begin_maintenance('1 h', endpoint => 4) IS NOT NULL AS the_last;
SELECT tries('SELECT pulsimo.begin_maintenance(''1 h'', endpoint => 4)');
SELECT a AS arguments, plan_fails(a) FROM unnest(ARRAY[
    $$'x', now(), duration => '1 h', endpoint => 4$$]) AS a;
RESET ROLE;

-- What is removed takes its windows along.
SELECT pulsimo.remove_endpoint(1);
SELECT count(*) FROM pulsimo.maintenance_windows WHERE id = :of_endpoint;
DROP FUNCTION plan_fails, tries;
-- No time that cannot be counted in microseconds stops the maintenance of all.
SELECT pulsimo.schedule_maintenance('far', starts_at => now(), ends_at => '294276-12-31', endpoint => (SELECT min(id) FROM pulsimo.endpoints));

DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_ed, regress_vic, regress_bob;
