-- Windows in which trouble is expected, and what the history of status needs to tell of them.

-- What it is about: an endpoint, a project, all endpoints with a tag, or the whole organization. Without cron it is one
-- window from starts_at to ends_at; with it a window of this duration begins at every run between the two.
CREATE TABLE pulsimo.maintenance_windows (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id bigint NOT NULL REFERENCES pulsimo.organizations (id) ON DELETE CASCADE,
    project_id bigint REFERENCES pulsimo.projects (id) ON DELETE CASCADE,
    endpoint_id bigint REFERENCES pulsimo.endpoints (id) ON DELETE CASCADE,
    tag text CONSTRAINT maintenance_windows_tag_form
        CHECK (tag OPERATOR(pg_catalog.<>) '' AND pg_catalog.length(tag) OPERATOR(pg_catalog.<=) 100),
    title text NOT NULL CONSTRAINT maintenance_windows_title_form
        CHECK (title OPERATOR(pg_catalog.~) '[^[:space:]]' AND title OPERATOR(pg_catalog.!~) '[[:cntrl:]]'
               AND pg_catalog.length(title) OPERATOR(pg_catalog.<=) 200),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz,
    cron text CONSTRAINT maintenance_windows_cron_length
        CHECK (cron OPERATOR(pg_catalog.<>) '' AND pg_catalog.length(cron) OPERATOR(pg_catalog.<=) 200),
    timezone text,
    duration interval CONSTRAINT maintenance_windows_duration_range
        CHECK (pg_catalog.extract('epoch', duration) OPERATOR(pg_catalog.>=) 1
               AND pg_catalog.extract('epoch', duration) OPERATOR(pg_catalog.<=) 604800),
    created_by bigint REFERENCES pulsimo.users (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT maintenance_windows_one_target
        CHECK (pg_catalog.num_nonnulls(project_id, endpoint_id, tag) OPERATOR(pg_catalog.<=) 1),
    CONSTRAINT maintenance_windows_recurrence
        CHECK (pg_catalog.num_nonnulls(cron, timezone, duration) OPERATOR(pg_catalog.=) 3
               OR (pg_catalog.num_nonnulls(cron, timezone, duration) OPERATOR(pg_catalog.=) 0 AND ends_at IS NOT NULL)),
    CONSTRAINT maintenance_windows_times
        CHECK (pg_catalog.isfinite(starts_at) AND pg_catalog.isfinite(created_at)
               AND (ends_at IS NULL OR (pg_catalog.isfinite(ends_at) AND ends_at OPERATOR(pg_catalog.>=) starts_at)))
);
CREATE INDEX maintenance_windows_organization_id_idx ON pulsimo.maintenance_windows (organization_id, ends_at);
CREATE INDEX maintenance_windows_ends_at_idx ON pulsimo.maintenance_windows (ends_at);
CREATE INDEX maintenance_windows_project_id_idx ON pulsimo.maintenance_windows (project_id);
CREATE INDEX maintenance_windows_endpoint_id_idx ON pulsimo.maintenance_windows (endpoint_id);
CREATE INDEX maintenance_windows_created_by_idx ON pulsimo.maintenance_windows (created_by);

-- While its status is maintenance, an endpoint is up or down all the same: what it is underneath, and since when. That is
-- how a window that ends over an endpoint that is down finds the true start, also after a restart.
ALTER TABLE pulsimo.state_changes
    ADD COLUMN underlying pulsimo.status,
    ADD COLUMN underlying_since timestamptz,
    ADD COLUMN flapping boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT state_changes_underlying_in_maintenance
        CHECK ((underlying IS NULL OR status OPERATOR(pg_catalog.=) 'maintenance')
               AND (underlying IS NULL) OPERATOR(pg_catalog.=) (underlying_since IS NULL));

SELECT pg_catalog.pg_extension_config_dump('pulsimo.maintenance_windows', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.maintenance_windows_id_seq', '');
