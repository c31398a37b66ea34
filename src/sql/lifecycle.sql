-- Starting and stopping the monitoring of this database.
--
-- pulsimo.state says whether it runs and is never dumped; pulsimo.dump_info says which version wrote the rows and is.
-- Together they tell the three databases apart that look alike: freshly installed (no dump_info), restored from a
-- dump (dump_info, but a state that was never started) and cloned from a template (a state of another database).

CREATE OR REPLACE FUNCTION pulsimo.installed_version() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pulsimo';
$$;
REVOKE ALL ON FUNCTION pulsimo.installed_version() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.installed_version() IS
'Internal: the version of the extension in this database, the number of its last migration.';

CREATE OR REPLACE FUNCTION pulsimo.version() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN v.installed = v.module THEN v.installed
                ELSE format('%s (library %s)', v.installed, v.module) END
    FROM (SELECT pulsimo.installed_version() AS installed, pulsimo.module_version() AS module) v;
$$;
REVOKE ALL ON FUNCTION pulsimo.version() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.version() IS
'The version of the extension in this database. When the loaded library is of another version, that one follows in parentheses: run ALTER EXTENSION pulsimo UPDATE, or restart the server, until they agree.
Example: SELECT pulsimo.version();';

CREATE OR REPLACE FUNCTION pulsimo.is_running() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(bool_or(s.running AND s.database_oid = d.oid), false)
    FROM pulsimo.state s, pg_database d
    WHERE d.datname = current_database();
$$;
REVOKE ALL ON FUNCTION pulsimo.is_running() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.is_running() IS
'Whether monitoring of this database is switched on. Says nothing about the workers: see the view worker_status.
Example: SELECT pulsimo.is_running();';

CREATE OR REPLACE FUNCTION pulsimo.start() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    installed constant text := pulsimo.installed_version();
    written_by text;
    today constant date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
    INSERT INTO pulsimo.dump_info (extension_version) VALUES (installed) ON CONFLICT (singleton) DO NOTHING;
    SELECT i.extension_version INTO written_by FROM pulsimo.dump_info i;
    IF written_by <> installed THEN
        RAISE EXCEPTION 'the data is of version % of pulsimo, but version % is installed', written_by, installed USING
            ERRCODE = 'object_not_in_prerequisite_state',
            HINT = format('Restore the dump into a database after CREATE EXTENSION pulsimo VERSION %L, then run '
                          'ALTER EXTENSION pulsimo UPDATE.', written_by);
    END IF;
    IF NOT pulsimo.is_running() THEN
        INSERT INTO pulsimo.state (running, database_oid)
            SELECT true, d.oid FROM pg_database d WHERE d.datname = current_database()
        ON CONFLICT (singleton) DO UPDATE
            SET running = excluded.running, database_oid = excluded.database_oid, changed_at = excluded.changed_at;
    END IF;
    PERFORM pulsimo.ensure_partitions(today, today + 3);
    PERFORM pulsimo.wake();
END $$;
REVOKE ALL ON FUNCTION pulsimo.start() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.start() IS
'Switches monitoring of this database on, from the commit of the transaction. A fresh installation is started by its first add_endpoint(); a database that was restored from a dump, or cloned with CREATE DATABASE ... TEMPLATE, waits for this call. Does nothing when monitoring is on already.
Errors: 55000 the data was restored from a dump of another version; 55P03 a partition could not be made within 2 s.
Example: SELECT pulsimo.start();';

CREATE OR REPLACE FUNCTION pulsimo.stop() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO pulsimo.state (running, database_oid)
        SELECT false, d.oid FROM pg_database d WHERE d.datname = current_database()
    ON CONFLICT (singleton) DO UPDATE
        SET running = false, database_oid = excluded.database_oid, changed_at = excluded.changed_at;
    PERFORM pulsimo.wake();
END $$;
REVOKE ALL ON FUNCTION pulsimo.stop() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.stop() IS
'Switches monitoring of this database off, from the commit of the transaction, until start(). Endpoints show as unknown meanwhile; open incidents stay open.
Example: SELECT pulsimo.stop();';

CREATE OR REPLACE FUNCTION pulsimo.keeper_state(OUT running boolean, OUT version text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pulsimo.is_running(), pulsimo.installed_version();
$$;
REVOKE ALL ON FUNCTION pulsimo.keeper_state() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.keeper_state() IS
'Internal: what the keeper asks when it starts and after start() and stop(): whether to work, and for which version.';
