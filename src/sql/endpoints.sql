-- Adding, changing and removing what is watched. What an endpoint has to be like is in endpoint_rules.sql.

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

CREATE OR REPLACE FUNCTION pulsimo.read_tags(key text, value jsonb) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF jsonb_typeof(value) <> 'array' OR value @? '$[*] ? (@.type() != "string")' THEN
        RAISE EXCEPTION '% must be a list of text, not %', key, value USING
            ERRCODE = 'invalid_parameter_value',
            HINT = format('Give it as a JSON array: {"%s": ["eu", "checkout"]}.', key);
    END IF;
    RETURN ARRAY(SELECT t.tag FROM jsonb_array_elements_text(value) WITH ORDINALITY AS t (tag, place) ORDER BY t.place);
END $$;
REVOKE ALL ON FUNCTION pulsimo.read_tags(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.read_tags(text, jsonb) IS
'Internal: the texts in a JSON array.
Errors: 22023 names the key.';

CREATE OR REPLACE FUNCTION pulsimo.read_severity(key text, value jsonb) RETURNS pulsimo.severity
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF value <> 'null' AND value <> ALL (SELECT to_jsonb(s) FROM unnest(enum_range(NULL::pulsimo.severity)) AS s) THEN
        RAISE EXCEPTION '% must be critical, high, medium or low, not %', key, value USING
            ERRCODE = 'invalid_parameter_value',
            HINT = format('Give it as a JSON string: {"%s": "high"}.', key);
    END IF;
    RETURN value #>> '{}';
END $$;
REVOKE ALL ON FUNCTION pulsimo.read_severity(text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.read_severity(text, jsonb) IS
'Internal: the severity in a JSON string; NULL for null.
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

-- Dropped first, since it had fewer arguments.
DROP FUNCTION IF EXISTS pulsimo.add_endpoint(text, text, bigint, interval, interval, integer, integer, jsonb);
CREATE OR REPLACE FUNCTION pulsimo.add_endpoint(
    url text,
    name text DEFAULT NULL,
    project bigint DEFAULT NULL,
    check_interval interval DEFAULT '60 s',
    timeout interval DEFAULT '10 s',
    failure_threshold integer DEFAULT NULL,
    success_threshold integer DEFAULT NULL,
    options jsonb DEFAULT '{}',
    cron text DEFAULT NULL,
    timezone text DEFAULT NULL,
    tags text[] DEFAULT '{}',
    criticality pulsimo.severity DEFAULT NULL
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
                                   failure_threshold, success_threshold, options, cron, timezone, tags, criticality)
    VALUES (coalesce(project, pulsimo.default_project()),
            coalesce(name, left(rtrim(substring(url FROM '^[^:]*://([^?#]*)'), '/'), 200), ''),
            url, check_interval, timeout,
            pulsimo.read_duration('retry_interval', options -> 'retry_interval'),
            pulsimo.read_duration('degraded_after', options -> 'degraded_after'),
            failure_threshold, success_threshold,
            CASE WHEN jsonb_typeof(options) = 'object' THEN options - '{retry_interval,degraded_after}'::text[]
                 ELSE options END,
            cron, timezone, tags, criticality)
    RETURNING endpoints.id INTO new_id;
    IF pulsimo.is_operator() THEN
        PERFORM pulsimo.start_if_fresh(new_id);
    END IF;
    RETURN new_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_endpoint(text, text, bigint, interval, interval, integer, integer, jsonb, text, text,
                                             text[], pulsimo.severity) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_endpoint(text, text, bigint, interval, interval, integer, integer, jsonb, text, text,
                                         text[], pulsimo.severity) IS
'Adds an endpoint and returns its id. It is checked from the commit of the transaction on. The first endpoint of a fresh installation, when the operator adds it, also switches monitoring on; a database that was restored or cloned waits for start().
url: absolute, http or https, at most 2048 bytes.
name: as shown to people, one line of at most 200 characters; by default host and path of the URL.
project: id of a project; by default the only one the user may add endpoints to, and for the operator the project "default", which is made when it is missing.
check_interval: 1 second to 1 day; not used with cron.
timeout: 100 milliseconds to 30 minutes, not longer than check_interval.
failure_threshold: failures that make it down and open an incident, 1 to 10; NULL: as the project or organization has it, else 3. See set_health_policy().
success_threshold: successes in a row that end that, 1 to 10; NULL likewise, else 1.
options: how to probe and what to expect, see validate_endpoint(); besides that "retry_interval" (until the next check while failing below the threshold; default 10 seconds or check_interval if shorter) and "degraded_after" (a slower response makes it degraded; default never), both as text with a unit.
cron: when to check it, instead of check_interval, as five fields: minute, hour, day of the month, month and day of the week. See schedule_endpoint().
timezone: that of cron, like "Europe/Berlin"; by default that of the session.
tags: words to find it by, at most 20 of at most 100 characters.
criticality: how much depends on it, critical, high, medium or low: decides the severity of its incidents; NULL: high.
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
        ELSIF key = ANY (pulsimo.policy_settings()) THEN
            endpoint := jsonb_populate_record(endpoint, pulsimo.read_policy_setting(key, value));
        ELSIF key = 'check_interval' THEN
            endpoint.check_interval := pulsimo.read_duration(key, value);
        ELSIF key = 'timeout' THEN
            endpoint.timeout := pulsimo.read_duration(key, value);
        ELSIF key = 'name' THEN
            endpoint.name := pulsimo.read_text(key, value);
        ELSIF key = 'url' THEN
            endpoint.url := pulsimo.read_text(key, value);
        ELSIF key = 'cron' THEN
            endpoint.cron := pulsimo.read_text(key, nullif(value, 'null'));
        ELSIF key = 'timezone' THEN
            endpoint.timezone := pulsimo.read_text(key, nullif(value, 'null'));
        ELSIF key = 'tags' THEN
            endpoint.tags := pulsimo.read_tags(key, value);
        ELSIF key = 'criticality' THEN
            endpoint.criticality := pulsimo.read_severity(key, value);
        ELSIF key = 'project' THEN
            endpoint.project_id := pulsimo.read_integer(key, value, 1, 9223372036854775807);
            PERFORM pulsimo.require_project(endpoint.project_id);
        ELSE
            RAISE EXCEPTION 'endpoints have no setting "%"', key USING
                ERRCODE = 'invalid_parameter_value',
                HINT = format('Known are name, url, project, check_interval, cron, timezone, timeout, tags, criticality, '
                              'options, %s.', array_to_string(pulsimo.policy_settings(), ', '));
        END IF;
    END LOOP;
    UPDATE pulsimo.endpoints e
    SET project_id = endpoint.project_id, name = endpoint.name, url = endpoint.url,
        check_interval = endpoint.check_interval, cron = endpoint.cron, timezone = endpoint.timezone,
        timeout = endpoint.timeout, tags = endpoint.tags, criticality = endpoint.criticality, options = endpoint.options,
        failure_threshold = endpoint.failure_threshold, failure_window = endpoint.failure_window,
        success_threshold = endpoint.success_threshold, retry_interval = endpoint.retry_interval,
        degraded_after = endpoint.degraded_after, flap_start = endpoint.flap_start, flap_stop = endpoint.flap_stop,
        auto_resolve = endpoint.auto_resolve, reference_endpoints = endpoint.reference_endpoints
    WHERE e.id = endpoint.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.update_endpoint(bigint, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.update_endpoint(bigint, jsonb) IS
'Changes settings of an endpoint; those that are not named stay. Takes effect at commit, status and history stay.
changes: a JSON object with any of name, url, project (id), check_interval, timeout (as text with a unit), cron, timezone, tags (a list), criticality, options and the settings of the health policy, see set_health_policy(). Options are merged: each option that is named replaces the whole option, null removes it. null for a setting of the health policy: as the project or organization has it. null for cron: checks at check_interval, which is the shortest distance between two runs unless it is given as well.
Errors: P0002 unknown endpoint, project or reference endpoint, 42501 may not change it, 22023 names the setting or option that is unknown or not acceptable. An endpoint stays in its organization.
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
    DELETE FROM pulsimo.dependencies d  -- while it can be told whose
    WHERE d.endpoint_id = remove_endpoint_as_owner.id OR d.depends_on = remove_endpoint_as_owner.id;
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
