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
    email text NOT NULL CONSTRAINT users_email_form CHECK (email OPERATOR(pg_catalog.~) '^[^@[:space:]]+@[^@[:space:]]+$'),
    name text NOT NULL CONSTRAINT users_name_not_empty CHECK (pg_catalog.btrim(name) OPERATOR(pg_catalog.<>) ''),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
CREATE UNIQUE INDEX users_email_key ON pulsimo.users (pg_catalog.lower(email));

CREATE TABLE pulsimo.projects (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT projects_name_not_empty CHECK (pg_catalog.btrim(name) OPERATOR(pg_catalog.<>) ''),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);

CREATE TABLE pulsimo.endpoints (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project_id bigint NOT NULL REFERENCES pulsimo.projects (id),
    name text NOT NULL CONSTRAINT endpoints_name_not_empty CHECK (pg_catalog.btrim(name) OPERATOR(pg_catalog.<>) ''),
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
    CONSTRAINT endpoints_check_interval_range
        CHECK (check_interval OPERATOR(pg_catalog.>=) '1 s' AND check_interval OPERATOR(pg_catalog.<=) '1 day'),
    CONSTRAINT endpoints_timeout_range
        CHECK (timeout OPERATOR(pg_catalog.>=) '100 ms' AND timeout OPERATOR(pg_catalog.<=) check_interval),
    CONSTRAINT endpoints_retry_interval_range
        CHECK (retry_interval OPERATOR(pg_catalog.>=) '1 s' AND retry_interval OPERATOR(pg_catalog.<=) check_interval),
    CONSTRAINT endpoints_degraded_after_range
        CHECK (degraded_after OPERATOR(pg_catalog.>) '0 s' AND degraded_after OPERATOR(pg_catalog.<=) timeout),
    CONSTRAINT endpoints_failure_threshold_range
        CHECK (failure_threshold OPERATOR(pg_catalog.>=) 1 AND failure_threshold OPERATOR(pg_catalog.<=) 10),
    CONSTRAINT endpoints_success_threshold_range
        CHECK (success_threshold OPERATOR(pg_catalog.>=) 1 AND success_threshold OPERATOR(pg_catalog.<=) 10),
    CONSTRAINT endpoints_options_object
        CHECK (pg_catalog.jsonb_typeof(options) OPERATOR(pg_catalog.=) 'object')
);
CREATE INDEX endpoints_project_id_idx ON pulsimo.endpoints (project_id);

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
        CHECK ((status OPERATOR(pg_catalog.=) 'resolved') OPERATOR(pg_catalog.=) (resolved_at IS NOT NULL))
);
CREATE INDEX incidents_status_created_at_idx ON pulsimo.incidents (status, created_at);
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
