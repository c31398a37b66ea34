-- When endpoints are checked, and what becomes of the results: cron schedules, tags, and a health policy whose values are
-- inherited from the project and the organization. NULL inherits; what nobody sets has a default, see effective_policy().
-- Endpoints of before go on with the thresholds that they have.

CREATE TYPE pulsimo.priority AS ENUM ('high', 'medium', 'low');

-- With cron, check_interval is the shortest distance between two runs: a trigger fills it in.
ALTER TABLE pulsimo.endpoints
    ADD COLUMN cron text CONSTRAINT endpoints_cron_length
        CHECK (cron OPERATOR(pg_catalog.<>) '' AND pg_catalog.length(cron) OPERATOR(pg_catalog.<=) 200),
    ADD COLUMN timezone text,
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD COLUMN criticality pulsimo.severity,
    ADD COLUMN failure_window integer,
    ADD COLUMN flap_start integer,
    ADD COLUMN flap_stop integer,
    ADD COLUMN auto_resolve boolean,
    ADD COLUMN reference_endpoints bigint[],
    ADD CONSTRAINT endpoints_timezone_with_cron
        CHECK ((cron IS NULL) OPERATOR(pg_catalog.=) (timezone IS NULL)),
    ADD CONSTRAINT endpoints_tags_number
        CHECK (pg_catalog.cardinality(tags) OPERATOR(pg_catalog.<=) 20
               AND pg_catalog.array_position(tags, NULL) IS NULL
               AND pg_catalog.octet_length(tags::pg_catalog.text) OPERATOR(pg_catalog.<=) 4000),
    ADD CONSTRAINT endpoints_failure_window_range
        CHECK (failure_window OPERATOR(pg_catalog.>=) 1 AND failure_window OPERATOR(pg_catalog.<=) 20),
    ADD CONSTRAINT endpoints_flap_start_range
        CHECK (flap_start OPERATOR(pg_catalog.>=) 0 AND flap_start OPERATOR(pg_catalog.<=) 100),
    ADD CONSTRAINT endpoints_flap_stop_range
        CHECK (flap_stop OPERATOR(pg_catalog.>=) 0 AND flap_stop OPERATOR(pg_catalog.<=) 100),
    ADD CONSTRAINT endpoints_reference_endpoints_number
        CHECK (pg_catalog.cardinality(reference_endpoints) OPERATOR(pg_catalog.<=) 10
               AND pg_catalog.array_position(reference_endpoints, NULL) IS NULL),
    ALTER COLUMN failure_threshold DROP NOT NULL,
    ALTER COLUMN failure_threshold DROP DEFAULT,
    ALTER COLUMN success_threshold DROP NOT NULL,
    ALTER COLUMN success_threshold DROP DEFAULT;
CREATE INDEX endpoints_tags_idx ON pulsimo.endpoints USING gin (tags);

ALTER TABLE pulsimo.projects
    ADD COLUMN failure_threshold integer CONSTRAINT projects_failure_threshold_range
        CHECK (failure_threshold OPERATOR(pg_catalog.>=) 1 AND failure_threshold OPERATOR(pg_catalog.<=) 10),
    ADD COLUMN failure_window integer CONSTRAINT projects_failure_window_range
        CHECK (failure_window OPERATOR(pg_catalog.>=) 1 AND failure_window OPERATOR(pg_catalog.<=) 20),
    ADD COLUMN success_threshold integer CONSTRAINT projects_success_threshold_range
        CHECK (success_threshold OPERATOR(pg_catalog.>=) 1 AND success_threshold OPERATOR(pg_catalog.<=) 10),
    ADD COLUMN retry_interval interval CONSTRAINT projects_retry_interval_range
        CHECK (pg_catalog.extract('epoch', retry_interval) OPERATOR(pg_catalog.>=) 1
               AND pg_catalog.extract('epoch', retry_interval) OPERATOR(pg_catalog.<=) 86400),
    ADD COLUMN degraded_after interval CONSTRAINT projects_degraded_after_range
        CHECK (pg_catalog.extract('epoch', degraded_after) OPERATOR(pg_catalog.>) 0
               AND pg_catalog.extract('epoch', degraded_after) OPERATOR(pg_catalog.<=) 1800),
    ADD COLUMN flap_start integer CONSTRAINT projects_flap_start_range
        CHECK (flap_start OPERATOR(pg_catalog.>=) 0 AND flap_start OPERATOR(pg_catalog.<=) 100),
    ADD COLUMN flap_stop integer CONSTRAINT projects_flap_stop_range
        CHECK (flap_stop OPERATOR(pg_catalog.>=) 0 AND flap_stop OPERATOR(pg_catalog.<=) 100),
    ADD COLUMN auto_resolve boolean,
    ADD COLUMN reference_endpoints bigint[] CONSTRAINT projects_reference_endpoints_number
        CHECK (pg_catalog.cardinality(reference_endpoints) OPERATOR(pg_catalog.<=) 10
               AND pg_catalog.array_position(reference_endpoints, NULL) IS NULL);

ALTER TABLE pulsimo.organizations
    ADD COLUMN failure_threshold integer CONSTRAINT organizations_failure_threshold_range
        CHECK (failure_threshold OPERATOR(pg_catalog.>=) 1 AND failure_threshold OPERATOR(pg_catalog.<=) 10),
    ADD COLUMN failure_window integer CONSTRAINT organizations_failure_window_range
        CHECK (failure_window OPERATOR(pg_catalog.>=) 1 AND failure_window OPERATOR(pg_catalog.<=) 20),
    ADD COLUMN success_threshold integer CONSTRAINT organizations_success_threshold_range
        CHECK (success_threshold OPERATOR(pg_catalog.>=) 1 AND success_threshold OPERATOR(pg_catalog.<=) 10),
    ADD COLUMN retry_interval interval CONSTRAINT organizations_retry_interval_range
        CHECK (pg_catalog.extract('epoch', retry_interval) OPERATOR(pg_catalog.>=) 1
               AND pg_catalog.extract('epoch', retry_interval) OPERATOR(pg_catalog.<=) 86400),
    ADD COLUMN degraded_after interval CONSTRAINT organizations_degraded_after_range
        CHECK (pg_catalog.extract('epoch', degraded_after) OPERATOR(pg_catalog.>) 0
               AND pg_catalog.extract('epoch', degraded_after) OPERATOR(pg_catalog.<=) 1800),
    ADD COLUMN flap_start integer CONSTRAINT organizations_flap_start_range
        CHECK (flap_start OPERATOR(pg_catalog.>=) 0 AND flap_start OPERATOR(pg_catalog.<=) 100),
    ADD COLUMN flap_stop integer CONSTRAINT organizations_flap_stop_range
        CHECK (flap_stop OPERATOR(pg_catalog.>=) 0 AND flap_stop OPERATOR(pg_catalog.<=) 100),
    ADD COLUMN auto_resolve boolean,
    ADD COLUMN reference_endpoints bigint[] CONSTRAINT organizations_reference_endpoints_number
        CHECK (pg_catalog.cardinality(reference_endpoints) OPERATOR(pg_catalog.<=) 10
               AND pg_catalog.array_position(reference_endpoints, NULL) IS NULL);
