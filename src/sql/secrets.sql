-- Secrets: credentials that probes and channels need and nobody may read. set_secret() seals a value with the key in the
-- file pulsimo.secret_key_file; no function opens one. The keeper opens those that its endpoints name, in memory. How
-- endpoints name them is in credentials.sql.

CREATE OR REPLACE FUNCTION pulsimo.seal(plain text, context text) RETURNS bytea
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_seal';
REVOKE ALL ON FUNCTION pulsimo.seal(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.seal(text, text) IS
'Internal: a text sealed with the newest key of pulsimo.secret_key_file; opens only in the same context.
Errors: 55000 there is no key.';

CREATE OR REPLACE FUNCTION pulsimo.reseal(sealed bytea, context text) RETURNS bytea
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_reseal';
REVOKE ALL ON FUNCTION pulsimo.reseal(bytea, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.reseal(bytea, text) IS
'Internal: the same sealed with the newest key.
Errors: 55000 there is no key, or not the one it was sealed with.';

CREATE OR REPLACE FUNCTION pulsimo.sealed_with(sealed bytea) RETURNS text
LANGUAGE c IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_sealed_with';
REVOKE ALL ON FUNCTION pulsimo.sealed_with(bytea) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.sealed_with(bytea) IS
'Internal: the id of the key that something was sealed with.';

CREATE OR REPLACE FUNCTION pulsimo.note_endpoints(ids bigint[]) RETURNS void
LANGUAGE c VOLATILE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_note_endpoints';
REVOKE ALL ON FUNCTION pulsimo.note_endpoints(bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.note_endpoints(bigint[]) IS
'Internal: has the keeper read these endpoints again when the transaction commits.';

CREATE OR REPLACE FUNCTION pulsimo.secret_context(organization bigint, name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('secret of organization %s: %s', organization, name);
$$;
REVOKE ALL ON FUNCTION pulsimo.secret_context(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.secret_context(bigint, text) IS
'Internal: what a secret is sealed for.';

CREATE OR REPLACE FUNCTION pulsimo.only_organization(action text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    organizations constant bigint[] := ARRAY(
        SELECT o.id FROM pulsimo.organizations o WHERE pulsimo.has_permission(action, o.id) LIMIT 2);
BEGIN
    IF cardinality(organizations) <> 1 THEN
        RAISE EXCEPTION 'organization must be given' USING
            ERRCODE = 'invalid_parameter_value',
            DETAIL = CASE cardinality(organizations)
                WHEN 0 THEN format('There is no organization where you may do %s.', action)
                ELSE format('There are several organizations where you may do %s.', action) END,
            HINT = 'pulsimo.my_permissions() lists what you may do where.';
    END IF;
    RETURN organizations[1];
END $$;
REVOKE ALL ON FUNCTION pulsimo.only_organization(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.only_organization(text) IS
'Internal: the organization where the user may do this.
Errors: 22023 there is none, or more than one.';

CREATE OR REPLACE FUNCTION pulsimo.require_secret_form(name text, value text, hosts text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    problem text;
    advice text;
BEGIN
    IF (name ~ '[^[:space:]]' AND name !~ '[[:cntrl:]]' AND octet_length(name) <= 200) IS NOT TRUE THEN
        problem := 'name must be one line of 1 to 200 bytes';
        advice := 'Give a name like ''shop token''.';
    ELSIF (value <> '' AND octet_length(value) <= 8000 AND value !~ '[[:cntrl:]]') IS NOT TRUE THEN
        problem := 'value must be one line of 1 to 8000 bytes';
        advice := 'Give the password, token or key as it is to be sent.';
    ELSIF cardinality(hosts) NOT BETWEEN 1 AND 100 OR EXISTS (
            SELECT FROM unnest(hosts) AS h (host)
            WHERE (pulsimo.url_host(format(CASE WHEN h.host LIKE '%:%' THEN 'http://[%s]/' ELSE 'http://%s/' END, h.host))
                   = h.host) IS NOT TRUE) THEN
        problem := 'hosts must be 1 to 100 host names in lower case, without port';
        advice := 'Give them like ''{api.example.org}'', or leave hosts out.';
    END IF;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION '%', problem USING ERRCODE = 'invalid_parameter_value', HINT = advice;
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_secret_form(text, text, text[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_secret_form(text, text, text[]) IS
'Internal: raises 22023, without saying the value, when it is no secret.';

CREATE OR REPLACE FUNCTION pulsimo.set_secret_as_owner(name text, value text, organization bigint, hosts text[])
RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner bigint := organization;
    secret_id bigint;
BEGIN
    PERFORM pulsimo.hide_statement();
    IF owner IS NULL THEN
        owner := pulsimo.only_organization('secrets.change');
    END IF;
    PERFORM pulsimo.require_permission('secrets.change', owner);
    PERFORM pulsimo.require_secret_form(name, value, hosts);
    INSERT INTO pulsimo.secrets AS s (organization_id, name, hosts, sealed)
    SELECT o.id, set_secret_as_owner.name, set_secret_as_owner.hosts,
           pulsimo.seal(value, pulsimo.secret_context(o.id, set_secret_as_owner.name))
    FROM pulsimo.organizations o WHERE o.id = owner
    ON CONFLICT ON CONSTRAINT secrets_organization_id_name_key DO UPDATE
        SET hosts = coalesce(excluded.hosts, s.hosts), sealed = excluded.sealed, changed_at = excluded.changed_at
    RETURNING s.id INTO secret_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'organization % does not exist', owner USING
            ERRCODE = 'no_data_found',
            HINT = 'The table pulsimo.organizations lists the organizations with their ids.';
    END IF;
    RETURN secret_id;
END $$;
REVOKE ALL ON FUNCTION pulsimo.set_secret_as_owner(text, text, bigint, text[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_secret_as_owner(text, text, bigint, text[]) IS
'Internal: set_secret(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.set_secret(
    name text, value text, organization bigint DEFAULT NULL, hosts text[] DEFAULT NULL
) RETURNS bigint
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.set_secret(text, text, bigint, text[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.set_secret(text, text, bigint, text[]) IS
'Stores a password, token or key, or replaces the one of this name, and returns its id. It is sealed and cannot be read back; endpoints use it by {"secret": "its name"} wherever options take a credential: auth.bearer, auth.basic.password, auth.api_key.value, and the values of headers. Hand over the value as a parameter, and set log_parameter_max_length to 0 where statements are logged.
name: one line of at most 200 bytes, unique in the organization.
value: one line of at most 8000 bytes.
organization: its id; may be left out by whoever may set secrets in just one.
hosts: the hosts of URLs that it may be sent to, on any port. When left out, a secret that is replaced keeps its own; a new one has none, and an endpoint that uses it can only be written by somebody who may set secrets. A redirect to another origin never takes it along.
Errors: 42501 may not set secrets; 22023 name, value or hosts is not acceptable, or organization must be given; P0002 unknown organization; 55000 there is no key, see pulsimo.secret_key_file.
Example: SELECT pulsimo.set_secret(''shop token'', $1, hosts => ''{shop.example.org}'');';

CREATE OR REPLACE FUNCTION pulsimo.remove_secret_as_owner(name text, organization bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner bigint := organization;
    used_by bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'secrets can only be removed in READ COMMITTED' USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Otherwise an endpoint that uses it since the transaction began would not be seen.';
    END IF;
    IF owner IS NULL THEN
        owner := pulsimo.only_organization('secrets.change');
    END IF;
    PERFORM pulsimo.require_permission('secrets.change', owner);
    PERFORM FROM pulsimo.secrets s WHERE s.organization_id = owner AND s.name = remove_secret_as_owner.name FOR UPDATE;
    SELECT min(e.id) INTO used_by FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id
    WHERE p.organization_id = owner AND remove_secret_as_owner.name = ANY (pulsimo.secrets_in(e.options));
    IF used_by IS NOT NULL THEN
        RAISE EXCEPTION 'secret "%" is used by endpoint %', name, used_by USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Change the options of the endpoint first, with pulsimo.update_endpoint().';
    END IF;
    DELETE FROM pulsimo.secrets s WHERE s.organization_id = owner AND s.name = remove_secret_as_owner.name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no secret "%"', coalesce(name, 'null') USING
            ERRCODE = 'no_data_found',
            HINT = 'The view pulsimo.stored_secrets lists them.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.remove_secret_as_owner(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_secret_as_owner(text, bigint) IS
'Internal: remove_secret(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.remove_secret(name text, organization bigint DEFAULT NULL) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.remove_secret(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.remove_secret(text, bigint) IS
'Removes a secret that no endpoint uses.
Errors: 42501 may not set secrets, P0002 there is none of this name, 55000 an endpoint uses it, or not in READ COMMITTED, 22023 organization must be given.
Example: SELECT pulsimo.remove_secret(''shop token'');';

-- Of what does not open the rest must not depend.
CREATE OR REPLACE FUNCTION pulsimo.reseal_or_warn(sealed bytea, context text) RETURNS bytea
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN pulsimo.reseal(sealed, context);
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    RAISE WARNING '% stays as it is: %', context, SQLERRM;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.reseal_or_warn(bytea, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.reseal_or_warn(bytea, text) IS
'Internal: reseal(), or NULL and a warning that names what does not open.';

CREATE OR REPLACE FUNCTION pulsimo.rotate_secret_key() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    resealed integer;
    more integer;
BEGIN
    PERFORM pulsimo.require_operator('seal secrets anew');
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'secrets can only be sealed anew in READ COMMITTED' USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Otherwise those that were stored since the transaction began would not be seen.';
    END IF;
    PERFORM pulsimo.seal('', '');  -- without a key nothing would open
    -- What others are about to seal with an older key is waited for.
    LOCK TABLE pulsimo.secrets, pulsimo.one_time_passwords IN SHARE ROW EXCLUSIVE MODE;
    UPDATE pulsimo.secrets s SET sealed = n.sealed
    FROM (SELECT o.id, pulsimo.reseal_or_warn(o.sealed, pulsimo.secret_context(o.organization_id, o.name)) AS sealed
          FROM pulsimo.secrets o ORDER BY o.id OFFSET 0) n
    WHERE s.id = n.id AND n.sealed IS NOT NULL;
    GET DIAGNOSTICS resealed = ROW_COUNT;
    UPDATE pulsimo.one_time_passwords p SET sealed = n.sealed
    FROM (SELECT o.user_id, pulsimo.reseal_or_warn(o.sealed, pulsimo.one_time_password_context(o.user_id)) AS sealed
          FROM pulsimo.one_time_passwords o ORDER BY o.user_id OFFSET 0) n
    WHERE p.user_id = n.user_id AND n.sealed IS NOT NULL;
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN resealed + more;
END $$;
REVOKE ALL ON FUNCTION pulsimo.rotate_secret_key() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.rotate_secret_key() IS
'Seals everything that is sealed with the newest key, and returns how much that was. For the operator. Put a new key in front of the others into the file pulsimo.secret_key_file, call this in every database of the server, then take the older keys out; backups that are older need them still. What does not open with any key of the file stays as it is, with a warning.
Errors: 42501 not the operator; 55000 there is no key, or not in READ COMMITTED.
Example: SELECT pulsimo.rotate_secret_key();';

CREATE OR REPLACE VIEW pulsimo.stored_secrets WITH (security_invoker = true) AS
SELECT s.id, s.organization_id, s.name, s.hosts, s.created_at, s.changed_at
FROM pulsimo.secrets s
ORDER BY s.organization_id, s.name;
REVOKE ALL ON pulsimo.stored_secrets FROM PUBLIC;
COMMENT ON VIEW pulsimo.stored_secrets IS
'The secrets of organizations, without what they are.
Example: SELECT name, hosts FROM pulsimo.stored_secrets;';
COMMENT ON COLUMN pulsimo.stored_secrets.id IS 'given by the database';
COMMENT ON COLUMN pulsimo.stored_secrets.organization_id IS 'the organization it belongs to';
COMMENT ON COLUMN pulsimo.stored_secrets.name IS 'what options refer to';
COMMENT ON COLUMN pulsimo.stored_secrets.hosts IS 'the hosts that it may be sent to; NULL: any, if written by somebody who may set secrets';
COMMENT ON COLUMN pulsimo.stored_secrets.created_at IS 'when it was stored first';
COMMENT ON COLUMN pulsimo.stored_secrets.changed_at IS 'when it was replaced last';
