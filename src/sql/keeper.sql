-- What the keeper reads when it starts or an endpoint changes, and the certificates it writes.

-- Built for 100 000 endpoints: nested index look-ups, the checks newest first from the partitions of the last day
-- only. A keeper that was away for longer than that still learns when it checked last, from the older partitions.
CREATE OR REPLACE FUNCTION pulsimo.keeper_endpoints(ids bigint[])
RETURNS TABLE (id bigint, url text, interval_us bigint, timeout_us bigint, retry_us bigint, degraded_us bigint,
               failure_threshold integer, success_threshold integer, options text, status text, since_us bigint,
               incident_open boolean, last_checked_us bigint, recent_outcomes text[], recent_checked_us bigint[],
               certificate_issuer text, certificate_expires_s bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF ids IS NULL THEN
        ids := ARRAY(SELECT e.id FROM pulsimo.endpoints e WHERE NOT e.paused);
    END IF;
    RETURN QUERY
    SELECT e.id, e.url,
           (extract(epoch FROM e.check_interval) * 1000000)::bigint, (extract(epoch FROM e.timeout) * 1000000)::bigint,
           least((extract(epoch FROM coalesce(e.retry_interval, '10 s')) * 1000000)::bigint, (extract(epoch FROM e.check_interval) * 1000000)::bigint),
           coalesce((extract(epoch FROM e.degraded_after) * 1000000)::bigint, 0),
           e.failure_threshold, e.success_threshold, e.options::text,
           CASE WHEN s.status IN ('paused', 'maintenance') THEN 'unknown' ELSE coalesce(s.status::text, 'unknown') END,
           coalesce((extract(epoch FROM s.changed_at) * 1000000)::bigint, 0),
           EXISTS (SELECT FROM pulsimo.incidents i WHERE i.endpoint_id = e.id AND i.status <> 'resolved'),
           coalesce(r.checked_us[cardinality(r.checked_us)], (
               SELECT (extract(epoch FROM h.checked_at) * 1000000)::bigint FROM pulsimo.health_checks h
               WHERE h.endpoint_id = e.id ORDER BY h.checked_at DESC LIMIT 1), 0),
           coalesce(r.outcomes, '{}'), coalesce(r.checked_us, '{}'),
           coalesce(c.issuer, ''), coalesce(extract(epoch FROM c.expires_at)::bigint, 0)
    FROM unnest(ids) AS wanted (id)
        JOIN pulsimo.endpoints e ON e.id = wanted.id AND NOT e.paused
        LEFT JOIN LATERAL (
            SELECT n.status, n.changed_at FROM pulsimo.state_changes n
            WHERE n.endpoint_id = e.id ORDER BY n.changed_at DESC, n.id DESC LIMIT 1
        ) s ON true
        LEFT JOIN LATERAL (
            SELECT array_agg(l.status::text ORDER BY l.checked_at) AS outcomes,
                   array_agg((extract(epoch FROM l.checked_at) * 1000000)::bigint ORDER BY l.checked_at) AS checked_us
            FROM (
                SELECT h.status, h.checked_at FROM pulsimo.health_checks h
                WHERE h.endpoint_id = e.id AND h.checked_at > now() - interval '1 day'
                    AND h.checked_at >= coalesce(s.changed_at, '-infinity')
                ORDER BY h.checked_at DESC LIMIT 10
            ) l
        ) r ON true
        LEFT JOIN pulsimo.certificates c ON c.endpoint_id = e.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.keeper_endpoints(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.keeper_endpoints(bigint[]) IS
'Internal: the endpoints with these ids, or all, as the keeper needs them; paused ones are left out. Durations and times are microseconds (certificate_expires_s: seconds), 0 stands for none.';

CREATE OR REPLACE FUNCTION pulsimo.record_certificates(certificates jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO pulsimo.certificates (endpoint_id, issuer, expires_at)
    SELECT DISTINCT ON (e.id) e.id, c.certificate ->> 'issuer',
           timestamptz 'epoch' + (c.certificate ->> 'expires_s')::bigint * interval '1 second'
    FROM jsonb_array_elements(certificates) WITH ORDINALITY AS c (certificate, place)
        JOIN pulsimo.endpoints e ON e.id = (c.certificate ->> 'endpoint_id')::bigint
    ORDER BY e.id, c.place DESC
    ON CONFLICT (endpoint_id) DO UPDATE
        SET issuer = excluded.issuer, expires_at = excluded.expires_at, seen_at = excluded.seen_at;
$$;
REVOKE ALL ON FUNCTION pulsimo.record_certificates(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.record_certificates(jsonb) IS
'Internal: what the keeper calls with the certificates that https endpoints showed: an array of {"endpoint_id", "issuer", "expires_s" (seconds since 1970)}. The last one of an endpoint counts; endpoints that are gone are left out.';
