# A standby is a mirror that probes nothing, and goes on with the work when it is promoted.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use PulsimoTest::Monitoring;
use Test::More;

my $target = start_target();
my $statuses = q{SELECT string_agg(status::text, ' ' ORDER BY id) FROM pulsimo.endpoint_status};
my $closed = PostgreSQL::Test::Cluster::get_free_port();
my $primary = new_pulsimo_node('primary', -init => [ allows_streaming => 1 ], 'pulsimo.check_retention' => 0);

sub add {
    my ($name, $url) = @_;
    return add_endpoint($primary, $url, name => $name, check_interval => '1 s', timeout => '500 ms',
        failure_threshold => 2);
}

sub start_standby {
    $primary->backup('backup');
    my $standby = PostgreSQL::Test::Cluster->new('standby');
    $standby->init_from_backup($primary, 'backup', has_streaming => 1);
    $standby->append_conf('postgresql.conf', "hot_standby_feedback = off\n");
    watch_log($standby);
    $standby->start;
    return $standby;
}

sub catch_up {
    my ($standby) = @_;
    $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert'));
    return;
}

my $up = add('up', $target->url('/'));
my $down = add('down', "http://127.0.0.1:$closed/");
wait_for_sql($primary, 'postgres', "SELECT status FROM pulsimo.endpoint_status WHERE id = $up", 'up');
wait_for_sql($primary, 'postgres', 'SELECT count(*) FROM pulsimo.active_incidents', '1');
my $incident = $primary->safe_psql('postgres', 'SELECT id FROM pulsimo.active_incidents');
$primary->safe_psql('postgres', q{SELECT pulsimo.create_partition('2024-01-01')});
$primary->safe_psql('postgres', q{
    SELECT pulsimo.add_user('ann@example.org', 'Annabel', o.id, 'owner', 'correct horse battery')
    FROM pulsimo.organizations o;
    SELECT pulsimo.create_api_key('key', user_id => u.id) FROM pulsimo.users u;
    INSERT INTO pulsimo.secrets (organization_id, name, sealed) SELECT o.id, 'token', 'x' FROM pulsimo.organizations o;
    SELECT pulsimo.sign_in('ann@example.org', 'correct horse battery')});
$primary->safe_psql('postgres', qq{
    SELECT pulsimo.add_dependency($down, $up, 'weak'), pulsimo.add_action_item($incident, 'mend it');
    SELECT pulsimo.resolve_incident(pulsimo.open_incident('over', 'low', '{$up}'))});
my $standby = start_standby();

sub ask { return $standby->safe_psql('postgres', $_[0]) }
sub answer_to { return psql_says($standby, 'postgres', "SELECT pulsimo.$_[0]") }

# --- while it is a standby ------------------------------------------------------------------------------------------

sub has_no_workers {
    is(ask(q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pulsimo%'}), '0',
        'a standby has no workers');
    is(ask('SELECT role, pid FROM pulsimo.worker_status'), 'launcher|', 'and worker_status says so');
    return;
}

sub shows_what_the_primary_does {
    wait_for_new_check($standby, 'postgres');
    pass('the checks of the primary arrive');
    my @views = split /\n/, ask(<<'SQL');
SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace = 'pulsimo'::regnamespace AND c.relkind = 'v'
SQL
    for my $view (@views) {
        my ($status, $rows) = $standby->psql('postgres', "SELECT count(*) > 0 FROM $view");
        is("$status $rows", '0 t', "$view can be read");
    }
    for my $call ('dashboard()', "incident_timeline($incident)", 'version()', 'is_running()',
        "uptime($up, now() - interval '1 h', now())", "time_in_status($up, now() - interval '1 h', now())") {
        my ($status, $rows) = $standby->psql('postgres', "SELECT count(*) > 0 FROM pulsimo.$call");
        is("$status $rows", '0 t', "$call can be called");
    }
    is(ask($statuses), 'up down', 'endpoints have the status that the primary found');
    return;
}

sub refuses_to_write {
    for my $call (
        "add_endpoint('http://127.0.0.1/')", "update_endpoint($up, '{\"name\": \"other\"}')", "pause_endpoint($up)",
        "remove_endpoint($up)", 'stop()', 'start()', "create_partition('2024-01-02')",
        "drop_partitions_before('2024-01-02')"
    ) {
        like(answer_to($call), qr/\A(?:psql:\S* )?ERROR:  25006: /, "$call is refused as read-only");
    }
    like(answer_to("check_now($up)"), qr/\A(?:psql:\S* )?ERROR:  55000: .*\n.*HINT: /, 'check_now() has nobody to ask');
    is(answer_to('wake()'), '', 'wake() has nobody to wake');
    return;
}

has_no_workers();
shows_what_the_primary_does();
refuses_to_write();
has_no_workers();

# --- promotion ------------------------------------------------------------------------------------------------------

# The primary goes, and nobody checks for longer than two intervals and the timeout: that is a gap.
catch_up($standby);
$primary->stop('immediate');
wait_for_sql($standby, 'postgres',
    q{SELECT clock_timestamp() > max(checked_at) + interval '2.5 s' FROM pulsimo.health_checks}, 't');
my $promoted = ask('SELECT clock_timestamp()');
$standby->promote;

wait_for_new_check($standby, 'postgres');
pass('monitoring begins on the promoted standby by itself');
worker_pid($standby, $_) for qw(launcher keeper prober);
wait_for_sql($standby, 'postgres', $statuses, 'up down');
is(ask('SELECT id, status FROM pulsimo.incidents WHERE automatic'), "$incident|open",
    'the open incident is still the only one, and open');

my $last_check =
  "(SELECT max(checked_at) FROM pulsimo.health_checks WHERE endpoint_id = $up AND checked_at < '$promoted')";

# What is in the history of an endpoint since the last check before the promotion. Both endpoints were checked in the
# last second of the primary, so one of the two will do.
sub history {
    my ($id) = @_;
    return ask(<<"SQL");
SELECT previous_status, status FROM pulsimo.state_changes
WHERE endpoint_id = $id AND changed_at > $last_check ORDER BY changed_at, id
SQL
}
is(history($up), "up|unknown\nunknown|up", 'the gap is unknown time');
is(history($down), "down|unknown\nunknown|down", 'also for the endpoint that is down');
is(ask(<<"SQL"), 't', 'it begins one interval after the last check');
SELECT changed_at = $last_check + interval '1 s' FROM pulsimo.state_changes
WHERE endpoint_id = $up AND status = 'unknown' AND changed_at > $last_check
SQL

$target->down;
wait_for_sql($standby, 'postgres', "SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $up", '1');
$target->up;
wait_for_sql($standby, 'postgres', "SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $up", '0');
pass('incidents open and resolve');
add_endpoint($standby, $target->url('/'), name => 'later', check_interval => '1 s', timeout => '500 ms');
wait_for_sql($standby, 'postgres', q{SELECT status FROM pulsimo.endpoint_status WHERE name = 'later'}, 'up');
pass('endpoints can be added');

done_testing();
