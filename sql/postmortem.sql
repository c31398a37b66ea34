-- After an incident: post-mortem, action items, deployments, likely causes, the documents.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_vic LOGIN;
CREATE ROLE regress_ed LOGIN;
CREATE ROLE regress_bob LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (1, 'blog'), (2, 'of B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann'),
       pulsimo.add_user('vic@a.example', 'Vic', 1, 'viewer', database_role => 'regress_vic'),
       pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('ed@c.example', 'Ed', 'regress_ed');
SELECT pulsimo.grant_access('regress_ed'), pulsimo.set_project_role(4, 1, 'editor');
INSERT INTO pulsimo.endpoints (project_id, name, url) VALUES
    (1, 'db', 'http://db.example/'), (1, 'api', 'http://api.example/a'), (1, 'web|site', 'http://web.example/'),
    (2, 'blog', 'http://api.example/b'), (3, 'of B', 'http://api.example/');

-- On 2024-01-01 in UTC: db was down from 10:00 to 10:40, and with it the site from 10:01, without an incident of its own.
CREATE FUNCTION clock(minutes numeric) RETURNS timestamptz LANGUAGE sql RETURN timestamptz '2024-01-01 10:00+00' + minutes * interval '1 minute';
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, error_class, detail) VALUES
    (1, clock(-60), 'up', 'unknown', NULL, NULL), (1, clock(0), 'down', 'up', 'refused', 'connection | refused'),
    (1, clock(40), 'up', 'down', NULL, NULL), (3, clock(1), 'down', 'up', 'status', '502'), (3, clock(41), 'up', 'down', NULL, NULL);
INSERT INTO pulsimo.incidents (endpoint_id, title, number, status, error_class, detail, started_at, created_at, acknowledged_at,
                               acknowledged_by, resolved_at) VALUES
    (1, 'db is down: refused', 'INC-2024-000001', 'resolved', 'refused', 'connection | refused', clock(0), clock(2), clock(5), 1, clock(40)),
    (5, 'of B is down', 'INC-2024-000001', 'resolved', 'refused', NULL, clock(0), clock(2), NULL, NULL, clock(40));
INSERT INTO pulsimo.incidents (title, number, status, severity, started_at, created_at, organization_id, automatic, resolved_at)
VALUES (E'All\n# slow', 'INC-2024-000002', 'resolved', 'low', clock(0), clock(0), 1, false, clock(10));
INSERT INTO pulsimo.incident_events (incident_id, event, happened_at, detail) VALUES
    (1, 'created', clock(2), 'connection | refused'), (1, 'resolved', clock(40), NULL);
INSERT INTO pulsimo.suppressions (endpoint_id, cause_endpoint_id, cause_incident_id, began_at, ended_at) VALUES
    (3, 1, 1, clock(1), clock(20)), (3, 1, 1, clock(21), clock(41));
INSERT INTO pulsimo.incident_assignees (incident_id, user_id) VALUES (1, 1);
INSERT INTO pulsimo.incident_links (incident_id, link, other_id) VALUES (3, 'caused_by', 1);

-- Written in parts: what is left out stays, an empty text takes away.
SET ROLE regress_ed;
SELECT pulsimo.write_postmortem(1, 'The database | was *down*.', 'human_error', E'A rule\n\n# was missing <script>');
SET ROLE regress_ann;
SELECT pulsimo.write_postmortem(1, root_cause_category => 'infrastructure', lessons => E'Test\n---\n- rules');
SELECT summary, root_cause_category, root_cause, lessons, updated_by FROM pulsimo.postmortems;
SELECT pulsimo.write_postmortem(1, summary => '');
SELECT pulsimo.postmortem(1) -> 'summary' AS summary, summary = '' AS empty FROM pulsimo.postmortems;
SELECT pulsimo.write_postmortem(1, summary => 'The database | was *down*.');
SELECT event, user_id, detail FROM pulsimo.incident_events WHERE incident_id = 1 AND event = 'postmortem_written' ORDER BY id;
-- One without a project is a matter of the organization.
SELECT pulsimo.write_postmortem(3, 'Nothing.');
SELECT pulsimo.write_postmortem(1);
SELECT pulsimo.write_postmortem(NULL, 'x');
SELECT pulsimo.write_postmortem(1, lessons => repeat('x', 65537));
SELECT pulsimo.write_postmortem(1, root_cause => repeat('x', 65537));
SELECT pulsimo.write_postmortem(1, repeat('x', 65537));
SET ROLE regress_ed;
SELECT pulsimo.write_postmortem(3, 'x');
SET ROLE regress_vic;
SELECT pulsimo.write_postmortem(1, 'x');
SET ROLE regress_bob;
SELECT pulsimo.write_postmortem(1, 'x');
SELECT pulsimo.write_postmortem(99, 'x');
SELECT count(*) FROM pulsimo.postmortems;

-- Action items.
SET ROLE regress_ann;
SELECT pulsimo.add_action_item(1, 'Watch the <b>disk</b>', owner => 4, due_on => '2024-01-15') AS disk,
       pulsimo.add_action_item(1, 'Write down the rules') AS rules,
       pulsimo.add_action_item(1, 'Later', due_on => '9999-01-01') AS later,
       pulsimo.add_action_item(3, 'Think') AS think;
SELECT id, incident_id, incident, project_id, title, owner_id, owner, due_on, overdue FROM pulsimo.open_action_items;
SELECT pulsimo.add_action_item(1, NULL);
SELECT pulsimo.add_action_item(1, E'two\nlines');
SELECT pulsimo.add_action_item(1, repeat('x', 501));
SELECT pulsimo.add_action_item(1, 'x', due_on => 'infinity');
SELECT pulsimo.add_action_item(99, 'x');
-- Of B, unknown, and one who sees the project but not this incident.
SELECT pulsimo.add_action_item(1, 'x', owner => 3);
SELECT pulsimo.add_action_item(1, 'x', owner => 99);
SELECT pulsimo.add_action_item(3, 'x', owner => 4);
SET ROLE regress_ed;
SELECT pulsimo.complete_action_item(1);
SELECT pulsimo.complete_action_item(1);
SELECT pulsimo.complete_action_item(4);
SELECT pulsimo.complete_action_item(NULL);
SELECT id, title FROM pulsimo.open_action_items;
SET ROLE regress_vic;
SELECT pulsimo.add_action_item(1, 'x');
SELECT pulsimo.complete_action_item(2);
SET ROLE regress_bob;
SELECT pulsimo.add_action_item(1, 'x');
SELECT pulsimo.complete_action_item(2);
SELECT pulsimo.complete_action_item(99);
SELECT count(*) FROM pulsimo.open_action_items;
RESET ROLE;
SELECT event, user_id, detail, data FROM pulsimo.incident_events WHERE event::text LIKE 'action%' ORDER BY id;
SELECT id, completed_by, completed_at IS NOT NULL AS completed FROM pulsimo.action_items ORDER BY id;

-- The documents. What is dated today is shown without its time.
CREATE FUNCTION undated(document text) RETURNS text LANGUAGE sql AS $$
    SELECT regexp_replace(document, '(?!2024)20\d\d-\d\d-\d\d \d\d:\d\d:\d\d -0[78]:00', '(now)', 'g');
$$;
INSERT INTO pulsimo.incident_notes (incident_id, author_id, category, body, created_at) VALUES
    (1, 1, 'fix', E'Added the rule:\r\n\r\n    iptables -A\n1. done\n+ done\n> quoted\n```\n<!--\n</details>\n| a | b |\n|---|---|\n===', clock(30)),
    (1, NULL, 'finding', '[click](javascript:alert(1)) ![x](y) & &lt; __b__ ~~s~~ \| $x$', clock(6)),
    (1, 4, 'finding', '#1', clock(7));
INSERT INTO pulsimo.incident_excerpts (incident_id, checked_at, excerpt) VALUES (1, clock(0), jsonb_build_object(
    'url', 'http://db.example/', 'address', '192.0.2.1', 'status_line', 'HTTP/1.1 502 Bad', 'body',
    E'x\n````\n# no heading\r\n' || repeat('long ', 200), 'body_truncated', true));
SET ROLE regress_ann;
\t on
\pset format unaligned
SELECT undated(pulsimo.postmortem_markdown(1));
SELECT undated(pulsimo.export_incident(1, 'markdown'));
SELECT undated(pulsimo.export_incident(3, 'markdown'));
SELECT pulsimo.export_incident(1)::jsonb = pulsimo.postmortem(1) - '{summary,root_cause,lessons,action_items,updated_at,updated_by}'::text[];
SELECT jsonb_pretty(jsonb_set(pulsimo.postmortem(1), '{timeline}', '[]') - '{updated_at,notes,excerpt,action_items}'::text[]);
SELECT t ->> 'event', t ->> 'actor', t ->> 'detail' FROM jsonb_array_elements(pulsimo.postmortem(1) -> 'timeline') t LIMIT 4;
SELECT a ->> 'title', a ->> 'owner', a ->> 'completed_at' IS NOT NULL FROM jsonb_array_elements(pulsimo.postmortem(1) -> 'action_items') a;
SELECT n ->> 'category', n ->> 'author' FROM jsonb_array_elements(pulsimo.postmortem(1) -> 'notes') n;
-- Nothing is known of an endpoint that was removed; nobody has written anything.
RESET ROLE;
DELETE FROM pulsimo.endpoints WHERE id = 5;
SELECT split_part(pulsimo.postmortem_markdown(2), '## Timeline', 1);
\pset format aligned
\t off
SET ROLE regress_ann;
SELECT pulsimo.export_incident(1, 'html');
SELECT pulsimo.export_incident(1, NULL);
SELECT pulsimo.postmortem(NULL);
SET ROLE regress_bob;
SELECT pulsimo.postmortem(1);
SELECT pulsimo.postmortem_markdown(1);
SELECT pulsimo.export_incident(1);
-- Ed does not see the incident of the organization that is linked, and who acknowledged only by number.
SET ROLE regress_ed;
SELECT pulsimo.postmortem(1) -> 'links' AS links, pulsimo.postmortem(1) #> '{incident,acknowledged_by}' AS by;

-- Deployments.
SET ROLE regress_ed;
SELECT pulsimo.deployment('api', '1.2', clock(-12), project => 1);
SELECT pulsimo.deployment('api', project => 2);
SELECT pulsimo.deployment('api', organization => 1);
SELECT pulsimo.deployment('api');
SET ROLE regress_ann;
SELECT pulsimo.deployment('network', at => clock(-30)) AS organization, pulsimo.deployment('blog', '7', clock(-1), 2, 1) AS blog,
       pulsimo.deployment('early', at => clock(-61)) AS early, pulsimo.deployment('late', at => clock(1)) AS late;
SELECT pulsimo.deployment(NULL);
SELECT pulsimo.deployment(' ');
SELECT pulsimo.deployment('api', E'1\n2');
SELECT pulsimo.deployment('api', at => NULL);
SELECT pulsimo.deployment('api', at => 'infinity');
SELECT pulsimo.deployment('api', project => 3);
SELECT pulsimo.deployment('api', organization => 2);
SELECT pulsimo.deployment('api', organization => 99);
SELECT pulsimo.deployment('api', project => 1, organization => 2);
SET ROLE regress_vic;
SELECT pulsimo.deployment('api', project => 1);
SELECT pulsimo.deployment('api', organization => 1);
SELECT pulsimo.remove_deployment(1);
SELECT count(*) FROM pulsimo.deployments;
SET ROLE regress_bob;
SELECT pulsimo.remove_deployment(1);
SELECT pulsimo.deployment('of B', at => clock(-5)) AS of_b;
SET ROLE regress_ed;
SELECT pulsimo.remove_deployment(3);
RESET ROLE;
SELECT pulsimo.deployment('api', project => 1, organization => 2);
SELECT pulsimo.deployment('api', organization => 99);
SELECT id, organization_id, project_id, service, version, recorded_by FROM pulsimo.deployments ORDER BY id;

-- Causes. The site needs the api, which needs db; the deployments are those of above.
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on) VALUES (3, 2), (2, 1);
INSERT INTO pulsimo.incidents (endpoint_id, title, number, status, error_class, started_at, created_at, resolved_at) VALUES
    (3, 'site is down', 'INC-2024-000003', 'resolved', 'status', clock(1), clock(3), clock(41)),
    (2, 'api is down', 'INC-2024-000004', 'resolved', 'status', clock(-4), clock(3), clock(41)),
    (4, 'blog is down', 'INC-2024-000005', 'resolved', 'timeout', clock(7), clock(9), clock(41));
INSERT INTO pulsimo.state_changes (endpoint_id, changed_at, status, previous_status, underlying, underlying_since) VALUES
    (2, clock(3), 'down', 'up', NULL, NULL), (3, clock(-30), 'maintenance', 'up', 'up', clock(-60)), (3, clock(-9), 'up', 'maintenance', NULL, NULL);
SET ROLE regress_ann;
SELECT rank, cause, reason, confidence, since = clock(0) AS since_db, endpoint_id AS endpoint, incident_id AS incident, deployment_id AS deployment
FROM pulsimo.suggest_causes(4);
-- Ed does not see the blog.
SET ROLE regress_ed;
SELECT rank, cause, reason, confidence, incident_id AS incident FROM pulsimo.suggest_causes(4) WHERE cause NOT LIKE 'upstream%';
-- A certificate, for what it explains and what not; another endpoint with the same one; the same host.
RESET ROLE;
INSERT INTO pulsimo.certificates (endpoint_id, issuer, expires_at, seen_at) VALUES
    (2, 'X', clock(-8), clock(-50)), (4, 'X', clock(-8), clock(-5000)), (1, 'X', clock(9), clock(9));
UPDATE pulsimo.incidents SET error_class = 'certificate' WHERE id IN (5, 6);
SET ROLE regress_ann;
SELECT rank, cause, reason, confidence, endpoint_id AS endpoint, incident_id AS incident FROM pulsimo.suggest_causes(6) WHERE cause <> 'upstream outage';
RESET ROLE;
UPDATE pulsimo.incidents SET error_class = 'certificate', started_at = clock(0) WHERE id = 6;
SET ROLE regress_ann;
SELECT rank, cause, reason, confidence, endpoint_id AS endpoint, incident_id AS incident FROM pulsimo.suggest_causes(6);
SELECT cause, reason, confidence FROM pulsimo.suggest_causes(5) WHERE cause LIKE '%certificate%';
-- What is down within minutes after counts for less, what was down long before and is not any more for nothing; the keeper's
-- word counts without a dependency.
RESET ROLE;
DELETE FROM pulsimo.dependencies;
INSERT INTO pulsimo.dependencies (endpoint_id, depends_on, kind) VALUES (4, 2, 'weak'), (4, 1, 'strong');
UPDATE pulsimo.incidents SET started_at = clock(0), error_class = 'status' WHERE id = 5;
SELECT cause, reason, confidence FROM pulsimo.suggest_causes(6) WHERE cause = 'upstream outage';
-- A fallback that is down is little of a cause: what it stands in for was up.
BEGIN;
UPDATE pulsimo.dependencies SET role = 'fallback' WHERE depends_on = 1;
SELECT cause, reason, confidence FROM pulsimo.suggest_causes(6) WHERE cause = 'upstream outage';
ROLLBACK;
INSERT INTO pulsimo.suppressions (endpoint_id, cause_endpoint_id, began_at, ended_at) VALUES (4, 3, clock(2), clock(3));
UPDATE pulsimo.incidents SET started_at = clock(2) WHERE id = 6;
SELECT cause, reason, confidence FROM pulsimo.suggest_causes(6) WHERE cause = 'upstream outage';
UPDATE pulsimo.incidents SET started_at = clock(42), resolved_at = clock(60) WHERE id = 6;
SELECT cause, reason, confidence FROM pulsimo.suggest_causes(6) WHERE cause = 'upstream outage';
-- Nothing is suggested where nothing is known.
UPDATE pulsimo.incidents SET started_at = clock(-9999) WHERE id = 3;
SELECT count(*) FROM pulsimo.suggest_causes(3);
SELECT pulsimo.suggest_causes(NULL);
SET ROLE regress_bob;
SELECT pulsimo.suggest_causes(4);

-- A key that may only read.
SET ROLE regress_ann;
SELECT pulsimo.create_api_key('reader', '{read}') AS key \gset
BEGIN;
SELECT pulsimo.use_api_key(:'key') IS NOT NULL AS used;
SELECT jsonb_typeof(pulsimo.postmortem(1)) AS seen;
SELECT pulsimo.write_postmortem(1, 'x');
ROLLBACK;
BEGIN;
SELECT pulsimo.use_api_key(:'key') IS NOT NULL AS used;
SELECT pulsimo.deployment('api', project => 1);
ROLLBACK;

-- The same errors by their SQLSTATE.
RESET ROLE;
CREATE FUNCTION sqlstate_of(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE command;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
CREATE VIEW commands AS SELECT command FROM unnest(ARRAY[
    $$SELECT pulsimo.write_postmortem(1)$$, $$SELECT pulsimo.write_postmortem(1, repeat('x', 65537))$$,
    $$SELECT pulsimo.write_postmortem(99, 'x')$$, $$SELECT pulsimo.add_action_item(1, NULL)$$,
    $$SELECT pulsimo.add_action_item(1, 'x', due_on => 'infinity')$$, $$SELECT pulsimo.add_action_item(1, 'x', 99)$$,
    $$SELECT pulsimo.complete_action_item(1)$$, $$SELECT pulsimo.complete_action_item(99)$$,
    $$SELECT pulsimo.postmortem(99)$$, $$SELECT pulsimo.export_incident(1, 'html')$$, $$SELECT pulsimo.deployment(NULL, project => 1)$$,
    $$SELECT pulsimo.deployment('x', at => NULL, project => 1)$$, $$SELECT pulsimo.deployment('x', at => 'infinity', project => 1)$$,
    $$SELECT pulsimo.deployment('x', project => 99)$$, $$SELECT pulsimo.deployment('x', organization => 99)$$,
    $$SELECT pulsimo.deployment('x')$$, $$SELECT pulsimo.remove_deployment(99)$$, $$SELECT pulsimo.suggest_causes(99)$$]) AS command;
GRANT SELECT ON commands TO PUBLIC;
SET ROLE regress_ed;
SELECT command, sqlstate_of(command) AS editor FROM commands;
SET ROLE regress_vic;
SELECT command, sqlstate_of(command) AS viewer FROM commands WHERE sqlstate_of(command) = '42501';
SET ROLE regress_bob;
SELECT command, sqlstate_of(command) AS stranger FROM commands WHERE command ~ '\(1[,)]|project => 1\)';
RESET ROLE;
DROP VIEW commands;
DROP EXTENSION pulsimo;
DROP FUNCTION clock, undated, sqlstate_of;
DROP ROLE regress_ann, regress_vic, regress_ed, regress_bob;
