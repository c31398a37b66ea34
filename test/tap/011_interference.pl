# What people and other software do to the tables while the keeper is at work on them: whatever it is, nothing that was
# measured is lost, and no incident and no status stays wrong.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $target = start_target();
my $node = new_pulsimo_node('main', max_prepared_transactions => 5);
my %often = (check_interval => '1 s', timeout => '500 ms', failure_threshold => 1);
my $id = add_endpoint($node, $target->url, %often, name => 'watched');
my $session = start_session($node);

sub status_of {
    my ($endpoint) = @_;
    return "SELECT status FROM pulsimo.endpoint_status WHERE id = $endpoint";
}

sub stat_of {
    my ($role, $column) = @_;
    return "SELECT $column FROM pulsimo.worker_stats() WHERE role = '$role'";
}

my $incidents = 'SELECT count(*) FROM pulsimo.active_incidents';
wait_for_sql($node, 'postgres', status_of($id), 'up');

# A change that waits for a lock is void once the endpoint was paused and resumed: it would open an incident that
# nobody ever resolves.
$session->query('BEGIN; LOCK TABLE pulsimo.outbox IN SHARE MODE');
my $failures = $node->safe_psql('postgres', stat_of('keeper', 'failures'));
$target->down;
wait_for_sql($node, 'postgres', 'SELECT (' . stat_of('keeper', 'failures') . ") > $failures", 't');
$target->up;
$node->safe_psql('postgres', "SELECT pulsimo.pause_endpoint($id)");
$node->safe_psql('postgres', "SELECT pulsimo.resume_endpoint($id)");
$session->query('COMMIT');
wait_for_sql($node, 'postgres', stat_of('keeper', 'queued'), 0);
wait_for_sql($node, 'postgres', status_of($id), 'up');
wait_for_checks($node, 'postgres', $id, 2);
is($node->safe_psql('postgres', $incidents), 0, 'an outage from before a pause leaves no incident behind');

# However one comes to be open beside an endpoint that is up, the keeper that finds it resolves it.
$node->safe_psql('postgres', "INSERT INTO pulsimo.incidents (endpoint_id, title, started_at) VALUES ($id, 'x', now())");
$node->safe_psql('postgres', "SELECT pulsimo.pause_endpoint($id); SELECT pulsimo.resume_endpoint($id)");
wait_for_sql($node, 'postgres', $incidents, 0);
pass('an open incident of an endpoint that is up is resolved');
$node->safe_psql('postgres', qq{
    SELECT pulsimo.stop();
    INSERT INTO pulsimo.incidents (endpoint_id, title, started_at) VALUES ($id, 'y', now());
    SELECT pulsimo.start()});
wait_for_sql($node, 'postgres', $incidents, 0);
pass('... also where its status does not change by that');

# ... and the next outage is told as ever, even if it has to wait while the endpoint is read again.
$session->query('BEGIN; LOCK TABLE pulsimo.outbox IN SHARE MODE');
$failures = $node->safe_psql('postgres', stat_of('keeper', 'failures'));
$target->down;
wait_for_sql($node, 'postgres', 'SELECT (' . stat_of('keeper', 'failures') . ") > $failures", 't');
$node->safe_psql('postgres', "UPDATE pulsimo.endpoints SET name = 'renamed' WHERE id = $id");
$session->query('COMMIT');
wait_for_sql($node, 'postgres', $incidents, 1);
pass('a change that waits survives a change of the name');
$target->up;
wait_for_sql($node, 'postgres', $incidents, 0);

# Removed and added again under its id in one transaction: the tables start anew, and so does the keeper.
$target->down;
wait_for_sql($node, 'postgres', $incidents, 1);
$node->safe_psql('postgres', q{
    BEGIN;
    CREATE TEMP TABLE kept AS SELECT * FROM pulsimo.endpoints;
    DELETE FROM pulsimo.endpoints;
    INSERT INTO pulsimo.endpoints OVERRIDING SYSTEM VALUE SELECT * FROM kept;
    COMMIT});
wait_for_sql($node, 'postgres', status_of($id), 'down');
wait_for_sql($node, 'postgres', $incidents, 1);
pass('an endpoint that was replaced by itself has its status and its incident again');
$target->up;
wait_for_sql($node, 'postgres', $incidents, 0);

# A partition that somebody drops is made again; the results that found it gone are not given up.
my $refused = $node->safe_psql('postgres', stat_of('keeper', 'skipped'));
$node->safe_psql('postgres', q{DO $$ BEGIN EXECUTE (
    SELECT 'DROP TABLE ' || string_agg(inhrelid::regclass::text, ', ') FROM pg_inherits
    WHERE inhparent = 'pulsimo.health_checks'::regclass); END $$});
wait_for_sql($node, 'postgres', "SELECT count(*) >= 2 FROM pulsimo.health_checks WHERE endpoint_id = $id", 't');
is($node->safe_psql('postgres', stat_of('keeper', 'skipped')), $refused, 'no result is lost with a dropped partition');

# A rule of somebody's own that keeps us from making one is no reason to throw results away.
$node->safe_psql('postgres', q{
    CREATE FUNCTION no_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no ddl here'; END $$;
    CREATE EVENT TRIGGER no_ddl ON ddl_command_start WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION no_ddl();
    DO $$ BEGIN EXECUTE (
    SELECT 'DROP TABLE ' || string_agg(inhrelid::regclass::text, ', ') FROM pg_inherits
    WHERE inhparent = 'pulsimo.health_checks'::regclass); END $$});
wait_for_sql($node, 'postgres', 'SELECT (' . stat_of('keeper', 'queued') . ') >= 3', 't');
$node->safe_psql('postgres', 'DROP EVENT TRIGGER no_ddl');
wait_for_sql($node, 'postgres', "SELECT count(*) >= 3 FROM pulsimo.health_checks WHERE endpoint_id = $id", 't');
is($node->safe_psql('postgres', stat_of('keeper', 'skipped')), $refused, '... nor while none can be made');

# One endpoint is locked, the incident of another is refused: a third is not kept waiting by the two.
my ($locked, $cursed, $third) =
  map { add_endpoint($node, $target->url, %often, name => $_) } qw(locked cursed third);
wait_for_sql($node, 'postgres', status_of($_), 'up') for $locked, $cursed, $third;
$node->safe_psql('postgres', qq{
    CREATE FUNCTION curse() RETURNS trigger LANGUAGE plpgsql AS
        \$\$BEGIN IF NEW.endpoint_id = $cursed THEN RAISE EXCEPTION 'cursed'; END IF; RETURN NEW; END\$\$;
    CREATE TRIGGER curse BEFORE INSERT ON pulsimo.incidents FOR EACH ROW EXECUTE FUNCTION curse()});
$session->query("BEGIN; SELECT FROM pulsimo.endpoints WHERE id = $locked FOR UPDATE");
$target->down;
wait_for_sql($node, 'postgres', "SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $third", 1);
pass('a locked and a refused endpoint together do not keep others from being told');
$session->query('COMMIT');
$node->safe_psql('postgres', 'DROP TRIGGER curse ON pulsimo.incidents');
$target->up;
wait_for_sql($node, 'postgres', $incidents, 0);
$node->safe_psql('postgres', "SELECT pulsimo.remove_endpoint(e) FROM unnest(ARRAY[$locked, $cursed, $third]) e");

# Many locked endpoints do not keep the others waiting for as long as the locks last.
my $url = $target->url;
$node->safe_psql('postgres', qq{
    INSERT INTO pulsimo.endpoints (project_id, name, url, check_interval, timeout, failure_threshold)
    SELECT 1, 'of forty', '$url', '1 s', '500 ms', 1 FROM generate_series(1, 40)});
my $of_forty = "SELECT count(*) FROM pulsimo.endpoint_status WHERE name = 'of forty'";
wait_for_sql($node, 'postgres', "$of_forty AND status = 'up'", 40);
$session->query(q{BEGIN; SELECT count(*) FROM (
    SELECT FROM pulsimo.endpoints WHERE name = 'of forty' ORDER BY id LIMIT 20 FOR UPDATE) l});
$target->down;
wait_for_sql($node, 'postgres', "$of_forty AND id IN (SELECT endpoint_id FROM pulsimo.active_incidents)", 20);
pass('twenty locked endpoints do not keep twenty others from being told');
$session->query('COMMIT');
wait_for_sql($node, 'postgres', $incidents, 41);
$target->up;
wait_for_sql($node, 'postgres', $incidents, 0);
$node->safe_psql('postgres', "DELETE FROM pulsimo.endpoints WHERE name = 'of forty'");

# Results that wait when monitoring is stopped are written as soon as they can be: at once.
wait_for_sql($node, 'postgres', stat_of('keeper', 'queued'), 0);
my $rows = $node->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.health_checks');
$session->query('BEGIN; LOCK TABLE pulsimo.health_checks');
wait_for_sql($node, 'postgres', 'SELECT (' . stat_of('keeper', 'queued') . ') >= 4', 't');
$session->query('COMMIT; SELECT pulsimo.stop()');
wait_for_sql($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pulsimo keeper'}, 0);
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.health_checks'), '>=', $rows + 4,
    'a keeper that leaves writes what waits');

# A prepared transaction that starts monitoring, committed after a restart.
$node->safe_psql('postgres', "BEGIN; SELECT pulsimo.start(); PREPARE TRANSACTION 'start'");
$session->quit;
$node->restart;
wait_for_sql($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pulsimo launcher'}, 1);
wait_for_sql($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pulsimo keeper'}, 0);
$node->safe_psql('postgres', "COMMIT PREPARED 'start'");
wait_for_sql($node, 'postgres', status_of($id), 'up');
wait_for_checks($node, 'postgres', $id, 1);
pass('COMMIT PREPARED starts monitoring, also after a restart');

# Prepared transactions that come to nothing take no place for long.
for my $number (1 .. $node->safe_psql('postgres', 'SHOW pulsimo.max_databases')) {
    $node->safe_psql('postgres', "CREATE DATABASE d$number");
    create_extension($node, "d$number");
    $node->safe_psql("d$number", "BEGIN; SELECT pulsimo.start(); PREPARE TRANSACTION 'p'");
    $node->safe_psql("d$number", "ROLLBACK PREPARED 'p'");
    $node->safe_psql('postgres', "DROP DATABASE d$number");
}
$node->safe_psql('postgres', 'CREATE DATABASE another');
create_extension($node, 'another');
my $other = add_endpoint($node, $target->url, %often, -database => 'another');
wait_for_sql($node, 'another', status_of($other), 'up');
pass('... and rolled back ones leave room for other databases');

# Settings of the database that would have the keeper work as somebody else.
$node->safe_psql('postgres', 'CREATE ROLE nobody; ALTER DATABASE postgres SET role = nobody');
$node->safe_psql('postgres', 'SET ROLE NONE; SELECT pulsimo.stop()');
$node->safe_psql('postgres', 'SET ROLE NONE; SELECT pulsimo.start()');
my $count = 'SET ROLE NONE; SELECT count(*) FROM pulsimo.health_checks';
my $before = $node->safe_psql('postgres', $count);
wait_for_sql($node, 'postgres', "SET ROLE NONE; SELECT count(*) > $before FROM pulsimo.health_checks", 't');
pass('a role that the database sets for its sessions is not the keeper\'s');

done_testing();
