# Whether the workers are at a database. The question is asked in the database "postgres", which must have the newest
# extension; the database itself may have an older one, or none.
package PulsimoTest::Monitoring;

use strict;
use warnings;
use Exporter 'import';
use PostgreSQL::Test::Utils;
use PulsimoTest;

our @EXPORT = qw(wait_for_no_keeper wait_for_new_check let_workers_look);

# No keeper is there, nor is one to come.
sub wait_for_no_keeper {
    my ($node, $database) = @_;
    wait_for_sql($node, 'postgres', <<"SQL", '0');
SELECT count(*) FROM pulsimo.worker_stats() w JOIN pg_database d ON d.oid = w.database WHERE d.datname = '$database'
SQL
    return;
}

# Waits for the result of a check that began after this call.
sub wait_for_new_check {
    my ($node, $database) = @_;
    my $since = $node->safe_psql($database, 'SELECT clock_timestamp()');
    wait_for_sql($node, $database,
        "SELECT EXISTS (SELECT FROM pulsimo.health_checks WHERE checked_at > '$since')", 't');
    return;
}

# Has the workers look at a database that should not be monitored, and waits until they have and are gone again. The
# node needs log_min_messages = debug1.
sub let_workers_look {
    my ($node, $database) = @_;
    my $seen = -s $node->logfile;
    $node->safe_psql($database, 'SELECT pulsimo.wake()');
    wait_for_log_line($node, qr/registering background worker "pulsimo keeper"/, $seen);
    wait_for_no_keeper($node, $database);
    return;
}

1;
