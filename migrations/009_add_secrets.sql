-- What has to be kept and must not be read: sealed with a key that lies outside of the database, so that a dump, a
-- backup or a look at the tables gives nobody a credential.

-- `sealed` opens only for its organization and name: a row that is copied elsewhere is worth nothing.
CREATE TABLE pulsimo.secrets (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES pulsimo.organizations (id) ON DELETE CASCADE,
    name text NOT NULL,
    hosts text[],
    sealed bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT secrets_organization_id_name_key UNIQUE (organization_id, name),
    CONSTRAINT secrets_name_form
        CHECK (name OPERATOR(pg_catalog.~) '[^[:space:]]' AND name OPERATOR(pg_catalog.!~) '[[:cntrl:]]'
               AND pg_catalog.octet_length(name) OPERATOR(pg_catalog.<=) 200),
    CONSTRAINT secrets_hosts_some CHECK (pg_catalog.cardinality(hosts) OPERATOR(pg_catalog.>) 0)
);

-- The second factor of somebody who signs in (RFC 6238). A password is good once: last_used_step remembers which.
CREATE TABLE pulsimo.one_time_passwords (
    user_id bigint PRIMARY KEY REFERENCES pulsimo.users (id) ON DELETE CASCADE,
    sealed bytea NOT NULL,
    confirmed boolean NOT NULL DEFAULT false,
    last_used_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE TABLE pulsimo.recovery_codes (
    user_id bigint NOT NULL REFERENCES pulsimo.users (id) ON DELETE CASCADE,
    code_hash bytea NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.secrets', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.secrets_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.one_time_passwords', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.recovery_codes', '');
