-- The first form of the schema: people, what they watch, and what went wrong.
--
-- Everything lives in schema pulsimo, which this script creates itself: a schema that somebody prepared beforehand
-- would be theirs, and so would every function they put into it. Names are qualified throughout.

CREATE SCHEMA pulsimo;

CREATE TYPE pulsimo.status AS ENUM ('unknown', 'up', 'degraded', 'down', 'paused', 'maintenance');
CREATE TYPE pulsimo.error_class AS ENUM (
    'dns', 'connect', 'refused', 'reset', 'timeout', 'tls', 'certificate', 'protocol', 'status', 'assertion',
    'too_large', 'policy', 'internal');
CREATE TYPE pulsimo.incident_status AS ENUM ('open', 'acknowledged', 'investigating', 'resolved');
CREATE TYPE pulsimo.severity AS ENUM ('critical', 'high', 'medium', 'low');

CREATE TABLE pulsimo.users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT users_email_form
        CHECK (email OPERATOR(pg_catalog.~) '^[^@[:space:]]+@[^@[:space:]]+$'
               AND pg_catalog.length(email) OPERATOR(pg_catalog.<=) 254),
    CONSTRAINT users_name_form
        CHECK (name OPERATOR(pg_catalog.~) '[^[:space:]]' AND name OPERATOR(pg_catalog.!~) '[[:cntrl:]]'
               AND pg_catalog.length(name) OPERATOR(pg_catalog.<=) 200)
);
CREATE UNIQUE INDEX users_email_key ON pulsimo.users (pg_catalog.lower(email));

CREATE TABLE pulsimo.projects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT projects_name_key UNIQUE (name),
    CONSTRAINT projects_name_form
        CHECK (name OPERATOR(pg_catalog.~) '[^[:space:]]' AND name OPERATOR(pg_catalog.!~) '[[:cntrl:]]'
               AND pg_catalog.length(name) OPERATOR(pg_catalog.<=) 200)
);

-- Durations are compared by their length in seconds, because that is what the workers count ("1 month" has no
-- length of its own) and because an infinite interval is then longer than any limit. A response is stored as
-- microseconds in an integer, which ends at 35 minutes: hence the longest timeout. The form of url and options is
-- the business of a trigger; the limits here hold whatever role or replication writes the row.
CREATE TABLE pulsimo.endpoints (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id bigint NOT NULL REFERENCES pulsimo.projects (id),
    name text NOT NULL,
    url text NOT NULL,
    check_interval interval NOT NULL DEFAULT '60 s',
    timeout interval NOT NULL DEFAULT '10 s',
    retry_interval interval,
    degraded_after interval,
    failure_threshold integer NOT NULL DEFAULT 3,
    success_threshold integer NOT NULL DEFAULT 1,
    options jsonb NOT NULL DEFAULT '{}',
    paused boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    CONSTRAINT endpoints_name_form
        CHECK (name OPERATOR(pg_catalog.~) '[^[:space:]]' AND name OPERATOR(pg_catalog.!~) '[[:cntrl:]]'
               AND pg_catalog.length(name) OPERATOR(pg_catalog.<=) 200),
    CONSTRAINT endpoints_url_length
        CHECK (url OPERATOR(pg_catalog.<>) '' AND pg_catalog.octet_length(url) OPERATOR(pg_catalog.<=) 2048),
    CONSTRAINT endpoints_check_interval_range
        CHECK (pg_catalog.extract('epoch', check_interval) OPERATOR(pg_catalog.>=) 1
               AND pg_catalog.extract('epoch', check_interval) OPERATOR(pg_catalog.<=) 86400),
    CONSTRAINT endpoints_timeout_range
        CHECK (pg_catalog.extract('epoch', timeout) OPERATOR(pg_catalog.>=) 0.1
               AND pg_catalog.extract('epoch', timeout) OPERATOR(pg_catalog.<=) 1800
               AND pg_catalog.extract('epoch', timeout)
                   OPERATOR(pg_catalog.<=) pg_catalog.extract('epoch', check_interval)),
    CONSTRAINT endpoints_retry_interval_range
        CHECK (pg_catalog.extract('epoch', retry_interval) OPERATOR(pg_catalog.>=) 1
               AND pg_catalog.extract('epoch', retry_interval)
                   OPERATOR(pg_catalog.<=) pg_catalog.extract('epoch', check_interval)),
    CONSTRAINT endpoints_degraded_after_range
        CHECK (pg_catalog.extract('epoch', degraded_after) OPERATOR(pg_catalog.>) 0
               AND pg_catalog.extract('epoch', degraded_after)
                   OPERATOR(pg_catalog.<=) pg_catalog.extract('epoch', timeout)),
    CONSTRAINT endpoints_failure_threshold_range
        CHECK (failure_threshold OPERATOR(pg_catalog.>=) 1 AND failure_threshold OPERATOR(pg_catalog.<=) 10),
    CONSTRAINT endpoints_success_threshold_range
        CHECK (success_threshold OPERATOR(pg_catalog.>=) 1 AND success_threshold OPERATOR(pg_catalog.<=) 10),
    CONSTRAINT endpoints_options_form
        CHECK (pg_catalog.jsonb_typeof(options) OPERATOR(pg_catalog.=) 'object'
               AND pg_catalog.octet_length(options::pg_catalog.text) OPERATOR(pg_catalog.<=) 2097152),
    CONSTRAINT endpoints_created_at_finite CHECK (pg_catalog.isfinite(created_at))
);
CREATE INDEX endpoints_project_id_idx ON pulsimo.endpoints (project_id);

-- An incident outlives its endpoint: what went wrong is history, not configuration.
CREATE TABLE pulsimo.incidents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id bigint REFERENCES pulsimo.endpoints (id) ON DELETE SET NULL,
    title text NOT NULL,
    status pulsimo.incident_status NOT NULL DEFAULT 'open',
    severity pulsimo.severity NOT NULL DEFAULT 'high',
    error_class pulsimo.error_class,
    detail text,
    started_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    resolved_at timestamptz,
    CONSTRAINT incidents_resolved_at_when_resolved
        CHECK ((status OPERATOR(pg_catalog.=) 'resolved') OPERATOR(pg_catalog.=) (resolved_at IS NOT NULL)),
    CONSTRAINT incidents_resolved_at_after_start
        CHECK (resolved_at OPERATOR(pg_catalog.>=) started_at),
    CONSTRAINT incidents_times_finite
        CHECK (pg_catalog.isfinite(started_at) AND pg_catalog.isfinite(created_at) AND pg_catalog.isfinite(resolved_at))
);
CREATE INDEX incidents_status_created_at_idx ON pulsimo.incidents (status, created_at);
CREATE INDEX incidents_endpoint_id_started_at_idx ON pulsimo.incidents (endpoint_id, started_at);
-- The rule "one open incident an endpoint", kept by the database whatever the workers believe.
CREATE UNIQUE INDEX incidents_one_open_per_endpoint
    ON pulsimo.incidents (endpoint_id) WHERE status OPERATOR(pg_catalog.<>) 'resolved';

-- Whether this database is monitored. Never dumped: a restored database comes up stopped. A copy made with
-- CREATE DATABASE ... TEMPLATE carries the row of the original, and is told by the wrong database_oid.
CREATE TABLE pulsimo.state (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT state_one_row CHECK (singleton),
    running boolean NOT NULL DEFAULT false,
    database_oid oid,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
INSERT INTO pulsimo.state (running) VALUES (false);

-- Which version wrote the rows. Empty until start(); dumped, so that a restored database is not taken for a fresh
-- one and a dump of another version is noticed.
CREATE TABLE pulsimo.dump_info (
    singleton boolean PRIMARY KEY DEFAULT true CONSTRAINT dump_info_one_row CHECK (singleton),
    extension_version text NOT NULL
);

SELECT pg_catalog.pg_extension_config_dump('pulsimo.users', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.users_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.projects', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.projects_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.endpoints', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.endpoints_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.incidents', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.incidents_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('pulsimo.dump_info', '');
