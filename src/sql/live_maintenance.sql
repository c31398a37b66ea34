-- Maintenance that lasts as long as a transaction or a session, so that a migration cannot forget to end it. In shared
-- memory (src/worker/live_maintenance.hpp): it begins before the commit, and ends with its process at the latest.

CREATE OR REPLACE FUNCTION pulsimo.begin_live_maintenance(
    organization bigint, project bigint, endpoint bigint, tag text, title text, until_commit boolean
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_begin_live_maintenance';
REVOKE ALL ON FUNCTION pulsimo.begin_live_maintenance(bigint, bigint, bigint, text, text, boolean) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.begin_live_maintenance(bigint, bigint, bigint, text, text, boolean) IS
'Internal: begins a window that ends with the transaction, or with the session. What is given has been looked at.
Errors: 55000 monitoring is not running, 53400 there are too many.';

CREATE OR REPLACE FUNCTION pulsimo.maintenance_until_commit_as_owner(
    endpoint bigint, project bigint, tag text, organization bigint, title text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose constant bigint := pulsimo.maintenance_organization(endpoint, project, tag, organization);
BEGIN
    PERFORM pulsimo.require_maintenance_words(title, tag);
    PERFORM pulsimo.begin_live_maintenance(whose, project, endpoint, tag, title, true);
END $$;
REVOKE ALL ON FUNCTION pulsimo.maintenance_until_commit_as_owner(bigint, bigint, text, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_until_commit_as_owner(bigint, bigint, text, bigint, text) IS
'Internal: maintenance_until_commit(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.maintenance_until_commit(
    endpoint bigint DEFAULT NULL,
    project bigint DEFAULT NULL,
    tag text DEFAULT NULL,
    organization bigint DEFAULT NULL,
    title text DEFAULT 'Maintenance'
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.maintenance_until_commit(bigint, bigint, text, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_until_commit(bigint, bigint, text, bigint, text) IS
'Begins maintenance at once that ends with the transaction: when it commits, is rolled back (to a savepoint before the call), or its connection is lost. Such a transaction cannot be prepared (PREPARE TRANSACTION). Of an organization there can be 32 at a time, those of sessions included.
endpoint, project, tag, organization, title: see schedule_maintenance().
Errors: 22023 names the argument that is not acceptable; P0002 unknown endpoint, project or organization; 42501 may not plan maintenance there; 55000 monitoring is not running; 53400 there are too many.
Example: SELECT pulsimo.maintenance_until_commit(project => 1, title => ''Migration 42'');';

-- Who signs in within a transaction, behind a pool, has no session of their own.
CREATE OR REPLACE FUNCTION pulsimo.require_own_session() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT pulsimo.is_operator() AND NOT EXISTS (
            SELECT FROM pulsimo.users u
            WHERE u.id = pulsimo.current_user_id() AND u.database_role = pulsimo.caller_role()
                AND pulsimo.current_api_key_id() IS NULL) THEN
        RAISE EXCEPTION 'the session is not one of the user alone' USING
            ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'Whoever signs in is known until the end of the transaction, and the connection may be that of others next.',
            HINT = 'Use pulsimo.maintenance_until_commit() or pulsimo.begin_maintenance().';
    END IF;
END $$;
REVOKE ALL ON FUNCTION pulsimo.require_own_session() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.require_own_session() IS
'Internal: raises 55000 when the user is not the one that belongs to the role.';

CREATE OR REPLACE FUNCTION pulsimo.maintenance_while_connected_as_owner(
    endpoint bigint, project bigint, tag text, organization bigint, title text
) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    whose constant bigint := pulsimo.maintenance_organization(endpoint, project, tag, organization);
BEGIN
    PERFORM pulsimo.require_own_session();
    PERFORM pulsimo.require_maintenance_words(title, tag);
    PERFORM pulsimo.begin_live_maintenance(whose, project, endpoint, tag, title, false);
END $$;
REVOKE ALL ON FUNCTION pulsimo.maintenance_while_connected_as_owner(bigint, bigint, text, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_while_connected_as_owner(bigint, bigint, text, bigint, text) IS
'Internal: maintenance_while_connected(), with the rights of the owner.';
CREATE OR REPLACE FUNCTION pulsimo.maintenance_while_connected(
    endpoint bigint DEFAULT NULL,
    project bigint DEFAULT NULL,
    tag text DEFAULT NULL,
    organization bigint DEFAULT NULL,
    title text DEFAULT 'Maintenance'
) RETURNS void
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_as_owner';
REVOKE ALL ON FUNCTION pulsimo.maintenance_while_connected(bigint, bigint, text, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.maintenance_while_connected(bigint, bigint, text, bigint, text) IS
'Begins maintenance at once that ends with the session, however that ends, or with end_session_maintenance(), or when monitoring is stopped. A rollback does not end it. Not for connections of a pool, which outlive whoever uses them. Of an organization there can be 32 at a time, those of transactions included.
endpoint, project, tag, organization, title: see schedule_maintenance().
Errors: 22023 names the argument that is not acceptable; P0002 unknown endpoint, project or organization; 42501 may not plan maintenance there; 55000 monitoring is not running, or the user signed in and is not the one of the role; 53400 there are too many.
Example: SELECT pulsimo.maintenance_while_connected(endpoint => 1, title => ''Looking into it'');';

CREATE OR REPLACE FUNCTION pulsimo.end_session_maintenance() RETURNS integer
LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pulsimo_end_session_maintenance';
REVOKE ALL ON FUNCTION pulsimo.end_session_maintenance() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.end_session_maintenance() IS
'Ends, at once, what the user has begun in this session with maintenance_while_connected(); the operator ends all of the session. Returns how many that were.
Example: SELECT pulsimo.end_session_maintenance();';
