-- Figures about incidents, checked by hand, and response goals.
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
    (1, 'db', 'http://a.example/'), (1, 'api', 'http://a.example/'), (2, 'blog', 'http://a.example/'), (3, 'of B', 'http://b.example/');

-- Minutes after 2024-01-01 10:00 UTC, a Monday: started, opened, acknowledged, resolved.
CREATE FUNCTION clock(minutes numeric) RETURNS timestamptz LANGUAGE sql RETURN timestamptz '2024-01-01 10:00+00' + minutes * interval '1 minute';
CREATE FUNCTION incident(new_id bigint, endpoint bigint, new_severity pulsimo.severity, started numeric, opened numeric,
                         acknowledged numeric, resolved numeric, person bigint DEFAULT NULL, project bigint DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
    INSERT INTO pulsimo.incidents (id, endpoint_id, organization_id, project_id, title, number, severity, started_at, created_at,
                                   acknowledged_at, acknowledged_by, resolved_at, status, automatic)
    OVERRIDING SYSTEM VALUE
    SELECT new_id, endpoint, p.organization_id, p.id, 'i' || new_id, 'INC-' || new_id, new_severity, clock(started), clock(opened),
           clock(acknowledged), person, clock(resolved), CASE WHEN resolved IS NULL THEN 'open' ELSE 'resolved' END::pulsimo.incident_status,
           endpoint IS NOT NULL
    FROM pulsimo.projects p
    WHERE p.id = coalesce(project, (SELECT e.project_id FROM pulsimo.endpoints e WHERE e.id = endpoint));
$$;
SELECT incident(1, 1, 'high', 0, 3, 5, 60, 1), incident(2, 1, 'high', 120, 121, NULL, 150), incident(3, 2, 'critical', 0, 1, 11, 30, 2),
       incident(4, 3, 'low', 1440, 1442, NULL, NULL), incident(5, NULL, 'high', 1, 2, NULL, 3, NULL, 1),
       incident(6, NULL, 'medium', 200, 230, 240, 260, 1, 1), incident(7, 4, 'high', 0, 500, 900, 1000, 3),
       incident(8, 1, 'high', 2880, 2880, NULL, 2881), incident(9, NULL, 'low', 1500, 1490, NULL, NULL, NULL, 2),
       incident(10, 2, 'high', -480, -470, -460, -420, 1);
INSERT INTO pulsimo.incident_endpoints VALUES (5, 1), (6, 1), (6, 2), (9, 3);
INSERT INTO pulsimo.incident_assignees (incident_id, user_id) VALUES (3, 1), (3, 2), (6, 1);
INSERT INTO pulsimo.incident_links (incident_id, link, other_id) VALUES (5, 'duplicate_of', 1), (2, 'caused_by', 1);

-- Two days. 5 is a duplicate of 1, 8 starts when they end, 10 before.
-- mtta (2 + 10 + 10) / 3, mttr (60 + 30 + 30 + 60) / 4, mttd (3 + 1 + 1 + 2 + 30 + 0) / 6. mtbf: db ran 60 and 50, api 170,
-- and blog not at all between 4, which goes on, and 9: 280 / 4.
SET ROLE regress_vic;
SELECT * FROM pulsimo.incident_metrics(clock(0), clock(2880));
-- db: (60 + 50) / 2; api: 170; of 6 both.
SELECT * FROM pulsimo.incident_metrics(clock(0), clock(2880), group_by => 'endpoint');
SELECT * FROM pulsimo.incident_metrics(clock(0), clock(2880), group_by => 'project');
SELECT * FROM pulsimo.incident_metrics(clock(0), clock(2880), group_by => 'severity');
-- Ann acknowledged 1 and 6, and is assigned to 3 and 6; Vic acknowledged 3 and is assigned to it.
SELECT * FROM pulsimo.incident_metrics(clock(0), clock(2880), group_by => 'person');
SELECT * FROM pulsimo.incident_metrics(clock(-600), clock(2880), group_by => 'organization');
-- 10 is of the last day of December here, of January in UTC.
SELECT group_name, incidents FROM pulsimo.incident_metrics(clock(-600), clock(2881), group_by => 'day');
SELECT group_name, incidents FROM pulsimo.incident_metrics(clock(-600), clock(2881), group_by => 'week');
SELECT group_name, incidents FROM pulsimo.incident_metrics(clock(-600), clock(2881), group_by => 'month');
SET timezone = 'UTC';
SELECT group_name, incidents FROM pulsimo.incident_metrics(clock(-600), clock(2881), group_by => 'month');
RESET timezone;
-- Filters.
SELECT incidents, resolved, mtta, mttr, mttd, mtbf FROM pulsimo.incident_metrics(clock(0), clock(2880), organization => 1, project => 1);
SELECT incidents, resolved, mtta, mttr, mttd, mtbf FROM pulsimo.incident_metrics(clock(0), clock(2880), endpoint => 2);
SELECT incidents, resolved, mtta, mttr, mttd, mtbf FROM pulsimo.incident_metrics(clock(0), clock(2880), severity => 'low');
SELECT incidents, resolved, mtta, mttr, mttd, mtbf FROM pulsimo.incident_metrics(clock(0), clock(2880), person => 2);
SELECT incidents, resolved, mtta, mttr, mttd, mtbf FROM pulsimo.incident_metrics(clock(0), clock(0));
SELECT count(*) FROM pulsimo.incident_metrics(clock(0), clock(0), group_by => 'project');
-- Everybody sees their own: Ed one project, Bob the other organization, the operator all.
SET ROLE regress_ed;
SELECT group_id, group_name, incidents FROM pulsimo.incident_metrics(clock(0), clock(2880), group_by => 'project');
SET ROLE regress_bob;
SELECT incidents, resolved, mtta, mttr, mttd, mtbf FROM pulsimo.incident_metrics(clock(0), clock(2880));
RESET ROLE;
SELECT group_id, group_name, incidents FROM pulsimo.incident_metrics(clock(0), clock(2880), group_by => 'organization');

-- Of two incidents of db and api, with one of db between them: db ran 50 and 40, api 100.
SELECT incident(11, NULL, 'high', -5000, -5000, NULL, -4900, NULL, 1), incident(12, NULL, 'high', -4800, -4800, NULL, -4790, NULL, 1),
       incident(13, 1, 'high', -4850, -4850, NULL, -4840);
INSERT INTO pulsimo.incident_endpoints VALUES (11, 1), (11, 2), (12, 1), (12, 2);
SELECT group_name, incidents, mtbf FROM pulsimo.incident_metrics(clock(-5000), clock(-4000), group_by => 'endpoint');

-- When in the week.
SET ROLE regress_vic;
SELECT count(*), sum(incidents) FROM pulsimo.incident_frequency(clock(-600), clock(2880));
SELECT * FROM pulsimo.incident_frequency(clock(-600), clock(2880)) WHERE incidents > 0;
SELECT * FROM pulsimo.incident_frequency(clock(-600), clock(2880), 'UTC') WHERE incidents > 0;
SELECT * FROM pulsimo.incident_frequency(clock(-600), clock(2880), 'Asia/Kolkata', endpoint => 1) WHERE incidents > 0;
SELECT sum(incidents) FROM pulsimo.incident_frequency(clock(0), clock(2880), severity => 'high', person => 1);
SELECT pulsimo.incident_frequency(clock(0), clock(1), 'Nowhere/Near');
SELECT pulsimo.incident_frequency(clock(0), clock(1), '+02');
SELECT pulsimo.incident_frequency(clock(0), clock(1), 'CEST');
SET TIME ZONE 2;
SELECT * FROM pulsimo.incident_frequency(clock(0), clock(1)) WHERE incidents > 0;
RESET TIME ZONE;
SELECT pulsimo.incident_frequency(clock(0), clock(1), NULL);

-- What is no question.
SELECT pulsimo.incident_metrics(NULL, clock(1));
SELECT pulsimo.incident_metrics(clock(2), clock(1));
SELECT pulsimo.incident_metrics(clock(2), 'infinity');
SELECT pulsimo.incident_frequency(clock(2), clock(1));
SELECT pulsimo.incident_metrics(clock(0), clock(1), group_by => 'year');
SELECT pulsimo.incident_metrics(clock(0), clock(1), organization => 2);
SELECT pulsimo.incident_metrics(clock(0), clock(1), organization => 99);
SELECT pulsimo.incident_metrics(clock(0), clock(1), project => 3);
SELECT pulsimo.incident_metrics(clock(0), clock(1), endpoint => 4);
SELECT pulsimo.incident_metrics(clock(0), clock(1), person => 3);
SELECT pulsimo.incident_metrics(clock(0), clock(1), person => 99);
SELECT pulsimo.incident_frequency(clock(0), clock(1), organization => 2);

-- Response goals.
SET ROLE regress_ann;
SELECT pulsimo.set_response_goal(1, 'critical', '5 min', '20 min'), pulsimo.set_response_goal(1, 'high', '1 s', '1 s'),
       pulsimo.set_response_goal(1, 'high', '20 min', '45 min'), pulsimo.set_response_goal(1, 'low', NULL, '1 mon'),
       pulsimo.set_response_goal(1, 'medium', '10 min', '30 min');
SELECT * FROM pulsimo.response_goals ORDER BY severity;
-- 1 and 3 were late; 2 was resolved after 29 minutes, nobody having acknowledged it; 6 kept both to the second; 4 and 9 are
-- not over.
SELECT incident_id, number, title, severity, organization_id, project_id, goal, within, took, exceeded_by, pending
FROM pulsimo.response_goal_breaches(clock(0), clock(2880)) WHERE NOT pending;
SELECT incident_id, goal, took = exceeded_by + within AS adds_up, took > '300 days' AS long, pending
FROM pulsimo.response_goal_breaches(clock(0), clock(2880), 1) WHERE pending;
SELECT pulsimo.set_response_goal(1, 'critical'), pulsimo.set_response_goal(1, 'critical');
SELECT severity FROM pulsimo.response_goals ORDER BY severity;
SELECT count(*) FROM pulsimo.response_goal_breaches(clock(0), clock(2880)) WHERE severity = 'critical';
SELECT pulsimo.set_response_goal(NULL, 'high', '1 min');
SELECT pulsimo.set_response_goal(1, NULL, '1 min');
SELECT pulsimo.set_response_goal(1, 'high', '0', '1 min');
SELECT pulsimo.set_response_goal(1, 'high', '1 min', '-1 s');
SELECT pulsimo.set_response_goal(1, 'high', '367 days');
SELECT pulsimo.set_response_goal(2, 'high', '1 min');
SELECT pulsimo.set_response_goal(99, 'high', '1 min');
SELECT pulsimo.response_goal_breaches(clock(2), clock(1));
SELECT pulsimo.response_goal_breaches(clock(1), clock(2), 2);
SET ROLE regress_vic;
SELECT pulsimo.set_response_goal(1, 'high', '1 min');
SET ROLE regress_ed;
SELECT pulsimo.set_response_goal(1, 'high', '1 min');
SELECT incident_id, goal FROM pulsimo.response_goal_breaches(clock(0), clock(2880));
SET ROLE regress_bob;
SELECT count(*) FROM pulsimo.response_goal_breaches(clock(0), clock(2880));
SELECT count(*) FROM pulsimo.response_goals;

-- A key that may only read.
SET ROLE regress_ann;
SELECT pulsimo.create_api_key('reader', '{read}') AS key \gset
BEGIN;
SELECT pulsimo.use_api_key(:'key') IS NOT NULL AS used;
SELECT incidents FROM pulsimo.incident_metrics(clock(0), clock(2880));
SELECT pulsimo.set_response_goal(1, 'high', '1 min');
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
SET ROLE regress_ann;
SELECT command, sqlstate_of(command) FROM unnest(ARRAY[
    $$SELECT pulsimo.incident_metrics(NULL, now())$$, $$SELECT pulsimo.incident_metrics(now(), now(), group_by => 'year')$$,
    $$SELECT pulsimo.incident_metrics(now(), now(), organization => 2)$$, $$SELECT pulsimo.incident_metrics(now(), now(), project => 3)$$,
    $$SELECT pulsimo.incident_metrics(now(), now(), endpoint => 4)$$, $$SELECT pulsimo.incident_metrics(now(), now(), person => 3)$$,
    $$SELECT pulsimo.incident_frequency(now(), now(), NULL)$$, $$SELECT pulsimo.incident_frequency(now(), now(), 'x/y')$$,
    $$SELECT pulsimo.incident_frequency(now(), now(), '+02')$$,
    $$SELECT pulsimo.set_response_goal(1, NULL)$$, $$SELECT pulsimo.set_response_goal(1, 'high', '0')$$,
    $$SELECT pulsimo.set_response_goal(2, 'high')$$, $$SELECT pulsimo.response_goal_breaches(now(), NULL)$$]) AS command;
SET ROLE regress_vic;
SELECT sqlstate_of($$SELECT pulsimo.set_response_goal(1, 'high')$$) AS viewer;
RESET ROLE;
DROP FUNCTION incident, clock, sqlstate_of;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_vic, regress_ed, regress_bob;
