# The life of the workers: they come with the first endpoint, survive what administrators do to them, follow the
# settings, and say what they lack.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $target = start_target();

# The processes of one kind, as database/state lines.
sub processes {
    my ($kind) = @_;
    return "SELECT string_agg(coalesce(datname, '-') || '/' || state, ' ' ORDER BY datname) FROM pg_stat_activity"
      . " WHERE backend_type = 'pulsimo $kind'";
}

sub status_of {
    my ($id) = @_;
    return "SELECT status FROM pulsimo.endpoint_status WHERE id = $id";
}

my $checked_since_start =
  'SELECT EXISTS (SELECT FROM pulsimo.health_checks WHERE checked_at > pg_postmaster_start_time())';

# A server with room for the workers of one database gets two. It stays short of workers during the next tests, so that
# the launcher tries more than once.
my $short = new_pulsimo_node('short', max_worker_processes => 3, max_logical_replication_workers => 0);
my $first_id = add_endpoint($short, $target->url, check_interval => '1 s', timeout => '1 s');
wait_for_sql($short, 'postgres', status_of($first_id), 'up');
$short->safe_psql('postgres', 'CREATE DATABASE second');
create_extension($short, 'second');
my $second_id = add_endpoint($short, $target->url, -database => 'second', check_interval => '1 s', timeout => '1 s');
my $no_keeper =
  qr/cannot start a keeper: out of background worker slots\n[^\n]*HINT:  Consider increasing max_worker_processes/;
wait_for_log_line($short, $no_keeper);
wait_for_sql($short, 'second', "SELECT last_error FROM pulsimo.worker_status WHERE role = 'launcher'",
    'out of background worker slots');

# Not preloaded: everything works but nothing is probed, and that is said once a session.
my $plain = new_pulsimo_node('plain', shared_preload_libraries => '', -extension => 0);
is(psql_says($plain, 'postgres', 'CREATE EXTENSION pulsimo'), '', 'the extension is created without preloading');
my $preload_hint = qr/HINT:  Add "pulsimo" to shared_preload_libraries/;
my $not_preloaded = qr/WARNING:  55000: pulsimo is not preloaded, nothing will be probed\n$preload_hint/;
my $said = psql_says($plain, 'postgres', ("SELECT pulsimo.add_endpoint('" . $target->url . "')") x 3);
like($said, $not_preloaded, 'the first add_endpoint() without preloading warns');
is(() = $said =~ /WARNING/g, 1, '... once a session');
like(psql_says($plain, 'postgres', "UPDATE pulsimo.endpoints SET name = 'x' WHERE id = 2"),
    $not_preloaded, 'so does a change in another session');
like(psql_says($plain, 'postgres', 'SELECT pulsimo.start()', 'SELECT pulsimo.stop()', 'SELECT pulsimo.start()'),
    qr/\A[^\n]*$not_preloaded[^\n]*\n(?:LOCATION:[^\n]*)?\s*\z/, 'and start() and stop()');
like(psql_says($plain, 'postgres', 'SELECT pulsimo.check_now(1)'),
    qr/ERROR:  55000: cannot check now: pulsimo is not preloaded\n$preload_hint/,
    'check_now() is refused');
is($plain->safe_psql('postgres',
    'SELECT count(*), count(*) FILTER (WHERE status = $$unknown$$) FROM pulsimo.endpoint_status'),
    '3|3', 'the views work');
is($plain->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.worker_status'), '0', 'there are no workers');

# What the hint says is all it takes. In the same go: room for one database only.
$plain->safe_psql('postgres', 'CREATE DATABASE other');
create_extension($plain, 'other');
$plain->append_conf('postgresql.conf', "shared_preload_libraries = 'pulsimo'\npulsimo.max_databases = 1");
$plain->restart;
wait_for_sql($plain, 'postgres', 'SELECT count(*) FROM pulsimo.endpoint_status WHERE status = $$up$$', '3');
my $room_hint = qr/HINT:  Consider increasing pulsimo.max_databases/;
like(psql_says($plain, 'other', "SELECT pulsimo.add_endpoint('" . $target->url . "')"),
    qr/WARNING:  53400: pulsimo already monitors 1 databases, this one is not monitored\n$room_hint/,
    'one database more than max_databases is told so');
is($plain->safe_psql('other', 'SELECT pulsimo.is_running()'), 't', '... what it asked for is committed');
my $log_position = -s $plain->logfile;
$plain->restart;
wait_for_log_line($plain,
    qr/LOG:  pulsimo has no room to look at all databases\n[^\n]*$room_hint/,
    $log_position);
my $monitored = wait_for_sql($plain, 'postgres', processes('keeper'), qr{^(?:postgres|other)/idle$});
$monitored =~ s{/.*}{};
my $left_out = $monitored eq 'other' ? 'postgres' : 'other';
$plain->safe_psql($monitored, 'SELECT pulsimo.stop()');
wait_for_sql($plain, 'postgres', processes('keeper'), "$left_out/idle");
pass('the other database gets the place as soon as it is free');

# A prober that may open fewer files than it could need says so and checks what it can.
SKIP: {
    skip 'no prlimit, which sets limits of a running server', 2 if system('prlimit --version >/dev/null 2>&1') != 0;
    $plain->safe_psql($left_out, 'SELECT pulsimo.stop()');
    wait_for_sql($plain, $left_out, processes('prober'), '');
    my ($postmaster) = slurp_file($plain->data_dir . '/postmaster.pid') =~ /\A(\d+)/;
    system_or_bail('prlimit', "--pid=$postmaster", '--nofile=256:256');
    $log_position = -s $plain->logfile;
    $plain->safe_psql($left_out, 'SELECT pulsimo.start()');
    my $few_files = qr/LOG:  pulsimo prober may open 256 files, pulsimo.max_running_probes needs 1064\n/;
    wait_for_log_line($plain, qr/$few_files[^\n]*HINT:  Raise the limit of open files/, $log_position);
    pass('too low a limit of open files is told');
    is($plain->safe_psql($left_out, 'SELECT status FROM pulsimo.check_now(1)'), 'up',
        '... and does not stop the checks');
}
$plain->stop;

# From CREATE EXTENSION to a result without a setting or a restart.
my $node = new_pulsimo_node('main');
is($node->safe_psql('postgres', processes('keeper')), '', 'an extension without endpoints has no keeper');
my $id = add_endpoint($node, $target->url, check_interval => '1 s', timeout => '1 s');
wait_for_sql($node, 'postgres', status_of($id), 'up');
is($node->safe_psql('postgres', "SELECT status, http_status FROM pulsimo.check_now($id)"), 'up|200',
    'check_now() answers');
like(psql_says($node, 'postgres', 'SELECT pulsimo.check_now(4711)'), qr/ERROR:  (?:55000|P0002): /,
    'check_now() of an endpoint that does not exist is refused');

for my $expected ([ launcher => '-/idle' ], [ keeper => 'postgres/idle' ], [ prober => '-/idle' ]) {
    is(wait_for_sql($node, 'postgres', processes($expected->[0]), $expected->[1]), $expected->[1],
        "the $expected->[0] in pg_stat_activity");
}
SKIP: {
    skip 'wait events of extensions have names only from 17 on', 1 if $node->pg_version < 17;
    is( wait_for_sql($node, 'postgres',
            q{SELECT string_agg(wait_event_type || '/' || wait_event, ' ' ORDER BY wait_event) FROM pg_stat_activity
              WHERE backend_type LIKE 'pulsimo %'}, qr/Keeper.*Launcher.*Prober/),
        'Extension/PulsimoKeeperMain Extension/PulsimoLauncherMain Extension/PulsimoProberMain',
        'their wait events have names');
}

# stop() and start().
$node->safe_psql('postgres', 'SELECT pulsimo.stop()');
wait_for_sql($node, 'postgres', 'SELECT string_agg(role, $$ $$) FROM pulsimo.worker_status', 'launcher');
is($node->safe_psql('postgres', status_of($id)), 'unknown', 'the status is unknown when monitoring is stopped');
like(psql_says($node, 'postgres', "SELECT pulsimo.check_now($id)"),
    qr/ERROR:  55000: cannot check now: monitoring of this database is not running\nHINT:  Call pulsimo.start\(\)/,
    'check_now() is refused while stopped');
is($node->safe_psql('postgres', "SELECT pulsimo.start();\nSELECT status FROM pulsimo.check_now($id)"), "\nup",
    'check_now() waits for workers that are only just starting');
wait_for_sql($node, 'postgres', status_of($id), 'up');
wait_for_checks($node, 'postgres', $id, 1);
pass('start() takes monitoring up again');

# Sessions that ask for the same check at the same time share it or not, but each gets an answer.
$node->pgbench('--no-vacuum --client=8 --transactions=10', 0, [qr{actually processed: 80/80}], [qr/^$|^pgbench/],
    'everybody who asks for a check of the same endpoint is answered',
    { '001_check_now' => "SELECT 1 / (status = 'up')::int FROM pulsimo.check_now($id);" });

# More databases, of each kind more than are visited at a time after a restart.
my @watched = map { "watched$_" } 1 .. 5;
for my $database (@watched, 'mould') {
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    create_extension($node, $database);
    add_endpoint($node, $target->url, -database => $database, check_interval => '1 s', timeout => '1 s');
}
my $all = join ' ', map { "$_/idle" } 'postgres', @watched;
wait_for_sql($node, 'postgres', processes('keeper'), "mould/idle $all");
pass('several databases are monitored at once');
$node->safe_psql('postgres', "CREATE DATABASE $_") for 'closed', map { "empty$_" } 1 .. 5;
$node->safe_psql('postgres', 'ALTER DATABASE mould IS_TEMPLATE true; ALTER DATABASE closed ALLOW_CONNECTIONS false');
$log_position = -s $node->logfile;
$node->restart;
wait_for_sql($node, 'postgres', processes('keeper'), $all);
wait_for_sql($node, $_, $checked_since_start, 't') for 'postgres', @watched;
pass('a restarted server finds its databases');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pulsimo.worker_stats() w JOIN pg_database d ON d.oid = w.database
                                  WHERE d.datistemplate OR NOT d.datallowconn}), '0', '... and leaves templates alone');
unlike(slurp_file($node->logfile, $log_position), qr/not currently accepting connections/,
    '... and databases that allow no connection');
# The settings are followed without a restart.
my $many = $node->safe_psql('postgres', "SELECT count(pulsimo.add_endpoint('" . $target->url
      . "', check_interval => '1 s', timeout => '1 s')) FROM generate_series(1, 30) n") + 1;
for my $probers (1, 3, 1) {
    change_settings($node, 'pulsimo.probers' => $probers);
    my $after = $node->safe_psql('postgres', 'SELECT now()');
    wait_for_sql($node, 'postgres', "SELECT count(*), sum(endpoints) FROM pulsimo.worker_status WHERE role = 'prober'",
        "$probers|$many");
    wait_for_sql($node, 'postgres',
        "SELECT count(DISTINCT endpoint_id) FROM pulsimo.health_checks WHERE checked_at > '$after'", $many);
    wait_for_sql($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pulsimo prober'},
        $probers * (1 + @watched));
    pass("$probers prober(s) have all endpoints, each once");
}

$log_position = -s $node->logfile;
$node->append_conf('postgresql.conf', "pulsimo.blocked_networks = '127.0.0.0/8, 10.0.0.0/129'");
$node->reload;
wait_for_log_line($node,
    qr{invalid value for parameter "pulsimo.blocked_networks": "127[^"\n]*"\n[^\n]*DETAIL:  [^\n]*10.0.0.0/129},
    $log_position);
wait_for_checks($node, 'postgres', $id, 1);
is($node->safe_psql('postgres', "SELECT status FROM pulsimo.check_now($id)"), 'up',
    'a bad list of networks is refused and changes nothing');
my (undef, undef, $stderr) = $node->psql('postgres', q{ALTER SYSTEM SET pulsimo.blocked_networks = 'nonsense'});
like($stderr, qr/ERROR:  invalid value for parameter "pulsimo.blocked_networks": "nonsense"\nDETAIL:  .*nonsense/,
    '... also by ALTER SYSTEM');
change_settings($node, 'pulsimo.blocked_networks' => '127.0.0.0/8');
wait_for_sql($node, 'postgres', "SELECT error_class FROM pulsimo.check_now($id)", 'policy');
pass('a good one takes effect');
change_settings($node, 'pulsimo.blocked_networks' => '');
wait_for_sql($node, 'postgres', status_of($id), 'up');

# Whoever ends a worker has it back. The launcher comes last: the postmaster waits ten seconds with it, and meanwhile
# the others go on.
for my $role (qw(prober keeper launcher)) {
    my $pid = worker_pid($node, $role);
    my $keeper = $node->safe_psql('postgres', q{SELECT pid FROM pulsimo.worker_status WHERE role = 'keeper'});
    $pid = $node->safe_psql('postgres', "SELECT pid FROM pulsimo.worker_status WHERE role = '$role'")
        if $role ne 'launcher';
    is($node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)"), 't', "the $role is ended");
    wait_for_sql($node, 'postgres', "SELECT pid <> $pid FROM pulsimo.worker_status WHERE role = '$role'", 't');
    wait_for_checks($node, 'postgres', $id, 2);
    my $survives = $role eq 'keeper' ? 'f' : 't';
    is($node->safe_psql('postgres', "SELECT pid = $keeper FROM pulsimo.worker_status WHERE role = 'keeper'"),
        $survives, "... and back; the keeper " . ($survives eq 't' ? 'stays' : 'is another'));
}
is($node->safe_psql('postgres', "SELECT sum(endpoints), count(*) FROM pulsimo.worker_status WHERE role = 'prober'"),
    "$many|1",
    'there is one prober with all endpoints in the end');
$node->safe_psql('watched1', 'SELECT pulsimo.stop()');
wait_for_sql($node, 'postgres', processes('keeper'), $all =~ s{ watched1/idle}{}r);
$node->safe_psql('watched1', 'SELECT pulsimo.start()');
wait_for_sql($node, 'postgres', processes('keeper'), $all);
pass('the new launcher looks after keepers that an earlier one has started');

for my $role (qw(prober keeper)) {
    $node->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pulsimo.worker_status WHERE role = '$role'");
    wait_for_checks($node, 'postgres', $id, 2);
}
pass('cancelling a worker as if it were a session does no harm');

# What an administrator has set for sessions in general neither ends the keeper nor changes what it does.
$node->safe_psql('postgres', 'CREATE DATABASE strange');
create_extension($node, 'strange');
my %strange = (
    search_path => 'nowhere', statement_timeout => '1ms', lock_timeout => '1ms',
    idle_in_transaction_session_timeout => '1ms',
    default_transaction_isolation => 'serializable', session_replication_role => 'replica', DateStyle => 'German',
    IntervalStyle => 'sql_standard', standard_conforming_strings => 'off');
$strange{transaction_timeout} = '1ms' if $node->pg_version >= 17;
$node->safe_psql('postgres', join ';', map { "ALTER DATABASE strange SET $_ = '$strange{$_}'" } sort keys %strange);
{
    local $ENV{PGOPTIONS} = join ' ', '-c session_replication_role=origin',
      map { "-c $_=0" } grep { /timeout/ } keys %strange;
    my $broken = add_endpoint($node, $target->url('/status/500'), -database => 'strange', check_interval => '1 s',
        timeout => '1 s',
        failure_threshold => 2);
    wait_for_sql($node, 'strange', "SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $broken", 1);
    is($node->safe_psql('strange', q{SELECT failures FROM pulsimo.worker_status WHERE role = 'keeper'}), 0,
        'strange settings of a database do not disturb its keeper');
}

# As pg_upgrade starts a server.
$node->stop;
my @pg_ctl = ('pg_ctl', '--pgdata', $node->data_dir, '--log', $node->logfile, '--wait');
command_ok([ @pg_ctl, '-o', '-b -c autovacuum=off', 'start' ], 'the server starts in binary upgrade mode');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pulsimo%'}), '0',
    '... without workers');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.endpoints'), $many, '... with our tables');
command_ok([ @pg_ctl, 'stop' ], '... and stops');
$node->start;
wait_for_sql($node, 'postgres', $checked_since_start, 't');
pass('started as usual it monitors again');

# The server that is short of workers: the keeper of the second database comes when the first makes room.
is($short->safe_psql('second', 'SELECT count(*) FROM pulsimo.health_checks'), '0',
    'without a worker nothing is checked');
$short->safe_psql('postgres', 'SELECT pulsimo.stop()');
wait_for_sql($short, 'second', status_of($second_id), 'up');
is(() = slurp_file($short->logfile) =~ /$no_keeper/g, 1, 'the lack of workers was logged once');
$log_position = -s $short->logfile;
change_settings($short, 'pulsimo.probers' => 2);
wait_for_log_line($short,
    qr/cannot start a prober: out of background worker slots\n[^\n]*HINT:  Consider increasing max_worker_processes/,
    $log_position);
change_settings($short, 'pulsimo.probers' => undef);
wait_for_sql($short, 'second', "SELECT count(*), sum(endpoints) FROM pulsimo.worker_status WHERE role = 'prober'",
    '1|1');
wait_for_checks($short, 'second', $second_id, 1);
pass('fewer probers find room again');

done_testing();
