-- The second factor: what is refused, and what is kept. That the right codes work is tested in test/tap/013_sign_in.pl, the
-- arithmetic with the vectors of the RFCs in test/unit/one_time_password_test.cpp.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
SELECT pulsimo.stop();
COPY (SELECT repeat('5a', 32)) TO PROGRAM 'umask 077; cat >pulsimo.key';
CREATE ROLE regress_pool LOGIN;
SELECT pulsimo.grant_access('regress_pool');
SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
SELECT pulsimo.add_user('ann@a.example', 'Ann', 1, 'owner', 'correct horse battery');
SELECT pulsimo.add_user('bob@a.example', 'Bob', 1, 'member', 'staple donkey engine');

-- Only for oneself, with the password.
SET ROLE regress_pool;
SELECT pulsimo.begin_one_time_passwords('correct horse battery');
SELECT pulsimo.confirm_one_time_passwords('123456');
SELECT pulsimo.end_one_time_passwords('correct horse battery');
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery') AS ann, pulsimo.sign_in('bob@a.example', 'staple donkey engine') AS bob \gset
BEGIN;
SELECT pulsimo.use_session(:'ann');
SAVEPOINT s;
SELECT pulsimo.confirm_one_time_passwords('123456');
ROLLBACK TO s;
SELECT pulsimo.use_session(:'ann');
SAVEPOINT s;
SELECT pulsimo.begin_one_time_passwords('wrong horse battery');
ROLLBACK TO s;
SELECT pulsimo.use_session(:'ann');
SAVEPOINT s;
SELECT pulsimo.begin_one_time_passwords(NULL);
ROLLBACK TO s;
SELECT pulsimo.use_session(:'ann');
SELECT pulsimo.end_one_time_passwords('correct horse battery');  -- of which there are none
SELECT pulsimo.begin_one_time_passwords('correct horse battery') AS first \gset
SELECT pulsimo.begin_one_time_passwords('correct horse battery') AS second \gset
SELECT :'second' ~ '^otpauth://totp/Pulsimo:ann%40a\.example\?secret=[A-Z2-7]{32}&issuer=Pulsimo$' AS form, :'first' <> :'second' AS another;
COMMIT;

-- Before it is confirmed it is not asked for.
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery') ~ '^pus_' AS without, pulsimo.sign_in('ann@a.example', 'correct horse battery', NULL) ~ '^pus_' AS with_null,
       pulsimo.sign_in('ann@a.example', 'correct horse battery', 'whatever') ~ '^pus_' AS with_any;
-- A wrong one counts, by itself: the right password in between changes nothing.
CREATE FUNCTION pg_temp.confirm(token text, code text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pulsimo.use_session(token);
    PERFORM pulsimo.confirm_one_time_passwords(code);
    RETURN 'confirmed';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
-- Whoever signs in as something else cannot use up the attempts.
CREATE FUNCTION pg_temp.sign_in_as(who text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN pulsimo.sign_in(who, 'whatever it is');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $$;
SELECT pg_temp.sign_in_as('One-time password of user 1') FROM generate_series(1, 6);
SELECT pg_temp.confirm(:'ann', NULL);
SELECT n, pg_temp.confirm(:'ann', 'not digits ' || n), pulsimo.sign_in('ann@a.example', 'correct horse battery') ~ '^pus_' AS signed_in
FROM generate_series(1, 6) n;
SELECT pg_temp.confirm(:'bob', '123456');

-- What is kept: nothing that could be read.
SELECT * FROM pulsimo.one_time_passwords;
SELECT * FROM pulsimo.recovery_codes;
RESET ROLE;
SELECT user_id, octet_length(sealed), confirmed, last_used_step FROM pulsimo.one_time_passwords;
-- In force, a code is needed, also to accept an invitation; a recovery code is good once, and needs no key.
UPDATE pulsimo.one_time_passwords SET confirmed = true;
INSERT INTO pulsimo.recovery_codes (user_id, code_hash) VALUES (1, sha256('first')), (1, sha256('second')), (2, sha256('of Bob'));
SELECT pulsimo.invite_user('ann@a.example', 2) AS invitation \gset
COPY (SELECT 1) TO PROGRAM 'rm pulsimo.key';
SET ROLE regress_pool;
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery');
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery', NULL);
SELECT pulsimo.sign_in('ann@a.example', 'wrong horse battery', 'first');
SELECT pulsimo.accept_invitation(:'invitation', 'Ann', 'correct horse battery');
-- Locked since above; the time of a test is not that long.
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery', 'first');
SELECT pulsimo.sign_in('bob@a.example', 'staple donkey engine', 'of Bob') ~ '^pus_' AS has_none;
RESET ROLE;
ALTER SYSTEM SET pulsimo.sign_in_attempts = 10;
SELECT pg_reload_conf();
\c -
SET client_min_messages = warning;
\set SHOW_CONTEXT never
SET ROLE regress_pool;
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery', 'of Bob');
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery', 'first') ~ '^pus_' AS with_recovery_code;
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery', 'first');
BEGIN;
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery', 'second') ~ '^pus_' AS with_the_other;
SELECT pulsimo.accept_invitation(:'invitation');
ROLLBACK;
-- Ending it takes password and code; the operator needs neither.
SELECT pulsimo.end_one_time_passwords(user_id => 1);
BEGIN;
SELECT pulsimo.use_session(:'ann');
SELECT pulsimo.end_one_time_passwords('correct horse battery');
ROLLBACK;
BEGIN;
SELECT pulsimo.use_session(:'ann');
SELECT pulsimo.end_one_time_passwords('correct horse battery', 'second');
SELECT pulsimo.sign_in('ann@a.example', 'correct horse battery') ~ '^pus_' AS without;
ROLLBACK;
RESET ROLE;
SELECT pulsimo.end_one_time_passwords(user_id => 1);
SELECT count(*) FROM pulsimo.recovery_codes WHERE user_id = 1;
SELECT action, object_type, account_id FROM pulsimo.audit_log WHERE object_type IN ('one_time_passwords', 'recovery_codes') ORDER BY id;
ALTER SYSTEM RESET pulsimo.sign_in_attempts;
SELECT pg_reload_conf();
DROP EXTENSION pulsimo;
DROP ROLE regress_pool;
