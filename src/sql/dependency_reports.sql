-- Reports on the dependencies of a project or of all that is seen: weak spots, the critical path, where an incident came
-- from, and the graph as a picture. See dependency_graph.sql for what they have in common.

-- OFFSET 0: see dependencies.sql.
CREATE OR REPLACE FUNCTION pulsimo.dependencies_in(project bigint) RETURNS SETOF pulsimo.dependencies
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projects bigint[] := ARRAY[project];
BEGIN
    IF project IS NULL THEN
        projects := ARRAY(SELECT p.id FROM pulsimo.projects p);
    ELSE
        PERFORM pulsimo.require_project(project);
    END IF;
    RETURN QUERY
    SELECT d.* FROM pulsimo.endpoints e
        CROSS JOIN LATERAL (SELECT * FROM pulsimo.dependencies o WHERE o.endpoint_id = e.id OFFSET 0) d
    WHERE e.project_id = ANY (projects)
    UNION
    SELECT d.* FROM pulsimo.endpoints e
        CROSS JOIN LATERAL (SELECT * FROM pulsimo.dependencies o WHERE o.depends_on = e.id OFFSET 0) d
    WHERE e.project_id = ANY (projects);
END $$;
REVOKE ALL ON FUNCTION pulsimo.dependencies_in(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.dependencies_in(bigint) IS
'Internal: the dependencies with an end in a project, or all that are seen.
Errors: P0002 unknown project.';

CREATE OR REPLACE FUNCTION pulsimo.single_points_of_failure(project bigint DEFAULT NULL)
RETURNS TABLE (endpoint_id bigint, name text, dependents bigint, criticality pulsimo.severity)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT e.id, e.name, count(*), min(d.criticality)
    FROM pulsimo.dependencies_in(project) d JOIN pulsimo.endpoints e ON e.id = d.depends_on
    WHERE d.kind = 'strong' AND d.role <> 'fallback' AND (project IS NULL OR e.project_id = project)
        AND NOT EXISTS (
            SELECT FROM pulsimo.dependencies f
            WHERE f.endpoint_id = d.endpoint_id AND f.role = 'fallback' AND f.kind <> 'monitoring' OFFSET 0)
    GROUP BY e.id, e.name
    HAVING count(*) >= 3
    ORDER BY count(*) DESC, min(d.criticality), e.name, e.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.single_points_of_failure(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.single_points_of_failure(bigint) IS
'The endpoints that at least three others would go down with, because they strongly depend on them directly and have no fallback. What would follow from that, impact() tells.
project: those of this project, whoever needs them; all that are seen when it is left out.
dependents: how many those others are.
criticality: the highest of their dependencies.
Errors: P0002 unknown project.
Example: SELECT name, dependents FROM pulsimo.single_points_of_failure();';

-- Every endpoint comes after what it needs: it is put into the queue when the last of these has been dealt with. Places
-- in arrays stand for endpoints, so that what is known of one is found at once.
CREATE OR REPLACE FUNCTION pulsimo.heaviest_chain(edge_from integer[], edge_to integer[], weight integer[], places integer)
RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    none constant integer[] := array_fill(0, ARRAY[places]);
    best integer[] := none;     -- the weight of the heaviest chain that begins here
    next integer[] := none;     -- how it goes on; 0: it ends
    waits_for integer[] := none;
    newest integer[] := none;   -- the last edge to here; the one before is in `earlier`
    earlier integer[] := array_fill(0, ARRAY[cardinality(edge_from)]);
    queue integer[] := '{}';
    chain integer[] := '{}';
    here integer;
    edge integer;
BEGIN
    FOR added IN 1 .. cardinality(edge_from) LOOP
        waits_for[edge_from[added]] := waits_for[edge_from[added]] + 1;
        earlier[added] := newest[edge_to[added]];
        newest[edge_to[added]] := added;
    END LOOP;
    FOR place IN 1 .. places LOOP
        IF waits_for[place] = 0 THEN
            queue := queue || place;
        END IF;
    END LOOP;
    FOR turn IN 1 .. places LOOP
        here := queue[turn];
        edge := newest[here];
        WHILE edge > 0 LOOP
            IF best[here] + weight[edge] > best[edge_from[edge]] THEN
                best[edge_from[edge]] := best[here] + weight[edge];
                next[edge_from[edge]] := here;
            END IF;
            waits_for[edge_from[edge]] := waits_for[edge_from[edge]] - 1;
            IF waits_for[edge_from[edge]] = 0 THEN
                queue := queue || edge_from[edge];
            END IF;
            edge := earlier[edge];
        END LOOP;
    END LOOP;
    SELECT b.place INTO here FROM unnest(best) WITH ORDINALITY AS b (weight, place) ORDER BY b.weight DESC, b.place LIMIT 1;
    WHILE here > 0 LOOP
        chain := chain || here;
        here := next[here];
    END LOOP;
    RETURN chain;
END $$;
REVOKE ALL ON FUNCTION pulsimo.heaviest_chain(integer[], integer[], integer[], integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.heaviest_chain(integer[], integer[], integer[], integer) IS
'Internal: the places 1 to `places` that lie on the chain of edges with the largest sum of weights, in order.';

CREATE OR REPLACE FUNCTION pulsimo.critical_path(project bigint)
RETURNS TABLE (step integer, endpoint_id bigint, name text, criticality pulsimo.severity, status pulsimo.status)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids bigint[];
    edges record;
    chain bigint[];
BEGIN
    PERFORM pulsimo.require_project(project);
    ids := ARRAY(SELECT r.id FROM pulsimo.reachable_endpoints(
                     ARRAY(SELECT e.id FROM pulsimo.endpoints e WHERE e.project_id = project), true, 'strong') r (id)
                 ORDER BY r.id);
    SELECT array_agg(f.place::integer ORDER BY f.place, t.place) AS starts,
           array_agg(t.place::integer ORDER BY f.place, t.place) AS ends,
           array_agg(CASE d.criticality WHEN 'critical' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2 ELSE 1 END
                     ORDER BY f.place, t.place) AS weights
    INTO edges
    FROM unnest(ids) WITH ORDINALITY AS f (id, place)
        CROSS JOIN LATERAL (SELECT * FROM pulsimo.dependencies o WHERE o.endpoint_id = f.id OFFSET 0) d
        JOIN unnest(ids) WITH ORDINALITY AS t (id, place) ON t.id = d.depends_on
    WHERE d.kind = 'strong' AND d.role <> 'fallback';
    IF edges.starts IS NULL THEN
        RETURN;
    END IF;
    chain := ARRAY(
        SELECT ids[c.place]
        FROM unnest(pulsimo.heaviest_chain(edges.starts, edges.ends, edges.weights, cardinality(ids)))
            WITH ORDINALITY AS c (place, step)
        ORDER BY c.step);
    RETURN QUERY
    SELECT c.step::integer, e.id, e.name, d.criticality,
           (SELECT f.status FROM pulsimo.endpoint_facts f WHERE f.id = e.id)
    FROM unnest(chain) WITH ORDINALITY AS c (id, step)
        JOIN pulsimo.endpoints e ON e.id = c.id
        LEFT JOIN pulsimo.dependencies d ON d.endpoint_id = c.id AND d.depends_on = chain[c.step + 1]
    ORDER BY c.step;
END $$;
REVOKE ALL ON FUNCTION pulsimo.critical_path(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.critical_path(bigint) IS
'The heaviest chain of strong dependencies that begins in a project, in order: each endpoint needs the next, and the last needs none. It may lead into other projects. Fallbacks do not count. No rows when nothing strongly depends on anything.
A dependency weighs 4 when it is critical, 3 when high, 2 when medium, 1 when low; the chain with the largest sum is the critical path, so a longer one wins against a shorter one of the same criticality.
project: its id.
criticality: of the dependency on the next; NULL for the last.
status: its status now.
Errors: P0002 unknown project.
Example: SELECT step, name, criticality, status FROM pulsimo.critical_path(1);';

-- --- where an incident came from -------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.cause_in_words(endpoint bigint, meanwhile tstzrange, path text[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change record;
BEGIN
    SELECT s.status, coalesce(s.detail, s.error_class::text) AS detail INTO change
    FROM pulsimo.state_changes s
    WHERE s.endpoint_id = endpoint AND s.changed_at <= upper(meanwhile) AND 'down' IN (s.status, s.underlying)
    ORDER BY s.changed_at DESC, s.id DESC LIMIT 1;
    RETURN CASE WHEN path IS NULL THEN 'nothing that it needs was down'
                ELSE array_to_string(path, ' -> ') END
        || CASE WHEN change.status = 'maintenance' THEN '; it was in maintenance' ELSE '' END
        || coalesce('; it failed with: ' || left(change.detail, 200), '');
END $$;
REVOKE ALL ON FUNCTION pulsimo.cause_in_words(bigint, tstzrange, text[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.cause_in_words(bigint, tstzrange, text[]) IS
'Internal: the reason that root_cause() gives.';

CREATE OR REPLACE FUNCTION pulsimo.root_cause(incident bigint)
RETURNS TABLE (endpoint_id bigint, name text, incident_id bigint, reason text, depth integer)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- From its first failed check until it was opened: what broke later did not cause it.
    meanwhile tstzrange;
    starts bigint[];
BEGIN
    PERFORM pulsimo.require_incident(incident);
    SELECT tstzrange(i.started_at, greatest(i.started_at, least(i.created_at, i.resolved_at)), '[]') INTO meanwhile
    FROM pulsimo.incidents i WHERE i.id = incident;
    starts := ARRAY(
        SELECT e.id FROM pulsimo.endpoints e
        WHERE e.id IN (SELECT i.endpoint_id FROM pulsimo.incidents i WHERE i.id = incident
                       UNION ALL
                       SELECT s.endpoint_id FROM pulsimo.incident_endpoints s WHERE s.incident_id = incident)
        ORDER BY e.id);
    RETURN QUERY
    WITH down AS MATERIALIZED (
        SELECT e.id AS endpoint_id, e.name, 0 AS depth, NULL::text[] AS path
        FROM pulsimo.endpoints e WHERE e.id = ANY (starts)
        UNION ALL
        SELECT w.endpoint_id, w.name, w.depth, w.path FROM pulsimo.walk_dependencies(starts, true, 'strong', meanwhile) w
    )
    SELECT d.endpoint_id, d.name,
           CASE WHEN d.depth = 0 THEN incident ELSE (
               SELECT i.id FROM pulsimo.incidents i
               WHERE i.endpoint_id = d.endpoint_id AND i.started_at <= upper(meanwhile)
                   AND (i.resolved_at >= lower(meanwhile) OR i.resolved_at IS NULL)
               ORDER BY i.started_at DESC, i.id DESC LIMIT 1) END,
           pulsimo.cause_in_words(d.endpoint_id, meanwhile, d.path), d.depth
    FROM down d
    WHERE NOT EXISTS (
        SELECT FROM pulsimo.dependencies n JOIN down u ON u.endpoint_id = n.depends_on
        WHERE n.endpoint_id = d.endpoint_id AND n.kind = 'strong' AND n.role <> 'fallback' OFFSET 0)
    ORDER BY d.depth DESC, d.name, d.endpoint_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.root_cause(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.root_cause(bigint) IS
'Where an incident came from: from its endpoints on, whatever was down between its first failed check and its opening is followed along strong dependencies, as they are now, to the last that was down. No rows when its endpoints were removed.
endpoint_id, name: an endpoint that was down while nothing that it needs was; the endpoint of the incident itself, if that is so.
incident_id: the incident it had then; NULL: none, for example in maintenance.
reason: in words: the names on the way to it, each needs the next, and how it failed.
depth: the number of dependencies on that way; 0: the incident is its own cause.
Errors: P0002 unknown incident.
Example: SELECT name, reason FROM pulsimo.root_cause(7);';

-- --- the picture -----------------------------------------------------------------------------------------------------

-- In quotes. A label of DOT knows escapes with a backslash and entities of HTML.
CREATE OR REPLACE FUNCTION pulsimo.dot_text(content text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '"' || replace(replace(replace(regexp_replace(content, '[[:cntrl:]]', ' ', 'g'),
                                          '\', '\\'), '"', '\"'), '&', '&amp;') || '"';
$$;
REVOKE ALL ON FUNCTION pulsimo.dot_text(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.dot_text(text) IS
'Internal: a text as a string of DOT.';

-- In quotes. Mermaid reads #60; as the character of this code; of ASCII only what is harmless stays as it is. The two
-- above end a line in some readers.
CREATE OR REPLACE FUNCTION pulsimo.mermaid_text(content text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '"' || coalesce(string_agg(
        CASE WHEN c.letter ~ '[A-Za-z0-9 ._/-]' OR (ascii(c.letter) >= 160 AND ascii(c.letter) NOT IN (8232, 8233)) THEN c.letter
             ELSE format('#%s;', ascii(c.letter)) END, '' ORDER BY c.place), '') || '"'
    FROM unnest(string_to_array(content, NULL)) WITH ORDINALITY AS c (letter, place);
$$;
REVOKE ALL ON FUNCTION pulsimo.mermaid_text(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.mermaid_text(text) IS
'Internal: a text as a label of Mermaid.';

CREATE OR REPLACE FUNCTION pulsimo.graph_as_dot(graph jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(E'\n', 'digraph dependencies {', '    rankdir=LR;', '    node [shape=box, style=filled, fillcolor=white];',
        (SELECT string_agg(format('    e%s [label=%s, tooltip=%s, fillcolor=%s];', n.node ->> 'id', pulsimo.dot_text(n.node ->> 'name'),
                                  pulsimo.dot_text(n.node ->> 'status'),
                                  CASE n.node ->> 'status' WHEN 'up' THEN 'palegreen' WHEN 'degraded' THEN 'khaki'
                                                           WHEN 'down' THEN 'salmon' ELSE 'lightgray' END),
                           E'\n' ORDER BY n.place)
         FROM jsonb_array_elements(graph -> 'nodes') WITH ORDINALITY AS n (node, place)),
        (SELECT string_agg(format('    e%s -> e%s [label="%s, %s", style=%s];', d.edge ->> 'endpoint_id', d.edge ->> 'depends_on',
                                  d.edge ->> 'role', d.edge ->> 'criticality',
                                  CASE d.edge ->> 'kind' WHEN 'strong' THEN 'solid' WHEN 'weak' THEN 'dashed' ELSE 'dotted' END),
                           E'\n' ORDER BY d.place)
         FROM jsonb_array_elements(graph -> 'edges') WITH ORDINALITY AS d (edge, place)),
        '}');
$$;
REVOKE ALL ON FUNCTION pulsimo.graph_as_dot(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.graph_as_dot(jsonb) IS
'Internal: a graph as dependency_graph() has it, in the language of Graphviz.';

CREATE OR REPLACE FUNCTION pulsimo.graph_as_mermaid(graph jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(E'\n', 'flowchart LR',
        (SELECT string_agg(format('    e%s[%s]:::%s', n.node ->> 'id', pulsimo.mermaid_text(n.node ->> 'name'), n.node ->> 'status'),
                           E'\n' ORDER BY n.place)
         FROM jsonb_array_elements(graph -> 'nodes') WITH ORDINALITY AS n (node, place)),
        (SELECT string_agg(format('    e%s %s|"%s, %s"| e%s', d.edge ->> 'endpoint_id',
                                  CASE d.edge ->> 'kind' WHEN 'strong' THEN '-->' WHEN 'weak' THEN '-.->' ELSE '--o' END,
                                  d.edge ->> 'role', d.edge ->> 'criticality', d.edge ->> 'depends_on'),
                           E'\n' ORDER BY d.place)
         FROM jsonb_array_elements(graph -> 'edges') WITH ORDINALITY AS d (edge, place)),
        '    classDef up fill:#98fb98', '    classDef degraded fill:#f0e68c', '    classDef down fill:#fa8072',
        '    classDef unknown fill:#d3d3d3', '    classDef paused fill:#d3d3d3', '    classDef maintenance fill:#d3d3d3');
$$;
REVOKE ALL ON FUNCTION pulsimo.graph_as_mermaid(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.graph_as_mermaid(jsonb) IS
'Internal: a graph as dependency_graph() has it, in the language of Mermaid.';

CREATE OR REPLACE FUNCTION pulsimo.dependency_graph(project bigint DEFAULT NULL, format text DEFAULT 'mermaid') RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    graph jsonb;
BEGIN
    IF format IS NULL OR format NOT IN ('dot', 'json', 'mermaid') THEN
        RAISE EXCEPTION 'format must be dot, json or mermaid, not %', coalesce(quote_literal(format), 'null') USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave it out for mermaid.';
    END IF;
    WITH edges AS MATERIALIZED (
        SELECT * FROM pulsimo.dependencies_in(project)
    ), nodes AS (
        SELECT e.id, e.name, p.name AS project, f.status
        FROM (SELECT d.endpoint_id AS id FROM edges d UNION SELECT d.depends_on FROM edges d) n
            JOIN pulsimo.endpoints e ON e.id = n.id
            JOIN pulsimo.projects p ON p.id = e.project_id
            CROSS JOIN LATERAL (SELECT (SELECT s.status FROM pulsimo.endpoint_facts s WHERE s.id = e.id) AS status) f
    )
    SELECT jsonb_build_object(
        'nodes', (SELECT coalesce(jsonb_agg(to_jsonb(n) ORDER BY n.id), '[]') FROM nodes n),
        'edges', (SELECT coalesce(jsonb_agg(to_jsonb(d) - 'created_at' ORDER BY d.endpoint_id, d.depends_on), '[]') FROM edges d))
    INTO graph;
    RETURN CASE format WHEN 'dot' THEN pulsimo.graph_as_dot(graph)
                       WHEN 'mermaid' THEN pulsimo.graph_as_mermaid(graph)
                       ELSE graph::text END;
END $$;
REVOKE ALL ON FUNCTION pulsimo.dependency_graph(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.dependency_graph(bigint, text) IS
'The dependencies as a picture: endpoints with their status now, dependencies with kind, role and criticality.
project: the id of a project: dependencies with an end in it, and the endpoints at both ends; all that are seen when it is left out. Endpoints without dependencies are not shown.
format: mermaid, for Markdown; dot, for Graphviz; json, an object of "nodes" (id, name, project, status) and "edges" (endpoint_id, depends_on, kind, role, criticality).
Errors: P0002 unknown project, 22023 unknown format.
Example: SELECT pulsimo.dependency_graph(1, ''dot'');';
