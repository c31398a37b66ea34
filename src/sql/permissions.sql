-- Who may do what. The matrix is the one place that says so: row security and the guards of functions both ask
-- has_permission(), which asks permits(), which reads the matrix.

CREATE OR REPLACE FUNCTION pulsimo.current_user_id() RETURNS bigint
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pulsimo_current_user_id';
REVOKE ALL ON FUNCTION pulsimo.current_user_id() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.current_user_id() IS
'The user that the session acts for: that of sign_in() or use_session() in this transaction, else the active one whose database_role is the current role. NULL when there is none.
Example: SELECT pulsimo.current_user_id();';

CREATE OR REPLACE FUNCTION pulsimo.current_api_key_id() RETURNS bigint
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pulsimo_current_api_key_id';
REVOKE ALL ON FUNCTION pulsimo.current_api_key_id() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.current_api_key_id() IS
'The API key by which the session acts for its user, see use_api_key(). NULL when there is none.
Example: SELECT pulsimo.current_api_key_id();';

CREATE OR REPLACE FUNCTION pulsimo.is_operator() RETURNS boolean
LANGUAGE c STABLE PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'pulsimo_is_operator';
REVOKE ALL ON FUNCTION pulsimo.is_operator() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.is_operator() IS
'Whether the session is that of the operator, a superuser: allowed everything in every organization.
Example: SELECT pulsimo.is_operator();';

-- What pg_dump writes begins with SET row_security = off. That alone would not do: anybody can set it, and within functions
-- that run as the owner, or in the middle of a statement, it is no error to them.
CREATE OR REPLACE FUNCTION pulsimo.is_restoring() RETURNS boolean
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_is_restoring';
REVOKE ALL ON FUNCTION pulsimo.is_restoring() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.is_restoring() IS
'Internal: whether rows come from a dump, where triggers must neither write nor refuse: the operator, in a session of their own, with row_security off.';

CREATE OR REPLACE VIEW pulsimo.permission_matrix WITH (security_invoker = true) AS
SELECT m.action, m.object, m.organization_roles::pulsimo.organization_role[] AS organization_roles,
       m.project_roles::pulsimo.project_role[] AS project_roles, m.description
FROM (VALUES
    ('organization.view', 'organization', '{owner,admin,member,viewer}', '{admin,editor,viewer}', 'see the organization'),
    ('members.view', 'organization', '{owner,admin,member,viewer}', '{}', 'see who belongs to the organization'),
    ('members.change', 'organization', '{owner,admin}', '{}', 'add and remove people, give them roles up to one''s own'),
    ('audit.view', 'organization', '{owner,admin}', '{}', 'see who did what in the organization'),
    ('secrets.view', 'organization', '{owner,admin,member}', '{}', 'see which secrets there are, never what they are'),
    ('secrets.change', 'organization', '{owner,admin}', '{}',
     'set and remove secrets, and send them to any host that they are not bound to'),
    ('projects.view', 'organization', '{owner,admin,member,viewer}', '{}', 'see all projects, and incidents of former ones'),
    ('projects.change', 'organization', '{owner,admin}', '{}', 'add, rename and remove projects'),
    ('organization.policy', 'organization', '{owner,admin}', '{}',
     'set the health policy and response goals of the organization'),
    ('organization.maintenance', 'organization', '{owner,admin}', '{}',
     'plan and end maintenance of the whole organization or of all endpoints with a tag'),
    ('organization.incidents', 'organization', '{owner,admin,member}', '{}',
     'deal with incidents that are of no project, mark deployments of the whole organization'),
    ('project.view', 'project', '{owner,admin,member,viewer}', '{admin,editor,viewer}',
     'see the endpoints of the project, their checks and incidents'),
    ('project.members', 'project', '{owner,admin}', '{admin}', 'give people of the organization roles in the project'),
    ('endpoints.change', 'project', '{owner,admin,member}', '{admin,editor}',
     'add, change, pause, check and remove the endpoints of the project'),
    ('project.policy', 'project', '{owner,admin}', '{admin}', 'set the health policy of the project'),
    ('project.maintenance', 'project', '{owner,admin,member}', '{admin,editor}',
     'plan and end maintenance of the project and its endpoints'),
    ('project.incidents', 'project', '{owner,admin,member}', '{admin,editor}',
     'open, acknowledge, change and resolve incidents of the project, write about them, mark deployments'),
    ('endpoint.view', 'endpoint', '{owner,admin,member,viewer}', '{admin,editor,viewer}',
     'see the endpoint, its checks and its status')
) AS m (action, object, organization_roles, project_roles, description);
REVOKE ALL ON pulsimo.permission_matrix FROM PUBLIC;
COMMENT ON VIEW pulsimo.permission_matrix IS
'Who may do what. A role in an organization holds for everything in it, a role in a project for that project alone; whoever has both has the rights of both. Row security and functions follow this table.
Example: SELECT action FROM pulsimo.permission_matrix WHERE ''member'' = ANY (organization_roles);';
COMMENT ON COLUMN pulsimo.permission_matrix.action IS 'what has_permission() takes as action';
COMMENT ON COLUMN pulsimo.permission_matrix.object IS 'what the object of has_permission() is the id of: organization, project or endpoint';
COMMENT ON COLUMN pulsimo.permission_matrix.organization_roles IS 'the roles in the organization that allow it';
COMMENT ON COLUMN pulsimo.permission_matrix.project_roles IS 'the roles in the project, or in any project of the organization, that allow it';
COMMENT ON COLUMN pulsimo.permission_matrix.description IS 'what that means';

-- Called with the rights of a superuser, from C++ alone: row security must not ask itself. PL/pgSQL keeps its plans.
CREATE OR REPLACE FUNCTION pulsimo.permits(acting_user bigint, operator boolean, action text, object bigint)
RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    matrix pulsimo.permission_matrix;
    organization bigint := object;
    project bigint;
BEGIN
    SELECT * INTO matrix FROM pulsimo.permission_matrix m WHERE m.action = permits.action;
    IF NOT FOUND OR operator THEN
        RETURN CASE WHEN FOUND THEN true END;
    END IF;
    IF matrix.object <> 'organization' THEN
        project := CASE matrix.object WHEN 'project' THEN object
                                      ELSE (SELECT e.project_id FROM pulsimo.endpoints e WHERE e.id = object) END;
        SELECT p.organization_id INTO organization FROM pulsimo.projects p WHERE p.id = project;
    END IF;
    IF NOT EXISTS (SELECT FROM pulsimo.users u WHERE u.id = acting_user AND u.status = 'active')
        OR EXISTS (SELECT FROM pulsimo.memberships s
                   WHERE s.organization_id = organization AND s.user_id = acting_user AND s.status <> 'active') THEN
        RETURN false;  -- disabled, whatever the role in a project
    END IF;
    RETURN EXISTS (
            SELECT FROM pulsimo.memberships s
            WHERE s.organization_id = organization AND s.user_id = acting_user
                AND s.role = ANY (matrix.organization_roles))
        OR EXISTS (
            SELECT FROM pulsimo.project_members s JOIN pulsimo.projects p ON p.id = s.project_id
            WHERE s.user_id = acting_user AND s.role = ANY (matrix.project_roles)
                AND p.organization_id = organization AND (project IS NULL OR p.id = project));
END $$;
REVOKE ALL ON FUNCTION pulsimo.permits(bigint, boolean, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.permits(bigint, boolean, text, bigint) IS
'Internal: whether the matrix allows a user an action. NULL when it does not know the action.';

-- Not the names of actions alone, so that a key which may read all goes on doing so when there is more to read.
CREATE OR REPLACE FUNCTION pulsimo.is_scope_of(scope text, action text) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE scope WHEN 'all' THEN true WHEN 'read' THEN action LIKE '%.view' ELSE scope = action END;
$$;
REVOKE ALL ON FUNCTION pulsimo.is_scope_of(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.is_scope_of(text, text) IS
'Internal: whether the scope of an API key allows an action.';

-- Called like permits(). A key that was revoked or has expired meanwhile allows nothing.
CREATE OR REPLACE FUNCTION pulsimo.is_in_scope(api_key bigint, action text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM pulsimo.api_keys k, unnest(k.scopes) AS s (scope)
        WHERE k.id = api_key AND (k.expires_at > statement_timestamp() OR k.expires_at IS NULL)
            AND pulsimo.is_scope_of(s.scope, action));
END $$;
REVOKE ALL ON FUNCTION pulsimo.is_in_scope(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.is_in_scope(bigint, text) IS
'Internal: whether the scopes of an API key allow an action.';

CREATE OR REPLACE FUNCTION pulsimo.permission_support(request internal) RETURNS internal
LANGUAGE c IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_permission_support';
REVOKE ALL ON FUNCTION pulsimo.permission_support(internal) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.permission_support(internal) IS
'Internal: what the planner asks about has_permission().';

CREATE OR REPLACE FUNCTION pulsimo.has_permission(action text, object bigint) RETURNS boolean
LANGUAGE c STABLE STRICT PARALLEL RESTRICTED SUPPORT pulsimo.permission_support AS 'MODULE_PATHNAME', 'pulsimo_has_permission';
REVOKE ALL ON FUNCTION pulsimo.has_permission(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.has_permission(text, bigint) IS
'Whether the user that the session acts for may do this.
action: one of the view permission_matrix.
object: the id of the organization, project or endpoint that the action is about; false when there is none.
Errors: 22023 there is no such action.
Example: SELECT pulsimo.has_permission(''endpoints.change'', 1);';

CREATE OR REPLACE FUNCTION pulsimo.require_permission(action text, object bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pulsimo.has_permission(action, object) IS NOT TRUE THEN
        PERFORM pulsimo.note_denial(action, object);
        RAISE EXCEPTION 'permission denied: % of % %', action,
            (SELECT m.object FROM pulsimo.permission_matrix m WHERE m.action = require_permission.action), object USING
            ERRCODE = 'insufficient_privilege',
            HINT = 'The view pulsimo.permission_matrix tells which roles may do this, my_permissions() what you may do.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_permission(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_permission(text, bigint) IS
'Internal: raises 42501 when has_permission() is not true.';

CREATE OR REPLACE FUNCTION pulsimo.my_permissions()
RETURNS TABLE (organization_id bigint, organization text, project_id bigint, project text, action text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT t.organization_id, t.organization, t.project_id, t.project, t.action
    FROM (
        SELECT o.id AS organization_id, o.name AS organization, NULL::bigint AS project_id, NULL AS project,
               m.action, o.id AS object
        FROM pulsimo.organizations o JOIN pulsimo.permission_matrix m ON m.object = 'organization'
        UNION ALL
        SELECT o.id, o.name, p.id, p.name, m.action, p.id
        FROM pulsimo.organizations o JOIN pulsimo.projects p ON p.organization_id = o.id
            JOIN pulsimo.permission_matrix m ON m.object = 'project'
    ) t
    WHERE pulsimo.has_permission(t.action, t.object)
    ORDER BY t.organization, t.project NULLS FIRST, t.action;
END $$;
REVOKE ALL ON FUNCTION pulsimo.my_permissions() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.my_permissions() IS
'What the user that the session acts for may do, a row for every organization and project they see and every action. Actions on endpoints follow from their project.
Example: SELECT * FROM pulsimo.my_permissions();';
