-- Passwords and sessions, for applications whose users share one database role behind a pool: sign_in() once, and
-- use_session() at the beginning of every transaction. Who is acting is kept in the memory of the backend until the
-- transaction ends; nothing of it is left for the next one on the same connection.

CREATE OR REPLACE FUNCTION pulsimo.hash_password(password text) RETURNS text
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_hash_password';
REVOKE ALL ON FUNCTION pulsimo.hash_password(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.hash_password(text) IS
'Internal: the Argon2id hash of a password, by the settings pulsimo.password_memory and pulsimo.password_rounds.';

CREATE OR REPLACE FUNCTION pulsimo.password_matches(password text, hash text) RETURNS boolean
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_password_matches';
REVOKE ALL ON FUNCTION pulsimo.password_matches(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.password_matches(text, text) IS
'Internal: whether a password is the one of the hash. Takes as long, and is false, when hash is NULL.';

CREATE OR REPLACE FUNCTION pulsimo.is_sign_in_locked(who text) RETURNS boolean
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_is_sign_in_locked';
REVOKE ALL ON FUNCTION pulsimo.is_sign_in_locked(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.is_sign_in_locked(text) IS
'Internal: whether there were too many failed attempts to sign in.
Errors: 55000 the library is not preloaded.';

CREATE OR REPLACE FUNCTION pulsimo.note_sign_in(who text, matched boolean) RETURNS boolean
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_note_sign_in';
REVOKE ALL ON FUNCTION pulsimo.note_sign_in(text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.note_sign_in(text, boolean) IS
'Internal: counts a failed attempt to sign in, whatever becomes of the transaction, or forgets those before one that succeeded. False when there were too many meanwhile: then it did not succeed.';

CREATE OR REPLACE FUNCTION pulsimo.act_for(acting_user bigint) RETURNS void
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_act_for';
REVOKE ALL ON FUNCTION pulsimo.act_for(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.act_for(bigint) IS
'Internal: makes a user the one that the session acts for, until the transaction ends.';

CREATE OR REPLACE FUNCTION pulsimo.act_for(acting_user bigint, api_key bigint) RETURNS void
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_act_for';
REVOKE ALL ON FUNCTION pulsimo.act_for(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.act_for(bigint, bigint) IS
'Internal: act_for(), by way of an API key.';

CREATE OR REPLACE FUNCTION pulsimo.require_person(what text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pulsimo.current_api_key_id() IS NOT NULL THEN
        PERFORM pulsimo.note_denial(what, pulsimo.current_user_id());
        RAISE EXCEPTION 'permission denied: an API key cannot %', what USING
            ERRCODE = 'insufficient_privilege',
            HINT = 'Sign in with pulsimo.sign_in() instead.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_person(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_person(text) IS
'Internal: raises 42501 when the session acts by way of an API key: whatever its scopes, it is not the person.';

CREATE OR REPLACE FUNCTION pulsimo.hide_statement() RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_hide_statement';
REVOKE ALL ON FUNCTION pulsimo.hide_statement() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.hide_statement() IS
'Internal: keeps the text of the running statement out of pg_stat_activity, and out of the log should it fail.';

CREATE OR REPLACE FUNCTION pulsimo.require_good_password(account bigint, password text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shortest constant integer := current_setting('pulsimo.password_length')::integer;
    problem text;
BEGIN
    IF password IS NULL OR length(password) < shortest THEN
        problem := format('it has fewer than %s characters', shortest);
    ELSIF octet_length(password) > 1024 THEN
        problem := 'it is longer than 1024 bytes';
    ELSIF (SELECT count(DISTINCT c) FROM regexp_split_to_table(lower(password), '') c) < 6 THEN
        problem := 'it has fewer than six different characters';
    ELSIF EXISTS (SELECT FROM pulsimo.users u, unnest(ARRAY[split_part(u.email, '@', 1), u.name]) AS part
                  WHERE u.id = account AND length(part) >= 4 AND strpos(lower(password), lower(part)) > 0) THEN
        problem := 'it contains the name or the address of the user';
    ELSIF EXISTS (
        SELECT FROM (SELECT p.hash FROM pulsimo.passwords p WHERE p.user_id = account ORDER BY p.id DESC LIMIT 5) old
        WHERE pulsimo.password_matches(password, old.hash)) THEN
        problem := 'it is one of the last five';
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'password is not acceptable: %', problem USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Several words that have nothing to do with each other make a good one. pulsimo.password_length is the fewest characters.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_good_password(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_good_password(bigint, text) IS
'Internal: raises 22023, without saying the password, when it is not acceptable as the next of a user.';

CREATE OR REPLACE FUNCTION pulsimo.store_password(account bigint, password text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_account(account);
    PERFORM pulsimo.require_good_password(account, password);
    INSERT INTO pulsimo.passwords (user_id, hash) VALUES (account, pulsimo.hash_password(password));
    DELETE FROM pulsimo.passwords p WHERE p.user_id = account AND p.id NOT IN (
        SELECT l.id FROM pulsimo.passwords l WHERE l.user_id = account ORDER BY l.id DESC LIMIT 5);
    DELETE FROM pulsimo.user_sessions s WHERE s.user_id = account;
END $$;
REVOKE ALL ON FUNCTION pulsimo.store_password(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.store_password(bigint, text) IS
'Internal: gives a user a new password, which ends all their sessions.
Errors: P0002 unknown user, 22023 it is not acceptable.';

-- Whoever does not exist, is disabled or has no password is told the same, after the same time, as with a wrong one.
CREATE OR REPLACE FUNCTION pulsimo.check_password(email text, password text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    address constant text := lower(coalesce(email, ''));
    account bigint;
    hash text;
    matches boolean;
    locked boolean := true;
BEGIN
    SELECT u.id, p.hash INTO account, hash
    FROM pulsimo.users u JOIN pulsimo.passwords p ON p.user_id = u.id
    WHERE lower(u.email) = address AND u.status = 'active'
    ORDER BY p.id DESC LIMIT 1;
    IF NOT pulsimo.is_sign_in_locked(address) THEN
        matches := pulsimo.password_matches(coalesce(password, ''), hash);
        locked := NOT pulsimo.note_sign_in(address, matches);
    END IF;
    IF locked THEN
        RAISE EXCEPTION 'too many failed attempts to sign in' USING
            ERRCODE = 'invalid_authorization_specification',
            HINT = 'Try again later. The limit is pulsimo.sign_in_attempts within pulsimo.sign_in_window.';
    ELSIF NOT matches THEN
        RAISE EXCEPTION 'the address or the password is wrong' USING ERRCODE = 'invalid_password';
    END IF;
    RETURN account;
END $$;
REVOKE ALL ON FUNCTION pulsimo.check_password(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.check_password(text, text) IS
'Internal: the user with this address and password.
Errors: 28P01 there is none, 28000 too many attempts, 55000 the library is not preloaded.';

-- A wrong one counts like a wrong password.
CREATE OR REPLACE FUNCTION pulsimo.require_second_factor(account bigint, address text, code text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- Counted apart: the right password, which comes before every code, makes its own failures forgotten. An address, which
    -- is counted in lower case, cannot be this text.
    counted constant text := 'One-time password of user ' || account;
    matches boolean;
BEGIN
    IF code IS NULL THEN
        RAISE EXCEPTION 'a one-time password is needed' USING
            ERRCODE = 'invalid_authorization_specification',
            HINT = 'Give the digits that the authenticator app shows, or a recovery code.';
    END IF;
    matches := NOT pulsimo.is_sign_in_locked(counted) AND pulsimo.use_one_time_password(account, code);
    IF NOT pulsimo.note_sign_in(counted, matches) THEN
        RAISE EXCEPTION 'too many failed attempts to sign in' USING
            ERRCODE = 'invalid_authorization_specification',
            HINT = 'Try again later. The limit is pulsimo.sign_in_attempts within pulsimo.sign_in_window.';
    ELSIF NOT matches THEN
        RAISE EXCEPTION 'the one-time password is wrong' USING
            ERRCODE = 'invalid_password',
            HINT = 'Each is good once. Look at the clock of the telephone if that was a new one.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_second_factor(bigint, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_second_factor(bigint, text, text) IS
'Internal: takes a one-time password or a recovery code.
Errors: 28P01 it is wrong, 28000 it is missing, or too many attempts.';

CREATE OR REPLACE FUNCTION pulsimo.sign_in_as_owner(email text, password text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN pulsimo.sign_in_as_owner(email, password, NULL);
END $$;
REVOKE ALL ON FUNCTION pulsimo.sign_in_as_owner(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.sign_in_as_owner(text, text) IS
'Internal: sign_in(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.sign_in_as_owner(email text, password text, code text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token constant text := pulsimo.new_token('pus_');
    account bigint;
BEGIN
    PERFORM pulsimo.hide_statement();
    account := pulsimo.check_password(email, password);
    PERFORM pulsimo.require_second_factor(account, lower(email), code)
    FROM pulsimo.one_time_passwords o WHERE o.user_id = account AND o.confirmed;
    INSERT INTO pulsimo.user_sessions (user_id, token_hash, expires_at, client_address, application)
    VALUES (account, sha256(convert_to(token, 'UTF8')),
            clock_timestamp() + current_setting('pulsimo.session_life')::interval,
            inet_client_addr(), left(current_setting('application_name'), 200));
    PERFORM pulsimo.act_for(account);
    RETURN token;
END $$;
REVOKE ALL ON FUNCTION pulsimo.sign_in_as_owner(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.sign_in_as_owner(text, text, text) IS
'Internal: sign_in(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.sign_in(email text, password text, code text) RETURNS text
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.sign_in(text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.sign_in(text, text, text) IS
'sign_in() for a user with one-time passwords. Without them the code does not matter, and may be null.
code: a one-time password, or a recovery code.
Errors: those of sign_in(email, password), and 28P01 the code is wrong, 28000 it is null and needed.
Example: SELECT pulsimo.sign_in($1, $2, ''123456'');';
CREATE OR REPLACE FUNCTION pulsimo.sign_in(email text, password text) RETURNS text
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.sign_in(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.sign_in(text, text) IS
'Opens a session and returns its token, which use_session() takes. It is shown this once; only its hash is kept. The rest of the transaction acts for the user. Hand over the password as a parameter, and set log_parameter_max_length to 0 where statements are logged.
Errors: 28P01 the address or the password is wrong (the same for a user who does not exist); 28000 too many failed attempts, whoever it is: wait for pulsimo.sign_in_window, or the user has one-time passwords; 55000 the library is not preloaded.
Example: SELECT pulsimo.sign_in($1, $2);';

CREATE OR REPLACE FUNCTION pulsimo.use_session_as_owner(token text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    life constant interval := current_setting('pulsimo.session_life');
    session pulsimo.user_sessions;
BEGIN
    PERFORM pulsimo.hide_statement();
    SELECT s.* INTO session
    FROM pulsimo.user_sessions s JOIN pulsimo.users u ON u.id = s.user_id AND u.status = 'active'
    WHERE s.token_hash = sha256(convert_to(token, 'UTF8')) AND s.expires_at > clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such session' USING
            ERRCODE = 'invalid_authorization_specification',
            HINT = 'It may have ended: call pulsimo.sign_in() again.';
    END IF;
    -- Not at every use, that would be an UPDATE for every transaction of the application; and never in the way of one.
    IF current_setting('pulsimo.session_sliding')::boolean AND session.expires_at < clock_timestamp() + 0.9 * life
        AND current_setting('transaction_isolation') = 'read committed'
        AND NOT current_setting('transaction_read_only')::boolean
    THEN
        UPDATE pulsimo.user_sessions s SET expires_at = clock_timestamp() + life WHERE s.id = (
            SELECT e.id FROM pulsimo.user_sessions e WHERE e.id = session.id FOR NO KEY UPDATE SKIP LOCKED);
    END IF;
    PERFORM pulsimo.act_for(session.user_id);
    RETURN session.user_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.use_session_as_owner(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.use_session_as_owner(text) IS
'Internal: use_session(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.use_session(token text) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.use_session(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.use_session(text) IS
'Makes the rest of the transaction act for the user of a session, and returns their id. To be called first in every transaction: behind a pool the next one may come from somebody else.
Errors: 28000 there is no such session, or not any more.
Example: BEGIN; SELECT pulsimo.use_session($1); SELECT * FROM pulsimo.endpoint_status; COMMIT;';

CREATE OR REPLACE FUNCTION pulsimo.sign_out_as_owner(token text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.hide_statement();
    DELETE FROM pulsimo.user_sessions s WHERE s.token_hash = sha256(convert_to(token, 'UTF8'));
END $$;
REVOKE ALL ON FUNCTION pulsimo.sign_out_as_owner(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.sign_out_as_owner(text) IS
'Internal: sign_out(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.sign_out(token text) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.sign_out(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.sign_out(text) IS
'Ends a session. Does nothing when it has ended already.
Example: SELECT pulsimo.sign_out($1);';

CREATE OR REPLACE FUNCTION pulsimo.revoke_session_as_owner(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_person('end sessions');
    DELETE FROM pulsimo.user_sessions s
    WHERE s.id = revoke_session_as_owner.id AND (s.user_id = pulsimo.current_user_id() OR pulsimo.is_operator());
    IF NOT FOUND THEN
        RAISE EXCEPTION 'session % does not exist', coalesce(id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.sessions lists your sessions.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.revoke_session_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.revoke_session_as_owner(bigint) IS
'Internal: revoke_session(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.revoke_session(id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.revoke_session(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.revoke_session(bigint) IS
'Ends a session of one''s own; the operator can end those of others.
Errors: P0002 there is no such session.
Example: SELECT pulsimo.revoke_session(7);';

CREATE OR REPLACE FUNCTION pulsimo.revoke_sessions_as_owner(user_id bigint) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose constant bigint := coalesce(user_id, pulsimo.current_user_id());
    ended integer;
BEGIN
    PERFORM pulsimo.require_person('end sessions');
    IF whose IS DISTINCT FROM pulsimo.current_user_id() THEN
        PERFORM pulsimo.require_operator('end the sessions of others');
    END IF;
    DELETE FROM pulsimo.user_sessions s WHERE s.user_id = whose;
    GET DIAGNOSTICS ended = ROW_COUNT;
    RETURN ended;
END $$;
REVOKE ALL ON FUNCTION pulsimo.revoke_sessions_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.revoke_sessions_as_owner(bigint) IS
'Internal: revoke_sessions(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.revoke_sessions(user_id bigint DEFAULT NULL) RETURNS integer
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.revoke_sessions(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.revoke_sessions(bigint) IS
'Ends all sessions of oneself, or for the operator of another user, and returns how many there were.
Errors: 42501 not the operator.
Example: SELECT pulsimo.revoke_sessions();';

CREATE OR REPLACE FUNCTION pulsimo.forget_expired() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM pulsimo.user_sessions s WHERE s.id IN (
        SELECT e.id FROM pulsimo.user_sessions e WHERE e.expires_at < statement_timestamp() FOR UPDATE SKIP LOCKED);
    DELETE FROM pulsimo.invitations i WHERE i.id IN (
        SELECT e.id FROM pulsimo.invitations e WHERE e.expires_at < statement_timestamp() FOR UPDATE SKIP LOCKED);
$$;
REVOKE ALL ON FUNCTION pulsimo.forget_expired() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.forget_expired() IS
'Internal: what the keeper calls now and then to remove sessions and invitations that have expired.';

CREATE OR REPLACE VIEW pulsimo.sessions WITH (security_invoker = true) AS
SELECT s.id, s.user_id, s.created_at, s.expires_at, s.client_address, s.application
FROM pulsimo.user_sessions s
WHERE s.expires_at > statement_timestamp()
ORDER BY s.created_at DESC;
REVOKE ALL ON pulsimo.sessions FROM PUBLIC;
COMMENT ON VIEW pulsimo.sessions IS
'One''s own sessions that last, the newest first; for the operator those of everybody.
Example: SELECT * FROM pulsimo.sessions;';
COMMENT ON COLUMN pulsimo.sessions.id IS 'what revoke_session() takes';
COMMENT ON COLUMN pulsimo.sessions.user_id IS 'whose it is';
COMMENT ON COLUMN pulsimo.sessions.created_at IS 'when it was opened';
COMMENT ON COLUMN pulsimo.sessions.expires_at IS 'when it ends';
COMMENT ON COLUMN pulsimo.sessions.client_address IS 'the address it was opened from; that of the pool when there is one';
COMMENT ON COLUMN pulsimo.sessions.application IS 'application_name when it was opened';

CREATE OR REPLACE FUNCTION pulsimo.change_password_as_owner(old_password text, new_password text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    account bigint;
BEGIN
    PERFORM pulsimo.hide_statement();
    PERFORM pulsimo.require_person('change the password');
    account := pulsimo.check_password(
        (SELECT u.email FROM pulsimo.users u WHERE u.id = pulsimo.current_user_id()), old_password);
    PERFORM pulsimo.store_password(account, new_password);
END $$;
REVOKE ALL ON FUNCTION pulsimo.change_password_as_owner(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.change_password_as_owner(text, text) IS
'Internal: change_password(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.change_password(old_password text, new_password text) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.change_password(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.change_password(text, text) IS
'Gives the user that the session acts for another password. All their sessions end, this one too: sign in again.
Errors: 28P01 the old password is wrong, 28000 too many failed attempts, 22023 the new one is not acceptable.
Example: SELECT pulsimo.change_password($1, $2);';

CREATE OR REPLACE FUNCTION pulsimo.set_password(user_id bigint, password text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.hide_statement();
    PERFORM pulsimo.require_operator('set the password of others');
    PERFORM pulsimo.store_password(user_id, password);
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_password(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_password(bigint, text) IS
'Gives a user a password without asking for the old one. For the operator. All their sessions end.
Errors: 42501 not the operator, P0002 unknown user, 22023 it is not acceptable.
Example: SELECT pulsimo.set_password(7, $1);';
