-- Quotas and address policies of organizations. Two sessions that take the last place: test/isolation.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_ed LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (1, 'blog'), (2, 'of B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann');
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('ed@c.example', 'Ed', 'regress_ed');
SELECT pulsimo.grant_access('regress_ed'), pulsimo.set_project_role(2, 1, 'editor');

-- Setting them is for the operator.
SELECT pulsimo.set_quota(99, 1);
SELECT pulsimo.set_quota(1, endpoints => -1);
SELECT pulsimo.set_quota(1, endpoints => 3, checks_per_minute => 10, users => 3);
SET ROLE regress_ann;
SELECT pulsimo.set_quota(1);
UPDATE pulsimo.organizations SET max_endpoints = NULL;

-- Endpoints, whoever adds them, however, and whatever they see: Ed sees one project.
SELECT pulsimo.add_endpoint('http://a.example/', 'one', 2) IS NOT NULL AS added;
SET ROLE regress_ed;
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (1, 'two', 'http://a.example/'), (1, 'three', 'http://a.example/');
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (1, 'four', 'http://a.example/');
SELECT pulsimo.add_endpoint('http://a.example/', 'four', 1);
RESET ROLE;
SELECT pulsimo.add_endpoint('http://a.example/', 'four', 1);
SELECT pulsimo.add_endpoint('http://b.example/', 'of B', 3) IS NOT NULL AS others_are_not_touched;

-- Checks a minute: a shorter interval, or resuming. Three a minute are in use.
SET ROLE regress_ed;
UPDATE pulsimo.endpoints SET check_interval = '5 s', timeout = '5 s' WHERE name = 'two';
UPDATE pulsimo.endpoints SET check_interval = '10 s' WHERE name = 'two';
UPDATE pulsimo.endpoints SET check_interval = '20 s' WHERE name = 'three';
UPDATE pulsimo.endpoints SET paused = true WHERE name = 'two';
UPDATE pulsimo.endpoints SET check_interval = '10 s' WHERE name = 'three';
UPDATE pulsimo.endpoints SET paused = false WHERE name = 'two';
SELECT pulsimo.resume_endpoint(id) FROM pulsimo.endpoints WHERE name = 'two';
SET ROLE regress_ann;
SELECT * FROM pulsimo.organization_usage;
SET ROLE regress_ed;
SELECT * FROM pulsimo.organization_usage;
SELECT pulsimo.count_users(1);
-- A limit that was lowered does not stand in the way of what adds nothing.
RESET ROLE;
SELECT pulsimo.set_quota(1, endpoints => 1, checks_per_minute => 1);
UPDATE pulsimo.endpoints SET name = 'drei' WHERE name = 'three' RETURNING name;
UPDATE pulsimo.endpoints SET check_interval = '30 s' WHERE name = 'drei' RETURNING name;
UPDATE pulsimo.endpoints SET check_interval = '29 s' WHERE name = 'drei' RETURNING name;
SELECT pulsimo.remove_endpoint(id) FROM pulsimo.endpoints WHERE name = 'drei';

-- People: members, and who has a role in a project.
SELECT pulsimo.set_quota(1, users => 3);
SELECT pulsimo.add_user('mia@a.example', 'Mia', 1);
SELECT pulsimo.add_user('zoe@a.example', 'Zoe', 1);
SELECT pulsimo.set_project_role(4, 1, 'viewer');
SELECT pulsimo.invite_user('zoe@a.example', 1) AS token \gset
SELECT pulsimo.accept_invitation(:'token', 'Zoe', 'correct horse battery');
SELECT pulsimo.set_project_role(3, 1, 'viewer');
SELECT users, max_users FROM pulsimo.organization_usage WHERE organization = 'A';
SELECT pulsimo.set_quota(1);
SELECT pulsimo.accept_invitation(:'token', 'Zoe', 'correct horse battery') IS NOT NULL AS accepted;

-- What a restore brings is not counted.
SELECT pulsimo.set_quota(2, endpoints => 1);
BEGIN;
SET LOCAL row_security = off;
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES (3, 'more', 'http://b.example/');
COMMIT;
SELECT endpoints, max_endpoints FROM pulsimo.organization_usage WHERE organization = 'B';

-- Which addresses: test/tap/016_secrets.pl probes them.
SELECT pulsimo.set_address_policy(1, '10.0.0.0/8, nonsense');
SELECT pulsimo.set_address_policy(1, '10.0.0.0/8', '10.0.0.0/33');
SELECT pulsimo.set_address_policy(1, NULL);
SELECT pulsimo.set_address_policy(1, repeat('10.0.0.0/8,', 1000));
SELECT pulsimo.set_address_policy(99, '10.0.0.0/8');
SELECT pulsimo.set_address_policy(1, '10.0.0.0/8, fd00::/8', '10.1.2.3');
SET ROLE regress_ann;
SELECT blocked_networks, allowed_networks FROM pulsimo.organizations;
SELECT pulsimo.set_address_policy(1);
RESET ROLE;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_ed;
