-- Lists of incidents: views for the usual ones, find_incidents() for everything else, and the same as a file.
--
-- Row security checks a row before any condition that could tell of it, so a condition on status finds no index for a
-- tenant, and one on title neither. Lists are therefore cut by organization and by resolved_at first, which an index
-- has and whose operators give nothing away. NULL in resolved_at is what "active" means: a constraint of the table.

-- Asked by id instead of by permission, so that it costs the same however many organizations there are.
CREATE OR REPLACE FUNCTION pulsimo.organizations_to_search(
    organization bigint, project bigint, endpoint bigint, person bigint
) RETURNS bigint[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    acting_user constant bigint := pulsimo.current_user_id();
BEGIN
    IF project IS NOT NULL THEN
        PERFORM pulsimo.require_project(project);
    END IF;
    IF endpoint IS NOT NULL THEN
        PERFORM pulsimo.require_endpoint(endpoint);
    END IF;
    IF person IS NOT NULL AND NOT EXISTS (SELECT FROM pulsimo.users u WHERE u.id = person) THEN
        RAISE EXCEPTION 'user % does not exist', person USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.organization_members lists the people of your organizations.';
    END IF;
    IF organization IS NOT NULL THEN
        PERFORM pulsimo.require_organization(organization);
        RETURN ARRAY[organization];
    END IF;
    RETURN CASE WHEN NOT pulsimo.is_operator() THEN ARRAY(
        SELECT m.organization_id FROM pulsimo.memberships m WHERE m.user_id = acting_user
        UNION
        SELECT p.organization_id FROM pulsimo.project_members s JOIN pulsimo.projects p ON p.id = s.project_id
        WHERE s.user_id = acting_user) END;
END $$;
REVOKE ALL ON FUNCTION pulsimo.organizations_to_search(bigint, bigint, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.organizations_to_search(bigint, bigint, bigint, bigint) IS
'Internal: the organizations whose incidents a search has to look at, NULL for all, after checking its arguments.
Errors: P0002 unknown organization, project, endpoint or person.';

-- Inlined into whatever calls it, where the arguments that are NULL fall away; hence no SET search_path, but a body that
-- is parsed when it is created. The callers have their plans made anew each time. With one organization the condition is
-- the plain one that an index can give in order. OFFSET 0 keeps the planner, who knows too little of row security, from
-- reading all of a table for what is soon found by its index.
CREATE OR REPLACE FUNCTION pulsimo.matching_incidents(
    organizations bigint[], project bigint, endpoint bigint, severities pulsimo.severity[], from_time timestamptz,
    to_time timestamptz, assignee bigint DEFAULT NULL, tag text DEFAULT NULL, contains text DEFAULT NULL
) RETURNS SETOF pulsimo.incidents
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT i.* FROM pulsimo.incidents i
    WHERE (organizations IS NULL
           OR CASE WHEN cardinality(organizations) = 1 THEN i.organization_id = organizations[1]
                   ELSE i.organization_id = ANY (organizations) END)
        AND (project IS NULL OR i.project_id = project)
        AND (endpoint IS NULL OR i.id = ANY (ARRAY(
             SELECT o.id FROM pulsimo.incidents o WHERE o.endpoint_id = endpoint
             UNION ALL
             SELECT n.incident_id FROM pulsimo.incident_endpoints n WHERE n.endpoint_id = endpoint)))
        AND (severities IS NULL OR i.severity = ANY (severities))
        AND (from_time IS NULL OR i.started_at >= from_time)
        AND (to_time IS NULL OR i.started_at < to_time)
        AND (assignee IS NULL
             OR EXISTS (SELECT FROM pulsimo.incident_assignees a WHERE a.incident_id = i.id AND a.user_id = assignee OFFSET 0))
        AND (tag IS NULL
             OR i.endpoint_id IN (SELECT e.id FROM pulsimo.endpoints e WHERE e.tags @> ARRAY[tag])
             OR i.id IN (SELECT n.incident_id FROM pulsimo.incident_endpoints n JOIN pulsimo.endpoints e ON e.id = n.endpoint_id
                         WHERE e.tags @> ARRAY[tag]))
        AND (contains IS NULL
             OR position(lower(contains) IN lower(concat_ws(E'\n', i.number, i.title, i.detail))) > 0);
END;
REVOKE ALL ON FUNCTION pulsimo.matching_incidents(
    bigint[], bigint, bigint, pulsimo.severity[], timestamptz, timestamptz, bigint, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.matching_incidents(
    bigint[], bigint, bigint, pulsimo.severity[], timestamptz, timestamptz, bigint, text, text) IS
'Internal: the incidents that the filters of lists and figures let through. NULL lets everything through; times are those of the start, without to_time itself.';

CREATE OR REPLACE FUNCTION pulsimo.people_of(incident_id bigint) RETURNS TABLE (assignees text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT string_agg(u.name, ', ' ORDER BY a.assigned_at, u.id)
    FROM pulsimo.incident_assignees a JOIN pulsimo.users u ON u.id = a.user_id
    WHERE a.incident_id = people_of.incident_id;
END;
REVOKE ALL ON FUNCTION pulsimo.people_of(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.people_of(bigint) IS
'Internal: the names of the people an incident is assigned to.';

-- Not inlined: it is asked for the few that are about several, and would make the plans of lists seem dear.
CREATE OR REPLACE FUNCTION pulsimo.endpoint_names(incident_id bigint) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT string_agg(e.name, ', ' ORDER BY e.name, e.id)
        FROM pulsimo.incident_endpoints n JOIN pulsimo.endpoints e ON e.id = n.endpoint_id
        WHERE n.incident_id = endpoint_names.incident_id);
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoint_names(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoint_names(bigint) IS
'Internal: the names of the endpoints that an incident of people is about.';

CREATE OR REPLACE VIEW pulsimo.all_incidents WITH (security_invoker = true) AS
SELECT i.id, i.number, i.title, i.severity, i.priority, i.status, i.started_at, i.created_at, i.acknowledged_at,
       i.resolved_at, statement_timestamp() - i.started_at AS age,
       coalesce(i.resolved_at, statement_timestamp()) - i.started_at AS duration, i.organization_id, i.project_id,
       p.name AS project, i.endpoint_id, coalesce(e.name, pulsimo.endpoint_names(i.id)) AS endpoint, i.error_class, i.detail, a.assignees,
       i.muted_until, i.automatic, i.reopened, u.name AS acknowledged_by
FROM pulsimo.incidents i
    LEFT JOIN pulsimo.projects p ON p.id = i.project_id
    LEFT JOIN pulsimo.endpoints e ON e.id = i.endpoint_id
    LEFT JOIN pulsimo.users u ON u.id = i.acknowledged_by
    LEFT JOIN LATERAL pulsimo.people_of(i.id) a ON true;
REVOKE ALL ON pulsimo.all_incidents FROM PUBLIC;
COMMENT ON VIEW pulsimo.all_incidents IS
'All incidents, in no order. find_incidents() gives the same columns.
Example: SELECT number, title, duration FROM pulsimo.all_incidents WHERE project = ''shop'' ORDER BY started_at DESC LIMIT 20;';
COMMENT ON COLUMN pulsimo.all_incidents.id IS 'what the functions take as id of the incident';
COMMENT ON COLUMN pulsimo.all_incidents.number IS 'INC-YYYY-NNNNNN, unique in the organization';
COMMENT ON COLUMN pulsimo.all_incidents.title IS 'in one line';
COMMENT ON COLUMN pulsimo.all_incidents.severity IS 'critical, high, medium or low';
COMMENT ON COLUMN pulsimo.all_incidents.priority IS 'high, medium or low; NULL: nobody has set one';
COMMENT ON COLUMN pulsimo.all_incidents.status IS 'open, acknowledged, investigating or resolved';
COMMENT ON COLUMN pulsimo.all_incidents.started_at IS 'start of the first failed check, or as its author said';
COMMENT ON COLUMN pulsimo.all_incidents.created_at IS 'when it was opened';
COMMENT ON COLUMN pulsimo.all_incidents.acknowledged_at IS 'when somebody took notice of it; NULL: nobody yet';
COMMENT ON COLUMN pulsimo.all_incidents.resolved_at IS 'when it was over; NULL while active';
COMMENT ON COLUMN pulsimo.all_incidents.age IS 'time since it started';
COMMENT ON COLUMN pulsimo.all_incidents.duration IS 'how long it lasted, or has lasted so far';
COMMENT ON COLUMN pulsimo.all_incidents.organization_id IS 'id of the organization';
COMMENT ON COLUMN pulsimo.all_incidents.project_id IS 'id of the project; NULL when it is of none, or that was removed';
COMMENT ON COLUMN pulsimo.all_incidents.project IS 'name of the project';
COMMENT ON COLUMN pulsimo.all_incidents.endpoint_id IS 'id of the endpoint of an automatic incident';
COMMENT ON COLUMN pulsimo.all_incidents.endpoint IS 'name of the endpoint, or of several';
COMMENT ON COLUMN pulsimo.all_incidents.error_class IS 'kind of the failure that opened it';
COMMENT ON COLUMN pulsimo.all_incidents.detail IS 'the failure that opened it, in words';
COMMENT ON COLUMN pulsimo.all_incidents.assignees IS 'names of the people it is assigned to; NULL: nobody';
COMMENT ON COLUMN pulsimo.all_incidents.muted_until IS 'until when nobody is to be told of it; NULL: not muted';
COMMENT ON COLUMN pulsimo.all_incidents.automatic IS 'whether the keeper opened it';
COMMENT ON COLUMN pulsimo.all_incidents.reopened IS 'how often it was reopened';
COMMENT ON COLUMN pulsimo.all_incidents.acknowledged_by IS 'name of who acknowledged it; NULL: nobody, or the reader does not see them';

CREATE OR REPLACE FUNCTION pulsimo.recently_resolved() RETURNS TABLE (incident_id bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    organizations constant bigint[] := pulsimo.organizations_to_search(NULL, NULL, NULL, NULL);
BEGIN
    RETURN QUERY
    SELECT m.id FROM pulsimo.matching_incidents(organizations, NULL, NULL, NULL, NULL, NULL) m
    WHERE m.resolved_at >= statement_timestamp() - interval '7 days';
END $$;
REVOKE ALL ON FUNCTION pulsimo.recently_resolved() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.recently_resolved() IS
'Internal: the incidents that were resolved in the last 7 days, found by organization.';

CREATE OR REPLACE VIEW pulsimo.resolved_incidents WITH (security_invoker = true) AS
SELECT a.id, a.number, a.title, a.severity, a.priority, a.started_at, a.resolved_at, a.duration, a.project_id, a.project,
       a.endpoint_id, a.endpoint, a.error_class, a.detail, a.assignees, a.acknowledged_by
FROM pulsimo.recently_resolved() r JOIN pulsimo.all_incidents a ON a.id = r.incident_id
ORDER BY a.resolved_at DESC, a.id DESC;
REVOKE ALL ON pulsimo.resolved_incidents FROM PUBLIC;
COMMENT ON VIEW pulsimo.resolved_incidents IS
'The incidents that were resolved in the last 7 days, the latest first. For other periods ask all_incidents or find_incidents().
Example: SELECT number, title, duration FROM pulsimo.resolved_incidents;';
COMMENT ON COLUMN pulsimo.resolved_incidents.id IS 'what the functions take as id of the incident';
COMMENT ON COLUMN pulsimo.resolved_incidents.number IS 'INC-YYYY-NNNNNN, unique in the organization';
COMMENT ON COLUMN pulsimo.resolved_incidents.title IS 'in one line';
COMMENT ON COLUMN pulsimo.resolved_incidents.severity IS 'critical, high, medium or low';
COMMENT ON COLUMN pulsimo.resolved_incidents.priority IS 'high, medium or low; NULL: nobody has set one';
COMMENT ON COLUMN pulsimo.resolved_incidents.started_at IS 'start of the first failed check, or as its author said';
COMMENT ON COLUMN pulsimo.resolved_incidents.resolved_at IS 'when it was over';
COMMENT ON COLUMN pulsimo.resolved_incidents.duration IS 'how long it lasted';
COMMENT ON COLUMN pulsimo.resolved_incidents.project_id IS 'id of the project';
COMMENT ON COLUMN pulsimo.resolved_incidents.project IS 'name of the project';
COMMENT ON COLUMN pulsimo.resolved_incidents.endpoint_id IS 'id of the endpoint of an automatic incident';
COMMENT ON COLUMN pulsimo.resolved_incidents.endpoint IS 'name of the endpoint, or of several';
COMMENT ON COLUMN pulsimo.resolved_incidents.error_class IS 'kind of the failure that opened it';
COMMENT ON COLUMN pulsimo.resolved_incidents.detail IS 'the failure that opened it, in words';
COMMENT ON COLUMN pulsimo.resolved_incidents.assignees IS 'names of the people it is assigned to; NULL: nobody';
COMMENT ON COLUMN pulsimo.resolved_incidents.acknowledged_by IS 'name of who acknowledged it; NULL: nobody, or the reader does not see them';

CREATE OR REPLACE FUNCTION pulsimo.states_to_search(status text[]) RETURNS pulsimo.incident_status[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    SELECT coalesce(s.name, 'null') INTO unknown FROM unnest(status) AS s (name)
    WHERE (s.name = ANY (enum_range(NULL::pulsimo.incident_status)::text[] || 'active'::text)) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'status must be a list of active, open, acknowledged, investigating and resolved, not %', unknown USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give ''{active}'' for all that are not resolved, or leave status out.';
    END IF;
    RETURN CASE WHEN status IS NOT NULL THEN ARRAY(
        SELECT s.status FROM unnest(enum_range(NULL::pulsimo.incident_status)) AS s (status)
        WHERE s.status::text = ANY (states_to_search.status)
            OR (s.status <> 'resolved' AND 'active' = ANY (states_to_search.status))) END;
END $$;
REVOKE ALL ON FUNCTION pulsimo.states_to_search(text[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.states_to_search(text[]) IS
'Internal: the argument status of find_incidents() as states; NULL for all.
Errors: 22023 there is another word in it.';

-- Two lists, each cut to at_most before anything is joined to it: the active incidents, which are few, and the resolved
-- ones.
CREATE OR REPLACE FUNCTION pulsimo.find_incidents(
    status text[] DEFAULT NULL, severity pulsimo.severity[] DEFAULT NULL, organization bigint DEFAULT NULL,
    project bigint DEFAULT NULL, endpoint bigint DEFAULT NULL, assignee bigint DEFAULT NULL, tag text DEFAULT NULL,
    contains text DEFAULT NULL, from_time timestamptz DEFAULT NULL, to_time timestamptz DEFAULT NULL,
    at_most integer DEFAULT 100
) RETURNS SETOF pulsimo.all_incidents
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_custom_plan SET jit = off AS $$
DECLARE
    organizations constant bigint[] := pulsimo.organizations_to_search(organization, project, endpoint, assignee);
    states constant pulsimo.incident_status[] := pulsimo.states_to_search(status);
    found bigint[] := '{}';
BEGIN
    IF (at_most BETWEEN 1 AND 100000) IS NOT TRUE THEN
        RAISE EXCEPTION 'at_most must be 1 to 100000, not %', coalesce(at_most::text, 'null') USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Narrow the list with from_time and to_time instead.';
    END IF;
    IF states IS NULL OR states && '{open,acknowledged,investigating}' THEN
        found := ARRAY(
            SELECT m.id
            FROM pulsimo.matching_incidents(organizations, project, endpoint, severity, from_time, to_time, assignee, tag,
                                            contains) m
            WHERE m.resolved_at IS NULL AND (states IS NULL OR m.status = ANY (states))
            ORDER BY m.severity, m.started_at, m.id LIMIT at_most);
    END IF;
    IF states IS NULL OR 'resolved' = ANY (states) THEN
        found := found || ARRAY(
            SELECT m.id
            FROM pulsimo.matching_incidents(organizations, project, endpoint, severity, from_time, to_time, assignee, tag,
                                            contains) m
            WHERE m.resolved_at IS NOT NULL
            ORDER BY m.resolved_at DESC, m.id DESC LIMIT at_most - cardinality(found));
    END IF;
    RETURN QUERY
    SELECT a.* FROM unnest(found) WITH ORDINALITY AS f (id, place) JOIN pulsimo.all_incidents a ON a.id = f.id
    ORDER BY f.place;
END $$;
REVOKE ALL ON FUNCTION pulsimo.find_incidents(
    text[], pulsimo.severity[], bigint, bigint, bigint, bigint, text, text, timestamptz, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.find_incidents(
    text[], pulsimo.severity[], bigint, bigint, bigint, bigint, text, text, timestamptz, timestamptz, integer) IS
'A list of incidents, with the columns of the view all_incidents: the active ones by severity, then the oldest first; after them the resolved ones, the latest first. What is left out does not filter.
status: active, resolved, or single states: open, acknowledged, investigating.
severity: one or several.
organization, project, endpoint: their ids. Of an endpoint are also the incidents of several endpoints with it among them.
assignee: id of a user.
tag: a tag of one of the endpoints.
contains: a part of number, title or detail, in any case.
from_time, to_time: between which it started, without to_time itself.
at_most: how many rows, 1 to 100000.
As CSV: COPY (SELECT * FROM pulsimo.find_incidents(...)) TO STDOUT (FORMAT csv, HEADER). Titles and names are in it as people wrote them; whoever opens it with a spreadsheet should import them as text, because one that begins with = would be a formula.
Errors: P0002 unknown organization, project, endpoint or assignee; 22023 status or at_most is not acceptable.
Example: SELECT number, title, age FROM pulsimo.find_incidents(status => ''{active}'', severity => ''{critical,high}'');';
