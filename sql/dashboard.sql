-- The screen for \watch: marks, bars, percentiles, order.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
BEGIN;
SELECT pulsimo.start(), pulsimo.stop();
SELECT pulsimo.ensure_partitions((now() AT TIME ZONE 'UTC')::date - 2, (now() AT TIME ZONE 'UTC')::date) > 0 AS made;
COMMIT;
SELECT count(pulsimo.add_endpoint('http://127.0.0.1:9/' || n, n))
FROM unnest('{bands,failures,gaps,many,new,paused,troubled,old}'::text[]) AS n;

BEGIN;
SELECT pulsimo.start();
CREATE FUNCTION recorded(endpoint text, status pulsimo.status) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status)
        SELECT id, now() - interval '30 hours', status, 'unknown' FROM pulsimo.endpoints WHERE name = endpoint;
$$;
-- Checks at so many minutes before now; -1 ms stands for a failure, NULL for no verdict.
CREATE FUNCTION checked(endpoint text, minutes integer[], milliseconds numeric[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class)
        SELECT e.id, now() - m * interval '1 min',
               CASE WHEN ms IS NULL THEN 'unknown' WHEN ms < 0 THEN 'down' ELSE 'up' END::pulsimo.status,
               greatest(ms, 0) * 1000,
               CASE WHEN ms IS NULL THEN 'internal' WHEN ms < 0 THEN 'refused' END::pulsimo.error_class
        FROM pulsimo.endpoints e, unnest(minutes, milliseconds) AS c (m, ms) WHERE e.name = endpoint;
$$;
-- The borders of the bands: a bar for below 100, 200, 500, 1000 ms, and for the rest.
SELECT recorded('bands', 'up'), checked('bands', '{10,9,8,7,6,5,4,3,2,1}',
                                        '{0.4,99.999,100,199.999,200,499.999,500,999.999,1000,60000}');
SELECT recorded('failures', 'down'), checked('failures', '{5,4,3,2,1}', '{150,-1,NULL,-1,-1}');
-- A gap is more than two intervals and the timeout without a check; longer ones are one dot as well.
SELECT recorded('gaps', 'degraded'), checked('gaps', '{120,60,57,55,53,1}', '{1.25,1.25,1.25,1.25,1.25,1234.5}');
-- A hundred and fifty checks: thirty bars, and percentiles of the last hundred.
SELECT recorded('many', 'up'), checked('many', array_agg(n), array_agg(n)) FROM generate_series(1, 150) n;
SELECT recorded('paused', 'up'), checked('paused', '{1}', '{9.94}');
UPDATE pulsimo.endpoints SET paused = true WHERE name = 'paused';
SELECT recorded('troubled', 'unknown'), checked('troubled', '{2,1}', '{9.96,NULL}');
-- Older than a day is past.
UPDATE pulsimo.endpoints SET check_interval = '1 day' WHERE name = 'old';
SELECT recorded('old', 'up'), checked('old', '{1500}', '{7}');
SELECT * FROM pulsimo.dashboard();
-- Trouble first, then by name.
UPDATE pulsimo.endpoints SET name = 'AA ' || name WHERE name IN ('many', 'failures');
SELECT endpoint FROM pulsimo.dashboard();
ROLLBACK;

SELECT * FROM pulsimo.dashboard();

-- In a database of another encoding plain characters stand in. It installs there too.
SELECT pulsimo.signs('12345+^!|.?x');
\set home :DBNAME
CREATE DATABASE pulsimo_latin1 ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;
\c pulsimo_latin1
SET client_min_messages = warning;
CREATE EXTENSION pulsimo;
SELECT pulsimo.signs('12345+^!|.?x');
\c :home
DROP DATABASE pulsimo_latin1;
DROP EXTENSION pulsimo;
