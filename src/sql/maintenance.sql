-- Planning maintenance and ending it. The functions run with the rights of the owner (src/functions/as_owner.hpp) and ask
-- for what depends on the caller and on the time of day. What a window may be at all is said in maintenance_rules.sql, and
-- when it begins and ends in maintenance_times.sql.

CREATE OR REPLACE FUNCTION pulsimo.maintenance_organization(endpoint bigint, project bigint, tag text, organization bigint)
RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place bigint := project;
BEGIN
    IF num_nonnulls(endpoint, project, coalesce(tag, organization::text)) <> 1 THEN
        RAISE EXCEPTION 'exactly one of endpoint, project, tag and organization must be given' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'organization alone means everything in it; beside tag it says whose endpoints.';
    ELSIF endpoint IS NOT NULL THEN
        PERFORM pulsimo.require_endpoint(endpoint);
        SELECT e.project_id INTO place FROM pulsimo.endpoints e WHERE e.id = endpoint;
    ELSIF project IS NOT NULL THEN
        PERFORM pulsimo.require_project(project);
    ELSIF organization IS NULL THEN
        RETURN pulsimo.only_organization('organization.maintenance');
    ELSE
        IF NOT EXISTS (SELECT FROM pulsimo.organizations o
                       WHERE o.id = organization AND pulsimo.has_permission('organization.view', o.id)) THEN
            RAISE EXCEPTION 'organization % does not exist', organization USING
                ERRCODE = 'no_data_found',
                HINT = 'The table pulsimo.organizations lists the organizations with their ids.';
        END IF;
        PERFORM pulsimo.require_permission('organization.maintenance', organization);
        RETURN organization;
    END IF;
    PERFORM pulsimo.require_permission('project.maintenance', place);
    RETURN (SELECT p.organization_id FROM pulsimo.projects p WHERE p.id = place);
END $$;
REVOKE ALL ON FUNCTION pulsimo.maintenance_organization(bigint, bigint, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_organization(bigint, bigint, text, bigint) IS
'Internal: the organization of what maintenance is about.
Errors: 22023 it is about nothing or several things, or organization has to be given; P0002 unknown endpoint, project or organization; 42501 may not plan maintenance there.';

-- The keeper goes through all of them, for everybody. Two sessions at the same time may get past it, by one each.
CREATE OR REPLACE FUNCTION pulsimo.require_room_for_maintenance(organization bigint) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most constant integer := 1000;
BEGIN
    IF most <= (SELECT count(*) FROM pulsimo.maintenance_windows w
                WHERE w.organization_id = organization AND (w.ends_at > clock_timestamp()) IS NOT FALSE) THEN
        RAISE EXCEPTION 'organization % may have at most % planned or running windows of maintenance', organization, most USING
            ERRCODE = 'configuration_limit_exceeded',
            HINT = 'Plan recurring maintenance, or maintenance of a project or tag instead of each endpoint.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_room_for_maintenance(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_room_for_maintenance(bigint) IS
'Internal: raises 53400 when an organization has as many windows as it may.';

CREATE OR REPLACE FUNCTION pulsimo.read_clock_time(value text, days text, name text, example text)
RETURNS text[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts constant text[] := regexp_match(value, '^\s*(' || days || ')\s+([01]?\d|2[0-3]):([0-5]\d)\s*$', 'i');
BEGIN
    IF parts IS NULL THEN
        RAISE EXCEPTION '% must be days and a time of day, not %', name, quote_literal(value) USING
            ERRCODE = 'invalid_parameter_value', HINT = format('Give %s like %L.', name, example);
    END IF;
    RETURN ARRAY[format('%s %s', parts[3]::integer, parts[2]::integer), lower(parts[1])];
END $$;
REVOKE ALL ON FUNCTION pulsimo.read_clock_time(text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.read_clock_time(text, text, text, text) IS
'Internal: minute and hour as cron has them, and the days, of a text like "mon 02:00".
Errors: 22023 names the argument.';

CREATE OR REPLACE FUNCTION pulsimo.recurrence(daily time, weekly text, monthly text, cron text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[];
    of_days text;
BEGIN
    IF num_nonnulls(daily, weekly, monthly, cron) > 1 THEN
        RAISE EXCEPTION 'only one of daily, weekly, monthly and cron may be given' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Plan two if both are meant.';
    ELSIF daily IS NOT NULL THEN
        IF extract(second FROM daily) <> 0 OR daily = '24:00' THEN
            RAISE EXCEPTION 'daily must be a time of day in hours and minutes, not %', quote_literal(daily) USING
                ERRCODE = 'invalid_parameter_value', HINT = 'Give daily like ''02:30''.';
        END IF;
        RETURN format('%s %s * * *', extract(minute FROM daily), extract(hour FROM daily));
    ELSIF weekly IS NOT NULL THEN
        parts := pulsimo.read_clock_time(weekly, '(?:sun|mon|tue|wed|thu|fri|sat)(?:[,-](?:sun|mon|tue|wed|thu|fri|sat))*',
                                         'weekly', 'mon,thu 22:30');
        of_days := format('%s * * %s', parts[1], parts[2]);
        BEGIN
            PERFORM pulsimo.validate_cron(of_days, 'UTC');
        EXCEPTION WHEN invalid_parameter_value THEN
            RAISE EXCEPTION 'weekly must be days and a time of day, not %', quote_literal(left(weekly, 100)) USING
                ERRCODE = 'invalid_parameter_value',
                HINT = 'A range is like mon-fri, with the earlier day first: ''fri-sun,mon 22:30'' is from Friday to Monday.';
        END;
        RETURN of_days;
    ELSIF monthly IS NOT NULL THEN
        parts := pulsimo.read_clock_time(monthly, '(?:0?[1-9]|[12]\d|3[01]|last)(?:,(?:0?[1-9]|[12]\d|3[01]|last))*',
                                         'monthly', 'last 03:00');
        RETURN format('%s %s * *', parts[1], replace(parts[2], 'last', 'L'));
    END IF;
    RETURN cron;
END $$;
REVOKE ALL ON FUNCTION pulsimo.recurrence(time, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.recurrence(time, text, text, text) IS
'Internal: the cron expression that is meant; NULL when there is none.
Errors: 22023 names the argument.';

-- Whatever SET TIME ZONE takes, an offset has no summer time, and nobody would notice until it is too late.
CREATE OR REPLACE FUNCTION pulsimo.session_timezone() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.validate_cron('0 0 * * *', current_setting('TimeZone'));
    RETURN current_setting('TimeZone');
EXCEPTION WHEN invalid_parameter_value THEN
    RAISE EXCEPTION 'timezone must be given' USING
        ERRCODE = 'invalid_parameter_value',
        DETAIL = format('The session has %s, which is not the name of a time zone.', current_setting('TimeZone')),
        HINT = 'Give for example ''Europe/Berlin'' or ''UTC''.';
END $$;
REVOKE ALL ON FUNCTION pulsimo.session_timezone() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.session_timezone() IS
'Internal: the time zone of the session, if it is one that has a name.
Errors: 22023 it is not.';

CREATE OR REPLACE FUNCTION pulsimo.end_after(starts_at timestamptz, duration interval) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (extract(epoch FROM duration) BETWEEN 1 AND 366 * 86400) IS NOT TRUE THEN
        RAISE EXCEPTION 'duration must be between 1 second and 366 days, not %', coalesce(duration::text, 'null') USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Give duration like ''2 h''.';
    END IF;
    -- A later one is refused when it is written.
    RETURN least(starts_at, '10000-01-01 00:00+00') + make_interval(secs => extract(epoch FROM duration)::float8);
END $$;
REVOKE ALL ON FUNCTION pulsimo.end_after(timestamptz, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.end_after(timestamptz, interval) IS
'Internal: the end of a window of this duration.
Errors: 22023 duration is not acceptable.';

CREATE OR REPLACE FUNCTION pulsimo.require_single_times(
    starts_at timestamptz, ends_at timestamptz, duration interval, timezone text
) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    problem constant text := CASE
        WHEN starts_at IS NULL THEN 'starts_at must be given, or one of daily, weekly, monthly and cron'
        WHEN num_nonnulls(ends_at, duration) <> 1 THEN 'exactly one of ends_at and duration must be given'
        WHEN timezone IS NOT NULL THEN 'timezone is for recurring maintenance'
        WHEN ends_at <= starts_at THEN 'ends_at must be after starts_at'
        WHEN coalesce(ends_at, pulsimo.end_after(starts_at, duration)) <= clock_timestamp()
            THEN 'the maintenance would have ended by now'
    END;
BEGIN
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give for example starts_at => ''2030-01-31 22:00+00'', duration => ''2 h''.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_single_times(timestamptz, timestamptz, interval, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_single_times(timestamptz, timestamptz, interval, text) IS
'Internal: raises 22023 when these are not the times of a window that happens once.';

CREATE OR REPLACE FUNCTION pulsimo.schedule_maintenance_as_owner(
    title text, starts_at timestamptz, ends_at timestamptz, duration interval, endpoint bigint, project bigint, tag text,
    organization bigint, daily time, weekly text, monthly text, cron text, timezone text
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose constant bigint := pulsimo.maintenance_organization(endpoint, project, tag, organization);
    recurrence constant text := pulsimo.recurrence(daily, weekly, monthly, cron);
    begins_at constant timestamptz := coalesce(starts_at, CASE WHEN recurrence IS NOT NULL THEN clock_timestamp() END);
    new_id bigint;
    first_run timestamptz;
BEGIN
    PERFORM pulsimo.require_room_for_maintenance(whose);
    IF recurrence IS NULL THEN
        PERFORM pulsimo.require_single_times(starts_at, ends_at, duration, timezone);
        ends_at := coalesce(ends_at, pulsimo.end_after(starts_at, duration));
        duration := NULL;
    ELSE
        timezone := coalesce(timezone, pulsimo.session_timezone());
    END IF;
    INSERT INTO pulsimo.maintenance_windows (organization_id, project_id, endpoint_id, tag, title, starts_at, ends_at, cron,
                                             timezone, duration, created_by)
    VALUES (whose, project, endpoint, tag, title, begins_at, ends_at, recurrence, timezone, duration,
            pulsimo.current_user_id())
    RETURNING id INTO new_id;
    IF recurrence IS NOT NULL THEN
        first_run := pulsimo.cron_next(recurrence, timezone,
                                       greatest(begins_at - '1 us'::interval, clock_timestamp() - duration));
        IF (first_run < coalesce(ends_at, 'infinity')) IS NOT TRUE THEN
            RAISE EXCEPTION 'there is no run between starts_at and ends_at that has not ended by now' USING
                ERRCODE = 'invalid_parameter_value', HINT = 'Leave ends_at out, or give a later one.';
        END IF;
    END IF;
    RETURN new_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.schedule_maintenance_as_owner(
    text, timestamptz, timestamptz, interval, bigint, bigint, text, bigint, time, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.schedule_maintenance_as_owner(
    text, timestamptz, timestamptz, interval, bigint, bigint, text, bigint, time, text, text, text, text) IS
'Internal: schedule_maintenance(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.schedule_maintenance(
    title text,
    starts_at timestamptz DEFAULT NULL,
    ends_at timestamptz DEFAULT NULL,
    duration interval DEFAULT NULL,
    endpoint bigint DEFAULT NULL,
    project bigint DEFAULT NULL,
    tag text DEFAULT NULL,
    organization bigint DEFAULT NULL,
    daily time DEFAULT NULL,
    weekly text DEFAULT NULL,
    monthly text DEFAULT NULL,
    cron text DEFAULT NULL,
    timezone text DEFAULT NULL
) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.schedule_maintenance(
    text, timestamptz, timestamptz, interval, bigint, bigint, text, bigint, time, text, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.schedule_maintenance(
    text, timestamptz, timestamptz, interval, bigint, bigint, text, bigint, time, text, text, text, text) IS
'Plans maintenance, once or recurring, and returns its id. Checks go on meanwhile; what they find opens no incident, and the time is left out of uptime. An endpoint that is still down at the end gets its incident then.
title: as shown to people, one line of at most 200 characters.
starts_at, ends_at: once: from when until when. Recurring: occurrences begin from starts_at (by default now) until before ends_at (by default for ever); one that has begun lasts its full duration.
duration: once: instead of ends_at, at most 366 days. Recurring: how long each time, at most 7 days and shorter than the time to the next. A length of time: ''1 day'' is 24 hours also when clocks are changed.
endpoint, project, organization: id of what it is about; exactly one of these or tag. organization is everything in it.
tag: all endpoints with this tag, of organization, which may be left out if there is only one.
daily: recurring at this time of day.
weekly: recurring on these days of the week, ''sun 02:00'', ''mon,thu 22:30'' or ''mon-fri 23:00''.
monthly: recurring on these days of the month, ''1 03:00'', ''1,15 03:00'' or ''last 03:00''; months without such a day are left out.
cron: recurring as a cron expression says, with minute, hour, day of the month, month and day of the week; of the two days one that matches is enough when both are given. What it takes is told at schedule_endpoint().
timezone: of daily, weekly, monthly and cron; by default that of the session, if it has a name. A time of day that clocks skip is taken when they do, one that comes twice counts once.
Errors: 22023 or 22004 names the argument that is not acceptable; P0002 unknown endpoint, project or organization; 42501 may not plan maintenance there; 53400 the organization has 1000 already.
Example: SELECT pulsimo.schedule_maintenance(''Backup'', project => 1, weekly => ''sun 02:00'', duration => ''90 min'', timezone => ''Europe/Berlin'');';

CREATE OR REPLACE FUNCTION pulsimo.begin_maintenance_as_owner(
    duration interval, endpoint bigint, project bigint, tag text, organization bigint, title text
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose constant bigint := pulsimo.maintenance_organization(endpoint, project, tag, organization);
    begins_at constant timestamptz := clock_timestamp();
    new_id bigint;
BEGIN
    PERFORM pulsimo.require_room_for_maintenance(whose);
    INSERT INTO pulsimo.maintenance_windows (organization_id, project_id, endpoint_id, tag, title, starts_at, ends_at,
                                             created_by)
    VALUES (whose, project, endpoint, tag, title, begins_at, pulsimo.end_after(begins_at, duration),
            pulsimo.current_user_id())
    RETURNING id INTO new_id;
    RETURN new_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.begin_maintenance_as_owner(interval, bigint, bigint, text, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.begin_maintenance_as_owner(interval, bigint, bigint, text, bigint, text) IS
'Internal: begin_maintenance(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.begin_maintenance(
    duration interval,
    endpoint bigint DEFAULT NULL,
    project bigint DEFAULT NULL,
    tag text DEFAULT NULL,
    organization bigint DEFAULT NULL,
    title text DEFAULT 'Maintenance'
) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.begin_maintenance(interval, bigint, bigint, text, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.begin_maintenance(interval, bigint, bigint, text, bigint, text) IS
'Begins maintenance now, for so long or until end_maintenance(), and returns its id. Takes effect at commit.
duration: 1 second to 366 days.
endpoint, project, tag, organization, title: see schedule_maintenance().
Errors: 22023 names the argument that is not acceptable; P0002 unknown endpoint, project or organization; 42501 may not plan maintenance there; 53400 the organization has 1000 already.
Example: SELECT pulsimo.begin_maintenance(''30 min'', endpoint => 1, title => ''New disk'');';

-- What is not seen is reported before anything is locked.
CREATE OR REPLACE FUNCTION pulsimo.lock_maintenance(id bigint) RETURNS pulsimo.maintenance_windows
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found pulsimo.maintenance_windows;
BEGIN
    SELECT * INTO found FROM pulsimo.maintenance_windows w WHERE w.id = lock_maintenance.id;
    IF (CASE WHEN found.endpoint_id IS NOT NULL THEN pulsimo.has_permission('endpoint.view', found.endpoint_id)
             WHEN found.project_id IS NOT NULL THEN pulsimo.has_permission('project.view', found.project_id)
             ELSE pulsimo.has_permission('organization.view', found.organization_id) END) THEN
        PERFORM pulsimo.require_permission(
            CASE WHEN num_nonnulls(found.endpoint_id, found.project_id) = 0 THEN 'organization.maintenance'
                 ELSE 'project.maintenance' END,
            coalesce(found.project_id, (SELECT e.project_id FROM pulsimo.endpoints e WHERE e.id = found.endpoint_id),
                     found.organization_id));
        SELECT * INTO found FROM pulsimo.maintenance_windows w WHERE w.id = lock_maintenance.id FOR UPDATE;
    ELSE
        found := NULL;
    END IF;
    IF found.id IS NULL THEN
        RAISE EXCEPTION 'maintenance % does not exist', coalesce(id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'pulsimo.upcoming_maintenance() lists maintenance with its ids.';
    END IF;
    RETURN found;
END $$;
REVOKE ALL ON FUNCTION pulsimo.lock_maintenance(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.lock_maintenance(bigint) IS
'Internal: a window, which nobody else changes until the end of the transaction.
Errors: P0002 unknown window, 42501 may not end it.';

-- An occurrence that is running is left out by moving starts_at behind its beginning.
CREATE OR REPLACE FUNCTION pulsimo.end_maintenance_as_owner(id bigint, all_runs boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ending constant pulsimo.maintenance_windows := pulsimo.lock_maintenance(id);
    at constant timestamptz := clock_timestamp();
BEGIN
    IF all_runs IS NULL THEN
        RAISE EXCEPTION 'all_runs must not be null' USING
            ERRCODE = 'null_value_not_allowed', HINT = 'Leave it out, to end what is running and nothing else.';
    ELSIF ending.ends_at <= at AND ending.cron IS NULL THEN
        RAISE EXCEPTION 'maintenance % has ended already', id USING
            ERRCODE = 'object_not_in_prerequisite_state', HINT = 'It ended by itself, or somebody was faster.';
    ELSIF ending.cron IS NULL AND ending.starts_at <= at THEN
        UPDATE pulsimo.maintenance_windows w SET ends_at = at WHERE w.id = ending.id;
    ELSIF ending.cron IS NULL OR all_runs THEN
        DELETE FROM pulsimo.maintenance_windows w WHERE w.id = ending.id;
    ELSE
        UPDATE pulsimo.maintenance_windows w SET starts_at = least(at, w.ends_at)
        FROM (SELECT pulsimo.cron_next(ending.cron, ending.timezone,
                                       greatest(at - ending.duration, ending.starts_at - '1 us'::interval)) AS begins_at) r
        WHERE w.id = ending.id AND r.begins_at <= at AND (r.begins_at < ending.ends_at) IS NOT FALSE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'maintenance % is not running', id USING
                ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'With all_runs => true it is removed with all that is to come.';
        END IF;
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.end_maintenance_as_owner(bigint, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.end_maintenance_as_owner(bigint, boolean) IS
'Internal: end_maintenance(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.end_maintenance(id bigint, all_runs boolean DEFAULT false) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.end_maintenance(bigint, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.end_maintenance(bigint, boolean) IS
'Ends maintenance that is running, now; takes back what is planned once and has not begun. Of recurring maintenance it ends the run that is going on, and the next ones stay.
all_runs: true removes recurring maintenance as a whole, running or not.
Errors: P0002 unknown maintenance; 42501 may not end it; 55000 it has ended already, or it is recurring and not running; 22004 all_runs is null.
Example: SELECT pulsimo.end_maintenance(1);';
