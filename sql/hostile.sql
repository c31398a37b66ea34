-- A tenant who may create objects elsewhere in the database: nothing of hers ever runs with other rights than her own, be
-- it called by our functions, by our triggers or by the workers, which run as superusers.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
COPY (SELECT repeat('5a', 32)) TO PROGRAM 'umask 077; cat >pulsimo.key';
CREATE ROLE regress_eve LOGIN;
GRANT CREATE, USAGE ON SCHEMA public TO regress_eve;
SELECT pulsimo.add_organization('A');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A');
SELECT pulsimo.add_user('eve@a.example', 'Eve', 1, 'owner', 'correct horse battery', 'regress_eve');
SELECT pulsimo.create_partition(current_date) IS NOT NULL AS made;

-- Functions and operators that any of our SQL uses, under the same names, which tell who has called them. (Some fit better
-- than those of the system, and win even behind pg_catalog.)
CREATE TABLE captured (by_role name, what text);
GRANT INSERT, SELECT ON captured TO PUBLIC;
SET ROLE regress_eve;
DO $$
DECLARE
    shadowed record;
BEGIN
    FOR shadowed IN SELECT * FROM (VALUES
        ('lower', 'text', 'text', '$1'), ('length', 'text', 'integer', '1'), ('left', 'text, integer', 'text', '$1'),
        ('now', '', 'timestamptz', 'pg_catalog.now()'), ('clock_timestamp', '', 'timestamptz', 'pg_catalog.now()'),
        ('statement_timestamp', '', 'timestamptz', 'pg_catalog.now()'), ('sha256', 'bytea', 'bytea', '$1'),
        ('convert_to', 'text, name', 'bytea', 'pg_catalog.convert_to($1, $2)'), ('octet_length', 'text', 'integer', '1'),
        ('current_setting', 'text', 'text', '''1'''), ('to_jsonb', 'anyelement', 'jsonb', '''{}'''),
        ('jsonb_typeof', 'jsonb', 'text', '''object'''), ('cardinality', 'anyarray', 'integer', '1'),
        ('quote_literal', 'text', 'text', '$1'), ('format', 'text, text', 'text', '$1'), ('concat_ws', 'text, text', 'text', '$1'),
        ('has_permission', 'text, bigint', 'boolean', 'true'), ('is_operator', '', 'boolean', 'true'),
        ('current_user_id', '', 'bigint', '1'), ('require_permission', 'text, bigint', 'void', 'NULL'),
        ('inet_client_addr', '', 'inet', 'NULL'), ('strpos', 'text, text', 'integer', '1')
    ) AS s (name, arguments, result, answer) LOOP
        EXECUTE pg_catalog.format('CREATE FUNCTION public.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', shadowed.name, shadowed.arguments,
            shadowed.result, pg_catalog.format('BEGIN INSERT INTO public.captured VALUES (current_user, %L); RETURN%s; END', shadowed.name,
                CASE WHEN shadowed.result = 'void' THEN '' ELSE ' ' || shadowed.answer END));
    END LOOP;
    FOR shadowed IN SELECT * FROM (VALUES
        ('=', 'bigint', 'bigint', 'boolean'), ('=', 'text', 'text', 'boolean'), ('<>', 'text', 'text', 'boolean'),
        ('>', 'timestamptz', 'timestamptz', 'boolean'), ('||', 'text', 'text', 'text'), ('->', 'jsonb', 'text', 'jsonb'),
        ('->>', 'jsonb', 'text', 'text'), ('~', 'text', 'text', 'boolean'), ('!~', 'text', 'text', 'boolean'),
        ('@>', 'text[]', 'text[]', 'boolean'), ('<=', 'integer', 'integer', 'boolean'), ('-', 'jsonb', 'text[]', 'jsonb')
    ) AS s (name, l, r, result) LOOP
        EXECUTE pg_catalog.format('CREATE FUNCTION public.f%s(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L',
            md5(shadowed.name || shadowed.l), shadowed.l, shadowed.r, shadowed.result,
            pg_catalog.format('BEGIN INSERT INTO public.captured VALUES (current_user, %L); RETURN NULL; END', shadowed.name));
        EXECUTE pg_catalog.format('CREATE OPERATOR public.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = public.f%s)', shadowed.name,
            shadowed.l, shadowed.r, md5(shadowed.name || shadowed.l));
    END LOOP;
END $$;
-- They do shadow what she writes herself.
SET search_path = public, pg_catalog;
SELECT lower('X'), 'a'::text = 'b'::text AS equals;
SELECT by_role, what FROM captured ORDER BY what COLLATE "C";
RESET ROLE;
TRUNCATE captured;
SET ROLE regress_eve;

-- And nothing of what we write.
CREATE TEMPORARY TABLE endpoints (LIKE pulsimo.endpoints);
CREATE TEMPORARY TABLE users (id bigint, email text);
SELECT pulsimo.set_secret('token', 'hush', 1) > 0 AS stored;
SELECT pulsimo.add_endpoint('http://a.example/', 'one', 1, options => '{"auth": {"bearer": {"secret": "token"}}}') > 0 AS added;
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (1, 'two', 'http://a.example/');
UPDATE pulsimo.endpoints SET paused = true, name = 'zwei' WHERE name OPERATOR(pg_catalog.=) 'two';
SELECT pulsimo.update_endpoint(2, '{"check_interval": "30 s"}');
SELECT pulsimo.remove_endpoint(2);
SELECT pulsimo.create_api_key('k') IS NOT NULL AS made;
SELECT pulsimo.invite_user('zoe@a.example', 1) IS NOT NULL AS invited;
SELECT pulsimo.add_user('zoe2@a.example', 'Zoe', 1, 'viewer', 'another horse battery') > 0 AS added;
SELECT pulsimo.set_role(2, 1, 'member');
SELECT pulsimo.disable_user(2, 1);
SELECT pulsimo.sign_in('eve@a.example', 'correct horse battery') IS NOT NULL AS signed_in;
SELECT pulsimo.change_password('correct horse battery', 'yet another horse battery');
SELECT count(*) FROM pulsimo.search_audit(contains => '"one"');
SELECT count(*) FROM pulsimo.organization_usage;
SELECT count(*) FROM pulsimo.endpoint_status;
SELECT count(*) FROM pulsimo.dashboard();
SELECT count(*) FROM pulsimo.organization_members;
SELECT pulsimo.uptime(1, pg_catalog.now() - interval '1 hour', pg_catalog.now()) IS NULL AS nothing_yet;
-- What the keeper runs, with all of these around.
RESET ROLE;
SELECT pulsimo.record_changes('[{"endpoint_id": 1, "at": 1767225600000000, "status": "down", "previous": "unknown", "error": "refused", "detail": "x", "incident": "open"}]');
SELECT count(*) FROM pulsimo.keeper_endpoints(NULL);
SELECT pulsimo.record_audit_notes();
SELECT pulsimo.forget_expired();
SELECT pulsimo.forget_old_audit();
SELECT pulsimo.protect_partitions();
RESET search_path;
SELECT * FROM captured;

-- She cannot put anything into our tables or our schema that somebody else would run.
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SET ROLE regress_eve;
CREATE FUNCTION public.evil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
SELECT s.statement, attempt(s.statement) FROM (VALUES
    ('CREATE TRIGGER t BEFORE INSERT ON pulsimo.endpoints FOR EACH ROW EXECUTE FUNCTION public.evil()'),
    ('CREATE TRIGGER t BEFORE INSERT ON pulsimo.audit_log FOR EACH ROW EXECUTE FUNCTION public.evil()'),
    ('CREATE TRIGGER t BEFORE INSERT ON pulsimo.health_checks FOR EACH ROW EXECUTE FUNCTION public.evil()'),
    ('CREATE RULE r AS ON INSERT TO pulsimo.endpoints DO ALSO SELECT 1'),
    ('ALTER TABLE pulsimo.endpoints ALTER name SET DEFAULT public.lower(''X'')'),
    ('ALTER TABLE pulsimo.endpoints ADD CHECK (public.strpos(name, ''x'') > 0)'),
    ('ALTER TABLE pulsimo.endpoints DISABLE ROW LEVEL SECURITY'),
    ('ALTER TABLE pulsimo.audit_log DISABLE TRIGGER ALL'),
    ('CREATE POLICY p ON pulsimo.endpoints USING (public.strpos(name, ''x'') > 0)'),
    ('CREATE INDEX ON pulsimo.endpoints (public.lower(name))'),
    ('CREATE TABLE public.child () INHERITS (pulsimo.endpoints)'),
    ('CREATE TABLE public.child PARTITION OF pulsimo.health_checks FOR VALUES FROM (''2030-01-01'') TO (''2030-01-02'')'),
    ('CREATE FUNCTION pulsimo.lower(bytea) RETURNS text LANGUAGE sql AS ''SELECT NULL'''),
    ('CREATE OR REPLACE FUNCTION pulsimo.audit() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END'''),
    ('ALTER FUNCTION pulsimo.audit_as_owner() SET search_path = public'),
    ('CREATE OPERATOR pulsimo.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.strpos)'),
    ('ALTER EXTENSION pulsimo ADD FUNCTION public.evil()'),
    ('SET session_replication_role = replica'),
    ('SET pulsimo.secret_key_file = ''/tmp/mine'''),
    ('SET pulsimo.audit_retention = 1')) AS s (statement);
RESET ROLE;
-- Not even with EXECUTE on everything: our trigger functions run on our tables alone.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pulsimo TO regress_eve;
SET ROLE regress_eve;
CREATE TYPE public.evil_type AS ENUM ('a');
CREATE FUNCTION public.evil_json(public.evil_type) RETURNS json LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO public.captured VALUES (current_user, 'cast'); RETURN '1'::json; END $$;
CREATE CAST (public.evil_type AS json) WITH FUNCTION public.evil_json(public.evil_type);
DO $$
DECLARE
    ours record;
BEGIN
    FOR ours IN SELECT p.oid::regprocedure AS function, p.proname FROM pg_proc p
                WHERE p.pronamespace = 'pulsimo'::regnamespace AND p.prorettype = 'trigger'::regtype
                    AND p.proname NOT LIKE '%_as_owner' AND (p.prosecdef OR p.prosrc = 'pulsimo_as_owner')
    LOOP
        DROP TABLE IF EXISTS public.user_sessions;
        CREATE TABLE public.user_sessions (id bigint, user_id bigint, organization_id bigint, project_id bigint, paused boolean,
                                           url text, options jsonb, v public.evil_type);
        EXECUTE pg_catalog.format('CREATE TRIGGER t BEFORE INSERT ON public.user_sessions FOR EACH ROW EXECUTE FUNCTION %s', ours.function);
        BEGIN
            INSERT INTO public.user_sessions VALUES (1, 1, 1, 1, true, 'http://a.example/', '{}', 'a');
            INSERT INTO public.captured VALUES (current_user, ours.proname);
        EXCEPTION WHEN insufficient_privilege THEN
            NULL;
        END;
    END LOOP;
END $$;
DROP TABLE public.user_sessions;
DROP CAST (public.evil_type AS json);
RESET ROLE;
SELECT * FROM captured;
-- Every function that runs as the owner is in C or has a search_path of its own; only superusers own what is ours.
SELECT DISTINCT r.rolsuper FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.relnamespace = 'pulsimo'::regnamespace;
SELECT DISTINCT r.rolsuper FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner WHERE p.pronamespace = 'pulsimo'::regnamespace;

DROP TABLE IF EXISTS pg_temp.endpoints;
DROP EXTENSION pulsimo;
DROP FUNCTION attempt;
DROP TABLE captured;
SET client_min_messages = error;
DROP OWNED BY regress_eve;
DROP ROLE regress_eve;
