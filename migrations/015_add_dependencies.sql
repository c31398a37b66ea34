-- What needs what, and which failures were put down to something else.

CREATE TYPE pulsimo.dependency_kind AS ENUM ('strong', 'weak', 'monitoring');
CREATE TYPE pulsimo.dependency_role AS ENUM ('primary', 'cache', 'search', 'fallback', 'optional');

-- An edge from what needs to what is needed. That there is no cycle is the business of a trigger.
CREATE TABLE pulsimo.dependencies (
    endpoint_id bigint NOT NULL REFERENCES pulsimo.endpoints (id) ON DELETE CASCADE,
    depends_on bigint NOT NULL REFERENCES pulsimo.endpoints (id) ON DELETE CASCADE,
    kind pulsimo.dependency_kind NOT NULL DEFAULT 'strong',
    role pulsimo.dependency_role NOT NULL DEFAULT 'primary',
    criticality pulsimo.severity NOT NULL DEFAULT 'high',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (endpoint_id, depends_on),
    CONSTRAINT dependencies_not_on_itself CHECK (endpoint_id OPERATOR(pg_catalog.<>) depends_on)
);
CREATE INDEX dependencies_depends_on_idx ON pulsimo.dependencies (depends_on);

-- An endpoint that was down without an incident of its own, because what it needs was down.
CREATE TABLE pulsimo.suppressions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id bigint NOT NULL REFERENCES pulsimo.endpoints (id) ON DELETE CASCADE,
    cause_endpoint_id bigint REFERENCES pulsimo.endpoints (id) ON DELETE SET NULL,
    cause_incident_id bigint REFERENCES pulsimo.incidents (id) ON DELETE SET NULL,
    began_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT suppressions_times CHECK (ended_at OPERATOR(pg_catalog.>=) began_at)
);
CREATE UNIQUE INDEX suppressions_one_open_per_endpoint ON pulsimo.suppressions (endpoint_id) WHERE ended_at IS NULL;
CREATE INDEX suppressions_endpoint_id_idx ON pulsimo.suppressions (endpoint_id, began_at);
CREATE INDEX suppressions_cause_endpoint_id_idx ON pulsimo.suppressions (cause_endpoint_id, began_at);
CREATE INDEX suppressions_cause_incident_id_idx ON pulsimo.suppressions (cause_incident_id);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.dependencies', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.suppressions', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.suppressions_id_seq', '');
