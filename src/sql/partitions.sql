-- The partitions of health_checks, a UTC day each.
--
-- They are ordinary tables, made at run time and never by an extension script: a member of the extension would be
-- missing from dumps. LIKE + ATTACH instead of CREATE TABLE ... PARTITION OF, because that passes while pg_dump holds
-- the parent. The lock on the parent is the one ATTACH takes anyway; taken first, it makes a second creator wait and
-- then find the partition, instead of failing on its name.

CREATE OR REPLACE FUNCTION pulsimo.partition_name(day date) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'health_checks_p' || to_char(day, 'YYYYMMDD');
$$;
REVOKE ALL ON FUNCTION pulsimo.partition_name(date) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.partition_name(date) IS
'Internal: what the partition of health_checks for a UTC day is called.';

CREATE OR REPLACE FUNCTION pulsimo.partition_bounds(
    OUT partition regclass, OUT from_time timestamptz, OUT to_time timestamptz
) RETURNS SETOF record
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO' SET timezone = 'UTC' AS $$
    SELECT b.inhrelid::regclass, b.bounds[1]::timestamptz, b.bounds[2]::timestamptz
    FROM (
        SELECT i.inhrelid, regexp_match(replace(replace(pg_get_expr(c.relpartbound, c.oid),
                                        'MINVALUE', '''-infinity'''), 'MAXVALUE', '''infinity'''),
                                        'FROM \(''(.*)''\) TO \(''(.*)''\)') AS bounds
        FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'pulsimo.health_checks'::regclass
    ) b
    WHERE b.bounds IS NOT NULL;
$$;
REVOKE ALL ON FUNCTION pulsimo.partition_bounds() FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.partition_bounds() IS
'Internal: the partitions of health_checks and the time that each takes, from from_time until before to_time.';

-- By its name, which is quick, or by its bounds: people may have made one of another form.
CREATE OR REPLACE FUNCTION pulsimo.find_partition(day date) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    partition_name constant text := pulsimo.partition_name(day);
    named constant regclass := to_regclass(format('pulsimo.%I', partition_name));
BEGIN
    IF EXISTS (SELECT FROM pg_inherits i
               WHERE i.inhrelid = named AND i.inhparent = 'pulsimo.health_checks'::regclass) THEN
        RETURN named;
    ELSIF named IS NOT NULL THEN
        RAISE EXCEPTION 'table "pulsimo.%" exists and is no partition of pulsimo.health_checks', partition_name USING
            ERRCODE = 'duplicate_table',
            HINT = 'After a restore into another version attach it by hand, or rename it to keep its rows apart.';
    END IF;
    RETURN (
        SELECT b.partition FROM pulsimo.partition_bounds() b
        WHERE b.from_time <= day::timestamp AT TIME ZONE 'UTC' AND b.to_time >= (day + 1)::timestamp AT TIME ZONE 'UTC');
END $$;
REVOKE ALL ON FUNCTION pulsimo.find_partition(date) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.find_partition(date) IS
'Internal: the partition of health_checks that takes all of a UTC day, or NULL.
Errors: 42P07 a table of the name it would have exists and is no partition.';

CREATE OR REPLACE FUNCTION pulsimo.make_partition(day date) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition_name constant text := pulsimo.partition_name(day);
    owner constant name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c
                            WHERE c.oid = 'pulsimo.health_checks'::regclass);
BEGIN
    IF pulsimo.find_partition(day) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE ONLY pulsimo.health_checks IN SHARE UPDATE EXCLUSIVE MODE;
    IF pulsimo.find_partition(day) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE pulsimo.%I (LIKE pulsimo.health_checks'
                   ' INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING GENERATED)', partition_name);
    EXECUTE format('CREATE INDEX %I ON pulsimo.%I (endpoint_id, checked_at)',
                   partition_name || '_endpoint_id_checked_at_idx', partition_name);
    PERFORM pulsimo.protect_partition(format('pulsimo.%I', partition_name)::regclass);
    IF owner <> current_user THEN
        EXECUTE format('ALTER TABLE pulsimo.%I OWNER TO %I', partition_name, owner);
    END IF;
    EXECUTE format('ALTER TABLE pulsimo.health_checks ATTACH PARTITION pulsimo.%I FOR VALUES FROM (%L) TO (%L)',
                   partition_name, to_char(day, 'YYYY-MM-DD 00:00:00+00'), to_char(day + 1, 'YYYY-MM-DD 00:00:00+00'));
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION pulsimo.make_partition(date) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.make_partition(date) IS
'Internal: makes the partition of health_checks for one UTC day. False when there is one, also when another session made it meanwhile.';

CREATE OR REPLACE FUNCTION pulsimo.create_partition(day date) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (day BETWEEN '1970-01-01' AND '9999-12-30') IS NOT TRUE THEN
        RAISE EXCEPTION 'day must be a date between 1970-01-01 and 9999-12-30' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Give the day as a date, for example current_date.';
    END IF;
    PERFORM pulsimo.make_partition(day);
    RETURN pulsimo.find_partition(day);
END $$;
REVOKE ALL ON FUNCTION pulsimo.create_partition(date) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.create_partition(date) IS
'Makes the partition of health_checks for one UTC day, with its index on (endpoint_id, checked_at), and returns it. Returns the existing one if there is one, also when another session makes it at the same time. The keeper makes partitions days ahead, so this is needed only to load old checks.
Errors: 22023 no usable day, 42P07 a table of that name exists that is no partition, 55P03 the table was locked for longer than 2 s.
Example: SELECT pulsimo.create_partition(''2026-01-31'');';

CREATE OR REPLACE FUNCTION pulsimo.ensure_partitions(from_day date, to_day date) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    created integer := 0;
BEGIN
    IF (from_day BETWEEN '1970-01-01' AND '9999-12-30' AND to_day BETWEEN from_day AND '9999-12-30'
            AND to_day - from_day <= 366) IS NOT TRUE THEN
        RAISE EXCEPTION 'from_day and to_day must be dates in order, at most 366 days apart' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Call it once for every year of a longer range.';
    END IF;
    FOR distance IN 0 .. to_day - from_day LOOP
        created := created + pulsimo.make_partition(from_day + distance)::integer;
    END LOOP;
    RETURN created;
END $$;
REVOKE ALL ON FUNCTION pulsimo.ensure_partitions(date, date) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.ensure_partitions(date, date) IS
'Makes the missing partitions of health_checks for all UTC days from from_day to to_day, both included, and returns how many it made.
Errors: 22023 days missing, out of order or more than 366 days apart; those of create_partition().
Example: SELECT pulsimo.ensure_partitions(current_date, current_date + 3);';

CREATE OR REPLACE FUNCTION pulsimo.drop_partitions_before(day date) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    partition regclass;
    dropped integer := 0;
BEGIN
    IF (day BETWEEN '1970-01-01' AND (now() AT TIME ZONE 'UTC')::date) IS NOT TRUE THEN
        RAISE EXCEPTION 'day must be a date from 1970 on that is not in the future' USING
            ERRCODE = 'invalid_parameter_value',
            HINT = 'Checks of today and later days cannot be dropped.';
    END IF;
    FOR partition IN
        SELECT b.partition FROM pulsimo.partition_bounds() b JOIN pg_class c ON c.oid = b.partition
        WHERE c.relname ~ '^health_checks_p[0-9]{8}$' AND b.to_time <= day::timestamp AT TIME ZONE 'UTC'
        ORDER BY c.relname
    LOOP
        EXECUTE format('DROP TABLE %s', partition);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION pulsimo.drop_partitions_before(date) FROM PUBLIC;
COMMENT ON FUNCTION pulsimo.drop_partitions_before(date) IS
'Drops the partitions of health_checks of all UTC days before the given one, which gives their disk space back at once, and returns how many it dropped. State changes and incidents stay.
Errors: 22023 no day or one in the future, 55P03 a partition was in use (a dump, a long query) for longer than 2 s: nothing is dropped, call it again later.
Example: SELECT pulsimo.drop_partitions_before(current_date - 30);';
