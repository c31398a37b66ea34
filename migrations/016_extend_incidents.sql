-- What people do with incidents: numbers, priorities, assignment, notes, links, and what is learned afterwards.

CREATE TYPE pulsimo.note_category AS ENUM ('finding', 'attempted_fix', 'root_cause', 'workaround', 'fix', 'follow_up');
CREATE TYPE pulsimo.incident_link AS ENUM ('duplicate_of', 'caused_by', 'blocks', 'parent_of');
CREATE TYPE pulsimo.root_cause_category AS ENUM ('infrastructure', 'application', 'human_error', 'external');

-- A new type instead of new values of the old one: before version 17 of the server those could not be used in the transaction
-- that adds them, as by a restore in a single one.
ALTER TYPE pulsimo.incident_event RENAME TO incident_event_of_before;
CREATE TYPE pulsimo.incident_event AS ENUM (
    'created', 'notified', 'acknowledged', 'investigating', 'assigned', 'unassigned', 'note_added', 'note_edited',
    'note_removed', 'severity_changed', 'priority_changed', 'muted', 'unmuted', 'linked', 'unlinked', 'endpoints_changed',
    'failing_checks', 'flapping', 'calm', 'resolved', 'reopened', 'action_item_added', 'action_item_completed',
    'postmortem_written');
ALTER TABLE pulsimo.incident_events
    ALTER COLUMN event TYPE pulsimo.incident_event USING event::pg_catalog.text::pulsimo.incident_event;
DROP TYPE pulsimo.incident_event_of_before;

-- Numbers are counted per organization, in lanes: whoever needs one takes the free lane with the lowest number, so that
-- nobody waits for the transaction of somebody else, and numbers come in order while there is only one at a time.
CREATE TABLE pulsimo.incident_numbers (
    organization_id bigint NOT NULL REFERENCES pulsimo.organizations (id) ON DELETE CASCADE,
    lane integer NOT NULL CONSTRAINT incident_numbers_lane_range
        CHECK (lane OPERATOR(pg_catalog.>=) 0 AND lane OPERATOR(pg_catalog.<=) 15),
    next_number bigint NOT NULL,
    PRIMARY KEY (organization_id, lane)
);

-- endpoint_id is that of an automatic incident; incidents of people name theirs in incident_endpoints.
ALTER TABLE pulsimo.incidents
    ADD COLUMN number text,
    ADD COLUMN priority pulsimo.priority,
    ADD COLUMN muted_until timestamptz,
    ADD COLUMN acknowledged_at timestamptz,
    ADD COLUMN acknowledged_by bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL,
    ADD COLUMN opened_by bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL,
    ADD COLUMN resolved_by bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL,
    ADD COLUMN automatic boolean NOT NULL DEFAULT true,
    ADD COLUMN reopened integer NOT NULL DEFAULT 0,
    ADD CONSTRAINT incidents_number_key UNIQUE (organization_id, number);
CREATE INDEX incidents_acknowledged_by_idx ON pulsimo.incidents (acknowledged_by);
CREATE INDEX incidents_opened_by_idx ON pulsimo.incidents (opened_by);
CREATE INDEX incidents_resolved_by_idx ON pulsimo.incidents (resolved_by);
CREATE INDEX incidents_organization_id_started_at_idx ON pulsimo.incidents (organization_id, started_at);
CREATE INDEX incidents_organization_id_resolved_at_idx ON pulsimo.incidents (organization_id, resolved_at);

UPDATE pulsimo.incidents i SET number = 'INC-' OPERATOR(pg_catalog.||) n.year OPERATOR(pg_catalog.||) '-'
        OPERATOR(pg_catalog.||) pg_catalog.lpad(n.place::pg_catalog.text,
            greatest(6, pg_catalog.length(n.place::pg_catalog.text)), '0')
    FROM (
        SELECT o.id, pg_catalog.to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY') AS year,
               pg_catalog.row_number() OVER (PARTITION BY o.organization_id ORDER BY o.created_at, o.id) AS place
        FROM pulsimo.incidents o WHERE o.organization_id IS NOT NULL
    ) n
    WHERE n.id OPERATOR(pg_catalog.=) i.id;
INSERT INTO pulsimo.incident_numbers (organization_id, lane, next_number)
    SELECT o.id, l.lane, 1 OPERATOR(pg_catalog.+) l.lane OPERATOR(pg_catalog.+)
           16 OPERATOR(pg_catalog.*) pg_catalog.ceil(
               (SELECT pg_catalog.count(i.id) FROM pulsimo.incidents i WHERE i.organization_id OPERATOR(pg_catalog.=) o.id)
               OPERATOR(pg_catalog./) 16.0)::pg_catalog.int8
    FROM pulsimo.organizations o CROSS JOIN (SELECT pg_catalog.generate_series(0, 15) AS lane) l;

ALTER TABLE pulsimo.incident_events
    ADD COLUMN user_id bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL,
    ADD COLUMN data jsonb;
CREATE INDEX incident_events_user_id_idx ON pulsimo.incident_events (user_id);

ALTER TABLE pulsimo.outbox DROP CONSTRAINT outbox_topic_known;
ALTER TABLE pulsimo.outbox ADD CONSTRAINT outbox_topic_known
    CHECK (topic OPERATOR(pg_catalog.=) 'incident_opened' OR topic OPERATOR(pg_catalog.=) 'incident_resolved'
           OR topic OPERATOR(pg_catalog.=) 'incident_reopened' OR topic OPERATOR(pg_catalog.=) 'incident_acknowledged');

CREATE TABLE pulsimo.incident_endpoints (
    incident_id bigint NOT NULL REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    endpoint_id bigint NOT NULL REFERENCES pulsimo.endpoints (id) ON DELETE CASCADE,
    PRIMARY KEY (incident_id, endpoint_id)
);
CREATE INDEX incident_endpoints_endpoint_id_idx ON pulsimo.incident_endpoints (endpoint_id);

CREATE TABLE pulsimo.incident_assignees (
    incident_id bigint NOT NULL REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    user_id bigint NOT NULL REFERENCES pulsimo.users (id) ON DELETE CASCADE,
    assigned_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (incident_id, user_id)
);
CREATE INDEX incident_assignees_user_id_idx ON pulsimo.incident_assignees (user_id);

CREATE TABLE pulsimo.incident_notes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    author_id bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL,
    category pulsimo.note_category NOT NULL DEFAULT 'finding',
    body text NOT NULL CONSTRAINT incident_notes_body_length
        CHECK (body OPERATOR(pg_catalog.~) '[^[:space:]]' AND pg_catalog.octet_length(body) OPERATOR(pg_catalog.<=) 65536),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    edited_at timestamptz
);
CREATE INDEX incident_notes_incident_id_idx ON pulsimo.incident_notes (incident_id, id);
CREATE INDEX incident_notes_author_id_idx ON pulsimo.incident_notes (author_id);

CREATE TABLE pulsimo.incident_links (
    incident_id bigint NOT NULL REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    link pulsimo.incident_link NOT NULL,
    other_id bigint NOT NULL REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (incident_id, link, other_id),
    CONSTRAINT incident_links_not_to_itself CHECK (incident_id OPERATOR(pg_catalog.<>) other_id)
);
CREATE INDEX incident_links_other_id_idx ON pulsimo.incident_links (other_id);

-- What the probe saw: the response of a failing check, without secrets.
CREATE TABLE pulsimo.incident_excerpts (
    incident_id bigint PRIMARY KEY REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    checked_at timestamptz NOT NULL,
    excerpt jsonb NOT NULL
);

CREATE TABLE pulsimo.postmortems (
    incident_id bigint PRIMARY KEY REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    summary text,
    root_cause_category pulsimo.root_cause_category,
    root_cause text,
    lessons text,
    updated_by bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL,
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT postmortems_length
        CHECK (pg_catalog.octet_length(pg_catalog.concat(summary, root_cause, lessons)) OPERATOR(pg_catalog.<=) 262144)
);
CREATE INDEX postmortems_updated_by_idx ON pulsimo.postmortems (updated_by);

CREATE TABLE pulsimo.action_items (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident_id bigint NOT NULL REFERENCES pulsimo.incidents (id) ON DELETE CASCADE,
    title text NOT NULL CONSTRAINT action_items_title_form
        CHECK (title OPERATOR(pg_catalog.~) '[^[:space:]]' AND title OPERATOR(pg_catalog.!~) '[[:cntrl:]]'
               AND pg_catalog.length(title) OPERATOR(pg_catalog.<=) 500),
    owner_id bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL,
    due_on date,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    completed_at timestamptz,
    completed_by bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL
);
CREATE INDEX action_items_incident_id_idx ON pulsimo.action_items (incident_id);
CREATE INDEX action_items_owner_id_idx ON pulsimo.action_items (owner_id);
CREATE INDEX action_items_completed_by_idx ON pulsimo.action_items (completed_by);

-- A marker that something was rolled out; without a project it concerns the whole organization.
CREATE TABLE pulsimo.deployments (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES pulsimo.organizations (id) ON DELETE CASCADE,
    project_id bigint REFERENCES pulsimo.projects (id) ON DELETE CASCADE,
    service text NOT NULL CONSTRAINT deployments_service_form
        CHECK (service OPERATOR(pg_catalog.~) '[^[:space:]]' AND service OPERATOR(pg_catalog.!~) '[[:cntrl:]]'
               AND pg_catalog.length(service) OPERATOR(pg_catalog.<=) 200),
    version text CONSTRAINT deployments_version_form
        CHECK (version OPERATOR(pg_catalog.!~) '[[:cntrl:]]' AND pg_catalog.length(version) OPERATOR(pg_catalog.<=) 200),
    deployed_at timestamptz NOT NULL CONSTRAINT deployments_deployed_at_finite CHECK (pg_catalog.isfinite(deployed_at)),
    recorded_by bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL
);
CREATE INDEX deployments_organization_id_idx ON pulsimo.deployments (organization_id, deployed_at);
CREATE INDEX deployments_project_id_idx ON pulsimo.deployments (project_id, deployed_at);
CREATE INDEX deployments_recorded_by_idx ON pulsimo.deployments (recorded_by);

-- How soon an organization means to react, for each severity.
CREATE TABLE pulsimo.response_goals (
    organization_id bigint NOT NULL REFERENCES pulsimo.organizations (id) ON DELETE CASCADE,
    severity pulsimo.severity NOT NULL,
    acknowledge_within interval CONSTRAINT response_goals_acknowledge_within_positive
        CHECK (pg_catalog.extract('epoch', acknowledge_within) OPERATOR(pg_catalog.>) 0),
    resolve_within interval CONSTRAINT response_goals_resolve_within_positive
        CHECK (pg_catalog.extract('epoch', resolve_within) OPERATOR(pg_catalog.>) 0),
    PRIMARY KEY (organization_id, severity)
);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.incident_numbers', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.incident_endpoints', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.incident_assignees', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.incident_notes', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.incident_notes_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.incident_links', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.incident_excerpts', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.postmortems', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.action_items', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.action_items_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.deployments', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.deployments_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.response_goals', '');
