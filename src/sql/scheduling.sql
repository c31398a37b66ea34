-- When endpoints are checked: at an interval or by a cron expression in a time zone, one endpoint or all of a project or
-- with a tag, and at once.

CREATE OR REPLACE FUNCTION pulsimo.cron_next(cron text, timezone text, after timestamptz) RETURNS timestamptz
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_cron_next';
REVOKE ALL ON FUNCTION pulsimo.cron_next(text, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.cron_next(text, text, timestamptz) IS
'The first run of a cron expression after a time; NULL when there is none. What it takes is told at schedule_endpoint().
Errors: 22023 cron is no cron expression, timezone is no time zone of pg_timezone_names.
Example: SELECT pulsimo.cron_next(''0 9 * * mon-fri'', ''Europe/Berlin'', now());';

CREATE OR REPLACE FUNCTION pulsimo.validate_cron(cron text, timezone text) RETURNS interval
LANGUAGE c STABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_validate_cron';
REVOKE ALL ON FUNCTION pulsimo.validate_cron(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.validate_cron(text, text) IS
'The shortest distance between two runs of a cron expression, at most a day. Every write to pulsimo.endpoints checks the same.
Errors: 22023 cron is no cron expression, timezone is no time zone of pg_timezone_names.
Example: SELECT pulsimo.validate_cron(''*/5 9-17 * * mon-fri'', ''Europe/Berlin'');';

-- For views, which have to show the other endpoints all the same: another server that the data were brought to may not know
-- the time zone.
CREATE OR REPLACE FUNCTION pulsimo.cron_next_if_known(cron text, timezone text, after timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN pulsimo.cron_next(cron, timezone, after);
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.cron_next_if_known(text, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.cron_next_if_known(text, text, timestamptz) IS
'Internal: cron_next(); NULL instead of an error.';

CREATE OR REPLACE FUNCTION pulsimo.require_schedule(every interval, cron text, timezone text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF num_nonnulls(every, cron) <> 1 THEN
        RAISE EXCEPTION 'either every or cron must be given' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give every => ''30 s'', or cron => ''*/5 9-17 * * mon-fri''.';
    ELSIF cron IS NULL AND timezone IS NOT NULL THEN
        RAISE EXCEPTION 'timezone must not be given without cron' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'An interval is the same in all time zones: leave timezone out.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_schedule(interval, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_schedule(interval, text, text) IS
'Internal: raises 22023 unless it is either an interval or a cron expression.';

CREATE OR REPLACE FUNCTION pulsimo.write_schedule(
    ids bigint[], every interval, cron text, timezone text, retry_interval interval, timeout interval
) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    written integer;
BEGIN
    UPDATE pulsimo.endpoints e
    SET check_interval = coalesce(every, e.check_interval), cron = write_schedule.cron,
        timezone = CASE WHEN write_schedule.cron IS NOT NULL THEN coalesce(write_schedule.timezone, e.timezone) END,
        retry_interval = coalesce(write_schedule.retry_interval, e.retry_interval),
        timeout = coalesce(write_schedule.timeout, e.timeout)
    WHERE e.id = ANY (ids);
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END $$;
REVOKE ALL ON FUNCTION pulsimo.write_schedule(bigint[], interval, text, text, interval, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.write_schedule(bigint[], interval, text, text, interval, interval) IS
'Internal: gives these endpoints another schedule, and returns how many they are. A timezone, retry_interval or timeout that is null stays.';

CREATE OR REPLACE FUNCTION pulsimo.schedule_endpoint(
    id bigint,
    every interval DEFAULT NULL,
    cron text DEFAULT NULL,
    timezone text DEFAULT NULL,
    retry_interval interval DEFAULT NULL,
    timeout interval DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_endpoint(id);
    PERFORM pulsimo.require_schedule(every, cron, timezone);
    PERFORM pulsimo.write_schedule(ARRAY[id], every, cron, timezone, retry_interval, timeout);
END $$;
REVOKE ALL ON FUNCTION pulsimo.schedule_endpoint(bigint, interval, text, text, interval, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.schedule_endpoint(bigint, interval, text, text, interval, interval) IS
'Says when an endpoint is checked: at an interval or by a cron expression. Takes effect at commit; status and history stay.
every: time between two checks, 1 second to 1 day. Endpoints are spread over their interval.
cron: five fields, minute, hour, day of the month, month and day of the week, as in "*/5 9-17 * * mon-fri": lists, ranges and steps, names of months and days, 7 and 0 for Sunday, L for the last day of the month, or @hourly, @daily or @midnight, @weekly, @monthly, @yearly or @annually. When both the day of the month and the day of the week are given (neither begins with *), a day that matches one of them is enough: "0 0 1 * mon" is the 1st and every Monday. Checks start at the full minute. A time that does not exist when the clock is put forward runs right after the change, one that comes twice runs once, but with * for the hour the runs follow the real clock.
timezone: that of cron, a name like "Europe/Berlin"; by default the one the endpoint has, else that of the session.
retry_interval: time until the next check while failing below the threshold, not longer than the distance of two checks; by default it stays.
timeout: longest time a check may take, likewise.
Errors: P0002 unknown endpoint, 42501 may not change it, 22023 not exactly one of every and cron is given, or what is given is not acceptable.
Example: SELECT pulsimo.schedule_endpoint(1, cron => ''*/5 9-17 * * mon-fri'', timezone => ''Europe/Berlin'');';

CREATE OR REPLACE FUNCTION pulsimo.next_runs(id bigint, n integer DEFAULT 10) RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    endpoint pulsimo.endpoints;
    run timestamptz := statement_timestamp();
BEGIN
    PERFORM pulsimo.require_endpoint(id);
    IF (n BETWEEN 1 AND 1000) IS NOT TRUE THEN
        RAISE EXCEPTION 'n must be between 1 and 1000, not %', coalesce(n::text, 'null') USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave n out for the next ten.';
    END IF;
    SELECT * INTO endpoint FROM pulsimo.endpoints e WHERE e.id = next_runs.id;
    IF endpoint.cron IS NULL THEN
        -- Not multiples of the interval itself: a day is not always 24 hours.
        RETURN QUERY
        SELECT s.first_slot + make_interval(secs => k * extract(epoch FROM endpoint.check_interval)::float8)
        FROM (SELECT pulsimo.next_slot(endpoint.id, endpoint.check_interval) AS first_slot) s,
             generate_series(0, n - 1) k;
        RETURN;
    END IF;
    FOR k IN 1 .. n LOOP
        run := pulsimo.cron_next(endpoint.cron, endpoint.timezone, run);
        EXIT WHEN run IS NULL;
        RETURN NEXT run;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION pulsimo.next_runs(bigint, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.next_runs(bigint, integer) IS
'When the next regular checks of an endpoint start, whether or not it is paused or monitoring runs. Checks that come early because the last one failed are not among them.
n: how many, 1 to 1000; fewer come back when the schedule has no more.
Errors: P0002 unknown endpoint, 22023 n is out of range.
Example: SELECT * FROM pulsimo.next_runs(1, 5);';

CREATE OR REPLACE FUNCTION pulsimo.endpoints_to_change(project bigint, tag text) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen bigint[];
    changeable bigint[];
    some_project bigint;
BEGIN
    IF project IS NULL AND tag IS NULL THEN
        RAISE EXCEPTION 'project or tag must be given' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give project => 1 for all its endpoints, tag => ''eu'' for all that have it, or both.';
    END IF;
    IF project IS NOT NULL THEN
        PERFORM pulsimo.require_project(project);
    END IF;
    SELECT array_agg(e.id ORDER BY e.id), array_agg(e.id ORDER BY e.id) FILTER (WHERE p.changeable), min(p.id)
    INTO seen, changeable, some_project
    FROM (SELECT o.id, pulsimo.has_permission('endpoints.change', o.id) AS changeable FROM pulsimo.projects o
          WHERE o.id = project OR project IS NULL OFFSET 0) p
        JOIN pulsimo.endpoints e ON e.project_id = p.id
    WHERE tag IS NULL OR e.tags @> ARRAY[tag];
    IF seen IS NULL THEN
        RAISE EXCEPTION 'there is no endpoint%', coalesce(' of project ' || project, '')
                                                 || coalesce(' with the tag ' || to_json(tag), '') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.endpoints has the projects and tags of endpoints.';
    ELSIF changeable IS NULL THEN
        PERFORM pulsimo.require_permission('endpoints.change', some_project);
    END IF;
    RETURN changeable;
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoints_to_change(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoints_to_change(bigint, text) IS
'Internal: the endpoints of a project, or with a tag, or of the project with the tag, that may be changed.
Errors: 22023 neither is given, P0002 unknown project or no endpoint is seen, 42501 none may be changed.';

CREATE OR REPLACE FUNCTION pulsimo.reschedule(
    every interval DEFAULT NULL,
    cron text DEFAULT NULL,
    timezone text DEFAULT NULL,
    project bigint DEFAULT NULL,
    tag text DEFAULT NULL,
    retry_interval interval DEFAULT NULL,
    timeout interval DEFAULT NULL
) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_schedule(every, cron, timezone);
    -- In one order, so that two sessions do not wait for each other; then again, now that we have waited.
    PERFORM FROM pulsimo.endpoints e WHERE e.id = ANY (pulsimo.endpoints_to_change(project, tag))
    ORDER BY e.id FOR NO KEY UPDATE;
    RETURN pulsimo.write_schedule(pulsimo.endpoints_to_change(project, tag), every, cron, timezone, retry_interval, timeout);
END $$;
REVOKE ALL ON FUNCTION pulsimo.reschedule(interval, text, text, bigint, text, interval, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.reschedule(interval, text, text, bigint, text, interval, interval) IS
'Gives all endpoints of a project, or with a tag, another schedule, and returns how many they are: those that you may change, in all your organizations; of every organization for the operator. All of them or, when one cannot be scheduled so, none.
every, cron, timezone, retry_interval, timeout: as for schedule_endpoint().
project: id of a project; with tag as well, its endpoints that have the tag.
tag: the endpoints that have this tag.
Errors: P0002 unknown project, or you see no such endpoint; 42501 you may change none of them; 22023 not exactly one of every and cron is given, neither project nor tag is, or what is given is not acceptable for one of the endpoints.
Example: SELECT pulsimo.reschedule(every => ''30 s'', tag => ''checkout'');';

CREATE OR REPLACE FUNCTION pulsimo.tag_endpoint(id bigint, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_endpoint(id);
    PERFORM pulsimo.require_tag(tag);
    UPDATE pulsimo.endpoints e SET tags = array_append(e.tags, tag) WHERE e.id = tag_endpoint.id AND tag <> ALL (e.tags);
END $$;
REVOKE ALL ON FUNCTION pulsimo.tag_endpoint(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.tag_endpoint(bigint, text) IS
'Gives an endpoint a tag: a word to find it by, for reschedule(), check_now_all() and maintenance. Does nothing when it has it already.
tag: one line of 1 to 100 characters; capitals count. An endpoint has at most 20.
Errors: P0002 unknown endpoint, 42501 may not change it, 22023 this is no tag, or one too many.
Example: SELECT pulsimo.tag_endpoint(1, ''checkout'');';

CREATE OR REPLACE FUNCTION pulsimo.untag_endpoint(id bigint, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_endpoint(id);
    PERFORM pulsimo.require_tag(tag);
    UPDATE pulsimo.endpoints e SET tags = array_remove(e.tags, tag) WHERE e.id = untag_endpoint.id AND tag = ANY (e.tags);
END $$;
REVOKE ALL ON FUNCTION pulsimo.untag_endpoint(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.untag_endpoint(bigint, text) IS
'Takes a tag away from an endpoint. Does nothing when it does not have it.
Errors: P0002 unknown endpoint, 42501 may not change it, 22023 this is no tag.
Example: SELECT pulsimo.untag_endpoint(1, ''checkout'');';

CREATE OR REPLACE FUNCTION pulsimo.check_endpoints(ids bigint[], wait interval) RETURNS SETOF pulsimo.health_checks
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_check_endpoints';
REVOKE ALL ON FUNCTION pulsimo.check_endpoints(bigint[], interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.check_endpoints(bigint[], interval) IS
'Internal: check_now() of several endpoints at a time. An endpoint without result is a row without checked_at whose error says why.';

CREATE OR REPLACE FUNCTION pulsimo.check_now_all(
    project bigint DEFAULT NULL, tag text DEFAULT NULL, wait interval DEFAULT '30 s'
) RETURNS SETOF pulsimo.health_checks
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids constant bigint[] := ARRAY(
        SELECT e.id FROM pulsimo.endpoints e
        WHERE e.id = ANY (pulsimo.endpoints_to_change(project, tag)) AND NOT e.paused ORDER BY e.id);
BEGIN
    IF ids = '{}' THEN
        RAISE EXCEPTION 'cannot check now: all these endpoints are paused' USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Call pulsimo.resume_endpoint() and commit.';
    END IF;
    RETURN QUERY SELECT c.* FROM pulsimo.check_endpoints(ids, wait) c;
END $$;
REVOKE ALL ON FUNCTION pulsimo.check_now_all(bigint, text, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.check_now_all(bigint, text, interval) IS
'Checks all endpoints of a project, or with a tag, at once, beside their schedule, and returns the results when they are committed: those that you may change and that are not paused. They are checked side by side, so it takes about as long as the slowest. An endpoint without a result is a row without checked_at, whose error says why.
project: id of a project; with tag as well, its endpoints that have the tag.
tag: the endpoints that have this tag.
wait: how long to wait for all of them together.
Errors: P0002 unknown project, or you see no such endpoint; 42501 you may change none of them; 22023 neither project nor tag is given, or wait is negative or longer than a day; 22004 wait is null; 55000 monitoring is not running, or all are paused.
Example: SELECT endpoint_id, status, error FROM pulsimo.check_now_all(tag => ''checkout'');';
