-- Who belongs to an organization, as what, and who has a role in a project.
--
-- Nobody but the operator may write these tables, so what changes them runs with the rights of the owner (see
-- src/functions/as_owner.hpp) and begins with the question whether its caller may. Rules that hold for all of them: nobody
-- gives a role above their own or touches somebody who has one, and an organization that has an owner keeps one.

-- Accounts of other organizations must not be told apart from ones that do not exist.
CREATE OR REPLACE FUNCTION pulsimo.require_member(organization bigint, user_id bigint)
RETURNS pulsimo.organization_role
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_role pulsimo.organization_role;
BEGIN
    SELECT m.role INTO found_role FROM pulsimo.memberships m
    WHERE m.organization_id = organization AND m.user_id = require_member.user_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % does not belong to organization %', coalesce(user_id::text, 'null'), organization USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.organization_members lists who does.';
    END IF;
    RETURN found_role;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_member(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_member(bigint, bigint) IS
'Internal: the role of a user in an organization.
Errors: P0002 no member.';

-- Two sessions that change the members of one organization come one after the other, so that neither takes away the
-- last but one owner while the other takes the last. An UPDATE instead of a lock: the second of two transactions that
-- keep their snapshot (REPEATABLE READ) has to fail, because it cannot see what the first has done.
CREATE OR REPLACE FUNCTION pulsimo.lock_organization(organization bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE pulsimo.organizations o SET name = o.name WHERE o.id = organization;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'organization % does not exist', coalesce(organization::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.organizations lists the organizations with their ids.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.lock_organization(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.lock_organization(bigint) IS
'Internal: keeps others from changing the members of an organization until the end of the transaction.
Errors: P0002 unknown organization.';

CREATE OR REPLACE FUNCTION pulsimo.begin_member_change(organization bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_permission('members.change', organization);
    PERFORM pulsimo.lock_organization(organization);
    PERFORM pulsimo.require_permission('members.change', organization);  -- still, now that we have waited
END $$;
REVOKE ALL ON FUNCTION pulsimo.begin_member_change(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.begin_member_change(bigint) IS
'Internal: what every function that changes members does first: asks for the right to, and keeps others out until the end of the transaction.';

CREATE OR REPLACE FUNCTION pulsimo.require_rank(organization bigint, role pulsimo.organization_role) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF role IS NULL THEN
        RAISE EXCEPTION 'role must not be null' USING
            ERRCODE = 'null_value_not_allowed',
            HINT = 'Give owner, admin, member or viewer.';
    END IF;
    IF role IN ('owner', 'admin') AND pulsimo.current_api_key_id() IS NOT NULL
        AND NOT pulsimo.is_in_scope(pulsimo.current_api_key_id(), 'all') THEN
        PERFORM pulsimo.note_denial('members.change', organization);
        RAISE EXCEPTION 'permission denied: the API key has to have the scope "all" for role %', role USING
            ERRCODE = 'insufficient_privilege',
            HINT = 'Who has that role can do more than this key.';
    END IF;
    -- The enum has the highest role first.
    IF NOT pulsimo.is_operator() AND (role >= (
            SELECT m.role FROM pulsimo.memberships m
            WHERE m.organization_id = organization AND m.user_id = pulsimo.current_user_id())) IS NOT TRUE THEN
        PERFORM pulsimo.note_denial('members.change', organization);
        RAISE EXCEPTION 'permission denied: role % is above your own', role USING
            ERRCODE = 'insufficient_privilege',
            HINT = 'Ask somebody of the organization who has that role.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_rank(bigint, pulsimo.organization_role) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_rank(bigint, pulsimo.organization_role) IS
'Internal: raises 42501 when a role is higher than that of the caller, 22004 when it is null.';

CREATE OR REPLACE FUNCTION pulsimo.require_person_for(account bigint, what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF account = pulsimo.current_user_id() THEN
        PERFORM pulsimo.require_person(what);
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_person_for(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_person_for(bigint, text) IS
'Internal: require_person() when it is about the user that the session acts for.';

CREATE OR REPLACE FUNCTION pulsimo.is_member(organization bigint, account bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pulsimo.memberships m WHERE m.organization_id = organization AND m.user_id = account);
$$;
REVOKE ALL ON FUNCTION pulsimo.is_member(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.is_member(bigint, bigint) IS
'Internal: whether a user belongs to an organization.';

CREATE OR REPLACE FUNCTION pulsimo.require_owner_left(organization bigint, had_owner boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF had_owner AND NOT pulsimo.has_owner(organization) THEN
        RAISE EXCEPTION 'organization % must keep an owner', organization USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Make somebody else an owner first, with pulsimo.set_role().';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_owner_left(bigint, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_owner_left(bigint, boolean) IS
'Internal: raises 55000 when an organization has lost its last owner.';

CREATE OR REPLACE FUNCTION pulsimo.has_owner(organization bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM pulsimo.memberships m JOIN pulsimo.users u ON u.id = m.user_id
        WHERE m.organization_id = organization AND m.role = 'owner' AND m.status = 'active' AND u.status = 'active');
$$;
REVOKE ALL ON FUNCTION pulsimo.has_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.has_owner(bigint) IS
'Internal: whether an organization has an owner who can act.';

CREATE OR REPLACE FUNCTION pulsimo.add_organization(name text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    new_id bigint;
BEGIN
    PERFORM pulsimo.require_operator('add organizations');
    PERFORM pulsimo.require_name(name);
    INSERT INTO pulsimo.organizations (name) VALUES (add_organization.name) RETURNING id INTO new_id;
    RETURN new_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_organization(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_organization(text) IS
'Adds an organization, a tenant of its own, and returns its id. For the operator. It is empty: give it an owner with add_user() or invite_user().
Errors: 42501 not the operator, 23505 there is one of this name, 22023 name is not one line of 1 to 200 characters.
Example: SELECT pulsimo.add_organization(''Example Ltd'');';

CREATE OR REPLACE FUNCTION pulsimo.require_operator(what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pulsimo.is_operator() THEN
        PERFORM pulsimo.note_denial(what, NULL);
        RAISE EXCEPTION 'permission denied: only the operator may %', what USING
            ERRCODE = 'insufficient_privilege',
            HINT = 'The operator is a superuser of the database.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_operator(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_operator(text) IS
'Internal: raises 42501 unless the session is that of the operator.';

CREATE OR REPLACE FUNCTION pulsimo.require_name(name text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (name ~ '[^[:space:]]' AND name !~ '[[:cntrl:]]' AND length(name) <= 200) IS NOT TRUE THEN
        RAISE EXCEPTION 'name must be one line of 1 to 200 characters' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give a name as shown to people.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_name(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_name(text) IS
'Internal: raises 22023 when this is no name.';

CREATE OR REPLACE FUNCTION pulsimo.join_organization(
    organization bigint, account bigint, as_role pulsimo.organization_role
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO pulsimo.memberships AS m (organization_id, user_id, role) VALUES (organization, account, as_role)
        ON CONFLICT (organization_id, user_id) DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % belongs to organization % already', account, organization USING
            ERRCODE = 'unique_violation',
            HINT = 'To give another role call pulsimo.set_role().';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.join_organization(bigint, bigint, pulsimo.organization_role) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.join_organization(bigint, bigint, pulsimo.organization_role) IS
'Internal: makes a user a member.
Errors: 23505 is one already.';

CREATE OR REPLACE FUNCTION pulsimo.set_role_as_owner(user_id bigint, organization bigint, role pulsimo.organization_role)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    had_owner boolean;
BEGIN
    PERFORM pulsimo.require_person_for(user_id, 'change its own role');
    PERFORM pulsimo.begin_member_change(organization);
    PERFORM pulsimo.require_rank(organization, role);
    IF pulsimo.is_operator() AND NOT pulsimo.is_member(organization, user_id) THEN
        PERFORM pulsimo.lock_account(user_id);
        PERFORM pulsimo.join_organization(organization, user_id, role);
        RETURN;
    END IF;
    PERFORM pulsimo.require_rank(organization, pulsimo.require_member(organization, user_id));
    had_owner := pulsimo.has_owner(organization);
    UPDATE pulsimo.memberships m SET role = set_role_as_owner.role
    WHERE m.organization_id = organization AND m.user_id = set_role_as_owner.user_id;
    PERFORM pulsimo.require_owner_left(organization, had_owner);
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_role_as_owner(bigint, bigint, pulsimo.organization_role) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_role_as_owner(bigint, bigint, pulsimo.organization_role) IS
'Internal: set_role(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.set_role(user_id bigint, organization bigint, role pulsimo.organization_role)
RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.set_role(bigint, bigint, pulsimo.organization_role) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_role(bigint, bigint, pulsimo.organization_role) IS
'Gives a member of an organization another role. Nobody can raise their own, or give one above it. The operator can make somebody a member this way who has an account.
Errors: 42501 may not change members, or the old or new role is above one''s own; P0002 no member; 55000 the last owner.
Example: SELECT pulsimo.set_role(7, 1, ''admin'');';

CREATE OR REPLACE FUNCTION pulsimo.set_project_role_as_owner(user_id bigint, project bigint, role pulsimo.project_role)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_person_for(user_id, 'change its own role');
    PERFORM pulsimo.require_permission('project.members', project), pulsimo.require_project(project);
    IF NOT EXISTS (SELECT FROM pulsimo.users u WHERE u.id = set_project_role_as_owner.user_id AND (
            pulsimo.is_operator()
            OR EXISTS (SELECT FROM pulsimo.memberships m JOIN pulsimo.projects p ON p.organization_id = m.organization_id
                       WHERE p.id = project AND m.user_id = u.id)
            OR EXISTS (SELECT FROM pulsimo.project_members s WHERE s.project_id = project AND s.user_id = u.id))) THEN
        RAISE EXCEPTION 'user % belongs to neither the project nor its organization', coalesce(user_id::text, 'null')
            USING ERRCODE = 'no_data_found', HINT = 'The view pulsimo.organization_members lists who does.';
    END IF;
    IF role IS NULL THEN
        DELETE FROM pulsimo.project_members s
        WHERE s.project_id = project AND s.user_id = set_project_role_as_owner.user_id;
    ELSE
        INSERT INTO pulsimo.project_members AS s (project_id, user_id, role)
        VALUES (project, set_project_role_as_owner.user_id, set_project_role_as_owner.role)
        ON CONFLICT ON CONSTRAINT project_members_pkey DO UPDATE SET role = excluded.role;
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_project_role_as_owner(bigint, bigint, pulsimo.project_role) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_project_role_as_owner(bigint, bigint, pulsimo.project_role) IS
'Internal: set_project_role(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.set_project_role(user_id bigint, project bigint, role pulsimo.project_role)
RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.set_project_role(bigint, bigint, pulsimo.project_role) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_project_role(bigint, bigint, pulsimo.project_role) IS
'Gives a user a role in one project, besides what they may do through their organization: a viewer of the organization can so become editor of one project. The operator can also give it to somebody who does not belong to the organization, a customer for example, who then sees this project and no other.
role: admin, editor or viewer; NULL takes it away.
Errors: 42501 may not change who is in the project, P0002 unknown project, or the user belongs to neither the project nor its organization.
Example: SELECT pulsimo.set_project_role(7, 3, ''viewer'');';

CREATE OR REPLACE VIEW pulsimo.organization_members WITH (security_invoker = true) AS
SELECT o.id AS organization_id, o.name AS organization, p.user_id, p.email, p.name, p.role, p.status, p.since
FROM pulsimo.organizations o
    JOIN (
        SELECT m.organization_id, u.id AS user_id, u.email, u.name, m.role,
               CASE WHEN u.status <> 'active' THEN u.status ELSE m.status END AS status, m.created_at AS since
        FROM pulsimo.memberships m JOIN pulsimo.users u ON u.id = m.user_id
        UNION ALL
        SELECT i.organization_id, NULL, i.email, NULL, i.role, 'invited', i.created_at
        FROM pulsimo.invitations i WHERE i.expires_at > statement_timestamp()
    ) p ON p.organization_id = o.id
ORDER BY o.name, p.role, p.email;
REVOKE ALL ON pulsimo.organization_members FROM PUBLIC;
COMMENT ON VIEW pulsimo.organization_members IS
'Who belongs to which organization, the highest role first.
Example: SELECT email, role FROM pulsimo.organization_members WHERE organization = ''default'';';
COMMENT ON COLUMN pulsimo.organization_members.organization_id IS 'id of the organization';
COMMENT ON COLUMN pulsimo.organization_members.organization IS 'name of the organization';
COMMENT ON COLUMN pulsimo.organization_members.user_id IS 'id of the user; NULL while they are only invited';
COMMENT ON COLUMN pulsimo.organization_members.email IS 'their address';
COMMENT ON COLUMN pulsimo.organization_members.name IS 'their name; NULL while they are only invited';
COMMENT ON COLUMN pulsimo.organization_members.role IS 'owner, admin, member or viewer';
COMMENT ON COLUMN pulsimo.organization_members.status IS 'invited, active or disabled';
COMMENT ON COLUMN pulsimo.organization_members.since IS 'when they joined or were invited';
