-- When maintenance is: the occurrences of windows, and which endpoints are in one at a given moment.
--
-- A recurring window is a cron expression and a duration. Its occurrences do not overlap (see maintenance_written(); a change
-- of the clocks may bring two together, which does no harm), so the one that holds a moment is the first run after that
-- moment less the duration, if there is one before it. An occurrence counts when it begins between starts_at and ends_at,
-- and then lasts its full duration. A window in a time zone that this server does not know (it was restored from another)
-- never is: others have to go on.
--
-- Built for 10 000 windows and 100 000 endpoints: cron_next_if_known() is asked once for each window, and endpoints are joined with
-- targets, of which there are few, not with windows.

-- When an endpoint has changed, the keeper reads it all the same.
CREATE OR REPLACE FUNCTION pulsimo.maintenance_changed() RETURNS trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_maintenance_changed';
REVOKE ALL ON FUNCTION pulsimo.maintenance_changed() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_changed() IS
'Trigger of pulsimo.maintenance_windows: has the keeper read what is in maintenance when the transaction commits. Writes nothing.';
CREATE OR REPLACE TRIGGER maintenance_changed AFTER INSERT OR UPDATE OR DELETE ON pulsimo.maintenance_windows
    FOR EACH ROW EXECUTE FUNCTION pulsimo.maintenance_changed();
CREATE OR REPLACE TRIGGER maintenance_truncated AFTER TRUNCATE ON pulsimo.maintenance_windows
    FOR EACH STATEMENT EXECUTE FUNCTION pulsimo.maintenance_changed();
ALTER TABLE pulsimo.maintenance_windows ENABLE ALWAYS TRIGGER maintenance_changed;
ALTER TABLE pulsimo.maintenance_windows ENABLE ALWAYS TRIGGER maintenance_truncated;

CREATE OR REPLACE FUNCTION pulsimo.live_maintenance(
    OUT organization_id bigint, OUT project_id bigint, OUT endpoint_id bigint, OUT tag text, OUT title text,
    OUT since timestamptz, OUT until_commit boolean, OUT pid integer
) RETURNS SETOF record
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_live_maintenance';
REVOKE ALL ON FUNCTION pulsimo.live_maintenance() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.live_maintenance() IS
'The maintenance that goes on until a transaction (until_commit) or a session ends, as far as the caller may see what it is about; pid is the process of the session. upcoming_maintenance() shows it beside the rest.
Example: SELECT title, since, pid FROM pulsimo.live_maintenance();';

-- OFFSET 0: or cron_next_if_known() would be called wherever begins_at is read.
CREATE OR REPLACE FUNCTION pulsimo.maintenance_runs(at timestamptz)
RETURNS TABLE (id bigint, organization_id bigint, project_id bigint, endpoint_id bigint, tag text, title text,
               begins_at timestamptz, ends_at timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.id, w.organization_id, w.project_id, w.endpoint_id, w.tag, w.title, w.starts_at, w.ends_at
    FROM pulsimo.maintenance_windows w
    WHERE w.cron IS NULL AND w.ends_at > at AND w.starts_at < w.ends_at
    UNION ALL
    SELECT w.id, w.organization_id, w.project_id, w.endpoint_id, w.tag, w.title, r.begins_at, r.begins_at + w.duration
    FROM pulsimo.maintenance_windows w
        CROSS JOIN LATERAL (
            SELECT pulsimo.cron_next_if_known(w.cron, w.timezone,
                                              greatest(at - w.duration, w.starts_at - '1 us'::interval)) AS begins_at
            OFFSET 0
        ) r
    WHERE w.cron IS NOT NULL AND (w.ends_at > at - w.duration) IS NOT FALSE
        AND r.begins_at IS NOT NULL AND (r.begins_at < w.ends_at) IS NOT FALSE;
$$;
REVOKE ALL ON FUNCTION pulsimo.maintenance_runs(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_runs(timestamptz) IS
'Internal: of every window the occurrence that holds a moment, or else the next one; none when there is no more.';

CREATE OR REPLACE FUNCTION pulsimo.maintenance_at(at timestamptz)
RETURNS TABLE (endpoint_id bigint, since timestamptz, title text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH window_now AS (
        SELECT r.organization_id, r.project_id, r.endpoint_id, r.tag, r.title, r.begins_at AS since
        FROM pulsimo.maintenance_runs(at) r WHERE r.begins_at <= at
        UNION ALL
        SELECT l.organization_id, l.project_id, l.endpoint_id, l.tag, l.title, l.since
        FROM pulsimo.live_maintenance() l WHERE l.since <= at
    ), target AS MATERIALIZED (
        SELECT DISTINCT ON (w.organization_id, w.project_id, w.endpoint_id, w.tag) w.*
        FROM window_now w ORDER BY w.organization_id, w.project_id, w.endpoint_id, w.tag, w.since
    )
    SELECT DISTINCT ON (c.endpoint_id) c.endpoint_id, c.since, c.title
    FROM (
        SELECT e.id AS endpoint_id, t.since, t.title
        FROM target t JOIN pulsimo.endpoints e ON e.id = t.endpoint_id
        WHERE NOT e.paused
        UNION ALL
        SELECT e.id, t.since, t.title
        FROM target t JOIN pulsimo.endpoints e ON e.project_id = t.project_id
        WHERE NOT e.paused
        UNION ALL
        SELECT e.id, t.since, t.title
        FROM target t JOIN pulsimo.projects p ON p.organization_id = t.organization_id
            JOIN pulsimo.endpoints e ON e.project_id = p.id
        WHERE num_nonnulls(t.project_id, t.endpoint_id, t.tag) = 0 AND NOT e.paused
        UNION ALL
        SELECT e.id, t.since, t.title
        FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id
            CROSS JOIN LATERAL unnest(e.tags) AS g (tag)
            JOIN target t ON t.organization_id = p.organization_id AND t.tag = g.tag
        WHERE NOT e.paused AND EXISTS (SELECT FROM target o WHERE o.tag IS NOT NULL)
    ) c
    ORDER BY c.endpoint_id, c.since;
$$;
REVOKE ALL ON FUNCTION pulsimo.maintenance_at(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_at(timestamptz) IS
'Internal: the endpoints that are in maintenance at a moment and not paused, with the window of those that hold the moment which began first.';

CREATE OR REPLACE FUNCTION pulsimo.next_maintenance_change(after timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT min(CASE WHEN r.begins_at > after THEN r.begins_at ELSE r.ends_at END) FROM pulsimo.maintenance_runs(after) r;
$$;
REVOKE ALL ON FUNCTION pulsimo.next_maintenance_change(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.next_maintenance_change(timestamptz) IS
'Internal: when the next window begins or ends after a moment, NULL: none does. When those of sessions end nobody knows.';

CREATE OR REPLACE FUNCTION pulsimo.keeper_maintenance(
    OUT endpoint_ids bigint[], OUT since_us bigint[], OUT next_change_us bigint
)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at constant timestamptz := clock_timestamp();
BEGIN
    SELECT coalesce(array_agg(m.endpoint_id), '{}'),
           coalesce(array_agg((extract(epoch FROM m.since) * 1000000)::bigint), '{}')
    INTO endpoint_ids, since_us FROM pulsimo.maintenance_at(at) m;
    -- What is further away than microseconds can tell is never.
    SELECT (extract(epoch FROM n.at) * 1000000)::bigint INTO next_change_us
    FROM pulsimo.next_maintenance_change(at) AS n (at) WHERE n.at < '10000-01-01 00:00+00';
END $$;
REVOKE ALL ON FUNCTION pulsimo.keeper_maintenance() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.keeper_maintenance() IS
'Internal: the endpoints that are in maintenance now, in the same order since when, and when to ask again (NULL: not until something changes). Times are microseconds since 1970.';

CREATE OR REPLACE FUNCTION pulsimo.runs_between(
    cron text, timezone text, after timestamptz, before timestamptz, at_most integer
) RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    run timestamptz := after;
BEGIN
    FOR i IN 1 .. at_most LOOP
        run := pulsimo.cron_next_if_known(cron, timezone, run);
        EXIT WHEN (run < before) IS NOT TRUE;
        RETURN NEXT run;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION pulsimo.runs_between(text, text, timestamptz, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.runs_between(text, text, timestamptz, timestamptz, integer) IS
'Internal: the first runs of a cron expression between two moments, without these.';

CREATE OR REPLACE FUNCTION pulsimo.maintenance_between(
    from_time timestamptz, to_time timestamptz, endpoint bigint DEFAULT NULL
) RETURNS TABLE (id bigint, title text, starts_at timestamptz, ends_at timestamptz, running boolean,
                 organization_id bigint, project_id bigint, endpoint_id bigint, tag text)
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
    WITH here AS (
        SELECT e.id, e.project_id, e.tags, p.organization_id
        FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id WHERE e.id = endpoint
    ), found AS (
        SELECT w.id, w.title, w.starts_at, w.ends_at, w.organization_id, w.project_id, w.endpoint_id, w.tag
        FROM pulsimo.maintenance_windows w
        WHERE w.cron IS NULL AND w.ends_at > from_time AND w.starts_at < to_time AND w.starts_at < w.ends_at
        UNION ALL
        SELECT w.id, w.title, r.run, r.run + w.duration, w.organization_id, w.project_id, w.endpoint_id, w.tag
        FROM pulsimo.maintenance_windows w CROSS JOIN LATERAL pulsimo.runs_between(
            w.cron, w.timezone, greatest(from_time - w.duration, w.starts_at - '1 us'::interval),
            least(to_time, w.ends_at), 1000) AS r (run)
        WHERE w.cron IS NOT NULL AND (w.ends_at > from_time - w.duration) IS NOT FALSE
        UNION ALL
        SELECT NULL, l.title, l.since, NULL, l.organization_id, l.project_id, l.endpoint_id, l.tag
        FROM pulsimo.live_maintenance() l WHERE l.since <= from_time
    )
    SELECT f.id, f.title, f.starts_at, f.ends_at, f.starts_at <= from_time,
           f.organization_id, f.project_id, f.endpoint_id, f.tag
    FROM found f
    WHERE endpoint IS NULL OR EXISTS (
        SELECT FROM here h
        WHERE CASE WHEN f.endpoint_id IS NOT NULL THEN f.endpoint_id = h.id
                   WHEN f.project_id IS NOT NULL THEN f.project_id = h.project_id
                   ELSE f.organization_id = h.organization_id AND (f.tag = ANY (h.tags)) IS NOT FALSE END)
    ORDER BY f.starts_at, f.id
    LIMIT 1000;
$$;
REVOKE ALL ON FUNCTION pulsimo.maintenance_between(timestamptz, timestamptz, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_between(timestamptz, timestamptz, bigint) IS
'Internal: upcoming_maintenance() as it was or will be at from_time.';

CREATE OR REPLACE FUNCTION pulsimo.upcoming_maintenance(
    until timestamptz DEFAULT now() + '30 days'::interval, endpoint bigint DEFAULT NULL
) RETURNS TABLE (id bigint, title text, starts_at timestamptz, ends_at timestamptz, running boolean,
                 organization_id bigint, project_id bigint, endpoint_id bigint, tag text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF until IS NULL THEN
        RAISE EXCEPTION 'until must not be null' USING
            ERRCODE = 'null_value_not_allowed', HINT = 'Leave it out for the next 30 days.';
    ELSIF until > now() + '366 days'::interval THEN
        RAISE EXCEPTION 'until must be within the next 366 days' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for the next 30 days.';
    ELSIF endpoint IS NOT NULL THEN
        PERFORM pulsimo.require_endpoint(endpoint);
    END IF;
    RETURN QUERY SELECT * FROM pulsimo.maintenance_between(clock_timestamp(), until, endpoint);
END $$;
REVOKE ALL ON FUNCTION pulsimo.upcoming_maintenance(timestamptz, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.upcoming_maintenance(timestamptz, bigint) IS
'The maintenance that is running or begins before a moment, every occurrence of its own, the first 1000 in the order in which they begin.
until: by default 30 days from now; not more than 366 days.
endpoint: id of an endpoint, for what concerns it; by default all that the caller sees.
id: what end_maintenance() takes; NULL for what goes on until a transaction or session ends, and then ends_at is NULL as well.
project_id, endpoint_id, tag: what it is about; if all are NULL, everything in the organization.
Errors: 22004 until is null, 22023 it is too far away, P0002 unknown endpoint.
Example: SELECT title, starts_at, ends_at FROM pulsimo.upcoming_maintenance(now() + ''7 days'') WHERE NOT running;';
