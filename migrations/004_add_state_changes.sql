-- The status of an endpoint over time, a row per change; the newest row is the current status.

CREATE TABLE pulsimo.state_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id bigint NOT NULL REFERENCES pulsimo.endpoints (id) ON DELETE CASCADE,
    changed_at timestamptz NOT NULL,
    status pulsimo.status NOT NULL,
    previous_status pulsimo.status NOT NULL,
    error_class pulsimo.error_class,
    detail text,
    recorded_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT state_changes_changed_at_finite CHECK (pg_catalog.isfinite(changed_at))
);
CREATE INDEX state_changes_endpoint_id_changed_at_idx ON pulsimo.state_changes (endpoint_id, changed_at, id);

-- The certificate that an https endpoint showed last; written when it changes.
CREATE TABLE pulsimo.certificates (
    endpoint_id bigint PRIMARY KEY REFERENCES pulsimo.endpoints (id) ON DELETE CASCADE,
    issuer text NOT NULL,
    expires_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.state_changes', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.state_changes_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.certificates', '');
