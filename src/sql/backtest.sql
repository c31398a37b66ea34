-- What another health policy would have made of the checks that are stored: its incidents beside those that there were.
-- The checks go through the code that the keeper runs (src/health/replay.hpp, which also says what a replay cannot know),
-- with the rights of whoever asks.
--
-- Incidents are the same trouble when they overlap in time, from start to end. Two of one side can overlap one of the
-- other: then there is a row for each pair.

CREATE OR REPLACE FUNCTION pulsimo.read_backtest_policy(policy jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named jsonb;
    given pulsimo.projects;
BEGIN
    IF policy IS NULL OR jsonb_typeof(policy) <> 'object' THEN
        RAISE EXCEPTION 'policy must be a JSON object' USING
            ERRCODE = CASE WHEN policy IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
            HINT = 'Give the settings to try, for example {"failure_threshold": 2}.';
    ELSIF policy ? 'reference_endpoints' THEN
        RAISE EXCEPTION 'policy must not contain reference_endpoints' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Whether our own connection was at fault was decided when the checks were made.';
    END IF;
    named := jsonb_strip_nulls(pulsimo.read_policy(policy));
    given := jsonb_populate_record(NULL::pulsimo.projects, named);
    PERFORM pulsimo.require_policy_durations(given.retry_interval, given.degraded_after),
            pulsimo.require_thresholds(given.failure_threshold, given.failure_window, given.success_threshold,
                                       given.flap_start, given.flap_stop);
    RETURN named;
END $$;
REVOKE ALL ON FUNCTION pulsimo.read_backtest_policy(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.read_backtest_policy(jsonb) IS
'Internal: the settings that are named in the policy of a backtest, as jsonb_populate_record() takes them.
Errors: 22004 or 22023 names what is not acceptable.';

-- Of an incident that a person resolved: the checks would have given it another end. (Those that people opened have no
-- endpoint_id.)
CREATE OR REPLACE FUNCTION pulsimo.replay_events(endpoint bigint, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (at timestamptz, event text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH changes AS (
        (SELECT from_time AS changed_at, s.id, s.status FROM pulsimo.state_changes s
         WHERE s.endpoint_id = endpoint AND s.changed_at < from_time
         ORDER BY s.changed_at DESC, s.id DESC LIMIT 1)
        UNION ALL
        SELECT s.changed_at, s.id, s.status FROM pulsimo.state_changes s
        WHERE s.endpoint_id = endpoint AND s.changed_at >= from_time AND s.changed_at < to_time
            AND (s.status IN ('maintenance', 'paused') OR s.previous_status IN ('maintenance', 'paused'))
    )
    SELECT v.at, v.event
    FROM (
        SELECT c.changed_at AS at, c.id AS place,
               CASE WHEN c.status IN ('maintenance', 'paused') THEN c.status::text ELSE 'normal' END AS event
        FROM changes c
        UNION ALL
        SELECT h.at, h.place, h.event
        FROM pulsimo.suppressions s
            CROSS JOIN LATERAL (VALUES (greatest(s.began_at, from_time), 0, 'held'), (s.ended_at, 1, 'released'))
                AS h (at, place, event)
        WHERE s.endpoint_id = endpoint AND s.began_at < to_time AND (s.ended_at < from_time) IS NOT TRUE
            AND h.at < to_time
        UNION ALL
        SELECT i.resolved_at, i.id, 'resolved'
        FROM pulsimo.incidents i
        WHERE i.endpoint_id = endpoint AND i.resolved_at >= from_time AND i.resolved_at < to_time
            AND (SELECT v.data ? 'resolved_at' FROM pulsimo.incident_events v
                 WHERE v.incident_id = i.id AND v.event = 'resolved' ORDER BY v.id DESC LIMIT 1)
    ) v
    ORDER BY v.at, v.place;
$$;
REVOKE ALL ON FUNCTION pulsimo.replay_events(bigint, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.replay_events(bigint, timestamptz, timestamptz) IS
'Internal: what happened to an endpoint besides its checks, in order: maintenance, paused, normal (neither any more), held and released (its being down was put down to something else), resolved (a person resolved its incident).';

CREATE OR REPLACE FUNCTION pulsimo.replay_checks(
    endpoint bigint, from_time timestamptz, to_time timestamptz, failure_threshold integer, failure_window integer,
    success_threshold integer, degraded_us bigint, flap_start integer, flap_stop integer, auto_resolve boolean,
    OUT checks bigint, OUT first_check timestamptz, OUT last_check timestamptz, OUT oldest_check timestamptz,
    OUT downtime interval, OUT degraded interval,
    OUT started timestamptz[], OUT opened timestamptz[], OUT resolved timestamptz[]
)
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp SET jit = off AS 'MODULE_PATHNAME', 'pulsimo_replay_checks';
REVOKE ALL ON FUNCTION pulsimo.replay_checks(
    bigint, timestamptz, timestamptz, integer, integer, integer, bigint, integer, integer, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.replay_checks(
    bigint, timestamptz, timestamptz, integer, integer, integer, bigint, integer, integer, boolean) IS
'Internal: the stored checks of an endpoint through the rules of the keeper. degraded_us: microseconds, 0 is never. started, opened, resolved: of the incidents that were open at some time in between, in order; infinity: not resolved. oldest_check: of all that were replayed, those before from_time, from which the replay knows how things stood then, included.
Errors: 22023 values that are no health policy, infinite times.';

CREATE OR REPLACE FUNCTION pulsimo.replay(
    endpoint bigint, policy jsonb, from_time timestamptz, to_time timestamptz,
    OUT checks bigint, OUT first_check timestamptz, OUT last_check timestamptz, OUT oldest_check timestamptz,
    OUT downtime interval, OUT degraded interval,
    OUT started timestamptz[], OUT opened timestamptz[], OUT resolved timestamptz[]
)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    settings jsonb;
BEGIN
    PERFORM pulsimo.known_until(endpoint, from_time, to_time);
    IF to_time - from_time > interval '400 days' THEN
        RAISE EXCEPTION 'from_time and to_time must be at most 400 days apart' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Look at one year after the other.';
    END IF;
    settings := pulsimo.read_backtest_policy(policy);
    SELECT r.* INTO checks, first_check, last_check, oldest_check, downtime, degraded, started, opened, resolved
    FROM pulsimo.endpoint_policy v
        CROSS JOIN LATERAL jsonb_populate_record(v, settings) n
        CROSS JOIN LATERAL pulsimo.replay_checks(
            endpoint, from_time, to_time, n.failure_threshold, n.failure_window, n.success_threshold,
            coalesce((extract(epoch FROM n.degraded_after) * 1000000)::bigint, 0), n.flap_start,
            least(n.flap_stop, n.flap_start), n.auto_resolve) r
    WHERE v.id = endpoint;
END $$;
REVOKE ALL ON FUNCTION pulsimo.replay(bigint, jsonb, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.replay(bigint, jsonb, timestamptz, timestamptz) IS
'Internal: replay_checks() with the policy that holds for the endpoint, changed as the policy of backtest() says.
Errors: those of backtest().';

-- What was opened before the oldest check that is left cannot be expected of the policy.
CREATE OR REPLACE FUNCTION pulsimo.match_incidents(
    endpoint bigint, from_time timestamptz, to_time timestamptz, oldest_check timestamptz,
    started timestamptz[], opened timestamptz[], resolved timestamptz[]
) RETURNS TABLE (policy_started timestamptz, policy_opened timestamptz, policy_resolved timestamptz, actual_incident bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH expected AS (
        SELECT p.started, p.opened, p.resolved, tstzrange(p.started, p.resolved, '[]') AS period
        FROM unnest(started, opened, resolved) AS p (started, opened, resolved)
    ), actual AS MATERIALIZED (
        SELECT i.id, i.created_at, tstzrange(i.started_at, i.resolved_at, '[]') AS period
        FROM pulsimo.incidents i
        WHERE i.endpoint_id = endpoint AND i.started_at < to_time AND i.created_at < to_time
            AND (i.resolved_at < greatest(from_time, oldest_check)) IS NOT TRUE
    )
    SELECT e.started, e.opened, nullif(e.resolved, 'infinity'), a.id
    FROM expected e LEFT JOIN actual a ON a.period && e.period
    UNION ALL
    SELECT NULL, NULL, NULL, a.id
    FROM actual a
    WHERE a.created_at >= oldest_check AND NOT EXISTS (SELECT FROM expected e WHERE e.period && a.period);
$$;
REVOKE ALL ON FUNCTION pulsimo.match_incidents(
    bigint, timestamptz, timestamptz, timestamptz, timestamptz[], timestamptz[], timestamptz[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.match_incidents(
    bigint, timestamptz, timestamptz, timestamptz, timestamptz[], timestamptz[], timestamptz[]) IS
'Internal: the incidents that replay() has found beside those that the keeper opened: a row for each pair that overlaps, and for each that overlaps none.';

CREATE OR REPLACE FUNCTION pulsimo.backtest(endpoint bigint, policy jsonb, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (kind text, policy_started timestamptz, policy_opened timestamptz, policy_resolved timestamptz,
               actual_incident bigint, actual_number text, actual_started timestamptz, actual_opened timestamptz,
               actual_resolved timestamptz, sooner interval, error text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT CASE WHEN m.policy_started IS NULL THEN 'only_actual' WHEN m.actual_incident IS NULL THEN 'only_policy' ELSE 'both' END,
           m.policy_started, m.policy_opened, m.policy_resolved, i.id, i.number, i.started_at, i.created_at, i.resolved_at,
           justify_hours(i.created_at - m.policy_opened), coalesce(h.error, i.detail, i.error_class::text)
    FROM pulsimo.replay(endpoint, policy, from_time, to_time) r
        CROSS JOIN LATERAL pulsimo.match_incidents(
            endpoint, from_time, to_time, r.oldest_check, r.started, r.opened, r.resolved) m
        LEFT JOIN pulsimo.incidents i ON i.id = m.actual_incident
        LEFT JOIN LATERAL (
            SELECT coalesce(c.error, c.error_class::text) AS error FROM pulsimo.health_checks c
            WHERE c.endpoint_id = endpoint AND c.checked_at = m.policy_started AND c.status = 'down' LIMIT 1
        ) h ON true
    ORDER BY least(m.policy_started, i.started_at), m.policy_started, i.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.backtest(bigint, jsonb, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.backtest(bigint, jsonb, timestamptz, timestamptz) IS
'What another health policy would have made of the stored checks of an endpoint: the incidents that it would have opened, beside those that were opened. The checks go through the rules that are in force at present; maintenance, pauses, failures that were put down to a dependency and incidents that people resolved are taken as they were.
endpoint: its id.
policy: a JSON object with any of failure_threshold, failure_window, success_threshold, degraded_after, flap_start, flap_stop, auto_resolve and retry_interval, as for set_health_policy(). What is left out, or null, is as effective_policy() has it now: {} shows what the present policy would have done. retry_interval changes nothing, since the checks are those that were made; reference_endpoints cannot be tried. Without auto_resolve an incident goes on until somebody resolved the one that there was.
from_time, to_time: incidents that were open at some time in between are shown; at most 400 days apart. Checks of at least a day before from_time, and of 200 intervals, tell how things stood at from_time; an outage that had begun before those begins with them. Nothing is said of the time before the oldest check that is still stored.
kind: both, only_policy or only_actual. Incidents are the same when they overlap in time; one that overlaps several is in several rows.
policy_started, policy_opened, policy_resolved: when the outage would have begun, when the check that decided had ended (or the maintenance that held the incident back), and when it would have been resolved; NULL: not before to_time.
actual_incident, actual_number, actual_started, actual_opened, actual_resolved: id, number and times of the incident that was opened.
sooner: how much sooner the policy would have told of it; negative: later.
error: how the check failed that the outage began with.
The keeper also knew whether it was late itself: a slow response that was put down to that counts as slow here. The check_interval and timeout are those of now; where three checks or more were further apart, that was the schedule, and no gap.
Errors: P0002 unknown endpoint; 22004 policy is null; 22023 policy names a setting that is unknown or not acceptable, or times that are missing, infinite, out of order or more than 400 days apart.
Example: SELECT * FROM pulsimo.backtest(1, ''{"failure_threshold": 2, "failure_window": 5}'', now() - interval ''90 days'', now());';

CREATE OR REPLACE FUNCTION pulsimo.backtest_summary(endpoint bigint, policy jsonb, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (side text, incidents bigint, unmatched bigint, downtime interval, degraded interval, mttd interval,
               checks bigint, first_check timestamptz, last_check timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH replayed AS MATERIALIZED (
        SELECT * FROM pulsimo.replay(endpoint, policy, from_time, to_time)
    ), matched AS MATERIALIZED (
        SELECT m.* FROM replayed r CROSS JOIN LATERAL pulsimo.match_incidents(
            endpoint, from_time, to_time, r.oldest_check, r.started, r.opened, r.resolved) m
    ), sides AS (
        SELECT 1 AS place, 'policy' AS side, r.downtime, r.degraded,
               (SELECT count(*) FROM matched m WHERE m.policy_started IS NOT NULL AND m.actual_incident IS NULL) AS unmatched,
               d.incidents, d.mttd
        FROM replayed r CROSS JOIN LATERAL (
            SELECT count(*) AS incidents, avg(p.opened - p.started) AS mttd FROM unnest(r.started, r.opened) AS p (started, opened)
        ) d
        UNION ALL
        SELECT 2, 'actual', t.downtime, t.degraded, (SELECT count(*) FROM matched m WHERE m.policy_started IS NULL),
               d.incidents, d.mttd
        FROM replayed r CROSS JOIN LATERAL (
            SELECT coalesce(sum(s.duration) FILTER (WHERE s.status = 'down'), '0') AS downtime,
                   coalesce(sum(s.duration) FILTER (WHERE s.status = 'degraded'), '0') AS degraded
            FROM pulsimo.status_periods(endpoint, greatest(from_time, r.oldest_check), to_time,
                                        pulsimo.known_until(endpoint, from_time, to_time)) s
            WHERE r.oldest_check < to_time
        ) t CROSS JOIN LATERAL (
            SELECT count(*) AS incidents, avg(greatest(i.created_at - i.started_at, '0')) AS mttd
            FROM pulsimo.incidents i WHERE i.id IN (SELECT m.actual_incident FROM matched m)
        ) d
    )
    SELECT s.side, s.incidents, s.unmatched, justify_hours(s.downtime), justify_hours(s.degraded), justify_hours(s.mttd),
           r.checks, r.first_check, r.last_check
    FROM sides s CROSS JOIN replayed r
    ORDER BY s.place;
END $$;
REVOKE ALL ON FUNCTION pulsimo.backtest_summary(bigint, jsonb, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.backtest_summary(bigint, jsonb, timestamptz, timestamptz) IS
'The figures to backtest(), of which it takes the arguments: one row for the policy, one for what was.
side: policy or actual.
incidents: how many were open at some time between from_time and to_time.
unmatched: how many of them overlap no incident of the other side.
downtime, degraded: how long the endpoint would have been, and was, down and degraded between the two, maintenance left out.
mttd: mean time to detect, from start to opening; NULL without incidents.
checks, first_check, last_check: how many checks between the two were replayed, when the first and the last of them started.
Errors: those of backtest().
Example: SELECT * FROM pulsimo.backtest_summary(1, ''{"failure_threshold": 2, "failure_window": 5}'', now() - interval ''90 days'', now());';
