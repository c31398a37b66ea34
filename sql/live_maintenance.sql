-- Maintenance that lasts as long as a transaction or a session. Seen by others before the commit: test/isolation.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_bob LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
INSERT INTO pulsimo.endpoints (project_id, name, url, tags, paused) VALUES
    (1, 'a 1', 'http://a.example/', '{db}', false), (1, 'a 2', 'http://a.example/', '{}', true), (2, 'b 1', 'http://b.example/', '{db}', false);
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', 'correct horse battery', 'regress_ann');
SELECT pulsimo.add_user('vic@a.example', 'Vic', 1, 'viewer', database_role => 'regress_vic');
SELECT pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
CREATE FUNCTION tries(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
    result text;
BEGIN
    EXECUTE statement INTO result;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', SQLSTATE, SQLERRM, nullif(hint, ''));
END $$;
CREATE VIEW live AS
SELECT title, organization_id AS org, project_id AS project, endpoint_id AS endpoint, tag, until_commit, pid = pg_backend_pid() AS mine
FROM pulsimo.live_maintenance();
GRANT SELECT ON live TO PUBLIC;

-- Somebody has to be there to take notice.
SELECT tries('SELECT pulsimo.maintenance_until_commit(endpoint => 1)');
SELECT tries('SELECT pulsimo.maintenance_while_connected(endpoint => 1)');
SELECT pulsimo.start();

-- What it can be about is as with schedule_maintenance().
SELECT tries(a) FROM unnest(ARRAY[
    'SELECT pulsimo.maintenance_until_commit()', 'SELECT pulsimo.maintenance_until_commit(endpoint => 1, project => 1)',
    'SELECT pulsimo.maintenance_until_commit(endpoint => 99)', 'SELECT pulsimo.maintenance_until_commit(endpoint => 1, title => NULL)',
    'SELECT pulsimo.maintenance_until_commit(tag => repeat(''x'', 101), organization => 1)',
    'SELECT pulsimo.maintenance_while_connected()', 'SELECT pulsimo.maintenance_while_connected(endpoint => 99)',
    'SELECT pulsimo.maintenance_while_connected(endpoint => 1, title => E''\n'')']) AS a;
SELECT * FROM live;

-- From the call to the end of the transaction, either way.
BEGIN;
SELECT pulsimo.maintenance_until_commit(endpoint => 1, title => 'Migration');
SELECT pulsimo.maintenance_until_commit(tag => 'db', organization => 2, title => repeat('ä', 200));
SELECT pulsimo.maintenance_until_commit(project => 1), pulsimo.maintenance_until_commit(organization => 2);
SELECT left(title, 10), org, project, endpoint, tag, until_commit, mine FROM live;
SELECT endpoint_id, left(title, 10), since <= clock_timestamp() AS since FROM pulsimo.maintenance_at(clock_timestamp());
SELECT id, left(title, 10), ends_at, running FROM pulsimo.upcoming_maintenance(endpoint => 3);
SELECT endpoint_ids, next_change_us FROM pulsimo.keeper_maintenance();
COMMIT;
SELECT * FROM live;
BEGIN;
SELECT pulsimo.maintenance_until_commit(endpoint => 1);
SELECT count(*) FROM live;
SELECT 1 / 0;
ROLLBACK;
SELECT * FROM live;
SELECT pulsimo.maintenance_until_commit(endpoint => 1);
SELECT * FROM live;
-- A part of it that is rolled back takes its own along; one that is released leaves them to the rest.
BEGIN;
SELECT pulsimo.maintenance_until_commit(endpoint => 1, title => 'outside');
SAVEPOINT a;
SELECT pulsimo.maintenance_until_commit(endpoint => 1, title => 'a');
SAVEPOINT b;
SELECT pulsimo.maintenance_until_commit(endpoint => 1, title => 'b');
RELEASE b;
SAVEPOINT c;
SELECT pulsimo.maintenance_until_commit(endpoint => 1, title => 'c');
ROLLBACK TO c;
SELECT title FROM live;
SELECT tries('SELECT pulsimo.maintenance_until_commit(endpoint => 1, title => ''d''), 1 / 0');
SELECT title FROM live;
ROLLBACK TO a;
SELECT title FROM live;
COMMIT;
SELECT * FROM live;
-- Nobody would be there to end it.
BEGIN;
SELECT pulsimo.maintenance_until_commit(endpoint => 1);
PREPARE TRANSACTION 'x';
ROLLBACK PREPARED 'x';
SELECT * FROM live;

-- As long as the session: a rollback does not matter.
BEGIN;
SELECT pulsimo.maintenance_while_connected(endpoint => 1, title => 'Looking into it');
SAVEPOINT a;
SELECT pulsimo.maintenance_while_connected(organization => 2, title => 'Another');
ROLLBACK TO a;
SELECT pulsimo.maintenance_until_commit(endpoint => 3, title => 'Migration');
SELECT * FROM live ORDER BY title;
ROLLBACK;
SELECT * FROM live ORDER BY title;
BEGIN;
SELECT pulsimo.maintenance_until_commit(endpoint => 1, title => 'stays');
SELECT pulsimo.end_session_maintenance();
SELECT title FROM live;
COMMIT;
SELECT pulsimo.end_session_maintenance();

-- Who may.
SET ROLE regress_vic;
SELECT tries('SELECT pulsimo.maintenance_until_commit(endpoint => 1)');
SELECT tries('SELECT pulsimo.maintenance_while_connected(organization => 1)');
SET ROLE regress_bob;
SELECT tries('SELECT pulsimo.maintenance_until_commit(endpoint => 1)');
SELECT tries('SELECT pulsimo.maintenance_while_connected(organization => 1)');
SELECT tries('SELECT pulsimo.begin_live_maintenance(1, NULL, 1, NULL, ''x'', true)');
SET ROLE regress_ann;
SELECT pulsimo.maintenance_while_connected(organization => 1, title => 'by Ann');
BEGIN;
SELECT pulsimo.maintenance_until_commit(tag => 'db', title => 'by Ann');
SELECT * FROM live;
-- Others see it if they see what it is about; and end what is their own.
SET LOCAL ROLE regress_vic;
SELECT title, tag FROM live;
SET LOCAL ROLE regress_bob;
SELECT title, tag FROM live;
SELECT title FROM pulsimo.upcoming_maintenance();
SELECT pulsimo.end_session_maintenance();
COMMIT;
SELECT title FROM live;
SELECT pulsimo.end_session_maintenance();
-- Whoever signs in shares a connection with others.
SET ROLE regress_bob;
BEGIN;
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery') IS NOT NULL AS signed_in;
SELECT pulsimo.maintenance_until_commit(endpoint => 1);
SELECT title FROM live;
SELECT tries('SELECT pulsimo.maintenance_while_connected(endpoint => 1)');
COMMIT;
RESET ROLE;
SELECT * FROM live;

-- Of one organization there can be so many; another has its own share.
BEGIN;
SELECT count(pulsimo.maintenance_until_commit(endpoint => 1)) FROM generate_series(1, 31);
SELECT pulsimo.maintenance_while_connected(endpoint => 1);
SELECT tries(a) FROM unnest(ARRAY[
    'SELECT pulsimo.maintenance_until_commit(project => 1)', 'SELECT pulsimo.maintenance_while_connected(endpoint => 1)',
    'SELECT pulsimo.maintenance_until_commit(endpoint => 3)']) AS a;
SELECT org, count(*) FROM live GROUP BY org ORDER BY org;
COMMIT;
SELECT org, count(*) FROM live GROUP BY org;

-- The session ends: nobody has to do anything.
SELECT pg_backend_pid() AS pid \gset
\c -
SET client_min_messages = warning;
CREATE PROCEDURE wait_for_end(which integer) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 1000 LOOP
        EXIT WHEN NOT EXISTS (SELECT FROM pulsimo.live_maintenance() l WHERE l.pid = which);
        PERFORM pg_sleep(0.01);
    END LOOP;
END $$;
CALL wait_for_end(:pid);
SELECT * FROM live;
-- It is about ids of this installation, and goes with it.
SELECT pulsimo.maintenance_while_connected(endpoint => 1);
DROP VIEW live;
DROP EXTENSION pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.start();
SELECT * FROM pulsimo.live_maintenance();
SELECT pulsimo.end_session_maintenance();
DROP PROCEDURE wait_for_end;
DROP FUNCTION tries;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_vic, regress_bob;
