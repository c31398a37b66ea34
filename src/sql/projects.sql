-- Projects: which one an endpoint goes to, and removing one.

CREATE OR REPLACE FUNCTION pulsimo.require_project(project bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pulsimo.projects p
                   WHERE p.id = project AND pulsimo.has_permission('project.view', p.id)) THEN
        RAISE EXCEPTION 'project % does not exist', coalesce(project::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.projects lists the projects with their ids.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_project(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_project(bigint) IS
'Internal: raises P0002 when there is no project of this id.';

CREATE OR REPLACE FUNCTION pulsimo.require_organization(organization bigint) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pulsimo.organizations o
                   WHERE o.id = organization AND pulsimo.has_permission('organization.view', o.id)) THEN
        RAISE EXCEPTION 'organization % does not exist', coalesce(organization::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.organizations lists the organizations with their ids.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_organization(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_organization(bigint) IS
'Internal: raises P0002 when there is no organization of this id.';

-- ON CONFLICT makes the second of two sessions wait for the first, and then use what that one made.
CREATE OR REPLACE FUNCTION pulsimo.default_project() RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    project bigint;
BEGIN
    IF NOT pulsimo.is_operator() THEN
        RETURN pulsimo.only_project();
    END IF;
    FOR attempt IN 1 .. 2 LOOP
        SELECT p.id INTO project
        FROM pulsimo.projects p JOIN pulsimo.organizations o ON o.id = p.organization_id
        WHERE o.name = 'default' AND p.name = 'default';
        EXIT WHEN FOUND;
        INSERT INTO pulsimo.organizations (name) VALUES ('default') ON CONFLICT (name) DO NOTHING;
        INSERT INTO pulsimo.projects (organization_id, name)
            SELECT o.id, 'default' FROM pulsimo.organizations o WHERE o.name = 'default'
        ON CONFLICT (organization_id, name) DO NOTHING;
    END LOOP;
    RETURN project;
END $$;
REVOKE ALL ON FUNCTION pulsimo.default_project() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.default_project() IS
'Internal: for the operator the project "default" of the organization "default", made when it is missing; for others only_project().';

CREATE OR REPLACE FUNCTION pulsimo.only_project() RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    projects constant bigint[] := ARRAY(
        SELECT p.id FROM pulsimo.projects p WHERE pulsimo.has_permission('endpoints.change', p.id) LIMIT 2);
BEGIN
    IF cardinality(projects) <> 1 THEN
        RAISE EXCEPTION 'project must be given' USING
            ERRCODE = 'invalid_parameter_value',
            DETAIL = CASE cardinality(projects) WHEN 0 THEN 'There is no project that you may add endpoints to.'
                                                ELSE 'There are several projects that you may add endpoints to.' END,
            HINT = 'pulsimo.my_permissions() lists where you may do endpoints.change.';
    END IF;
    RETURN projects[1];
END $$;
REVOKE ALL ON FUNCTION pulsimo.only_project() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.only_project() IS
'Internal: the project that the user may add endpoints to.
Errors: 22023 there is none, or more than one.';

-- What happened in a project is written down with the organization.
CREATE OR REPLACE FUNCTION pulsimo.project_moved() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'project % must stay in its organization', OLD.id USING
        ERRCODE = 'invalid_parameter_value',
        HINT = 'Its history belongs to that organization: add a new project in the other one.';
END $$;
REVOKE ALL ON FUNCTION pulsimo.project_moved() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.project_moved() IS
'Trigger of pulsimo.projects: refuses another organization with 22023.';
CREATE OR REPLACE TRIGGER project_moved BEFORE UPDATE OF organization_id ON pulsimo.projects
    FOR EACH ROW WHEN (OLD.organization_id <> NEW.organization_id) EXECUTE FUNCTION pulsimo.project_moved();

CREATE OR REPLACE FUNCTION pulsimo.remove_project_as_owner(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    organization bigint;
BEGIN
    PERFORM pulsimo.require_project(id);
    SELECT p.organization_id INTO organization FROM pulsimo.projects p WHERE p.id = remove_project_as_owner.id FOR UPDATE;
    PERFORM pulsimo.require_permission('projects.change', organization);
    IF EXISTS (SELECT FROM pulsimo.endpoints e WHERE e.project_id = remove_project_as_owner.id) THEN
        RAISE EXCEPTION 'project % has endpoints', id USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Remove them, or give them another project with pulsimo.update_endpoint().';
    END IF;
    DELETE FROM pulsimo.project_members m WHERE m.project_id = remove_project_as_owner.id;  -- while it can be told whose
    DELETE FROM pulsimo.projects p WHERE p.id = remove_project_as_owner.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.remove_project_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_project_as_owner(bigint) IS
'Internal: remove_project(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.remove_project(id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.remove_project(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_project(bigint) IS
'Removes a project that has no endpoints. Its incidents stay with the organization.
Errors: P0002 unknown project, 42501 may not change projects, 55000 it has endpoints.
Example: SELECT pulsimo.remove_project(3);';
