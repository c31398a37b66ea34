-- Questions about dependencies: what an endpoint needs and what needs it, what a failure would take along, where the weak
-- spots are, what an incident came from, and the whole as a picture.
--
-- They run with the rights of the caller and tell of what the caller sees: a way through endpoints of a project that is
-- hidden from them is not there.
--
-- Work is bounded by the number of dependencies, not of ways: in a row of diamonds these double with every diamond. So
-- nothing here lists ways. Sets are reached level by level, each endpoint once; the longest chain is found in one pass in
-- which every endpoint comes after what it needs.
--
-- A fallback takes over: an endpoint with one that works is degraded, not down, when what it strongly depends on is down.
-- When the fallback itself is down, the endpoint is degraded too, for it has nothing left to turn to.

CREATE OR REPLACE FUNCTION pulsimo.was_down(endpoint bigint, meanwhile tstzrange) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (
            SELECT FROM pulsimo.suppressions p
            WHERE p.endpoint_id = endpoint AND tstzrange(p.began_at, p.ended_at, '[]') && meanwhile)
        OR EXISTS (
            SELECT FROM (
                (SELECT s.status, s.underlying FROM pulsimo.state_changes s
                 WHERE s.endpoint_id = endpoint AND s.changed_at <= lower(meanwhile)
                 ORDER BY s.changed_at DESC, s.id DESC LIMIT 1)
                UNION ALL
                SELECT s.status, s.underlying FROM pulsimo.state_changes s
                WHERE s.endpoint_id = endpoint AND s.changed_at > lower(meanwhile) AND s.changed_at <= upper(meanwhile)
            ) s
            WHERE 'down' IN (s.status, s.underlying));
END $$;
REVOKE ALL ON FUNCTION pulsimo.was_down(bigint, tstzrange) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.was_down(bigint, tstzrange) IS
'Internal: whether an endpoint was down at any time of these, in maintenance or not, as it is recorded.';

-- --- what is needed, what needs it -----------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.related_endpoints(endpoint bigint, upstream boolean)
RETURNS TABLE (endpoint_id bigint, name text, depth integer, kind pulsimo.dependency_kind, role pulsimo.dependency_role,
               criticality pulsimo.severity, path text[], status pulsimo.status)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_endpoint(endpoint);
    RETURN QUERY
    SELECT w.endpoint_id, w.name, w.depth,
           CASE WHEN w.endpoint_id IN (SELECT pulsimo.reachable_endpoints(ARRAY[endpoint], upstream, 'strong')) THEN 'strong'
                WHEN w.endpoint_id IN (SELECT pulsimo.reachable_endpoints(ARRAY[endpoint], upstream, 'weak')) THEN 'weak'
                ELSE 'monitoring' END::pulsimo.dependency_kind,
           w.role, w.criticality, w.path,
           (SELECT f.status FROM pulsimo.endpoint_facts f WHERE f.id = w.endpoint_id)
    FROM pulsimo.walk_dependencies(ARRAY[endpoint], upstream, 'monitoring') w
    ORDER BY w.depth, w.name, w.endpoint_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.related_endpoints(bigint, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.related_endpoints(bigint, boolean) IS
'Internal: upstream() or downstream().';

CREATE OR REPLACE FUNCTION pulsimo.upstream(endpoint bigint)
RETURNS TABLE (endpoint_id bigint, name text, depth integer, kind pulsimo.dependency_kind, role pulsimo.dependency_role,
               criticality pulsimo.severity, path text[], status pulsimo.status)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM pulsimo.related_endpoints(endpoint, true);
$$;
REVOKE ALL ON FUNCTION pulsimo.upstream(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.upstream(bigint) IS
'What an endpoint needs, and what that needs in turn, each once, the nearest first.
depth: the number of dependencies on a shortest path to it.
kind: how much it is needed: strong if there is a path of strong dependencies alone, else weak if there is one without monitoring, else monitoring. That path may be longer than the one that is shown.
role, criticality: of the last dependency on the path that is shown.
path: the names on that path, each needs the next.
status: its status now.
Errors: P0002 unknown endpoint.
Example: SELECT name, depth, kind, status FROM pulsimo.upstream(1);';

CREATE OR REPLACE FUNCTION pulsimo.downstream(endpoint bigint)
RETURNS TABLE (endpoint_id bigint, name text, depth integer, kind pulsimo.dependency_kind, role pulsimo.dependency_role,
               criticality pulsimo.severity, path text[], status pulsimo.status)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT * FROM pulsimo.related_endpoints(endpoint, false);
$$;
REVOKE ALL ON FUNCTION pulsimo.downstream(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.downstream(bigint) IS
'What needs an endpoint, directly or by way of others, each once, the nearest first. The columns are those of upstream(): path begins with what needs it and ends with the endpoint; role and criticality are those of the first dependency on the path.
Errors: P0002 unknown endpoint.
Example: SELECT name, kind FROM pulsimo.downstream(2);';

-- --- what a failure would take along ---------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.working_fallback(endpoint bigint, down bigint[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT e.name FROM pulsimo.dependencies d JOIN pulsimo.endpoints e ON e.id = d.depends_on
        WHERE d.endpoint_id = endpoint AND d.role = 'fallback' AND d.kind <> 'monitoring' AND d.depends_on <> ALL (down)
            AND NOT pulsimo.was_down(d.depends_on, tstzrange(statement_timestamp(), statement_timestamp(), '[]'))
        ORDER BY d.criticality, d.depends_on LIMIT 1);
END $$;
REVOKE ALL ON FUNCTION pulsimo.working_fallback(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.working_fallback(bigint, bigint[]) IS
'Internal: the name of a fallback of an endpoint that is neither among these nor down now; NULL: there is none.';

-- In rounds, because a fallback may go down later than what it stands in for. Only what depends on the last that went
-- down is looked at, and nothing comes up again, so every dependency is gone through once.
CREATE OR REPLACE FUNCTION pulsimo.down_with(failing bigint[]) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
DECLARE
    down bigint[] := failing;
    last_down bigint[] := failing;
BEGIN
    WHILE cardinality(last_down) > 0 LOOP
        last_down := ARRAY(
            SELECT c.id
            FROM (
                SELECT d.endpoint_id AS id, bool_or(d.kind = 'strong' AND d.role <> 'fallback') AS is_struck
                FROM unnest(last_down) AS f (id)
                    CROSS JOIN LATERAL (SELECT * FROM pulsimo.dependencies o WHERE o.depends_on = f.id OFFSET 0) d
                WHERE d.kind <> 'monitoring' AND d.endpoint_id <> ALL (down)
                GROUP BY d.endpoint_id
            ) c
            WHERE (c.is_struck OR EXISTS (
                    SELECT FROM pulsimo.dependencies n
                    WHERE n.endpoint_id = c.id AND n.kind = 'strong' AND n.role <> 'fallback' AND n.depends_on = ANY (down)))
                AND pulsimo.working_fallback(c.id, down) IS NULL);
        down := down || last_down;
    END LOOP;
    RETURN down;
END $$;
REVOKE ALL ON FUNCTION pulsimo.down_with(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.down_with(bigint[]) IS
'Internal: these endpoints and those that would be down if they were.';

-- Whatever strong and weak dependencies lead to is affected; of that, what is not down is degraded.
CREATE OR REPLACE FUNCTION pulsimo.failure_effects(failing bigint[])
RETURNS TABLE (endpoint_id bigint, name text, effect text, depth integer, criticality pulsimo.severity, path text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    down constant bigint[] := pulsimo.down_with(failing);
BEGIN
    RETURN QUERY
    WITH affected AS MATERIALIZED (
        SELECT w.endpoint_id, w.name,
               CASE WHEN w.endpoint_id IN (SELECT g.id FROM unnest(down) AS g (id)) THEN 'down' ELSE 'degraded' END AS effect,
               w.depth, w.criticality, w.path
        FROM pulsimo.walk_dependencies(failing, false, 'weak') w
    )
    SELECT * FROM affected
    UNION ALL
    (SELECT DISTINCT ON (e.id) e.id, e.name, 'unwatched', g.depth + 1, d.criticality, e.name || g.path
     FROM (SELECT a.endpoint_id, a.depth, a.path FROM affected a WHERE a.effect = 'down'
           UNION ALL
           SELECT f.id, 0, ARRAY[f.name] FROM pulsimo.endpoints f WHERE f.id = ANY (failing)) g
         CROSS JOIN LATERAL (SELECT * FROM pulsimo.dependencies o WHERE o.depends_on = g.endpoint_id OFFSET 0) d
         JOIN pulsimo.endpoints e ON e.id = d.endpoint_id
     WHERE d.kind = 'monitoring' AND e.id <> ALL (failing) AND e.id NOT IN (SELECT a.endpoint_id FROM affected a)
     ORDER BY e.id, g.depth, g.endpoint_id);
END $$;
REVOKE ALL ON FUNCTION pulsimo.failure_effects(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.failure_effects(bigint[]) IS
'Internal: what would be down, degraded or unwatched if these endpoints were down, without them. path is a shortest one from there to one of these, by names.';

CREATE OR REPLACE FUNCTION pulsimo.impact(endpoint bigint)
RETURNS TABLE (endpoint_id bigint, name text, project text, effect text, depth integer, criticality pulsimo.severity,
               through text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_endpoint(endpoint);
    RETURN QUERY
    SELECT f.endpoint_id, f.name, p.name, f.effect, f.depth, f.criticality, array_to_string(f.path, ' -> ')
    FROM pulsimo.failure_effects(ARRAY[endpoint]) f
        JOIN pulsimo.endpoints e ON e.id = f.endpoint_id JOIN pulsimo.projects p ON p.id = e.project_id
    ORDER BY array_position('{down,degraded,unwatched}', f.effect), f.depth, f.criticality, f.name, f.endpoint_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.impact(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.impact(bigint) IS
'What would suffer if an endpoint were down, the worst first, without the endpoint itself.
effect: down, it strongly depends on what is down and has no fallback that works; degraded, another strong or weak dependency leads to what is down, or its fallback is down; unwatched, what it is monitored through is down. A fallback works if it is neither taken along nor down now.
depth: the number of dependencies on a shortest path to the endpoint.
criticality: of its own dependency on that path.
through: the names on that path, each needs the next.
Errors: P0002 unknown endpoint.
Example: SELECT name, effect, through FROM pulsimo.impact(2);';

CREATE OR REPLACE FUNCTION pulsimo.failure_in_words(
    kind pulsimo.dependency_kind, role pulsimo.dependency_role, needed text, state text, fallback text
) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(CASE WHEN kind = 'monitoring' THEN 'is monitored through "%s", which is %s'
                       WHEN role = 'fallback' THEN 'has "%s" as fallback, which is %s'
                       WHEN kind = 'weak' THEN 'uses "%s", which is %s'
                       ELSE 'needs "%s", which is %s' END, needed, state)
        || coalesce('; "' || fallback || '" takes over', '');
$$;
REVOKE ALL ON FUNCTION pulsimo.failure_in_words(
    pulsimo.dependency_kind, pulsimo.dependency_role, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.failure_in_words(
    pulsimo.dependency_kind, pulsimo.dependency_role, text, text, text) IS
'Internal: why an endpoint suffers from what it depends on, as simulate_failure() says it.';

CREATE OR REPLACE FUNCTION pulsimo.simulate_failure(endpoints bigint[])
RETURNS TABLE (endpoint_id bigint, name text, effect text, because text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    failing constant bigint[] := ARRAY(SELECT DISTINCT f.id FROM unnest(endpoints) AS f (id) ORDER BY f.id);
    down bigint[];
BEGIN
    PERFORM pulsimo.require_given('endpoints', endpoints IS NOT NULL);
    PERFORM pulsimo.require_endpoint(f.id) FROM unnest(failing) AS f (id);
    down := pulsimo.down_with(failing);
    RETURN QUERY
    WITH effects AS MATERIALIZED (
        SELECT f.endpoint_id, f.name, f.effect FROM pulsimo.failure_effects(failing) f
    ), reasons AS (
        -- What is down before what is degraded, and the strongest first.
        SELECT DISTINCT ON (f.endpoint_id) f.endpoint_id, f.name, f.effect, d.kind, d.role, n.name AS needed, s.state
        FROM effects f
            CROSS JOIN LATERAL (SELECT * FROM pulsimo.dependencies o WHERE o.endpoint_id = f.endpoint_id OFFSET 0) d
            CROSS JOIN LATERAL (
                SELECT CASE WHEN d.depends_on IN (SELECT g.id FROM unnest(down) AS g (id)) THEN 'down'
                            WHEN d.depends_on IN (SELECT g.endpoint_id FROM effects g WHERE g.effect = 'degraded')
                                THEN 'degraded' END AS state
            ) s
            JOIN pulsimo.endpoints n ON n.id = d.depends_on
        WHERE s.state IS NOT NULL AND (d.kind = 'monitoring') = (f.effect = 'unwatched')
        ORDER BY f.endpoint_id, s.state = 'down' DESC, d.kind, d.role = 'fallback', d.criticality, d.depends_on
    )
    SELECT r.endpoint_id, r.name, r.effect,
           pulsimo.failure_in_words(r.kind, r.role, r.needed, r.state,
               CASE WHEN r.effect = 'degraded' AND r.state = 'down' AND r.kind = 'strong' AND r.role <> 'fallback'
                    THEN pulsimo.working_fallback(r.endpoint_id, down) END)
    FROM reasons r
    ORDER BY array_position('{down,degraded,unwatched}', r.effect), r.name, r.endpoint_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.simulate_failure(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.simulate_failure(bigint[]) IS
'What would suffer if several endpoints were down at the same time, the worst first, without these. The effects are those of impact().
endpoints: their ids.
because: in words, what of the things it depends on decides.
Errors: 22004 endpoints is null, P0002 one of them is unknown.
Example: SELECT name, effect, because FROM pulsimo.simulate_failure(''{2,5}'');';
