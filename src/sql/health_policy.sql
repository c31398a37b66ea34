-- What becomes of the results of checks: when an endpoint counts as down, degraded, flapping or well again. Every setting
-- can be given for an endpoint, for its project and for its organization; the nearest one that is not NULL counts, and
-- what nobody set has a default. The view endpoint_policy is the one place that decides it, for the keeper, for the views
-- and for people.

-- An array of ids is no foreign key: what was removed meanwhile is left out here.
CREATE OR REPLACE VIEW pulsimo.endpoint_policy WITH (security_invoker = true) AS
SELECT e.id,
       coalesce(e.failure_threshold, p.failure_threshold, o.failure_threshold, 3) AS failure_threshold,
       coalesce(e.failure_window, p.failure_window, o.failure_window, 0) AS failure_window,
       coalesce(e.success_threshold, p.success_threshold, o.success_threshold, 1) AS success_threshold,
       least(coalesce(e.retry_interval, p.retry_interval, o.retry_interval, '10 s'), e.check_interval) AS retry_interval,
       CASE WHEN num_nonnulls(e.degraded_after, p.degraded_after, o.degraded_after) > 0
                THEN least(coalesce(e.degraded_after, p.degraded_after, o.degraded_after), e.timeout)
           END AS degraded_after,
       f.flap_start, least(coalesce(e.flap_stop, p.flap_stop, o.flap_stop, 25), f.flap_start) AS flap_stop,
       coalesce(e.auto_resolve, p.auto_resolve, o.auto_resolve, true) AS auto_resolve,
       CASE WHEN f.reference_endpoints IS NULL THEN '{}'
            ELSE ARRAY(SELECT r.id FROM pulsimo.endpoints r JOIN pulsimo.projects rp ON rp.id = r.project_id
                       WHERE r.id = ANY (f.reference_endpoints) AND r.id <> e.id
                           AND rp.organization_id = o.id
                       ORDER BY r.id) END AS reference_endpoints
FROM pulsimo.endpoints e
    JOIN pulsimo.projects p ON p.id = e.project_id
    JOIN pulsimo.organizations o ON o.id = p.organization_id
    CROSS JOIN LATERAL (
        SELECT coalesce(e.flap_start, p.flap_start, o.flap_start, 50) AS flap_start,
               coalesce(e.reference_endpoints, p.reference_endpoints, o.reference_endpoints) AS reference_endpoints
    ) f;
REVOKE ALL ON pulsimo.endpoint_policy FROM PUBLIC;
COMMENT ON VIEW pulsimo.endpoint_policy IS
'The health policy that holds for each endpoint: its own settings, else those of its project, else those of its organization, else the defaults. effective_policy() says where each comes from.
Example: SELECT id FROM pulsimo.endpoint_policy WHERE failure_threshold = 1;';
COMMENT ON COLUMN pulsimo.endpoint_policy.id IS 'id of the endpoint';
COMMENT ON COLUMN pulsimo.endpoint_policy.failure_threshold IS 'failures that make it down';
COMMENT ON COLUMN pulsimo.endpoint_policy.failure_window IS
'the number of last checks of which failure_threshold have to fail; not more than failure_threshold, or 0: in a row';
COMMENT ON COLUMN pulsimo.endpoint_policy.success_threshold IS 'successes in a row that end that';
COMMENT ON COLUMN pulsimo.endpoint_policy.retry_interval IS
'time until the next check while failing below the threshold, not longer than check_interval';
COMMENT ON COLUMN pulsimo.endpoint_policy.degraded_after IS
'a slower response is degraded, not longer than timeout; NULL: never';
COMMENT ON COLUMN pulsimo.endpoint_policy.flap_start IS
'how often, in percent of the last 20 checks, the outcome has to change for it to count as flapping; 0: never';
COMMENT ON COLUMN pulsimo.endpoint_policy.flap_stop IS 'the percentage at which that ends, never above flap_start';
COMMENT ON COLUMN pulsimo.endpoint_policy.auto_resolve IS 'whether incidents are resolved when it recovers';
COMMENT ON COLUMN pulsimo.endpoint_policy.reference_endpoints IS
'ids of the other endpoints that show whether our own connection works, as far as they exist and the reader sees them';

CREATE OR REPLACE FUNCTION pulsimo.policy_settings() RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '{failure_threshold,failure_window,success_threshold,retry_interval,degraded_after,flap_start,flap_stop,
             auto_resolve,reference_endpoints}'::text[];
$$;
REVOKE ALL ON FUNCTION pulsimo.policy_settings() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.policy_settings() IS
'Internal: the settings of the health policy, columns of pulsimo.endpoints, pulsimo.projects and pulsimo.organizations.';

CREATE OR REPLACE FUNCTION pulsimo.read_policy_setting(key text, value jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value = 'null' THEN
        NULL;
    ELSIF key IN ('failure_threshold', 'success_threshold') THEN
        value := to_jsonb(pulsimo.read_integer(key, value, 1, 10));
    ELSIF key = 'failure_window' THEN
        value := to_jsonb(pulsimo.read_integer(key, value, 1, 20));
    ELSIF key IN ('flap_start', 'flap_stop') THEN
        value := to_jsonb(pulsimo.read_integer(key, value, 0, 100));
    ELSIF key IN ('retry_interval', 'degraded_after') THEN
        PERFORM pulsimo.read_duration(key, value);
    ELSIF key = 'auto_resolve' AND jsonb_typeof(value) <> 'boolean' THEN
        RAISE EXCEPTION '% must be true or false, not %', key, value USING
            ERRCODE = 'invalid_parameter_value',
            HINT = format('Give it as a JSON boolean: {"%s": true}.', key);
    ELSIF key = 'reference_endpoints' AND jsonb_typeof(value) <> 'array' THEN
        RAISE EXCEPTION '% must be a list of ids, not %', key, value USING
            ERRCODE = 'invalid_parameter_value',
            HINT = format('Give it as a JSON array: {"%s": [1, 2]}.', key);
    ELSIF key = 'reference_endpoints' THEN
        value := to_jsonb(ARRAY(SELECT pulsimo.read_integer(key, e.value, 1, 9223372036854775807)
                                FROM jsonb_array_elements(value) AS e (value)));
    END IF;
    RETURN jsonb_build_object(key, value);
END $$;
REVOKE ALL ON FUNCTION pulsimo.read_policy_setting(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.read_policy_setting(text, jsonb) IS
'Internal: a setting of the health policy as jsonb_populate_record() takes it; null stays.
Errors: 22023 names the key.';

CREATE OR REPLACE FUNCTION pulsimo.read_policy(changes jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    policy jsonb := '{}';
    key text;
    value jsonb;
BEGIN
    IF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
        RAISE EXCEPTION 'changes must be a JSON object' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give the settings to change, for example {"failure_threshold": 2}.';
    END IF;
    FOR key, value IN SELECT c.key, c.value FROM jsonb_each(changes) c ORDER BY c.key LOOP
        IF key <> ALL (pulsimo.policy_settings()) THEN
            RAISE EXCEPTION 'the health policy has no setting "%"', key USING
                ERRCODE = 'invalid_parameter_value',
                HINT = format('Known are %s.', array_to_string(pulsimo.policy_settings(), ', '));
        END IF;
        policy := policy || pulsimo.read_policy_setting(key, value);
    END LOOP;
    RETURN policy;
END $$;
REVOKE ALL ON FUNCTION pulsimo.read_policy(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.read_policy(jsonb) IS
'Internal: settings of the health policy as jsonb_populate_record() takes them.
Errors: 22023 names the key.';

CREATE OR REPLACE FUNCTION pulsimo.require_policy_permission(project bigint, organization bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF project IS NOT NULL THEN
        PERFORM pulsimo.require_project(project);
        PERFORM pulsimo.require_permission('project.policy', project);
    ELSE
        PERFORM pulsimo.require_organization(organization);
        PERFORM pulsimo.require_permission('organization.policy', organization);
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_policy_permission(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_policy_permission(bigint, bigint) IS
'Internal: raises P0002 when the project or else the organization is not seen, 42501 when its health policy may not be changed.';

CREATE OR REPLACE FUNCTION pulsimo.effective_policy(id bigint) RETURNS TABLE (setting text, value text, source text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_endpoint(id);
    RETURN QUERY
    SELECT s.setting, s.value, CASE WHEN to_jsonb(e) ->> s.setting IS NOT NULL THEN 'endpoint'
                                    WHEN to_jsonb(p) ->> s.setting IS NOT NULL THEN 'project'
                                    WHEN to_jsonb(o) ->> s.setting IS NOT NULL THEN 'organization'
                                    ELSE 'default' END
    FROM pulsimo.endpoint_policy v
        JOIN pulsimo.endpoints e ON e.id = v.id
        JOIN pulsimo.projects p ON p.id = e.project_id
        JOIN pulsimo.organizations o ON o.id = p.organization_id
        CROSS JOIN LATERAL (VALUES
            (1, 'failure_threshold', v.failure_threshold::text), (2, 'failure_window', v.failure_window::text),
            (3, 'success_threshold', v.success_threshold::text), (4, 'retry_interval', v.retry_interval::text),
            (5, 'degraded_after', v.degraded_after::text), (6, 'flap_start', v.flap_start::text),
            (7, 'flap_stop', v.flap_stop::text), (8, 'auto_resolve', v.auto_resolve::text),
            (9, 'reference_endpoints', v.reference_endpoints::text)) AS s (place, setting, value)
    WHERE v.id = effective_policy.id
    ORDER BY s.place;
END $$;
REVOKE ALL ON FUNCTION pulsimo.effective_policy(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.effective_policy(bigint) IS
'The health policy that holds for an endpoint, a row for each setting, and where it comes from: endpoint, project, organization or default. Values that cannot be used as they are given are cut: retry_interval to check_interval, degraded_after to timeout, flap_stop to flap_start; reference_endpoints are those that exist and that you see. A failure_window of 0 means failures in a row.
Errors: P0002 unknown endpoint.
Example: SELECT * FROM pulsimo.effective_policy(1);';

CREATE OR REPLACE FUNCTION pulsimo.set_health_policy_as_owner(changes jsonb, project bigint, organization bigint)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    policy jsonb;
BEGIN
    IF num_nonnulls(project, organization) <> 1 THEN
        RAISE EXCEPTION 'either project or organization must be given' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'For a single endpoint call pulsimo.update_endpoint().';
    END IF;
    -- Asked before and after waiting for the row: what is not seen must not show by a lock.
    PERFORM pulsimo.require_policy_permission(project, organization);
    PERFORM FROM pulsimo.projects p WHERE p.id = project FOR NO KEY UPDATE;
    PERFORM FROM pulsimo.organizations o WHERE o.id = organization FOR NO KEY UPDATE;
    PERFORM pulsimo.require_policy_permission(project, organization);
    policy := pulsimo.read_policy(changes);
    UPDATE pulsimo.projects p
    SET (failure_threshold, failure_window, success_threshold, retry_interval, degraded_after, flap_start, flap_stop,
         auto_resolve, reference_endpoints) = (
        SELECT n.failure_threshold, n.failure_window, n.success_threshold, n.retry_interval, n.degraded_after,
               n.flap_start, n.flap_stop, n.auto_resolve, n.reference_endpoints
        FROM jsonb_populate_record(p, policy) n)
    WHERE p.id = project;
    UPDATE pulsimo.organizations o
    SET (failure_threshold, failure_window, success_threshold, retry_interval, degraded_after, flap_start, flap_stop,
         auto_resolve, reference_endpoints) = (
        SELECT n.failure_threshold, n.failure_window, n.success_threshold, n.retry_interval, n.degraded_after,
               n.flap_start, n.flap_stop, n.auto_resolve, n.reference_endpoints
        FROM jsonb_populate_record(o, policy) n)
    WHERE o.id = organization;
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_health_policy_as_owner(jsonb, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_health_policy_as_owner(jsonb, bigint, bigint) IS
'Internal: set_health_policy(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.set_health_policy(
    changes jsonb, project bigint DEFAULT NULL, organization bigint DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.set_health_policy(jsonb, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_health_policy(jsonb, bigint, bigint) IS
'Changes the health policy of a project or an organization; settings that are not named stay. Endpoints that have no setting of their own inherit it, from their project first, from the commit of the transaction on. update_endpoint() takes the same settings for a single endpoint.
changes: a JSON object with any of the following; null: as the organization has it, or the default.
failure_threshold: failures that make an endpoint down and open an incident, 1 to 10; default 3.
failure_window: the number of last checks of which failure_threshold have to fail, up to 20; by default failures count that come in a row.
success_threshold: successes in a row that make it up again, 1 to 10; default 1.
retry_interval: time until the next check while failing below the threshold, 1 second to 1 day, but not longer than check_interval; default 10 seconds.
degraded_after: a slower response makes it degraded, up to 30 minutes; by default none does.
flap_start: how often, in percent of the last 20 checks, the outcome has to change for an endpoint to be flapping, 0 to 100; 0 is never; default 50. While it is flapping, its incident is kept open.
flap_stop: the percentage at which that ends; default 25.
auto_resolve: whether an incident is resolved when its endpoint recovers; default true.
reference_endpoints: a list of ids of at most 10 endpoints of the organization; while they all fail too, our own connection is at fault, and a failure counts as unknown; by default none.
project, organization: the id of one of them.
Errors: 22023 names the setting that is unknown or not acceptable, or there is not exactly one target; P0002 unknown project, organization or reference endpoint; 42501 may not change the policy.
Example: SELECT pulsimo.set_health_policy(''{"failure_threshold": 2, "retry_interval": "5 s"}'', project => 1);';
