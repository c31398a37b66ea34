-- Backtests: what another health policy would have made of stored checks. That the rules are those of the keeper is for
-- test/unit/health_replay_test.cpp.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.start(), pulsimo.stop();
SET timezone = 'UTC';
SET datestyle = ISO;
SET intervalstyle = postgres;
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE ROLE regress_nobody LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (2, 'of B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann');
SELECT pulsimo.add_user('vic@a.example', 'Vic', 1, 'viewer', database_role => 'regress_vic');
SELECT pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
SELECT pulsimo.grant_access('regress_nobody');
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES
    (1, 'night', 'http://a.example/'), (1, 'maintained', 'http://a.example/'), (1, 'dependent', 'http://a.example/'),
    (1, 'resolved', 'http://a.example/'), (1, 'new', 'http://a.example/'), (1, 'slower once', 'http://a.example/'),
    (2, 'of B', 'http://b.example/');
INSERT INTO pulsimo.endpoints (project_id, name, url, cron, timezone) VALUES
    (1, 'working hours', 'http://a.example/', '*/10 9-10 * * mon-fri', 'Europe/Berlin');
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (1, 'silent', 'http://a.example/');
SELECT pulsimo.ensure_partitions('2025-12-31', '2026-01-07') > 0 AS made;

-- A minute of 6 January 2026; and checks, a letter each: P, S and F are up, slow and down, T is our own trouble.
CREATE FUNCTION minute(m numeric) RETURNS timestamptz LANGUAGE sql AS $$
    SELECT timestamptz '2026-01-06 00:00:00+00' + m * interval '1 min';
$$;
CREATE FUNCTION add_checks(endpoint bigint, from_minute integer, letters text, distance interval DEFAULT '1 min')
RETURNS void LANGUAGE sql AS $$
    INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class, error)
    SELECT endpoint, minute(from_minute) + (c.place - 1) * distance,
           CASE c.letter WHEN 'F' THEN 'down' WHEN 'T' THEN 'unknown' ELSE 'up' END::pulsimo.status,
           CASE c.letter WHEN 'S' THEN 900000 ELSE 100000 END,
           CASE c.letter WHEN 'F' THEN 'status' WHEN 'T' THEN 'internal' END::pulsimo.error_class,
           CASE c.letter WHEN 'F' THEN 'status 500 at check ' || c.place END
    FROM regexp_split_to_table(letters, '') WITH ORDINALITY AS c (letter, place)
    WHERE c.letter <> ' ';
$$;
CREATE FUNCTION add_incident(endpoint bigint, started numeric, opened numeric, resolved numeric) RETURNS bigint LANGUAGE sql AS $$
    INSERT INTO pulsimo.incidents (endpoint_id, title, status, error_class, started_at, created_at, resolved_at)
    VALUES (endpoint, 'made up', CASE WHEN resolved IS NULL THEN 'open' ELSE 'resolved' END::pulsimo.incident_status, 'status',
            minute(started), minute(opened), minute(resolved))
    RETURNING id;
$$;
-- Times as minutes, to be read more easily.
CREATE FUNCTION outcome(endpoint bigint, policy jsonb, from_minute numeric DEFAULT 0, to_minute numeric DEFAULT 120)
RETURNS TABLE (kind text, policy text, actual text, incident bigint, number text, sooner interval, error text) LANGUAGE sql AS $$
    SELECT b.kind,
           concat_ws(' ', m(b.policy_started), 'opened ' || m(b.policy_opened), 'resolved ' || m(b.policy_resolved)),
           concat_ws(' ', m(b.actual_started), 'opened ' || m(b.actual_opened), 'resolved ' || m(b.actual_resolved)),
           b.actual_incident, b.actual_number, b.sooner, b.error
    FROM pulsimo.backtest(endpoint, policy, minute(from_minute), minute(to_minute)) b;
$$ SET check_function_bodies = off;
CREATE FUNCTION m(at timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT trim_scale(round(extract(epoch FROM at - minute(0)) / 60, 3))::text;
$$;

-- One night: an outage of eight minutes, a short one at minute 40, now and then a failure around minute 60. The policy in
-- force called for the first.
SELECT add_checks(1, 0, 'PPPPPPPPPPFFFFFFFFPPPPPPPPPPPPPPPPPPPPPPFFPPPPPPPPPPPPPPPPPPFPFPFPPPPPPPPPPPPPPPSSSPPPPPPPP');
SELECT add_incident(1, 10, 12.01, 18);
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status) VALUES
    (1, minute(0), 'up', 'unknown'), (1, minute(10), 'down', 'up'), (1, minute(18), 'up', 'down');
SELECT * FROM outcome(1, '{}');
SELECT * FROM outcome(1, '{"failure_threshold": 2}');
SELECT * FROM outcome(1, '{"failure_threshold": 2, "failure_window": 5}');
SELECT * FROM outcome(1, '{"failure_threshold": 3, "failure_window": 5, "retry_interval": "1 s", "success_threshold": 2}');
SELECT * FROM outcome(1, '{"failure_threshold": 9}');
SELECT * FROM pulsimo.backtest_summary(1, '{"failure_threshold": 2, "failure_window": 5}', minute(0), minute(120));
SELECT * FROM pulsimo.backtest_summary(1, '{"failure_threshold": 3, "degraded_after": "500 ms"}', minute(0), minute(120));
SELECT * FROM pulsimo.backtest_summary(1, '{"failure_threshold": 9}', minute(0), minute(120));
-- Two of one side within one of the other; nobody resolves what only people resolve.
SELECT add_incident(1, 58, 60.01, 70);
SELECT * FROM outcome(1, '{"failure_threshold": 1}', 50);
SELECT * FROM outcome(1, '{"failure_threshold": 1, "flap_start": 15, "flap_stop": 5}', 50, 80);
SELECT * FROM outcome(1, '{"failure_threshold": 1, "flap_start": 15}', 50, 80);  -- flap_stop is never above that
SELECT * FROM outcome(1, '{"failure_threshold": 2, "auto_resolve": false}');
SELECT side, incidents, unmatched, mttd FROM pulsimo.backtest_summary(1, '{"failure_threshold": 1}', minute(50), minute(120));
-- null and what is left out are as they are now.
SELECT pulsimo.update_endpoint(1, '{"failure_threshold": 2}');
SELECT count(*) FROM outcome(1, '{"failure_threshold": null}');
SELECT pulsimo.set_health_policy('{"failure_threshold": 9}', project => 1);
SELECT count(*) FROM outcome(1, '{"flap_start": 0}') WHERE kind <> 'only_actual';
SELECT pulsimo.update_endpoint(1, '{"failure_threshold": null}');
SELECT count(*) FROM outcome(1, '{"flap_start": 0}') WHERE kind <> 'only_actual';
SELECT pulsimo.set_health_policy('{"failure_threshold": null}', project => 1);
-- Times that cut the outage; what led to it is known all the same.
SELECT * FROM outcome(1, '{}', 14, 16);
SELECT * FROM outcome(1, '{}', 12, 13);
SELECT * FROM outcome(1, '{"failure_threshold": 2}', 5, 12);
SELECT * FROM outcome(1, '{}', 18, 19);
SELECT * FROM outcome(1, '{}', 19, 20);
SELECT side, incidents, downtime, checks, first_check, last_check FROM pulsimo.backtest_summary(1, '{}', minute(14), minute(16));
-- After the last check nothing is known, though the incident is open.
SELECT add_checks(9, 0, 'PFFFF'), add_incident(9, 1, 3.01, NULL);
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status) VALUES
    (9, minute(0), 'up', 'unknown'), (9, minute(1), 'down', 'up');
SELECT * FROM outcome(9, '{}', 0, 200);
SELECT side, incidents, unmatched, downtime, checks FROM pulsimo.backtest_summary(9, '{}', minute(0), minute(200));

-- Nothing is said of the time from which no check is left: endpoint 5 has none, though it was down.
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status) VALUES
    (5, minute(20), 'down', 'up'), (5, minute(51), 'up', 'down'), (5, minute(53), 'down', 'up'), (5, minute(57), 'up', 'down');
SELECT * FROM outcome(5, '{}');
SELECT * FROM pulsimo.backtest_summary(5, '{}', minute(0), minute(120));
SELECT add_checks(5, 50, 'PPPFFFFPP'), add_incident(5, 53, 55.01, 57), add_incident(5, 20, 30, 51);
SELECT * FROM outcome(5, '{}');
SELECT * FROM outcome(5, '{"failure_threshold": 5}');
SELECT side, incidents, unmatched, downtime FROM pulsimo.backtest_summary(5, '{}', minute(0), minute(120));
-- Incidents that people opened are not the policy's business.
SELECT pulsimo.open_incident('By hand', 'low', '{5}', started_at => minute(51)) > 0 AS opened;
SELECT count(*) FROM outcome(5, '{}');

-- Maintenance from minute 5 to 12 and from 20 to 30, a pause from 40 to 45, at the end of which the endpoint begins anew.
SELECT add_checks(2, 0, 'PPPPPFFFFFFFFFFPPPPPPFFFFPPPPPPPPPPPPPFF     FFPPP');
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, underlying, underlying_since) VALUES
    (2, minute(0), 'up', 'unknown', NULL, NULL), (2, minute(5), 'maintenance', 'up', 'up', minute(0)),
    (2, minute(7), 'maintenance', 'maintenance', 'down', minute(5)), (2, minute(12), 'down', 'maintenance', NULL, NULL),
    (2, minute(15), 'up', 'down', NULL, NULL), (2, minute(20), 'maintenance', 'up', 'up', minute(15)),
    (2, minute(30), 'up', 'maintenance', NULL, NULL), (2, minute(40), 'paused', 'up', NULL, NULL),
    (2, minute(45), 'unknown', 'paused', NULL, NULL), (2, minute(45.1), 'up', 'unknown', NULL, NULL);
SELECT add_incident(2, 5, 12, 15);
SELECT * FROM outcome(2, '{}');
SELECT * FROM outcome(2, '{"failure_threshold": 2}');
SELECT side, downtime FROM pulsimo.backtest_summary(2, '{}', minute(0), minute(50));
-- It goes on, or went on, at from_time.
SELECT * FROM outcome(2, '{}', 12, 13);
DELETE FROM pulsimo.health_checks WHERE endpoint_id = 2 AND checked_at < minute(8);
SELECT * FROM outcome(2, '{}');
SELECT * FROM outcome(2, '{"failure_threshold": 10}');

-- What was put down to a dependency opens nothing, as long as that lasts.
SELECT add_checks(3, 0, 'PPPPPFFFFFPPPPPPPFFFFFFFPP');
INSERT INTO pulsimo.suppressions (endpoint_id, cause_endpoint_id, began_at, ended_at) VALUES
    (3, 1, minute(5), minute(10)), (3, 1, minute(17), minute(19.5));
SELECT * FROM outcome(3, '{"failure_threshold": 1}');
-- Nor does anything in maintenance that began long before.
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, underlying, underlying_since) VALUES
    (3, minute(-5000), 'maintenance', 'up', 'up', minute(-6000));
SELECT * FROM outcome(3, '{"failure_threshold": 1}');

-- What a person resolved is resolved; further failures open another one.
SELECT add_checks(4, 0, 'PPPPPFFFFFFFFFPPPPPP');
SELECT add_incident(4, 5, 7.01, 9.5), add_incident(4, 10, 12.01, 14);
INSERT INTO pulsimo.incident_events (incident_id, event, data)
SELECT i.id, 'resolved', v.data FROM pulsimo.incidents i,
    (VALUES (9.5, '{"status": "resolved", "resolved_at": "2026-01-06 00:09:30Z"}'::jsonb), (14, '{"status": "resolved"}')) AS v (resolved, data)
WHERE i.endpoint_id = 4 AND i.resolved_at = minute(v.resolved);
SELECT * FROM outcome(4, '{}');
SELECT * FROM outcome(4, '{"auto_resolve": false}');

-- An endpoint that was checked every ten minutes when its interval was another one; own trouble is not counted.
SELECT add_checks(6, 0, 'PPPPPFFTFTPPP', '10 min');
SELECT * FROM outcome(6, '{}', 0, 130);
-- After a gap it begins anew.
SELECT add_checks(9, 300, 'PPFF   FP'), add_checks(9, 340, 'PPFFFP');
SELECT policy FROM outcome(9, '{}', 190, 400);
-- One that is checked by a cron expression: on Monday at 10:50 in Berlin and then on Tuesday at 9:00. By another one checks
-- were due in between.
SELECT add_checks(8, -14*60 - 10, 'F'), add_checks(8, 8*60, 'FFP', '10 min');
SELECT * FROM outcome(8, '{}', -24*60, 24*60);
UPDATE pulsimo.endpoints SET cron = '*/10 * * * *' WHERE id = 8;
SELECT * FROM outcome(8, '{}', -24*60, 24*60);

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
    'NULL', '''[]''', '''{"failure_treshold": 1}''', '''{"reference_endpoints": [2]}''',
    '''{"failure_threshold": 0}''', '''{"failure_threshold": 11}''', '''{"failure_threshold": "2"}''',
    '''{"failure_window": 0}''', '''{"failure_window": 21}''', '''{"failure_window": 2, "failure_threshold": 3}''',
    '''{"success_threshold": 0}''', '''{"flap_start": 101}''', '''{"flap_stop": -1}''',
    '''{"flap_start": 30, "flap_stop": 31}''', '''{"retry_interval": 5}''', '''{"retry_interval": "0.9 s"}''',
    '''{"degraded_after": "31 min"}''', '''{"degraded_after": "0"}''', '''{"auto_resolve": "yes"}'''
]) AS a, LATERAL refusal(format('SELECT * FROM pulsimo.backtest(1, %s, ''2026-01-01'', ''2026-01-02'')', a)) r;
SELECT r.* FROM unnest(ARRAY[
    'NULL, ''2026-01-01'', ''2026-01-02''', '99, ''2026-01-01'', ''2026-01-02''', '7, ''2026-01-01'', ''2026-01-02''',
    '1, NULL, ''2026-01-02''', '1, ''2026-01-01'', NULL', '1, ''-infinity'', ''2026-01-02''', '1, ''2026-01-01'', ''infinity''',
    '1, ''2026-01-02'', ''2026-01-01''', '1, ''2025-01-01'', ''2026-02-06''', '1, ''2025-01-01'', ''2026-02-05'''
]) AS a, LATERAL (SELECT split_part(a, ',', 1) AS id, substring(a FROM ',.*') AS times) s,
    LATERAL refusal(format('SELECT * FROM pulsimo.backtest(%s, ''{}''%s)', s.id, s.times)) r;
SELECT r.* FROM refusal('SELECT * FROM pulsimo.backtest_summary(7, ''{}'', ''2026-01-01'', ''2026-01-02'')') r;
-- What lies behind takes nothing that the rules would trip over, and no times without end.
SELECT r.* FROM unnest(ARRAY[
    '''2026-01-01'', ''2026-01-02'', 0, 0', '''2026-01-01'', ''2026-01-02'', 11, 0', '''2026-01-01'', ''2026-01-02'', 1, 33',
    '''2026-01-01'', ''2026-01-02'', 1, -1', '''-infinity'', ''2026-01-02'', 1, 0', '''2026-01-01'', ''infinity'', 1, 0',
    '''4713-01-01 BC'', ''2026-01-02'', 1, 0'
]) AS a, LATERAL refusal(format('SELECT pulsimo.replay_checks(1, %s, 1, 0, 0, 0, true)', a)) r;
\pset format aligned

-- Who may: whoever sees the endpoint, also with an API key that may only read.
SET ROLE regress_vic;
SELECT kind, policy, incident FROM outcome(1, '{"failure_threshold": 2}');
SELECT side, incidents, unmatched, downtime FROM pulsimo.backtest_summary(1, '{"failure_threshold": 2}', minute(0), minute(120));
SET ROLE regress_ann;
SELECT pulsimo.create_api_key('reads', '{read}') AS key \gset
RESET ROLE;
SET ROLE regress_nobody;
SELECT r.code, r.message FROM refusal('SELECT * FROM outcome(1, ''{}'')') r;
SELECT pulsimo.replay_checks(1, minute(0), minute(120), 3, 0, 1, 0, 0, 0, true);
BEGIN;
SELECT pulsimo.use_api_key(:'key');
SELECT kind, policy, incident FROM outcome(1, '{"failure_threshold": 2}');
ROLLBACK;
-- Nothing of others, whatever is called.
SET ROLE regress_bob;
SELECT r.code, r.message FROM refusal('SELECT * FROM outcome(1, ''{}'')') r;
SELECT r.code, r.message FROM refusal('SELECT * FROM pulsimo.backtest_summary(1, ''{}'', ''2026-01-01'', ''2026-01-02'')') r;
SELECT pulsimo.replay_checks(1, minute(0), minute(120), 3, 0, 1, 0, 0, 0, true);
SELECT count(*) FROM pulsimo.replay_events(2, minute(0), minute(120));
SELECT count(*) FROM pulsimo.match_incidents(1, minute(0), minute(120), minute(0), '{}', '{}', '{}');
SELECT count(*) FROM outcome(7, '{}');
RESET ROLE;

DROP FUNCTION outcome, m, minute, add_checks, add_incident, refusal;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_vic, regress_bob, regress_nobody;
