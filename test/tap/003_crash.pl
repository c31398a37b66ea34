# Crashes: a worker that is killed takes the server through crash recovery, as any of its processes does. Nothing that
# was committed is lost, monitoring goes on by itself, an incident that was open stays the only one, and a time without
# checks is told as unknown.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;
use Time::HiRes qw(usleep);

my ($good, $bad) = (start_target(), start_target());
# No vacuum, so that xmin tells which transaction wrote a row.
my $node = new_pulsimo_node('main', restart_after_crash => 'on', autovacuum => 'off');
my %often = (check_interval => '1 s', timeout => '500 ms', failure_threshold => 1);
my $up_id = add_endpoint($node, $good->url, %often);
my $down_id = add_endpoint($node, $bad->url('/status/500'), %often);
wait_for_sql($node, 'postgres', "SELECT string_agg(status::text, ' ' ORDER BY id) FROM pulsimo.endpoint_status",
    'up down');

# The rows that are there at a moment, as counts and sums; what is added later does not count.
sub contents {
    my ($until) = @_;
    return $node->safe_psql('postgres', qq{
        SELECT count(*), sum(hashtext(h::text)) FROM pulsimo.health_checks h WHERE xmin::text::bigint < $until
        UNION ALL SELECT count(*), sum(hashtext(s::text)) FROM pulsimo.state_changes s WHERE xmin::text::bigint < $until
        UNION ALL SELECT count(*), sum(hashtext(o::text)) FROM pulsimo.outbox o WHERE xmin::text::bigint < $until});
}

# Every transaction before this one has ended.
sub horizon {
    return $node->safe_psql('postgres', 'SELECT pg_snapshot_xmin(pg_current_snapshot())');
}

# Runs $crash and waits until both endpoints are checked again, then compares what must have survived.
sub survives {
    my ($what, $crash) = @_;
    my $until = horizon();
    my $before = contents($until);
    my $moment = $node->safe_psql('postgres', 'SELECT now()');
    my $position = -s $node->logfile;
    $crash->();
    wait_for_log_line($node, qr/database system is ready to accept connections/, $position);
    for my $id ($up_id, $down_id) {
        wait_for_sql($node, 'postgres',
            "SELECT count(*) >= 3 FROM pulsimo.health_checks WHERE endpoint_id = $id AND checked_at > '$moment'", 't');
    }
    is(contents($until), $before, "$what: nothing that was committed is lost");
    wait_for_sql($node, 'postgres', "SELECT string_agg(status::text, ' ' ORDER BY id) FROM pulsimo.endpoint_status",
        'up down');
    is( $node->safe_psql('postgres', q{
            SELECT (SELECT string_agg(endpoint_id || ' ' || status, ',') FROM pulsimo.incidents),
                   (SELECT string_agg(topic, ',') FROM pulsimo.outbox),
                   (SELECT string_agg(event::text, ',') FROM pulsimo.incident_events)}),
        "$down_id open|incident_opened|created",
        "$what: monitoring goes on, and the open incident is still the only one");
    return;
}

for my $role (qw(prober keeper launcher)) {
    survives("killed $role", sub {
        my $pid = worker_pid($node, $role);
        my $position = -s $node->logfile;
        allow_signal($node, 1);
        kill 'KILL', $pid;
        wait_for_log_line($node, qr/background worker "pulsimo $role" \(PID $pid\) was terminated by signal 9/,
            $position);
    });
    is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pulsimo%'"), 3,
        "killed $role: all workers are back, each once");
}

survives('immediate shutdown', sub {
    $node->stop('immediate');
    $node->start;
});

# A session that crashes while it makes an endpoint leaves none.
my $session = start_session($node);
$session->query("BEGIN; SELECT pulsimo.add_endpoint('" . $good->url . "')");
survives('crash during a transaction', sub {
    $node->stop('immediate');
    $node->start;
});
is($node->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.endpoints'), 2, 'what was not committed is gone');

# The server is down for longer than two intervals and the timeout. That time is unknown for both, not down: it begins
# one interval after the last check.
my $last_change = $node->safe_psql('postgres', 'SELECT max(id) FROM pulsimo.state_changes');
$node->stop('immediate');
my $long_enough = time + 4;
usleep(50_000) while time < $long_enough;
$node->start;
wait_for_sql($node, 'postgres', "SELECT count(*) FROM pulsimo.state_changes WHERE id > $last_change", 4);
is( $node->safe_psql('postgres', qq{
        SELECT endpoint_id, string_agg(status::text, ' ' ORDER BY id),
            min(error_class) FILTER (WHERE status = 'unknown')
        FROM pulsimo.state_changes WHERE id > $last_change GROUP BY 1 ORDER BY 1}),
    "$up_id|unknown up|internal\n$down_id|unknown down|internal", 'a time without checks is unknown');
is( $node->safe_psql('postgres', qq{
        SELECT c.endpoint_id, c.changed_at - (SELECT max(h.checked_at) FROM pulsimo.health_checks h
                                              WHERE h.endpoint_id = c.endpoint_id AND h.checked_at < c.changed_at)
        FROM pulsimo.state_changes c WHERE c.id > $last_change AND c.status = 'unknown' ORDER BY 1}),
    "$up_id|00:00:01\n$down_id|00:00:01", '... from one interval after the last check on');
is($node->safe_psql('postgres', 'SELECT count(*), min(status::text) FROM pulsimo.incidents'), '1|open',
    '... and the incident is still the same');
done_testing();
