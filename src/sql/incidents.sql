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
        INSERT INTO pulsimo.incidents AS i (endpoint_id, title, severity, error_class, detail, started_at)
        SELECT c.endpoint_id,
               e.name || ' is ' || c.status || coalesce(': ' || left(coalesce(c.detail, c.error::text), 200), ''),
               pulsimo.incident_severity(e.criticality, c.error), c.error, c.detail, c.started_at
        FROM unnest(endpoint_ids, started, statuses, errors, details)
                AS c (endpoint_id, started_at, status, error, detail)
            JOIN pulsimo.endpoints e ON e.id = c.endpoint_id
        WHERE NOT EXISTS (  -- an incident that is not opened needs no new number
            SELECT FROM pulsimo.incidents o WHERE o.endpoint_id = c.endpoint_id AND o.status <> 'resolved')
        ORDER BY c.endpoint_id
        ON CONFLICT (endpoint_id) WHERE status <> 'resolved' DO NOTHING
        RETURNING i AS incident
    ), events AS (
        INSERT INTO pulsimo.incident_events (incident_id, event, detail, data)
        SELECT (o.incident).id, 'created', (o.incident).detail,
               jsonb_build_object('status', 'open', 'severity', (o.incident).severity)
        FROM opened o
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
        INSERT INTO pulsimo.incident_events (incident_id, event, happened_at, detail, data)
        -- By the clock: whoever held the incident until now may have done something after we began.
        SELECT (r.incident).id, v.event, clock_timestamp(), v.detail, v.data
        FROM resolved r JOIN unnest(endpoint_ids, details) AS c (endpoint_id, detail)
            ON c.endpoint_id = (r.incident).endpoint_id
            CROSS JOIN LATERAL (VALUES
                -- Now, because the checks are not kept as long as the incident.
                (1, 'failing_checks'::pulsimo.incident_event, NULL,
                 pulsimo.failing_checks((r.incident).endpoint_id, (r.incident).started_at, (r.incident).resolved_at)),
                (2, 'resolved', c.detail, jsonb_build_object('status', 'resolved'))
            ) AS v (place, event, detail, data)
        WHERE v.data IS NOT NULL
        ORDER BY (r.incident).id, v.place
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

-- Inlined, hence no SET search_path, but a body that is parsed when it is created: a batch has many.
CREATE OR REPLACE FUNCTION pulsimo.from_microseconds(value jsonb) RETURNS timestamptz
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT timestamptz 'epoch' + nullif(value, 'null')::bigint * interval '1 microsecond';
END;
REVOKE ALL ON FUNCTION pulsimo.from_microseconds(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.from_microseconds(jsonb) IS
'Internal: the time so many microseconds after the beginning of 1970; NULL for null.';

CREATE OR REPLACE FUNCTION pulsimo.last_failure(
    endpoint bigint, since timestamptz, OUT error pulsimo.error_class, OUT detail text
)
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT h.error_class, h.error INTO error, detail
    FROM pulsimo.health_checks h
    WHERE h.endpoint_id = endpoint AND h.status = 'down' AND h.checked_at >= since
    ORDER BY h.checked_at DESC LIMIT 1;
END $$;
REVOKE ALL ON FUNCTION pulsimo.last_failure(bigint, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.last_failure(bigint, timestamptz) IS
'Internal: how the newest check since then failed that did.';

-- The changes of these endpoints as rows. `turn` numbers the incident actions of one endpoint: after an outage of the
-- database a batch can open, resolve and open again. An endpoint that is down now without a check (maintenance ends, what it
-- needs has come back) failed as its last check did.
DROP FUNCTION IF EXISTS pulsimo.parse_changes(jsonb, bigint[]);
CREATE OR REPLACE FUNCTION pulsimo.parse_changes(changes jsonb, endpoint_ids bigint[])
RETURNS TABLE (place bigint, endpoint_id bigint, at timestamptz, status pulsimo.status, underlying pulsimo.status,
               underlying_since timestamptz, flapping boolean, error pulsimo.error_class, detail text, incident text,
               incident_at timestamptz, turn bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT c.place, e.id, pulsimo.from_microseconds(c.change -> 'at'),
           CASE WHEN m.maintenance THEN 'maintenance' ELSE m.status END,
           CASE WHEN m.maintenance THEN m.status END,
           CASE WHEN m.maintenance THEN pulsimo.from_microseconds(c.change -> 'since') END,
           coalesce((c.change ->> 'flapping')::boolean, false),
           coalesce((c.change ->> 'error')::pulsimo.error_class, f.error), coalesce(c.change ->> 'detail', f.detail),
           c.change ->> 'incident', m.incident_at,
           count(c.change ->> 'incident') OVER (PARTITION BY e.id ORDER BY c.place)
    FROM jsonb_array_elements(changes) WITH ORDINALITY AS c (change, place)
        CROSS JOIN LATERAL (
            SELECT (c.change ->> 'status')::pulsimo.status AS status,
                   coalesce((c.change ->> 'maintenance')::boolean, false) AS maintenance,
                   pulsimo.from_microseconds(coalesce(nullif(c.change -> 'incident_at', 'null'), c.change -> 'at')) AS incident_at
        ) m
        JOIN unnest(endpoint_ids) AS e (id) ON e.id = (c.change ->> 'endpoint_id')::bigint
        CROSS JOIN LATERAL pulsimo.last_failure(
            CASE WHEN m.status = 'down' AND NOT m.maintenance AND c.change ->> 'error' IS NULL THEN e.id END,
            least(m.incident_at, pulsimo.from_microseconds(nullif(c.change -> 'since', '0')))) f;
END $$;
REVOKE ALL ON FUNCTION pulsimo.parse_changes(jsonb, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.parse_changes(jsonb, bigint[]) IS
'Internal: the argument of record_changes() as rows, without other endpoints than these.';

-- A change is never dated before the one it follows, so that the newest row stays the current status even when the
-- clock was set back. One that changes nothing is left out, and its date does not count: the keeper reckons alike. No
-- batch is written twice: one that failed was rolled back, and a keeper that dies before it learns of its commit reads the
-- tables when it starts.
CREATE OR REPLACE FUNCTION pulsimo.record_states(changes jsonb, endpoint_ids bigint[]) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    flapping bigint[];
BEGIN
    WITH following AS (
        SELECT p.*, (coalesce(lag(p.status) OVER w, s.status, 'unknown')) AS previous_status,
               CASE WHEN lag(p.place) OVER w IS NULL THEN s.underlying ELSE lag(p.underlying) OVER w END AS previous_underlying,
               coalesce(lag(p.flapping) OVER w, s.flapping, false) AS was_flapping, s.changed_at AS last_changed_at
        FROM pulsimo.parse_changes(changes, endpoint_ids) p
            LEFT JOIN LATERAL (
                SELECT n.status, n.underlying, n.flapping, n.changed_at FROM pulsimo.state_changes n
                WHERE n.endpoint_id = p.endpoint_id
                ORDER BY n.changed_at DESC, n.id DESC LIMIT 1
            ) s ON true
        WINDOW w AS (PARTITION BY p.endpoint_id ORDER BY p.place)
    ), calmed AS (  -- before its incident is resolved for that
        INSERT INTO pulsimo.incident_events (incident_id, event, happened_at, detail)
        SELECT i.id, 'calm', clock_timestamp(), 'The outcome of checks does not change all the time any more.'
        FROM following f JOIN pulsimo.incidents i ON i.endpoint_id = f.endpoint_id AND i.status <> 'resolved'
        WHERE f.was_flapping AND NOT f.flapping
        ORDER BY f.place
    ), written AS (
        INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, underlying, underlying_since,
                                           flapping, error_class, detail)
        SELECT f.endpoint_id, greatest(max(f.at) OVER w, f.last_changed_at), f.status, f.previous_status, f.underlying,
               f.underlying_since, f.flapping, f.error, f.detail
        FROM following f
        WHERE f.status <> f.previous_status OR f.underlying IS DISTINCT FROM f.previous_underlying
            OR f.flapping <> f.was_flapping
        WINDOW w AS (PARTITION BY f.endpoint_id ORDER BY f.place)
        ORDER BY f.place
    )
    SELECT array_agg(f.endpoint_id) INTO flapping FROM following f WHERE f.flapping AND NOT f.was_flapping;
    RETURN flapping;
END $$;
REVOKE ALL ON FUNCTION pulsimo.record_states(jsonb, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.record_states(jsonb, bigint[]) IS
'Internal: the part of record_changes() that writes the history of status. Returns the endpoints that have begun to flap.';

-- Gone and paused endpoints are left out. The others stay until we commit; locked in one order by everybody.
CREATE OR REPLACE FUNCTION pulsimo.hold_watched(news jsonb) RETURNS bigint[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(
        SELECT e.id FROM pulsimo.endpoints e
        WHERE NOT e.paused AND e.id = ANY (ARRAY(
            SELECT (n.news ->> 'endpoint_id')::bigint FROM jsonb_array_elements(news) AS n (news)))
        ORDER BY e.id
        FOR SHARE);
$$;
REVOKE ALL ON FUNCTION pulsimo.hold_watched(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.hold_watched(jsonb) IS
'Internal: the endpoints that the keeper has news of, an array of {"endpoint_id", ...}. Those that are gone or paused are left out; the others cannot be removed or paused until the end of the transaction.';

CREATE OR REPLACE FUNCTION pulsimo.record_changes(changes jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watched constant bigint[] := pulsimo.hold_watched(changes);
    turns bigint;
    flapping bigint[];
    messages bigint[] := '{}';
BEGIN
    flapping := pulsimo.record_states(changes, watched);
    SELECT max(p.turn) INTO turns FROM pulsimo.parse_changes(changes, watched) p;
    FOR current_turn IN 1 .. coalesce(turns, 0) LOOP
        messages := messages || (
            SELECT pulsimo.resolve_incidents(array_agg(p.endpoint_id), array_agg(p.incident_at), array_agg(p.status),
                                             array_agg(p.detail))
            FROM pulsimo.parse_changes(changes, watched) p WHERE p.turn = current_turn AND p.incident = 'resolve');
        messages := messages || (
            SELECT pulsimo.open_incidents(array_agg(p.endpoint_id), array_agg(p.incident_at), array_agg(p.status),
                                          array_agg(p.error), array_agg(p.detail))
            FROM pulsimo.parse_changes(changes, watched) p WHERE p.turn = current_turn AND p.incident = 'open');
    END LOOP;
    INSERT INTO pulsimo.incident_events (incident_id, event, happened_at, detail)
        SELECT i.id, 'flapping', clock_timestamp(), 'The outcome of checks changes all the time: this incident stays open until that ends.'
        FROM pulsimo.incidents i WHERE i.endpoint_id = ANY (flapping) AND i.status <> 'resolved'
        ORDER BY i.id;
    PERFORM pulsimo.end_suppressions(watched);
    PERFORM pulsimo.notify_outbox(messages);
END $$;
REVOKE ALL ON FUNCTION pulsimo.record_changes(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.record_changes(jsonb) IS
'Internal: what the keeper calls with the changes of status of a batch. An array of {"endpoint_id", "at" (microseconds since 1970), "status" (of the endpoint itself), "maintenance", "since" (when the status underneath began), "flapping", "error", "detail", "incident": "open" | "resolve" | null, "incident_at" (the true begin or end of the outage)}, in the order they happened. Writes state changes, incidents, their timeline and the outbox, and announces the outbox once.';

-- --- what was put down to something else -----------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.end_suppressions(endpoint_ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE pulsimo.suppressions s
    SET ended_at = greatest(s.began_at, CASE WHEN i.started_at IS NOT NULL THEN i.created_at ELSE n.changed_at END)
    FROM unnest(endpoint_ids) AS e (id)
        LEFT JOIN pulsimo.incidents i ON i.endpoint_id = e.id AND i.status <> 'resolved'
        LEFT JOIN LATERAL (
            SELECT c.status, c.changed_at FROM pulsimo.state_changes c
            WHERE c.endpoint_id = e.id ORDER BY c.changed_at DESC, c.id DESC LIMIT 1
        ) n ON true
    WHERE s.endpoint_id = e.id AND s.ended_at IS NULL AND (i.id IS NOT NULL OR n.status <> 'down');
$$;
REVOKE ALL ON FUNCTION pulsimo.end_suppressions(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.end_suppressions(bigint[]) IS
'Internal: ends the suppression of those that are not down any more, or have an incident of their own by now.';

-- A cause that is itself put down to another one passes its incident on. After an outage of the database the changes of the
-- same batch, which are written first, may have ended it already.
CREATE OR REPLACE FUNCTION pulsimo.record_suppressions(suppressions jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    watched constant bigint[] := pulsimo.hold_watched(suppressions);
BEGIN
    INSERT INTO pulsimo.suppressions AS p (endpoint_id, cause_endpoint_id, cause_incident_id, began_at)
    SELECT DISTINCT ON (e.id) e.id, c.id,
           coalesce((SELECT i.id FROM pulsimo.incidents i WHERE i.endpoint_id = c.id AND i.status <> 'resolved'),
                    (SELECT o.cause_incident_id FROM pulsimo.suppressions o WHERE o.endpoint_id = c.id AND o.ended_at IS NULL)),
           pulsimo.from_microseconds(s.suppression -> 'at')
    FROM jsonb_array_elements(suppressions) WITH ORDINALITY AS s (suppression, place)
        JOIN unnest(watched) AS e (id) ON e.id = (s.suppression ->> 'endpoint_id')::bigint
        JOIN pulsimo.endpoints c ON c.id = (s.suppression ->> 'cause')::bigint
    ORDER BY e.id, s.place DESC
    ON CONFLICT (endpoint_id) WHERE ended_at IS NULL DO UPDATE
        SET cause_endpoint_id = excluded.cause_endpoint_id,
            cause_incident_id = coalesce(excluded.cause_incident_id, p.cause_incident_id);
    PERFORM pulsimo.end_suppressions(watched);
END $$;
REVOKE ALL ON FUNCTION pulsimo.record_suppressions(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.record_suppressions(jsonb) IS
'Internal: what the keeper calls with the endpoints that are down without an incident, because what they need is down: an array of {"endpoint_id", "at" (microseconds since 1970), "cause" (id of the endpoint it needs)}.';

-- After an outage of the database a batch can open, resolve and open again: each shows what was seen while it lasted. The
-- first one stays: it is what was seen when the incident opened.
CREATE OR REPLACE FUNCTION pulsimo.record_excerpts(excerpts jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pulsimo.incident_excerpts (incident_id, checked_at, excerpt)
    SELECT i.id, pulsimo.from_microseconds(x.excerpt -> 'at'), x.excerpt -> 'excerpt'
    FROM jsonb_array_elements(excerpts) WITH ORDINALITY AS x (excerpt, place)
        CROSS JOIN LATERAL (
            SELECT n.id FROM (
                (SELECT 1 AS turn, o.* FROM pulsimo.incidents o
                 WHERE o.endpoint_id = (x.excerpt ->> 'endpoint_id')::bigint
                     AND o.started_at <= pulsimo.from_microseconds(x.excerpt -> 'at')
                 ORDER BY o.started_at DESC LIMIT 1)
                UNION ALL  -- one that seems to begin later does where the clock was set back
                SELECT 2, o.* FROM pulsimo.incidents o
                WHERE o.endpoint_id = (x.excerpt ->> 'endpoint_id')::bigint AND o.status <> 'resolved'
            ) n
            WHERE n.status <> 'resolved' OR n.resolved_at >= pulsimo.from_microseconds(x.excerpt -> 'at')
            ORDER BY n.turn LIMIT 1
        ) i
    ORDER BY i.id, x.place
    ON CONFLICT (incident_id) DO NOTHING;
$$;
REVOKE ALL ON FUNCTION pulsimo.record_excerpts(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.record_excerpts(jsonb) IS
'Internal: what the keeper calls with what the probe saw of endpoints whose incident opens: an array of {"endpoint_id", "at" (microseconds since 1970), "excerpt"}.';

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
