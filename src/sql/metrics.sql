-- Figures about incidents: how many, how soon they were detected, acknowledged and resolved, how long endpoints ran
-- between them, and when in the week they start.
--
-- An incident belongs to the period that it started in, without the end of the period, so that periods side by side count
-- each once. Duplicates of another incident, merged into it or only linked, are left out: they are the same trouble.

-- Inlined like matching_incidents().
CREATE OR REPLACE FUNCTION pulsimo.counted_incidents(
    organizations bigint[], project bigint, endpoint bigint, severities pulsimo.severity[], from_time timestamptz,
    to_time timestamptz, person bigint
) RETURNS SETOF pulsimo.incidents
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT i.* FROM pulsimo.matching_incidents(organizations, project, endpoint, severities, from_time, to_time) i
    WHERE (person IS NULL OR i.acknowledged_by = person
           OR EXISTS (SELECT FROM pulsimo.incident_assignees a WHERE a.incident_id = i.id AND a.user_id = person OFFSET 0))
        AND NOT EXISTS (SELECT FROM pulsimo.incident_links l WHERE l.incident_id = i.id AND l.link = 'duplicate_of'
                        OFFSET 0);
END;
REVOKE ALL ON FUNCTION pulsimo.counted_incidents(
    bigint[], bigint, bigint, pulsimo.severity[], timestamptz, timestamptz, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.counted_incidents(
    bigint[], bigint, bigint, pulsimo.severity[], timestamptz, timestamptz, bigint) IS
'Internal: the incidents that figures are made of. person is who acknowledged it or is assigned to it.';

CREATE OR REPLACE FUNCTION pulsimo.require_grouping(group_by text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF group_by NOT IN ('organization', 'project', 'endpoint', 'severity', 'person', 'day', 'week', 'month') THEN
        RAISE EXCEPTION 'group_by must be organization, project, endpoint, severity, person, day, week or month, not %',
            quote_literal(left(group_by, 100)) USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave it out for one row about all.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_grouping(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_grouping(text) IS
'Internal: raises 22023 when incident_metrics() cannot group by this.';

CREATE OR REPLACE FUNCTION pulsimo.group_label(group_by text, id bigint, name text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE group_by
        WHEN 'organization' THEN (SELECT o.name FROM pulsimo.organizations o WHERE o.id = group_label.id)
        WHEN 'project' THEN (SELECT p.name FROM pulsimo.projects p WHERE p.id = group_label.id)
        WHEN 'endpoint' THEN (SELECT e.name FROM pulsimo.endpoints e WHERE e.id = group_label.id)
        WHEN 'person' THEN (SELECT u.name FROM pulsimo.users u WHERE u.id = group_label.id)
        ELSE name END;
END $$;
REVOKE ALL ON FUNCTION pulsimo.group_label(text, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.group_label(text, bigint, text) IS
'Internal: how a group of incident_metrics() is called.';

-- An incident without endpoint or person is in the group NULL, one with several in the group of each.
CREATE OR REPLACE FUNCTION pulsimo.incident_metrics(
    from_time timestamptz, to_time timestamptz, organization bigint DEFAULT NULL, project bigint DEFAULT NULL,
    endpoint bigint DEFAULT NULL, severity pulsimo.severity DEFAULT NULL, person bigint DEFAULT NULL, group_by text DEFAULT NULL
) RETURNS TABLE (group_id bigint, group_name text, incidents bigint, resolved bigint, mtta interval, mttr interval,
                 mttd interval, mtbf interval)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    organizations constant bigint[] := pulsimo.organizations_to_search(organization, project, endpoint, person);
    severities constant pulsimo.severity[] := CASE WHEN severity IS NOT NULL THEN ARRAY[severity] END;
BEGIN
    PERFORM pulsimo.require_period(from_time, to_time);
    PERFORM pulsimo.require_grouping(group_by);
    RETURN QUERY
    WITH counted AS MATERIALIZED (
        SELECT i.id, i.endpoint_id, i.organization_id, i.project_id, i.severity, i.acknowledged_by, i.started_at, i.created_at,
               i.acknowledged_at, i.resolved_at
        FROM pulsimo.counted_incidents(organizations, project, endpoint, severities, from_time, to_time, person) i
    ), failures AS (
        SELECT c.id, c.endpoint_id FROM counted c WHERE c.endpoint_id IS NOT NULL
        UNION ALL
        SELECT c.id, n.endpoint_id FROM counted c JOIN pulsimo.incident_endpoints n ON n.incident_id = c.id
    ), groups AS (
        SELECT c.id, c.organization_id AS group_id, NULL::text AS name FROM counted c WHERE group_by = 'organization'
        UNION ALL
        SELECT c.id, c.project_id, NULL FROM counted c WHERE group_by = 'project'
        UNION ALL
        SELECT f.id, f.endpoint_id, NULL FROM failures f WHERE group_by = 'endpoint'
        UNION ALL
        SELECT c.id, NULL, c.severity::text FROM counted c WHERE group_by = 'severity'
        UNION ALL
        (SELECT c.id, c.acknowledged_by, NULL FROM counted c WHERE group_by = 'person' AND c.acknowledged_by IS NOT NULL
         UNION
         SELECT c.id, a.user_id, NULL FROM counted c JOIN pulsimo.incident_assignees a ON a.incident_id = c.id
         WHERE group_by = 'person')
        UNION ALL
        SELECT c.id, NULL, to_char(date_trunc(group_by, c.started_at), 'YYYY-MM-DD') FROM counted c
        WHERE group_by IN ('day', 'week', 'month')
    ), figures AS (
        SELECT g.group_id, g.name, count(c.id) AS incidents, count(c.resolved_at) AS resolved,
               avg(c.acknowledged_at - c.created_at) AS mtta, avg(c.resolved_at - c.started_at) AS mttr,
               avg(greatest(c.created_at - c.started_at, '0')) FILTER (WHERE c.id IS NOT NULL) AS mttd
        FROM (SELECT) AS always LEFT JOIN counted c ON true LEFT JOIN groups g ON g.id = c.id
        GROUP BY g.group_id, g.name
        HAVING group_by IS NULL OR count(c.id) > 0
    ), runs AS (
        SELECT g.group_id, g.name, c.started_at,
               max(coalesce(c.resolved_at, 'infinity')) OVER (
                   PARTITION BY g.group_id, g.name, f.endpoint_id ORDER BY c.started_at, c.id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS runs_since
        FROM failures f JOIN counted c ON c.id = f.id LEFT JOIN groups g ON g.id = c.id
        WHERE f.endpoint_id = coalesce(endpoint, f.endpoint_id)
            AND (group_by = 'endpoint' AND g.group_id <> f.endpoint_id) IS NOT TRUE
    ), operation AS (
        SELECT r.group_id, r.name,
               avg(CASE WHEN r.runs_since < r.started_at THEN r.started_at - r.runs_since ELSE '0' END) AS mtbf
        FROM runs r WHERE r.runs_since IS NOT NULL
        GROUP BY r.group_id, r.name
    )
    SELECT f.group_id, l.label, f.incidents, f.resolved, justify_hours(f.mtta), justify_hours(f.mttr),
           justify_hours(f.mttd), justify_hours(o.mtbf)
    FROM figures f
        LEFT JOIN operation o ON coalesce(o.group_id, 0) = coalesce(f.group_id, 0) AND coalesce(o.name, '') = coalesce(f.name, '')
        CROSS JOIN LATERAL pulsimo.group_label(group_by, f.group_id, f.name) AS l (label)
    ORDER BY CASE WHEN group_by = 'severity' THEN f.name::pulsimo.severity END, l.label, f.group_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_metrics(
    timestamptz, timestamptz, bigint, bigint, bigint, pulsimo.severity, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_metrics(
    timestamptz, timestamptz, bigint, bigint, bigint, pulsimo.severity, bigint, text) IS
'Figures about the incidents that started between two times, without to_time itself. Duplicates of another incident, merged into it or only linked as duplicate_of, are left out.
organization, project, endpoint: their ids; what is left out does not filter.
severity: as it is now.
person: id of a user: the incidents that they acknowledged or are assigned to.
group_by: organization, project, endpoint, severity, person, day, week or month; by default one row about all. Days, weeks (from Monday) and months are those of the time zone of the session, called by their first day. An incident of several endpoints or people counts for each, one of none is in the group NULL.
group_id, group_name: the id, if it is of something with an id, and the name of the group.
incidents, resolved: how many there are, and how many of them are resolved.
mttd: mean time to detect, from start to opening.
mtta: mean time to acknowledge, from opening; of those that somebody acknowledged.
mttr: mean time to resolve, from start to end; of those that are resolved.
mtbf: mean time between failures: how long an endpoint operated, from the end of one of these incidents to the start of its next in the same group. NULL when no endpoint has two.
Errors: P0002 unknown organization, project, endpoint or person; 22023 group_by is something else, or times that are missing, infinite or out of order.
Example: SELECT * FROM pulsimo.incident_metrics(now() - interval ''30 days'', now(), group_by => ''project'');';

CREATE OR REPLACE FUNCTION pulsimo.incident_frequency(
    from_time timestamptz, to_time timestamptz, timezone text DEFAULT current_setting('TimeZone'),
    organization bigint DEFAULT NULL, project bigint DEFAULT NULL, endpoint bigint DEFAULT NULL,
    severity pulsimo.severity DEFAULT NULL, person bigint DEFAULT NULL
) RETURNS TABLE (weekday integer, hour integer, incidents bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    organizations constant bigint[] := pulsimo.organizations_to_search(organization, project, endpoint, person);
    severities constant pulsimo.severity[] := CASE WHEN severity IS NOT NULL THEN ARRAY[severity] END;
BEGIN
    PERFORM pulsimo.require_period(from_time, to_time);
    PERFORM pulsimo.require_given('timezone', timezone IS NOT NULL);
    IF timezone <> current_setting('TimeZone') THEN  -- which may be an offset, as its owner set it
        PERFORM pulsimo.validate_cron('0 0 * * *', timezone);
    END IF;
    RETURN QUERY
    WITH starts AS (
        SELECT extract(isodow FROM l.at)::integer AS weekday, extract(hour FROM l.at)::integer AS hour, count(*) AS number
        FROM pulsimo.counted_incidents(organizations, project, endpoint, severities, from_time, to_time, person) i
            CROSS JOIN LATERAL (SELECT i.started_at AT TIME ZONE timezone) AS l (at)
        GROUP BY 1, 2
    )
    SELECT d.weekday, h.hour, coalesce(s.number, 0)
    FROM generate_series(1, 7) AS d (weekday) CROSS JOIN generate_series(0, 23) AS h (hour)
        LEFT JOIN starts s ON s.weekday = d.weekday AND s.hour = h.hour
    ORDER BY d.weekday, h.hour;
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_frequency(
    timestamptz, timestamptz, text, bigint, bigint, bigint, pulsimo.severity, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_frequency(
    timestamptz, timestamptz, text, bigint, bigint, bigint, pulsimo.severity, bigint) IS
'How many incidents started on which day of the week and in which hour of the day: 168 rows, also for hours with none.
timezone: whose days and hours, a name like "Europe/Paris"; by default that of the session, whatever it is.
The other arguments are those of incident_metrics().
weekday: 1 Monday to 7 Sunday. hour: 0 to 23.
Errors: P0002 unknown organization, project, endpoint or person; 22004 timezone is null; 22023 timezone is none of pg_timezone_names, or times that are missing, infinite or out of order.
Example: SELECT * FROM pulsimo.incident_frequency(now() - interval ''90 days'', now(), ''Europe/Paris'') ORDER BY incidents DESC LIMIT 5;';
