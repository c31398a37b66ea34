# What becomes of failures besides an incident, with real servers and workers: an upstream that takes its dependents with
# it, our own connectivity, maintenance, flapping, people who resolve by hand, cron, a keeper that is killed meanwhile.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use PulsimoTest::Monitoring;
use Test::More;

my $node = new_pulsimo_node('main', restart_after_crash => 'on');
my %quick = (check_interval => '1 s', timeout => '500 ms', failure_threshold => 2);

sub ask { return $node->safe_psql('postgres', $_[0]) }
sub wait_until { return wait_for_sql($node, 'postgres', @_) }
sub status_of { return "SELECT status FROM pulsimo.endpoint_status WHERE id = $_[0]" }
sub incidents_of { return "SELECT count(*) FROM pulsimo.incidents WHERE endpoint_id = $_[0]" }

sub remove_all {
    ask('SELECT pulsimo.remove_endpoint(id) FROM pulsimo.endpoints');
    return;
}

# So many checks that were begun after this call.
sub checks_more {
    my ($id, $number) = @_;
    my $since = ask('SELECT clock_timestamp()');
    wait_until("SELECT count(*) >= $number FROM pulsimo.health_checks WHERE endpoint_id = $id AND checked_at > '$since'", 't');
    return;
}

# --- dependencies -----------------------------------------------------------------------------------------------------

# The dependents fail first: they are checked every second, the upstream once a minute.
sub upstream_takes_five_with_it {
    my $target = start_target();
    my $upstream = add_endpoint($node, $target->url('/'), %quick, name => 'database', check_interval => '60 s',
        options => '{"retry_interval": "1 s"}');
    my @dependents = map { add_endpoint($node, $target->url("/delay/$_"), %quick, name => "service $_") } 1 .. 5;
    ask("SELECT pulsimo.add_dependency($_, $upstream)") for @dependents;
    my $list = join ',', @dependents;
    wait_until("SELECT count(*) FROM pulsimo.endpoint_status WHERE status = 'up'", 6);

    $target->down;
    wait_until("SELECT count(*) FROM pulsimo.endpoint_status WHERE status = 'down'", 6);
    wait_until('SELECT count(*) FROM pulsimo.suppressions WHERE ended_at IS NULL', 5);
    is(ask('SELECT created_at - started_at >= interval $$900 ms$$ FROM pulsimo.incidents'), 't',
        'that five dependents ask for the upstream does not hasten its threshold');
    is(ask("SELECT string_agg(endpoint_id::text, ' ') FROM pulsimo.incidents"), $upstream,
        'one incident, that of the upstream, although its dependents failed first');
    is(ask(<<"SQL"), 't', 'and five that are put down to it');
SELECT count(*) = 5 AND bool_and(s.cause_endpoint_id = $upstream AND s.cause_incident_id = i.id AND s.endpoint_id IN ($list))
FROM pulsimo.suppressions s JOIN pulsimo.incidents i ON i.endpoint_id = $upstream
SQL
    checks_more($dependents[0], 3);
    is(ask('SELECT count(*) FROM pulsimo.incidents'), '1', 'further failures change nothing');

    $target->up;
    wait_until("SELECT count(*) FROM pulsimo.endpoint_status WHERE status = 'up'", 6);
    wait_until('SELECT count(*) FROM pulsimo.suppressions WHERE ended_at IS NULL', 0);
    is(ask("SELECT count(*), bool_and(status = 'resolved') FROM pulsimo.incidents"), '1|t', 'all recover without another incident');
    is(ask("SELECT bool_and(ended_at > began_at) FROM pulsimo.suppressions"), 't', 'suppressions end with the recovery');
    remove_all();
    return;
}

# One that stays down when its upstream has recovered has an incident of its own, from its true start.
sub dependent_stays_down {
    my ($database, $service) = (start_target(), start_target());
    my $upstream = add_endpoint($node, $database->url('/'), %quick, name => 'database');
    my $dependent = add_endpoint($node, $service->url('/'), %quick, name => 'service', options => '{"retry_interval": "1 s"}');
    ask("SELECT pulsimo.add_dependency($dependent, $upstream)");
    wait_until("SELECT count(*) FROM pulsimo.endpoint_status WHERE status = 'up'", 2);
    $database->down;
    wait_until(status_of($upstream), 'down');
    $service->down;
    wait_until('SELECT count(*) FROM pulsimo.suppressions WHERE ended_at IS NULL', 1);
    is(ask(incidents_of($dependent)), '0', 'the dependent has no incident while its upstream is down');
    $database->up;
    wait_until(incidents_of($dependent), '1');
    is(ask(<<"SQL"), 't', 'when it stays down afterwards it has one, from its true start');
SELECT i.started_at = (SELECT min(h.checked_at) FROM pulsimo.health_checks h WHERE h.endpoint_id = $dependent AND h.status = 'down')
    AND i.created_at > (SELECT u.resolved_at FROM pulsimo.incidents u WHERE u.endpoint_id = $upstream)
FROM pulsimo.incidents i WHERE i.endpoint_id = $dependent
SQL
    is(ask('SELECT count(*) FROM pulsimo.suppressions WHERE ended_at IS NULL'), '0', 'and is put down to nothing else');
    remove_all();
    return;
}

# A dependent alone: the upstream answers, so the incident is its own, without much delay.
sub dependent_fails_alone {
    my ($database, $service) = (start_target(), start_target());
    my $upstream = add_endpoint($node, $database->url('/'), %quick, name => 'database', check_interval => '60 s');
    my $dependent = add_endpoint($node, $service->url('/'), %quick, name => 'service');
    ask("SELECT pulsimo.add_dependency($dependent, $upstream)");
    wait_until("SELECT count(*) FROM pulsimo.endpoint_status WHERE status = 'up'", 2);
    $service->down;
    wait_until(incidents_of($dependent), '1');
    is(ask('SELECT count(*) FROM pulsimo.suppressions'), '0', 'one that fails alone has its incident');
    cmp_ok(ask("SELECT count(*) FROM pulsimo.health_checks WHERE endpoint_id = $upstream"), '>=', 2,
        'for which its upstream was asked out of turn');
    remove_all();
    return;
}

# --- our own connectivity ------------------------------------------------------------------------------------------------

sub own_connectivity {
    my $target = start_target();
    my $reference = add_endpoint($node, $target->url('/'), %quick, name => 'reference', failure_threshold => 10);
    my $id = add_endpoint($node, $target->url('/hang'), %quick, name => 'guarded', failure_threshold => 1);
    wait_until(status_of($reference), 'up');
    wait_until(status_of($id), 'down');
    ask("UPDATE pulsimo.endpoints SET reference_endpoints = '{$reference}' WHERE id = $id");
    wait_until(status_of($id), 'down');
    ask("SELECT pulsimo.pause_endpoint($id)");
    ask("SELECT pulsimo.update_endpoint($reference, jsonb_build_object('url', '" . $target->url('/hang') . "'))");
    checks_more($reference, 2);
    my $before = ask(incidents_of($id));
    ask("SELECT pulsimo.resume_endpoint($id)");
    wait_until("SELECT error_class FROM pulsimo.health_checks WHERE endpoint_id = $id ORDER BY checked_at DESC LIMIT 1", 'internal');
    checks_more($id, 3);
    is(ask(status_of($id)), 'unknown', 'while the reference cannot be reached either, nothing is known');
    is(ask(incidents_of($id)), $before, 'and no incident opens');
    like(ask("SELECT error FROM pulsimo.health_checks WHERE endpoint_id = $id ORDER BY checked_at DESC LIMIT 1"),
        qr/^no reference endpoint can be reached either: no answer within/, 'which the check says');
    ask("SELECT pulsimo.update_endpoint($reference, jsonb_build_object('url', '" . $target->url('/') . "'))");
    wait_until(status_of($id), 'down');
    pass('when it can be reached again, the endpoint is down for its own reasons');
    remove_all();
    return;
}

# --- maintenance ----------------------------------------------------------------------------------------------------------

sub maintenance {
    my $target = start_target();
    my $id = add_endpoint($node, $target->url('/'), %quick, name => 'shop');
    wait_until(status_of($id), 'up');
    my $window = ask("SELECT pulsimo.begin_maintenance('1 hour', endpoint => $id)");
    wait_until(status_of($id), 'maintenance');
    $target->down;
    wait_until("SELECT underlying FROM pulsimo.state_changes WHERE endpoint_id = $id ORDER BY id DESC LIMIT 1", 'down');
    checks_more($id, 2);
    is(ask(incidents_of($id)), '0', 'no incident opens in maintenance');
    is(ask(status_of($id)), 'maintenance', 'which is what is shown');

    # What the endpoint is underneath is found again.
    $node->stop('immediate');
    $node->start;
    wait_until(q{SELECT count(*) FROM pulsimo.worker_status WHERE role = 'prober' AND pid IS NOT NULL}, '1');
    checks_more($id, 1);
    is(ask(incidents_of($id)), '0', 'nor after a crash');

    ask("SELECT pulsimo.end_maintenance($window)");
    wait_until(incidents_of($id), '1');
    is(ask(<<"SQL"), 't', 'a target that is still down when the window ends has its incident, with the true start');
SELECT i.started_at = (SELECT min(h.checked_at) FROM pulsimo.health_checks h WHERE h.endpoint_id = $id AND h.status = 'down')
FROM pulsimo.incidents i WHERE i.endpoint_id = $id
SQL
    is(ask("SELECT error_class, severity, title FROM pulsimo.incidents WHERE endpoint_id = $id"),
        'status|medium|shop is down: unexpected status 503, expected 200-299', 'and tells how it fails');
    is(ask(<<"SQL"), 't', 'down time begins with the end of the window');
SELECT s.changed_at >= w.ends_at - interval '1 second'
FROM pulsimo.state_changes s, pulsimo.maintenance_windows w
WHERE s.endpoint_id = $id AND s.status = 'down' AND w.id = $window ORDER BY s.id DESC LIMIT 1
SQL

    # Recovery within a window resolves what is open.
    my $second = ask("SELECT pulsimo.begin_maintenance('1 hour', endpoint => $id)");
    wait_until(status_of($id), 'maintenance');
    $target->up;
    wait_until("SELECT status FROM pulsimo.incidents WHERE endpoint_id = $id", 'resolved');
    is(ask(status_of($id)), 'maintenance', 'an incident is resolved in maintenance too');
    ask("SELECT pulsimo.end_maintenance($second)");
    wait_until(status_of($id), 'up');

    # Tied to a transaction and to a session.
    my $session = start_session($node);
    $session->query('BEGIN');
    $session->query("SELECT pulsimo.maintenance_until_commit(endpoint => $id)");
    wait_until(status_of($id), 'maintenance');
    $session->query('ROLLBACK');
    wait_until(status_of($id), 'up');
    $session->query("SELECT pulsimo.maintenance_while_connected(endpoint => $id)");
    wait_until(status_of($id), 'maintenance');
    $session->quit;
    wait_until(status_of($id), 'up');
    pass('windows end with the transaction or the session that they are tied to');
    my $terminated = start_session($node);
    $terminated->query("SELECT pulsimo.maintenance_while_connected(endpoint => $id)");
    wait_until(status_of($id), 'maintenance');
    ask('SELECT pg_terminate_backend(pid) FROM pulsimo.live_maintenance()');
    wait_until(status_of($id), 'up');
    is(ask('SELECT count(*) FROM pulsimo.live_maintenance()'), '0', 'also with a session that somebody else ends');
    remove_all();
    return;
}

# --- flapping and policy -----------------------------------------------------------------------------------------------------

sub flapping {
    my $target = start_target();
    my $id = add_endpoint($node, $target->url('/'), %quick, name => 'nervous', check_interval => '1 day', failure_threshold => 1);
    wait_until(status_of($id), 'up');
    for my $round (1 .. 12) {
        $target->down;
        ask("SELECT pulsimo.check_now($id)");
        $target->up;
        ask("SELECT pulsimo.check_now($id)");
    }
    is(ask("SELECT flapping FROM pulsimo.state_changes WHERE endpoint_id = $id ORDER BY id DESC LIMIT 1"), 't',
        'an endpoint whose outcome changes all the time is flapping');
    is(ask("SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $id"), '1', 'and keeps one incident open');
    my $incidents = ask(incidents_of($id));
    is(ask("SELECT count(*) FROM pulsimo.incident_events v JOIN pulsimo.incidents i ON i.id = v.incident_id"
              . " WHERE i.endpoint_id = $id AND v.event = 'flapping'"), '1', 'which says so');
    ask("SELECT pulsimo.check_now($id)") for 1 .. 20;
    wait_until("SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $id", '0');
    is(ask(incidents_of($id)), $incidents, 'it is resolved when the endpoint has calmed down');
    remove_all();
    return;
}

# --- people -----------------------------------------------------------------------------------------------------------------

sub resolved_by_hand {
    my $target = start_target();
    my $id = add_endpoint($node, $target->url('/status/500'), %quick, name => 'broken');
    wait_until("SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $id", 1);
    my $incident = ask("SELECT id FROM pulsimo.active_incidents WHERE endpoint_id = $id");
    like(ask("SELECT excerpt ->> 'status_line' FROM pulsimo.incident_excerpts WHERE incident_id = $incident"), qr{^HTTP/1\.1 500},
        'what the probe saw is kept');
    ask("SELECT pulsimo.acknowledge_incident($incident), pulsimo.resolve_incident($incident)");
    wait_until("SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $id", 1);
    is(ask(<<"SQL"), 't', 'one that is resolved by hand is followed by another after failure_threshold further failures');
SELECT count(*) = 2 AND max(i.started_at) > min(i.resolved_at)
    AND (SELECT count(*) FROM pulsimo.health_checks h
         WHERE h.endpoint_id = $id AND h.checked_at >= max(i.started_at) AND h.checked_at <= max(i.created_at)) >= 2
FROM pulsimo.incidents i WHERE i.endpoint_id = $id
SQL
    ask("UPDATE pulsimo.endpoints SET auto_resolve = false WHERE id = $id");
    ask("SELECT pulsimo.update_endpoint($id, jsonb_build_object('url', '" . $target->url('/') . "'))");
    wait_until(status_of($id), 'up');
    checks_more($id, 2);
    is(ask("SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $id"), '1', 'without auto_resolve a person resolves');

    # What a person reopened stays open, although the endpoint is up.
    my $last = ask("SELECT id FROM pulsimo.active_incidents WHERE endpoint_id = $id");
    ask("SELECT pulsimo.resolve_incident($last)");
    ask("UPDATE pulsimo.endpoints SET auto_resolve = NULL WHERE id = $id");
    ask("SELECT pulsimo.reopen_incident($last, 'not over yet')");
    checks_more($id, 3);
    is(ask("SELECT status FROM pulsimo.incidents WHERE id = $last"), 'open', 'one that a person reopened stays open');
    remove_all();
    return;
}

# --- a crash between the probe and the commit ---------------------------------------------------------------------------------

# The failures are known to the keeper, but the table of incidents is locked when it is killed.
sub killed_between_probe_and_commit {
    my $target = start_target();
    my $id = add_endpoint($node, $target->url('/'), %quick, name => 'shop');
    wait_until(status_of($id), 'up');
    my $locker = start_session($node);
    $locker->query('BEGIN; LOCK TABLE pulsimo.incidents IN EXCLUSIVE MODE');
    $target->down;
    wait_until(q{SELECT queued > 0 FROM pulsimo.worker_status WHERE role = 'keeper'}, 't');
    is(ask(incidents_of($id)), '0', 'the incident waits for the lock');
    my $position = -s $node->logfile;
    my $keeper = worker_pid($node, 'keeper');
    allow_signal($node, 1);
    kill 'KILL', $keeper;
    wait_for_log_line($node, qr/database system is ready to accept connections/, $position);
    wait_until(incidents_of($id), '1');
    checks_more($id, 2);
    is(ask(<<"SQL"), '1|1|1', 'after the crash there is one incident, with one timeline and one message');
SELECT count(*), (SELECT count(*) FROM pulsimo.incident_events v WHERE v.incident_id = max(i.id) AND v.event = 'created'),
       (SELECT count(*) FROM pulsimo.outbox o WHERE o.incident_id = max(i.id) AND o.topic = 'incident_opened')
FROM pulsimo.incidents i WHERE i.endpoint_id = $id
SQL
    remove_all();
    return;
}

# Windows of sessions that are gone with the whole server's memory: one is killed, the other goes with it.
sub killed_with_maintenance {
    my $target = start_target();
    my @ids = map { add_endpoint($node, $target->url('/'), %quick, name => $_) } qw(deployed looked-into);
    wait_until(status_of($_), 'up') for @ids;
    my @sessions = (start_session($node), start_session($node));
    $sessions[0]->query("BEGIN; SELECT pulsimo.maintenance_until_commit(endpoint => $ids[0])");
    $sessions[1]->query("SELECT pulsimo.maintenance_while_connected(endpoint => $ids[1])");
    wait_until(status_of($_), 'maintenance') for @ids;
    my $pid = ask('SELECT pid FROM pulsimo.live_maintenance() WHERE NOT until_commit');
    my $position = -s $node->logfile;
    allow_signal($node, 1);
    kill 'KILL', $pid;
    wait_for_log_line($node, qr/database system is ready to accept connections/, $position);
    wait_until(status_of($_), 'up') for @ids;
    is(ask('SELECT count(*) FROM pulsimo.live_maintenance()'), '0', 'a crash ends the windows of transactions and sessions');
    remove_all();
    return;
}

# --- cron --------------------------------------------------------------------------------------------------------------------

# The time when nothing runs is no gap. (That runs come in time is the business of unit tests: it would take minutes.)
sub cron {
    my $target = start_target();
    my $id = add_endpoint($node, $target->url('/'), name => 'nightly', timeout => '500 ms');
    ask("SELECT pulsimo.schedule_endpoint($id, cron => '0 3 1 1 *', timezone => 'Europe/Berlin')");
    is(ask("SELECT count(*) FROM pulsimo.next_runs($id, 3) r WHERE to_char(r AT TIME ZONE 'Europe/Berlin', 'MM-DD HH24:MI') = '01-01 03:00'"),
        '3', 'the next runs are those of the expression');
    ask("SELECT pulsimo.check_now($id)");
    is(ask(status_of($id)), 'up', 'the status holds until the run after the next');
    ask("SELECT pulsimo.schedule_endpoint($id, every => '1 s')");
    checks_more($id, 2);
    pass('and back to an interval');
    remove_all();
    return;
}

upstream_takes_five_with_it();
dependent_stays_down();
dependent_fails_alone();
own_connectivity();
maintenance();
flapping();
resolved_by_hand();
killed_between_probe_and_commit();
killed_with_maintenance();
cron();
done_testing();
