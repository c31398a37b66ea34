-- How long an endpoint was in which status. Computed from the changes of status, weighted by time: the number of
-- checks does not matter. Time about which nothing is known is unknown, never the status that happened to be last:
-- before the first verdict, after the last check when they stopped coming, in the future.

-- The first two functions are inlined into whatever calls them, which is what makes endpoint_status fast for many
-- endpoints; hence no SET search_path, but a body that is parsed when it is created. known_until comes from
-- endpoint_facts; an argument, because endpoint_status has it already.
CREATE OR REPLACE FUNCTION pulsimo.status_periods(
    endpoint_id bigint, from_time timestamptz, to_time timestamptz, known_until timestamptz
) RETURNS TABLE (status pulsimo.status, duration interval)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.status, lead(c.changed_at, 1, to_time) OVER (ORDER BY c.changed_at, c.place) - c.changed_at
    FROM (
        SELECT from_time AS changed_at, 0::bigint AS place, coalesce((
            SELECT s.status FROM pulsimo.state_changes s
            WHERE s.endpoint_id = status_periods.endpoint_id AND s.changed_at <= from_time AND from_time < known_until
            ORDER BY s.changed_at DESC, s.id DESC LIMIT 1), 'unknown') AS status
        UNION ALL
        SELECT s.changed_at, s.id, s.status FROM pulsimo.state_changes s
        WHERE s.endpoint_id = status_periods.endpoint_id AND s.changed_at > from_time AND s.changed_at < to_time
        UNION ALL
        SELECT known_until, 9223372036854775807, 'unknown' WHERE known_until > from_time AND known_until < to_time
    ) c;
END;
REVOKE ALL ON FUNCTION pulsimo.status_periods(bigint, timestamptz, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.status_periods(bigint, timestamptz, timestamptz, timestamptz) IS
'Internal: the statuses of an endpoint between two times, one after the other. After known_until it is unknown.';

CREATE OR REPLACE FUNCTION pulsimo.uptime_percent(
    endpoint_id bigint, from_time timestamptz, to_time timestamptz, known_until timestamptz
) RETURNS TABLE (percent numeric)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT trunc(100 * coalesce(sum(t.seconds) FILTER (WHERE t.status <> 'down'), 0) / nullif(sum(t.seconds), 0), 4)
    FROM (
        SELECT p.status, extract(epoch FROM p.duration) AS seconds
        FROM pulsimo.status_periods(endpoint_id, from_time, to_time, known_until) p
        WHERE p.status IN ('up', 'degraded', 'down')
    ) t;
END;
REVOKE ALL ON FUNCTION pulsimo.uptime_percent(bigint, timestamptz, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.uptime_percent(bigint, timestamptz, timestamptz, timestamptz) IS
'Internal: uptime() for a known_until that was looked up before.';

CREATE OR REPLACE FUNCTION pulsimo.require_period(from_time timestamptz, to_time timestamptz) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (isfinite(from_time) AND isfinite(to_time) AND from_time <= to_time) IS NOT TRUE THEN
        RAISE EXCEPTION 'from_time and to_time must be finite times in order, not % and %',
            coalesce(from_time::text, 'null'), coalesce(to_time::text, 'null') USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'For the last 24 hours give now() - interval ''24 hours'' and now().';
    ELSIF from_time < '0001-01-01 00:00+00' OR to_time >= '10000-01-01 00:00+00' THEN
        RAISE EXCEPTION 'from_time and to_time must be of the years 1 to 9999, not % and %', from_time, to_time USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'For all that is known give ''1970-01-01'' and now().';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_period(timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_period(timestamptz, timestamptz) IS
'Internal: raises 22023 when these are no two times in order, of years that one can calculate with.';

CREATE OR REPLACE FUNCTION pulsimo.known_until(endpoint_id bigint, from_time timestamptz, to_time timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_endpoint(endpoint_id);
    PERFORM pulsimo.require_period(from_time, to_time);
    RETURN (SELECT f.known_until FROM pulsimo.endpoint_facts f WHERE f.id = endpoint_id);
END $$;
REVOKE ALL ON FUNCTION pulsimo.known_until(bigint, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.known_until(bigint, timestamptz, timestamptz) IS
'Internal: the time up to which the recorded status of an endpoint holds, after checking the arguments of uptime() and time_in_status().';

CREATE OR REPLACE FUNCTION pulsimo.time_in_status(endpoint_id bigint, from_time timestamptz, to_time timestamptz)
RETURNS TABLE (status pulsimo.status, duration interval)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known_until constant timestamptz := pulsimo.known_until(endpoint_id, from_time, to_time);
BEGIN
    RETURN QUERY
    SELECT a.status, justify_hours(coalesce(sum(p.duration), '0'))
    FROM unnest(enum_range(NULL::pulsimo.status)) AS a (status)
        LEFT JOIN pulsimo.status_periods(endpoint_id, from_time, to_time, known_until) p ON p.status = a.status
    GROUP BY a.status
    ORDER BY a.status;
END $$;
REVOKE ALL ON FUNCTION pulsimo.time_in_status(bigint, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.time_in_status(bigint, timestamptz, timestamptz) IS
'How long an endpoint was in each status between two times. One row for every status; the durations add up to the window exactly. Time before the first verdict, after the checks stopped coming, and in the future is unknown.
Errors: P0002 unknown endpoint, 22023 times that are missing, infinite or out of order.
Example: SELECT * FROM pulsimo.time_in_status(1, now() - interval ''7 days'', now());';

CREATE OR REPLACE FUNCTION pulsimo.uptime(endpoint_id bigint, from_time timestamptz, to_time timestamptz)
RETURNS numeric
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT u.percent
            FROM pulsimo.known_until(endpoint_id, from_time, to_time) k,
                 pulsimo.uptime_percent(endpoint_id, from_time, to_time, k) u);
END $$;
REVOKE ALL ON FUNCTION pulsimo.uptime(bigint, timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.uptime(bigint, timestamptz, timestamptz) IS
'The share of time an endpoint was up between two times, in percent: up and degraded against up, degraded and down, weighted by time. Unknown, paused and maintenance are left out; NULL when nothing is left. Cut off after four decimals, not rounded, so that 100 means no downtime at all.
Errors: P0002 unknown endpoint, 22023 times that are missing, infinite or out of order.
Example: SELECT pulsimo.uptime(1, now() - interval ''30 days'', now());';
