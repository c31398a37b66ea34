-- The rules of endpoints. They are in triggers, so that a plain INSERT or UPDATE is refused for the same reasons and in the
-- same words as a call of the functions in endpoints.sql and scheduling.sql.
--
-- Triggers and session_replication_role = replica (logical replication, parallel restores): the rows come from a
-- database that has checked them and has written what belongs to them, so checking and writing are left out. The
-- trigger that tells the keeper is ENABLE ALWAYS: wherever a change comes from, it must be seen.

-- A month is not the same length everywhere, and a year of the calendar not that of extract().
CREATE OR REPLACE FUNCTION pulsimo.without_months(duration interval) RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN extract(year FROM duration) = 0 AND extract(month FROM duration) = 0 THEN duration
                ELSE make_interval(secs => extract(epoch FROM duration)::float8) END;
$$;
REVOKE ALL ON FUNCTION pulsimo.without_months(interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.without_months(interval) IS
'Internal: the same length without years and months; what has none stays as it is.';

CREATE OR REPLACE FUNCTION pulsimo.require_tag(tag text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (tag ~ '^[^[:space:]]' AND tag ~ '[^[:space:]]$' AND tag !~ '[[:cntrl:]]' AND length(tag) <= 100) IS NOT TRUE THEN
        RAISE EXCEPTION 'a tag must be one line of 1 to 100 characters without blanks around it, not %',
            coalesce(to_json(left(tag, 100))::text, 'null') USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give tags like ''{eu,checkout}''.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_tag(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_tag(text) IS
'Internal: raises 22023 when this is no tag.';

CREATE OR REPLACE FUNCTION pulsimo.require_tags(tags text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_tag(t.tag) FROM unnest(tags) AS t (tag);
    IF tags IS NULL OR array_ndims(tags) > 1 OR cardinality(tags) > 20 OR octet_length(tags::text) > 4000
        OR cardinality(tags) > (SELECT count(DISTINCT t.tag) FROM unnest(tags) AS t (tag)) THEN
        RAISE EXCEPTION 'tags must be a list of at most 20 different tags, together at most 4000 bytes' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give tags like ''{eu,checkout}'', or ''{}'' for none.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_tags(text[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_tags(text[]) IS
'Internal: raises 22023 when these are no tags of an endpoint.';

-- Before endpoint_written, by its name: what it fills in is checked there.
CREATE OR REPLACE FUNCTION pulsimo.endpoint_scheduled() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    spacing interval;
BEGIN
    IF NEW.cron IS NULL AND NEW.timezone IS DISTINCT FROM OLD.timezone THEN
        RAISE EXCEPTION 'timezone must not be given without cron' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'An interval is the same in all time zones: leave timezone out.';
    ELSIF NEW.cron IS NULL THEN
        NEW.timezone := NULL;
    ELSIF pulsimo.is_restoring() THEN
        RETURN NEW;  -- to be kept although this server may not know the time zone
    ELSIF (NEW.cron, NEW.timezone, NEW.check_interval) IS DISTINCT FROM (OLD.cron, OLD.timezone, OLD.check_interval) THEN
        NEW.timezone := coalesce(NEW.timezone, current_setting('TimeZone'));
        spacing := pulsimo.validate_cron(NEW.cron, NEW.timezone);
        IF TG_OP = 'UPDATE' AND NEW.check_interval NOT IN (OLD.check_interval, spacing) THEN
            RAISE EXCEPTION 'check_interval must not be given with cron' USING
                ERRCODE = 'invalid_parameter_value',
                HINT = 'For checks at an interval set cron to null, as pulsimo.schedule_endpoint() does.';
        END IF;
        NEW.check_interval := spacing;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoint_scheduled() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoint_scheduled() IS
'Trigger of pulsimo.endpoints: checks cron and timezone, which is by default that of the session, and makes check_interval the shortest distance between two runs. Refuses impossible values with 22023.';
CREATE OR REPLACE TRIGGER endpoint_scheduled BEFORE INSERT OR UPDATE ON pulsimo.endpoints
    FOR EACH ROW WHEN (NEW.cron IS NOT NULL OR NEW.timezone IS NOT NULL) EXECUTE FUNCTION pulsimo.endpoint_scheduled();

CREATE OR REPLACE FUNCTION pulsimo.endpoint_written() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- In seconds; see the constraints of the table.
    check_interval constant numeric := extract(epoch FROM NEW.check_interval);
    timeout constant numeric := extract(epoch FROM NEW.timeout);
    retry_interval constant numeric := extract(epoch FROM NEW.retry_interval);
    degraded_after constant numeric := extract(epoch FROM NEW.degraded_after);
    problem text;
    advice text;
BEGIN
    IF NEW.url IS NULL THEN
        problem := 'url must not be null';
        advice := 'Give an absolute http or https URL.';
    ELSIF NEW.options IS NULL OR jsonb_typeof(NEW.options) <> 'object' THEN
        problem := 'options must be a JSON object';
        advice := 'Leave options out, or give for example {"method": "HEAD"}.';
    ELSIF octet_length(NEW.options::text) > 2097152 THEN
        problem := 'options must not be longer than 2 MiB';
        advice := 'Shorten the request body or the CA certificate.';
    ELSIF (NEW.name ~ '[^[:space:]]' AND NEW.name !~ '[[:cntrl:]]' AND length(NEW.name) <= 200) IS NOT TRUE THEN
        problem := 'name must be one line of 1 to 200 characters';
        advice := 'Shorten name, or leave it out to use host and path of the URL.';
    ELSIF (check_interval BETWEEN 1 AND 86400) IS NOT TRUE THEN
        problem := format('check_interval must be between 1 second and 1 day, not %L', NEW.check_interval);
        advice := 'Give check_interval like ''60 s'' or ''5 min''.';
    ELSIF (timeout BETWEEN 0.1 AND 1800) IS NOT TRUE THEN
        problem := format('timeout must be between 100 milliseconds and 30 minutes, not %L', NEW.timeout);
        advice := 'Give timeout like ''10 s'' or ''500 ms''.';
    ELSIF timeout > check_interval THEN
        problem := format('timeout %L must not exceed check_interval %L', NEW.timeout, NEW.check_interval);
        advice := 'Give a shorter timeout, or a longer check_interval.';
    ELSIF retry_interval NOT BETWEEN 1 AND check_interval THEN
        problem := format('retry_interval must be between 1 second and check_interval %L, not %L',
                          NEW.check_interval, NEW.retry_interval);
        advice := 'Leave retry_interval out for 10 seconds, or check_interval if that is shorter.';
    ELSIF degraded_after <= 0 OR degraded_after > timeout THEN
        problem := format('degraded_after must be positive and not exceed timeout %L, not %L',
                          NEW.timeout, NEW.degraded_after);
        advice := 'Leave degraded_after out if a slow response is as good as a fast one.';
    ELSIF TG_OP = 'UPDATE' AND NEW.project_id <> OLD.project_id AND NOT EXISTS (
            SELECT FROM pulsimo.projects o JOIN pulsimo.projects n ON n.organization_id = o.organization_id
            WHERE o.id = OLD.project_id AND n.id = NEW.project_id) THEN
        problem := format('project %s is not of the organization of the endpoint', NEW.project_id);
        advice := 'Its history belongs to that organization: add a new endpoint in the other one.';
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value', HINT = advice;
    END IF;
    PERFORM pulsimo.require_thresholds(NEW.failure_threshold, NEW.failure_window, NEW.success_threshold,
                                       NEW.flap_start, NEW.flap_stop);
    PERFORM pulsimo.require_tags(NEW.tags);
    IF TG_OP = 'INSERT' OR NEW.url <> OLD.url OR NEW.options <> OLD.options THEN
        PERFORM pulsimo.validate_endpoint(NEW.url, NEW.options);
    END IF;
    IF NEW.reference_endpoints IS DISTINCT FROM OLD.reference_endpoints THEN
        PERFORM pulsimo.require_reference_endpoints(
            NEW.reference_endpoints, (SELECT p.organization_id FROM pulsimo.projects p WHERE p.id = NEW.project_id), NEW.id);
    END IF;
    NEW.check_interval := pulsimo.without_months(NEW.check_interval);
    NEW.timeout := pulsimo.without_months(NEW.timeout);
    NEW.retry_interval := pulsimo.without_months(NEW.retry_interval);
    NEW.degraded_after := pulsimo.without_months(NEW.degraded_after);
    NEW.options := NEW.options - ARRAY(SELECT o.key FROM jsonb_each(NEW.options) o WHERE o.value = 'null');
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoint_written() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoint_written() IS
'Trigger of pulsimo.endpoints: refuses impossible values with 22023, naming the column or option, and reference endpoints that are not seen with P0002.';
CREATE OR REPLACE TRIGGER endpoint_written BEFORE INSERT OR UPDATE ON pulsimo.endpoints
    FOR EACH ROW EXECUTE FUNCTION pulsimo.endpoint_written();

-- Somebody who was granted EXECUTE on all functions could make a trigger of it on a table of their own.
CREATE OR REPLACE FUNCTION pulsimo.require_trigger_on(expected regclass, actual oid) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF actual <> expected THEN
        RAISE EXCEPTION 'this is a trigger of table %', expected USING ERRCODE = 'insufficient_privilege';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_trigger_on(regclass, oid) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_trigger_on(regclass, oid) IS
'Internal: raises 42501 in a trigger with the rights of the owner that is on another table.';

-- With the rights of the owner: whoever may pause an endpoint may not write its history otherwise.
CREATE OR REPLACE FUNCTION pulsimo.endpoint_paused() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_trigger_on('pulsimo.endpoints', TG_RELID);
    INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
    SELECT NEW.id, greatest(clock_timestamp(), s.changed_at), c.status, coalesce(s.status, 'unknown')
    FROM (SELECT CASE WHEN NEW.paused THEN 'paused' ELSE 'unknown' END::pulsimo.status AS status) c
        LEFT JOIN LATERAL (
            SELECT n.status, n.changed_at FROM pulsimo.state_changes n
            WHERE n.endpoint_id = NEW.id ORDER BY n.changed_at DESC, n.id DESC LIMIT 1
        ) s ON true;
    PERFORM pulsimo.end_suppressions(ARRAY[NEW.id]);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoint_paused() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoint_paused() IS
'Trigger of pulsimo.endpoints: records the change of status when an endpoint is paused (paused) or resumed (unknown until the next check), and that it is not put down to another one any more.';
CREATE OR REPLACE TRIGGER endpoint_paused AFTER UPDATE OF paused ON pulsimo.endpoints
    FOR EACH ROW WHEN (OLD.paused <> NEW.paused) EXECUTE FUNCTION pulsimo.endpoint_paused();

-- The history of an endpoint is seen in the project it is in.
CREATE OR REPLACE FUNCTION pulsimo.endpoint_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_trigger_on('pulsimo.endpoints', TG_RELID);
    UPDATE pulsimo.incidents i SET project_id = NEW.project_id WHERE i.endpoint_id = NEW.id;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoint_moved() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoint_moved() IS
'Trigger of pulsimo.endpoints: incidents follow an endpoint to another project.';
CREATE OR REPLACE TRIGGER endpoint_moved AFTER UPDATE OF project_id ON pulsimo.endpoints
    FOR EACH ROW WHEN (OLD.project_id <> NEW.project_id) EXECUTE FUNCTION pulsimo.endpoint_moved();

CREATE OR REPLACE TRIGGER endpoints_changed AFTER INSERT OR UPDATE OR DELETE ON pulsimo.endpoints
    FOR EACH ROW EXECUTE FUNCTION pulsimo.endpoints_changed();
CREATE OR REPLACE TRIGGER endpoints_truncated AFTER TRUNCATE ON pulsimo.endpoints
    FOR EACH STATEMENT EXECUTE FUNCTION pulsimo.endpoints_changed();
ALTER TABLE pulsimo.endpoints ENABLE ALWAYS TRIGGER endpoints_changed;
ALTER TABLE pulsimo.endpoints ENABLE ALWAYS TRIGGER endpoints_truncated;
