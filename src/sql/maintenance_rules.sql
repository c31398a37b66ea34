-- What a window of maintenance may be. The rules are in one trigger, so that a plain INSERT or UPDATE of the operator is refused
-- for the same reasons and in the same words as a call of schedule_maintenance().

CREATE OR REPLACE FUNCTION pulsimo.require_maintenance_words(title text, tag text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (title ~ '[^[:space:]]' AND title !~ '[[:cntrl:]]' AND length(title) <= 200) IS NOT TRUE THEN
        RAISE EXCEPTION 'title must be one line of 1 to 200 characters' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Give a title like ''Database upgrade''.';
    ELSIF (tag <> '' AND length(tag) <= 100) IS FALSE THEN
        RAISE EXCEPTION 'tag must be of 1 to 100 characters' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Give one of the tags that endpoints have.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_maintenance_words(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_maintenance_words(text, text) IS
'Internal: raises 22023 when this is no title, or no tag.';

-- The shortest distance between two runs that validate_cron() gives is exact below a day, and never more than one.
CREATE OR REPLACE FUNCTION pulsimo.shortest_break(cron text, timezone text, after timestamptz) RETURNS interval
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shortest constant interval := pulsimo.validate_cron(cron, timezone);
BEGIN
    RETURN CASE WHEN shortest < '1 day' THEN shortest ELSE (
        SELECT coalesce(min(d.distance), '1 year')
        FROM (SELECT r.run - lag(r.run) OVER (ORDER BY r.run) AS distance
              FROM pulsimo.runs_between(cron, timezone, after, 'infinity', 100) AS r (run)) d) END;
END $$;
REVOKE ALL ON FUNCTION pulsimo.shortest_break(text, text, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.shortest_break(text, text, timestamptz) IS
'Internal: the shortest distance between two runs; if they are a day or more apart, between two of the next hundred.
Errors: 22023 names cron or timezone.';

CREATE OR REPLACE FUNCTION pulsimo.require_recurrence(recurring pulsimo.maintenance_windows) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seconds constant numeric := extract(epoch FROM recurring.duration);
    shortest interval;
BEGIN
    IF recurring.timezone IS NULL OR recurring.duration IS NULL THEN
        RAISE EXCEPTION '% must not be null', CASE WHEN recurring.duration IS NULL THEN 'duration' ELSE 'timezone' END USING
            ERRCODE = 'null_value_not_allowed',
            HINT = 'Recurring maintenance has a cron expression, a time zone and a duration.';
    ELSIF seconds NOT BETWEEN 1 AND 604800 THEN
        RAISE EXCEPTION 'duration must be between 1 second and 7 days, not %', recurring.duration USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Give duration like ''2 h''.';
    END IF;
    shortest := pulsimo.shortest_break(recurring.cron, recurring.timezone, recurring.starts_at);
    IF recurring.duration >= shortest THEN
        RAISE EXCEPTION 'duration must be shorter than %, the shortest time from one run to the next, not %',
                        shortest, recurring.duration USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Otherwise one maintenance would begin before the other has ended.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_recurrence(pulsimo.maintenance_windows) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_recurrence(pulsimo.maintenance_windows) IS
'Internal: raises 22004 or 22023, naming the column, when a window cannot recur like this.';

-- Durations are lengths of time, wherever clocks are changed: stored as seconds, so that nothing depends on the time zone of
-- whoever adds them to a time.
CREATE OR REPLACE FUNCTION pulsimo.maintenance_written() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    organization bigint;
BEGIN
    IF pulsimo.is_restoring() THEN
        RETURN NEW;
    END IF;
    PERFORM pulsimo.require_maintenance_words(NEW.title, NEW.tag);
    IF num_nonnulls(NEW.endpoint_id, NEW.project_id, NEW.tag) > 1 THEN
        RAISE EXCEPTION 'only one of endpoint_id, project_id and tag may be given' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Without any of them it is about the whole organization.';
    ELSIF num_nonnulls(NEW.endpoint_id, NEW.project_id) = 1 THEN
        SELECT p.organization_id INTO organization FROM pulsimo.projects p
        WHERE p.id = coalesce(NEW.project_id, (SELECT e.project_id FROM pulsimo.endpoints e WHERE e.id = NEW.endpoint_id));
        NEW.organization_id := coalesce(NEW.organization_id, organization);
        IF NEW.organization_id <> organization THEN
            RAISE EXCEPTION '% is not of organization %', CASE WHEN NEW.project_id IS NULL
                    THEN format('endpoint %s', NEW.endpoint_id) ELSE format('project %s', NEW.project_id) END,
                NEW.organization_id USING
                ERRCODE = 'invalid_parameter_value', HINT = 'Leave organization_id out: it is found by itself.';
        END IF;
    END IF;
    IF NOT isfinite(NEW.starts_at) OR NOT isfinite(NEW.ends_at) THEN
        RAISE EXCEPTION 'starts_at and ends_at must be finite' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Recurring maintenance without ends_at goes on for ever.';
    ELSIF NEW.starts_at < '1970-01-01 00:00+00' OR greatest(NEW.starts_at, NEW.ends_at) >= '10000-01-01 00:00+00' THEN
        RAISE EXCEPTION 'starts_at and ends_at must be of the years 1970 to 9999' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Recurring maintenance without ends_at goes on for ever.';
    ELSIF NEW.ends_at < NEW.starts_at THEN
        RAISE EXCEPTION 'ends_at must not be before starts_at' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Give a later end, or an earlier start.';
    ELSIF NEW.cron IS NOT NULL THEN
        -- What was accepted stays so when it is ended or moved, also before a change of the clocks.
        IF (NEW.cron, NEW.timezone, NEW.duration) IS DISTINCT FROM (OLD.cron, OLD.timezone, OLD.duration) THEN
            PERFORM pulsimo.require_recurrence(NEW);
        END IF;
        NEW.duration := make_interval(secs => extract(epoch FROM NEW.duration)::float8);
    ELSIF num_nonnulls(NEW.timezone, NEW.duration) > 0 OR NEW.ends_at IS NULL THEN
        RAISE EXCEPTION 'maintenance without cron must have ends_at, and neither timezone nor duration' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'pulsimo.schedule_maintenance() takes either form.';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION pulsimo.maintenance_written() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_written() IS
'Trigger of pulsimo.maintenance_windows: refuses impossible values with 22004 or 22023, naming the column; fills in the organization of an endpoint or project.';
-- Of these columns, so that removing a user does not ask whether an old time zone is still known.
CREATE OR REPLACE TRIGGER maintenance_written
    BEFORE INSERT OR UPDATE OF organization_id, project_id, endpoint_id, tag, title, starts_at, ends_at, cron, timezone, duration
    ON pulsimo.maintenance_windows FOR EACH ROW EXECUTE FUNCTION pulsimo.maintenance_written();
