-- Adding, changing and removing what is watched. The rules are in one trigger, so that a plain INSERT or UPDATE is
-- refused for the same reasons and in the same words as a call of these functions.
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
    ELSIF (NEW.failure_threshold BETWEEN 1 AND 10) IS NOT TRUE THEN
        problem := format('failure_threshold must be between 1 and 10, not %s',
                          coalesce(NEW.failure_threshold::text, 'null'));
        advice := 'failure_threshold is the number of failures in a row that open an incident.';
    ELSIF (NEW.success_threshold BETWEEN 1 AND 10) IS NOT TRUE THEN
        problem := format('success_threshold must be between 1 and 10, not %s',
                          coalesce(NEW.success_threshold::text, 'null'));
        advice := 'success_threshold is the number of successes in a row that resolve an incident.';
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM pulsimo.validate_endpoint(NEW.url, NEW.options);
    ELSIF NEW.project_id <> OLD.project_id AND NOT EXISTS (
            SELECT FROM pulsimo.projects o JOIN pulsimo.projects n ON n.organization_id = o.organization_id
            WHERE o.id = OLD.project_id AND n.id = NEW.project_id) THEN
        problem := format('project %s is not of the organization of the endpoint', NEW.project_id);
        advice := 'Its history belongs to that organization: add a new endpoint in the other one.';
    END IF;
    IF problem IS NULL AND TG_OP = 'UPDATE' AND (NEW.url <> OLD.url OR NEW.options <> OLD.options) THEN
        PERFORM pulsimo.validate_endpoint(NEW.url, NEW.options);
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value', HINT = advice;
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
'Trigger of pulsimo.endpoints: refuses impossible values with 22023, naming the column or option.';
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
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoint_paused() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoint_paused() IS
'Trigger of pulsimo.endpoints: records the change of status when an endpoint is paused (paused) or resumed (unknown until the next check).';
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

CREATE OR REPLACE FUNCTION pulsimo.require_endpoint(id bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Whether it is seen is asked as well, for functions that run with the rights of the owner.
    IF NOT EXISTS (SELECT FROM pulsimo.endpoints e
                   WHERE e.id = require_endpoint.id AND pulsimo.has_permission('endpoint.view', e.id)) THEN
        RAISE EXCEPTION 'endpoint % does not exist', coalesce(id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.endpoint_status lists the endpoints with their ids.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_endpoint(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_endpoint(bigint) IS
'Internal: raises P0002 when there is no endpoint of this id.';

-- Of two sessions that change one endpoint, the second waits here and then sees what the first has made of it.
-- Row security locks no row that may be seen but not changed: without the question, such a change would do nothing.
CREATE OR REPLACE FUNCTION pulsimo.lock_endpoint(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_endpoint(id);  -- first, so that a lock on one that is not seen does not show
    PERFORM FROM pulsimo.endpoints e WHERE e.id = lock_endpoint.id FOR NO KEY UPDATE;
    PERFORM pulsimo.require_endpoint(id);
    PERFORM pulsimo.require_permission('endpoints.change', e.project_id)
    FROM pulsimo.endpoints e WHERE e.id = lock_endpoint.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.lock_endpoint(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.lock_endpoint(bigint) IS
'Internal: keeps other sessions from changing an endpoint until the end of the transaction.
Errors: P0002 unknown endpoint, 42501 may not change it.';

CREATE OR REPLACE FUNCTION pulsimo.read_duration(key text, value jsonb) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value IS NULL OR value = 'null' THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(value) = 'string' THEN
        RETURN (value #>> '{}')::interval;
    END IF;
    RAISE invalid_datetime_format;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow THEN
    RAISE EXCEPTION '% must be an interval, not %', key, value USING
        ERRCODE = 'invalid_parameter_value',
        HINT = format('Give it as text with a unit, for example {"%s": "10 s"}.', key);
END $$;
REVOKE ALL ON FUNCTION pulsimo.read_duration(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.read_duration(text, jsonb) IS
'Internal: the interval in a JSON string; NULL for null.
Errors: 22023 names the key.';

CREATE OR REPLACE FUNCTION pulsimo.read_text(key text, value jsonb) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(value) <> 'string' THEN
        RAISE EXCEPTION '% must be text, not %', key, value USING
            ERRCODE = 'invalid_parameter_value',
            HINT = format('Give it as a JSON string: {"%s": "..."}.', key);
    END IF;
    RETURN value #>> '{}';
END $$;
REVOKE ALL ON FUNCTION pulsimo.read_text(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.read_text(text, jsonb) IS
'Internal: the text in a JSON string.
Errors: 22023 names the key.';

CREATE OR REPLACE FUNCTION pulsimo.read_integer(key text, value jsonb, lowest bigint, highest bigint) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(value) = 'number' THEN
        IF value::numeric BETWEEN lowest AND highest AND value::numeric = trunc(value::numeric) THEN
            RETURN value::numeric;
        END IF;
    END IF;
    RAISE EXCEPTION '% must be a whole number from % to %, not %', key, lowest, highest, value USING
        ERRCODE = 'invalid_parameter_value',
        HINT = format('Give it as a JSON number: {"%s": %s}.', key, lowest);
END $$;
REVOKE ALL ON FUNCTION pulsimo.read_integer(text, jsonb, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.read_integer(text, jsonb, bigint, bigint) IS
'Internal: the whole number in a JSON number, within limits.
Errors: 22023 names the key.';

CREATE OR REPLACE FUNCTION pulsimo.start_if_fresh(first_endpoint bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pulsimo.dump_info)
        AND NOT EXISTS (SELECT FROM pulsimo.state s WHERE s.database_oid IS NOT NULL)
        AND NOT EXISTS (SELECT FROM pulsimo.endpoints e WHERE e.id <> first_endpoint)
    THEN
        PERFORM pulsimo.start();
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.start_if_fresh(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.start_if_fresh(bigint) IS
'Internal: switches monitoring on when this is the first endpoint of a fresh installation.';

CREATE OR REPLACE FUNCTION pulsimo.add_endpoint(
    url text,
    name text DEFAULT NULL,
    project bigint DEFAULT NULL,
    check_interval interval DEFAULT '60 s',
    timeout interval DEFAULT '10 s',
    failure_threshold integer DEFAULT 3,
    success_threshold integer DEFAULT 1,
    options jsonb DEFAULT '{}'
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id bigint;
BEGIN
    IF project IS NOT NULL THEN
        PERFORM pulsimo.require_project(project);
        PERFORM pulsimo.require_permission('endpoints.change', project);
    END IF;
    IF name IS NULL AND url IS NOT NULL THEN
        PERFORM pulsimo.validate_endpoint(url, '{}');  -- before a name is made of it
    END IF;
    INSERT INTO pulsimo.endpoints (project_id, name, url, check_interval, timeout, retry_interval, degraded_after,
                                   failure_threshold, success_threshold, options)
    VALUES (coalesce(project, pulsimo.default_project()),
            coalesce(name, left(rtrim(substring(url FROM '^[^:]*://([^?#]*)'), '/'), 200), ''),
            url, check_interval, timeout,
            pulsimo.read_duration('retry_interval', options -> 'retry_interval'),
            pulsimo.read_duration('degraded_after', options -> 'degraded_after'),
            failure_threshold, success_threshold,
            CASE WHEN jsonb_typeof(options) = 'object' THEN options - '{retry_interval,degraded_after}'::text[]
                 ELSE options END)
    RETURNING endpoints.id INTO new_id;
    IF pulsimo.is_operator() THEN
        PERFORM pulsimo.start_if_fresh(new_id);
    END IF;
    RETURN new_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_endpoint(text, text, bigint, interval, interval, integer, integer, jsonb)
    FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_endpoint(text, text, bigint, interval, interval, integer, integer, jsonb) IS
'Adds an endpoint and returns its id. It is checked from the commit of the transaction on. The first endpoint of a fresh installation, when the operator adds it, also switches monitoring on; a database that was restored or cloned waits for start().
url: absolute, http or https, at most 2048 bytes.
name: as shown to people, one line of at most 200 characters; by default host and path of the URL.
project: id of a project; by default the only one the user may add endpoints to, and for the operator the project "default", which is made when it is missing.
check_interval: 1 second to 1 day.
timeout: 100 milliseconds to 30 minutes, not longer than check_interval.
failure_threshold: failures in a row that make it down and open an incident, 1 to 10.
success_threshold: successes in a row that end that, 1 to 10.
options: how to probe and what to expect, see validate_endpoint(); besides that "retry_interval" (until the next check while failing below the threshold; default 10 seconds or check_interval if shorter) and "degraded_after" (a slower response makes it degraded; default never), both as text with a unit.
Errors: 22023 names the argument or option that is not acceptable, P0002 unknown project, 42501 may not change its endpoints.
Example: SELECT pulsimo.add_endpoint(''https://example.org/health'', check_interval => ''30 s'', options => ''{"body_contains": "ok", "degraded_after": "500 ms"}'');';

CREATE OR REPLACE FUNCTION pulsimo.update_endpoint(id bigint, changes jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    endpoint pulsimo.endpoints;
    key text;
    value jsonb;
BEGIN
    PERFORM pulsimo.lock_endpoint(id);
    IF changes IS NULL OR jsonb_typeof(changes) <> 'object' THEN
        RAISE EXCEPTION 'changes must be a JSON object' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give the settings to change, for example {"check_interval": "30 s"}.';
    END IF;
    SELECT * INTO endpoint FROM pulsimo.endpoints e WHERE e.id = update_endpoint.id;
    -- Options first: they may carry the two durations that have columns of their own.
    FOR key, value IN SELECT c.key, c.value FROM jsonb_each(changes) c ORDER BY c.key <> 'options', c.key LOOP
        IF key = 'options' THEN
            IF jsonb_typeof(value) <> 'object' THEN
                RAISE EXCEPTION 'options must be a JSON object, not %', value USING
                    ERRCODE = 'invalid_parameter_value',
                    HINT = 'Give the options to change; null removes one.';
            END IF;
            IF value ? 'retry_interval' THEN
                endpoint.retry_interval := pulsimo.read_duration('retry_interval', value -> 'retry_interval');
            END IF;
            IF value ? 'degraded_after' THEN
                endpoint.degraded_after := pulsimo.read_duration('degraded_after', value -> 'degraded_after');
            END IF;
            endpoint.options := endpoint.options || (value - '{retry_interval,degraded_after}'::text[]);
        ELSIF key = 'retry_interval' THEN
            endpoint.retry_interval := pulsimo.read_duration(key, value);
        ELSIF key = 'degraded_after' THEN
            endpoint.degraded_after := pulsimo.read_duration(key, value);
        ELSIF key = 'check_interval' THEN
            endpoint.check_interval := pulsimo.read_duration(key, value);
        ELSIF key = 'timeout' THEN
            endpoint.timeout := pulsimo.read_duration(key, value);
        ELSIF key = 'name' THEN
            endpoint.name := pulsimo.read_text(key, value);
        ELSIF key = 'url' THEN
            endpoint.url := pulsimo.read_text(key, value);
        ELSIF key = 'failure_threshold' THEN
            endpoint.failure_threshold := pulsimo.read_integer(key, value, 1, 10);
        ELSIF key = 'success_threshold' THEN
            endpoint.success_threshold := pulsimo.read_integer(key, value, 1, 10);
        ELSIF key = 'project' THEN
            endpoint.project_id := pulsimo.read_integer(key, value, 1, 9223372036854775807);
            PERFORM pulsimo.require_project(endpoint.project_id);
        ELSE
            RAISE EXCEPTION 'endpoints have no setting "%"', key USING
                ERRCODE = 'invalid_parameter_value',
                HINT = 'Known are name, url, project, check_interval, timeout, retry_interval, degraded_after, '
                       'failure_threshold, success_threshold and options.';
        END IF;
    END LOOP;
    UPDATE pulsimo.endpoints e
    SET project_id = endpoint.project_id, name = endpoint.name, url = endpoint.url,
        check_interval = endpoint.check_interval, timeout = endpoint.timeout,
        retry_interval = endpoint.retry_interval, degraded_after = endpoint.degraded_after,
        failure_threshold = endpoint.failure_threshold, success_threshold = endpoint.success_threshold,
        options = endpoint.options
    WHERE e.id = endpoint.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.update_endpoint(bigint, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.update_endpoint(bigint, jsonb) IS
'Changes settings of an endpoint; those that are not named stay. Takes effect at commit, status and history stay.
changes: a JSON object with any of name, url, project (id), check_interval, timeout, retry_interval, degraded_after (as text with a unit), failure_threshold, success_threshold and options. Options are merged: each option that is named replaces the whole option, null removes it. null for retry_interval or degraded_after gives back the default.
Errors: P0002 unknown endpoint or project, 42501 may not change it, 22023 names the setting or option that is unknown or not acceptable. An endpoint stays in its organization.
Example: SELECT pulsimo.update_endpoint(1, ''{"check_interval": "30 s", "options": {"method": "HEAD", "body_contains": null}}'');';

CREATE OR REPLACE FUNCTION pulsimo.pause_endpoint(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_endpoint(id);
    UPDATE pulsimo.endpoints e SET paused = true WHERE e.id = pause_endpoint.id AND NOT e.paused;
END $$;
REVOKE ALL ON FUNCTION pulsimo.pause_endpoint(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.pause_endpoint(bigint) IS
'Stops the checks of an endpoint until resume_endpoint(). The time is left out of its uptime; an open incident stays open. Does nothing when it is paused already.
Errors: P0002 unknown endpoint, 42501 may not change it.
Example: SELECT pulsimo.pause_endpoint(1);';

CREATE OR REPLACE FUNCTION pulsimo.resume_endpoint(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_endpoint(id);
    UPDATE pulsimo.endpoints e SET paused = false WHERE e.id = resume_endpoint.id AND e.paused;
END $$;
REVOKE ALL ON FUNCTION pulsimo.resume_endpoint(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.resume_endpoint(bigint) IS
'Takes up the checks of a paused endpoint. Its status is unknown until the first of them. Does nothing when it is not paused.
Errors: P0002 unknown endpoint, 42501 may not change it.
Example: SELECT pulsimo.resume_endpoint(1);';

CREATE OR REPLACE FUNCTION pulsimo.remove_endpoint_as_owner(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_endpoint(id);
    DELETE FROM pulsimo.endpoints e WHERE e.id = remove_endpoint_as_owner.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.remove_endpoint_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_endpoint_as_owner(bigint) IS
'Internal: remove_endpoint(), with the rights of the owner.';
-- The right to DELETE would be one to LOCK the table, and so to stop everybody.
CREATE OR REPLACE FUNCTION pulsimo.remove_endpoint(id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.remove_endpoint(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_endpoint(bigint) IS
'Removes an endpoint, as DELETE FROM pulsimo.endpoints does. An open incident of it is resolved; its incidents stay, its checks stay until their partitions are dropped, its history of status goes.
Errors: P0002 unknown endpoint, 42501 may not change it.
Example: SELECT pulsimo.remove_endpoint(1);';
