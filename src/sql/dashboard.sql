-- The screen for \watch in psql. Bars, marks and numbers of an endpoint come from one bounded look at its newest
-- checks. The signs are made at run time, so that the extension installs in databases of any encoding; where they
-- cannot be shown, plain characters stand in.

CREATE OR REPLACE FUNCTION pulsimo.signs(plain text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN getdatabaseencoding() = 'UTF8'
                THEN translate(plain, '12345+^!|.', (
                    SELECT string_agg(chr(code), '' ORDER BY place)
                    FROM unnest(ARRAY[9601, 9602, 9603, 9605, 9607, 10004, 9650, 10006, 8214, 183])
                        WITH ORDINALITY AS s (code, place)))
                ELSE plain END;
$$;
REVOKE ALL ON FUNCTION pulsimo.signs(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.signs(text) IS
'Internal: 1 to 5 become bars of growing height, + ^ ! | the marks for up, degraded, down and paused, and a full stop a dot, where the encoding of the database has them.';

CREATE OR REPLACE FUNCTION pulsimo.readable_duration(microseconds double precision) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN microseconds < 9950 THEN to_char(microseconds / 1000, 'FM0.0') || ' ms'
                WHEN microseconds < 999500 THEN to_char(microseconds / 1000, 'FM990') || ' ms'
                ELSE to_char(microseconds / 1000000, 'FM99990.00') || ' s' END;
$$;
REVOKE ALL ON FUNCTION pulsimo.readable_duration(double precision) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.readable_duration(double precision) IS
'Internal: microseconds as "3.2 ms", "240 ms" or "1.25 s".';

CREATE OR REPLACE FUNCTION pulsimo.dashboard(
    OUT mark text, OUT endpoint text, OUT last_checks text, OUT p50 text, OUT p95 text, OUT uptime_24h text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY
    SELECT pulsimo.signs(CASE s.status WHEN 'up' THEN '+' WHEN 'degraded' THEN '^' WHEN 'down' THEN '!'
                                       WHEN 'paused' THEN '|' ELSE '?' END),
           s.name, pulsimo.signs(coalesce(c.bars, '')), pulsimo.readable_duration(c.passed_us[1]),
           pulsimo.readable_duration(c.passed_us[2]), s.uptime_24h::text || ' %'
    FROM pulsimo.endpoint_status s
        JOIN pulsimo.endpoints e ON e.id = s.id
        LEFT JOIN LATERAL (
            SELECT percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY b.passed_us) AS passed_us,
                   right(string_agg(b.gap || b.bar, '' ORDER BY b.checked_at)
                       || CASE WHEN s.status = 'unknown' THEN '.' ELSE '' END, 30) AS bars
            FROM (
                SELECT h.checked_at,
                       CASE WHEN h.status IN ('up', 'degraded') THEN h.response_us::double precision END AS passed_us,
                       CASE WHEN h.status = 'down' THEN 'x'
                            WHEN h.status = 'unknown' THEN '.'
                            ELSE (width_bucket(h.response_us, '{100000,200000,500000,1000000}'::integer[]) + 1)::text
                           END AS bar,
                       CASE WHEN h.checked_at - h.before > e.timeout + 2 * CASE
                                WHEN e.cron IS NULL THEN e.check_interval
                                ELSE coalesce(pulsimo.cron_next_if_known(e.cron, e.timezone, h.before + interval '1 s')
                                                  - h.before, e.check_interval) END
                            THEN '.' ELSE '' END AS gap
                FROM (
                    SELECT l.*, lag(l.checked_at) OVER (ORDER BY l.checked_at) AS before
                    FROM (
                        SELECT n.checked_at, n.status, n.response_us FROM pulsimo.health_checks n
                        WHERE n.endpoint_id = s.id AND n.checked_at > statement_timestamp() - interval '24 hours'
                        ORDER BY n.checked_at DESC LIMIT 100
                    ) l
                ) h
            ) b
        ) c ON true
    ORDER BY array_position('{down,degraded,unknown,up,maintenance,paused}'::pulsimo.status[], s.status), s.name, s.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.dashboard() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.dashboard() IS
'One line an endpoint for \watch in psql, those in trouble first.
mark: up (check mark), degraded (triangle), down (cross), unknown (question mark) or paused (two bars).
last_checks: the last 30 checks of 24 hours, the newest at the right. The height of a bar tells the response time: below 100 ms, 200 ms, 500 ms, 1 s, or longer; x is a failure, a dot a gap or no verdict.
p50, p95: response times of the checks that passed, of the last 100 within 24 hours.
uptime_24h: see uptime().
Example: SELECT * FROM pulsimo.dashboard() \watch 2';
