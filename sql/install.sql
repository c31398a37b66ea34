-- What CREATE EXTENSION leaves behind: a list of all members, and rules that every object keeps.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo;

-- Somebody else's schema of this name is not taken over.
CREATE SCHEMA pulsimo;
CREATE EXTENSION pulsimo;
DROP SCHEMA pulsimo;

CREATE EXTENSION pulsimo;
SELECT pulsimo.version() = default_version AS newest FROM pg_available_extensions WHERE name = 'pulsimo';

-- Row and array types come with their tables and types, in some versions as members.
CREATE VIEW members AS
SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e
    ON d.refobjid = e.oid AND d.refclassid = 'pg_extension'::regclass
WHERE e.extname = 'pulsimo' AND d.deptype = 'e' AND NOT EXISTS (
    SELECT FROM pg_type t
    WHERE d.classid = 'pg_type'::regclass AND t.oid = d.objid AND (t.typtype = 'c' OR t.typcategory = 'A'));
SELECT pg_describe_object(classid, objid, 0) AS member FROM members
ORDER BY pg_describe_object(classid, objid, 0) COLLATE "C";

-- What a dump leaves out on purpose: the checks, because partitions dump themselves, whether it runs, and who is signed in.
SELECT c.relname, c.relkind FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND m.objid = c.oid
WHERE c.relkind IN ('r', 'p', 'S') AND NOT EXISTS (
    SELECT FROM pg_extension e WHERE e.extname = 'pulsimo' AND c.oid = ANY (e.extconfig))
ORDER BY c.relname;
-- Conditions on what is dumped: none.
SELECT DISTINCT unnest(extcondition) AS condition FROM pg_extension WHERE extname = 'pulsimo';

-- Objects without a comment, and columns of tables and views without one: none.
SELECT pg_describe_object(m.classid, m.objid, 0) AS without_comment FROM members m
WHERE coalesce(obj_description(m.objid, m.classid::regclass::name), '') = ''
    AND NOT EXISTS (
        SELECT FROM pg_class c WHERE m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind = 'S');
SELECT a.attrelid::regclass || '.' || a.attname AS column_without_comment
FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid AND c.relkind IN ('r', 'p', 'v')
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE col_description(a.attrelid, a.attnum) IS NULL
    AND obj_description(c.oid, 'pg_class') NOT LIKE 'Internal:%';

-- Functions that are called by people tell how.
SELECT p.oid::regprocedure AS without_example
FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
WHERE obj_description(p.oid, 'pg_proc') !~ '^(Internal:|Trigger of )'
    AND obj_description(p.oid, 'pg_proc') !~ 'Example: ';

-- Rights of PUBLIC: none, neither on relations nor on functions nor on the schema.
SELECT c.relname FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid,
    LATERAL aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
                                                     c.relowner))) a
WHERE a.grantee = 0;
SELECT p.oid::regprocedure FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid,
    LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE a.grantee = 0;
SELECT n.nspname FROM members m JOIN pg_namespace n ON m.classid = 'pg_namespace'::regclass AND n.oid = m.objid,
    LATERAL aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
WHERE a.grantee = 0;

-- Every function has its own search_path; the ones without it have a body that was parsed when it was created.
SELECT p.oid::regprocedure AS without_search_path, p.prosqlbody IS NOT NULL AS parsed
FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
WHERE NOT coalesce(p.proconfig @> '{"search_path=pg_catalog, pg_temp"}', false)
ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT p.oid::regprocedure AS with_rights_of_owner
FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
WHERE p.prosecdef;
-- Views run with the rights of who reads them.
SELECT c.relname FROM members m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid
WHERE c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}', false);

-- Every foreign key has an index that begins with its columns.
SELECT k.conname FROM pg_constraint k
WHERE k.contype = 'f' AND k.connamespace = 'pulsimo'::regnamespace AND NOT EXISTS (
    SELECT FROM pg_index i WHERE i.indrelid = k.conrelid AND i.indpred IS NULL
        AND (i.indkey::int2[])[0:cardinality(k.conkey) - 1] = k.conkey);

-- Triggers that fire on INSERT, and so during a restore. They must write no rows then: they check, tell the keeper, or, like
-- audit() and the quotas, do nothing while is_restoring().
SELECT t.tgrelid::regclass AS table, t.tgname, t.tgfoid::regproc FROM pg_trigger t
    JOIN members m ON m.classid = 'pg_class'::regclass AND m.objid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgtype & 4 <> 0 ORDER BY t.tgname, t.tgrelid::regclass::text;

-- A fresh installation is quiet, and empty but for the row that says so.
SELECT running, database_oid FROM pulsimo.state;
SELECT count(*) FROM pulsimo.dump_info;
SELECT pulsimo.is_running();

-- DROP EXTENSION takes everything with it, the partitions of run time too.
SELECT pulsimo.create_partition('2026-01-31');
DROP VIEW members;
DROP EXTENSION pulsimo;
SELECT count(*) FROM pg_class WHERE relname LIKE 'health_checks%';
SELECT to_regnamespace('pulsimo');
