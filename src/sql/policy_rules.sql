-- What is asked of the settings of the health policy, in the same words whether they are given for an endpoint, a project or
-- an organization, and that the keeper hears of them. health_policy.sql says what they are for.

CREATE OR REPLACE FUNCTION pulsimo.require_thresholds(
    failure_threshold integer, failure_window integer, success_threshold integer, flap_start integer, flap_stop integer
) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    problem text;
    advice text;
BEGIN
    IF failure_threshold NOT BETWEEN 1 AND 10 THEN
        problem := format('failure_threshold must be between 1 and 10, not %s', failure_threshold);
        advice := 'failure_threshold is the number of failures that open an incident.';
    ELSIF failure_window NOT BETWEEN 1 AND 20 THEN
        problem := format('failure_window must be between 1 and 20, not %s', failure_window);
        advice := 'failure_window is the number of last checks of which failure_threshold have to fail.';
    ELSIF failure_window < failure_threshold THEN
        problem := format('failure_window %s must not be less than failure_threshold %s', failure_window, failure_threshold);
        advice := 'For failures in a row give both the same number.';
    ELSIF success_threshold NOT BETWEEN 1 AND 10 THEN
        problem := format('success_threshold must be between 1 and 10, not %s', success_threshold);
        advice := 'success_threshold is the number of successes in a row that resolve an incident.';
    ELSIF flap_start NOT BETWEEN 0 AND 100 THEN
        problem := format('flap_start must be between 0 and 100, not %s', flap_start);
        advice := 'flap_start is the percentage of changes from which on an endpoint is flapping; 0 is never.';
    ELSIF flap_stop NOT BETWEEN 0 AND 100 THEN
        problem := format('flap_stop must be between 0 and 100, not %s', flap_stop);
        advice := 'flap_stop is the percentage of changes at which an endpoint is not flapping any more.';
    ELSIF flap_stop > flap_start AND flap_start > 0 THEN
        problem := format('flap_stop %s must not exceed flap_start %s', flap_stop, flap_start);
        advice := 'Give a lower flap_stop, or a higher flap_start.';
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value', HINT = advice;
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_thresholds(integer, integer, integer, integer, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_thresholds(integer, integer, integer, integer, integer) IS
'Internal: raises 22023 when these numbers are no health policy; NULL is none given.';

CREATE OR REPLACE FUNCTION pulsimo.require_policy_durations(retry_interval interval, degraded_after interval) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    problem text;
    advice text;
BEGIN
    IF extract(epoch FROM retry_interval) NOT BETWEEN 1 AND 86400 THEN
        problem := format('retry_interval must be between 1 second and 1 day, not %L', retry_interval);
        advice := 'Where check_interval is shorter, that counts.';
    ELSIF extract(epoch FROM degraded_after) <= 0 OR extract(epoch FROM degraded_after) > 1800 THEN
        problem := format('degraded_after must be positive and not exceed 30 minutes, not %L', degraded_after);
        advice := 'Leave degraded_after out if a slow response is as good as a fast one.';
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value', HINT = advice;
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_policy_durations(interval, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_policy_durations(interval, interval) IS
'Internal: raises 22023 when these durations are no health policy; NULL is none given.';

-- During a restore the endpoints may come later. Whether they are seen is asked for functions that run as the owner.
CREATE OR REPLACE FUNCTION pulsimo.require_reference_endpoints(ids bigint[], organization bigint, of_endpoint bigint)
RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reference bigint;
    problem text;
BEGIN
    IF pulsimo.is_restoring() THEN
        RETURN;
    ELSIF cardinality(ids) > 10 OR array_position(ids, NULL) IS NOT NULL THEN
        problem := 'reference_endpoints must be at most 10 ids of endpoints';
    ELSIF of_endpoint = ANY (ids) THEN
        problem := 'reference_endpoints must not contain the endpoint itself';
    ELSE
        FOREACH reference IN ARRAY coalesce(ids, '{}') LOOP
            PERFORM pulsimo.require_endpoint(reference);
            IF organization IS DISTINCT FROM (
                    SELECT p.organization_id FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id
                    WHERE e.id = reference) THEN
                problem := format('reference_endpoints must be of the same organization, which endpoint %s is not',
                                  reference);
            END IF;
        END LOOP;
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give endpoints that fail only when our own connection does.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_reference_endpoints(bigint[], bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_reference_endpoints(bigint[], bigint, bigint) IS
'Internal: raises P0002 when one of these endpoints is not seen, 22023 when it is of another organization or the one that they are for.';

CREATE OR REPLACE FUNCTION pulsimo.policy_written() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_policy_durations(NEW.retry_interval, NEW.degraded_after);
    PERFORM pulsimo.require_thresholds(NEW.failure_threshold, NEW.failure_window, NEW.success_threshold,
                                       NEW.flap_start, NEW.flap_stop);
    IF NEW.reference_endpoints IS DISTINCT FROM OLD.reference_endpoints THEN
        PERFORM pulsimo.require_reference_endpoints(
            NEW.reference_endpoints,
            CASE WHEN TG_RELID = 'pulsimo.organizations'::regclass THEN NEW.id
                 ELSE (to_jsonb(NEW) ->> 'organization_id')::bigint END,
            NULL);
    END IF;
    NEW.retry_interval := pulsimo.without_months(NEW.retry_interval);
    NEW.degraded_after := pulsimo.without_months(NEW.degraded_after);
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION pulsimo.policy_written() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.policy_written() IS
'Trigger of pulsimo.projects and pulsimo.organizations: refuses impossible settings of the health policy with 22023, reference endpoints that are not seen with P0002.';
CREATE OR REPLACE TRIGGER policy_written
    BEFORE INSERT OR UPDATE OF failure_threshold, failure_window, success_threshold, retry_interval, degraded_after,
        flap_start, flap_stop, auto_resolve, reference_endpoints ON pulsimo.projects
    FOR EACH ROW EXECUTE FUNCTION pulsimo.policy_written();
CREATE OR REPLACE TRIGGER policy_written
    BEFORE INSERT OR UPDATE OF failure_threshold, failure_window, success_threshold, retry_interval, degraded_after,
        flap_start, flap_stop, auto_resolve, reference_endpoints ON pulsimo.organizations
    FOR EACH ROW EXECUTE FUNCTION pulsimo.policy_written();

-- Writes no rows. With the endpoints that inherit nothing, too: telling them apart would take as long.
CREATE OR REPLACE FUNCTION pulsimo.policy_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.note_endpoints(ARRAY(
        SELECT e.id FROM pulsimo.projects p JOIN pulsimo.endpoints e ON e.project_id = p.id
        WHERE CASE WHEN TG_RELID = 'pulsimo.organizations'::regclass THEN p.organization_id ELSE p.id END = NEW.id));
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.policy_changed() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.policy_changed() IS
'Trigger of pulsimo.projects and pulsimo.organizations: has the keeper read its endpoints again when the health policy is written.';
CREATE OR REPLACE TRIGGER policy_changed
    AFTER UPDATE OF failure_threshold, failure_window, success_threshold, retry_interval, degraded_after,
        flap_start, flap_stop, auto_resolve, reference_endpoints ON pulsimo.projects
    FOR EACH ROW EXECUTE FUNCTION pulsimo.policy_changed();
CREATE OR REPLACE TRIGGER policy_changed
    AFTER UPDATE OF failure_threshold, failure_window, success_threshold, retry_interval, degraded_after,
        flap_start, flap_stop, auto_resolve, reference_endpoints ON pulsimo.organizations
    FOR EACH ROW EXECUTE FUNCTION pulsimo.policy_changed();
ALTER TABLE pulsimo.projects ENABLE ALWAYS TRIGGER policy_changed;
ALTER TABLE pulsimo.organizations ENABLE ALWAYS TRIGGER policy_changed;
