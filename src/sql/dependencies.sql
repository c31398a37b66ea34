-- Which endpoint needs which: adding and removing dependencies, and the guard that keeps them without a cycle.
--
-- The guard is a trigger, so that a plain INSERT is refused like a call. Two sessions that each add half of a cycle must
-- not both succeed: changes of one organization come one after the other, by the lock that members and quotas take too
-- (see lock_organization()). In READ COMMITTED the second session then sees what the first has committed; one that keeps
-- its snapshot gets an error of serialization. Removing an edge closes no cycle and takes no lock.
--
-- Endpoints are locked before the organization, as in all that writes endpoints, and no more than a foreign key locks
-- them: neither the keeper nor whoever changes such an endpoint waits.

CREATE OR REPLACE FUNCTION pulsimo.organization_of(endpoint bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.organization_id FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id WHERE e.id = endpoint;
$$;
REVOKE ALL ON FUNCTION pulsimo.organization_of(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.organization_of(bigint) IS
'Internal: the organization of an endpoint.';

-- Both directions of every dependency, so that what walks them is written once.
CREATE OR REPLACE VIEW pulsimo.dependency_steps WITH (security_invoker = true) AS
SELECT true AS upstream, d.endpoint_id AS from_id, d.depends_on AS to_id, d.kind, d.role, d.criticality
FROM pulsimo.dependencies d
UNION ALL
SELECT false, d.depends_on, d.endpoint_id, d.kind, d.role, d.criticality
FROM pulsimo.dependencies d;
REVOKE ALL ON pulsimo.dependency_steps FROM PUBLIC;
COMMENT ON VIEW pulsimo.dependency_steps IS
'Internal: every dependency as a step upstream, to what is needed, and as one downstream, to what needs it.';

-- OFFSET 0, here and below: always from an endpoint by index. A join could go through the dependencies of all tenants,
-- and does when it was planned while there were few.
--
-- UNION keeps what was reached before out, so every endpoint is gone through once however many ways lead to it.
CREATE OR REPLACE FUNCTION pulsimo.reachable_endpoints(
    starts bigint[], upstream boolean, weakest pulsimo.dependency_kind
) RETURNS SETOF bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE reached (id) AS (
        SELECT s.id FROM unnest(starts) AS s (id)
        UNION
        SELECT d.to_id
        FROM reached r
            CROSS JOIN LATERAL (SELECT * FROM pulsimo.dependency_steps s
                                WHERE s.from_id = r.id AND s.upstream = reachable_endpoints.upstream OFFSET 0) d
        WHERE d.kind <= weakest
    )
    SELECT r.id FROM reached r;
END $$;
REVOKE ALL ON FUNCTION pulsimo.reachable_endpoints(bigint[], boolean, pulsimo.dependency_kind) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.reachable_endpoints(bigint[], boolean, pulsimo.dependency_kind) IS
'Internal: these endpoints and all that are reached from them by dependencies of this kind and stronger ones, upstream or downstream.';

-- Level by level, so that the first way to an endpoint is a shortest one; of several that through the lowest place.
CREATE OR REPLACE FUNCTION pulsimo.walk_dependencies(
    starts bigint[], upstream boolean, weakest pulsimo.dependency_kind, meanwhile tstzrange DEFAULT NULL
) RETURNS TABLE (endpoint_id bigint, name text, depth integer, role pulsimo.dependency_role,
                 criticality pulsimo.severity, path text[])
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
    SET enable_seqscan = off AS $$
DECLARE
    reached bigint[] := starts;
    names text[] := ARRAY(SELECT e.name FROM unnest(starts) WITH ORDINALITY AS s (id, place)
                              JOIN pulsimo.endpoints e ON e.id = s.id ORDER BY s.place);
    came_from integer[] := array_fill(0, ARRAY[cardinality(starts)]);  -- the place of the one before; 0: none
    first integer := 1;
    last integer;
    place integer;
    step record;
BEGIN
    depth := 0;
    WHILE first <= cardinality(reached) LOOP
        depth := depth + 1;
        last := cardinality(reached);
        FOR step IN
            SELECT DISTINCT ON (d.to_id) d.to_id, d.role, d.criticality, (first + f.place - 1)::integer AS came_from,
                   CASE WHEN pulsimo.has_permission('endpoint.view', e.id) THEN e.name ELSE '...' END AS name
            FROM unnest(reached[first:last]) WITH ORDINALITY AS f (id, place)
                CROSS JOIN LATERAL (SELECT * FROM pulsimo.dependency_steps s
                                    WHERE s.from_id = f.id AND s.upstream = walk_dependencies.upstream OFFSET 0) d
                JOIN pulsimo.endpoints e ON e.id = d.to_id
            WHERE d.kind <= weakest AND d.to_id <> ALL (reached)
                AND (meanwhile IS NULL OR (d.role <> 'fallback' AND pulsimo.was_down(d.to_id, meanwhile)))
            ORDER BY d.to_id, f.place
        LOOP
            endpoint_id := step.to_id;
            name := step.name;
            role := step.role;
            criticality := step.criticality;
            path := ARRAY[name];
            place := step.came_from;
            WHILE place > 0 LOOP
                path := path || names[place];
                place := came_from[place];
            END LOOP;
            IF upstream THEN
                path := ARRAY(SELECT p.name FROM unnest(path) WITH ORDINALITY AS p (name, place) ORDER BY p.place DESC);
            END IF;
            reached := reached || endpoint_id;
            names := names || name;
            came_from := came_from || step.came_from;
            RETURN NEXT;
        END LOOP;
        first := last + 1;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION pulsimo.walk_dependencies(bigint[], boolean, pulsimo.dependency_kind, tstzrange) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.walk_dependencies(bigint[], boolean, pulsimo.dependency_kind, tstzrange) IS
'Internal: what is reached from these endpoints by dependencies of this kind and stronger ones, upstream or downstream, without them, each by a shortest path. role and criticality are those of the last dependency on it; path names both ends, whoever needs comes before what is needed. With meanwhile only what was down then, and no fallbacks. Names that the caller may not see, to functions with the rights of the owner, are "...".';

-- --- the guard -------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.require_no_circle(endpoint bigint, depends_on bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text[];
BEGIN
    -- What nothing depends on closes none: with this, a graph that is added from either end needs no walks.
    IF endpoint <> depends_on AND NOT EXISTS (SELECT FROM pulsimo.dependencies d WHERE d.depends_on = endpoint) THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM pulsimo.reachable_endpoints(ARRAY[depends_on], true, 'monitoring') r (id) WHERE r.id = endpoint) THEN
        SELECT e.name || coalesce(w.path, ARRAY[e.name]) INTO names
        FROM pulsimo.endpoints e
            LEFT JOIN pulsimo.walk_dependencies(ARRAY[depends_on], true, 'monitoring') w ON w.endpoint_id = e.id
        WHERE e.id = endpoint;
        RAISE EXCEPTION 'depends_on % would close the circle %', depends_on, array_to_string(names, ' -> ') USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Remove one of these dependencies first, with pulsimo.remove_dependency().';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_no_circle(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_no_circle(bigint, bigint) IS
'Internal: raises 22023 when an endpoint is needed, by whatever way, by what it is to depend on.';

CREATE OR REPLACE FUNCTION pulsimo.dependency_written() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    organization bigint;
BEGIN
    IF pulsimo.is_restoring() THEN
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'endpoint_id and depends_on of a dependency cannot be changed' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Remove it, and add another one.';
    END IF;
    -- Not left to the foreign keys, which are looked at later: by then the endpoint may be there, unchecked.
    PERFORM pulsimo.require_endpoint(NEW.endpoint_id);
    PERFORM pulsimo.require_endpoint(NEW.depends_on);
    organization := pulsimo.organization_of(NEW.endpoint_id);
    IF organization <> pulsimo.organization_of(NEW.depends_on) THEN
        RAISE EXCEPTION 'depends_on % is not of the organization of endpoint %', NEW.depends_on, NEW.endpoint_id USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Add an endpoint for what it needs to its own organization.';
    END IF;
    PERFORM pulsimo.lock_quota(organization);
    PERFORM pulsimo.require_no_circle(NEW.endpoint_id, NEW.depends_on);
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION pulsimo.dependency_written() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.dependency_written() IS
'Trigger of pulsimo.dependencies: refuses with 22023 what would close a circle or leaves the organization. Writes nothing but the lock of the organization. Not during a restore.';
CREATE OR REPLACE TRIGGER dependency_written BEFORE INSERT ON pulsimo.dependencies
    FOR EACH ROW EXECUTE FUNCTION pulsimo.dependency_written();
CREATE OR REPLACE TRIGGER dependency_rewritten BEFORE UPDATE ON pulsimo.dependencies
    FOR EACH ROW WHEN ((OLD.endpoint_id, OLD.depends_on) IS DISTINCT FROM (NEW.endpoint_id, NEW.depends_on))
    EXECUTE FUNCTION pulsimo.dependency_written();

-- ENABLE ALWAYS: see endpoints.sql.
CREATE OR REPLACE FUNCTION pulsimo.dependency_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.note_endpoints(ARRAY[OLD.endpoint_id, NEW.endpoint_id]);
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.dependency_changed() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.dependency_changed() IS
'Trigger of pulsimo.dependencies: has the keeper read an endpoint again when it depends on something else.';
CREATE OR REPLACE TRIGGER dependency_changed AFTER INSERT OR UPDATE OR DELETE ON pulsimo.dependencies
    FOR EACH ROW EXECUTE FUNCTION pulsimo.dependency_changed();
CREATE OR REPLACE TRIGGER dependencies_truncated AFTER TRUNCATE ON pulsimo.dependencies
    FOR EACH STATEMENT EXECUTE FUNCTION pulsimo.endpoints_changed();
ALTER TABLE pulsimo.dependencies ENABLE ALWAYS TRIGGER dependency_changed;
ALTER TABLE pulsimo.dependencies ENABLE ALWAYS TRIGGER dependencies_truncated;

-- --- adding and removing ---------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.begin_dependency_change(endpoint bigint, depends_on bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_given('endpoint', endpoint IS NOT NULL);
    PERFORM pulsimo.require_given('depends_on', depends_on IS NOT NULL);
    PERFORM pulsimo.require_endpoint(endpoint);  -- first, so that a lock on one that is not seen does not show
    PERFORM pulsimo.require_endpoint(depends_on);
    PERFORM FROM pulsimo.endpoints e WHERE e.id IN (endpoint, depends_on) ORDER BY e.id FOR KEY SHARE;
    PERFORM pulsimo.require_endpoint(endpoint);
    PERFORM pulsimo.require_endpoint(depends_on);
    PERFORM pulsimo.require_permission('endpoints.change', e.project_id) FROM pulsimo.endpoints e WHERE e.id = endpoint;
END $$;
REVOKE ALL ON FUNCTION pulsimo.begin_dependency_change(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.begin_dependency_change(bigint, bigint) IS
'Internal: what every function that changes dependencies does first: asks for the right to, and keeps the endpoints there until the end of the transaction.
Errors: 22004 an argument is null, P0002 unknown endpoint, 42501 may not change it.';

CREATE OR REPLACE FUNCTION pulsimo.add_dependency_as_owner(
    endpoint bigint, depends_on bigint, kind pulsimo.dependency_kind, role pulsimo.dependency_role, criticality pulsimo.severity
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.begin_dependency_change(endpoint, depends_on);
    PERFORM pulsimo.require_given('kind', kind IS NOT NULL);
    PERFORM pulsimo.require_given('role', role IS NOT NULL);
    PERFORM pulsimo.require_given('criticality', criticality IS NOT NULL);
    INSERT INTO pulsimo.dependencies (endpoint_id, depends_on, kind, role, criticality)
    VALUES (endpoint, add_dependency_as_owner.depends_on, add_dependency_as_owner.kind, add_dependency_as_owner.role,
            add_dependency_as_owner.criticality)
    ON CONFLICT ON CONSTRAINT dependencies_pkey DO UPDATE
        SET kind = excluded.kind, role = excluded.role, criticality = excluded.criticality;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_dependency_as_owner(
    bigint, bigint, pulsimo.dependency_kind, pulsimo.dependency_role, pulsimo.severity) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_dependency_as_owner(
    bigint, bigint, pulsimo.dependency_kind, pulsimo.dependency_role, pulsimo.severity) IS
'Internal: add_dependency(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.add_dependency(
    endpoint bigint,
    depends_on bigint,
    kind pulsimo.dependency_kind DEFAULT 'strong',
    role pulsimo.dependency_role DEFAULT 'primary',
    criticality pulsimo.severity DEFAULT 'high'
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.add_dependency(
    bigint, bigint, pulsimo.dependency_kind, pulsimo.dependency_role, pulsimo.severity) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_dependency(
    bigint, bigint, pulsimo.dependency_kind, pulsimo.dependency_role, pulsimo.severity) IS
'Says that an endpoint needs another one of the same organization, or changes what was said of the two before.
endpoint: the id of the one that needs the other.
depends_on: the id of the one that is needed.
kind: strong, it is down without: while that is down, it opens no incident of its own; weak, it goes on with less; monitoring, it is only watched through that.
role: primary, cache, search, optional, or fallback: what takes over for its strong dependencies that are down.
criticality: how much the other is needed, critical, high, medium or low; the heavier ones make the critical path.
Errors: P0002 unknown endpoint, 42501 may not change endpoint, 22004 an argument is null, 22023 depends_on needs endpoint itself, or is of another organization.
Example: SELECT pulsimo.add_dependency(1, 2, criticality => ''critical'');';

CREATE OR REPLACE FUNCTION pulsimo.remove_dependency_as_owner(endpoint bigint, depends_on bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.begin_dependency_change(endpoint, depends_on);
    DELETE FROM pulsimo.dependencies d
    WHERE d.endpoint_id = endpoint AND d.depends_on = remove_dependency_as_owner.depends_on;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'endpoint % does not depend on endpoint %', endpoint, depends_on USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.dependencies lists which depends on which.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.remove_dependency_as_owner(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_dependency_as_owner(bigint, bigint) IS
'Internal: remove_dependency(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.remove_dependency(endpoint bigint, depends_on bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.remove_dependency(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_dependency(bigint, bigint) IS
'Takes back that an endpoint depends on another one.
Errors: P0002 unknown endpoint, or the one does not depend on the other, 42501 may not change endpoint, 22004 an argument is null.
Example: SELECT pulsimo.remove_dependency(1, 2);';
