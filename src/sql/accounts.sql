-- Accounts: adding, disabling and removing people. The rules are those of members.sql.

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
        PERFORM pulsimo.require_person_for(user_id, 'change its own membership');
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

CREATE OR REPLACE FUNCTION pulsimo.lock_account(account bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM pulsimo.users u WHERE u.id = account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'user % does not exist', coalesce(account::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.users lists the users with their ids.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.lock_account(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.lock_account(bigint) IS
'Internal: keeps others from changing an account until the end of the transaction.
Errors: P0002 unknown user.';

CREATE OR REPLACE FUNCTION pulsimo.lock_organizations_of(user_id bigint) RETURNS bigint[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_organization(m.organization_id) FROM (
        SELECT m.organization_id FROM pulsimo.memberships m WHERE m.user_id = lock_organizations_of.user_id
        ORDER BY m.organization_id) m;
    PERFORM pulsimo.lock_account(user_id);
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
            PERFORM pulsimo.require_person('leave an organization');
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
