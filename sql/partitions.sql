-- The partitions of health_checks: made at run time, a UTC day each, with their own index.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS pulsimo;
CREATE EXTENSION pulsimo;
\set SHOW_CONTEXT never
SET timezone = 'Asia/Kolkata';
SET datestyle = 'SQL, DMY';

-- Days are UTC days, whatever the time zone and the date style of the session.
SELECT pulsimo.create_partition('2026-01-31');
SELECT pulsimo.create_partition('2026-01-31') AS again;
SELECT pulsimo.ensure_partitions('2026-01-30', '2026-02-02');
SELECT pulsimo.ensure_partitions('2026-01-30', '2026-02-02') AS again;
SELECT pulsimo.ensure_partitions('2028-02-28', '2028-03-01') AS leap_year;
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bounds
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'pulsimo.health_checks'::regclass ORDER BY c.relname;
-- The columns, the constraints and the index of a partition; the parent has no index.
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull FROM pg_attribute
WHERE attrelid = 'pulsimo.health_checks_p20260131'::regclass AND attnum > 0 ORDER BY attnum;
SELECT conname FROM pg_constraint
WHERE conrelid = 'pulsimo.health_checks_p20260131'::regclass AND contype = 'c' ORDER BY conname;
SELECT indexdef FROM pg_indexes WHERE tablename = 'health_checks_p20260131';
SELECT count(*) FROM pg_index WHERE indrelid = 'pulsimo.health_checks'::regclass;
-- No partition is a member of the extension: it would be missing from dumps.
SELECT count(*) FROM pg_depend d JOIN pg_class c ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
WHERE d.deptype = 'e' AND c.relname LIKE 'health_checks_p%';

-- Rows go where they belong, to the microsecond.
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES
    (1, '2026-01-31 00:00:00+00', 'up', 1), (1, '2026-01-31 23:59:59.999999+00', 'up', 2),
    (1, '2026-02-01 00:00:00+00', 'up', 3);
SELECT tableoid::regclass, response_us FROM pulsimo.health_checks ORDER BY response_us;
-- There is no partition for every day, so a row can be refused; and rows that contradict themselves are.
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES (1, '2025-01-01', 'up', 1);
\set VERBOSITY terse
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES (1, '2026-01-31', 'down', 1);
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class)
    VALUES (1, '2026-01-31', 'up', 1, 'timeout');
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class)
    VALUES (1, '2026-01-31', 'paused', 1, 'internal');
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us) VALUES (1, '2026-01-31', 'up', -1);
\set VERBOSITY default

-- Days that are none.
SELECT pulsimo.create_partition(NULL);
SELECT pulsimo.create_partition('infinity');
SELECT pulsimo.create_partition('1969-12-31');
SELECT pulsimo.create_partition('10000-01-01');
SELECT pulsimo.ensure_partitions('2026-01-02', '2026-01-01');
SELECT pulsimo.ensure_partitions('2026-01-01', '2027-01-03');
SELECT pulsimo.ensure_partitions(NULL, '2026-01-01');
SELECT pulsimo.ensure_partitions('-infinity', 'infinity');

-- A table of that name that is no partition, as a restore into another version leaves it.
ALTER TABLE pulsimo.health_checks DETACH PARTITION pulsimo.health_checks_p20260202;
SELECT pulsimo.create_partition('2026-02-02');
SELECT pulsimo.ensure_partitions('2026-02-01', '2026-02-03');
DROP TABLE pulsimo.health_checks_p20260202;

-- A partition belongs to the owner of the parent, whoever makes it.
CREATE ROLE pulsimo_test_owner;
ALTER TABLE pulsimo.health_checks OWNER TO pulsimo_test_owner;
GRANT ALL ON SCHEMA pulsimo TO pulsimo_test_owner;
SELECT pulsimo.create_partition('2026-02-03');
SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'health_checks_p20260203';
ALTER TABLE pulsimo.health_checks OWNER TO CURRENT_USER;
ALTER TABLE pulsimo.health_checks_p20260203 OWNER TO CURRENT_USER;
REVOKE ALL ON SCHEMA pulsimo FROM pulsimo_test_owner;
DROP ROLE pulsimo_test_owner;

-- Retention drops whole days, and nothing else.
CREATE TABLE pulsimo.health_checks_pxxxxxxxx (LIKE pulsimo.health_checks INCLUDING CONSTRAINTS);
ALTER TABLE pulsimo.health_checks
    ATTACH PARTITION pulsimo.health_checks_pxxxxxxxx FOR VALUES FROM (MINVALUE) TO ('2000-01-01');
SELECT pulsimo.drop_partitions_before('2026-02-01');
SELECT pulsimo.drop_partitions_before('2026-02-01') AS again;
SELECT inhrelid::regclass FROM pg_inherits
WHERE inhparent = 'pulsimo.health_checks'::regclass ORDER BY inhrelid::regclass::text;
SELECT count(*) FROM pulsimo.health_checks;
SELECT pulsimo.drop_partitions_before(NULL);
SELECT pulsimo.drop_partitions_before('-infinity');
SELECT pulsimo.drop_partitions_before('2058-10-31 BC');
SELECT pulsimo.drop_partitions_before((now() AT TIME ZONE 'UTC')::date + 1);

-- A partition of somebody's own that covers the day is as good; one that covers a part of it is in the way.
BEGIN;
CREATE TABLE pulsimo.wide PARTITION OF pulsimo.health_checks FOR VALUES FROM ('2031-01-01 00:00+00') TO (MAXVALUE);
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL timezone = 'Asia/Kolkata';
SELECT pulsimo.create_partition('2031-05-05'), pulsimo.ensure_partitions('2031-05-05', '2031-05-07');
ROLLBACK;
-- One that takes a month is named like one of ours, and is dropped only when all of it is old.
BEGIN;
CREATE TABLE pulsimo.health_checks_p20200101 PARTITION OF pulsimo.health_checks
    FOR VALUES FROM ('2020-01-01 00:00+00') TO ('2020-02-01 00:00+00');
SELECT pulsimo.create_partition('2020-01-15');
SELECT pulsimo.drop_partitions_before('2020-01-31');
SELECT pulsimo.drop_partitions_before('2020-02-01');
ROLLBACK;
BEGIN;
CREATE TABLE pulsimo.noon PARTITION OF pulsimo.health_checks
    FOR VALUES FROM ('2031-05-05 12:00+00') TO ('2031-05-05 13:00+00');
SELECT pulsimo.create_partition('2031-05-06');
SELECT pulsimo.create_partition('2031-05-05');
ROLLBACK;

-- What start() makes: today and three days.
BEGIN;
SELECT pulsimo.start();
SELECT count(*) FROM pg_inherits WHERE inhparent = 'pulsimo.health_checks'::regclass AND inhrelid::regclass::text IN (
    SELECT 'pulsimo.health_checks_p' || to_char((now() AT TIME ZONE 'UTC')::date + n, 'YYYYMMDD')
    FROM generate_series(0, 3) n);
ROLLBACK;
DROP EXTENSION pulsimo;
