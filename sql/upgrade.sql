-- The way from the first version to the newest: one path, every step of it, with data on board.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo;

-- Versions are numbers without gaps, the default is the last, and each update leads one number further.
SELECT count(*) = max(version::int) AND min(version::int) = 1 AS without_gap,
       max(version) = (SELECT default_version FROM pg_available_extensions WHERE name = 'pulsimo') AS default_is_last
FROM (SELECT DISTINCT source AS version FROM pg_extension_update_paths('pulsimo')
      UNION SELECT DISTINCT target FROM pg_extension_update_paths('pulsimo')) v;
SELECT source, target, path FROM pg_extension_update_paths('pulsimo')
WHERE path IS NOT NULL AND path NOT LIKE '%--%--%' AND target::int <> source::int + 1;
SELECT source, target, path FROM pg_extension_update_paths('pulsimo')
WHERE (path IS NOT NULL) <> (source::int < target::int);

-- Data of the first version.
CREATE EXTENSION pulsimo VERSION '001';
INSERT INTO pulsimo.users (email, name) VALUES ('Ada@example.org', 'Ada');
INSERT INTO pulsimo.projects (name) VALUES ('shop'), ('wiki');
INSERT INTO pulsimo.endpoints (project_id, name, url)
    SELECT id, 'home of ' || name, 'http://127.0.0.1:9/' || name FROM pulsimo.projects;
INSERT INTO pulsimo.incidents (endpoint_id, title, started_at) VALUES (1, 'broken', '2026-01-01 00:00:00+00');
INSERT INTO pulsimo.dump_info (extension_version) VALUES ('001');

-- Version by version, though one statement would do.
DO $$
DECLARE
    step record;
BEGIN
    FOR step IN
        SELECT target FROM pg_extension_update_paths('pulsimo')
        WHERE path IS NOT NULL AND path NOT LIKE '%--%--%' ORDER BY target
    LOOP
        EXECUTE format('ALTER EXTENSION pulsimo UPDATE TO %L', step.target);
    END LOOP;
END $$;
SELECT extversion = (SELECT default_version FROM pg_available_extensions WHERE name = 'pulsimo') AS newest
FROM pg_extension WHERE extname = 'pulsimo';
SELECT d.extension_version = e.extversion AS data_follow FROM pulsimo.dump_info d, pg_extension e
WHERE e.extname = 'pulsimo';
SELECT u.email, u.name FROM pulsimo.users u;
SELECT p.id, p.name, o.name AS organization
FROM pulsimo.projects p JOIN pulsimo.organizations o ON o.id = p.organization_id
ORDER BY p.id;
SELECT id, name, url, project_id FROM pulsimo.endpoints ORDER BY id;
SELECT id, title, status FROM pulsimo.incidents;
SELECT name, status FROM pulsimo.endpoint_status ORDER BY id;
-- The data were there before, so nothing starts by itself.
SELECT pulsimo.add_endpoint('http://127.0.0.1:9/new', project => 1);
SELECT pulsimo.is_running();

-- An empty database of the first version gets no organization that nobody asked for.
DROP EXTENSION pulsimo;
CREATE EXTENSION pulsimo VERSION '001';
ALTER EXTENSION pulsimo UPDATE;
SELECT count(*) FROM pulsimo.organizations;
SELECT count(*) FROM pulsimo.dump_info;

-- Data of another version, as after restoring an old dump, are not started.
INSERT INTO pulsimo.dump_info (extension_version) VALUES ('001');
\set VERBOSITY sqlstate
SELECT pulsimo.start();
DROP EXTENSION pulsimo;
