-- How people prove who they are when they have no database role: passwords, and the sessions they open.

-- Every password a user had lately, as libsodium writes an Argon2id hash; the newest one counts, the older ones are there
-- to be refused.
CREATE TABLE pulsimo.passwords (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES pulsimo.users (id) ON DELETE CASCADE,
    hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT passwords_hash_form
        CHECK (hash OPERATOR(pg_catalog.~) '^[$]argon2id[$]' AND pg_catalog.length(hash) OPERATOR(pg_catalog.<=) 127)
);
CREATE INDEX passwords_user_id_idx ON pulsimo.passwords (user_id, id);

-- Whoever shows the token acts as the user. Only its hash is kept. Not dumped: a session that was ended since must not come
-- back to life.
CREATE TABLE pulsimo.user_sessions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES pulsimo.users (id) ON DELETE CASCADE,
    token_hash bytea NOT NULL CONSTRAINT user_sessions_token_hash_key UNIQUE,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at timestamptz NOT NULL,
    client_address inet,
    application text
);
CREATE INDEX user_sessions_user_id_idx ON pulsimo.user_sessions (user_id);
CREATE INDEX user_sessions_expires_at_idx ON pulsimo.user_sessions (expires_at);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.passwords', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.passwords_id_seq', '');
