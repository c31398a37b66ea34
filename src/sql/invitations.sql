-- Inviting people into an organization. There is no account before somebody accepts, so that an invitation tells nobody
-- whether there is one already.

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

CREATE OR REPLACE FUNCTION pulsimo.accept_invitation_as_owner(token text, name text, password text)
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    invitation pulsimo.invitations;
    account bigint;
BEGIN
    PERFORM pulsimo.hide_statement();
    PERFORM pulsimo.require_person('accept invitations');
    DELETE FROM pulsimo.invitations i
    WHERE i.token_hash = sha256(convert_to(token, 'UTF8')) AND i.expires_at > clock_timestamp()
    RETURNING * INTO invitation;
    IF NOT FOUND OR NOT pulsimo.may_invite(invitation.invited_by, invitation.organization_id, invitation.role) THEN
        RAISE EXCEPTION 'there is no such invitation' USING
            ERRCODE = 'invalid_authorization_specification',
            HINT = 'It may have expired or been replaced: ask for another.';
    END IF;
    SELECT u.id INTO account FROM pulsimo.users u WHERE lower(u.email) = lower(invitation.email);
    IF NOT FOUND THEN
        account := pulsimo.add_account(invitation.email, name);
        PERFORM pulsimo.store_password(account, password);
    ELSIF account IS DISTINCT FROM pulsimo.current_user_id() THEN
        -- Whoever invited somebody has seen the token; that must not make them that person.
        PERFORM pulsimo.check_password(invitation.email, password);
        IF EXISTS (SELECT FROM pulsimo.one_time_passwords o WHERE o.user_id = account AND o.confirmed) THEN
            RAISE EXCEPTION 'a one-time password is needed' USING
                ERRCODE = 'invalid_authorization_specification',
                HINT = 'Call pulsimo.sign_in() first, in the same transaction.';
        END IF;
    END IF;
    PERFORM pulsimo.join_organization(invitation.organization_id, account, invitation.role);
    RETURN account;
END $$;
REVOKE ALL ON FUNCTION pulsimo.accept_invitation_as_owner(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.accept_invitation_as_owner(text, text, text) IS
'Internal: accept_invitation(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.accept_invitation(token text, name text DEFAULT NULL, password text DEFAULT NULL)
RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.accept_invitation(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.accept_invitation(text, text, text) IS
'Accepts an invitation into an organization and returns the id of the user. The token is good once.
token: what invite_user() returned.
name, password: of the new account. Whoever has an account already gives their password, or is signed in.
Errors: 28000 there is no such invitation, or too many failed attempts; 28P01 wrong password of an account that exists; 23505 is a member already; 22023 name or password is not acceptable.
Example: SELECT pulsimo.accept_invitation($1, ''Bob'', $2);';
