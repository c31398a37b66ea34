-- What holds for incidents whoever writes them, the keeper or people: their number, their severity, which status follows
-- which, and that their timeline is only ever added to.

-- --- numbers ---------------------------------------------------------------------------------------------------------

-- Numbers are unique in an organization, and whoever takes one keeps it from others until the end of the transaction. So
-- there are 16 lanes, each with every sixteenth number: one that somebody holds is passed over. A number that was rolled
-- back is given again. Lanes that are missing (an organization that came with a dump) are made, above all numbers there are;
-- so is one anew that comes upon a number which somebody has given to an incident.
CREATE OR REPLACE FUNCTION pulsimo.make_incident_lanes(organization bigint) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pulsimo.incident_numbers (organization_id, lane, next_number)
    SELECT organization, l.lane, 1 + l.lane + 16 * ceil(coalesce(n.highest, 0) / 16.0)::bigint
    FROM generate_series(0, 15) AS l (lane)
        CROSS JOIN (SELECT max(substring(i.number FROM '^INC-[0-9]+-([0-9]{1,15})$')::bigint) AS highest
                    FROM pulsimo.incidents i WHERE i.organization_id = organization) n
    ORDER BY l.lane
    ON CONFLICT DO NOTHING;
$$;
REVOKE ALL ON FUNCTION pulsimo.make_incident_lanes(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.make_incident_lanes(bigint) IS
'Internal: the lanes of incident_numbers that an organization does not have yet.';

CREATE OR REPLACE FUNCTION pulsimo.next_incident_number(organization bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    free pulsimo.incident_numbers;
BEGIN
    FOR attempt IN 1 .. 2 LOOP
        SELECT * INTO free FROM pulsimo.incident_numbers n WHERE n.organization_id = organization
        ORDER BY n.next_number LIMIT 1 FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN  -- all are taken: now we do wait
            SELECT * INTO free FROM pulsimo.incident_numbers n WHERE n.organization_id = organization
            ORDER BY n.next_number LIMIT 1 FOR UPDATE;
        END IF;
        EXIT WHEN FOUND;
        PERFORM pulsimo.make_incident_lanes(organization);
    END LOOP;
    UPDATE pulsimo.incident_numbers n SET next_number = free.next_number + 16
    WHERE n.organization_id = organization AND n.lane = free.lane;
    RETURN free.next_number;
END $$;
REVOKE ALL ON FUNCTION pulsimo.next_incident_number(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.next_incident_number(bigint) IS
'Internal: takes a number for an incident of an organization. Waits only when 16 transactions, or one with 16 new incidents, are at it.';

-- Rows of a dump have all they need, and writing to another table would break the restore: see is_restoring().
CREATE OR REPLACE FUNCTION pulsimo.incident_written() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place bigint;
BEGIN
    IF NEW.organization_id IS NULL THEN
        SELECT p.organization_id, p.id INTO NEW.organization_id, NEW.project_id
        FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id WHERE e.id = NEW.endpoint_id;
    END IF;
    IF NEW.number IS NULL AND NEW.organization_id IS NOT NULL AND NOT pulsimo.is_restoring() THEN
        LOOP
            place := pulsimo.next_incident_number(NEW.organization_id);
            NEW.number := format('INC-%s-%s', to_char(NEW.created_at AT TIME ZONE 'UTC', 'YYYY'),
                                 lpad(place::text, greatest(6, length(place::text)), '0'));
            EXIT WHEN NOT EXISTS (SELECT FROM pulsimo.incidents i
                                  WHERE i.organization_id = NEW.organization_id AND i.number = NEW.number);
            DELETE FROM pulsimo.incident_numbers n
            WHERE n.organization_id = NEW.organization_id AND n.lane = (place - 1) % 16;
            PERFORM pulsimo.make_incident_lanes(NEW.organization_id);
        END LOOP;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_written() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_written() IS
'Trigger of pulsimo.incidents: fills in organization and project from the endpoint, and the number.';
CREATE OR REPLACE TRIGGER incident_written BEFORE INSERT ON pulsimo.incidents
    FOR EACH ROW EXECUTE FUNCTION pulsimo.incident_written();

CREATE OR REPLACE FUNCTION pulsimo.organization_added() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pulsimo.is_restoring() THEN
        PERFORM pulsimo.make_incident_lanes(NEW.id);
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.organization_added() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.organization_added() IS
'Trigger of pulsimo.organizations: makes its lanes of incident_numbers. Not during a restore.';
CREATE OR REPLACE TRIGGER organization_added AFTER INSERT ON pulsimo.organizations
    FOR EACH ROW EXECUTE FUNCTION pulsimo.organization_added();

-- --- severity --------------------------------------------------------------------------------------------------------

-- No answer at all is as bad as the endpoint is important. An answer that is not the right one is a step better: something
-- is there, and part of those who use it may be served. What we ourselves did not probe says little of the endpoint.
CREATE OR REPLACE FUNCTION pulsimo.incident_severity(criticality pulsimo.severity, error_class pulsimo.error_class)
RETURNS pulsimo.severity
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN error_class IN ('policy', 'internal') THEN 'low'
        WHEN error_class IN ('certificate', 'protocol', 'status', 'assertion', 'too_large') THEN
            CASE coalesce(criticality, 'high') WHEN 'critical' THEN 'high'::pulsimo.severity
                                               WHEN 'high' THEN 'medium' ELSE 'low' END
        ELSE coalesce(criticality, 'high') END;
$$;
REVOKE ALL ON FUNCTION pulsimo.incident_severity(pulsimo.severity, pulsimo.error_class) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_severity(pulsimo.severity, pulsimo.error_class) IS
'The severity of an incident that the keeper opens. The view severity_rules lists it for all there is.
criticality: of the endpoint; null counts as high.
error_class: of the failure; null, when it is not known, counts as no answer.
Example: SELECT pulsimo.incident_severity(''critical'', ''timeout'');';

CREATE OR REPLACE VIEW pulsimo.severity_rules WITH (security_invoker = true) AS
SELECT c.criticality, e.error_class, pulsimo.incident_severity(c.criticality, e.error_class) AS severity
FROM pg_catalog.unnest(pg_catalog.enum_range(NULL::pulsimo.severity)) AS c (criticality)
    CROSS JOIN pg_catalog.unnest(pg_catalog.enum_range(NULL::pulsimo.error_class)) AS e (error_class)
ORDER BY c.criticality, e.error_class;
REVOKE ALL ON pulsimo.severity_rules FROM PUBLIC;
COMMENT ON VIEW pulsimo.severity_rules IS
'How severe an incident is that the keeper opens, by how critical the endpoint is and how it failed.
Example: SELECT error_class, severity FROM pulsimo.severity_rules WHERE criticality = ''critical'';';
COMMENT ON COLUMN pulsimo.severity_rules.criticality IS 'of the endpoint; high when it has none';
COMMENT ON COLUMN pulsimo.severity_rules.error_class IS 'kind of the failure';
COMMENT ON COLUMN pulsimo.severity_rules.severity IS 'of the incident';

-- --- status ----------------------------------------------------------------------------------------------------------

CREATE OR REPLACE VIEW pulsimo.incident_transitions WITH (security_invoker = true) AS
SELECT t.from_status::pulsimo.incident_status AS from_status, t.to_status::pulsimo.incident_status AS to_status
FROM (VALUES
    ('open', 'acknowledged'), ('open', 'investigating'), ('open', 'resolved'),
    ('acknowledged', 'investigating'), ('acknowledged', 'resolved'),
    ('investigating', 'resolved'),
    ('resolved', 'open')
) AS t (from_status, to_status);
REVOKE ALL ON pulsimo.incident_transitions FROM PUBLIC;
COMMENT ON VIEW pulsimo.incident_transitions IS
'Which status of an incident may follow which, for people and workers alike.
Example: SELECT to_status FROM pulsimo.incident_transitions WHERE from_status = ''open'';';
COMMENT ON COLUMN pulsimo.incident_transitions.from_status IS 'status before';
COMMENT ON COLUMN pulsimo.incident_transitions.to_status IS 'status after';

CREATE OR REPLACE FUNCTION pulsimo.require_transition(
    incident bigint, from_status pulsimo.incident_status, to_status pulsimo.incident_status
) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF from_status = to_status THEN
        RAISE EXCEPTION 'incident % is % already', incident, to_status USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'pulsimo.incident_timeline() tells who did it and when.';
    ELSIF NOT EXISTS (SELECT FROM pulsimo.incident_transitions t
                      WHERE t.from_status = require_transition.from_status
                          AND t.to_status = require_transition.to_status) THEN
        RAISE EXCEPTION 'incident % cannot go from % to %', incident, from_status, to_status USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = CASE WHEN from_status = 'resolved' THEN 'Reopen it first, with pulsimo.reopen_incident().'
                        ELSE format('From %s it can go to %s.', from_status, (
                            SELECT string_agg(t.to_status::text, ' or ' ORDER BY t.to_status)
                            FROM pulsimo.incident_transitions t WHERE t.from_status = require_transition.from_status)) END;
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_transition(bigint, pulsimo.incident_status, pulsimo.incident_status) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_transition(bigint, pulsimo.incident_status, pulsimo.incident_status) IS
'Internal: raises 55000 when an incident has the status already, or incident_transitions does not allow it.';

-- Whether a person or the keeper resolves is known to the function that does it: it writes resolved_at, resolved_by, and
-- that this was the first reaction as well.
CREATE OR REPLACE FUNCTION pulsimo.incident_status_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_transition(NEW.id, OLD.status, NEW.status);
    IF NEW.status IN ('acknowledged', 'investigating') AND OLD.acknowledged_at IS NULL THEN
        NEW.acknowledged_at := clock_timestamp();
        NEW.acknowledged_by := pulsimo.current_user_id();
    ELSIF NEW.status = 'open' THEN
        NEW.resolved_at := NULL;
        NEW.resolved_by := NULL;
        NEW.reopened := OLD.reopened + 1;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_status_changed() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_status_changed() IS
'Trigger of pulsimo.incidents: refuses with 55000 what incident_transitions does not allow, and keeps acknowledged_at, acknowledged_by, resolved_at, resolved_by and reopened in step with the status.';
CREATE OR REPLACE TRIGGER incident_status_changed BEFORE UPDATE OF status ON pulsimo.incidents
    FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION pulsimo.incident_status_changed();

-- --- the timeline ----------------------------------------------------------------------------------------------------

-- What foreign keys do is no change of the history: events go with their incident, and who did it is forgotten with the
-- account. By then the row that it was about is gone, which is how it is told from a DELETE, UPDATE or TRUNCATE of somebody.
CREATE OR REPLACE FUNCTION pulsimo.incident_events_kept() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = OLD.incident_id) THEN
        RETURN OLD;
    ELSIF TG_OP = 'UPDATE' AND NEW.user_id IS NULL AND to_jsonb(NEW) - 'user_id' = to_jsonb(OLD) - 'user_id'
        AND NOT EXISTS (SELECT FROM pulsimo.users u WHERE u.id = OLD.user_id) THEN
        RETURN NEW;
    ELSIF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT FROM pulsimo.incidents) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the timeline of an incident can only be added to' USING
        ERRCODE = 'object_not_in_prerequisite_state',
        HINT = 'It goes with its incident. What was wrong can be put right in a note, with pulsimo.add_note().';
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_events_kept() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_events_kept() IS
'Trigger of pulsimo.incident_events: refuses with 55000 to change or remove what happened.';
CREATE OR REPLACE TRIGGER incident_events_kept BEFORE UPDATE OR DELETE ON pulsimo.incident_events
    FOR EACH ROW EXECUTE FUNCTION pulsimo.incident_events_kept();
CREATE OR REPLACE TRIGGER incident_events_truncated AFTER TRUNCATE ON pulsimo.incident_events
    FOR EACH STATEMENT EXECUTE FUNCTION pulsimo.incident_events_kept();
