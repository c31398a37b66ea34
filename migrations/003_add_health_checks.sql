-- Every result of every check, in partitions of one UTC day.
--
-- The parent stays bare (no index, key or foreign key): partitions are ordinary tables made at run time with their
-- own index on (endpoint_id, checked_at), which is what lets a dump restore without errors. There is no DEFAULT
-- partition, because ATTACH would have to lock it. create_partition() in src/sql/partitions.sql makes them.

CREATE TABLE pulsimo.health_checks (
    endpoint_id bigint NOT NULL,
    checked_at timestamptz NOT NULL,
    status pulsimo.status NOT NULL,
    response_us integer NOT NULL,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    transfer_us integer,
    http_status smallint,
    error_class pulsimo.error_class,
    error text,
    CONSTRAINT health_checks_status_of_a_check
        CHECK (status OPERATOR(pg_catalog.<>) 'paused' AND status OPERATOR(pg_catalog.<>) 'maintenance'),
    CONSTRAINT health_checks_error_when_not_passed
        CHECK ((error_class IS NULL) OPERATOR(pg_catalog.=)
               (status OPERATOR(pg_catalog.=) 'up' OR status OPERATOR(pg_catalog.=) 'degraded')),
    CONSTRAINT health_checks_response_not_negative CHECK (response_us OPERATOR(pg_catalog.>=) 0)
) PARTITION BY RANGE (checked_at);
