# Trouble of our own: tables that cannot be written and processes that stand still. The rule is always the same: what
# was measured is kept and written later with its true time, what was not measured is unknown, and nothing of it is ever
# told as an outage of the endpoint.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $target = start_target();

# Small WAL segments, so that a limit on the size of files can hit a table and spare them.
my $node = new_pulsimo_node('main', -init => [ extra => ['--wal-segsize=1'] ], 'pulsimo.late_limit' => '300ms',
    autovacuum => 'off');
my %often = (check_interval => '1 s', timeout => '500 ms', failure_threshold => 1);
my $id = add_endpoint($node, $target->url, %often);
my $status = "SELECT status FROM pulsimo.endpoint_status WHERE id = $id";
wait_for_sql($node, 'postgres', $status, 'up');

# An endpoint of another database, which has nothing to do with the trouble: its checks let time pass.
$node->safe_psql('postgres', 'CREATE DATABASE clock');
create_extension($node, 'clock');
my $clock = add_endpoint($node, $target->url, -database => 'clock', check_interval => '1 s', timeout => '1 s');

sub now {
    return $node->safe_psql('postgres', 'SELECT clock_timestamp()');
}

# A column of worker_status, which needs no table of ours.
sub counter {
    my ($role, $column) = @_;
    return "SELECT $column FROM pulsimo.worker_stats() WHERE role = '$role'"
      . " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
}

# Whether at least $count checks of the endpoint started in that time.
sub checks_between {
    my ($from, $to, $count) = @_;
    return $node->safe_psql('postgres', qq{
        SELECT count(*) >= $count FROM pulsimo.health_checks
        WHERE endpoint_id = $id AND checked_at BETWEEN '$from' AND '$to'});
}

# The statuses of the endpoint since a moment. Never down, never an incident: for that, each test calls this.
sub is_no_outage {
    my ($since, $expected, $what) = @_;
    is( $node->safe_psql('postgres', qq{
            SELECT (SELECT string_agg(status::text, ' ' ORDER BY id) FROM pulsimo.state_changes
                    WHERE endpoint_id = $id AND recorded_at > '$since'),
                   (SELECT count(*) FROM pulsimo.incidents)}), "$expected|0", $what);
    return;
}

# Writing fails in some way for longer than one attempt, and works again.
sub results_wait {
    my ($what, $reason, $begin, $end) = @_;
    my $failures = $node->safe_psql('postgres', counter('keeper', 'failures'));
    my $position = -s $node->logfile;
    my $from = now();
    $begin->();
    wait_for_sql($node, 'postgres', 'SELECT (' . counter('keeper', 'failures') . ") >= $failures + 3", 't');
    # One of them may have been on its way when this began.
    wait_for_sql($node, 'postgres', 'SELECT (' . counter('keeper', 'queued') . ') >= 4', 't');
    my $to = now();
    $end->();
    wait_for_sql($node, 'postgres', counter('keeper', 'queued'), 0);
    is(checks_between($from, $to, 3), 't', "$what: results wait and are written with their own times");
    is_no_outage($from, '', "$what: ... and the status stays");
    my $keeper = $node->safe_psql('postgres', counter('keeper', 'pid'));
    my @said = slurp_file($node->logfile, $position) =~ /\[$keeper\] LOG:  (pulsimo[^\n]*)/g;
    is(@said, 2, "$what: ... and its begin and end were logged");
    like("@said", qr/pulsimo could not write results: $reason pulsimo writes results again/,
        "$what: ... with the reason");
    return;
}

my $session = start_session($node);
results_wait('a lock', qr/canceling statement due to lock timeout/,
    sub { $session->query('BEGIN; LOCK TABLE pulsimo.health_checks') },
    sub { $session->query('COMMIT') });

results_wait('a read-only database', qr/cannot execute COPY FROM in a read-only transaction/,
    sub { change_settings($node, default_transaction_read_only => 'on') },
    sub { change_settings($node, default_transaction_read_only => undef) });

# Bytes of one type mean something else in another.
results_wait('a column of another type', qr/column "connect_us" of table "health_checks" is of type real/,
    sub { $node->safe_psql('postgres', 'ALTER TABLE pulsimo.health_checks ALTER connect_us TYPE real') },
    sub { $node->safe_psql('postgres', 'ALTER TABLE pulsimo.health_checks ALTER connect_us TYPE integer') });

# The disk is full for the keeper alone: no file may grow beyond a megabyte, and today's partition is larger.
SKIP: {
    skip 'no prlimit, which makes a disk look full', 4 if system('prlimit --version >/dev/null 2>&1') != 0;
    $node->safe_psql('postgres', q{INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us)
                                   SELECT 0, now(), 'up', 1 FROM generate_series(1, 20000)});
    my $keeper = $node->safe_psql('postgres', counter('keeper', 'pid'));
    results_wait('a full disk', qr/could not extend file [^\n]*: File too large/,
        sub {
            system_or_bail('prlimit', "--pid=$keeper", '--fsize=1048576:unlimited');
            # The last page counts as full.
            my $partition = $node->safe_psql('postgres',
                'SELECT tableoid::regclass FROM pulsimo.health_checks LIMIT 1');
            $node->safe_psql('postgres', "ALTER TABLE $partition SET (fillfactor = 10)");
        },
        sub { system_or_bail('prlimit', "--pid=$keeper", '--fsize=unlimited:unlimited') });
}

# With no room for more results, checks are skipped and counted. The gap is unknown, although the target is down
# meanwhile: nobody has seen that.
change_settings($node, 'pulsimo.max_pending_results' => 10);
my $from = now();
my $skipped = $node->safe_psql('postgres', counter('prober', 'skipped'));
$session->query('BEGIN; LOCK TABLE pulsimo.health_checks');
wait_for_sql($node, 'postgres', 'SELECT (' . counter('prober', 'skipped') . ") >= $skipped + 1", 't');
# Those under way still come in.
like($node->safe_psql('postgres', counter('keeper', 'queued')), qr/^1[0-2]$/, 'a full queue stops the checks');
$target->down;
wait_for_sql($node, 'postgres', 'SELECT (' . counter('prober', 'skipped') . ") >= $skipped + 4", 't');
$target->up;
$session->query('COMMIT');
wait_for_sql($node, 'postgres', $status, 'up');
wait_for_checks($node, 'postgres', $id, 1);
is_no_outage($from, 'unknown up', 'what was not checked is unknown, then it is up again');
change_settings($node, 'pulsimo.max_pending_results' => undef);

# Somebody's own rules on our tables refuse the results of one endpoint. They are dropped with a word in the log; the
# results that came with them are not.
my $refused = add_endpoint($node, $target->url, %often, name => 'refused');
wait_for_sql($node, 'postgres', "SELECT status FROM pulsimo.endpoint_status WHERE id = $refused", 'up');
my $drops = qr/pulsimo drops results of endpoint $refused that cannot be stored: /;
my %rules = (
    'a CHECK' => [
        "ALTER TABLE pulsimo.health_checks ADD CONSTRAINT none_of_these CHECK (endpoint_id <> $refused) NOT VALID",
        'ALTER TABLE pulsimo.health_checks DROP CONSTRAINT none_of_these' ],
    'a trigger' => [ qq{
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            \$\$BEGIN IF NEW.endpoint_id = $refused THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END\$\$;
        CREATE TRIGGER refuse BEFORE INSERT ON pulsimo.health_checks FOR EACH ROW EXECUTE FUNCTION refuse()},
        'DROP TRIGGER refuse ON pulsimo.health_checks' ],
);
for my $what (sort keys %rules) {
    my ($make, $drop) = @{ $rules{$what} };
    my $position = -s $node->logfile;
    $from = now();
    $node->safe_psql('postgres', $make);
    wait_for_checks($node, 'postgres', $id, 3);
    wait_for_log_line($node, $drops, $position);
    is_no_outage($from, '', "$what that refuses the results of one endpoint leaves the others alone");
    # Its outage begins unseen by the tables and is told as soon as they let it.
    $node->safe_psql('postgres',
        "SELECT pulsimo.update_endpoint($refused, jsonb_build_object('url', '" . $target->url('/status/500') . "'))");
    my $dropped = $node->safe_psql('postgres', counter('keeper', 'skipped'));
    wait_for_sql($node, 'postgres', 'SELECT (' . counter('keeper', 'skipped') . ") >= $dropped + 2", 't');
    is(() = slurp_file($node->logfile, $position) =~ /$drops/g, 1, '... which is logged once');
    $node->safe_psql('postgres', $drop);
    wait_for_sql($node, 'postgres', "SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $refused", 1);
    pass('... and an outage that began meanwhile is found out');
    $node->safe_psql('postgres', "SELECT pulsimo.update_endpoint($refused, '{\"url\": \"" . $target->url . "\"}')");
    wait_for_sql($node, 'postgres', "SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $refused", 0);
    $node->safe_psql('postgres', "DELETE FROM pulsimo.incidents");
}
$node->safe_psql('postgres', "SELECT pulsimo.remove_endpoint($refused)");

# A prober that stands still misses the timeout of a check: that is no timeout of the target.
my $hanging = add_endpoint($node, $target->url('/hang'), check_interval => '1 h', timeout => '3 s',
    failure_threshold => 1, name => 'hanging');
wait_for_sql($node, 'postgres', 'SELECT (' . counter('prober', 'running') . ') >= 1', 't');
$from = now();
my $prober = $node->safe_psql('postgres', counter('prober', 'pid'));
kill 'STOP', $prober;
wait_for_checks($node, 'clock', $clock, 5);
kill 'CONT', $prober;
my $verdicts =
  "SELECT string_agg(status || ' ' || error_class, ',') FROM pulsimo.health_checks WHERE endpoint_id = $hanging";
is(wait_for_sql($node, 'postgres', $verdicts, qr/./), 'unknown timeout',
    'a timeout that a prober slept through is unknown');
wait_for_sql($node, 'postgres', $status, 'up');
wait_for_checks($node, 'postgres', $id, 1);
is_no_outage($from, 'unknown up', '... as is the time in which nothing was checked');
is($node->safe_psql('postgres', "SELECT status FROM pulsimo.check_now($hanging)"), 'down',
    '... the same timeout while awake is down');
$node->safe_psql('postgres', "SELECT pulsimo.remove_endpoint($hanging)");
$node->safe_psql('postgres', 'DELETE FROM pulsimo.incidents');

# A keeper that stands still: its prober goes on, and the results wait in the queue between them.
$from = now();
my $keeper = $node->safe_psql('postgres', counter('keeper', 'pid'));
kill 'STOP', $keeper;
wait_for_checks($node, 'clock', $clock, 4);
my $to = now();
kill 'CONT', $keeper;
wait_for_checks($node, 'postgres', $id, 1);
is(checks_between($from, $to, 3), 't', 'a prober goes on while its keeper stands still');
is_no_outage($from, '', '... and nothing of it shows');
$session->quit;

# When it stands still for so long that even the prober's own memory is full, the prober waits for it. No slot is late
# meanwhile and no limit of a host is reached, so nothing else keeps the prober from checking.
change_settings($node, 'pulsimo.late_limit' => '60 s', 'pulsimo.max_running_per_host' => 1000);
$node->safe_psql('postgres', 'INSERT INTO pulsimo.endpoints (project_id, name, url, check_interval, timeout)'
    . " SELECT 1, 'one of many', '" . $target->url . "', '1 s', '1 s' FROM generate_series(1, 600)");
wait_for_sql($node, 'postgres', "SELECT count(*) FROM pulsimo.endpoint_status WHERE status = 'up'", 601);
$skipped = $node->safe_psql('postgres', counter('prober', 'skipped'));
kill 'STOP', $keeper;
my $checks_of_some_seconds = sub {
    my $checks = $node->safe_psql('postgres', counter('prober', 'checks'));
    wait_for_checks($node, 'clock', $clock, 3);
    return $node->safe_psql('postgres', counter('prober', 'checks')) - $checks;
};
my $last_checks;
for (1 .. $PostgreSQL::Test::Utils::timeout_default / 3) {
    $last_checks = $checks_of_some_seconds->();
    last if $last_checks == 0;
}
is($last_checks, 0, 'a prober stops when its keeper has long taken nothing');
wait_for_sql($node, 'postgres', counter('prober', "running = 0 AND skipped >= $skipped + 600"), 't');
pass('... and skips what is due');
kill 'CONT', $keeper;
wait_for_checks($node, 'postgres', $id, 2);
is($node->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.incidents'), 0, '... and goes on with it');

done_testing();
