-- Who did what, when and from where.
--
-- Changes are written by triggers, so that a plain UPDATE is recorded like a function. They run with the rights of the
-- owner and remember who called (src/functions/as_owner.hpp). What is refused is rolled back with its transaction; it is
-- noted in shared memory and written by the keeper, like attempts to sign in and the use of API keys
-- (src/worker/audit_notes.hpp).
--
-- A restore must not record itself: see is_restoring().

CREATE OR REPLACE FUNCTION pulsimo.caller_role() RETURNS name
LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_caller_role';
REVOKE ALL ON FUNCTION pulsimo.caller_role() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.caller_role() IS
'Internal: the role whose rights count for what is being done, also within functions that run as the owner.';

CREATE OR REPLACE FUNCTION pulsimo.note_denial(what text, object bigint) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_note_denial';
REVOKE ALL ON FUNCTION pulsimo.note_denial(text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.note_denial(text, bigint) IS
'Internal: has it recorded, whatever becomes of the transaction, that the caller was refused something. Called by somebody else than the owner it does nothing but with an action and object that they are indeed refused.';

CREATE OR REPLACE FUNCTION pulsimo.note_failed_sign_in(what text, who text) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_note_failed_sign_in';
REVOKE ALL ON FUNCTION pulsimo.note_failed_sign_in(text, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.note_failed_sign_in(text, text) IS
'Internal: has an attempt recorded to be somebody.';

CREATE OR REPLACE FUNCTION pulsimo.note_key_use(api_key bigint, known timestamptz) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_note_key_use';
REVOKE ALL ON FUNCTION pulsimo.note_key_use(bigint, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.note_key_use(bigint, timestamptz) IS
'Internal: has the use of an API key recorded, at most once a minute. known is the last use that is recorded.';

CREATE OR REPLACE FUNCTION pulsimo.take_audit_notes(
    OUT kind text, OUT happened_at timestamptz, OUT user_id bigint, OUT api_key_id bigint, OUT object bigint,
    OUT database_role text, OUT client_address text, OUT application text, OUT action text, OUT who text, OUT times bigint
) RETURNS SETOF record
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_take_audit_notes';
REVOKE ALL ON FUNCTION pulsimo.take_audit_notes() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.take_audit_notes() IS
'Internal: what was noted in shared memory. The keeper removes it there once it is committed.';

CREATE OR REPLACE FUNCTION pulsimo.denied_in_organization(user_id bigint, action text, object bigint) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.organization_id
    FROM (
        SELECT CASE m.object WHEN 'organization' THEN denied_in_organization.object ELSE p.organization_id END AS organization_id
        FROM pulsimo.permission_matrix m
            LEFT JOIN pulsimo.endpoints e ON m.object = 'endpoint' AND e.id = denied_in_organization.object
            LEFT JOIN pulsimo.projects p ON p.id = CASE m.object WHEN 'project' THEN denied_in_organization.object
                                                                 WHEN 'endpoint' THEN e.project_id END
        WHERE m.action = denied_in_organization.action
    ) o
    WHERE EXISTS (SELECT FROM pulsimo.memberships s
                  WHERE s.organization_id = o.organization_id AND s.user_id = denied_in_organization.user_id)
        OR EXISTS (SELECT FROM pulsimo.project_members s JOIN pulsimo.projects p ON p.id = s.project_id
                   WHERE p.organization_id = o.organization_id AND s.user_id = denied_in_organization.user_id);
$$;
REVOKE ALL ON FUNCTION pulsimo.denied_in_organization(bigint, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.denied_in_organization(bigint, text, bigint) IS
'Internal: the organization that may know of a denial: that of the object, if the user belongs there. NULL: the operator alone.';

CREATE OR REPLACE FUNCTION pulsimo.record_audit_notes() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH notes AS MATERIALIZED (SELECT * FROM pulsimo.take_audit_notes()),
        -- Not in the way of whoever changes a key: the next use will be noted again.
        free AS (
            SELECT k.id FROM pulsimo.api_keys k WHERE k.id IN (SELECT n.api_key_id FROM notes n WHERE n.kind = 'key_used')
            ORDER BY k.id FOR NO KEY UPDATE SKIP LOCKED
        ),
        used AS (
            UPDATE pulsimo.api_keys k SET last_used_at = greatest(k.last_used_at, u.happened_at)
            FROM (SELECT n.api_key_id, max(n.happened_at) AS happened_at FROM notes n
                  WHERE n.kind = 'key_used' GROUP BY n.api_key_id) u JOIN free f ON f.id = u.api_key_id
            WHERE k.id = u.api_key_id
        )
    INSERT INTO pulsimo.audit_log (happened_at, organization_id, user_id, database_role, api_key_id, client_address,
                                   application, action, object_id, result, detail, times)
    SELECT n.happened_at, pulsimo.denied_in_organization(n.user_id, n.action, n.object),
           coalesce(n.user_id, substring(n.who FROM '^One-time password of user ([0-9]+)$')::bigint,
                    (SELECT u.id FROM pulsimo.users u WHERE lower(u.email) = lower(n.who))),
           n.database_role, n.api_key_id, n.client_address::inet, n.application, coalesce(n.action, ''), n.object, n.kind,
           CASE n.kind WHEN 'lost' THEN 'There were more at a time than could be kept.' ELSE n.who END, n.times
    FROM notes n WHERE n.kind <> 'key_used';
$$;
REVOKE ALL ON FUNCTION pulsimo.record_audit_notes() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.record_audit_notes() IS
'Internal: what the keeper calls to write what was noted in shared memory.';

-- --- changes ---------------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.masked(contents jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text[];
BEGIN
    FOR place IN
        SELECT ARRAY[k.key] FROM jsonb_object_keys(contents) AS k (key)
        WHERE k.key IN ('hash', 'token_hash', 'key_hash', 'code_hash', 'sealed')
        UNION ALL
        SELECT ARRAY['options'] || c.place FROM pulsimo.credentials_in(contents -> 'options') c
        WHERE jsonb_typeof(c.value) = 'string'
    LOOP
        contents := jsonb_set(contents, place, '"***"');
    END LOOP;
    RETURN contents;
END $$;
REVOKE ALL ON FUNCTION pulsimo.masked(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.masked(jsonb) IS
'Internal: a row as the audit log shows it, with *** for what is secret. Values of headers are, whatever their name.';

-- A log that can only be added to must not be a place to put megabytes.
CREATE OR REPLACE FUNCTION pulsimo.shortened(contents jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF octet_length(contents::text) < 4000 OR jsonb_typeof(contents) <> 'object' THEN
        RETURN contents;
    END IF;
    RETURN (
        SELECT jsonb_object_agg(left(c.key, 200), CASE
            WHEN octet_length(c.value::text) < 1000 THEN c.value
            WHEN c.key IN ('options', 'headers') THEN pulsimo.shortened(c.value)
            ELSE to_jsonb(format('(%s characters, not kept)', length(c.value::text))) END)
        FROM (SELECT e.key, e.value FROM jsonb_each(contents) e ORDER BY e.key LIMIT 100) c);
END $$;
REVOKE ALL ON FUNCTION pulsimo.shortened(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.shortened(jsonb) IS
'Internal: a row as the audit log keeps it, without what is long.';

CREATE OR REPLACE FUNCTION pulsimo.audited_organization(contents jsonb) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((contents ->> 'organization_id')::bigint,
                    (SELECT p.organization_id FROM pulsimo.projects p WHERE p.id = (contents ->> 'project_id')::bigint),
                    (SELECT p.organization_id FROM pulsimo.endpoints e JOIN pulsimo.projects p ON p.id = e.project_id
                     WHERE e.id = (contents ->> 'endpoint_id')::bigint));
$$;
REVOKE ALL ON FUNCTION pulsimo.audited_organization(jsonb) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.audited_organization(jsonb) IS
'Internal: the organization that a row belongs to.';

-- Of an UPDATE only what differs is kept, of a large row that is little.
CREATE OR REPLACE FUNCTION pulsimo.audit_as_owner() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' SET timezone = 'UTC' AS $$
DECLARE
    before jsonb;
    after jsonb;
    contents jsonb;
    organization bigint;
BEGIN
    IF pulsimo.is_restoring() THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        before := to_jsonb(OLD);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        after := to_jsonb(NEW);
    END IF;
    IF before = after THEN
        RETURN NULL;
    END IF;
    contents := coalesce(after, before);
    organization := CASE TG_TABLE_NAME WHEN 'organizations' THEN (contents ->> 'id')::bigint
                                       ELSE pulsimo.audited_organization(contents) END;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(b.key, b.value), jsonb_object_agg(b.key, after -> b.key) INTO before, after
        FROM jsonb_each(before) b WHERE b.value IS DISTINCT FROM after -> b.key;
    END IF;
    INSERT INTO pulsimo.audit_log (organization_id, user_id, account_id, database_role, api_key_id, client_address, application,
                                   action, object_type, object_id, before, after)
    VALUES (organization, CASE TG_ARGV[0] WHEN 'of the account' THEN (contents ->> 'user_id')::bigint
                                          ELSE pulsimo.current_user_id() END,
            coalesce(contents ->> 'user_id', CASE TG_TABLE_NAME WHEN 'users' THEN contents ->> 'id' END)::bigint,
            pulsimo.caller_role(), pulsimo.current_api_key_id(), inet_client_addr(),
            left(current_setting('application_name'), 63),
            CASE WHEN TG_TABLE_NAME = 'user_sessions' THEN CASE TG_OP WHEN 'INSERT' THEN 'sign_in' ELSE 'sign_out' END
                 ELSE lower(TG_OP) END,
            TG_TABLE_NAME, coalesce(contents ->> 'id', contents ->> 'user_id', contents ->> 'endpoint_id')::bigint,
            pulsimo.shortened(pulsimo.masked(before)), pulsimo.shortened(pulsimo.masked(after)));
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION pulsimo.audit_as_owner() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.audit_as_owner() IS
'Internal: audit(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.audit() RETURNS trigger
LANGUAGE c SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.audit() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.audit() IS
'Trigger of the tables that people change: writes who did what into pulsimo.audit_log. Not during a restore.';

CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.organizations
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.users
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.memberships
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE ON pulsimo.invitations
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
-- That something has expired by itself is nobody's doing.
CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON pulsimo.invitations
    FOR EACH ROW WHEN (OLD.expires_at > statement_timestamp()) EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.projects
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.project_members
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.endpoints
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.secrets
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT ON pulsimo.passwords
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT ON pulsimo.user_sessions
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit('of the account');
CREATE OR REPLACE TRIGGER audit_delete AFTER DELETE ON pulsimo.user_sessions
    FOR EACH ROW WHEN (OLD.expires_at > statement_timestamp()) EXECUTE FUNCTION pulsimo.audit('of the account');
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR DELETE ON pulsimo.api_keys
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE OF name, scopes, key_hash, expires_at ON pulsimo.api_keys
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR DELETE ON pulsimo.one_time_passwords
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit_update AFTER UPDATE OF confirmed, sealed ON pulsimo.one_time_passwords
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER DELETE ON pulsimo.recovery_codes
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.maintenance_windows
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.dependencies
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.deployments
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.response_goals
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON pulsimo.state
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit();

-- --- the log itself --------------------------------------------------------------------------------------------------

CREATE OR REPLACE FUNCTION pulsimo.audit_log_kept() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    retention constant interval := current_setting('pulsimo.audit_retention');
BEGIN
    IF TG_OP = 'DELETE' AND retention > '0' AND OLD.happened_at < statement_timestamp() - retention THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit log can only be added to' USING
        ERRCODE = 'object_not_in_prerequisite_state',
        HINT = 'Entries that are older than pulsimo.audit_retention are removed by themselves.';
END $$;
REVOKE ALL ON FUNCTION pulsimo.audit_log_kept() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.audit_log_kept() IS
'Trigger of pulsimo.audit_log: refuses with 55000 to change it, or to remove what is not old enough.';
CREATE OR REPLACE TRIGGER audit_log_kept BEFORE UPDATE OR DELETE ON pulsimo.audit_log
    FOR EACH ROW EXECUTE FUNCTION pulsimo.audit_log_kept();
CREATE OR REPLACE TRIGGER audit_log_truncated BEFORE TRUNCATE ON pulsimo.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION pulsimo.audit_log_kept();

CREATE OR REPLACE FUNCTION pulsimo.forget_old_audit() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    retention constant interval := current_setting('pulsimo.audit_retention');
BEGIN
    IF retention > '0' THEN
        DELETE FROM pulsimo.audit_log a WHERE a.ctid = ANY (ARRAY(
            SELECT o.ctid FROM pulsimo.audit_log o WHERE o.happened_at < statement_timestamp() - retention
            ORDER BY o.happened_at LIMIT 10000));
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.forget_old_audit() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.forget_old_audit() IS
'Internal: what the keeper calls now and then to remove what is older than pulsimo.audit_retention, so much at a time that nobody notices.';

CREATE OR REPLACE FUNCTION pulsimo.search_audit(
    organization bigint DEFAULT NULL,
    user_id bigint DEFAULT NULL,
    action text DEFAULT NULL,
    object_type text DEFAULT NULL,
    object_id bigint DEFAULT NULL,
    result text DEFAULT NULL,
    contains text DEFAULT NULL,
    from_time timestamptz DEFAULT '-infinity',
    to_time timestamptz DEFAULT 'infinity',
    at_most integer DEFAULT 1000
) RETURNS SETOF pulsimo.audit_log
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (at_most > 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'at_most must be positive' USING
            ERRCODE = 'invalid_parameter_value', HINT = 'Leave it out for 1000.';
    END IF;
    RETURN QUERY
    SELECT a.* FROM pulsimo.audit_log a
    WHERE a.happened_at >= from_time AND a.happened_at < to_time
        AND (organization IS NULL OR a.organization_id = organization)
        AND (search_audit.user_id IS NULL OR a.user_id = search_audit.user_id)
        AND (search_audit.action IS NULL OR a.action = search_audit.action)
        AND (search_audit.object_type IS NULL OR a.object_type = search_audit.object_type)
        AND (search_audit.object_id IS NULL OR a.object_id = search_audit.object_id)
        AND (search_audit.result IS NULL OR a.result = search_audit.result)
        AND (contains IS NULL OR strpos(lower(concat_ws(' ', a.before, a.after, a.detail)), lower(contains)) > 0)
    ORDER BY a.happened_at DESC, a.id DESC
    LIMIT at_most;
END $$;
REVOKE ALL ON FUNCTION pulsimo.search_audit(bigint, bigint, text, text, bigint, text, text, timestamptz, timestamptz, integer) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.search_audit(bigint, bigint, text, text, bigint, text, text, timestamptz, timestamptz, integer) IS
'What the audit log has of all that is asked for, the newest first: for owners and admins that of their organizations, for everybody what concerns their own account, for the operator all. Whatever is left out does not matter.
organization, user_id, object_id: ids.
action: insert, update, delete, sign_in, sign_out, use_api_key, or for what was denied an action of permission_matrix.
object_type: the table, for example endpoints.
result: done, denied, failed or locked.
contains: text that before, after or detail has to contain, without regard to case.
from_time, to_time: from when until before when.
at_most: the number of entries.
Errors: 22023 at_most is not positive.
Example: COPY (SELECT * FROM pulsimo.search_audit(object_type => ''endpoints'', at_most => 100000)) TO STDOUT (FORMAT csv, HEADER);';
