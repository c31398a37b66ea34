-- Markers that something was rolled out: what suggest_causes() looks at first when something breaks.

CREATE OR REPLACE FUNCTION pulsimo.deployment_as_owner(
    service text, version text, at timestamptz, project bigint, organization bigint
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner bigint := organization;
    new_id bigint;
BEGIN
    IF project IS NOT NULL THEN
        PERFORM pulsimo.require_project(project);
        SELECT p.organization_id INTO owner FROM pulsimo.projects p WHERE p.id = project FOR KEY SHARE;
    ELSIF owner IS NULL THEN
        owner := pulsimo.only_organization('organization.incidents');
    END IF;
    IF organization IS NOT NULL THEN
        PERFORM pulsimo.require_organization(organization);
    END IF;
    PERFORM pulsimo.require_incident_permission(owner, project);
    IF organization <> owner THEN
        RAISE EXCEPTION 'project % is not of organization %', project, organization USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave organization out: the project says which one it is.';
    ELSIF (service ~ '[^[:space:]]' AND service !~ '[[:cntrl:]]' AND length(service) <= 200) IS NOT TRUE THEN
        RAISE EXCEPTION 'service must be one line of 1 to 200 characters' USING
            ERRCODE = CASE WHEN service IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
            HINT = 'Say what was rolled out.';
    ELSIF version ~ '[[:cntrl:]]' OR length(version) > 200 THEN
        RAISE EXCEPTION 'version must be one line of at most 200 characters' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave it out when there is none.';
    ELSIF (at BETWEEN '1970-01-01 00:00+00' AND '9999-12-31 00:00+00') IS NOT TRUE THEN
        RAISE EXCEPTION 'at must be a time of the years 1970 to 9999, not %', coalesce(at::text, 'null') USING
            ERRCODE = CASE WHEN at IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
            HINT = 'Leave it out for now.';
    END IF;
    INSERT INTO pulsimo.deployments (organization_id, project_id, service, version, deployed_at, recorded_by)
    VALUES (owner, project, service, version, at, pulsimo.current_user_id())
    RETURNING id INTO new_id;
    RETURN new_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.deployment_as_owner(text, text, timestamptz, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.deployment_as_owner(text, text, timestamptz, bigint, bigint) IS
'Internal: deployment(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.deployment(
    service text, version text DEFAULT NULL, at timestamptz DEFAULT now(), project bigint DEFAULT NULL,
    organization bigint DEFAULT NULL
) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.deployment(text, text, timestamptz, bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.deployment(text, text, timestamptz, bigint, bigint) IS
'Marks that something was rolled out, for example as the last step of a pipeline, and returns the id of the mark. suggest_causes() names it when an incident starts within the hour after it.
service: what was rolled out, one line of at most 200 characters.
version: which version of it.
at: when; by default now.
project: id of the project that it concerns; NULL: all projects of the organization.
organization: its id; may be left out with a project, and by whoever may deal with incidents of just one organization.
Errors: P0002 unknown project or organization; 42501 may not deal with incidents there; 22004 service or at is null; 22023 an argument is not acceptable, or organization must be given.
Example: SELECT pulsimo.deployment(''checkout'', ''2.4.1'', project => 1);';

CREATE OR REPLACE FUNCTION pulsimo.remove_deployment_as_owner(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    removed pulsimo.deployments;
BEGIN
    SELECT * INTO removed FROM pulsimo.deployments d
    WHERE d.id = remove_deployment_as_owner.id
        AND CASE WHEN d.project_id IS NOT NULL THEN pulsimo.has_permission('project.view', d.project_id)
                 ELSE pulsimo.has_permission('organization.view', d.organization_id) END;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'deployment % does not exist', coalesce(id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.deployments lists the deployments with their ids.';
    END IF;
    PERFORM pulsimo.require_incident_permission(removed.organization_id, removed.project_id);
    DELETE FROM pulsimo.deployments d WHERE d.id = removed.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.remove_deployment_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_deployment_as_owner(bigint) IS
'Internal: remove_deployment(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.remove_deployment(id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.remove_deployment(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_deployment(bigint) IS
'Removes the mark of a deployment, for example one that was made by mistake.
id: what deployment() has returned.
Errors: P0002 unknown deployment, 42501 may not deal with incidents there.
Example: SELECT pulsimo.remove_deployment(3);';
