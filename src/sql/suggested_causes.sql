-- What an incident may have come of. Each kind of cause is a function of its own that says in words and figures why, and
-- how confident it is; suggest_causes() puts them in order. They are suggestions: what happened before or at the same
-- time need not be the reason. All run with the rights of the caller, and see no more than they do.
--
-- Confidence is meant for comparison. What the monitor itself knows (an endpoint that this one needs was down, the
-- certificate has expired) is at 0.8 and above; what is only near in time is below 0.9 and falls with the distance; what
-- others had at the same time grows with their share and stays below 0.8.

-- How far apart two failures may be that count as at the same time: several check intervals.
CREATE OR REPLACE FUNCTION pulsimo.same_time() RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT interval '5 minutes';
$$;
REVOKE ALL ON FUNCTION pulsimo.same_time() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.same_time() IS
'Internal: how far apart failures may begin that are taken to be one.';

CREATE OR REPLACE FUNCTION pulsimo.same_time_words(number bigint, total bigint) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s of %s (%s %%)', number, total, round(100.0 * number / nullif(total, 0)));
$$;
REVOKE ALL ON FUNCTION pulsimo.same_time_words(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.same_time_words(bigint, bigint) IS
'Internal: a share in words.';

-- Transitive along strong dependencies, each endpoint once; others, and fallbacks, only directly.
CREATE OR REPLACE FUNCTION pulsimo.needed_endpoints(endpoints bigint[], started_at timestamptz)
RETURNS TABLE (endpoint_id bigint, confidence numeric)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE strong AS (
        SELECT d.depends_on AS id FROM pulsimo.dependencies d WHERE d.endpoint_id = ANY (endpoints) AND d.kind = 'strong' AND d.role <> 'fallback'
        UNION
        SELECT d.depends_on FROM strong s
            JOIN pulsimo.dependencies d ON d.endpoint_id = s.id AND d.kind = 'strong' AND d.role <> 'fallback'
    )
    SELECT n.id, max(n.confidence)
    FROM (
        SELECT s.id, 0.9 AS confidence FROM strong s
        UNION ALL
        SELECT d.depends_on, 0.6 FROM pulsimo.dependencies d WHERE d.endpoint_id = ANY (endpoints)
        UNION ALL
        -- What the keeper took for the cause then, though the dependency may be gone since.
        SELECT s.cause_endpoint_id, 0.95 FROM pulsimo.suppressions s
        WHERE s.endpoint_id = ANY (endpoints) AND s.cause_endpoint_id IS NOT NULL
            AND s.began_at BETWEEN started_at - pulsimo.same_time() AND started_at + pulsimo.same_time()
    ) n
    WHERE n.id <> ALL (endpoints)
    GROUP BY n.id;
$$;
REVOKE ALL ON FUNCTION pulsimo.needed_endpoints(bigint[], timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.needed_endpoints(bigint[], timestamptz) IS
'Internal: what endpoints need, and how sure it is that they fail with it.';

CREATE OR REPLACE FUNCTION pulsimo.upstream_causes(incident pulsimo.incidents, endpoints bigint[])
RETURNS TABLE (cause text, reason text, confidence numeric, since timestamptz, endpoint_id bigint, incident_id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'upstream outage',
           format(CASE WHEN c.changed_at <= incident.started_at THEN '%s, which this needs, had been %s for %s'
                       ELSE '%s, which this needs, was %s %s later' END, e.name,
                  CASE c.status WHEN 'maintenance' THEN 'in maintenance' ELSE 'down' END,
                  pulsimo.in_words(greatest(incident.started_at - c.changed_at, c.changed_at - incident.started_at))),
           CASE WHEN c.changed_at <= incident.started_at THEN n.confidence ELSE n.confidence - 0.2 END,
           c.changed_at, e.id, i.id
    FROM pulsimo.needed_endpoints(endpoints, incident.started_at) n
        JOIN pulsimo.endpoints e ON e.id = n.endpoint_id
        CROSS JOIN LATERAL (
            -- How it was at that time, or became soon after: it may be checked a little later.
            SELECT b.status, b.changed_at FROM (
                (SELECT s.status, s.changed_at FROM pulsimo.state_changes s
                 WHERE s.endpoint_id = e.id AND s.changed_at <= incident.started_at AND s.status <> s.previous_status
                 ORDER BY s.changed_at DESC, s.id DESC LIMIT 1)
                UNION ALL
                (SELECT s.status, s.changed_at FROM pulsimo.state_changes s
                 WHERE s.endpoint_id = e.id AND s.changed_at > incident.started_at
                     AND s.changed_at <= incident.started_at + pulsimo.same_time())
            ) b
            WHERE b.status IN ('down', 'maintenance')
            ORDER BY b.changed_at LIMIT 1
        ) c
        LEFT JOIN LATERAL (
            SELECT o.id FROM pulsimo.incidents o
            WHERE o.endpoint_id = e.id AND o.started_at <= incident.started_at + pulsimo.same_time()
                AND coalesce(o.resolved_at >= incident.started_at, true)
            ORDER BY o.started_at DESC, o.id DESC LIMIT 1
        ) i ON true;
$$;
REVOKE ALL ON FUNCTION pulsimo.upstream_causes(pulsimo.incidents, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.upstream_causes(pulsimo.incidents, bigint[]) IS
'Internal: endpoints that these need and that were down, or in maintenance, when the incident started.';

CREATE OR REPLACE FUNCTION pulsimo.deployment_causes(incident pulsimo.incidents, endpoints bigint[])
RETURNS TABLE (reason text, confidence numeric, since timestamptz, deployment_id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%s was deployed %s before%s', concat_ws(' ', d.service, d.version), pulsimo.in_words(d.distance),
                  CASE WHEN d.project_id IS NULL THEN ', for the whole organization' ELSE '' END),
           round((0.4 + 0.45 * (1 - extract(epoch FROM d.distance) / 3600))
                 * CASE WHEN d.project_id IS NULL THEN 0.9 ELSE 1 END, 2),
           d.deployed_at, d.id
    FROM (SELECT n.*, incident.started_at - n.deployed_at AS distance FROM pulsimo.deployments n) d
    WHERE d.organization_id = incident.organization_id
        AND d.deployed_at > incident.started_at - interval '1 hour' AND d.deployed_at <= incident.started_at
        AND (d.project_id IS NULL OR d.project_id = incident.project_id
             OR d.project_id IN (SELECT e.project_id FROM pulsimo.endpoints e WHERE e.id = ANY (endpoints)));
$$;
REVOKE ALL ON FUNCTION pulsimo.deployment_causes(pulsimo.incidents, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.deployment_causes(pulsimo.incidents, bigint[]) IS
'Internal: deployments in the hour before the incident started; the nearer, the more likely.';

CREATE OR REPLACE FUNCTION pulsimo.maintenance_causes(incident pulsimo.incidents, endpoints bigint[])
RETURNS TABLE (reason text, confidence numeric, since timestamptz, endpoint_id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT DISTINCT ON (e.id)
           format('maintenance of %s ended %s before', e.name, pulsimo.in_words(incident.started_at - s.changed_at)),
           round(0.4 + 0.4 * (1 - extract(epoch FROM incident.started_at - s.changed_at) / 3600), 2), s.changed_at, e.id
    FROM pulsimo.state_changes s JOIN pulsimo.endpoints e ON e.id = s.endpoint_id
    WHERE s.endpoint_id = ANY (endpoints) AND s.previous_status = 'maintenance' AND s.status <> 'maintenance'
        AND s.changed_at > incident.started_at - interval '1 hour' AND s.changed_at <= incident.started_at
    ORDER BY e.id, s.changed_at DESC, s.id DESC;
$$;
REVOKE ALL ON FUNCTION pulsimo.maintenance_causes(pulsimo.incidents, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_causes(pulsimo.incidents, bigint[]) IS
'Internal: maintenance that ended in the hour before the incident started; the nearer, the more likely.';

CREATE OR REPLACE FUNCTION pulsimo.certificate_causes(incident pulsimo.incidents, endpoints bigint[])
RETURNS TABLE (cause text, reason text, confidence numeric, since timestamptz, endpoint_id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.cause, format(k.reason, e.name, pulsimo.in_words(incident.started_at - k.since)),
           CASE WHEN incident.error_class IN ('certificate', 'tls') THEN k.confidence ELSE k.confidence - 0.4 END, k.since, e.id
    FROM pulsimo.certificates c JOIN pulsimo.endpoints e ON e.id = c.endpoint_id
        CROSS JOIN LATERAL (VALUES
            ('expired certificate', 'the certificate of %s had expired %s before', 0.95, c.expires_at, true),
            ('new certificate', 'the certificate of %s was first seen %s before', 0.8, c.seen_at,
             c.seen_at > incident.started_at - interval '1 hour')
        ) AS k (cause, reason, confidence, since, recent)
    WHERE c.endpoint_id = ANY (endpoints) AND k.recent AND k.since <= incident.started_at;
$$;
REVOKE ALL ON FUNCTION pulsimo.certificate_causes(pulsimo.incidents, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.certificate_causes(pulsimo.incidents, bigint[]) IS
'Internal: certificates of these endpoints that had expired or were first seen shortly before.';

-- The endpoints of the organization and, of those which had an incident that began at the same time, what they share with
-- the ones of this incident.
CREATE OR REPLACE FUNCTION pulsimo.neighbours(incident pulsimo.incidents, endpoints bigint[])
RETURNS TABLE (endpoint_id bigint, incident_id bigint, started_at timestamptz, same_host boolean,
               same_certificate boolean, same_error boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH own AS (
        SELECT pulsimo.url_host(e.url) AS host, c.issuer, c.expires_at
        FROM pulsimo.endpoints e LEFT JOIN pulsimo.certificates c ON c.endpoint_id = e.id WHERE e.id = ANY (endpoints)
    ), failed AS (
        SELECT DISTINCT ON (i.endpoint_id) i.endpoint_id, i.id, i.started_at, i.error_class
        FROM pulsimo.incidents i
        WHERE i.organization_id = incident.organization_id AND i.id <> incident.id
            AND i.started_at BETWEEN incident.started_at - pulsimo.same_time() AND incident.started_at + pulsimo.same_time()
        ORDER BY i.endpoint_id, i.started_at, i.id
    )
    SELECT e.id, f.id, f.started_at, pulsimo.url_host(e.url) IN (SELECT o.host FROM own o),
           (c.issuer, c.expires_at) IN (SELECT o.issuer, o.expires_at FROM own o), f.error_class = incident.error_class
    FROM pulsimo.projects p JOIN pulsimo.endpoints e ON e.project_id = p.id
        LEFT JOIN pulsimo.certificates c ON c.endpoint_id = e.id
        LEFT JOIN failed f ON f.endpoint_id = e.id
    WHERE p.organization_id = incident.organization_id AND e.id <> ALL (endpoints)
        AND (NOT e.paused OR f.id IS NOT NULL);
$$;
REVOKE ALL ON FUNCTION pulsimo.neighbours(pulsimo.incidents, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.neighbours(pulsimo.incidents, bigint[]) IS
'Internal: the other endpoints of the organization, and the incident of each that began at the same time, if there is one.';

CREATE OR REPLACE FUNCTION pulsimo.common_causes(incident pulsimo.incidents, endpoints bigint[])
RETURNS TABLE (cause text, reason text, confidence numeric, since timestamptz, endpoint_id bigint, incident_id bigint)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT g.cause,
           format(g.reason, pulsimo.same_time_words(count(*) FILTER (WHERE g.shares), count(*)),
                  pulsimo.in_words(pulsimo.same_time()), incident.error_class),
           round(g.base + g.weight * count(*) FILTER (WHERE g.shares) / count(*), 2),
           min(n.started_at) FILTER (WHERE g.shares),
           (array_agg(n.endpoint_id ORDER BY n.started_at, n.incident_id) FILTER (WHERE g.shares))[1],
           (array_agg(n.incident_id ORDER BY n.started_at, n.incident_id) FILTER (WHERE g.shares))[1]
    FROM pulsimo.neighbours(incident, endpoints) n
        CROSS JOIN LATERAL (VALUES
            ('outage of several', '%s other endpoints of the organization failed within %s of this', 0.1, 0.6,
             true, n.incident_id IS NOT NULL),
            ('same host', '%s other endpoints on the same host failed within %s of this', 0.3, 0.45,
             n.same_host, n.incident_id IS NOT NULL),
            ('same certificate', '%s other endpoints with the same certificate failed within %s of this', 0.35, 0.4,
             n.same_certificate AND incident.error_class IN ('certificate', 'tls'), n.incident_id IS NOT NULL),
            ('same failure', '%s other endpoints that failed within %s of this had the error %s too', 0.1, 0.5,
             n.incident_id IS NOT NULL, n.same_error)
        ) AS g (cause, reason, base, weight, counts, shares)
    WHERE g.counts
    GROUP BY g.cause, g.reason, g.base, g.weight
    HAVING count(*) FILTER (WHERE g.shares) > 0;
$$;
REVOKE ALL ON FUNCTION pulsimo.common_causes(pulsimo.incidents, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.common_causes(pulsimo.incidents, bigint[]) IS
'Internal: what other endpoints that failed at the same time have in common with those of the incident, and how many did not fail though they have it.';

CREATE OR REPLACE FUNCTION pulsimo.suggest_causes(incident bigint)
RETURNS TABLE (rank bigint, cause text, reason text, confidence numeric, since timestamptz, endpoint_id bigint,
               incident_id bigint, deployment_id bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    subject pulsimo.incidents;
    endpoints bigint[];
BEGIN
    PERFORM pulsimo.require_incident(incident);
    SELECT * INTO subject FROM pulsimo.incidents i WHERE i.id = incident;
    endpoints := pulsimo.endpoints_of_incident(subject);
    RETURN QUERY
    SELECT row_number() OVER (ORDER BY c.confidence DESC, c.cause, c.since, c.endpoint_id, c.incident_id, c.deployment_id), c.*
    FROM (
        SELECT u.cause, u.reason, u.confidence, u.since, u.endpoint_id, u.incident_id, NULL::bigint AS deployment_id
        FROM pulsimo.upstream_causes(subject, endpoints) u
        UNION ALL
        SELECT 'deployment', d.reason, d.confidence, d.since, NULL, NULL, d.deployment_id
        FROM pulsimo.deployment_causes(subject, endpoints) d
        UNION ALL
        SELECT 'end of maintenance', m.reason, m.confidence, m.since, m.endpoint_id, NULL, NULL
        FROM pulsimo.maintenance_causes(subject, endpoints) m
        UNION ALL
        SELECT t.cause, t.reason, t.confidence, t.since, t.endpoint_id, NULL, NULL
        FROM pulsimo.certificate_causes(subject, endpoints) t
        UNION ALL
        SELECT o.cause, o.reason, o.confidence, o.since, o.endpoint_id, o.incident_id, NULL
        FROM pulsimo.common_causes(subject, endpoints) o
    ) c
    ORDER BY 1;
END $$;
REVOKE ALL ON FUNCTION pulsimo.suggest_causes(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.suggest_causes(bigint) IS
'What an incident may have come of, the likeliest first. Suggestions for where to look, not findings.
cause: upstream outage (something that its endpoints need, by dependencies or as the keeper saw it, was down, or in maintenance), deployment (in the hour before, of the project or the whole organization), end of maintenance (in the hour before), expired certificate, new certificate (first seen in the hour before), and of other endpoints of the organization whose incidents started within 5 minutes: outage of several, same host, same certificate, same failure.
reason: why, in words and figures.
confidence: 0 to 1, for comparison: what is known is at 0.8 and above, what is near in time falls with the distance, what others share grows with their number.
since: when that began. endpoint_id, incident_id, deployment_id: what it is about.
Only what the reader may see is considered.
Errors: P0002 unknown incident.
Example: SELECT rank, cause, reason, confidence FROM pulsimo.suggest_causes(1);';
