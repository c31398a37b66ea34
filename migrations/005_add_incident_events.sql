-- What happened to an incident, and what the world was told about it.

CREATE TYPE pulsimo.incident_event AS ENUM (
    'created', 'notified', 'acknowledged', 'investigating', 'assigned', 'note_added', 'severity_changed', 'muted',
    'linked', 'resolved', 'reopened');

-- The timeline. Append-only.
CREATE TABLE pulsimo.incident_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    event pulsimo.incident_event NOT NULL,
    happened_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    detail text
);
CREATE INDEX incident_events_incident_id_idx ON pulsimo.incident_events (incident_id, id);

-- Outgoing messages, written in the transaction that caused them. NOTIFY pulsimo carries the ids of new rows; a
-- listener that was away reads on from the last id it has seen.
CREATE TABLE pulsimo.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    topic text NOT NULL CONSTRAINT outbox_topic_known
        CHECK (topic OPERATOR(pg_catalog.=) 'incident_opened' OR topic OPERATOR(pg_catalog.=) 'incident_resolved'),
    incident_id bigint REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    payload jsonb NOT NULL
);
CREATE INDEX outbox_created_at_idx ON pulsimo.outbox (created_at);
CREATE INDEX outbox_incident_id_idx ON pulsimo.outbox (incident_id);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.incident_events', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.incident_events_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.outbox', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.outbox_id_seq', '');
