-- Secrets: sealed, referred to by name, and never read back.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_mia LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE ROLE regress_ed LOGIN;
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', database_role => 'regress_ann');
SELECT pulsimo.add_user('mia@a.example', 'Mia', 1, 'member', database_role => 'regress_mia');
SELECT pulsimo.add_user('bob@b.example', 'Bob', 2, 'owner', database_role => 'regress_bob');
INSERT INTO pulsimo.users (email, name, database_role) VALUES ('ed@a.example', 'Ed', 'regress_ed');
SELECT pulsimo.grant_access('regress_ed'), pulsimo.set_project_role(4, 1, 'editor');

-- The key.
COPY (SELECT 1) TO PROGRAM 'rm -f pulsimo.key';
SELECT pulsimo.set_secret('token', 'open sesame', 1);
COPY (SELECT 'not a key') TO PROGRAM 'umask 077; cat >pulsimo.key';
SELECT pulsimo.set_secret('token', 'open sesame', 1);
COPY (SELECT repeat('5a', 32)) TO PROGRAM 'umask 022; cat >pulsimo.key; chmod 644 pulsimo.key';
SELECT pulsimo.set_secret('token', 'open sesame', 1);
COPY (SELECT 1) TO PROGRAM 'chmod 600 pulsimo.key';

-- What is no secret. The value is never repeated.
SET ROLE regress_ann;
SELECT pulsimo.set_secret(NULL, 'open sesame');
SELECT pulsimo.set_secret('', 'open sesame');
SELECT pulsimo.set_secret(repeat('x', 201), 'open sesame');
SELECT pulsimo.set_secret('token', NULL);
SELECT pulsimo.set_secret('token', '');
SELECT pulsimo.set_secret('token', E'open\nsesame');
SELECT pulsimo.set_secret('token', repeat('x', 8001));
SELECT pulsimo.set_secret('token', 'open sesame', hosts => '{}');
SELECT pulsimo.set_secret('token', 'open sesame', hosts => '{A.example}');
SELECT pulsimo.set_secret('token', 'open sesame', hosts => '{a.example:8080}');
SELECT pulsimo.set_secret('token', 'open sesame', hosts => '{a.example/path}');
SELECT pulsimo.set_secret('token', 'open sesame', hosts => '{NULL}');
SELECT pulsimo.set_secret('token', 'open sesame', 2);
SELECT pulsimo.set_secret('token', 'open sesame', 99);
SELECT pulsimo.set_secret('token', 'open sesame') AS token, pulsimo.set_secret('bound', 'open rice', hosts => '{a.example,::1}') AS bound,
       pulsimo.set_secret($$x'; DROP TABLE pulsimo.secrets; --$$, $$x'; DROP TABLE pulsimo.secrets; --$$) AS quoted;
SELECT id, organization_id, name, hosts FROM pulsimo.stored_secrets;
SELECT sealed FROM pulsimo.secrets;
RESET ROLE;
SELECT name, octet_length(sealed), position('sesame'::bytea IN sealed) AS clear, pulsimo.sealed_with(sealed) FROM pulsimo.secrets;
SELECT pulsimo.set_secret('nowhere', 'open sesame');
SELECT pulsimo.set_secret('nowhere', 'open sesame', 99);

-- Others: members see the names, the rest nothing, nobody sets any.
SET ROLE regress_mia;
SELECT name FROM pulsimo.stored_secrets;
SELECT pulsimo.set_secret('token', 'x', 1);
SELECT pulsimo.remove_secret('token', 1);
SET ROLE regress_ed;
SELECT name FROM pulsimo.stored_secrets;
SET ROLE regress_bob;
SELECT name FROM pulsimo.stored_secrets;
SELECT pulsimo.remove_secret('token');
SELECT pulsimo.set_secret('token', 'of Bob');

-- Referring to them: all four places, and nothing else.
SET ROLE regress_ann;
SELECT pulsimo.add_endpoint('http://a.example/', 'bearer', 1, options => '{"auth": {"bearer": {"secret": "token"}}}'),
    pulsimo.add_endpoint('http://a.example/', 'basic', 1, options => '{"auth": {"basic": {"username": "u", "password": {"secret": "token"}}}}'),
    pulsimo.add_endpoint('http://a.example/', 'api_key', 1, options => '{"auth": {"api_key": {"header": "X-Key", "value": {"secret": "token"}}}}'),
    pulsimo.add_endpoint('http://A.EXAMPLE:8080/', 'header', 1, options => '{"headers": {"Cookie": {"secret": "bound"}}}'),
    pulsimo.add_endpoint('http://[::1]/', 'address', 1, options => '{"headers": {"Cookie": {"secret": "bound"}}}');
SELECT pulsimo.add_endpoint('http://a.example/', 'x', 1, options => '{"body": {"secret": "token"}}');
SELECT pulsimo.add_endpoint('http://a.example/', 'x', 1, options => '{"auth": {"bearer": {"secret": "tokn"}}}');
SELECT pulsimo.add_endpoint('http://a.example/', 'x', 1, options => '{"auth": {"bearer": {"secert": "token"}}}');
SELECT pulsimo.add_endpoint('http://a.example/', 'x', 1, options => '{"auth": {"bearer": {"secret": 1}}}');
SELECT pulsimo.add_endpoint('http://b.example/', 'x', 1, options => '{"auth": {"bearer": {"secret": "bound"}}}');
SELECT pulsimo.add_endpoint('http://a.example.b.example/', 'x', 1, options => '{"auth": {"bearer": {"secret": "bound"}}}');
SELECT pulsimo.add_endpoint('http://b.example/?http://a.example/', 'x', 1, options => '{"auth": {"bearer": {"secret": "bound"}}}');
UPDATE pulsimo.endpoints SET url = 'http://b.example/' WHERE name = 'header';

-- Whoever may not set secrets sends one only where it is bound to.
SET ROLE regress_ed;
SELECT pulsimo.add_endpoint('http://b.example/', 'x', 1, options => '{"auth": {"bearer": {"secret": "token"}}}');
SELECT pulsimo.add_endpoint('http://a.example/', 'of Ed', 1, options => '{"auth": {"bearer": {"secret": "bound"}}}') AS of_ed \gset
UPDATE pulsimo.endpoints SET url = 'http://ed.example/' WHERE name = 'bearer';
UPDATE pulsimo.endpoints SET url = 'http://ed.example/' WHERE name = 'of Ed';
UPDATE pulsimo.endpoints SET options = options || '{"server_name": "ed.example"}' WHERE name = 'of Ed';
UPDATE pulsimo.endpoints SET options = options || '{"insecure": true}' WHERE name = 'of Ed';
UPDATE pulsimo.endpoints SET options = options || '{"headers": {"HOST": "ed.example"}}' WHERE name = 'of Ed';
UPDATE pulsimo.endpoints SET options = options || '{"insecure": false}' WHERE name = 'of Ed' RETURNING name;
UPDATE pulsimo.endpoints SET options = '{"auth": {"bearer": {"secret": "token"}}}' WHERE name = 'of Ed';
UPDATE pulsimo.endpoints SET paused = true WHERE name = 'bearer' RETURNING name;
INSERT INTO pulsimo.endpoints (project_id, name, url, options)
VALUES (2, 'x', 'http://a.example/', '{"auth": {"bearer": {"secret": "token"}}}');
INSERT INTO pulsimo.endpoints (project_id, name, url, options)
VALUES (99, 'x', 'http://a.example/', '{"auth": {"bearer": {"secret": "token"}}}');

-- In clear text no credential is taken, by anybody.
SELECT pulsimo.add_endpoint('http://a.example/', 'x', 1, options => '{"auth": {"bearer": "open sesame"}}');
RESET ROLE;
INSERT INTO pulsimo.endpoints (project_id, name, url, options)
VALUES (1, 'x', 'http://a.example/', '{"auth": {"basic": {"username": "u", "password": "open sesame"}}}');
UPDATE pulsimo.endpoints SET options = '{"headers": {"AUTHORIZATION": "Bearer open-sesame"}}' WHERE name = 'bearer';
-- What a restore brings is kept, can be changed otherwise, and is sealed when the operator says so.
BEGIN;
SET LOCAL row_security = off;
INSERT INTO pulsimo.endpoints (project_id, name, url, options)
VALUES (1, 'older', 'http://a.example/', '{"auth": {"basic": {"username": "u", "password": "open sesame"}}, "headers": {"Cookie": "c", "Accept": "x"}}'),
    (1, 'too long', 'http://a.example/', jsonb_build_object('headers', jsonb_build_object('Cookie', repeat('c', 8001))));
COMMIT;
-- A key in place of the name, and no password, is nothing to be sealed.
SELECT pulsimo.add_endpoint('http://a.example/', 'key only', 1, options => '{"auth": {"basic": {"username": "u", "password": ""}}}') > 0 AS added;
UPDATE pulsimo.endpoints SET options = jsonb_set(options, '{method}', '"HEAD"') WHERE name = 'older';
UPDATE pulsimo.endpoints SET options = jsonb_set(options, '{auth,basic,password}', '"other"') WHERE name = 'older';
SELECT pulsimo.seal_credentials();
SELECT regexp_replace(options::text, 'endpoint [0-9]+', 'endpoint N', 'g') AS options FROM pulsimo.endpoints WHERE name = 'older';
SELECT pulsimo.seal_credentials();

-- Replacing, removing, and a new key.
SET ROLE regress_ann;
SELECT pulsimo.set_secret('token', 'another') AS token;
SELECT pulsimo.set_secret('bound', 'another') AS bound;
SELECT name, hosts FROM pulsimo.stored_secrets WHERE name IN ('token', 'bound');
SELECT pulsimo.remove_secret('token');
SELECT pulsimo.remove_secret('none');
SELECT pulsimo.remove_secret(NULL);
SELECT pulsimo.remove_secret($$x'; DROP TABLE pulsimo.secrets; --$$);
SELECT pulsimo.rotate_secret_key();
SELECT pulsimo.seal_credentials();
RESET ROLE;
COPY (SELECT unnest(ARRAY[repeat('a5', 32), '', '# the older one', repeat('5a', 32)])) TO PROGRAM 'cat >pulsimo.key';
SELECT pulsimo.rotate_secret_key() = (SELECT count(*) FROM pulsimo.secrets) AS all_of_them;
SELECT DISTINCT pulsimo.sealed_with(sealed) FROM pulsimo.secrets;
COPY (SELECT repeat('a5', 32)) TO PROGRAM 'cat >pulsimo.key';
SELECT pulsimo.rotate_secret_key() > 0 AS again;
COPY (SELECT repeat('5a', 32)) TO PROGRAM 'cat >pulsimo.key';
SELECT pulsimo.rotate_secret_key();
-- One that was moved, or is garbage, does not open.
COPY (SELECT repeat('a5', 32)) TO PROGRAM 'cat >pulsimo.key';
UPDATE pulsimo.secrets SET name = 'moved' WHERE name = 'bound';
SELECT pulsimo.rotate_secret_key();
UPDATE pulsimo.secrets SET sealed = 'garbage' WHERE name = 'moved';
SELECT pulsimo.rotate_secret_key();

-- Nobody else calls the inside.
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pulsimo TO regress_bob;
SET ROLE regress_bob;
SELECT pulsimo.seal('x', 'y');
SELECT pulsimo.reseal('x', 'y');
SELECT pulsimo.one_time_step('x', 'y', '123456', 0);
SELECT pulsimo.new_one_time_secret('x', 'y');
RESET ROLE;
-- No statement with a secret shows, and no row of the audit log.
SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%open sesame%' AND pid <> pg_backend_pid();
SELECT count(*) FROM pulsimo.audit_log a WHERE a::text ~ 'sesame|open rice|another';
DROP EXTENSION pulsimo;
DROP ROLE regress_ann, regress_mia, regress_bob, regress_ed;
