-- Credentials in the options of endpoints: the secrets they refer to, and that they hold none in clear text.
--
-- Whoever may write an endpoint could send a secret to a server of their own. So a secret goes to the hosts that it is
-- bound to, whoever writes the endpoint, and one that is not bound only where somebody wrote it who may set secrets.

CREATE OR REPLACE FUNCTION pulsimo.url_host(url text) RETURNS text
LANGUAGE c IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_url_host';
REVOKE ALL ON FUNCTION pulsimo.url_host(text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.url_host(text) IS
'Internal: the host of a URL as it is connected to, in lower case; NULL when it is no URL.';

-- Where options may hold a credential; the engine knows the same places (src/engine/secret_references.cpp).
CREATE OR REPLACE FUNCTION pulsimo.credentials_in(options jsonb)
RETURNS TABLE (place text[], value jsonb)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.place, options #> c.place
    FROM (VALUES ('{auth,bearer}'::text[]), ('{auth,basic,password}'), ('{auth,api_key,value}')) AS c (place)
    WHERE options #> c.place IS NOT NULL
    UNION ALL
    SELECT ARRAY['headers', h.key], h.value
    FROM jsonb_each(CASE jsonb_typeof(options -> 'headers') WHEN 'object' THEN options -> 'headers' ELSE '{}' END) h;
$$;
REVOKE ALL ON FUNCTION pulsimo.credentials_in(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.credentials_in(jsonb) IS
'Internal: the places in the options of an endpoint that may hold a credential, and what they hold.';

CREATE OR REPLACE FUNCTION pulsimo.secrets_in(options jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN options::text LIKE '%"secret"%' THEN
        ARRAY(SELECT DISTINCT c.value ->> 'secret' FROM pulsimo.credentials_in(options) c
              WHERE jsonb_typeof(c.value -> 'secret') = 'string')
    ELSE '{}' END;
$$;
REVOKE ALL ON FUNCTION pulsimo.secrets_in(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.secrets_in(jsonb) IS
'Internal: the names of the secrets that the options of an endpoint refer to.';

CREATE OR REPLACE FUNCTION pulsimo.clear_credentials(options jsonb) RETURNS SETOF text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.place FROM pulsimo.credentials_in(options) c
    WHERE jsonb_typeof(c.value) = 'string' AND c.value <> '""' AND (
        c.place[1] = 'auth'
        OR lower(c.place[2]) IN ('authorization', 'proxy-authorization', 'cookie', 'x-api-key', 'api-key', 'x-auth-token'));
$$;
REVOKE ALL ON FUNCTION pulsimo.clear_credentials(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.clear_credentials(jsonb) IS
'Internal: where the options of an endpoint hold a credential in clear text.';

CREATE OR REPLACE FUNCTION pulsimo.refuse_clear_credentials(options jsonb, before jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text[];
BEGIN
    FOR place IN SELECT c FROM pulsimo.clear_credentials(options) c LOOP
        IF before #> place IS DISTINCT FROM options #> place THEN
            PERFORM pulsimo.hide_statement();
            RAISE EXCEPTION 'option "%" must not hold a credential in clear text', array_to_string(place, '.') USING
                ERRCODE = 'invalid_parameter_value',
                HINT = 'Store it with pulsimo.set_secret(), and give {"secret": "its name"} instead.';
        END IF;
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION pulsimo.refuse_clear_credentials(jsonb, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.refuse_clear_credentials(jsonb, jsonb) IS
'Internal: raises 22023 when the options of an endpoint hold a credential in clear text that they did not hold before.';

-- Another name than that of the URL, or a certificate that is not verified, would lead a bound secret elsewhere.
CREATE OR REPLACE FUNCTION pulsimo.goes_elsewhere(options jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT min(o.name) FROM (
        SELECT k.name FROM unnest('{server_name,insecure,ca_certificate}'::text[]) AS k (name)
        WHERE options -> k.name NOT IN ('null', 'false')
        UNION ALL
        SELECT 'headers.' || h.key
        FROM jsonb_each(CASE jsonb_typeof(options -> 'headers') WHEN 'object' THEN options -> 'headers' ELSE '{}' END) h
        WHERE lower(h.key) = 'host') o (name);
$$;
REVOKE ALL ON FUNCTION pulsimo.goes_elsewhere(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.goes_elsewhere(jsonb) IS
'Internal: an option of an endpoint by which a request may reach somebody else than the host of the URL; NULL: there is none.';

CREATE OR REPLACE FUNCTION pulsimo.require_secret_for(organization bigint, secret pulsimo.secrets, url text, options jsonb)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    host constant text := pulsimo.url_host(url);
    elsewhere constant text := pulsimo.goes_elsewhere(options);
BEGIN
    IF secret.hosts IS NOT NULL AND (host = ANY (secret.hosts)) IS NOT TRUE THEN
        RAISE EXCEPTION 'secret "%" is not for host "%"', secret.name, host USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'pulsimo.set_secret() says which hosts a secret is for.';
    ELSIF (secret.hosts IS NULL OR elsewhere IS NOT NULL) AND NOT pulsimo.has_permission('secrets.change', organization) THEN
        PERFORM pulsimo.note_denial('secrets.change', organization);
        IF secret.hosts IS NULL THEN
            RAISE EXCEPTION 'permission denied: secret "%" is not bound to hosts', secret.name USING
                ERRCODE = 'insufficient_privilege',
                HINT = 'Ask somebody who may set secrets to bind it to the host of the URL, with pulsimo.set_secret().';
        END IF;
        RAISE EXCEPTION 'permission denied: option "%" may lead secret "%" to another host', elsewhere, secret.name USING
            ERRCODE = 'insufficient_privilege',
            HINT = 'Leave the option out, or ask somebody who may set secrets.';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_secret_for(bigint, pulsimo.secrets, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_secret_for(bigint, pulsimo.secrets, text, jsonb) IS
'Internal: raises 22023 or 42501 when an endpoint must not use a secret.';

CREATE OR REPLACE FUNCTION pulsimo.require_secrets(project bigint, url text, options jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    organization bigint;
    wanted text;
    secret pulsimo.secrets;
BEGIN
    PERFORM pulsimo.require_permission('endpoints.change', project);
    SELECT p.organization_id INTO organization FROM pulsimo.projects p WHERE p.id = project;
    FOR wanted IN SELECT n FROM unnest(pulsimo.secrets_in(options)) n ORDER BY n LOOP
        -- Locked, so that it is neither removed nor bound to other hosts before this endpoint is committed.
        SELECT * INTO secret FROM pulsimo.secrets s
        WHERE s.organization_id = organization AND s.name = wanted FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'there is no secret "%"', wanted USING
                ERRCODE = 'invalid_parameter_value',
                HINT = 'Store it with pulsimo.set_secret() first.';
        END IF;
        PERFORM pulsimo.require_secret_for(organization, secret, url, options);
    END LOOP;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_secrets(bigint, text, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_secrets(bigint, text, jsonb) IS
'Internal: raises 22023 or 42501 when an endpoint refers to secrets that are not there or not for it.';

-- With the rights of the owner, for whoever works in one project sees no secrets of the organization. Its name has it fire
-- after endpoint_written, which says what is wrong with the form. During a restore secrets may come later than endpoints.
CREATE OR REPLACE FUNCTION pulsimo.endpoint_written_credentials_as_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT NEW.options ?| '{auth,headers}' OR pulsimo.is_restoring() THEN
        RETURN NEW;
    ELSIF TG_OP = 'INSERT' THEN
        PERFORM pulsimo.refuse_clear_credentials(NEW.options, NULL);
    ELSIF NEW.url = OLD.url AND NEW.options = OLD.options THEN
        RETURN NEW;
    ELSE
        PERFORM pulsimo.refuse_clear_credentials(NEW.options, OLD.options);
    END IF;
    IF pulsimo.secrets_in(NEW.options) <> '{}' THEN
        PERFORM pulsimo.require_secrets(NEW.project_id, NEW.url, NEW.options);
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION pulsimo.endpoint_written_credentials_as_owner() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoint_written_credentials_as_owner() IS
'Internal: endpoint_written_credentials(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.endpoint_written_credentials() RETURNS trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.endpoint_written_credentials() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoint_written_credentials() IS
'Trigger of pulsimo.endpoints: refuses credentials in clear text, and secrets that are not there or not for the endpoint.';
CREATE OR REPLACE TRIGGER endpoint_written_credentials BEFORE INSERT OR UPDATE ON pulsimo.endpoints
    FOR EACH ROW EXECUTE FUNCTION pulsimo.endpoint_written_credentials();

CREATE OR REPLACE FUNCTION pulsimo.seal_credential(endpoint bigint, place text[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    secret_name constant text := format('endpoint %s: %s', endpoint, array_to_string(place, '.'));
    organization bigint;
    found pulsimo.endpoints;
BEGIN
    SELECT * INTO found FROM pulsimo.endpoints e WHERE e.id = endpoint FOR NO KEY UPDATE;
    IF (jsonb_typeof(found.options #> place) = 'string') IS NOT TRUE THEN
        RETURN false;  -- somebody else was quicker
    END IF;
    SELECT p.organization_id INTO organization FROM pulsimo.projects p WHERE p.id = found.project_id;
    IF EXISTS (SELECT FROM pulsimo.secrets s WHERE s.organization_id = organization AND s.name = secret_name) THEN
        RAISE EXCEPTION 'there is a secret "%" already', secret_name USING ERRCODE = 'unique_violation';
    END IF;
    PERFORM pulsimo.set_secret(secret_name, found.options #>> place, organization, ARRAY[pulsimo.url_host(found.url)]);
    UPDATE pulsimo.endpoints e SET options = jsonb_set(e.options, place, jsonb_build_object('secret', secret_name))
    WHERE e.id = endpoint;
    RETURN true;
EXCEPTION WHEN invalid_parameter_value OR unique_violation THEN
    RAISE WARNING 'option "%" of endpoint % stays as it is: %', array_to_string(place, '.'), endpoint, SQLERRM;
    RETURN false;
END $$;
REVOKE ALL ON FUNCTION pulsimo.seal_credential(bigint, text[]) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.seal_credential(bigint, text[]) IS
'Internal: makes a secret of a credential in clear text; false, with a warning, when it cannot be one.';

CREATE OR REPLACE FUNCTION pulsimo.seal_credentials() RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pulsimo.require_operator('seal credentials');
    RETURN (
        SELECT count(*) FILTER (WHERE pulsimo.seal_credential(f.id, f.place)) FROM (
            SELECT e.id, c AS place FROM pulsimo.endpoints e, pulsimo.clear_credentials(e.options) c ORDER BY e.id, c) f);
END $$;
REVOKE ALL ON FUNCTION pulsimo.seal_credentials() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.seal_credentials() IS
'Makes secrets of the credentials that endpoints of before version 009 hold in clear text, bound to the host of their URL, and returns how many. What cannot be a secret stays, with a warning. For the operator, once after the update. Backups that are older keep them, and so may dead rows until VACUUM FULL.
Errors: 42501 not the operator; 55000 there is no key, see pulsimo.secret_key_file.
Example: SELECT pulsimo.seal_credentials();';

-- Writes no rows: it fires during a restore.
CREATE OR REPLACE FUNCTION pulsimo.endpoints_with_secret(organization bigint, name text) RETURNS bigint[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT e.id FROM pulsimo.projects p JOIN pulsimo.endpoints e ON e.project_id = p.id
                 WHERE p.organization_id = organization AND endpoints_with_secret.name = ANY (pulsimo.secrets_in(e.options)));
$$;
REVOKE ALL ON FUNCTION pulsimo.endpoints_with_secret(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.endpoints_with_secret(bigint, text) IS
'Internal: the endpoints that refer to a secret.';

CREATE OR REPLACE FUNCTION pulsimo.secret_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM pulsimo.note_endpoints(pulsimo.endpoints_with_secret(OLD.organization_id, OLD.name));
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM pulsimo.note_endpoints(pulsimo.endpoints_with_secret(NEW.organization_id, NEW.name));
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.secret_changed() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.secret_changed() IS
'Trigger of pulsimo.secrets: has the keeper read the endpoints again that use it.';
CREATE OR REPLACE TRIGGER secret_changed AFTER INSERT OR UPDATE OR DELETE ON pulsimo.secrets
    FOR EACH ROW EXECUTE FUNCTION pulsimo.secret_changed();
