-- Who belongs to an organization, as what; and the guards of the functions that change it.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();  -- nothing is probed, and no old partition dropped, while this runs
CREATE ROLE regress_olga LOGIN;
CREATE ROLE regress_adam LOGIN;
CREATE ROLE regress_mia LOGIN;
CREATE ROLE regress_vera LOGIN;
SELECT pulsimo.add_organization('A') AS a, pulsimo.add_organization('B') AS b;
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (2, 'other');
SELECT pulsimo.add_user('olga@a.example', 'Olga', 1, 'owner', database_role => 'regress_olga');
SELECT pulsimo.add_user('adam@a.example', 'Adam', 1, 'admin', database_role => 'regress_adam');
SELECT pulsimo.add_user('mia@a.example', 'Mia', 1, database_role => 'regress_mia');
SELECT pulsimo.add_user('vera@a.example', 'Vera', 1, 'viewer', database_role => 'regress_vera');
SELECT pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner');
SELECT organization, user_id, email, name, role, status FROM pulsimo.organization_members;

-- Arguments.
SELECT pulsimo.add_user('nobody', 'N', 1);
SELECT pulsimo.add_user(NULL, 'N', 1);
SELECT pulsimo.add_user('n@a.example', ' ', 1);
SELECT pulsimo.add_user('n@a.example', E'a\nb', 1);
SELECT pulsimo.add_user('n@a.example', 'N', 99);
SELECT pulsimo.add_user('n@a.example', 'N', NULL);
SELECT pulsimo.add_user('n@a.example', 'N', 1, NULL);
SELECT pulsimo.add_user('OLGA@a.example', 'Olga again', 1);
SELECT pulsimo.add_user('n@a.example', 'N', 1, database_role => 'regress_mia');
SELECT pulsimo.add_user('n@a.example', 'N', 1, database_role => 'regress_missing');
SELECT pulsimo.add_organization('A');
SELECT pulsimo.add_organization(' ');
SELECT pulsimo.set_role(99, 1, 'admin');
SELECT pulsimo.disable_user(99);
SELECT pulsimo.remove_user(NULL, 1);
SELECT pulsimo.set_project_role(99, 1, 'viewer');
SELECT pulsimo.has_permission('fly', 1);
SELECT pulsimo.has_permission('project.view', NULL) IS NULL AS is_null;
SELECT count(*) FROM pulsimo.users;

-- An admin: up to their own rank, in their own organization.
SET ROLE regress_adam;
SELECT pulsimo.add_user('new@a.example', 'New', 1, 'admin') > 0 AS added;
SELECT pulsimo.add_user('boss@a.example', 'Boss', 1, 'owner');
SELECT pulsimo.add_user('spy@a.example', 'Spy', 2);
SELECT pulsimo.add_user('x@a.example', 'X', 1, database_role => 'postgres');
SELECT pulsimo.add_organization('C');
SELECT pulsimo.set_role(2, 1, 'owner');
SELECT pulsimo.set_role(1, 1, 'viewer');
SELECT pulsimo.disable_user(1, 1);
SELECT pulsimo.remove_user(1, 1);
SELECT pulsimo.set_role(3, 1, 'viewer');
SELECT pulsimo.set_role(3, 1, 'member');
SELECT pulsimo.disable_user(3);
SELECT pulsimo.remove_user(3);
-- Whoever is in another organization is not told from whoever is in none.
SELECT pulsimo.set_role(5, 1, 'viewer');
SELECT pulsimo.set_role(99, 1, 'viewer');
-- Whoever has an account is invited, and not seen before they accept. The operator can make them a member.
SELECT pulsimo.add_user('bob@b.example', 'Robert', 1, 'viewer');
SELECT length(pulsimo.invite_user('bob@b.example', 1, 'viewer')), length(pulsimo.invite_user('nobody@b.example', 1, 'viewer'));
SELECT user_id, email, name, role, status FROM pulsimo.organization_members WHERE email LIKE '%b.example';
SELECT count(*) FROM pulsimo.users WHERE id = 5;
SELECT pulsimo.set_project_role(5, 1, 'viewer');
RESET ROLE;
SELECT pulsimo.add_user('bob@b.example', 'Robert', 1, 'viewer') AS bob;
SELECT pulsimo.set_role(5, 1, 'viewer');
SET ROLE regress_adam;
SELECT user_id, email, name, role, status FROM pulsimo.organization_members WHERE user_id = 5;
SELECT pulsimo.remove_user(5, 1);

-- A member changes nobody, and may leave.
SET ROLE regress_mia;
SELECT pulsimo.add_user('x@a.example', 'X', 1);
SELECT pulsimo.invite_user('x@a.example', 1);
SELECT pulsimo.set_role(3, 1, 'admin');
SELECT pulsimo.disable_user(4, 1);
SELECT pulsimo.set_project_role(4, 1, 'editor');
SELECT pulsimo.remove_user(4, 1);

-- A project role adds to the role in the organization.
SET ROLE regress_vera;
SELECT pulsimo.has_permission('endpoints.change', 1);
RESET ROLE;
SELECT pulsimo.set_project_role(4, 1, 'admin');
SET ROLE regress_vera;
SELECT pulsimo.has_permission('endpoints.change', 1), pulsimo.has_permission('projects.change', 1);
SELECT pulsimo.set_project_role(3, 1, 'viewer');
SELECT pulsimo.set_project_role(5, 1, 'viewer');
SELECT pulsimo.set_project_role(3, 2, 'viewer');
SELECT pulsimo.set_project_role(4, 1, NULL);
SELECT pulsimo.has_permission('endpoints.change', 1);
RESET ROLE;

-- Disabled: nothing at once; enabled: everything back. The account, and the membership.
SELECT pulsimo.disable_user(4, 1);
SET ROLE regress_vera;
SELECT pulsimo.current_user_id(), count(*) FROM pulsimo.projects;
RESET ROLE;
SELECT pulsimo.set_project_role(4, 1, 'viewer');
SET ROLE regress_vera;
SELECT count(*) FROM pulsimo.projects;
RESET ROLE;
SELECT pulsimo.enable_user(4, 1), pulsimo.disable_user(4);
SET ROLE regress_vera;
SELECT pulsimo.current_user_id(), count(*) FROM pulsimo.projects;
RESET ROLE;
SELECT pulsimo.enable_user(4);
SET ROLE regress_vera;
SELECT pulsimo.current_user_id(), count(*) FROM pulsimo.projects;

-- The last owner stays, whoever asks.
SET ROLE regress_olga;
SELECT pulsimo.remove_user(1, 1);
SELECT pulsimo.set_role(1, 1, 'admin');
SELECT pulsimo.disable_user(1, 1);
RESET ROLE;
SELECT pulsimo.disable_user(1);
SELECT pulsimo.remove_user(1);
SELECT pulsimo.set_role(2, 1, 'owner');
SET ROLE regress_olga;
SELECT pulsimo.remove_user(1, 1);
SELECT count(*) FROM pulsimo.projects;
RESET ROLE;

-- Invitations: without rights until accepted, and replaced by the next.
SELECT length(pulsimo.invite_user('ida@a.example', 1, 'viewer')), length(pulsimo.invite_user('Ida@a.example', 1, 'member'));
SELECT email, role, status FROM pulsimo.organization_members WHERE lower(email) = 'ida@a.example';
SELECT count(*), min(octet_length(token_hash)) FROM pulsimo.invitations;
SELECT count(*) FROM pulsimo.users WHERE email LIKE 'ida@%';
SELECT pulsimo.invite_user('mia@a.example', 1);
SELECT pulsimo.invite_user('ida@a.example', 1, valid => '0 s');
SELECT pulsimo.invite_user('ida@a.example', 1, valid => '1 year');
SELECT DISTINCT pulsimo.new_token('x') ~ '^x[A-Za-z0-9_-]{43}$' AS form FROM generate_series(1, 100);
SELECT count(DISTINCT pulsimo.new_token('x')) FROM generate_series(1, 1000);

-- The matrix, the policies and the guards say the same, cell by cell: every role tries every action.
CREATE FUNCTION attempt(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    rows bigint;
BEGIN
    BEGIN
        EXECUTE statement;
        GET DIAGNOSTICS rows = ROW_COUNT;
        RAISE EXCEPTION 'undo' USING ERRCODE = 'PU999';
    EXCEPTION
        WHEN insufficient_privilege OR no_data_found THEN RETURN false;
        WHEN invalid_parameter_value THEN RETURN false;
        WHEN SQLSTATE 'PU999' THEN RETURN rows > 0;
    END;
END $$;
-- Secrets need a key, in the data directory for once.
COPY (SELECT repeat('5a', 32)) TO PROGRAM 'umask 077; cat >pulsimo.key';
SELECT pulsimo.add_endpoint('http://a.example/', project => 1) AS endpoint \gset
CREATE TABLE attempts (action text, statement text);
INSERT INTO attempts VALUES
    ('organization.view', 'SELECT FROM pulsimo.organizations WHERE id = 1'),
    ('members.view', 'SELECT FROM pulsimo.memberships WHERE organization_id = 1 AND user_id = 2'),
    ('members.change', $$SELECT pulsimo.add_user('z@a.example', 'Z', 1, 'viewer')$$),
    ('members.change', $$SELECT pulsimo.invite_user('z@a.example', 1, 'viewer')$$),
    ('members.change', 'SELECT pulsimo.set_role(3, 1, ''viewer'')'),
    ('members.change', 'SELECT pulsimo.disable_user(3, 1)'),
    ('members.change', 'SELECT pulsimo.enable_user(3, 1)'),
    ('members.change', 'SELECT pulsimo.remove_user(3, 1)'),
    ('audit.view', 'SELECT FROM pulsimo.audit_log WHERE organization_id = 1 AND object_type = ''endpoints'''),
    ('audit.view', 'SELECT FROM pulsimo.search_audit(organization => 1, object_type => ''secrets'')'),
    ('secrets.view', 'SELECT FROM pulsimo.stored_secrets WHERE organization_id = 1'),
    ('secrets.change', $$SELECT pulsimo.set_secret('z', 'z', 1)$$),
    ('secrets.change', $$SELECT pulsimo.remove_secret('s', 1)$$),
    ('projects.view', 'SELECT FROM pulsimo.organization_usage WHERE organization_id = 1'),
    ('projects.view', 'SELECT FROM pulsimo.incidents WHERE project_id IS NULL'),
    ('organization.policy', $$SELECT pulsimo.set_health_policy('{"failure_threshold": 2}', organization => 1)$$),
    ('organization.policy', $$SELECT pulsimo.set_response_goal(1, 'high', '5 min', '1 hour')$$),
    ('organization.maintenance', $$SELECT pulsimo.begin_maintenance('1 hour', organization => 1)$$),
    ('organization.maintenance', $$SELECT pulsimo.begin_maintenance('1 hour', tag => 'z', organization => 1)$$),
    ('organization.incidents', 'SELECT pulsimo.acknowledge_incident(id) FROM pulsimo.incidents WHERE project_id IS NULL'),
    ('organization.incidents', $$SELECT pulsimo.deployment('z', organization => 1)$$),
    ('projects.change', 'INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, ''z'') RETURNING id'),
    ('projects.change', 'UPDATE pulsimo.projects SET name = ''z'' WHERE id = 1'),
    ('projects.change', 'SELECT pulsimo.remove_project((SELECT id FROM pulsimo.projects WHERE name = ''empty''))'),
    ('project.view', 'SELECT FROM pulsimo.projects WHERE id = 1'),
    ('project.view', 'SELECT FROM pulsimo.endpoints WHERE project_id = 1'),
    ('project.view', 'SELECT FROM pulsimo.incidents WHERE project_id = 1'),
    ('project.members', 'SELECT pulsimo.set_project_role(3, 1, ''viewer'')'),
    ('endpoints.change', $$SELECT pulsimo.add_endpoint('http://a.example/z', project => 1)$$),
    ('endpoints.change', $$INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (1, 'z', 'http://a.example/z')$$),
    ('endpoints.change', 'UPDATE pulsimo.endpoints SET paused = true WHERE project_id = 1'),
    ('endpoints.change', 'SELECT pulsimo.pause_endpoint(ENDPOINT)'),
    ('endpoints.change', 'SELECT pulsimo.update_endpoint(ENDPOINT, ''{"name": "z"}'')'),
    ('endpoints.change', 'SELECT pulsimo.remove_endpoint(ENDPOINT)'),
    ('project.policy', $$SELECT pulsimo.set_health_policy('{"failure_threshold": 2}', project => 1)$$),
    ('project.maintenance', $$SELECT pulsimo.begin_maintenance('1 hour', project => 1)$$),
    ('project.maintenance', $$SELECT pulsimo.begin_maintenance('1 hour', endpoint => ENDPOINT)$$),
    ('project.incidents', 'SELECT pulsimo.acknowledge_incident(id) FROM pulsimo.incidents WHERE project_id = 1'),
    ('project.incidents', $$SELECT pulsimo.open_incident('z', 'low', '{ENDPOINT}')$$),
    ('project.incidents', $$SELECT pulsimo.deployment('z', project => 1)$$),
    ('endpoint.view', 'SELECT FROM pulsimo.state_changes WHERE endpoint_id = ENDPOINT'),
    ('endpoint.view', 'SELECT FROM pulsimo.endpoint_status WHERE id = ENDPOINT'),
    ('endpoint.view', 'SELECT pulsimo.uptime(ENDPOINT, now() - interval ''1 day'', now())');
UPDATE attempts SET statement = replace(statement, 'ENDPOINT', :'endpoint');
SELECT pulsimo.set_secret('s', 's', 1) > 0 AS stored;
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'empty');
INSERT INTO pulsimo.incidents (endpoint_id, title, started_at) VALUES (:endpoint, 'now', now());
INSERT INTO pulsimo.incidents (organization_id, title, started_at) VALUES (1, 'of a former project', now());
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status) VALUES (:endpoint, now(), 'up', 'unknown');
CREATE ROLE regress_any LOGIN;
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('any@a.example', 'Any', 'regress_any');
SELECT pulsimo.grant_access('regress_any');
GRANT SELECT ON attempts TO regress_any;
CREATE TABLE cells (role text, action text, statement text, matrix boolean, done boolean);
GRANT INSERT ON cells TO regress_any;
CREATE FUNCTION try_all(called text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO cells SELECT called, a.action, a.statement,  -- organization, project and endpoint all have id 1
        pulsimo.has_permission(a.action, 1), attempt(a.statement)
    FROM attempts a;
$$;
DO $$
DECLARE
    as_role text;
    any_user constant bigint := (SELECT id FROM pulsimo.users WHERE email = 'any@a.example');
BEGIN
    FOR as_role IN SELECT unnest(enum_range(NULL::pulsimo.organization_role))::text LOOP
        INSERT INTO pulsimo.memberships (organization_id, user_id, role) VALUES (1, any_user, as_role::pulsimo.organization_role);
        SET LOCAL ROLE regress_any;
        PERFORM try_all(as_role);
        RESET ROLE;
        DELETE FROM pulsimo.memberships WHERE user_id = any_user;
    END LOOP;
    FOR as_role IN SELECT unnest(enum_range(NULL::pulsimo.project_role))::text LOOP
        INSERT INTO pulsimo.project_members (project_id, user_id, role) VALUES (1, any_user, as_role::pulsimo.project_role);
        SET LOCAL ROLE regress_any;
        PERFORM try_all('project ' || as_role);
        RESET ROLE;
        DELETE FROM pulsimo.project_members WHERE user_id = any_user;
    END LOOP;
    SET LOCAL ROLE regress_any;
    PERFORM try_all('nobody');
    RESET ROLE;
END $$;
-- Cells that disagree: none. And every action of the matrix was tried.
SELECT * FROM cells WHERE matrix IS DISTINCT FROM done;
SELECT count(*), count(*) FILTER (WHERE done) AS allowed FROM cells;
SELECT m.action FROM pulsimo.permission_matrix m WHERE NOT EXISTS (SELECT FROM attempts a WHERE a.action = m.action);
SELECT action, object, organization_roles, project_roles FROM pulsimo.permission_matrix;

DROP TABLE attempts, cells;
DROP FUNCTION attempt, try_all;
DROP EXTENSION pulsimo;
DROP ROLE regress_olga, regress_adam, regress_mia, regress_vera, regress_any;
