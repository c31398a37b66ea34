-- API keys: how a program acts for a user, within scopes. Like a session, a key is used for one transaction at a time;
-- unlike a session it lasts until it expires or is revoked, and never has power over the account itself.

CREATE OR REPLACE FUNCTION pulsimo.require_scopes(scopes text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unknown text;
BEGIN
    IF (cardinality(scopes) BETWEEN 1 AND 50) IS NOT TRUE THEN
        RAISE EXCEPTION 'scopes must be a list of 1 to 50 words' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give ''{read}'', ''{all}'', or actions of the view pulsimo.permission_matrix.';
    END IF;
    SELECT coalesce(s.scope, 'null') INTO unknown FROM unnest(scopes) AS s (scope)
    WHERE (s.scope IN ('read', 'all') OR EXISTS (
        SELECT FROM pulsimo.permission_matrix m WHERE m.action = s.scope)) IS NOT TRUE
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'there is no scope "%"', unknown USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Scopes are read, all and the actions of the view pulsimo.permission_matrix.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_scopes(text[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_scopes(text[]) IS
'Internal: raises 22023 when these are no scopes of an API key.';

CREATE OR REPLACE FUNCTION pulsimo.expiry_after(life interval) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF life IS NULL THEN
        RETURN NULL;
    ELSIF extract(epoch FROM life) NOT BETWEEN 1 AND 315576000 THEN  -- ten years
        RAISE EXCEPTION 'expires must be positive and at most 10 years, not %', quote_literal(life) USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Leave expires out for 90 days; null makes a key that never expires.';
    END IF;
    RETURN clock_timestamp() + life;
END $$;
REVOKE ALL ON FUNCTION pulsimo.expiry_after(interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.expiry_after(interval) IS
'Internal: when an API key expires that is good for so long; NULL for NULL.';

CREATE OR REPLACE FUNCTION pulsimo.create_api_key_as_owner(
    name text, scopes text[], expires interval, user_id bigint
) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key constant text := pulsimo.new_token('pul_');
    whose bigint := user_id;
BEGIN
    IF user_id IS NULL THEN
        whose := pulsimo.require_account('make API keys');
    ELSE
        PERFORM pulsimo.require_operator('make API keys of others');
    END IF;
    PERFORM pulsimo.lock_account(whose);
    PERFORM pulsimo.require_name(name);
    PERFORM pulsimo.require_scopes(scopes);
    IF (SELECT count(*) FROM pulsimo.api_keys k WHERE k.user_id = whose) >= 100 THEN
        RAISE EXCEPTION 'a user may have at most 100 API keys' USING
            ERRCODE = 'configuration_limit_exceeded', HINT = 'Revoke some that are not used, see pulsimo.my_api_keys.';
    END IF;
    INSERT INTO pulsimo.api_keys (user_id, name, scopes, key_hash, expires_at)
    VALUES (whose, name, scopes, sha256(convert_to(key, 'UTF8')), pulsimo.expiry_after(expires));
    RETURN key;
EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'there is an API key "%" already', name USING
        ERRCODE = 'unique_violation',
        HINT = 'Give another name, or call pulsimo.rotate_api_key().';
END $$;
REVOKE ALL ON FUNCTION pulsimo.create_api_key_as_owner(text, text[], interval, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.create_api_key_as_owner(text, text[], interval, bigint) IS
'Internal: create_api_key(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.create_api_key(
    name text, scopes text[] DEFAULT '{read}', expires interval DEFAULT '90 days', user_id bigint DEFAULT NULL
) RETURNS text
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.create_api_key(text, text[], interval, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.create_api_key(text, text[], interval, bigint) IS
'Makes an API key and returns it. It is shown this once; only its hash is kept. use_api_key() acts with it.
name: one line of at most 200 characters, unique among the keys of the user.
scopes: what the key may do of what its user may: actions of the view permission_matrix, read for all of them that end in .view, all for every one.
expires: how long it is good, at most 10 years; null: until it is revoked.
user_id: whose key; oneself when it is left out. Somebody else''s is for the operator.
Errors: 42501 not the operator, nobody''s, or by way of a key; 23505 there is one of this name; 22023 name, scopes or expires is not acceptable; 53400 more than 100 keys; P0002 unknown user.
Example: SELECT pulsimo.create_api_key(''deploy'', ''{read,endpoints.change}'', ''30 days'');';

CREATE OR REPLACE FUNCTION pulsimo.use_api_key_as_owner(key text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    api_key pulsimo.api_keys;
BEGIN
    PERFORM pulsimo.hide_statement();
    SELECT k.* INTO api_key
    FROM pulsimo.api_keys k JOIN pulsimo.users u ON u.id = k.user_id AND u.status = 'active'
    WHERE k.key_hash = sha256(convert_to(key, 'UTF8')) AND (k.expires_at > clock_timestamp() OR k.expires_at IS NULL);
    IF NOT FOUND THEN
        PERFORM pulsimo.note_failed_sign_in('use_api_key', NULL);
        RAISE EXCEPTION 'there is no such API key' USING
            ERRCODE = 'invalid_authorization_specification',
            HINT = 'It may have expired or been revoked.';
    END IF;
    PERFORM pulsimo.act_for(api_key.user_id, api_key.id);
    PERFORM pulsimo.note_key_use(api_key.id, api_key.last_used_at);
    RETURN api_key.user_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.use_api_key_as_owner(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.use_api_key_as_owner(text) IS
'Internal: use_api_key(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.use_api_key(key text) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.use_api_key(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.use_api_key(text) IS
'Makes the rest of the transaction act for the user of an API key, within its scopes, and returns their id. To be called first in every transaction: behind a pool the next one may come from somebody else. Whatever its scopes, a key changes no password, ends no sessions, makes no keys, and does not touch the memberships of its user; without the scope all it makes nobody owner or admin.
Errors: 28000 there is no such key, or not any more.
Example: BEGIN; SELECT pulsimo.use_api_key($1); SELECT * FROM pulsimo.endpoint_status; COMMIT;';

CREATE OR REPLACE FUNCTION pulsimo.lock_api_key(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_person('change API keys');
    PERFORM FROM pulsimo.api_keys k
    WHERE k.id = lock_api_key.id AND (k.user_id = pulsimo.current_user_id() OR pulsimo.is_operator())
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'API key % does not exist', coalesce(id::text, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.my_api_keys lists your keys.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.lock_api_key(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.lock_api_key(bigint) IS
'Internal: keeps others from changing an API key until the end of the transaction.
Errors: P0002 unknown key, 42501 by way of a key.';

CREATE OR REPLACE FUNCTION pulsimo.rotate_api_key_as_owner(id bigint, expires interval) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key constant text := pulsimo.new_token('pul_');
BEGIN
    PERFORM pulsimo.lock_api_key(id);
    UPDATE pulsimo.api_keys k
    SET key_hash = sha256(convert_to(key, 'UTF8')), expires_at = pulsimo.expiry_after(expires), last_used_at = NULL
    WHERE k.id = rotate_api_key_as_owner.id;
    RETURN key;
END $$;
REVOKE ALL ON FUNCTION pulsimo.rotate_api_key_as_owner(bigint, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.rotate_api_key_as_owner(bigint, interval) IS
'Internal: rotate_api_key(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.rotate_api_key(id bigint, expires interval DEFAULT '90 days') RETURNS text
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.rotate_api_key(bigint, interval) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.rotate_api_key(bigint, interval) IS
'Gives an API key another text and returns it. Name and scopes stay; the old text is good for nothing from the commit on. Of one''s own keys; the operator can do it for others.
expires: how long it is good, at most 10 years; null: until it is revoked.
Errors: P0002 there is no such key, 42501 by way of a key, 22023 expires is not acceptable.
Example: SELECT pulsimo.rotate_api_key(3);';

CREATE OR REPLACE FUNCTION pulsimo.revoke_api_key_as_owner(id bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.lock_api_key(id);
    DELETE FROM pulsimo.api_keys k WHERE k.id = revoke_api_key_as_owner.id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.revoke_api_key_as_owner(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.revoke_api_key_as_owner(bigint) IS
'Internal: revoke_api_key(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.revoke_api_key(id bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.revoke_api_key(bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.revoke_api_key(bigint) IS
'Takes an API key out of use for good, also for what a transaction that has begun with it does from now on (in REPEATABLE READ: from its next transaction). Of one''s own keys; the operator can do it for others.
Errors: P0002 there is no such key, 42501 by way of a key.
Example: SELECT pulsimo.revoke_api_key(3);';

CREATE OR REPLACE VIEW pulsimo.my_api_keys WITH (security_invoker = true) AS
SELECT k.id, k.user_id, k.name, k.scopes, k.created_at, k.expires_at, k.last_used_at,
       coalesce(k.expires_at <= statement_timestamp(), false) AS expired
FROM pulsimo.api_keys k
ORDER BY k.user_id, k.name;
REVOKE ALL ON pulsimo.my_api_keys FROM PUBLIC;
COMMENT ON VIEW pulsimo.my_api_keys IS
'One''s own API keys; for the operator those of everybody.
Example: SELECT name, last_used_at FROM pulsimo.my_api_keys;';
COMMENT ON COLUMN pulsimo.my_api_keys.id IS 'what rotate_api_key() and revoke_api_key() take';
COMMENT ON COLUMN pulsimo.my_api_keys.user_id IS 'whose it is';
COMMENT ON COLUMN pulsimo.my_api_keys.name IS 'as it was given';
COMMENT ON COLUMN pulsimo.my_api_keys.scopes IS 'what it may do of what its user may';
COMMENT ON COLUMN pulsimo.my_api_keys.created_at IS 'when it was made';
COMMENT ON COLUMN pulsimo.my_api_keys.expires_at IS 'when it ends; NULL: never by itself';
COMMENT ON COLUMN pulsimo.my_api_keys.last_used_at IS 'when it was used last, to a minute; NULL: never since it was made or rotated, or monitoring is stopped';
COMMENT ON COLUMN pulsimo.my_api_keys.expired IS 'whether it has ended';
