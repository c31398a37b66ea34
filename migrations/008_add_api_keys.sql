-- API keys: what a program shows instead of a person's password. Only the hash of a key is kept.

CREATE TABLE pulsimo.api_keys (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES pulsimo.users (id) ON DELETE CASCADE,
    name text NOT NULL,
    scopes text[] NOT NULL,
    key_hash bytea NOT NULL CONSTRAINT api_keys_key_hash_key UNIQUE,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    CONSTRAINT api_keys_user_id_name_key UNIQUE (user_id, name),
    CONSTRAINT api_keys_name_form
        CHECK (name OPERATOR(pg_catalog.~) '[^[:space:]]' AND name OPERATOR(pg_catalog.!~) '[[:cntrl:]]'
               AND pg_catalog.length(name) OPERATOR(pg_catalog.<=) 200),
    CONSTRAINT api_keys_scopes_some CHECK (pg_catalog.cardinality(scopes) OPERATOR(pg_catalog.>) 0)
);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.api_keys', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.api_keys_id_seq', '');
