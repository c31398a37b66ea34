-- How soon an organization means to react to incidents, and where it did not.

CREATE OR REPLACE FUNCTION pulsimo.require_goal(name text, within interval) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF extract(epoch FROM within) <= 0 OR extract(epoch FROM within) > 366 * 86400 THEN
        RAISE EXCEPTION '% must be longer than 0 and at most 366 days, not %', name, within USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give it like ''15 min'', or leave it out for no goal.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_goal(text, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_goal(text, interval) IS
'Internal: raises 22023 when nobody can react within so long.';

CREATE OR REPLACE FUNCTION pulsimo.set_response_goal_as_owner(
    organization bigint, severity pulsimo.severity, acknowledge_within interval, resolve_within interval
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_organization(organization);
    PERFORM pulsimo.require_permission('organization.policy', organization);
    PERFORM pulsimo.require_given('severity', severity IS NOT NULL);
    PERFORM pulsimo.require_goal('acknowledge_within', acknowledge_within),
            pulsimo.require_goal('resolve_within', resolve_within);
    IF num_nonnulls(acknowledge_within, resolve_within) = 0 THEN
        DELETE FROM pulsimo.response_goals g
        WHERE g.organization_id = organization AND g.severity = set_response_goal_as_owner.severity;
        RETURN;
    END IF;
    INSERT INTO pulsimo.response_goals (organization_id, severity, acknowledge_within, resolve_within)
    VALUES (organization, severity, pulsimo.without_months(acknowledge_within), pulsimo.without_months(resolve_within))
    ON CONFLICT ON CONSTRAINT response_goals_pkey DO UPDATE
        SET acknowledge_within = excluded.acknowledge_within, resolve_within = excluded.resolve_within;
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_response_goal_as_owner(bigint, pulsimo.severity, interval, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_response_goal_as_owner(bigint, pulsimo.severity, interval, interval) IS
'Internal: set_response_goal(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.set_response_goal(
    organization bigint, severity pulsimo.severity, acknowledge_within interval DEFAULT NULL,
    resolve_within interval DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.set_response_goal(bigint, pulsimo.severity, interval, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_response_goal(bigint, pulsimo.severity, interval, interval) IS
'Sets how soon an organization means to react to incidents of a severity, in place of what was set before. Both NULL: there is no goal any more. response_goal_breaches() lists where it was missed.
organization: its id.
severity: critical, high, medium or low.
acknowledge_within, resolve_within: time from opening to acknowledging and to resolving, at most 366 days; NULL: no goal.
Errors: P0002 unknown organization, 42501 may not set its policy, 22004 severity is null, 22023 a time is not longer than 0, or too long.
Example: SELECT pulsimo.set_response_goal(1, ''critical'', ''15 min'', ''4 h'');';

CREATE OR REPLACE FUNCTION pulsimo.response_goal_breaches(
    from_time timestamptz, to_time timestamptz, organization bigint DEFAULT NULL
) RETURNS TABLE (incident_id bigint, number text, title text, severity pulsimo.severity, organization_id bigint,
                 project_id bigint, goal text, within interval, took interval, exceeded_by interval, pending boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    organizations constant bigint[] := pulsimo.organizations_to_search(organization, NULL, NULL, NULL);
BEGIN
    PERFORM pulsimo.require_period(from_time, to_time);
    RETURN QUERY
    SELECT i.id, i.number, i.title, i.severity, i.organization_id, i.project_id, t.goal, t.within,
           justify_hours(t.took), justify_hours(t.took - t.within), t.pending
    FROM pulsimo.counted_incidents(organizations, NULL, NULL, NULL, from_time, to_time, NULL) i
        JOIN pulsimo.response_goals g ON g.organization_id = i.organization_id AND g.severity = i.severity
        CROSS JOIN LATERAL (VALUES
            (1, 'acknowledge', g.acknowledge_within,
             coalesce(i.acknowledged_at, i.resolved_at, statement_timestamp()) - i.created_at,
             i.acknowledged_at IS NULL AND i.resolved_at IS NULL),
            (2, 'resolve', g.resolve_within,
             coalesce(i.resolved_at, statement_timestamp()) - i.created_at, i.resolved_at IS NULL)
        ) AS t (place, goal, within, took, pending)
    WHERE t.took > t.within
    ORDER BY i.started_at, i.id, t.place;
END $$;
REVOKE ALL ON FUNCTION pulsimo.response_goal_breaches(timestamptz, timestamptz, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.response_goal_breaches(timestamptz, timestamptz, bigint) IS
'The incidents that started between two times and missed a goal of set_response_goal(), a row for each goal, the oldest first. Measured from opening, by the severity that the incident and the goals that the organization has now. One that was resolved without anybody acknowledging it counts as acknowledged then. Duplicates of another incident, merged into it or only linked as duplicate_of, are left out.
goal: acknowledge or resolve. within: the goal. took: how long it took, or has taken so far. exceeded_by: the difference.
pending: whether it still has not happened.
Errors: P0002 unknown organization, 22023 times that are missing, infinite or out of order.
Example: SELECT number, goal, exceeded_by FROM pulsimo.response_goal_breaches(now() - interval ''30 days'', now());';
