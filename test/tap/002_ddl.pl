# The host database stays a host: whatever is done to a database or to the extension while its workers are busy is done
# within two seconds (the statement_timeout of these tests; their probes take a minute), monitoring follows, and what a
# transaction did is monitored when it commits and not before.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $target = start_target();
my $node = new_pulsimo_node('main', max_prepared_transactions => 2);
my %often = (check_interval => '1 s', timeout => '1 s');

# Runs a statement within the bound; dies otherwise.
sub promptly {
    my ($what, $sql, $database) = @_;
    my ($status, undef, $stderr) = $node->psql($database // 'postgres', "SET statement_timeout = '2s';\n$sql");
    is($stderr, '', "$what is not held up by busy workers");
    return;
}

# A database with one endpoint that is checked often, and three with slow probes under way.
sub busy_database {
    my ($name) = @_;
    $node->safe_psql('postgres', "CREATE DATABASE $name");
    create_extension($node, $name);
    my $id = add_endpoint($node, $target->url, -database => $name, %often);
    add_endpoint($node, $target->url('/hang'), -database => $name, check_interval => '60 s', timeout => '60 s')
        for 1 .. 3;
    is_busy($name, $id);
    return $id;
}

sub is_busy {
    my ($name, $id) = @_;
    wait_for_sql($node, $name, q{SELECT running >= 3 FROM pulsimo.worker_status WHERE role = 'prober'}, 't');
    wait_for_checks($node, $name, $id, 1);
    return;
}

# The databases that have a keeper.
my $keepers =
  q{SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_stat_activity WHERE backend_type = 'pulsimo keeper'};
my $probers = q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pulsimo prober'};

my $id = busy_database('bystander');

# DROP DATABASE.
for my $how ('', ' WITH (FORCE)') {
    busy_database('victim');
    promptly("DROP DATABASE$how", "DROP DATABASE victim$how");
    wait_for_sql($node, 'postgres', $keepers, 'bystander');
    wait_for_sql($node, 'postgres', $probers, 1);
    is($node->safe_psql('bystander', 'SELECT count(*) FROM pulsimo.worker_stats() WHERE role = $$keeper$$'), 1,
        '... and its workers are forgotten');
}
$node->safe_psql('postgres', 'CREATE DATABASE stranger');
promptly('DROP DATABASE of another database', 'DROP DATABASE stranger');
$node->safe_psql('postgres', 'CREATE DATABASE stranger');
my $session = start_session($node, 'bystander');
$session->query('BEGIN; LOCK TABLE pulsimo.health_checks');
wait_for_sql($node, 'postgres', q{SELECT wait_event_type FROM pg_stat_activity WHERE backend_type = 'pulsimo keeper'},
    'Lock');
promptly('DROP DATABASE of another database, with a keeper that waits for a lock,', 'DROP DATABASE stranger');
$session->quit;

# Moving and copying.
my $moved = busy_database('before');
promptly('ALTER DATABASE RENAME', 'ALTER DATABASE before RENAME TO after');
wait_for_sql($node, 'postgres', $keepers, 'after bystander');
wait_for_checks($node, 'after', $moved, 2);
pass('... and monitoring goes on under the new name');
my $directory = PostgreSQL::Test::Utils::tempdir_short();
$node->safe_psql('postgres', "CREATE TABLESPACE elsewhere LOCATION '$directory'");
is_busy('after', $moved);
promptly('ALTER DATABASE SET TABLESPACE', 'ALTER DATABASE after SET TABLESPACE elsewhere');
wait_for_sql($node, 'postgres', $keepers, 'after bystander');
wait_for_checks($node, 'after', $moved, 2);
pass('... and monitoring goes on there');
is_busy('after', $moved);
promptly('CREATE DATABASE TEMPLATE', 'CREATE DATABASE clone TEMPLATE after');
wait_for_checks($node, 'after', $moved, 2);
is($node->safe_psql('clone', 'SELECT count(*), bool_or(pulsimo.is_running()) FROM pulsimo.endpoints'), '4|f',
    'a clone has the endpoints, but is stopped');
$node->safe_psql('clone', 'SELECT pulsimo.wake()');
my $copied = $node->safe_psql('clone', 'SELECT count(*) FROM pulsimo.health_checks');
$node->restart;
wait_for_sql($node, 'postgres', $keepers, 'after bystander');
wait_for_checks($node, 'after', $moved, 2);
is($node->safe_psql('clone', 'SELECT count(*) FROM pulsimo.health_checks'), $copied,
    '... even when it is looked at and after a restart');
$node->safe_psql('clone', 'SELECT pulsimo.start()');
wait_for_checks($node, 'clone', $moved, 1);
pass('... until it is started');
promptly('DROP DATABASE of the clone', 'DROP DATABASE clone');

# Statements that fail give the database back; those of people who have no right to it do not even touch it.
my $keeper = q{SELECT pid FROM pulsimo.worker_status WHERE role = 'keeper'};
my $keeper_pid = $node->safe_psql('after', $keeper);
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN CREATEDB');
for my $statement ('DROP DATABASE after', 'DROP DATABASE after WITH (FORCE)', 'ALTER DATABASE after RENAME TO mine',
    'ALTER DATABASE after SET TABLESPACE pg_default', 'CREATE DATABASE mine TEMPLATE after')
{
    my (undef, undef, $stderr) = $node->psql('postgres', "SET ROLE nobody;\n$statement");
    like($stderr, qr/ERROR:  (?:must be owner|permission denied)/, "without rights: $statement");
}
wait_for_checks($node, 'after', $moved, 1);
is($node->safe_psql('after', $keeper), $keeper_pid, '... and the monitoring has not noticed');
for my $statement ('ALTER DATABASE after RENAME TO bystander', "BEGIN;\nDROP DATABASE after") {
    my (undef, undef, $stderr) = $node->psql('postgres', $statement);
    like($stderr,
        qr/ERROR:  (?:database "bystander" already exists|DROP DATABASE cannot run inside a transaction block)/,
        'a statement that fails');
    wait_for_checks($node, 'after', $moved, 2);
}
pass('... gives the database back to its workers');
my $launcher = worker_pid($node, 'launcher');
is($node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher, 10000)"), 't',
    'there is no launcher for a while');
promptly('DROP DATABASE', 'DROP DATABASE after');
worker_pid($node, 'launcher', $launcher);

# The extension itself.
my $again = busy_database('extended');
promptly('a DROP EXTENSION that is rolled back', 'BEGIN; DROP EXTENSION pulsimo; ROLLBACK', 'extended');
wait_for_checks($node, 'extended', $again, 2);
is_busy('extended', $again);
promptly('DROP EXTENSION', 'DROP EXTENSION pulsimo', 'extended');
wait_for_sql($node, 'postgres', $keepers, 'bystander');
wait_for_sql($node, 'postgres', $probers, 1);
create_extension($node, 'extended');
$again = add_endpoint($node, $target->url, -database => 'extended', %often);
wait_for_checks($node, 'extended', $again, 2);
pass('an extension that is created again is monitored again');
promptly('DROP EXTENSION and CREATE EXTENSION in one transaction',
    'BEGIN; DROP EXTENSION pulsimo; CREATE EXTENSION pulsimo; COMMIT', 'extended');
wait_for_sql($node, 'postgres', $keepers, 'bystander');
$again = add_endpoint($node, $target->url, -database => 'extended', %often);
wait_for_checks($node, 'extended', $again, 1);
$node->safe_psql('extended', 'DROP EXTENSION pulsimo');

# ALTER EXTENSION UPDATE. The database runs with an older version, as after an upgrade of the packages: its keeper says
# what to do and leaves; after the update it is back.
$node->safe_psql('extended', qq{
    CREATE EXTENSION pulsimo VERSION '004';
    INSERT INTO pulsimo.organizations (name) VALUES ('default');
    INSERT INTO pulsimo.projects (name, organization_id) VALUES ('default', 1);
    INSERT INTO pulsimo.endpoints (project_id, name, url, check_interval, timeout)
        SELECT 1, 'old', '} . $target->url . qq{', '1 s', '1 s' FROM generate_series(1, 1000);
    UPDATE pulsimo.state SET running = true, database_oid = (SELECT oid FROM pg_database WHERE datname = 'extended');
    INSERT INTO pulsimo.dump_info VALUES (true, '004')});
my $position = -s $node->logfile;
$node->restart;
my $other_version = qr/LOG:  pulsimo library is of version \d+, the extension in database \d+ is not/;
wait_for_log_line($node, qr/$other_version\n[^\n]*HINT:  Run ALTER EXTENSION pulsimo UPDATE/, $position);
wait_for_sql($node, 'postgres', $keepers, 'bystander');
is_busy('bystander', $id);
promptly('ALTER EXTENSION UPDATE', 'ALTER EXTENSION pulsimo UPDATE', 'extended');
wait_for_sql($node, 'extended', 'SELECT count(DISTINCT endpoint_id) FROM pulsimo.health_checks', 1000);
pass('... and starts the workers, which an older version has not got');
is_busy('extended', 1);
promptly('ALTER EXTENSION UPDATE without anything to do',
    'SET client_min_messages = warning; ALTER EXTENSION pulsimo UPDATE', 'extended');
promptly('a lock on all tables',
    'BEGIN; LOCK TABLE pulsimo.health_checks, pulsimo.endpoints, pulsimo.incidents; COMMIT', 'extended');
promptly('DROP DATABASE', 'DROP DATABASE extended');

# Transactions. The endpoints of one that is rolled back are never seen.
$node->safe_psql('postgres', "BEGIN; SELECT pulsimo.add_endpoint('" . $target->url . "'); ROLLBACK");
is($node->safe_psql('postgres', 'SELECT pulsimo.is_running()'), 'f', 'a rollback starts nothing');
my $sql_add = "SELECT pulsimo.add_endpoint('" . $target->url . "', check_interval => '1 s', timeout => '1 s')";
my @of_savepoints = split /\n/, $node->safe_psql('postgres',
    "BEGIN; $sql_add; SAVEPOINT s; $sql_add; ROLLBACK TO s; $sql_add; RELEASE s;"
      . " SAVEPOINT t; $sql_add; ROLLBACK TO t; COMMIT");
wait_for_sql($node, 'postgres', 'SELECT count(DISTINCT endpoint_id) FROM pulsimo.health_checks', 2);
wait_for_checks($node, 'postgres', $of_savepoints[0], 2);
is($node->safe_psql('postgres', 'SELECT string_agg(DISTINCT endpoint_id::text, $$ $$) FROM pulsimo.health_checks'),
    "$of_savepoints[0] $of_savepoints[2]", 'what a savepoint or a transaction took back is not monitored');

my $prepared = $node->safe_psql('postgres', "BEGIN; $sql_add; PREPARE TRANSACTION 'more'");
wait_for_checks($node, 'postgres', $of_savepoints[0], 1);
is($node->safe_psql('postgres', "SELECT count(*) FROM pulsimo.health_checks WHERE endpoint_id = $prepared"), 0,
    'a prepared transaction is not monitored yet');
$node->safe_psql('postgres', "COMMIT PREPARED 'more'");
wait_for_checks($node, 'postgres', $prepared, 1);
$node->safe_psql('postgres', "BEGIN; SELECT pulsimo.stop(); PREPARE TRANSACTION 'stop'");
$node->safe_psql('postgres', "COMMIT PREPARED 'stop'");
wait_for_sql($node, 'postgres', $keepers, 'bystander');
$node->safe_psql('postgres', "BEGIN; SELECT pulsimo.start(); PREPARE TRANSACTION 'start'");
$node->safe_psql('postgres', "COMMIT PREPARED 'start'");
wait_for_checks($node, 'postgres', $prepared, 1);
pass('COMMIT PREPARED adds, stops and starts');

# More than the list of changed endpoints holds.
my $endpoints = q{SELECT endpoints FROM pulsimo.worker_status WHERE role = 'prober'};
$node->safe_psql('postgres', 'DELETE FROM pulsimo.endpoints');
wait_for_sql($node, 'postgres', $endpoints, 0);
$node->safe_psql('postgres', "SELECT pulsimo.add_endpoint('" . $target->url
    . "', check_interval => '1 h') FROM generate_series(1, 1000)");
my $checked_with = 'SELECT count(DISTINCT h.endpoint_id)'
  . ' FROM pulsimo.health_checks h JOIN pulsimo.endpoints e ON e.id = h.endpoint_id WHERE http_status =';
wait_for_sql($node, 'postgres', "$checked_with 200", 1000);
$node->safe_psql('postgres', "UPDATE pulsimo.endpoints SET url = '" . $target->url('/status/202') . "'");
wait_for_sql($node, 'postgres', "$checked_with 202", 1000);
$node->safe_psql('postgres', 'DELETE FROM pulsimo.endpoints WHERE id IN (SELECT id FROM pulsimo.endpoints LIMIT 600)');
wait_for_sql($node, 'postgres', $endpoints, 400);
$node->safe_psql('postgres', 'TRUNCATE pulsimo.endpoints CASCADE');
wait_for_sql($node, 'postgres', $endpoints, 0);
pass('INSERT, UPDATE, DELETE and TRUNCATE of many endpoints take effect');

# Shutdown does not wait for probes. pg_ctl gives up long before they would end.
is_busy('bystander', $id);
command_ok([ 'pg_ctl', '--pgdata', $node->data_dir, '--mode', 'fast', '--timeout', 10, 'stop' ],
    'a fast shutdown does not wait for probes');

done_testing();
