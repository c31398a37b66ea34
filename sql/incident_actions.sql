-- What people do with incidents: the functions, who may call them, and what the timeline says of it.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
BEGIN;
SELECT pulsimo.start(), pulsimo.stop();
COMMIT;
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
SELECT pulsimo.add_endpoint('http://a.example/', 'shop', 1), pulsimo.add_endpoint('http://a.example/', 'cart', 1),
    pulsimo.add_endpoint('http://a.example/', 'blog', 2), pulsimo.add_endpoint('http://b.example/', 'of B', 3);
CREATE FUNCTION tries(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    hint text;
BEGIN
    EXECUTE 'SELECT pulsimo.' || statement;
    RETURN 'done';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' / ', SQLSTATE, message, hint);
END $$;
-- Not the year of today.
CREATE FUNCTION masked(words text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(words, 'INC-[0-9]{4}', 'INC-YEAR', 'g') $$;
CREATE VIEW seen AS
    SELECT i.id, masked(i.number) AS number, i.status, i.severity, i.priority, i.project_id, i.automatic, o.name AS opened_by, a.name AS acknowledged_by,
           r.name AS resolved_by
    FROM pulsimo.incidents i LEFT JOIN pulsimo.users o ON o.id = i.opened_by LEFT JOIN pulsimo.users a ON a.id = i.acknowledged_by
        LEFT JOIN pulsimo.users r ON r.id = i.resolved_by
    ORDER BY i.id;
CREATE VIEW events AS
    SELECT v.incident_id, v.event, u.name AS actor, masked(v.detail) AS detail, v.data - '{muted_until,resolved_at,body}'::text[] AS data
    FROM pulsimo.incident_events v LEFT JOIN pulsimo.users u ON u.id = v.user_id ORDER BY v.id;
GRANT SELECT ON seen, events TO PUBLIC;

-- --- opening ---------------------------------------------------------------------------------------------------------

SET ROLE regress_mia;
SELECT pulsimo.open_incident('Checkout is slow', 'high', ARRAY[2, 1, 2], detail => 'Customers call.') AS of_one_project,
    pulsimo.open_incident('Everything is slow', 'critical', ARRAY[1, 3], 'low') AS of_two,
    pulsimo.open_incident('Phones are down', 'medium') AS of_none;
RESET ROLE;
SELECT pulsimo.open_incident('Of the operator', 'low', ARRAY[4], started_at => '2026-01-01 12:00+00');
SELECT * FROM seen;
SELECT * FROM events;
SELECT * FROM pulsimo.incident_endpoints ORDER BY incident_id, endpoint_id;
SELECT topic, payload - '{started_at,number}'::text[] AS payload FROM pulsimo.outbox ORDER BY id LIMIT 1;
-- What is none.
SET ROLE regress_mia;
SELECT statement, tries('open_incident(' || statement || ')')
FROM unnest(ARRAY[
    $$NULL, 'high'$$, $$'', 'high'$$, $$E'two\nlines', 'high'$$, $$repeat('x', 201), 'high'$$,
    $$'x', NULL$$, $$'x', 'high', NULL$$, $$'x', 'high', '{NULL}'$$, $$'x', 'high', '{99}'$$, $$'x', 'high', '{4}'$$, $$'x', 'high', '{1,4}'$$,
    $$'x', 'high', array_fill(1, '{1001}')$$, $$'x', 'high', organization => 2$$, $$'x', 'high', organization => 99$$,
    $$'x', 'high', '{1}', organization => 2$$,
    $$'x', 'high', started_at => NULL$$, $$'x', 'high', started_at => 'infinity'$$, $$'x', 'high', started_at => '-infinity'$$,
    $$'x', 'high', started_at => now() + interval '1 hour'$$, $$'x', 'high', detail => ''$$, $$'x', 'high', detail => repeat('x', 65537)$$
    ]) AS statement;
-- Where to: whoever may choose is asked, whoever may not is refused.
SET ROLE regress_ed;
SELECT statement, tries('open_incident(' || statement || ')')
FROM unnest(ARRAY[$$'x', 'high', '{1}'$$, $$'x', 'high', '{1,3}'$$, $$'x', 'high', '{3}'$$, $$'x', 'high'$$,
                  $$'x', 'high', organization => 1$$]) AS statement;
SET ROLE regress_vic;
SELECT statement, tries('open_incident(' || statement || ')')
FROM unnest(ARRAY[$$'x', 'high', '{1}'$$, $$'x', 'high'$$, $$'x', 'high', organization => 1$$]) AS statement;
RESET ROLE;
SELECT statement, tries('open_incident(' || statement || ')')
FROM unnest(ARRAY[$$'x', 'high'$$, $$'x', 'high', organization => 99$$, $$'x', 'high', '{1,4}'$$, $$'x', 'high', '{1}', organization => 2$$]) AS statement;
DELETE FROM pulsimo.incidents WHERE title = 'x';

-- --- from status to status -------------------------------------------------------------------------------------------

SET ROLE regress_mia;
SELECT pulsimo.acknowledge_incident(1, 'I am on it');
SET ROLE regress_ann;
SELECT tries('acknowledge_incident(1)');
SELECT pulsimo.investigate_incident(1);
SELECT tries('investigate_incident(1)'), tries('acknowledge_incident(1)');
SELECT pulsimo.resolve_incident(1, 'Restarted the cache');
SELECT tries('resolve_incident(1)'), tries('investigate_incident(1)'), tries('reopen_incident(2, ''x'')');
SELECT pulsimo.reopen_incident(1, 'It is back');
SELECT pulsimo.resolve_incident(2);
SELECT * FROM seen WHERE id IN (1, 2);
SELECT * FROM events WHERE incident_id IN (1, 2) AND event <> 'created';
RESET ROLE;
SELECT topic, incident_id FROM pulsimo.outbox ORDER BY id OFFSET 4;
-- What else is not accepted.
SELECT statement, tries(statement)
FROM unnest(ARRAY[
    $$acknowledge_incident(4, '')$$, $$acknowledge_incident(4, repeat('x', 65537))$$, $$resolve_incident(4, E' \n')$$,
    $$resolve_incident(4, resolved_at => NULL)$$, $$resolve_incident(4, resolved_at => '2026-01-01 11:59:59+00')$$,
    $$resolve_incident(4, resolved_at => now() + interval '1 hour')$$, $$resolve_incident(4, resolved_at => 'infinity')$$,
    $$reopen_incident(2, NULL)$$, $$reopen_incident(2, '')$$
    ]) AS statement;
SELECT pulsimo.resolve_incident(4, resolved_at => '2026-01-01 12:30:00+00');
SELECT resolved_at - started_at AS lasted, resolved_by, acknowledged_at > created_at AS acknowledged FROM pulsimo.incidents WHERE id = 4;

-- An incident of the keeper. A summary of the checks that failed is kept; another open one stands in the way of reopening.
SELECT pulsimo.create_partition('2026-01-01');
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class)
    SELECT e, timestamptz '2026-01-01 00:00+00' + s * interval '1 minute', CASE WHEN s = 5 THEN 'unknown' ELSE 'down' END::pulsimo.status, 1,
           CASE WHEN s = 5 THEN 'internal' WHEN s < 3 THEN 'refused' ELSE 'timeout' END::pulsimo.error_class
    FROM unnest('{1,2}'::bigint[]) AS e, generate_series(0, 9) AS s;
SELECT pulsimo.record_changes('[{"endpoint_id": 1, "at": 1767225600000000, "status": "down", "error": "refused", "incident": "open"}]');
SELECT id AS automatic FROM pulsimo.incidents WHERE automatic \gset
SELECT event, actor, detail FROM pulsimo.incident_timeline(:automatic);
SET ROLE regress_ed;
SELECT event, actor, detail FROM pulsimo.incident_timeline(:automatic);
UPDATE pulsimo.endpoints SET url = url || '?api_key=k1#top' WHERE id = 1;
SELECT pulsimo.resolve_incident(:automatic, 'Plugged it in', '2026-01-01 00:08+00');
SELECT event, actor, detail FROM pulsimo.incident_timeline(:automatic);
SELECT * FROM events WHERE incident_id = :automatic;
RESET ROLE;
-- What follows the path of a URL may be a secret.
SELECT topic, payload - '{incident_id,started_at,number}'::text[] AS payload FROM pulsimo.outbox ORDER BY id DESC LIMIT 1;
SELECT pulsimo.incident_message(i, NULL, u.url, NULL) ->> 'url' AS shown
FROM pulsimo.incidents i, unnest('{http://a.example/b?c,http://a.example?c?d,http://a.example/b#c?d,http://a.example/b}'::text[]) AS u (url) WHERE i.id = 1;
SELECT pulsimo.record_changes('[{"endpoint_id": 1, "at": 1767226140000000, "status": "down", "error": "refused", "incident": "open"}]');
SELECT id AS second FROM pulsimo.incidents WHERE automatic AND status = 'open' \gset
SELECT replace(replace(tries(format('reopen_incident(%s, ''x'')', :automatic)), :'second', 'SECOND'), :'automatic', 'FIRST');
SELECT pulsimo.resolve_incident(:second), pulsimo.reopen_incident(:automatic, 'It was not that');
SELECT tries(format('add_incident_endpoint(%s, 2)', :automatic)), tries(format('remove_incident_endpoint(%s, 1)', :automatic));

-- --- details ---------------------------------------------------------------------------------------------------------

SET ROLE regress_ann;
SELECT pulsimo.open_incident('Printers', 'high', ARRAY[1]) AS printers \gset
SELECT pulsimo.assign_incident(:printers, 2), pulsimo.assign_incident(:printers, 2), pulsimo.assign_incident(:printers, 5),
    pulsimo.assign_incident(3, 3);
SELECT pulsimo.unassign_incident(:printers, 2);
SELECT pulsimo.set_severity(:printers, 'low'), pulsimo.set_severity(:printers, 'low'), pulsimo.set_priority(:printers, 'high'),
    pulsimo.set_priority(:printers, NULL), pulsimo.set_priority(:printers, NULL);
SELECT pulsimo.mute_incident(:printers, '26 hours');
SELECT muted_until - now() BETWEEN '25:59' AND '26:01' AS muted FROM pulsimo.incidents WHERE id = :printers;
SELECT pulsimo.unmute_incident(:printers);
SELECT pulsimo.add_incident_endpoint(:printers, 2), pulsimo.add_incident_endpoint(:printers, 2);
SELECT event, actor, detail, data FROM events WHERE incident_id IN (:printers, 3);
-- Who was meant is told by the reader's view of people, so it is forgotten with the account.
SELECT actor, event, detail FROM pulsimo.incident_timeline(:printers) WHERE event LIKE '%assigned';
RESET ROLE;
BEGIN;
SELECT pulsimo.remove_user(2);
SELECT actor, event, detail FROM pulsimo.incident_timeline(:printers) WHERE event LIKE '%assigned';
SELECT count(*) FROM pulsimo.incident_events WHERE concat(detail, data) LIKE '%Mia%';
ROLLBACK;
-- Messages say until when nobody is to be told.
BEGIN;
SELECT pulsimo.mute_incident(:printers, '1 h'), pulsimo.acknowledge_incident(:printers);
SELECT topic, (payload ->> 'muted_until')::timestamptz > now() AS muted FROM pulsimo.outbox ORDER BY id DESC LIMIT 1;
ROLLBACK;
SET ROLE regress_ann;
SELECT replace(tries(replace(statement, 'ID', :'printers')), :'printers', 'ID')
FROM unnest(ARRAY[
    'assign_incident(ID, NULL)', 'assign_incident(ID, 99)', 'assign_incident(ID, 4)', 'assign_incident(3, 5)',
    'unassign_incident(ID, 2)', 'unassign_incident(ID, 99)', 'unassign_incident(ID, NULL)', 'set_severity(ID, NULL)',
    'mute_incident(ID, NULL)', 'mute_incident(ID, ''0'')', 'mute_incident(ID, ''-1 s'')', 'mute_incident(ID, ''30 days 1 s'')',
    'mute_incident(2, ''1 h'')', 'unmute_incident(ID)', 'add_incident_endpoint(ID, NULL)', 'add_incident_endpoint(ID, 4)',
    'add_incident_endpoint(ID, 99)', 'remove_incident_endpoint(ID, 3)', 'remove_incident_endpoint(ID, 4)']) AS statement;
-- The project goes with the endpoints; it is not taken away from those who have only that one.
SET ROLE regress_ed;
SELECT tries(format('add_incident_endpoint(%s, 3)', :printers));
RESET ROLE;
SELECT pulsimo.set_project_role(5, 2, 'viewer');
SET ROLE regress_ed;
SELECT tries(format('add_incident_endpoint(%s, 3)', :printers));
RESET ROLE;
SELECT pulsimo.set_project_role(5, 2, NULL);
SET ROLE regress_ann;
SELECT pulsimo.add_incident_endpoint(:printers, 3);
SELECT project_id FROM pulsimo.incidents WHERE id = :printers;
SELECT pulsimo.remove_incident_endpoint(:printers, 1), pulsimo.remove_incident_endpoint(:printers, 2);
SELECT project_id FROM pulsimo.incidents WHERE id = :printers;
RESET ROLE;
UPDATE pulsimo.endpoints SET project_id = 1 WHERE id = 3;
SELECT project_id FROM pulsimo.incidents WHERE id = :printers;
-- Without any endpoint it stays where it is.
SELECT pulsimo.remove_incident_endpoint(:printers, 3);
UPDATE pulsimo.endpoints SET project_id = 2 WHERE id = 3;
SELECT project_id FROM pulsimo.incidents WHERE id = :printers;

-- --- links -----------------------------------------------------------------------------------------------------------

RESET ROLE;
DELETE FROM pulsimo.incidents WHERE id > 4;
ALTER SEQUENCE pulsimo.incidents_id_seq RESTART 10;
SET ROLE regress_ann;
SELECT pulsimo.open_incident('ten', 'high', ARRAY[1]), pulsimo.open_incident('eleven', 'high', ARRAY[3]), pulsimo.open_incident('twelve', 'high');
SELECT pulsimo.link_incidents(10, 'caused_by', 11), pulsimo.link_incidents(10, 'caused_by', 11), pulsimo.link_incidents(11, 'parent_of', 10),
    pulsimo.link_incidents(12, 'blocks', 10), pulsimo.link_incidents(11, 'duplicate_of', 12);
SELECT statement, tries(statement)
FROM unnest(ARRAY[
    'link_incidents(10, ''blocks'', 10)', 'link_incidents(10, NULL, 11)', 'link_incidents(10, ''blocks'', 99)', 'link_incidents(10, ''blocks'', 4)',
    'link_incidents(NULL, ''blocks'', 10)', 'link_incidents(12, ''duplicate_of'', 11)', 'unlink_incidents(10, ''blocks'', 11)',
    'merge_incident(10, 10)', 'merge_incident(10, 99)', 'merge_incident(2, 10)', 'merge_incident(10, 2)', 'merge_incident(12, 11)']) AS statement;
RESET ROLE;
SELECT tries('link_incidents(10, ''blocks'', 4)');
SET ROLE regress_ann;
SELECT pulsimo.unlink_incidents(11, 'parent_of', 10);
SELECT pulsimo.add_note(10, 'The disk is full', 'root_cause');
SELECT pulsimo.merge_incident(10, 11);
SELECT pulsimo.add_note(10, 'Still is');
SELECT incident_id, link, other_id FROM pulsimo.incident_links ORDER BY 1, 2, 3;
SELECT event, actor, masked(detail) AS detail FROM pulsimo.incident_timeline(10);
SELECT event, actor, masked(detail) AS detail FROM pulsimo.incident_timeline(11);
-- Ed sees the first alone: of the others, that there is one of that number.
SET ROLE regress_ed;
SELECT event, actor, masked(detail) AS detail FROM pulsimo.incident_timeline(10);
SELECT * FROM pulsimo.incident_links;
SELECT pulsimo.incident_as_of(10) -> 'links' AS links;
SELECT statement, tries(statement) FROM unnest(ARRAY[
    'link_incidents(10, ''blocks'', 11)', 'unlink_incidents(10, ''caused_by'', 11)', 'merge_incident(10, 12)', 'incident_timeline(11)']) AS statement;

-- --- notes -----------------------------------------------------------------------------------------------------------

SET ROLE regress_mia;
SELECT pulsimo.add_note(12, E'First line\nsecond line');
RESET ROLE;
SELECT pulsimo.add_note(12, 'Of the operator', 'follow_up');
SET ROLE regress_mia;
SELECT pulsimo.edit_note(3, 'Better', 'fix'), pulsimo.edit_note(3, 'Better'), pulsimo.edit_note(3, category => 'workaround');
SELECT author_id, category, body, edited_at > created_at AS edited FROM pulsimo.incident_notes WHERE incident_id = 12 ORDER BY id;
SELECT statement, tries(statement)
FROM unnest(ARRAY[
    'add_note(12, NULL)', 'add_note(12, '''')', 'add_note(12, repeat(''x'', 65537))', 'add_note(12, ''x'', NULL)', 'add_note(NULL, ''x'')',
    'edit_note(3)', 'edit_note(3, '' '')', 'edit_note(99, ''x'')', 'edit_note(NULL, ''x'')', 'remove_note(NULL)', 'remove_note(99)',
    'edit_note(4, ''x'')', 'remove_note(4)']) AS statement;
SET ROLE regress_ann;
SELECT tries('edit_note(3, ''x'')'), tries('remove_note(3)');
SET ROLE regress_bob;
SELECT tries('edit_note(3, ''x'')'), tries('remove_note(3)');
RESET ROLE;
SELECT pulsimo.edit_note(3, 'The operator knows better'), pulsimo.remove_note(4);
SET ROLE regress_mia;
SELECT pulsimo.remove_note(3);
SELECT count(*) FROM pulsimo.incident_notes WHERE incident_id = 12;
SELECT event, actor, detail FROM pulsimo.incident_timeline(12) WHERE event LIKE 'note%';

-- --- who may ---------------------------------------------------------------------------------------------------------

-- A viewer sees and is refused, a stranger sees nothing, and neither does a thing; so does a key that may only read.
CREATE TEMP TABLE calls (statement text);
INSERT INTO calls SELECT unnest(ARRAY[
    'acknowledge_incident(12)', 'investigate_incident(12)', 'resolve_incident(12)', 'reopen_incident(2, ''x'')', 'assign_incident(12, 1)',
    'unassign_incident(12, 1)', 'set_severity(12, ''low'')', 'set_priority(12, ''low'')', 'mute_incident(12, ''1 h'')', 'unmute_incident(12)',
    'add_incident_endpoint(12, 1)', 'remove_incident_endpoint(12, 1)', 'link_incidents(12, ''blocks'', 11)', 'unlink_incidents(12, ''blocks'', 10)',
    'merge_incident(12, 11)', 'add_note(12, ''x'')', 'edit_note(1, ''x'')', 'remove_note(1)']);
SELECT pulsimo.create_api_key('reader', '{read}') AS key \gset
RESET ROLE;
SELECT count(*) AS events FROM pulsimo.incident_events \gset
SET ROLE regress_mia;
GRANT SELECT ON calls TO PUBLIC;
SET ROLE regress_vic;
SELECT c.statement, tries(c.statement) FROM calls c;
SELECT count(*) FROM pulsimo.incident_timeline(12);
SET ROLE regress_bob;
SELECT c.statement, tries(c.statement) FROM calls c UNION ALL SELECT c, tries(c) FROM unnest('{incident_timeline(12),incident_as_of(12)}'::text[]) AS c;
SELECT id, masked(number) AS number FROM pulsimo.incidents;
SET ROLE regress_ed;
SELECT c.statement, tries(c.statement) FROM calls c WHERE c.statement LIKE 'ack%';
BEGIN;
SELECT pulsimo.use_api_key(:'key');
SELECT c.statement, left(tries(c.statement), 5) AS outcome FROM calls c;
SELECT count(*) > 0 AS reads FROM pulsimo.incident_timeline(12);
COMMIT;
-- Nor by hand.
SET ROLE regress_ann;
UPDATE pulsimo.incidents SET status = 'resolved';
INSERT INTO pulsimo.incident_events (incident_id, event) VALUES (12, 'created');
DELETE FROM pulsimo.incident_notes;
SELECT pulsimo.resolve_incident_as_owner(12, NULL, now());
RESET ROLE;
SELECT count(*) = :events AS nothing_happened FROM pulsimo.incident_events;

-- --- as it was -------------------------------------------------------------------------------------------------------

-- Opened by an older version, whose events say less.
INSERT INTO pulsimo.incidents (endpoint_id, title, started_at, created_at, severity) VALUES (2, 'old', '2026-01-01', '2026-01-01 00:03', 'medium')
    RETURNING id AS old \gset
INSERT INTO pulsimo.incident_events (incident_id, event, happened_at) VALUES (:old, 'created', '2026-01-01 00:03');
SELECT pulsimo.set_severity(:old, 'critical'), pulsimo.set_severity(:old, 'low');
SELECT pulsimo.incident_as_of(:old, '2026-01-01 00:02:59') AS before, pulsimo.incident_as_of(:old, '2026-01-01 00:03') - 'number' AS then,
    pulsimo.incident_as_of(:old) ->> 'severity' AS now;
SELECT tries('incident_as_of(12, NULL)'), tries('incident_as_of(NULL)'), tries('incident_as_of(99)'), tries('incident_timeline(NULL)');
-- What is gone is left out.
SELECT pulsimo.open_incident('gone', 'high', ARRAY[1, 2]) AS gone \gset
SELECT pulsimo.assign_incident(:gone, 3), pulsimo.link_incidents(:gone, 'blocks', 12);
SELECT a - 'title' - 'number' - 'notes' - 'muted_until' - 'status' AS as_of FROM pulsimo.incident_as_of(:gone) AS a;
SELECT pulsimo.remove_endpoint(2), pulsimo.remove_user(3, 1);
DELETE FROM pulsimo.users WHERE id = 3;
DELETE FROM pulsimo.incidents WHERE id = 12;
SELECT a - 'title' - 'number' - 'notes' - 'muted_until' - 'status' AS as_of FROM pulsimo.incident_as_of(:gone) AS a;

DROP VIEW seen, events;
DROP TABLE calls;
DROP FUNCTION tries, masked;
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_mia, regress_vic, regress_ed, regress_bob;
