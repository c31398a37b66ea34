-- Who did what. Rows refer to what may be gone by now, hence no foreign keys. No primary key either: should a restore
-- write rows of its own while it loads those of the dump, they must not be in each other's way.

CREATE TABLE pulsimo.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY,
    happened_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    organization_id bigint,
    user_id bigint,
    account_id bigint,
    database_role name,
    api_key_id bigint,
    client_address inet,
    application text,
    action text NOT NULL,
    object_type text,
    object_id bigint,
    before jsonb,
    after jsonb,
    result text NOT NULL DEFAULT 'done' CONSTRAINT audit_log_result_known
        CHECK (result OPERATOR(pg_catalog.=) 'done' OR result OPERATOR(pg_catalog.=) 'denied'
               OR result OPERATOR(pg_catalog.=) 'failed' OR result OPERATOR(pg_catalog.=) 'locked'
               OR result OPERATOR(pg_catalog.=) 'lost'),
    detail text,
    times bigint NOT NULL DEFAULT 1
);
CREATE INDEX audit_log_happened_at_idx ON pulsimo.audit_log (happened_at);
CREATE INDEX audit_log_organization_id_happened_at_idx ON pulsimo.audit_log (organization_id, happened_at);
CREATE INDEX audit_log_user_id_happened_at_idx ON pulsimo.audit_log (user_id, happened_at);
CREATE INDEX audit_log_account_id_happened_at_idx ON pulsimo.audit_log (account_id, happened_at);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.audit_log', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.audit_log_id_seq', '');
