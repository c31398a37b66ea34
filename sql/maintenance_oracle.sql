-- Windows of maintenance against an oracle: what AT TIME ZONE shows at every minute, and the rules about changed clocks said
-- once more, in sets. It shares neither parser nor calendar nor search with what is tested.
--
-- A time of day is taken at the first minute that shows it, and one that is never shown at the first minute after it. What
-- matches every hour is a rhythm instead: it is taken at each minute that shows it, and what is never shown counts only
-- where the clocks skip a part of an hour. A window is the union of [begin, begin + duration).
--
-- Zones are looked at in the past, where their rules are settled, and UTC in the future. What is random comes from md5().
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = postgres;
SET jit = off;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
SELECT pulsimo.add_organization('A');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop');
INSERT INTO pulsimo.endpoints (project_id, name, url)
SELECT 1, n, 'http://a.example/' FROM generate_series(1, 40) n;

-- --- what the clocks show ----------------------------------------------------------------------------------------------

-- Nine days around a local time that is skipped or comes twice, or is the interesting one for another reason.
CREATE TEMP TABLE period (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    zone text,
    hit timestamp,
    days_before integer DEFAULT 4,
    days_after integer DEFAULT 5,
    step interval DEFAULT '1 min',
    from_time timestamptz GENERATED ALWAYS AS ((date_trunc('day', hit) - days_before * interval '1 day') AT TIME ZONE 'UTC') STORED,
    to_time timestamptz GENERATED ALWAYS AS ((date_trunc('day', hit) + days_after * interval '1 day') AT TIME ZONE 'UTC') STORED
);
INSERT INTO period (zone, hit) VALUES
    ('Europe/Berlin', '2024-03-31 02:30'), ('Europe/Berlin', '2024-10-27 02:30'),
    ('America/New_York', '2024-03-10 02:30'), ('America/New_York', '2024-11-03 01:30'),
    ('Australia/Lord_Howe', '2024-10-06 02:15'), ('Australia/Lord_Howe', '2024-04-07 01:45'),
    ('Antarctica/Troll', '2024-03-31 01:30'), ('Antarctica/Troll', '2024-10-27 01:30'),
    ('America/Sao_Paulo', '2018-11-04 00:30'), ('America/Sao_Paulo', '2019-02-16 23:30'),
    ('America/Sao_Paulo', '2019-11-03 00:30'), ('Europe/Istanbul', '2016-03-27 03:30'),
    ('Europe/Istanbul', '2016-10-30 03:30'), ('Africa/Casablanca', '2022-03-27 02:30'),
    ('Africa/Casablanca', '2022-05-08 02:30'), ('Asia/Kathmandu', '1986-01-01 00:10'),
    ('Asia/Pyongyang', '2018-05-04 23:45'), ('Pacific/Apia', '2011-12-30 12:00'),
    ('UTC', '2000-02-29 12:00'), ('UTC', '2024-02-29 12:00'), ('UTC', '2025-12-31 23:30'), ('UTC', '2100-02-28 12:00');
-- And a year every ten minutes, for what has to do with days of the month.
INSERT INTO period (zone, hit, days_before, days_after, step) VALUES ('Europe/Berlin', '2024-03-31 02:30', 100, 280, '10 min');

-- Every minute with the local times that are taken at it: the one that is shown, and those that the clocks have skipped.
CREATE TEMP TABLE clock AS
SELECT c.period, c.utc, c.shown,
       c.shown - lag(c.shown, 1, c.shown - c.step) OVER (PARTITION BY c.period ORDER BY c.utc) - c.step AS jump
FROM (SELECT p.id AS period, p.step, u.utc, u.utc AT TIME ZONE p.zone AS shown
      FROM period p, generate_series(p.from_time, p.to_time - p.step, p.step) AS u (utc)) c;
CREATE TEMP TABLE jump AS
SELECT c.period, c.utc AS at, c.jump AS length FROM clock c WHERE c.jump <> '0';
CREATE TEMP TABLE taken AS
SELECT t.*, extract(minute FROM t.local)::integer AS minute, extract(hour FROM t.local)::integer AS hour,
       extract(day FROM t.local)::integer AS day, extract(day FROM t.local + '1 day'::interval) = 1 AS is_last_day,
       extract(month FROM t.local)::integer AS month, extract(dow FROM t.local)::integer AS weekday
FROM (
    SELECT c.period, c.utc, c.shown AS local, row_number() OVER (PARTITION BY c.period, c.shown ORDER BY c.utc) > 1 AS again,
           interval '0' AS skipped
    FROM clock c
    UNION ALL
    SELECT c.period, c.utc, l.local, false, c.jump
    FROM clock c, generate_series(c.shown - c.jump, c.shown - '1 min'::interval, '1 min') AS l (local) WHERE c.jump > '0'
) t;
SELECT p.zone, p.hit, count(*) FILTER (WHERE c.shown = p.hit) AS is_shown,
       string_agg(c.jump || ' at ' || c.utc, ', ' ORDER BY c.utc) FILTER (WHERE c.jump <> '0') AS jumps
FROM period p JOIN clock c ON c.period = p.id GROUP BY p.id ORDER BY p.id;

-- --- the rules, as people write them and as they are meant ----------------------------------------------------------------

CREATE TEMP TABLE rule (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    period integer,
    endpoint bigint,
    daily time, weekly text, monthly text, cron text,
    minutes integer[], hours integer[] DEFAULT '{}', days integer[], last_day boolean, months integer[], weekdays integer[],
    either_day boolean,                 -- a day that either days or weekdays names
    first_run integer, last_run integer, cut_by interval,   -- starts_at and ends_at: so much after these runs
    duration interval, starts_at timestamptz, ends_at timestamptz
);
CREATE FUNCTION pick(key text, below integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || substr(md5(key), 1, 7))::bit(28)::integer % below;
$$;
CREATE FUNCTION series(lowest integer, highest integer, step integer DEFAULT 1) RETURNS integer[] LANGUAGE sql IMMUTABLE AS $$
    SELECT array_agg(n) FROM generate_series(lowest, highest, step) n;
$$;
CREATE FUNCTION some_field(key text, lowest integer, highest integer, OUT spelling text, OUT meaning integer[])
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    a constant integer := lowest + pick(key || ' a', highest - lowest + 1);
    b constant integer := a + pick(key || ' b', highest - a + 1);
    step constant integer := 1 + pick(key || ' step', 3);
BEGIN
    CASE pick(key, 5)
        WHEN 0 THEN spelling := '*'; meaning := series(lowest, highest);
        WHEN 1 THEN spelling := '*/' || step; meaning := series(lowest, highest, step);
        WHEN 2 THEN spelling := a; meaning := ARRAY[a];
        WHEN 3 THEN spelling := format('%s,%s-%s', lowest, a, b); meaning := lowest || series(a, b);
        ELSE spelling := format('%s-%s/%s', a, b, step); meaning := series(a, b, step);
    END CASE;
END $$;
-- At a time of day that is less than two hours from the hit, or in the days and hours that a cron expression names.
CREATE FUNCTION some_rule(key text, p period) RETURNS rule LANGUAGE plpgsql AS $$
DECLARE
    names constant text[] := '{sun,mon,tue,wed,thu,fri,sat}';
    at constant timestamp := p.hit + make_interval(mins => 10 * (pick(key || ' at', 21) - 10));
    r rule;
    hours text;
    days text;
    weekdays text;
BEGIN
    r.minutes := ARRAY[extract(minute FROM at)::integer];
    r.hours := ARRAY[extract(hour FROM at)::integer];
    CASE pick(key || ' kind', 6)
        WHEN 0 THEN
            r.daily := at::time;
        WHEN 1 THEN
            r.weekdays := ARRAY[extract(dow FROM p.hit)::integer, pick(key || ' weekday', 7)];
            r.weekly := concat(names[1 + r.weekdays[1]], ',', names[1 + r.weekdays[2]], to_char(at, ' HH24:MI'));
        WHEN 2 THEN
            r.days := ARRAY[extract(day FROM p.hit)::integer, 1 + pick(key || ' day', 31)];
            r.last_day := pick(key || ' last', 2) = 0;
            r.monthly := concat(r.days[1], ',', r.days[2], CASE WHEN r.last_day THEN ',last' END, to_char(at, ' HH24:MI'));
        ELSE
            r.minutes := r.minutes || pick(key || ' minute', 60);
            SELECT f.spelling, f.meaning INTO hours, r.hours FROM some_field(key || ' hour', 0, 23) f;
            SELECT f.spelling, f.meaning INTO days, r.days FROM some_field(key || ' day', 1, 31) f;
            SELECT f.spelling, f.meaning INTO weekdays, r.weekdays FROM some_field(key || ' weekday', 0, 7) f;
            r.last_day := pick(key || ' last', 3) = 0;
            r.either_day := days NOT LIKE '*%' AND weekdays NOT LIKE '*%';
            IF pick(key || ' month', 3) = 0 THEN
                r.months := ARRAY[extract(month FROM p.hit)::integer, 12];
            END IF;
            r.cron := concat(r.minutes[1], ',', r.minutes[2], ' ', hours, ' ', days, CASE WHEN r.last_day THEN ',L' END,
                             ' ', coalesce(r.months[1] || ',12', '*'), ' ', weekdays);
    END CASE;
    IF pick(key || ' cut', 2) = 0 THEN
        r.first_run := 1 + pick(key || ' first', 4);
        r.last_run := r.first_run + 1 + pick(key || ' second', 4);
        r.cut_by := ('{0,1 us,-1 us,37 min}'::interval[])[1 + pick(key || ' cut by', 4)];
    END IF;
    r.duration := ('{6 days,50 h,24 h,23:45,6 h,1:50,50 min,14 min}'::interval[])[1 + pick(key || ' long', 8)];
    RETURN r;
END $$;

-- Chosen ones.
INSERT INTO rule (period, daily, weekly, monthly, cron, minutes, hours, days, last_day, months, weekdays, either_day,
                  first_run, last_run, cut_by, duration)
SELECT p.id, r.*
FROM period p
    CROSS JOIN LATERAL (SELECT extract(minute FROM p.hit)::integer AS m, extract(hour FROM p.hit)::integer AS h,
                               extract(day FROM p.hit)::integer AS d, extract(dow FROM p.hit)::integer AS w,
                               to_char(p.hit, 'HH24:MI') AS clock) AS t
    CROSS JOIN LATERAL (VALUES
        (p.hit::time, NULL, NULL, NULL, ARRAY[m], ARRAY[h], NULL::integer[], NULL::boolean, NULL::integer[], NULL::integer[],
         NULL::boolean, NULL::integer, NULL::integer, NULL::interval, interval '2 h'),
        -- with the next one close behind, or overlapping it where an hour is missing
        (p.hit::time, NULL, NULL, NULL, ARRAY[m], ARRAY[h], NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '23:30'),
        (NULL, NULL, NULL, format('0 %s,%s * * *', (h + 23) % 24, (h + 1) % 24), '{0}', ARRAY[(h + 23) % 24, (h + 1) % 24],
         NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '1:59:59.5'),
        -- the first or the last run exactly at starts_at or ends_at, or right behind it
        (p.hit::time, NULL, NULL, NULL, ARRAY[m], ARRAY[h], NULL, NULL, NULL, NULL, NULL, 2, 6, '0', '1 h'),
        (p.hit::time, NULL, NULL, NULL, ARRAY[m], ARRAY[h], NULL, NULL, NULL, NULL, NULL, 2, 6, '1 us', '1 day'),
        (p.hit::time, NULL, NULL, NULL, ARRAY[m], ARRAY[h], NULL, NULL, NULL, NULL, NULL, 4, 5, '0', '12 h'),
        -- days of the week
        (NULL, to_char(p.hit, 'Dy HH24:MI'), NULL, NULL, ARRAY[m], ARRAY[h], NULL, NULL, NULL, ARRAY[w], NULL,
         NULL, NULL, NULL, '1 day 30 min'),
        (NULL, 'mon-fri ' || clock, NULL, NULL, ARRAY[m], ARRAY[h], NULL, NULL, NULL, '{1,2,3,4,5}', NULL,
         NULL, NULL, NULL, '45 min'),
        (NULL, 'sat-sun ' || clock, NULL, NULL, ARRAY[m], ARRAY[h], NULL, NULL, NULL, '{6,0}', NULL, NULL, NULL, NULL, '23:59'),
        -- days of the month
        (NULL, NULL, 'last ' || clock, NULL, ARRAY[m], ARRAY[h], '{}', true, NULL, NULL, NULL, NULL, NULL, NULL, '30 h'),
        (NULL, NULL, '29,30 ' || clock, NULL, ARRAY[m], ARRAY[h], '{29,30}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, '20 h'),
        (NULL, NULL, '31,last ' || clock, NULL, ARRAY[m], ARRAY[h], '{31}', true, NULL, NULL, NULL, NULL, NULL, NULL, '5 h'),
        (NULL, NULL, format('%s,31 %s', d, clock), NULL, ARRAY[m], ARRAY[h], ARRAY[d, 31], NULL, NULL, NULL, NULL,
         NULL, NULL, NULL, '90 min'),
        (NULL, NULL, NULL, '0 0 29 feb *', '{0}', '{0}', '{29}', NULL, '{2}', NULL, NULL, NULL, NULL, NULL, '36 h'),
        (NULL, NULL, NULL, format('%s %s 1-15 * %s', m, h, w), ARRAY[m], ARRAY[h], series(1, 15), NULL, NULL, ARRAY[w], true,
         NULL, NULL, NULL, '3 h'),
        (NULL, NULL, NULL, format('%s %s */2 * sat', m, h), ARRAY[m], ARRAY[h], series(1, 31, 2), NULL, NULL, '{6}', NULL,
         NULL, NULL, NULL, '100 h'),
        -- rhythms
        (NULL, NULL, NULL, m || ' * * * *', ARRAY[m], series(0, 23), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '20 min'),
        (NULL, NULL, NULL, '@hourly', '{0}', series(0, 23), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '59:59'),
        (NULL, NULL, NULL, '@daily', '{0}', '{0}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '1 s')
    ) AS r (daily, weekly, monthly, cron, minutes, hours, days, last_day, months, weekdays, either_day, first_run, last_run, cut_by, duration)
WHERE p.days_after < 10 OR r.days IS NOT NULL;
-- Random ones.
INSERT INTO rule (period, daily, weekly, monthly, cron, minutes, hours, days, last_day, months, weekdays, either_day,
                  first_run, last_run, cut_by, duration)
SELECT p.id, r.daily, r.weekly, r.monthly, r.cron, r.minutes, r.hours, r.days, r.last_day, r.months, r.weekdays, r.either_day,
       r.first_run, r.last_run, r.cut_by, r.duration
FROM period p CROSS JOIN generate_series(1, 6) n CROSS JOIN LATERAL some_rule(format('%s %s', p.id, n), p) AS r
WHERE p.days_after < 10 OR r.monthly IS NOT NULL;
-- Such as happen once; the last one never does.
INSERT INTO rule (period, starts_at, ends_at)
SELECT p.id, b.begin_at, b.begin_at + t.length
FROM period p CROSS JOIN (VALUES (interval '-2 days -03:17:31.000007', interval '51 h'), ('07:00:00.5', '1 us'), ('08:00', '0')) AS t (distance, length)
    CROSS JOIN LATERAL (SELECT p.hit AT TIME ZONE 'UTC' + t.distance) AS b (begin_at);
UPDATE rule r SET endpoint = n.number
FROM (SELECT id, row_number() OVER (PARTITION BY period ORDER BY id) AS number FROM rule) n WHERE n.id = r.id;

-- --- when they run, says the oracle ----------------------------------------------------------------------------------------

CREATE TEMP TABLE run AS
SELECT d.rule, d.begins_at, row_number() OVER (PARTITION BY d.rule ORDER BY d.begins_at) AS number
FROM (
    SELECT DISTINCT r.id AS rule, t.utc AS begins_at
    FROM rule r CROSS JOIN LATERAL unnest(r.minutes) AS m (minute)
        JOIN taken t ON t.period = r.period AND t.minute = m.minute AND t.hour = ANY (r.hours)
            AND (t.month = ANY (r.months)) IS NOT FALSE
        CROSS JOIN LATERAL (
            SELECT (t.day = ANY (r.days)) IS NOT FALSE OR (r.last_day AND t.is_last_day) IS TRUE AS day,
                   (t.weekday = ANY (r.weekdays) OR t.weekday + 7 = ANY (r.weekdays)) IS NOT FALSE AS weekday) fits
    WHERE CASE WHEN r.either_day THEN fits.day OR fits.weekday ELSE fits.day AND fits.weekday END
        AND CASE WHEN r.hours @> series(0, 23) THEN t.skipped = '0' OR extract(epoch FROM t.skipped)::integer % 3600 <> 0
                 ELSE NOT t.again END
) d;
CREATE INDEX ON run (rule, number);
UPDATE rule r
SET starts_at = coalesce((SELECT n.begins_at + r.cut_by FROM run n WHERE n.rule = r.id AND n.number = r.first_run), p.from_time),
    ends_at = (SELECT n.begins_at + r.cut_by FROM run n WHERE n.rule = r.id AND n.number = r.last_run)
FROM period p WHERE p.id = r.period AND r.duration IS NOT NULL;

-- --- and what is found -------------------------------------------------------------------------------------------------------

CREATE TEMP TABLE occurrence (rule integer, period integer, endpoint bigint, begins_at timestamptz, ends_at timestamptz);
CREATE TEMP TABLE moment (period integer, at timestamptz, found_next timestamptz);
CREATE TEMP TABLE listed (period integer, at timestamptz, endpoint bigint, begins_at timestamptz, ends_at timestamptz, running boolean);
CREATE TEMP TABLE found_run (period integer, at timestamptz, endpoint bigint, begins_at timestamptz, ends_at timestamptz);
CREATE TEMP TABLE found_endpoint (period integer, at timestamptz, endpoint bigint, since timestamptz);

-- Planned long before, so that a change of the clocks does not forbid the duration; if it does all the same, a shorter one.
CREATE FUNCTION plan(r rule, zone text) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
    length interval;
    planned bigint;
BEGIN
    IF r.duration IS NULL THEN
        INSERT INTO pulsimo.maintenance_windows (endpoint_id, title, starts_at, ends_at)
        VALUES (r.endpoint, 'once', r.starts_at, r.ends_at);
        RETURN NULL;
    END IF;
    FOR length IN SELECT d FROM unnest(r.duration || '{45 h,22 h,11 h,5 h,110 min,45 min,14 min,4 min,30 s}'::interval[]) d
                  WHERE d <= r.duration ORDER BY d DESC LOOP
        BEGIN
            planned := pulsimo.schedule_maintenance('recurring', r.starts_at - '200 days'::interval, duration => length,
                endpoint => r.endpoint, daily => r.daily, weekly => r.weekly, monthly => r.monthly, cron => r.cron, timezone => zone);
            UPDATE pulsimo.maintenance_windows SET starts_at = r.starts_at, ends_at = r.ends_at WHERE id = planned;
            RETURN length;
        EXCEPTION WHEN invalid_parameter_value THEN
            IF SQLERRM NOT LIKE 'duration must be shorter than %' THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END $$;

-- Begins and ends with the microseconds beside them, those around the hit and some others; and times at random.
CREATE FUNCTION look_at(p period) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rule r SET duration = plan(r, p.zone) WHERE r.period = p.id;
    INSERT INTO occurrence
    SELECT r.id, p.id, r.endpoint, n.begins_at, n.begins_at + make_interval(secs => extract(epoch FROM r.duration)::float8)
    FROM rule r JOIN run n ON n.rule = r.id
    WHERE r.period = p.id AND n.begins_at >= r.starts_at AND (n.begins_at < r.ends_at) IS NOT FALSE
    UNION ALL
    SELECT r.id, p.id, r.endpoint, r.starts_at, r.ends_at
    FROM rule r WHERE r.period = p.id AND r.duration IS NULL AND r.starts_at < r.ends_at;
    INSERT INTO moment
    SELECT p.id, m.at, pulsimo.next_maintenance_change(m.at)
    FROM (SELECT b.at + d
          FROM occurrence o JOIN rule r ON r.id = o.rule, unnest(ARRAY[o.begins_at, o.ends_at]) AS b (at), unnest('{-1 us,0,1 us}'::interval[]) d
          WHERE o.period = p.id AND (pick(format('%s %s', r.id, b.at), 40) = 0
              OR abs(extract(epoch FROM (b.at AT TIME ZONE p.zone) - p.hit)) < 3600 * CASE WHEN cardinality(r.hours) < 3 THEN 14 ELSE 1 END)
          UNION
          SELECT p.from_time + make_interval(secs => pick(format('%s at %s', p.id, n), 9 * 86400) + pick(format('%s us %s', p.id, n), 1000) / 1000.0)
          FROM generate_series(1, 20) n) AS m (at)
    WHERE m.at >= p.from_time AND m.at < p.to_time;
    INSERT INTO listed
    SELECT p.id, d.at, f.endpoint_id, f.starts_at, f.ends_at, f.running
    FROM generate_series(p.from_time, p.to_time - '12 h'::interval, '12 h') AS d (at),
         pulsimo.maintenance_between(d.at, d.at + '12 h'::interval) f;
    INSERT INTO found_run
    SELECT p.id, m.at, f.endpoint_id, f.begins_at, f.ends_at FROM moment m, pulsimo.maintenance_runs(m.at) f WHERE m.period = p.id;
    INSERT INTO found_endpoint
    SELECT p.id, m.at, f.endpoint_id, f.since FROM moment m, pulsimo.maintenance_at(m.at) f WHERE m.period = p.id;
    TRUNCATE pulsimo.maintenance_windows;
END $$;
-- In a session whose own clocks are changed on other days.
SET timezone = 'Europe/London';
SELECT count(look_at(p)) AS periods FROM period p;
SET timezone = 'UTC';
CREATE INDEX ON occurrence (rule, ends_at);
CREATE TEMP TABLE covered AS
SELECT o.rule, o.period, o.endpoint, range_agg(tstzrange(o.begins_at, o.ends_at)) AS times FROM occurrence o GROUP BY 1, 2, 3;
CREATE TEMP TABLE edge AS
SELECT DISTINCT c.period, e.at FROM covered c, unnest(c.times) AS t, unnest(ARRAY[lower(t), upper(t)]) AS e (at);
CREATE INDEX ON edge (period, at);
ANALYZE occurrence, covered, edge, moment, listed, found_run, found_endpoint;

-- --- are they the same? ------------------------------------------------------------------------------------------------------

-- Each row of either side once: what was expected, what was found, or both.
CREATE TEMP TABLE compared (what text, period integer, endpoint bigint, at timestamptz, expected text, found text);
INSERT INTO compared
SELECT 'upcoming list', period, endpoint, at, e.runs, f.runs
FROM (SELECT o.period, o.endpoint, d.at, string_agg(concat_ws(' ', o.begins_at, o.ends_at, o.begins_at <= d.at), ', ' ORDER BY o.begins_at) AS runs
      FROM period p CROSS JOIN generate_series(p.from_time, p.to_time - '12 h'::interval, '12 h') AS d (at)
          JOIN occurrence o ON o.period = p.id AND o.begins_at < d.at + '12 h'::interval AND o.ends_at > d.at
      GROUP BY 1, 2, 3) e
    FULL JOIN (SELECT l.period, l.endpoint, l.at, string_agg(concat_ws(' ', l.begins_at, l.ends_at, l.running), ', ' ORDER BY l.begins_at) AS runs
               FROM listed l GROUP BY 1, 2, 3) f USING (period, endpoint, at);
-- Of what overlaps, the one that began first. What begins behind the period is not known here.
INSERT INTO compared
SELECT 'run at a moment', period, endpoint, at, concat_ws(' ', e.begins_at, e.ends_at), concat_ws(' ', f.begins_at, f.ends_at)
FROM (SELECT m.period, r.endpoint, m.at, o.begins_at, o.ends_at
      FROM moment m JOIN rule r ON r.period = m.period
          CROSS JOIN LATERAL (SELECT * FROM occurrence o WHERE o.rule = r.id AND o.ends_at > m.at ORDER BY o.ends_at LIMIT 1) o) e
    FULL JOIN (SELECT f.* FROM found_run f JOIN period p ON p.id = f.period WHERE f.begins_at < p.to_time) f USING (period, endpoint, at);
INSERT INTO compared
SELECT 'in maintenance since', period, endpoint, at, e.since::text, f.since::text
FROM (SELECT m.period, c.endpoint, m.at,
             (SELECT min(o.begins_at) FROM occurrence o WHERE o.rule = c.rule AND o.begins_at <= m.at AND o.ends_at > m.at) AS since
      FROM moment m JOIN covered c ON c.period = m.period AND c.times @> m.at) e
    FULL JOIN found_endpoint f USING (period, endpoint, at);
-- The keeper has to look when the first of them begins or ends; where two overlap it may look earlier, when one of them ends.
INSERT INTO compared
SELECT 'next change', m.period, NULL, m.at, CASE WHEN next.known THEN next.change_at::text ELSE 'later' END,
       CASE WHEN next.known THEN
                CASE WHEN m.found_next > m.at AND m.found_next < next.change_at AND EXISTS (
                          SELECT FROM occurrence o WHERE o.period = m.period AND o.ends_at = m.found_next)
                     THEN next.change_at ELSE m.found_next END::text
            WHEN (m.found_next < p.to_time) IS NOT TRUE THEN 'later'
            ELSE m.found_next::text END
FROM moment m JOIN period p ON p.id = m.period
    CROSS JOIN LATERAL (SELECT min(e.at), (min(e.at) < p.to_time) IS TRUE
                        FROM edge e WHERE e.period = m.period AND e.at > m.at) AS next (change_at, known);

-- What there was to compare.
SELECT p.zone, p.hit, count(DISTINCT o.rule) AS windows, count(*) AS occurrences,
       count(*) FILTER (WHERE EXISTS (SELECT FROM jump j WHERE j.period = p.id AND j.at = o.begins_at)) AS at_a_jump,
       count(*) FILTER (WHERE EXISTS (SELECT FROM jump j WHERE j.period = p.id AND j.at > o.begins_at AND j.at < o.ends_at)) AS across_it,
       (SELECT count(*) FROM moment m WHERE m.period = p.id) AS moments
FROM period p JOIN occurrence o ON o.period = p.id
GROUP BY p.id ORDER BY p.id;
SELECT CASE WHEN r.daily IS NOT NULL THEN 'daily' WHEN r.weekly IS NOT NULL THEN 'weekly' WHEN r.monthly IS NOT NULL THEN 'monthly'
            WHEN r.cron IS NOT NULL THEN 'cron' ELSE 'once' END AS kind,
       count(*) AS windows, count(*) FILTER (WHERE r.first_run IS NOT NULL) AS of_these_cut, sum(f.occurrences) AS occurrences,
       sum(f.overlapping) AS overlapping
FROM rule r CROSS JOIN LATERAL (
    SELECT count(*) AS occurrences, count(*) FILTER (WHERE o.begins_at < o.last_end) AS overlapping
    FROM (SELECT o.begins_at, lag(o.ends_at) OVER (ORDER BY o.begins_at) AS last_end FROM occurrence o WHERE o.rule = r.id) o) f
GROUP BY 1 ORDER BY 1;
SELECT max(l.rows) < 1000 AS lists_are_whole FROM (SELECT count(*) AS rows FROM listed GROUP BY period, at) l;
-- And what came of it.
SELECT what, count(*) AS compared, count(*) FILTER (WHERE expected IS DISTINCT FROM found) AS different FROM compared GROUP BY what ORDER BY what;
SELECT c.what, p.zone, c.at, coalesce(r.daily::text, r.weekly, r.monthly, r.cron) AS rule, r.duration, r.starts_at, r.ends_at, c.expected, c.found
FROM compared c JOIN period p ON p.id = c.period LEFT JOIN rule r ON r.period = c.period AND r.endpoint = c.endpoint
WHERE c.expected IS DISTINCT FROM c.found
ORDER BY p.id, c.at, c.what, c.endpoint LIMIT 20;

DROP FUNCTION look_at, plan, some_rule, some_field, series, pick;
DROP EXTENSION pulsimo;
