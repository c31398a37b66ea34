-- People: who has an account, who belongs to which organization, as what.
--
-- Nobody but the operator may write these tables, so what changes them runs with the rights of the owner (see as_owner.hpp)
-- and begins with the question whether its caller may. Rules that hold for all of them: nobody gives a role above their
-- own or touches somebody who has one, and an organization that has an owner keeps one.

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
    -- The enum has the highest role first.
    IF NOT pulsimo.is_operator() AND (role >= (
            SELECT m.role FROM pulsimo.memberships m
            WHERE m.organization_id = organization AND m.user_id = pulsimo.current_user_id())) IS NOT TRUE THEN
        RAISE EXCEPTION 'permission denied: role % is above your own', role USING
            ERRCODE = 'insufficient_privilege',
            HINT = 'Ask somebody of the organization who has that role.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_rank(bigint, pulsimo.organization_role) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_rank(bigint, pulsimo.organization_role) IS
'Internal: raises 42501 when a role is higher than that of the caller, 22004 when it is null.';

CREATE OR REPLACE FUNCTION pulsimo.is_member(organization bigint, account bigint) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pulsimo.memberships m WHERE m.organization_id = organization AND m.user_id = account);
$$;
REVOKE ALL ON FUNCTION pulsimo.is_member(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.is_member(bigint, bigint) IS
'Internal: whether a user belongs to an organization.';

CREATE OR REPLACE FUNCTION pulsimo.may_invite(inviter bigint, organization bigint, as_role pulsimo.organization_role)
RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT inviter IS NULL OR (
        pulsimo.permits(inviter, false, 'members.change', organization)
        AND as_role >= (SELECT m.role FROM pulsimo.memberships m
                        WHERE m.organization_id = organization AND m.user_id = inviter));
$$;
REVOKE ALL ON FUNCTION pulsimo.may_invite(bigint, bigint, pulsimo.organization_role) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.may_invite(bigint, bigint, pulsimo.organization_role) IS
'Internal: whether a user may (still) invite into an organization for a role. NULL stands for the operator.';

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

CREATE OR REPLACE FUNCTION pulsimo.require_address(email text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (email ~ '^[^@[:space:]]+@[^@[:space:]]+$' AND length(email) <= 254) IS NOT TRUE THEN
        RAISE EXCEPTION 'email must be an address of at most 254 characters, not %',
            coalesce(quote_literal(email), 'null') USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give it like ''ann@example.org''.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_address(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_address(text) IS
'Internal: raises 22023 when this is no e-mail address.';

-- Whoever has an account already, perhaps of another organization, is not made a member without being asked. And somebody
-- who knows the password of an address need not be the person one means.
CREATE OR REPLACE FUNCTION pulsimo.add_account(address text, called text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account bigint;
BEGIN
    PERFORM pulsimo.require_address(address);
    PERFORM pulsimo.require_name(called);
    INSERT INTO pulsimo.users AS u (email, name) VALUES (address, called)
        ON CONFLICT (lower(email)) DO NOTHING
        RETURNING u.id INTO account;
    IF account IS NULL THEN
        RAISE EXCEPTION '% has an account already', address USING
            ERRCODE = 'unique_violation',
            HINT = 'Invite them with pulsimo.invite_user(), so that they can say whether they want to.';
    END IF;
    RETURN account;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_account(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_account(text, text) IS
'Internal: makes an account and returns its id.
Errors: 22023 email or name is not acceptable, 23505 there is one.';

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

CREATE OR REPLACE FUNCTION pulsimo.add_user_as_owner(
    email text,
    name text,
    organization bigint,
    role pulsimo.organization_role,
    password text,
    database_role name
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account bigint;
BEGIN
    IF password IS NOT NULL THEN
        PERFORM pulsimo.hide_statement();
    END IF;
    PERFORM pulsimo.begin_member_change(organization);
    PERFORM pulsimo.require_rank(organization, role);
    IF database_role IS NOT NULL THEN
        PERFORM pulsimo.require_operator('say whose database role it is');
    END IF;
    account := pulsimo.add_account(email, name);
    PERFORM pulsimo.join_organization(organization, account, role);
    IF password IS NOT NULL THEN
        PERFORM pulsimo.store_password(account, password);
    END IF;
    IF database_role IS NOT NULL THEN
        PERFORM pulsimo.grant_access(database_role);
        UPDATE pulsimo.users u SET database_role = add_user_as_owner.database_role WHERE u.id = account;
    END IF;
    RETURN account;
END $$;
REVOKE ALL ON FUNCTION pulsimo.add_user_as_owner(text, text, bigint, pulsimo.organization_role, text, name) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_user_as_owner(text, text, bigint, pulsimo.organization_role, text, name) IS
'Internal: add_user(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.add_user(
    email text,
    name text,
    organization bigint,
    role pulsimo.organization_role DEFAULT 'member',
    password text DEFAULT NULL,
    database_role name DEFAULT NULL
) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.add_user(text, text, bigint, pulsimo.organization_role, text, name) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.add_user(text, text, bigint, pulsimo.organization_role, text, name) IS
'Adds an account for a person, makes them a member of an organization and returns the id of the user. Whoever has an account already is invited instead; the operator can make them a member with set_role().
email: at most 254 characters, unique without regard to case.
name: one line of at most 200 characters.
organization: its id.
role: owner, admin, member or viewer, not above the caller''s own.
password: what they sign_in() with.
database_role: the role with which they log in; for the operator. It gets the rights that grant_access() gives.
Errors: 22004 role is null; 42501 may not change members, role above one''s own, or database_role from somebody else than the operator; 22023 email, name or password is not acceptable; 23505 there is such an account, or database_role is that of another user; 42704 there is no such role; P0002 unknown organization.
Example: SELECT pulsimo.add_user(''ann@example.org'', ''Ann'', 1, ''viewer'', database_role => ''ann'');';

CREATE OR REPLACE FUNCTION pulsimo.new_token(prefix text) RETURNS text
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_new_token';
REVOKE ALL ON FUNCTION pulsimo.new_token(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.new_token(text) IS
'Internal: a new secret of 256 random bits, as the prefix and 43 characters.';

CREATE OR REPLACE FUNCTION pulsimo.invite_user_as_owner(
    email text, organization bigint, role pulsimo.organization_role, valid interval
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token constant text := pulsimo.new_token('pui_');
BEGIN
    PERFORM pulsimo.begin_member_change(organization);
    PERFORM pulsimo.require_rank(organization, role);
    IF (valid > '0 s' AND valid <= '90 days') IS NOT TRUE THEN
        RAISE EXCEPTION 'valid must be positive and at most 90 days, not %', coalesce(quote_literal(valid), 'null') USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Leave valid out for 7 days.';
    END IF;
    PERFORM pulsimo.require_address(email);
    IF EXISTS (SELECT FROM pulsimo.memberships m JOIN pulsimo.users u ON u.id = m.user_id
               WHERE m.organization_id = organization AND lower(u.email) = lower(invite_user_as_owner.email)) THEN
        RAISE EXCEPTION '% belongs to organization % already', email, organization USING
            ERRCODE = 'unique_violation',
            HINT = 'To give another role call pulsimo.set_role().';
    END IF;
    DELETE FROM pulsimo.invitations i WHERE i.organization_id = organization AND lower(i.email) = lower(invite_user_as_owner.email);
    INSERT INTO pulsimo.invitations (organization_id, email, role, token_hash, invited_by, expires_at)
    VALUES (organization, invite_user_as_owner.email, role, sha256(convert_to(token, 'UTF8')),
            CASE WHEN NOT pulsimo.is_operator() THEN pulsimo.current_user_id() END, clock_timestamp() + valid);
    RETURN token;
END $$;
REVOKE ALL ON FUNCTION pulsimo.invite_user_as_owner(text, bigint, pulsimo.organization_role, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.invite_user_as_owner(text, bigint, pulsimo.organization_role, interval) IS
'Internal: invite_user(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.invite_user(
    email text, organization bigint, role pulsimo.organization_role DEFAULT 'member', valid interval DEFAULT '7 days'
) RETURNS text
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.invite_user(text, bigint, pulsimo.organization_role, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.invite_user(text, bigint, pulsimo.organization_role, interval) IS
'Invites a person into an organization and returns the token that they give to accept_invitation(). It is shown this once; only its hash is kept. Inviting again replaces an invitation that was not accepted. It is good as long as whoever invited may still do so.
email: at most 254 characters.
organization: its id.
role: owner, admin, member or viewer, not above the caller''s own.
valid: how long the token is good, at most 90 days.
Errors: 42501 may not change members or role above one''s own, 22023 email or valid is not acceptable, 23505 is a member already, P0002 unknown organization.
Example: SELECT pulsimo.invite_user(''bob@example.org'', 1, ''admin'');';

CREATE OR REPLACE FUNCTION pulsimo.revoke_invitation_as_owner(email text, organization bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.begin_member_change(organization);
    DELETE FROM pulsimo.invitations i
    WHERE i.organization_id = organization AND lower(i.email) = lower(revoke_invitation_as_owner.email);
    IF NOT FOUND THEN
        RAISE EXCEPTION '% is not invited into organization %', coalesce(email, 'null'), organization USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.organization_members lists who is.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.revoke_invitation_as_owner(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.revoke_invitation_as_owner(text, bigint) IS
'Internal: revoke_invitation(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.revoke_invitation(email text, organization bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.revoke_invitation(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.revoke_invitation(text, bigint) IS
'Takes an invitation back that was not accepted.
Errors: 42501 may not change members, P0002 there is none, or unknown organization.
Example: SELECT pulsimo.revoke_invitation(''bob@example.org'', 1);';

CREATE OR REPLACE FUNCTION pulsimo.disable_user_as_owner(user_id bigint, organization bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.set_user_status(user_id, organization, 'disabled');
END $$;
REVOKE ALL ON FUNCTION pulsimo.disable_user_as_owner(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.disable_user_as_owner(bigint, bigint) IS
'Internal: disable_user(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.disable_user(user_id bigint, organization bigint DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.disable_user(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.disable_user(bigint, bigint) IS
'Takes a user''s rights away at once, until enable_user(): in an organization, or when that is left out everywhere, which is for the operator. Roles and history stay; when it is everywhere, their sessions end.
Errors: 42501 may not change members, the user has a role above one''s own, or not the operator; P0002 unknown user or no member; 55000 the last owner of an organization.
Example: SELECT pulsimo.disable_user(7, organization => 1);';

CREATE OR REPLACE FUNCTION pulsimo.enable_user_as_owner(user_id bigint, organization bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.set_user_status(user_id, organization, 'active');
END $$;
REVOKE ALL ON FUNCTION pulsimo.enable_user_as_owner(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.enable_user_as_owner(bigint, bigint) IS
'Internal: enable_user(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.enable_user(user_id bigint, organization bigint DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.enable_user(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.enable_user(bigint, bigint) IS
'Gives a user back what disable_user() has taken. Does nothing when they are not disabled.
Errors: 42501 may not change members, the user has a role above one''s own, or not the operator; P0002 unknown user or no member.
Example: SELECT pulsimo.enable_user(7, organization => 1);';

CREATE OR REPLACE FUNCTION pulsimo.set_user_status(user_id bigint, organization bigint, status pulsimo.user_status)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owned bigint[];
    had_owner boolean;
BEGIN
    IF organization IS NOT NULL THEN
        PERFORM pulsimo.begin_member_change(organization);
        PERFORM pulsimo.require_rank(organization, pulsimo.require_member(organization, user_id));
        had_owner := pulsimo.has_owner(organization);
        UPDATE pulsimo.memberships m SET status = set_user_status.status
        WHERE m.organization_id = organization AND m.user_id = set_user_status.user_id;
        PERFORM pulsimo.require_owner_left(organization, had_owner);
        RETURN;
    END IF;
    PERFORM pulsimo.require_operator('change the state of an account');
    owned := pulsimo.lock_organizations_of(user_id);
    UPDATE pulsimo.users u SET status = set_user_status.status
    WHERE u.id = set_user_status.user_id;
    DELETE FROM pulsimo.user_sessions s WHERE s.user_id = set_user_status.user_id AND status = 'disabled';
    PERFORM pulsimo.require_owner_left(o.id, true) FROM unnest(owned) AS o (id);
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_user_status(bigint, bigint, pulsimo.user_status) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_user_status(bigint, bigint, pulsimo.user_status) IS
'Internal: disable_user() and enable_user().';

CREATE OR REPLACE FUNCTION pulsimo.lock_organizations_of(user_id bigint) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_organization(m.organization_id) FROM (
        SELECT m.organization_id FROM pulsimo.memberships m WHERE m.user_id = lock_organizations_of.user_id
        ORDER BY m.organization_id) m;
    PERFORM FROM pulsimo.users u WHERE u.id = lock_organizations_of.user_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % does not exist', coalesce(user_id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.users lists the users with their ids.';
    END IF;
    RETURN ARRAY(SELECT m.organization_id FROM pulsimo.memberships m
                 WHERE m.user_id = lock_organizations_of.user_id AND pulsimo.has_owner(m.organization_id));
END $$;
REVOKE ALL ON FUNCTION pulsimo.lock_organizations_of(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.lock_organizations_of(bigint) IS
'Internal: locks an account and the organizations it belongs to; returns those that have an owner.
Errors: P0002 unknown user.';

CREATE OR REPLACE FUNCTION pulsimo.remove_user_as_owner(user_id bigint, organization bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owned bigint[];
    had_owner boolean;
BEGIN
    IF organization IS NOT NULL THEN
        IF user_id IS DISTINCT FROM pulsimo.current_user_id() THEN
            PERFORM pulsimo.begin_member_change(organization);
            PERFORM pulsimo.require_rank(organization, pulsimo.require_member(organization, user_id));
        ELSE
            PERFORM pulsimo.require_member(organization, user_id);
            PERFORM pulsimo.lock_organization(organization);
        END IF;
        had_owner := pulsimo.has_owner(organization);
        DELETE FROM pulsimo.memberships m
        WHERE m.organization_id = organization AND m.user_id = remove_user_as_owner.user_id;
        DELETE FROM pulsimo.project_members m USING pulsimo.projects p
        WHERE p.id = m.project_id AND p.organization_id = organization AND m.user_id = remove_user_as_owner.user_id;
        PERFORM pulsimo.require_owner_left(organization, had_owner);
        RETURN;
    END IF;
    PERFORM pulsimo.require_operator('remove accounts');
    owned := pulsimo.lock_organizations_of(user_id);
    DELETE FROM pulsimo.users u WHERE u.id = remove_user_as_owner.user_id;
    PERFORM pulsimo.require_owner_left(o.id, true) FROM unnest(owned) AS o (id);
END $$;
REVOKE ALL ON FUNCTION pulsimo.remove_user_as_owner(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_user_as_owner(bigint, bigint) IS
'Internal: remove_user(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.remove_user(user_id bigint, organization bigint DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.remove_user(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_user(bigint, bigint) IS
'Takes a user out of an organization and its projects; when organization is left out, removes the account from all of them, which is for the operator. Everybody may leave an organization this way. Grants to their database role stay: see revoke_access().
Errors: 42501 may not change members, the user has a role above one''s own, or not the operator; P0002 unknown user or no member; 55000 the last owner of an organization.
Example: SELECT pulsimo.remove_user(7, organization => 1);';

CREATE OR REPLACE FUNCTION pulsimo.set_role_as_owner(user_id bigint, organization bigint, role pulsimo.organization_role)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    had_owner boolean;
BEGIN
    PERFORM pulsimo.begin_member_change(organization);
    PERFORM pulsimo.require_rank(organization, role);
    IF pulsimo.is_operator() AND NOT pulsimo.is_member(organization, user_id) THEN
        PERFORM pulsimo.lock_organizations_of(user_id);  -- there is such a user
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
    PERFORM pulsimo.require_permission('project.members', project);
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
Errors: 42501 may not change who is in the project, P0002 the user belongs to neither the project nor its organization.
Example: SELECT pulsimo.set_project_role(7, 3, ''viewer'');';

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
