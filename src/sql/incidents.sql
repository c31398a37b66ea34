-- From changes of status to incidents. The keeper decides with what it has in memory; here the decision meets the
-- database: endpoints that were paused or removed meanwhile are left out, and the partial unique index on incidents
-- has the last word on "one open incident an endpoint". Everything happens in the transaction of the keeper.

CREATE OR REPLACE FUNCTION pulsimo.open_incidents(
    endpoint_ids bigint[], started timestamptz[], statuses pulsimo.status[], errors pulsimo.error_class[],
    details text[]
) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    messages bigint[];
BEGIN
    WITH opened AS (
        INSERT INTO pulsimo.incidents AS i (endpoint_id, title, error_class, detail, started_at)
        SELECT c.endpoint_id,
               e.name || ' is ' || c.status || coalesce(': ' || left(coalesce(c.detail, c.error::text), 200), ''),
               c.error, c.detail, c.started_at
        FROM unnest(endpoint_ids, started, statuses, errors, details)
                AS c (endpoint_id, started_at, status, error, detail)
            JOIN pulsimo.endpoints e ON e.id = c.endpoint_id
        ORDER BY c.endpoint_id
        ON CONFLICT (endpoint_id) WHERE status <> 'resolved' DO NOTHING
        RETURNING i AS incident
    ), events AS (
        INSERT INTO pulsimo.incident_events (incident_id, event, detail)
        SELECT (o.incident).id, 'created', (o.incident).detail FROM opened o
    ), sent AS (
        INSERT INTO pulsimo.outbox (topic, incident_id, payload)
        SELECT 'incident_opened', (o.incident).id, pulsimo.incident_message(o.incident, e.name, e.url, c.status)
        FROM opened o
            JOIN unnest(endpoint_ids, statuses) AS c (endpoint_id, status) ON c.endpoint_id = (o.incident).endpoint_id
            JOIN pulsimo.endpoints e ON e.id = c.endpoint_id
        RETURNING id
    )
    SELECT coalesce(array_agg(s.id ORDER BY s.id), '{}') INTO messages FROM sent s;
    RETURN messages;
END $$;
REVOKE ALL ON FUNCTION pulsimo.open_incidents(bigint[], timestamptz[], pulsimo.status[], pulsimo.error_class[], text[])
    FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.open_incidents(bigint[], timestamptz[], pulsimo.status[], pulsimo.error_class[], text[]) IS
'Internal: opens an incident for every endpoint that has none open, with its timeline and message. Returns the ids of the outbox rows.';

CREATE OR REPLACE FUNCTION pulsimo.resolve_incidents(
    endpoint_ids bigint[], ended timestamptz[], statuses pulsimo.status[], details text[]
) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    messages bigint[];
BEGIN
    WITH resolved AS (
        UPDATE pulsimo.incidents i
        SET status = 'resolved', resolved_at = greatest(c.ended_at, i.started_at)
        FROM unnest(endpoint_ids, ended) AS c (endpoint_id, ended_at)
        WHERE i.endpoint_id = c.endpoint_id AND i.status <> 'resolved'
        RETURNING i AS incident
    ), events AS (
        INSERT INTO pulsimo.incident_events (incident_id, event, detail)
        SELECT (r.incident).id, 'resolved', c.detail
        FROM resolved r JOIN unnest(endpoint_ids, details) AS c (endpoint_id, detail)
            ON c.endpoint_id = (r.incident).endpoint_id
    ), sent AS (
        INSERT INTO pulsimo.outbox (topic, incident_id, payload)
        SELECT 'incident_resolved', (r.incident).id, pulsimo.incident_message(r.incident, e.name, e.url, c.status)
        FROM resolved r
            JOIN unnest(endpoint_ids, statuses) AS c (endpoint_id, status) ON c.endpoint_id = (r.incident).endpoint_id
            JOIN pulsimo.endpoints e ON e.id = c.endpoint_id
        RETURNING id
    )
    SELECT coalesce(array_agg(s.id ORDER BY s.id), '{}') INTO messages FROM sent s;
    RETURN messages;
END $$;
REVOKE ALL ON FUNCTION pulsimo.resolve_incidents(bigint[], timestamptz[], pulsimo.status[], text[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.resolve_incidents(bigint[], timestamptz[], pulsimo.status[], text[]) IS
'Internal: resolves the open incidents of endpoints, never before they started, with timeline and message. Returns the ids of the outbox rows.';

-- The changes of these endpoints as rows. `turn` numbers the incident actions of one endpoint: after an outage of the
-- database a batch can open, resolve and open again.
CREATE OR REPLACE FUNCTION pulsimo.parse_changes(changes jsonb, endpoint_ids bigint[])
RETURNS TABLE (place bigint, endpoint_id bigint, at timestamptz, status pulsimo.status, error pulsimo.error_class,
               detail text, incident text, turn bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT c.place, e.id, timestamptz 'epoch' + (c.change ->> 'at')::bigint * interval '1 microsecond',
           (c.change ->> 'status')::pulsimo.status, (c.change ->> 'error')::pulsimo.error_class, c.change ->> 'detail',
           c.change ->> 'incident',
           count(c.change ->> 'incident') OVER (PARTITION BY e.id ORDER BY c.place)
    FROM jsonb_array_elements(changes) WITH ORDINALITY AS c (change, place)
        JOIN unnest(endpoint_ids) AS e (id) ON e.id = (c.change ->> 'endpoint_id')::bigint;
END $$;
REVOKE ALL ON FUNCTION pulsimo.parse_changes(jsonb, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.parse_changes(jsonb, bigint[]) IS
'Internal: the argument of record_changes() as rows, without other endpoints than these.';

-- A change is never dated before the one it follows, so that the newest row stays the current status even when the
-- clock was set back, and one that changes nothing is left out: a repeated batch leaves no trace.
CREATE OR REPLACE FUNCTION pulsimo.record_changes(changes jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Gone and paused endpoints are left out. The others stay until we commit; locked in one order by everybody.
    watched constant bigint[] := ARRAY(
        SELECT e.id FROM pulsimo.endpoints e
        WHERE NOT e.paused AND e.id = ANY (ARRAY(
            SELECT (c.change ->> 'endpoint_id')::bigint FROM jsonb_array_elements(changes) AS c (change)))
        ORDER BY e.id
        FOR SHARE);
    turns bigint;
    messages bigint[] := '{}';
BEGIN
    INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, error_class, detail)
    SELECT c.endpoint_id, c.changed_at, c.status, c.previous_status, c.error, c.detail
    FROM (
        SELECT p.*, coalesce(lag(p.status) OVER (PARTITION BY p.endpoint_id ORDER BY p.place), s.status, 'unknown')
                   AS previous_status,
               greatest(max(p.at) OVER (PARTITION BY p.endpoint_id ORDER BY p.place), s.changed_at) AS changed_at
        FROM pulsimo.parse_changes(changes, watched) p
            LEFT JOIN LATERAL (
                SELECT n.status, n.changed_at FROM pulsimo.state_changes n
                WHERE n.endpoint_id = p.endpoint_id
                ORDER BY n.changed_at DESC, n.id DESC LIMIT 1
            ) s ON true
    ) c
    WHERE c.status <> c.previous_status
    ORDER BY c.place;

    SELECT max(p.turn) INTO turns FROM pulsimo.parse_changes(changes, watched) p;
    FOR current_turn IN 1 .. coalesce(turns, 0) LOOP
        messages := messages || (
            SELECT pulsimo.resolve_incidents(array_agg(p.endpoint_id), array_agg(p.at), array_agg(p.status),
                                             array_agg(p.detail))
            FROM pulsimo.parse_changes(changes, watched) p WHERE p.turn = current_turn AND p.incident = 'resolve');
        messages := messages || (
            SELECT pulsimo.open_incidents(array_agg(p.endpoint_id), array_agg(p.at), array_agg(p.status),
                                          array_agg(p.error), array_agg(p.detail))
            FROM pulsimo.parse_changes(changes, watched) p WHERE p.turn = current_turn AND p.incident = 'open');
    END LOOP;
    PERFORM pulsimo.notify_outbox(messages);
END $$;
REVOKE ALL ON FUNCTION pulsimo.record_changes(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.record_changes(jsonb) IS
'Internal: what the keeper calls with the changes of status of a batch. An array of {"endpoint_id", "at" (microseconds since 1970), "status", "error", "detail", "incident": "open" | "resolve" | null}, in the order they happened. Writes state changes, incidents, their timeline and the outbox, and announces the outbox once.';

-- With the rights of the owner: whoever may remove an endpoint may not write incidents otherwise.
CREATE OR REPLACE FUNCTION pulsimo.endpoint_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_trigger_on('pulsimo.endpoints', TG_RELID);
    PERFORM pulsimo.notify_outbox(pulsimo.resolve_incidents(
        ARRAY[OLD.id], ARRAY[clock_timestamp()], ARRAY['unknown'::pulsimo.status], ARRAY['the endpoint was removed']));
    RETURN OLD;
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoint_removed() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoint_removed() IS
'Trigger of pulsimo.endpoints: resolves the open incident of an endpoint that is deleted.';
CREATE OR REPLACE TRIGGER endpoint_removed BEFORE DELETE ON pulsimo.endpoints
    FOR EACH ROW EXECUTE FUNCTION pulsimo.endpoint_removed();

-- Fills in, and writes no other row: it also fires when an older dump is restored.
CREATE OR REPLACE FUNCTION pulsimo.incident_written() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.organization_id IS NULL THEN
        SELECT p.organization_id, p.id INTO NEW.organization_id, NEW.project_id
        FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id WHERE e.id = NEW.endpoint_id;
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_written() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_written() IS
'Trigger of pulsimo.incidents: fills in organization and project from the endpoint.';
CREATE OR REPLACE TRIGGER incident_written BEFORE INSERT ON pulsimo.incidents
    FOR EACH ROW EXECUTE FUNCTION pulsimo.incident_written();

CREATE OR REPLACE FUNCTION pulsimo.incident_timeline(incident_id bigint)
RETURNS TABLE (happened_at timestamptz, event text, detail text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id) THEN
        RAISE EXCEPTION 'incident % does not exist', coalesce(incident_id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.incidents lists all incidents, the view pulsimo.active_incidents the open ones.';
    END IF;
    RETURN QUERY
    SELECT t.happened_at, t.event, t.detail
    FROM (
        SELECT v.happened_at, 1 AS rank, v.id, v.event::text, v.detail
        FROM pulsimo.incident_events v WHERE v.incident_id = incident_timeline.incident_id
        UNION ALL
        SELECT s.changed_at, 0, s.id, 'status',
               s.previous_status || ' to ' || s.status || coalesce(': ' || coalesce(s.detail, s.error_class::text), '')
        FROM pulsimo.incidents i
            JOIN pulsimo.state_changes s ON s.endpoint_id = i.endpoint_id
                AND s.changed_at BETWEEN i.started_at AND coalesce(i.resolved_at, 'infinity')
        WHERE i.id = incident_timeline.incident_id
    ) t
    ORDER BY t.happened_at, t.rank, t.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.incident_timeline(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.incident_timeline(bigint) IS
'What happened to an incident, in order: the events of the incident (created, resolved ...) and meanwhile the changes of status of its endpoint (event "status"). A status is dated when it began, an event when it happened; so the time from the first "status" to "created" is how long the failure took to be believed.
Errors: P0002 unknown incident.
Example: SELECT * FROM pulsimo.incident_timeline(1);';
