-- Incidents against a model: what every action does in every status, and two thousand random actions of several people.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_ann;
CREATE ROLE regress_mia;
CREATE ROLE regress_vic;
CREATE ROLE regress_ed;
CREATE ROLE regress_bob;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'shop'), (1, 'blog'), (2, 'of B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann'),
    pulsimo.add_user('mia@a.example', 'Mia', 1, 'member', database_role => 'regress_mia'),
    pulsimo.add_user('vic@a.example', 'Vic', 1, 'viewer', database_role => 'regress_vic'),
    pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('ed@a.example', 'Ed', 'regress_ed');
SELECT pulsimo.grant_access('regress_ed'), pulsimo.set_project_role(5, 1, 'editor');
SELECT pulsimo.add_endpoint('http://a.example/', 'shop', 1), pulsimo.add_endpoint('http://a.example/', 'blog', 2),
    pulsimo.add_endpoint('http://b.example/', 'of B', 3);
CREATE FUNCTION tries(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN '00000';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;

-- --- every action in every status ------------------------------------------------------------------------------------

-- What follows: the status, and how many events; or the error.
CREATE FUNCTION outcome(from_status text, action text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    subject constant bigint := pulsimo.open_incident('subject', 'high', organization => 1);
    other constant bigint := pulsimo.open_incident('other', 'high', organization => 1);
    events bigint;
    code text;
    after text;
BEGIN
    IF from_status <> 'open' THEN
        EXECUTE format('SELECT pulsimo.%s_incident(%s)', CASE from_status
            WHEN 'acknowledged' THEN 'acknowledge' WHEN 'investigating' THEN 'investigate' ELSE 'resolve' END, subject);
    END IF;
    SELECT count(*) INTO events FROM pulsimo.incident_events WHERE incident_id = subject;
    code := tries(replace(replace('SELECT pulsimo.' || action, 'ID', subject::text), 'OTHER', other::text));
    SELECT i.status, (SELECT count(*) FROM pulsimo.incident_events WHERE incident_id = subject) - events
    INTO after, events FROM pulsimo.incidents i WHERE i.id = subject;
    RETURN CASE code WHEN '00000' THEN after || ' ' || events ELSE code END;
END $$;
SELECT a.action, s.status, s.expected, o.outcome
FROM (VALUES
        ('acknowledge_incident(ID)',      'acknowledged 1',  '55000',           '55000',           '55000'),
        ('investigate_incident(ID)',      'investigating 1', 'investigating 1', '55000',           '55000'),
        ('resolve_incident(ID)',          'resolved 1',      'resolved 1',      'resolved 1',      '55000'),
        ('reopen_incident(ID, ''again'')', '55000',          '55000',           '55000',           'open 1'),
        ('assign_incident(ID, 1)',        'open 1',          'acknowledged 1',  'investigating 1', 'resolved 1'),
        ('unassign_incident(ID, 1)',      'P0002',           'P0002',           'P0002',           'P0002'),
        ('set_severity(ID, ''low'')',     'open 1',          'acknowledged 1',  'investigating 1', 'resolved 1'),
        ('set_severity(ID, ''high'')',    'open 0',          'acknowledged 0',  'investigating 0', 'resolved 0'),
        ('set_priority(ID, ''low'')',     'open 1',          'acknowledged 1',  'investigating 1', 'resolved 1'),
        ('set_priority(ID, NULL)',        'open 0',          'acknowledged 0',  'investigating 0', 'resolved 0'),
        ('mute_incident(ID, ''1 h'')',    'open 1',          'acknowledged 1',  'investigating 1', '55000'),
        ('unmute_incident(ID)',           '55000',           '55000',           '55000',           '55000'),
        ('add_incident_endpoint(ID, 1)',  'open 1',          'acknowledged 1',  'investigating 1', 'resolved 1'),
        ('remove_incident_endpoint(ID, 1)', 'P0002',         'P0002',           'P0002',           'P0002'),
        ('add_note(ID, ''x'')',           'open 1',          'acknowledged 1',  'investigating 1', 'resolved 1'),
        ('link_incidents(ID, ''blocks'', OTHER)', 'open 1',  'acknowledged 1',  'investigating 1', 'resolved 1'),
        ('unlink_incidents(ID, ''blocks'', OTHER)', 'P0002', 'P0002',           'P0002',           'P0002'),
        ('merge_incident(ID, OTHER)',     'resolved 2',      'resolved 2',      'resolved 2',      '55000'),
        ('merge_incident(OTHER, ID)',     'open 0',          'acknowledged 0',  'investigating 0', '55000')
    ) AS a (action, open, acknowledged, investigating, resolved)
    CROSS JOIN LATERAL (VALUES ('open', a.open), ('acknowledged', a.acknowledged), ('investigating', a.investigating),
                               ('resolved', a.resolved)) AS s (status, expected)
    CROSS JOIN LATERAL outcome(s.status, a.action) AS o (outcome)
WHERE o.outcome IS DISTINCT FROM s.expected;
-- The view says the same of the status alone.
SELECT f.status AS from_status, t.status AS to_status
FROM unnest(enum_range(NULL::pulsimo.incident_status)) AS f (status), unnest(enum_range(NULL::pulsimo.incident_status)) AS t (status)
WHERE f.status <> t.status
    AND (outcome(f.status::text, CASE t.status WHEN 'open' THEN 'reopen_incident(ID, ''x'')' WHEN 'acknowledged' THEN 'acknowledge_incident(ID)'
            WHEN 'investigating' THEN 'investigate_incident(ID)' ELSE 'resolve_incident(ID)' END) <> '55000')
        <> EXISTS (SELECT FROM pulsimo.incident_transitions v WHERE v.from_status = f.status AND v.to_status = t.status);
DELETE FROM pulsimo.incidents;

-- --- the model -------------------------------------------------------------------------------------------------------

CREATE TABLE people (id bigint, role text);
INSERT INTO people SELECT id, database_role FROM pulsimo.users;
CREATE TABLE model (
    id bigint, project bigint, endpoint bigint, status text DEFAULT 'open', severity text DEFAULT 'high', priority text,
    acknowledged_by bigint, acknowledged boolean DEFAULT false, resolved_by bigint, reopened integer DEFAULT 0,
    muted boolean DEFAULT false, events integer DEFAULT 1);
CREATE TABLE model_assignees (incident bigint, person bigint);
CREATE TABLE model_notes (id bigint, incident bigint, author bigint, body text);
CREATE TABLE model_links (incident bigint, link text, other bigint);
CREATE TABLE divergences (step integer, what text);
CREATE TABLE outcomes (action text, code text);
CREATE TABLE snapshots (id bigint, at timestamptz, was jsonb);

-- Incidents of the keeper, of both projects, of the organization, and one of B. The first two are of one endpoint.
INSERT INTO pulsimo.incidents (endpoint_id, title, started_at, status, resolved_at)
    VALUES (1, 'first', now(), 'resolved', now()), (1, 'second', now(), 'resolved', now()), (3, 'of B', now(), 'open', NULL);
INSERT INTO pulsimo.incident_events (incident_id, event)
    SELECT id, CASE status WHEN 'open' THEN 'created' ELSE 'resolved' END::pulsimo.incident_event FROM pulsimo.incidents;
SELECT count(pulsimo.open_incident('by hand', 'high', e.ids, organization => 1))
FROM (VALUES ('{1}'::bigint[]), ('{2}'), ('{1,2}'), ('{}')) AS e (ids);
INSERT INTO model (id, project, endpoint, status) SELECT id, project_id, endpoint_id, status FROM pulsimo.incidents;

CREATE FUNCTION sees(person bigint, subject model) RETURNS boolean LANGUAGE sql AS $$
    SELECT CASE WHEN subject.project = 3 THEN person = 4 ELSE person IN (1, 2, 3) OR (person = 5 AND subject.project = 1) END IS TRUE;
$$;
CREATE FUNCTION changes(person bigint, subject model) RETURNS boolean LANGUAGE sql AS $$
    SELECT sees(person, subject) AND person <> 3;
$$;
CREATE FUNCTION is_duplicate(incident bigint, original bigint) RETURNS boolean LANGUAGE sql AS $$
    SELECT incident = original OR EXISTS (
        SELECT FROM model_links l WHERE l.incident = is_duplicate.incident AND l.link = 'duplicate_of'
            AND is_duplicate(l.other, original));
$$;
CREATE FUNCTION closes(person bigint, subject bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE model SET status = 'resolved', resolved_by = person, events = events + 1, acknowledged = true,
        acknowledged_by = CASE WHEN acknowledged THEN acknowledged_by ELSE person END
    WHERE id = subject;
$$;

-- What the model says that becomes of an action, having done it to itself when nothing speaks against it.
CREATE FUNCTION model_does(person bigint, action text, subject model, other model, value text, number bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    note model_notes;
BEGIN
    IF action IN ('edit', 'remove') THEN
        SELECT * INTO note FROM model_notes n WHERE n.id = number;
        SELECT * INTO subject FROM model m WHERE m.id = note.incident;
    END IF;
    IF subject.id IS NULL OR NOT sees(person, subject) OR (action IN ('link', 'unlink', 'merge') AND NOT sees(person, other)) THEN
        RETURN 'P0002';
    ELSIF NOT changes(person, subject) THEN
        RETURN '42501';
    ELSIF action IN ('link', 'unlink', 'merge') AND subject.id = other.id THEN
        RETURN '22023';
    ELSIF action = 'merge' AND NOT changes(person, other) THEN
        RETURN '42501';
    ELSIF action IN ('edit', 'remove') AND note.author <> person THEN
        RETURN '42501';
    END IF;
    CASE action
    WHEN 'acknowledge', 'investigate' THEN
        IF subject.status = 'resolved' OR subject.status = 'investigating'
            OR (action = 'acknowledge' AND subject.status = 'acknowledged') THEN
            RETURN '55000';
        END IF;
        UPDATE model SET status = CASE action WHEN 'acknowledge' THEN 'acknowledged' ELSE 'investigating' END,
            acknowledged = true, acknowledged_by = CASE WHEN acknowledged THEN acknowledged_by ELSE person END
        WHERE id = subject.id;
    WHEN 'resolve' THEN
        IF subject.status = 'resolved' THEN
            RETURN '55000';
        END IF;
        PERFORM closes(person, subject.id);
        RETURN '00000';
    WHEN 'reopen' THEN
        IF subject.status <> 'resolved'
            OR EXISTS (SELECT FROM model m WHERE m.endpoint = subject.endpoint AND m.status <> 'resolved') THEN
            RETURN '55000';
        END IF;
        UPDATE model SET status = 'open', resolved_by = NULL, reopened = reopened + 1 WHERE id = subject.id;
    WHEN 'assign' THEN
        IF NOT EXISTS (SELECT FROM people WHERE id = number AND sees(id, subject)) THEN
            RETURN 'P0002';
        ELSIF EXISTS (SELECT FROM model_assignees a WHERE a.incident = subject.id AND a.person = number) THEN
            RETURN '00000';
        END IF;
        INSERT INTO model_assignees VALUES (subject.id, number);
    WHEN 'unassign' THEN
        DELETE FROM model_assignees a WHERE a.incident = subject.id AND a.person = number;
        IF NOT FOUND THEN
            RETURN 'P0002';
        END IF;
    WHEN 'severity' THEN
        IF subject.severity = value THEN
            RETURN '00000';
        END IF;
        UPDATE model SET severity = value WHERE id = subject.id;
    WHEN 'priority' THEN
        IF subject.priority IS NOT DISTINCT FROM nullif(value, 'critical') THEN
            RETURN '00000';
        END IF;
        UPDATE model SET priority = nullif(value, 'critical') WHERE id = subject.id;
    WHEN 'mute' THEN
        IF subject.status = 'resolved' THEN
            RETURN '55000';
        END IF;
        UPDATE model SET muted = true WHERE id = subject.id;
    WHEN 'unmute' THEN
        IF NOT subject.muted THEN
            RETURN '55000';
        END IF;
        UPDATE model SET muted = false WHERE id = subject.id;
    WHEN 'note' THEN
        INSERT INTO model_notes VALUES (number, subject.id, person, value);
    WHEN 'edit' THEN
        IF note.body = value THEN
            RETURN '00000';
        END IF;
        UPDATE model_notes SET body = value WHERE id = note.id;
    WHEN 'remove' THEN
        DELETE FROM model_notes WHERE id = note.id;
    WHEN 'link', 'merge' THEN
        IF action = 'merge' THEN
            IF subject.status = 'resolved' OR other.status = 'resolved' THEN
                RETURN '55000';
            END IF;
            value := 'duplicate_of';
        END IF;
        IF value = 'duplicate_of' AND is_duplicate(other.id, subject.id) THEN
            RETURN '22023';
        END IF;
        IF action = 'merge' THEN
            PERFORM closes(person, subject.id);
        END IF;
        IF EXISTS (SELECT FROM model_links l WHERE l.incident = subject.id AND l.link = value AND l.other = model_does.other.id) THEN
            RETURN '00000';
        END IF;
        INSERT INTO model_links VALUES (subject.id, value, other.id);
    WHEN 'unlink' THEN
        DELETE FROM model_links l WHERE l.incident = subject.id AND l.link = value AND l.other = model_does.other.id;
        IF NOT FOUND THEN
            RETURN 'P0002';
        END IF;
    END CASE;
    UPDATE model SET events = events + 1 WHERE id = subject.id;
    RETURN '00000';
END $$;

-- The same for Pulsimo.
CREATE FUNCTION pulsimo_does(person bigint, action text, subject bigint, other bigint, value text, number bigint) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    code text;
BEGIN
    PERFORM set_config('role', p.role, true) FROM people p WHERE p.id = person;
    code := tries(format('SELECT pulsimo.' || CASE action
        WHEN 'acknowledge' THEN 'acknowledge_incident(%1$s)' WHEN 'investigate' THEN 'investigate_incident(%1$s)'
        WHEN 'resolve' THEN 'resolve_incident(%1$s)' WHEN 'reopen' THEN 'reopen_incident(%1$s, %3$L)'
        WHEN 'assign' THEN 'assign_incident(%1$s, %4$s)' WHEN 'unassign' THEN 'unassign_incident(%1$s, %4$s)'
        WHEN 'severity' THEN 'set_severity(%1$s, %3$L)' WHEN 'priority' THEN 'set_priority(%1$s, nullif(%3$L, ''critical'')::pulsimo.priority)'
        WHEN 'mute' THEN 'mute_incident(%1$s, ''1 day'')' WHEN 'unmute' THEN 'unmute_incident(%1$s)'
        WHEN 'note' THEN 'add_note(%1$s, %3$L)' WHEN 'edit' THEN 'edit_note(%4$s, %3$L)' WHEN 'remove' THEN 'remove_note(%4$s)'
        WHEN 'link' THEN 'link_incidents(%1$s, %3$L, %2$s)' WHEN 'unlink' THEN 'unlink_incidents(%1$s, %3$L, %2$s)'
        WHEN 'merge' THEN 'merge_incident(%1$s, %2$s)' END, subject, other, value, number));
    PERFORM set_config('role', 'none', true);
    RETURN code;
END $$;

-- An incident as the tables have it, in the form of incident_as_of().
CREATE VIEW present AS
SELECT i.id, jsonb_build_object(
        'number', i.number, 'title', i.title, 'status', i.status, 'severity', i.severity, 'priority', i.priority,
        'muted_until', i.muted_until,
        'endpoints', pulsimo.endpoints_of_incident(i),
        'assignees', ARRAY(SELECT a.user_id FROM pulsimo.incident_assignees a WHERE a.incident_id = i.id ORDER BY 1),
        'notes', coalesce((SELECT jsonb_agg(jsonb_build_object('id', n.id, 'author', n.author_id, 'category', n.category,
                                                              'body', n.body) ORDER BY n.id)
                           FROM pulsimo.incident_notes n WHERE n.incident_id = i.id), '[]'),
        'links', coalesce((SELECT jsonb_agg(jsonb_build_object('link', l.link, 'other', l.other_id)
                                            ORDER BY l.link::text, l.other_id)
                           FROM pulsimo.incident_links l WHERE l.incident_id = i.id), '[]')) AS is
FROM pulsimo.incidents i;

-- Where the tables are not as the model is, and what the timeline says is not as the tables are.
CREATE FUNCTION differences() RETURNS SETOF text LANGUAGE sql AS $$
    SELECT format('incident %s: %s instead of %s', i.id, i.now, m.now)
    FROM (SELECT i.id, (i.status, i.severity, i.priority, i.acknowledged_by, i.acknowledged_at IS NOT NULL, i.resolved_by, i.reopened,
                        i.muted_until IS NOT NULL,
                        (SELECT count(*) FROM pulsimo.incident_events v WHERE v.incident_id = i.id))::text AS now
          FROM pulsimo.incidents i) i
        JOIN (SELECT m.id, (m.status, m.severity, m.priority, m.acknowledged_by, m.acknowledged, m.resolved_by, m.reopened, m.muted,
                            m.events)::text AS now FROM model m) m ON m.id = i.id
    WHERE i.now <> m.now
    UNION ALL
    SELECT 'assignees' WHERE EXISTS (
        (SELECT incident_id, user_id FROM pulsimo.incident_assignees EXCEPT SELECT incident, person FROM model_assignees)
        UNION ALL (SELECT incident, person FROM model_assignees EXCEPT SELECT incident_id, user_id FROM pulsimo.incident_assignees))
    UNION ALL
    SELECT 'notes' WHERE EXISTS (
        (SELECT id, incident_id, author_id, body FROM pulsimo.incident_notes EXCEPT SELECT id, incident, author, body FROM model_notes)
        UNION ALL (SELECT id, incident, author, body FROM model_notes EXCEPT SELECT id, incident_id, author_id, body FROM pulsimo.incident_notes))
    UNION ALL
    SELECT 'links' WHERE EXISTS (
        (SELECT incident_id, link::text, other_id FROM pulsimo.incident_links EXCEPT SELECT incident, link, other FROM model_links)
        UNION ALL (SELECT incident, link, other FROM model_links EXCEPT SELECT incident_id, link::text, other_id FROM pulsimo.incident_links))
    UNION ALL
    SELECT format('as of now: %s instead of %s', pulsimo.incident_as_of(n.id), n.is)
    FROM present n WHERE pulsimo.incident_as_of(n.id) <> n.is;
$$;

DO $$
DECLARE
    actions constant text[] := '{acknowledge,acknowledge,acknowledge,investigate,resolve,reopen,reopen,reopen,reopen,assign,assign,unassign,severity,priority,mute,unmute,note,note,edit,edit,remove,link,link,unlink,unlink,unlink,unlink,unassign,unassign,merge,merge,merge}';
    severities constant text[] := '{critical,high,medium,low}';
    links constant text[] := '{duplicate_of,caused_by,blocks,parent_of}';
    person bigint;
    action text;
    subject model;
    other model;
    value text;
    number bigint;
    expected text;
    actual text;
BEGIN
    PERFORM setseed(0.42);
    FOR step IN 1 .. 2000 LOOP
        person := (ARRAY[1, 1, 1, 2, 2, 2, 3, 4, 5, 5])[1 + floor(random() * 10)];
        action := actions[1 + floor(random() * cardinality(actions))];
        SELECT * INTO subject FROM model ORDER BY id OFFSET floor(random() * 7) LIMIT 1;
        SELECT * INTO other FROM model ORDER BY id OFFSET floor(random() * 7) LIMIT 1;
        value := CASE WHEN action IN ('link', 'unlink') THEN links[1 + floor(random() * 4)]
                      WHEN action IN ('severity', 'priority') THEN severities[1 + floor(random() * 4)]
                      ELSE 'text ' || floor(random() * 3) END;
        number := 1 + floor(random() * 6);
        IF action = 'note' THEN
            SELECT last_value + is_called::integer INTO number FROM pulsimo.incident_notes_id_seq;
        ELSIF action IN ('edit', 'remove') THEN
            SELECT coalesce(max(n.id), 0) INTO number
            FROM (SELECT id FROM model_notes ORDER BY id LIMIT 1 + floor(random() * 10)) n;
        END IF;
        actual := pulsimo_does(person, action, subject.id, other.id, value, number);
        expected := model_does(person, action, subject, other, value, number);
        IF actual <> expected THEN
            INSERT INTO divergences VALUES (step, format('%s by %s of %s (%s, %s, %s): %s instead of %s', action, person,
                                                         subject, other.id, value, number, actual, expected));
        END IF;
        INSERT INTO outcomes VALUES (action, actual);
        IF step % 20 = 0 THEN
            INSERT INTO divergences SELECT step, d FROM differences() d;
            INSERT INTO snapshots SELECT p.id, clock_timestamp(), p.is FROM present p;
        END IF;
        EXIT WHEN (SELECT count(*) FROM divergences) > 5;
    END LOOP;
END $$;
SELECT * FROM divergences;
SELECT 'no divergence' AS divergences WHERE NOT EXISTS (SELECT FROM divergences);
-- Looking back, everything is as it was.
SELECT s.at, pulsimo.incident_as_of(s.id, s.at) AS said, s.was FROM snapshots s WHERE pulsimo.incident_as_of(s.id, s.at) <> s.was;
SELECT count(*) AS compared, count(DISTINCT was) > 150 AS different FROM snapshots;
-- Enough has happened of everything, and enough was refused.
SELECT action, count(*) FILTER (WHERE code = '00000') > 7 AS done, count(*) FILTER (WHERE code <> '00000') > 7 AS refused
FROM outcomes GROUP BY action ORDER BY action;
SELECT DISTINCT code FROM outcomes ORDER BY code;

DROP VIEW present;
DROP FUNCTION tries, outcome, sees, changes, is_duplicate, closes, model_does, pulsimo_does, differences;
DROP TABLE people, model, model_assignees, model_notes, model_links, divergences, snapshots, outcomes;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_mia, regress_vic, regress_ed, regress_bob;
