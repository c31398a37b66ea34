-- Passwords and sessions: an application whose users share one database role.
SET client_min_messages = warning;
\set SHOW_CONTEXT never

DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
CREATE ROLE regress_pool LOGIN;
SELECT pulsimo.grant_access('regress_pool');
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
\set VERBOSITY terse

-- What a password must be. None of them is repeated in the error.
SELECT pulsimo.add_user('ann@a.example', 'Annabel', 1, 'member', 'short');
SELECT pulsimo.add_user('ann@a.example', 'Annabel', 1, 'member', 'aaaaaaaabbbbbbbb');
SELECT pulsimo.add_user('ann@a.example', 'Annabel', 1, 'member', 'I am ANNABEL and so on');
SELECT pulsimo.add_user('annie@a.example', 'Annabel', 1, 'member', 'my address is annie at a');
SELECT pulsimo.add_user('ann@a.example', 'Annabel', 1, 'member', repeat('long word ', 103));
SELECT count(*) FROM pulsimo.users;
SELECT pulsimo.add_user('ann@a.example', 'Annabel', 1, 'member', 'correct horse battery') AS ann_id,
       pulsimo.add_user('bob@b.example', 'Robert', 2, 'member', 'staple donkey engine') AS bob_id \gset
SELECT left(hash, 28) FROM pulsimo.passwords;

-- A token for the right password, and the same error for everything else.
SET ROLE regress_pool;
SELECT pulsimo.sign_in('ann@a.example', 'wrong horse battery');
SELECT pulsimo.sign_in('nobody@a.example', 'correct horse battery');
SELECT pulsimo.sign_in('ann@a.example', NULL);
SELECT pulsimo.sign_in(NULL, NULL);
SELECT pulsimo.sign_in('ANN@a.example', 'correct horse battery') AS ann, pulsimo.sign_in('bob@b.example', 'staple donkey engine') AS bob \gset
SELECT :'ann' ~ '^pus_[A-Za-z0-9_-]{43}$' AS form, pulsimo.current_user_id();

-- Two tenants one after the other on one connection: each transaction sees its own.
BEGIN;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT name FROM pulsimo.projects;
COMMIT;
SELECT name FROM pulsimo.projects;
BEGIN;
SELECT pulsimo.use_session(:'bob') = :bob_id AS bob;
SELECT name FROM pulsimo.projects;
ROLLBACK;
SELECT name FROM pulsimo.projects;
-- In one transaction the last one counts. A subtransaction that is rolled back takes its identity with it; what was
-- before does not come back, so it is the role that counts again.
BEGIN;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT pulsimo.use_session(:'bob') = :bob_id AS bob;
SELECT name FROM pulsimo.projects;
SAVEPOINT s;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT name FROM pulsimo.projects;
ROLLBACK TO s;
SELECT pulsimo.current_user_id();
COMMIT;
BEGIN;
SAVEPOINT s;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
RELEASE s;
SELECT name FROM pulsimo.projects;
COMMIT;
-- A prepared statement and a cursor, planned as one and run as the other.
PREPARE mine AS SELECT name FROM pulsimo.projects;
BEGIN;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
EXECUTE mine;
DECLARE held CURSOR WITH HOLD FOR SELECT name FROM pulsimo.projects;
COMMIT;
BEGIN;
SELECT pulsimo.use_session(:'bob') = :bob_id AS bob;
EXECUTE mine;
COMMIT;
EXECUTE mine;
-- What a cursor WITH HOLD keeps was read before the commit; DISCARD ALL, which a pool sends, takes it away.
FETCH ALL FROM held;
CLOSE held;
DEALLOCATE mine;
-- No setting and no function makes one somebody.
SET pulsimo.user_id = '1';
SELECT pulsimo.act_for(:ann_id);
RESET ROLE;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pulsimo TO regress_pool;
SET ROLE regress_pool;
SELECT pulsimo.act_for(:ann_id);
SELECT pulsimo.is_sign_in_locked('ann@a.example');
SELECT pulsimo.note_sign_in('ann@a.example', true);
SELECT pulsimo.store_password(:ann_id, 'another horse battery');
SELECT pulsimo.check_password('ann@a.example', 'x');
SELECT pulsimo.set_password(:ann_id, 'another horse battery');
SELECT count(*) FROM pulsimo.passwords;
SELECT token_hash FROM pulsimo.user_sessions;

-- Bad tokens.
SELECT pulsimo.use_session('pus_guess');
SELECT pulsimo.use_session(NULL);
SELECT pulsimo.use_session(:'ann' || ' ');
SELECT pulsimo.sign_out('pus_guess');

-- One's own sessions, and ending them.
BEGIN;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT user_id = :ann_id AS mine, expires_at - created_at > '23 h' AS day, application FROM pulsimo.sessions;
SELECT pulsimo.revoke_session(99);
ROLLBACK;
RESET ROLE;
SELECT id AS bobs FROM pulsimo.sessions WHERE user_id = :bob_id \gset
SET ROLE regress_pool;
BEGIN;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT pulsimo.revoke_session(:bobs);
ROLLBACK;
BEGIN;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT pulsimo.revoke_sessions(:bob_id);
ROLLBACK;
SELECT pulsimo.sign_out(:'bob');
SELECT pulsimo.use_session(:'bob') = :bob_id AS bob;

-- An expired one is none.
RESET ROLE;
UPDATE pulsimo.user_sessions SET expires_at = now();
SET ROLE regress_pool;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;

-- Changing the password ends all sessions; the last five are refused.
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery') AS ann \gset
SELECT pulsimo.change_password('correct horse battery', 'new horse battery');
BEGIN;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT pulsimo.change_password('wrong horse battery', 'new horse battery');
ROLLBACK;
BEGIN;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT pulsimo.change_password('correct horse battery', 'correct horse battery');
ROLLBACK;
BEGIN;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT pulsimo.change_password('correct horse battery', 'new horse battery');
COMMIT;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery');

-- Disabling an account ends them too.
SELECT pulsimo.sign_in('ann@a.example', 'new horse battery') AS ann \gset
RESET ROLE;
SELECT pulsimo.disable_user(:ann_id);
SELECT count(*) FROM pulsimo.user_sessions;
SET ROLE regress_pool;
SELECT pulsimo.use_session(:'ann') = :ann_id AS ann;
SELECT pulsimo.sign_in('ann@a.example', 'new horse battery');
RESET ROLE;
SELECT pulsimo.enable_user(:ann_id);

-- Invitations. The token is good once, and of whoever has an account it needs the password too.
SELECT pulsimo.invite_user('ida@a.example', 1, 'viewer') AS ida, pulsimo.invite_user('bob@b.example', 1, 'viewer') AS bob \gset
SET ROLE regress_pool;
SELECT pulsimo.accept_invitation('pui_guess', 'Ida', 'yellow submarine');
SELECT pulsimo.accept_invitation(:'ida');
SELECT pulsimo.accept_invitation(:'ida', 'Ida', 'short');
SELECT pulsimo.accept_invitation(:'ida', 'Ida May', 'yellow submarine') > 0 AS accepted;
SELECT pulsimo.accept_invitation(:'ida', 'Ida May', 'yellow submarine');
SELECT pulsimo.accept_invitation(:'bob', 'Mallory', 'whatever I like');
SELECT pulsimo.accept_invitation(:'bob', NULL, 'staple donkey engine') = :bob_id AS bob;
RESET ROLE;
SELECT organization, email, name, role, status FROM pulsimo.organization_members;

-- Five failed attempts lock, rolled back or not, and the right password as well; whether there is such a user or not.
SET ROLE regress_pool;
CREATE FUNCTION pg_temp.attempt(email text, password text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pulsimo.sign_in(email, password);
    RETURN 'signed in';
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT pg_temp.attempt('ida@a.example', 'yellow submarine');
SELECT n, pg_temp.attempt('ida@a.example', 'guess ' || n) FROM generate_series(1, 6) n;
SELECT pg_temp.attempt('IDA@a.example', 'yellow submarine');
SELECT n, pg_temp.attempt('ghost@a.example', 'guess ' || n) FROM generate_series(1, 6) n;
SELECT pg_temp.attempt('bob@b.example', 'staple donkey engine');
RESET ROLE;
-- An invitation is good as long as whoever invited may still do so; and it can be taken back.
SELECT pulsimo.add_user('olga@a.example', 'Olga', 1, 'owner', 'purple elephant') AS olga_id \gset
SET ROLE regress_pool;
SELECT pulsimo.sign_in('olga@a.example', 'purple elephant') AS olga \gset
BEGIN;
SELECT pulsimo.use_session(:'olga') = :olga_id AS olga;
SELECT pulsimo.invite_user('eve@a.example', 1, 'owner') AS eve, pulsimo.invite_user('max@a.example', 1, 'owner') AS max \gset
SELECT pulsimo.revoke_invitation('MAX@a.example', 1);
COMMIT;
RESET ROLE;
SELECT pulsimo.revoke_invitation('max@a.example', 1);
SELECT email, invited_by = :olga_id AS by_olga FROM pulsimo.invitations;
UPDATE pulsimo.memberships SET role = 'admin' WHERE user_id = :olga_id;
SET ROLE regress_pool;
SELECT pulsimo.accept_invitation(:'eve', 'Eve', 'crimson tortoise');
SELECT pulsimo.accept_invitation(:'max', 'Max', 'crimson tortoise');
RESET ROLE;
UPDATE pulsimo.memberships SET role = 'owner' WHERE user_id = :olga_id;
SET ROLE regress_pool;
SELECT pulsimo.accept_invitation(:'eve', 'Eve', 'crimson tortoise') > 0 AS accepted;

-- Disabling ends what is under way, too.
BEGIN;
SELECT pulsimo.use_session(:'olga') = :olga_id AS olga;
SELECT count(*) FROM pulsimo.projects;
RESET ROLE;
UPDATE pulsimo.users SET status = 'disabled' WHERE id = :olga_id;
SET ROLE regress_pool;
SELECT count(*) FROM pulsimo.projects;
ROLLBACK;
RESET ROLE;
UPDATE pulsimo.user_sessions SET expires_at = now() - interval '1 s';
UPDATE pulsimo.invitations SET expires_at = now() - interval '1 s';
SELECT pulsimo.forget_expired();
SELECT count(*) FROM pulsimo.user_sessions;
SELECT count(*) FROM pulsimo.invitations;

-- A statement with a secret in it is not to be seen.
BEGIN;
SELECT 1 AS "a secret", (SELECT 'x' FROM pulsimo.hide_statement()) AS x,
       (SELECT query FROM pg_stat_get_activity(pg_backend_pid())) AS shown;
COMMIT;

DROP FUNCTION pg_temp.attempt;
DROP EXTENSION pulsimo;
DROP ROLE regress_pool;
