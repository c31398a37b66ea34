# What a database holds, as text that two databases can be compared by: the rows of all durable tables, where the
# sequences stand, and the partitions of health_checks. No oids, and nothing that depends on locale or order.
package PulsimoTest::Contents;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(contents columns_of rows_of members_that_are_partitions);

# Times and partition bounds are printed in the zone of the session.
$ENV{PGTZ} = 'UTC';

# The durable tables and their columns: { table => "column, column, ..." }. Durable is what a dump must bring back: all
# tables but the state, partitions too. That the extension marks just these for pg_dump is what is being tested.
sub columns_of {
    my ($node, $database) = @_;
    my $lines = $node->safe_psql($database, <<'SQL');
SELECT c.oid::regclass, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attname)
FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND c.relnamespace = 'pulsimo'::regnamespace AND c.relname NOT IN ('state', 'user_sessions')
GROUP BY c.oid
SQL
    return { map { split /\|/, $_, 2 } split /\n/, $lines };
}

# Number and digest of the rows of each table, in the given columns only (as columns_of() returns them).
sub rows_of {
    my ($node, $database, $columns) = @_;
    my @queries = map {
        "SELECT '$_', count(*), md5(string_agg(r::text, E'\\n' ORDER BY r::text COLLATE \"C\"))"
          . " FROM (SELECT $columns->{$_} FROM $_) r"
    } sort keys %$columns;
    return $node->safe_psql($database, join(' UNION ALL ', @queries) . ' ORDER BY 1');
}

sub contents {
    my ($node, $database) = @_;
    my $sequences = $node->safe_psql($database, <<'SQL');
SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'pulsimo' ORDER BY 1
SQL
    my $partitions = $node->safe_psql($database, <<'SQL');
SELECT c.oid::regclass, pg_get_expr(c.relpartbound, c.oid),
       ARRAY(SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i WHERE i.indrelid = c.oid ORDER BY 1),
       ARRAY(SELECT n.conname || ' ' || pg_get_constraintdef(n.oid) FROM pg_constraint n
             WHERE n.conrelid = c.oid AND n.contype <> 'n' ORDER BY 1)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = to_regclass('pulsimo.health_checks')
ORDER BY c.relname
SQL
    return join "\n", rows_of($node, $database, columns_of($node, $database)), $sequences, $partitions;
}

# Partitions that belong to the extension. There must be none: pg_dump would leave them out, rows and all.
sub members_that_are_partitions {
    my ($node, $database) = @_;
    return $node->safe_psql($database, <<'SQL');
SELECT i.inhrelid::regclass FROM pg_inherits i
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.inhrelid AND d.deptype = 'e'
SQL
}

1;
