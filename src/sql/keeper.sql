-- What the keeper reads when it starts or an endpoint changes, and the certificates it writes.

-- Inlined, so that the planner sees the number and stops at the newest rows; hence a body that is parsed when it is
-- created, and no SET search_path.
CREATE OR REPLACE FUNCTION pulsimo.checks_since(endpoint_id bigint, since timestamptz, at_most integer)
RETURNS TABLE (status text, checked_us bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT h.status::text, (extract(epoch FROM h.checked_at) * 1000000)::bigint
    FROM pulsimo.health_checks h
    WHERE h.endpoint_id = checks_since.endpoint_id AND h.checked_at >= coalesce(since, '-infinity')
    ORDER BY h.checked_at DESC LIMIT at_most;
END;
REVOKE ALL ON FUNCTION pulsimo.checks_since(bigint, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.checks_since(bigint, timestamptz, integer) IS
'Internal: the newest checks of an endpoint that are not older than a time.';

-- Built for 100 000 endpoints: nested index look-ups. The last checks are what the counters of src/health are found
-- again from: ten, since no threshold is higher, and a hundred where our own trouble, which counts for nothing, lies
-- between them. Compiling the plan, with its scan per partition, takes longer than running it.
-- Dropped first, since its columns have been others.
DROP FUNCTION IF EXISTS pulsimo.keeper_endpoints(bigint[]);
CREATE OR REPLACE FUNCTION pulsimo.keeper_endpoints(ids bigint[])
RETURNS TABLE (id bigint, url text, interval_us bigint, timeout_us bigint, retry_us bigint, degraded_us bigint,
               failure_threshold integer, success_threshold integer, options text, status text, since_us bigint,
               incident_open boolean, recent_outcomes text[], recent_checked_us bigint[], certificate_issuer text,
               certificate_expires_s bigint, blocked_networks text, allowed_networks text, secret_names text[],
               secret_contexts text[], sealed_secrets text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    IF ids IS NULL THEN
        ids := ARRAY(SELECT e.id FROM pulsimo.endpoints e WHERE NOT e.paused);
    END IF;
    RETURN QUERY
    SELECT e.id, e.url,
           (extract(epoch FROM e.check_interval) * 1000000)::bigint,
           (extract(epoch FROM e.timeout) * 1000000)::bigint,
           (least(extract(epoch FROM coalesce(e.retry_interval, '10 s')), extract(epoch FROM e.check_interval))
               * 1000000)::bigint,
           coalesce((extract(epoch FROM e.degraded_after) * 1000000)::bigint, 0),
           e.failure_threshold, e.success_threshold, e.options::text,
           CASE WHEN s.status IN ('up', 'degraded', 'down') THEN s.status::text ELSE 'unknown' END,
           coalesce((extract(epoch FROM s.changed_at) * 1000000)::bigint, 0),
           EXISTS (SELECT FROM pulsimo.incidents i WHERE i.endpoint_id = e.id AND i.status <> 'resolved'),
           coalesce(hundred.outcomes, ten.outcomes, '{}'), coalesce(hundred.checked_us, ten.checked_us, '{}'),
           coalesce(c.issuer, ''), coalesce(extract(epoch FROM c.expires_at)::bigint, 0),
           o.blocked_networks, o.allowed_networks, x.names, x.contexts, x.sealed
    FROM unnest(ids) AS wanted (id)
        JOIN pulsimo.endpoints e ON e.id = wanted.id AND NOT e.paused
        JOIN pulsimo.projects p ON p.id = e.project_id
        JOIN pulsimo.organizations o ON o.id = p.organization_id
        LEFT JOIN LATERAL (
            SELECT array_agg(k.name) AS names, array_agg(pulsimo.secret_context(k.organization_id, k.name)) AS contexts,
                   array_agg(encode(k.sealed, 'hex')) AS sealed
            FROM pulsimo.secrets k
            WHERE k.organization_id = o.id AND k.name = ANY (pulsimo.secrets_in(e.options))
                AND (k.hosts IS NULL OR pulsimo.url_host(e.url) = ANY (k.hosts))
        ) x ON e.options::text LIKE '%"secret"%'
        LEFT JOIN LATERAL (
            SELECT n.status, n.changed_at FROM pulsimo.state_changes n
            WHERE n.endpoint_id = e.id ORDER BY n.changed_at DESC, n.id DESC LIMIT 1
        ) s ON true
        CROSS JOIN LATERAL (
            SELECT array_agg(h.status ORDER BY h.checked_us) AS outcomes,
                   array_agg(h.checked_us ORDER BY h.checked_us) AS checked_us,
                   bool_or(h.status = 'unknown') AS trouble
            FROM pulsimo.checks_since(e.id, s.changed_at, 10) h
        ) ten
        CROSS JOIN LATERAL (
            SELECT array_agg(h.status ORDER BY h.checked_us) AS outcomes,
                   array_agg(h.checked_us ORDER BY h.checked_us) AS checked_us
            FROM pulsimo.checks_since(e.id, s.changed_at, 100) h
            WHERE ten.trouble
        ) hundred
        LEFT JOIN pulsimo.certificates c ON c.endpoint_id = e.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.keeper_endpoints(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.keeper_endpoints(bigint[]) IS
'Internal: the endpoints with these ids, or all, as the keeper needs them; paused ones are left out. Durations and times are microseconds (certificate_expires_s: seconds), 0 stands for none. The recent checks are those of the current status, the oldest first; the secrets those that the options refer to and that may go to the host of the URL, sealed, in hexadecimal digits.';

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
