-- What the keeper reads when it starts or an endpoint changes, and the certificates it writes.

-- Inlined, so that the planner sees the number and stops at the newest rows; hence a body that is parsed when it is
-- created, and no SET search_path. Dropped first, since its columns have been others.
DROP FUNCTION IF EXISTS pulsimo.checks_since(bigint, timestamptz, integer);
CREATE OR REPLACE FUNCTION pulsimo.checks_since(endpoint_id bigint, since timestamptz, at_most integer)
RETURNS TABLE (status text, checked_us bigint, error_class text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT h.status::text, (extract(epoch FROM h.checked_at) * 1000000)::bigint, h.error_class::text
    FROM pulsimo.health_checks h
    WHERE h.endpoint_id = checks_since.endpoint_id AND h.checked_at >= coalesce(since, '-infinity')
    ORDER BY h.checked_at DESC LIMIT at_most;
END;
REVOKE ALL ON FUNCTION pulsimo.checks_since(bigint, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.checks_since(bigint, timestamptz, integer) IS
'Internal: the newest checks of an endpoint that are not older than a time.';

-- Built for 100 000 endpoints: nested index look-ups. The last checks are what the counters of src/health are found
-- again from: twenty, since no window is longer, and two hundred where our own trouble, which counts for nothing, lies
-- between them. Compiling the plan, with its scan per partition, takes longer than running it.
-- Dropped first, since its columns have been others.
DROP FUNCTION IF EXISTS pulsimo.keeper_endpoints(bigint[]);
CREATE OR REPLACE FUNCTION pulsimo.keeper_endpoints(ids bigint[])
RETURNS TABLE (id bigint, url text, interval_us bigint, timeout_us bigint, retry_us bigint, degraded_us bigint,
               failure_threshold integer, success_threshold integer, options text, status text, since_us bigint,
               incident_open boolean, recent_outcomes text[], recent_checked_us bigint[], certificate_issuer text,
               certificate_expires_s bigint, blocked_networks text, allowed_networks text, secret_names text[],
               secret_contexts text[], sealed_secrets text[], cron text, timezone text, failure_window integer,
               flap_start integer, flap_stop integer, auto_resolve boolean, reference_ids bigint[], upstream_ids bigint[],
               changed_us bigint, maintenance boolean, flapping boolean, closed_us bigint, suppressed_by bigint,
               last_error text, lacks_excerpt boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
BEGIN
    IF ids IS NULL THEN
        ids := ARRAY(SELECT e.id FROM pulsimo.endpoints e WHERE NOT e.paused);
    END IF;
    RETURN QUERY
    SELECT e.id, e.url,
           (extract(epoch FROM e.check_interval) * 1000000)::bigint,
           (extract(epoch FROM e.timeout) * 1000000)::bigint,
           (extract(epoch FROM y.retry_interval) * 1000000)::bigint,
           coalesce((extract(epoch FROM y.degraded_after) * 1000000)::bigint, 0),
           y.failure_threshold, y.success_threshold, e.options::text,
           -- Since it is put down to something else, which may be longer than it was known to be down without a break.
           u.status, coalesce((extract(epoch FROM coalesce(l.began_at, u.since)) * 1000000)::bigint, 0),
           i.is_open,
           coalesce(many.outcomes, few.outcomes, '{}'), coalesce(many.checked_us, few.checked_us, '{}'),
           coalesce(c.issuer, ''), coalesce(extract(epoch FROM c.expires_at)::bigint, 0),
           o.blocked_networks, o.allowed_networks, x.names, x.contexts, x.sealed,
           coalesce(e.cron, ''), coalesce(e.timezone, ''), y.failure_window, y.flap_start, y.flap_stop,
           y.auto_resolve AND NOT i.was_reopened,  -- by a person, who knows better
           y.reference_endpoints,
           ARRAY(SELECT d.depends_on FROM pulsimo.dependencies d
                 WHERE d.endpoint_id = e.id AND d.kind = 'strong' AND d.role <> 'fallback'),
           coalesce((extract(epoch FROM s.changed_at) * 1000000)::bigint, 0),
           coalesce(s.status = 'maintenance', false), coalesce(s.flapping, false),
           coalesce((extract(epoch FROM l.closed_at) * 1000000)::bigint, 0), coalesce(l.suppressed_by, 0),
           coalesce(few.errors[cardinality(few.errors)], 'none'), i.lacks_excerpt
    FROM unnest(ids) AS wanted (id)
        JOIN pulsimo.endpoints e ON e.id = wanted.id AND NOT e.paused
        JOIN pulsimo.endpoint_policy y ON y.id = e.id
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
            SELECT n.status, n.previous_status, n.changed_at, n.underlying, n.underlying_since, n.flapping
            FROM pulsimo.state_changes n WHERE n.endpoint_id = e.id ORDER BY n.changed_at DESC, n.id DESC LIMIT 1
        ) s ON true
        LEFT JOIN LATERAL (  -- for where only flapping changed, or maintenance ended, the status is older than the row
            SELECT coalesce(n.underlying, n.status) AS status, coalesce(n.underlying_since, n.changed_at) AS since
            FROM pulsimo.state_changes n
            WHERE s.previous_status IN (s.status, 'maintenance') AND n.endpoint_id = e.id
                AND (n.underlying IS NOT NULL OR n.previous_status NOT IN (n.status, 'maintenance'))
            ORDER BY n.changed_at DESC, n.id DESC LIMIT 1
        ) b ON b.status = s.status
        CROSS JOIN LATERAL (
            SELECT CASE WHEN v.status IN ('up', 'degraded', 'down') THEN v.status::text ELSE 'unknown' END AS status, v.since
            FROM (SELECT coalesce(s.underlying, s.status) AS status,
                         coalesce(s.underlying_since, b.since, s.changed_at) AS since) v
        ) u
        CROSS JOIN LATERAL (
            SELECT count(*) > 0 AS is_open, coalesce(bool_or(n.reopened > 0), false) AS was_reopened,
                   coalesce(bool_or(NOT EXISTS (SELECT FROM pulsimo.incident_excerpts r WHERE r.incident_id = n.id)), false)
                       AS lacks_excerpt
            FROM pulsimo.incidents n WHERE n.endpoint_id = e.id AND n.status <> 'resolved'
        ) i
        LEFT JOIN LATERAL (
            SELECT (SELECT max(r.resolved_at) FROM pulsimo.incidents r
                    WHERE r.endpoint_id = e.id AND r.resolved_at >= u.since) AS closed_at,
                   q.cause_endpoint_id AS suppressed_by, q.began_at
            FROM (SELECT) one LEFT JOIN pulsimo.suppressions q ON q.endpoint_id = e.id AND q.ended_at IS NULL
        ) l ON u.status = 'down' AND NOT i.is_open
        CROSS JOIN LATERAL (
            SELECT array_agg(h.status ORDER BY h.checked_us) AS outcomes,
                   array_agg(h.checked_us ORDER BY h.checked_us) AS checked_us,
                   bool_or(h.status = 'unknown') AS trouble,
                   array_agg(h.error_class ORDER BY h.checked_us) AS errors
            FROM pulsimo.checks_since(e.id, u.since, 20) h
        ) few
        CROSS JOIN LATERAL (
            SELECT array_agg(h.status ORDER BY h.checked_us) AS outcomes,
                   array_agg(h.checked_us ORDER BY h.checked_us) AS checked_us
            FROM pulsimo.checks_since(e.id, u.since, 200) h
            WHERE few.trouble
        ) many
        LEFT JOIN pulsimo.certificates c ON c.endpoint_id = e.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.keeper_endpoints(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.keeper_endpoints(bigint[]) IS
'Internal: the endpoints with these ids, or all, as the keeper needs them; paused ones are left out. Durations and times are microseconds (certificate_expires_s: seconds), 0 stands for none. status, since_us and the recent checks, the oldest first, are those of the endpoint itself, maintenance or not; changed_us is when the newest row of state_changes was dated; closed_us when somebody resolved the incident of an endpoint that is down; upstream_ids what it strongly depends on; last_error of the last of the recent checks; lacks_excerpt whether its open incident has no excerpt; the secrets those that the options refer to and that may go to the host of the URL, sealed, in hexadecimal digits.';

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
