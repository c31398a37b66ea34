-- The second factor: passwords that an authenticator app shows for half a minute (RFC 6238), and codes for the day when
-- the telephone is gone. What the app and we share is sealed like every secret; of the codes only hashes are kept.

CREATE OR REPLACE FUNCTION pulsimo.one_time_password_context(account bigint) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('one-time passwords of user %s', account);
$$;
REVOKE ALL ON FUNCTION pulsimo.one_time_password_context(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.one_time_password_context(bigint) IS
'Internal: what the shared secret of an account is sealed for.';

CREATE OR REPLACE FUNCTION pulsimo.new_one_time_secret(context text, account text, OUT sealed bytea, OUT uri text)
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_new_one_time_secret';
REVOKE ALL ON FUNCTION pulsimo.new_one_time_secret(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.new_one_time_secret(text, text) IS
'Internal: a new shared secret, sealed, and the otpauth:// address that gives it to an authenticator app.
Errors: 55000 there is no key.';

CREATE OR REPLACE FUNCTION pulsimo.one_time_step(sealed bytea, context text, code text, last_used_step bigint) RETURNS bigint
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_one_time_step';
REVOKE ALL ON FUNCTION pulsimo.one_time_step(bytea, text, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.one_time_step(bytea, text, text, bigint) IS
'Internal: the half minute whose password this is, of the current one and its neighbours after last_used_step; NULL: of none.
Errors: 55000 there is no key, or not the one it was sealed with.';

CREATE OR REPLACE FUNCTION pulsimo.use_one_time_password(account bigint, code text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    factor pulsimo.one_time_passwords;
    step bigint;
BEGIN
    -- Locked, so that of two who show the same password at the same time one is too late.
    SELECT * INTO factor FROM pulsimo.one_time_passwords o WHERE o.user_id = account FOR NO KEY UPDATE;
    DELETE FROM pulsimo.recovery_codes r
    WHERE r.user_id = account AND r.code_hash = sha256(convert_to(code, 'UTF8')) AND factor.confirmed;
    IF FOUND THEN
        RETURN true;  -- which takes no key
    END IF;
    step := pulsimo.one_time_step(factor.sealed, pulsimo.one_time_password_context(account), code, factor.last_used_step);
    UPDATE pulsimo.one_time_passwords o SET last_used_step = step WHERE o.user_id = account AND step IS NOT NULL;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION pulsimo.use_one_time_password(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.use_one_time_password(bigint, text) IS
'Internal: whether this is a one-time password or a recovery code of an account, which is good no more then.';

CREATE OR REPLACE FUNCTION pulsimo.require_account(what text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account constant bigint := pulsimo.current_user_id();
BEGIN
    PERFORM pulsimo.require_person(what);
    IF account IS NULL THEN
        RAISE EXCEPTION 'permission denied: only a user can %', what USING
            ERRCODE = 'insufficient_privilege',
            HINT = 'Sign in with pulsimo.sign_in() first.';
    END IF;
    RETURN account;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_account(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_account(text) IS
'Internal: the user that the session acts for.
Errors: 42501 there is none, or it acts by way of an API key.';

CREATE OR REPLACE FUNCTION pulsimo.begin_one_time_passwords_as_owner(password text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account bigint;
    address text;
    fresh record;
BEGIN
    PERFORM pulsimo.hide_statement();
    account := pulsimo.require_account('have one-time passwords');
    SELECT u.email INTO address FROM pulsimo.users u WHERE u.id = account;
    PERFORM pulsimo.check_password(address, password);
    SELECT * INTO fresh FROM pulsimo.new_one_time_secret(pulsimo.one_time_password_context(account), address);
    INSERT INTO pulsimo.one_time_passwords AS o (user_id, sealed) VALUES (account, fresh.sealed)
    ON CONFLICT (user_id) DO UPDATE SET sealed = excluded.sealed, last_used_step = 0 WHERE NOT o.confirmed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'one-time passwords are in use already' USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Call pulsimo.end_one_time_passwords() first.';
    END IF;
    RETURN fresh.uri;
END $$;
REVOKE ALL ON FUNCTION pulsimo.begin_one_time_passwords_as_owner(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.begin_one_time_passwords_as_owner(text) IS
'Internal: begin_one_time_passwords(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.begin_one_time_passwords(password text) RETURNS text
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.begin_one_time_passwords(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.begin_one_time_passwords(text) IS
'Returns an otpauth:// address for an authenticator app, usually shown as a QR code. From confirm_one_time_passwords() on, signing in takes a one-time password (RFC 6238: SHA-1, 6 digits, 30 seconds) besides the password.
password: that of the user that the session acts for.
Errors: 28P01 it is wrong, 28000 too many failed attempts, 42501 there is no such user or it acts by way of an API key, 55000 in use already, or there is no key: see pulsimo.secret_key_file.
Example: SELECT pulsimo.begin_one_time_passwords($1);';

CREATE OR REPLACE FUNCTION pulsimo.confirm_one_time_passwords_as_owner(code text) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account bigint;
    address text;
    recovery_code text;
BEGIN
    PERFORM pulsimo.hide_statement();
    account := pulsimo.require_account('have one-time passwords');
    PERFORM FROM pulsimo.one_time_passwords o WHERE o.user_id = account AND NOT o.confirmed FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is nothing to confirm' USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Call pulsimo.begin_one_time_passwords() first.';
    END IF;
    SELECT lower(u.email) INTO address FROM pulsimo.users u WHERE u.id = account;
    PERFORM pulsimo.require_second_factor(account, address, code);
    UPDATE pulsimo.one_time_passwords o SET confirmed = true WHERE o.user_id = account;
    DELETE FROM pulsimo.recovery_codes r WHERE r.user_id = account;
    FOR place IN 1 .. 10 LOOP
        recovery_code := left(pulsimo.new_token(''), 22);  -- 132 bits
        INSERT INTO pulsimo.recovery_codes (user_id, code_hash) VALUES (account, sha256(convert_to(recovery_code, 'UTF8')));
        RETURN NEXT recovery_code;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION pulsimo.confirm_one_time_passwords_as_owner(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.confirm_one_time_passwords_as_owner(text) IS
'Internal: confirm_one_time_passwords(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.confirm_one_time_passwords(code text) RETURNS SETOF text
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.confirm_one_time_passwords(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.confirm_one_time_passwords(text) IS
'Shows that the authenticator app works, and from now on has signing in take one-time passwords. Returns ten recovery codes, each good once in place of a one-time password; they are shown this once.
code: the six digits that the app shows.
Errors: 28P01 they are wrong, 28000 too many failed attempts, 55000 begin_one_time_passwords() was not called, 42501 the session acts for nobody or by way of an API key.
Example: SELECT pulsimo.confirm_one_time_passwords(''123456'');';

CREATE OR REPLACE FUNCTION pulsimo.end_one_time_passwords_as_owner(password text, code text, user_id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account bigint := user_id;
    address text;
BEGIN
    PERFORM pulsimo.hide_statement();
    IF user_id IS NOT NULL THEN
        PERFORM pulsimo.require_operator('take one-time passwords from others');
    ELSE
        account := pulsimo.require_account('do without one-time passwords');
        SELECT lower(u.email) INTO address FROM pulsimo.users u WHERE u.id = account;
        PERFORM pulsimo.check_password(address, password);
        PERFORM pulsimo.require_second_factor(account, address, code)
        FROM pulsimo.one_time_passwords o WHERE o.user_id = account AND o.confirmed;
    END IF;
    DELETE FROM pulsimo.one_time_passwords o WHERE o.user_id = account;
    DELETE FROM pulsimo.recovery_codes r WHERE r.user_id = account;
END $$;
REVOKE ALL ON FUNCTION pulsimo.end_one_time_passwords_as_owner(text, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.end_one_time_passwords_as_owner(text, text, bigint) IS
'Internal: end_one_time_passwords(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.end_one_time_passwords(
    password text DEFAULT NULL, code text DEFAULT NULL, user_id bigint DEFAULT NULL
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.end_one_time_passwords(text, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.end_one_time_passwords(text, text, bigint) IS
'From now on the password alone is enough to sign in. Does nothing when it is already.
password, code: those of the user that the session acts for; the code is a one-time password or a recovery code.
user_id: of somebody who has lost both, for the operator, who gives neither.
Errors: 28P01 password or code is wrong, 28000 too many failed attempts, 42501 not the operator, or by way of an API key.
Example: SELECT pulsimo.end_one_time_passwords($1, ''123456'');';
