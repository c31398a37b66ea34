-- Row security: every table that holds something of a tenant, for whoever is no superuser, the owner of the tables
-- included. All policies ask has_permission(), so they say what the view permission_matrix says. The workers are
-- superusers and see everything; they run no code but ours.
--
-- Tables that only functions with the rights of the owner touch have row security and no policy: nobody sees a row.

ALTER TABLE pulsimo.organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.organizations FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.organizations;
CREATE POLICY tenant_sees ON pulsimo.organizations FOR SELECT
    USING (pulsimo.has_permission('organization.view', id));

ALTER TABLE pulsimo.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.users FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.users;
-- Oneself and whoever is in an organization with one; the tables inside have policies of their own.
CREATE POLICY tenant_sees ON pulsimo.users FOR SELECT
    USING (id = pulsimo.current_user_id()
           OR EXISTS (SELECT FROM pulsimo.memberships m WHERE m.user_id = users.id)
           OR EXISTS (SELECT FROM pulsimo.project_members s WHERE s.user_id = users.id));

ALTER TABLE pulsimo.memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.memberships FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.memberships;
CREATE POLICY tenant_sees ON pulsimo.memberships FOR SELECT
    USING (user_id = pulsimo.current_user_id() OR pulsimo.has_permission('members.view', organization_id));

ALTER TABLE pulsimo.project_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.project_members FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.project_members;
CREATE POLICY tenant_sees ON pulsimo.project_members FOR SELECT
    USING (user_id = pulsimo.current_user_id() OR pulsimo.has_permission('project.members', project_id));

ALTER TABLE pulsimo.invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.invitations FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.invitations;
CREATE POLICY tenant_sees ON pulsimo.invitations FOR SELECT
    USING (pulsimo.has_permission('members.view', organization_id));

ALTER TABLE pulsimo.passwords ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.passwords FORCE ROW LEVEL SECURITY;

ALTER TABLE pulsimo.user_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.user_sessions FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS user_sees ON pulsimo.user_sessions;
CREATE POLICY user_sees ON pulsimo.user_sessions FOR SELECT
    USING (user_id = pulsimo.current_user_id() AND pulsimo.current_api_key_id() IS NULL);

ALTER TABLE pulsimo.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.api_keys FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS user_sees ON pulsimo.api_keys;
CREATE POLICY user_sees ON pulsimo.api_keys FOR SELECT
    USING (user_id = pulsimo.current_user_id() AND (pulsimo.current_api_key_id() = id) IS NOT FALSE);

ALTER TABLE pulsimo.one_time_passwords ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.one_time_passwords FORCE ROW LEVEL SECURITY;

ALTER TABLE pulsimo.access_roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.access_roles FORCE ROW LEVEL SECURITY;

ALTER TABLE pulsimo.recovery_codes ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.recovery_codes FORCE ROW LEVEL SECURITY;

ALTER TABLE pulsimo.secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.secrets FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.secrets;
CREATE POLICY tenant_sees ON pulsimo.secrets FOR SELECT
    USING (pulsimo.has_permission('secrets.view', organization_id));

-- Of an organization, or of one's own account.
ALTER TABLE pulsimo.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.audit_log FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.audit_log;
CREATE POLICY tenant_sees ON pulsimo.audit_log FOR SELECT
    USING (pulsimo.has_permission('audit.view', organization_id)
           OR ((account_id = pulsimo.current_user_id()
                OR (organization_id IS NULL AND user_id = pulsimo.current_user_id()))
               AND pulsimo.current_api_key_id() IS NULL));

ALTER TABLE pulsimo.projects ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.projects FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.projects;
-- By the organization too, because a project that is being added cannot be looked up yet.
CREATE POLICY tenant_sees ON pulsimo.projects FOR SELECT
    USING (pulsimo.has_permission('projects.view', organization_id) OR pulsimo.has_permission('project.view', id));
DROP POLICY IF EXISTS tenant_adds ON pulsimo.projects;
CREATE POLICY tenant_adds ON pulsimo.projects FOR INSERT
    WITH CHECK (pulsimo.has_permission('projects.change', organization_id));
DROP POLICY IF EXISTS tenant_changes ON pulsimo.projects;
CREATE POLICY tenant_changes ON pulsimo.projects FOR UPDATE
    USING (pulsimo.has_permission('projects.change', organization_id));
DROP POLICY IF EXISTS tenant_removes ON pulsimo.projects;
CREATE POLICY tenant_removes ON pulsimo.projects FOR DELETE
    USING (pulsimo.has_permission('projects.change', organization_id));

ALTER TABLE pulsimo.endpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.endpoints FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.endpoints;
CREATE POLICY tenant_sees ON pulsimo.endpoints FOR SELECT
    USING (pulsimo.has_permission('project.view', project_id));
DROP POLICY IF EXISTS tenant_adds ON pulsimo.endpoints;
CREATE POLICY tenant_adds ON pulsimo.endpoints FOR INSERT
    WITH CHECK (pulsimo.has_permission('endpoints.change', project_id));
DROP POLICY IF EXISTS tenant_changes ON pulsimo.endpoints;
CREATE POLICY tenant_changes ON pulsimo.endpoints FOR UPDATE
    USING (pulsimo.has_permission('endpoints.change', project_id));
DROP POLICY IF EXISTS tenant_removes ON pulsimo.endpoints;
CREATE POLICY tenant_removes ON pulsimo.endpoints FOR DELETE
    USING (pulsimo.has_permission('endpoints.change', project_id));

ALTER TABLE pulsimo.health_checks ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.health_checks FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.health_checks;
CREATE POLICY tenant_sees ON pulsimo.health_checks FOR SELECT
    USING (pulsimo.has_permission('endpoint.view', endpoint_id));

ALTER TABLE pulsimo.state_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.state_changes FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.state_changes;
CREATE POLICY tenant_sees ON pulsimo.state_changes FOR SELECT
    USING (pulsimo.has_permission('endpoint.view', endpoint_id));

ALTER TABLE pulsimo.certificates ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.certificates FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.certificates;
CREATE POLICY tenant_sees ON pulsimo.certificates FOR SELECT
    USING (pulsimo.has_permission('endpoint.view', endpoint_id));

ALTER TABLE pulsimo.incidents ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.incidents FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.incidents;
CREATE POLICY tenant_sees ON pulsimo.incidents FOR SELECT
    USING (pulsimo.has_permission('project.view', project_id) OR pulsimo.has_permission('projects.view', organization_id));

-- What hangs on an incident is seen with it.
ALTER TABLE pulsimo.incident_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.incident_events FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.incident_events;
CREATE POLICY tenant_sees ON pulsimo.incident_events FOR SELECT
    USING (EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id));

ALTER TABLE pulsimo.outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.outbox FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.outbox;
CREATE POLICY tenant_sees ON pulsimo.outbox FOR SELECT
    USING (EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id));

ALTER TABLE pulsimo.maintenance_windows ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.maintenance_windows FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.maintenance_windows;
CREATE POLICY tenant_sees ON pulsimo.maintenance_windows FOR SELECT
    USING (CASE WHEN endpoint_id IS NOT NULL THEN pulsimo.has_permission('endpoint.view', endpoint_id)
                WHEN project_id IS NOT NULL THEN pulsimo.has_permission('project.view', project_id)
                ELSE pulsimo.has_permission('organization.view', organization_id) END);

ALTER TABLE pulsimo.dependencies ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.dependencies FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.dependencies;
CREATE POLICY tenant_sees ON pulsimo.dependencies FOR SELECT
    USING (pulsimo.has_permission('endpoint.view', endpoint_id) AND pulsimo.has_permission('endpoint.view', depends_on));

ALTER TABLE pulsimo.suppressions ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.suppressions FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.suppressions;
CREATE POLICY tenant_sees ON pulsimo.suppressions FOR SELECT
    USING (pulsimo.has_permission('endpoint.view', endpoint_id));

-- Nobody's business but that of the functions.
ALTER TABLE pulsimo.incident_numbers ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.incident_numbers FORCE ROW LEVEL SECURITY;

ALTER TABLE pulsimo.incident_endpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.incident_endpoints FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.incident_endpoints;
CREATE POLICY tenant_sees ON pulsimo.incident_endpoints FOR SELECT
    USING (pulsimo.has_permission('endpoint.view', endpoint_id)
           AND EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id));

ALTER TABLE pulsimo.incident_assignees ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.incident_assignees FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.incident_assignees;
CREATE POLICY tenant_sees ON pulsimo.incident_assignees FOR SELECT
    USING (EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id));

ALTER TABLE pulsimo.incident_notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.incident_notes FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.incident_notes;
CREATE POLICY tenant_sees ON pulsimo.incident_notes FOR SELECT
    USING (EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id));

ALTER TABLE pulsimo.incident_excerpts ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.incident_excerpts FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.incident_excerpts;
CREATE POLICY tenant_sees ON pulsimo.incident_excerpts FOR SELECT
    USING (EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id));

ALTER TABLE pulsimo.postmortems ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.postmortems FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.postmortems;
CREATE POLICY tenant_sees ON pulsimo.postmortems FOR SELECT
    USING (EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id));

ALTER TABLE pulsimo.action_items ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.action_items FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.action_items;
CREATE POLICY tenant_sees ON pulsimo.action_items FOR SELECT
    USING (EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id));

ALTER TABLE pulsimo.incident_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.incident_links FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.incident_links;
CREATE POLICY tenant_sees ON pulsimo.incident_links FOR SELECT
    USING (EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = incident_id)
           AND EXISTS (SELECT FROM pulsimo.incidents i WHERE i.id = other_id));

ALTER TABLE pulsimo.deployments ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.deployments FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.deployments;
CREATE POLICY tenant_sees ON pulsimo.deployments FOR SELECT
    USING (CASE WHEN project_id IS NOT NULL THEN pulsimo.has_permission('project.view', project_id)
                ELSE pulsimo.has_permission('organization.view', organization_id) END);

ALTER TABLE pulsimo.response_goals ENABLE ROW LEVEL SECURITY;
ALTER TABLE pulsimo.response_goals FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS tenant_sees ON pulsimo.response_goals;
CREATE POLICY tenant_sees ON pulsimo.response_goals FOR SELECT
    USING (pulsimo.has_permission('organization.view', organization_id));

-- A partition is a table of its own to whoever names it, and LIKE copies no policies. One that came otherwise may have
-- policies of its own: exactly that of the parent is what it shall have.
CREATE OR REPLACE FUNCTION pulsimo.is_protected(partition regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.relrowsecurity AND c.relforcerowsecurity
        AND ARRAY(SELECT (p.polname, p.polpermissive, p.polcmd, p.polroles, pg_get_expr(p.polqual, p.polrelid))::text
                  FROM pg_policy p WHERE p.polrelid = c.oid)
          = ARRAY(SELECT (p.polname, p.polpermissive, p.polcmd, p.polroles, pg_get_expr(p.polqual, p.polrelid))::text
                  FROM pg_policy p WHERE p.polrelid = 'pulsimo.health_checks'::regclass)
    FROM pg_class c WHERE c.oid = partition;
$$;
REVOKE ALL ON FUNCTION pulsimo.is_protected(regclass) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.is_protected(regclass) IS
'Internal: whether a partition of health_checks has the row security of its parent and no other.';

CREATE OR REPLACE FUNCTION pulsimo.protect_partition(partition regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    policy name;
BEGIN
    FOR policy IN SELECT p.polname FROM pg_policy p WHERE p.polrelid = partition LOOP
        EXECUTE format('DROP POLICY %I ON %s', policy, partition);
    END LOOP;
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', partition);
    EXECUTE format('CREATE POLICY tenant_sees ON %s FOR SELECT'
                   ' USING (pulsimo.has_permission(''endpoint.view'', endpoint_id))', partition);
END $$;
REVOKE ALL ON FUNCTION pulsimo.protect_partition(regclass) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.protect_partition(regclass) IS
'Internal: gives a partition of health_checks the row security of its parent, and no other.';

CREATE OR REPLACE FUNCTION pulsimo.protect_partitions() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition regclass;
    protected integer := 0;
BEGIN
    FOR partition IN
        SELECT t.relid FROM pg_partition_tree('pulsimo.health_checks') t JOIN pg_class c ON c.oid = t.relid
        WHERE t.level > 0 AND c.relkind IN ('r', 'p') AND NOT pulsimo.is_protected(t.relid)
    LOOP
        PERFORM pulsimo.protect_partition(partition);
        protected := protected + 1;
    END LOOP;
    RETURN protected;
END $$;
REVOKE ALL ON FUNCTION pulsimo.protect_partitions() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.protect_partitions() IS
'Internal: protect_partition() for those that do not have it: older than row security, restored from a dump of that time, attached by hand. The keeper calls it now and then. Returns how many.';

-- Those that are there when the extension is updated.
SELECT pulsimo.protect_partitions();
