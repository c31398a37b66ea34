-- Every public function with extreme values, one argument after the other: what is not accepted is refused in words of
-- ours, never by an overflow or an internal error. What becomes of what is accepted shows in the other tests.
\set VERBOSITY terse
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo CASCADE;
CREATE EXTENSION pulsimo;
RESET client_min_messages;
SET timezone = 'UTC';
BEGIN;
SELECT pulsimo.start(), pulsimo.stop();
SELECT pulsimo.add_organization('a');
SELECT pulsimo.add_user('a@example.com', 'A', 1, 'owner');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'p');
SELECT pulsimo.add_endpoint('http://127.0.0.1:1/', project => 1) AS one, pulsimo.add_endpoint('http://127.0.0.1:1/b', project => 1) AS two;
SELECT pulsimo.open_incident('x', 'high', '{1}') AS one, pulsimo.open_incident('y', 'low', '{2}') AS two;
SELECT pulsimo.add_note(1, 'x') AS note, pulsimo.add_action_item(1, 'x') AS item,
       pulsimo.begin_maintenance('1 h', endpoint => 2) AS maintenance, pulsimo.deployment('api', project => 1) AS deployment;
COMMIT;

-- What an argument without a default gets while it is not its turn.
CREATE FUNCTION ordinary(name text, type regtype) RETURNS text LANGUAGE sql AS $$
    SELECT format('%L::%s', CASE
        WHEN name = 'from_time' THEN '2026-01-01'
        WHEN type = 'timestamptz'::regtype OR type = 'date'::regtype THEN '2026-01-02'
        WHEN type = 'interval'::regtype THEN '1 min'
        WHEN type IN ('bigint'::regtype, 'integer'::regtype) THEN '1'
        WHEN type IN ('bigint[]'::regtype, 'text[]'::regtype) THEN '{1}'
        WHEN type = 'jsonb'::regtype THEN '{}'
        WHEN type = 'boolean'::regtype THEN 'true'
        WHEN name = 'cron' THEN '0 0 * * *'
        WHEN name = 'timezone' THEN 'UTC'
        WHEN name = 'url' THEN 'http://127.0.0.1:1/c'
        ELSE coalesce((SELECT min(e.enumlabel) FROM pg_enum e WHERE e.enumtypid = type), 'x') END, type) $$;

CREATE FUNCTION extremes(type regtype) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT coalesce(format('%L', v.value), 'NULL') || '::' || type::text
    FROM (VALUES
        ('timestamptz'::regtype, '{-infinity,infinity,"4714-11-24 00:00+00 BC","294276-12-31 23:59:59+00",NULL}'::text[]),
        ('date', '{-infinity,infinity,4714-11-24 BC,5874897-12-31,NULL}'),
        ('interval', '{178000000 years,-178000000 years,2147483647 days,-2147483648 days,0,NULL}'),
        ('bigint', '{-9223372036854775808,9223372036854775807,0,NULL}'),
        ('integer', '{-2147483648,2147483647,0,NULL}'),
        ('bigint[]', '{"{}","{NULL}","{{1},{2}}","{9223372036854775807}",NULL}'),
        ('text[]', '{"{}","{NULL}","{{1},{2}}",NULL}'),
        ('text', ARRAY['', repeat('x', 100000), E'\n', '\', '%s', '''', NULL]),
        ('jsonb', '{"[]","null","1","{\"x\": 1e999}",NULL}'),
        ('time', '{24:00,NULL}'),
        ('boolean', '{NULL}')
    ) AS x (type, vals) CROSS JOIN LATERAL unnest(x.vals) AS v (value)
    WHERE x.type = $1
    UNION ALL SELECT 'NULL::' || type::text FROM pg_type t WHERE t.oid = type AND t.typtype = 'e' $$;

-- Each is undone.
CREATE FUNCTION outcome(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT %s) x', call);
    RAISE EXCEPTION USING ERRCODE = '00ABC';
EXCEPTION WHEN OTHERS THEN
    RETURN CASE SQLSTATE WHEN '00ABC' THEN 'accepted' ELSE SQLSTATE || ': ' || SQLERRM END;
END $$;

-- Without those that prove who somebody is: their failures are counted.
CREATE TABLE public_functions AS
    SELECT p.oid, p.proname, a.place, a.type::regtype, p.proargnames[a.place] AS name, a.place > p.pronargs - p.pronargdefaults AS optional
    FROM pg_proc p CROSS JOIN LATERAL unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, place)
    WHERE p.pronamespace = 'pulsimo'::regnamespace AND p.prorettype <> 'trigger'::regtype
        AND obj_description(p.oid, 'pg_proc') !~ '^(Internal|Trigger of)'
        AND p.proname !~ '^(sign_in|use_session|use_api_key|accept_invitation|.*one_time_password.*|.*password)$';
CREATE TABLE tried AS
    SELECT c.call, outcome(c.call) AS outcome
    FROM (
        SELECT format('pulsimo.%I(%s)', t.proname, (
                SELECT string_agg(format('%I => %s', o.name, CASE WHEN o.place = t.place THEN x.value ELSE ordinary(o.name, o.type) END),
                                  ', ' ORDER BY o.place)
                FROM public_functions o WHERE o.oid = t.oid AND (o.place = t.place OR NOT o.optional))) AS call
        FROM public_functions t CROSS JOIN LATERAL extremes(t.type) AS x (value)
    ) c;
SELECT count(*) > 1000 AS calls, count(*) FILTER (WHERE outcome = 'accepted') > 300 AS accepted,
       count(*) FILTER (WHERE outcome ~ '^22023') > 300 AS refused FROM tried;
SELECT left(call, 150) AS call, left(outcome, 100) AS outcome FROM tried
WHERE outcome <> 'accepted' AND outcome !~ '^(22023|22004|P0002|42501|55000|53400)'
ORDER BY call, outcome;
DROP FUNCTION ordinary(text, regtype), extremes(regtype), outcome(text);
DROP TABLE public_functions, tried;
