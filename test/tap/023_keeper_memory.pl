# What the keeper knows and the tables do not: after kill -9 nothing that people see is different. And what it writes when
# much has happened since it could write last: each thing where it belongs, with its true date. The endpoints here are
# checked once a day and when asked, so nothing but what is tested can make up for it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use PulsimoTest::Monitoring;
use Test::More;

my $node = new_pulsimo_node('main', restart_after_crash => 'on');
my %daily = (check_interval => '1 day', timeout => '500 ms', failure_threshold => 1);

sub ask { return $node->safe_psql('postgres', $_[0]) }
sub wait_until { return wait_for_sql($node, 'postgres', @_) }
sub check { return ask("SELECT status FROM pulsimo.check_now($_[0])") }
sub status_of { return "SELECT status FROM pulsimo.endpoint_status WHERE id = $_[0]" }
sub open_of { return "SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $_[0]" }
sub checks_of { return "SELECT count(*) FROM pulsimo.health_checks WHERE endpoint_id = $_[0]" }

sub last_check {
    my ($id, $column) = @_;
    return "SELECT $column FROM pulsimo.health_checks WHERE endpoint_id = $id ORDER BY checked_at DESC LIMIT 1";
}

sub add {
    my ($target, $name, %more) = @_;
    my $retry = delete $more{retry_interval} // '1 s';
    my $id = add_endpoint($node, $target->url('/'), %daily, name => $name, options => qq({"retry_interval": "$retry"}), %more);
    wait_until(status_of($id), 'up');
    return $id;
}

sub kill_keeper {
    my $position = -s $node->logfile;
    my $keeper = worker_pid($node, 'keeper');
    allow_signal($node, 1);
    kill 'KILL', $keeper;
    wait_for_log_line($node, qr/database system is ready to accept connections/, $position);
    wait_until(q{SELECT count(*) FROM pulsimo.worker_status WHERE role = 'prober' AND pid IS NOT NULL}, '1');
    return;
}

# --- what a keeper that is killed leaves behind -------------------------------------------------------------------------

# Each of these begins something, and returns what is to be seen after the crash.
sub network_is_lost {
    my ($other, $target) = (start_target(), start_target());
    my $reference = add($other, 'reference');
    my $id = add($target, 'guarded');
    ask("UPDATE pulsimo.endpoints SET reference_endpoints = '{$reference}' WHERE id = $id");
    $_->{process}->signal('STOP') for $other, $target;
    check($id);
    wait_until(status_of($reference), 'down');
    my $checks = ask(checks_of($id));
    return sub {
        wait_until('SELECT (' . checks_of($id) . ") > $checks", 't');
        is(ask(last_check($id, 'error_class')), 'internal', 'that the reference cannot be reached is still known');
        is(ask("SELECT count(*) FROM pulsimo.incidents WHERE endpoint_id = $id"), '0', 'so no incident opens');
        is(ask("SELECT count(*) FROM pulsimo.state_changes WHERE endpoint_id = $id AND status = 'down'"), '0', 'nor was it down');
        $other->{process}->signal('CONT');
        check($reference);
        check($id);
        wait_until(open_of($id), '1');
        pass('when the reference answers, it is');
        $target->{process}->signal('CONT');
    };
}

sub upstream_is_down {
    my ($database, $service) = (start_target(), start_target());
    my $upstream = add($database, 'database');
    my $dependent = add($service, 'service');
    ask("SELECT pulsimo.add_dependency($dependent, $upstream)");
    $_->down for $database, $service;
    check($upstream);
    check($dependent);
    wait_until("SELECT count(*) FROM pulsimo.suppressions WHERE endpoint_id = $dependent AND ended_at IS NULL", '1');
    my $failed_at = ask(last_check($dependent, 'checked_at'));
    return sub {
        is(ask(open_of($dependent)), '0', 'a dependent has no incident as long as its upstream is down');
        $database->up;
        is(check($upstream), 'up', 'the upstream recovers');
        wait_until(open_of($dependent), '1');
        is(ask("SELECT started_at FROM pulsimo.active_incidents WHERE endpoint_id = $dependent"), $failed_at,
            'its incident opens although nobody asks for it, with the true start');
        is(ask("SELECT count(*) FROM pulsimo.suppressions WHERE ended_at IS NULL"), '0', 'and it is put down to nothing');
    };
}

sub failure_waits_to_be_confirmed {
    my $target = start_target();
    my $id = add($target, 'shop', failure_threshold => 2, retry_interval => '1 hour');
    $target->down;
    is(check($id), 'down', 'a check fails');
    my $failed_at = ask(last_check($id, 'checked_at'));
    return sub {
        wait_until(open_of($id), '1');
        is(ask("SELECT started_at FROM pulsimo.active_incidents WHERE endpoint_id = $id"), $failed_at,
            'a failure is confirmed at once, not tomorrow, and the outage has its true start');
    };
}

sub incident_opens_without_response {
    my $target = start_target();
    my $id = add($target, 'wiki');
    my $window = ask("SELECT pulsimo.begin_maintenance('1 hour', endpoint => $id)");
    wait_until(status_of($id), 'maintenance');
    ask("SELECT pulsimo.update_endpoint($id, jsonb_build_object('url', '" . $target->url('/status/500') . "'))");
    wait_until(last_check($id, 'status'), 'down');
    ask("SELECT pulsimo.end_maintenance($window)");
    wait_until(open_of($id), '1');
    my $excerpts = "SELECT count(*) FROM pulsimo.incident_excerpts x JOIN pulsimo.incidents i ON i.id = x.incident_id"
        . " WHERE i.endpoint_id = $id";
    is(ask($excerpts), '0', 'an incident that opens with the end of maintenance has no response to show');
    return sub {
        check($id);
        wait_until($excerpts, '1');
        pass('that of the next check is kept');
    };
}

{
    my @afterwards =
        (network_is_lost(), upstream_is_down(), failure_waits_to_be_confirmed(), incident_opens_without_response());
    kill_keeper();
    $_->() for @afterwards;
}

# --- an incident that is merged into another one ------------------------------------------------------------------------

{
    my $target = start_target();
    my $id = add($target, 'mail', failure_threshold => 2);
    my $automatic = "SELECT count(*) FROM pulsimo.incidents WHERE endpoint_id = $id AND automatic AND status <> 'resolved'";
    $target->down;
    check($id);
    wait_until(open_of($id), '1');
    my $by_hand = ask(q{SELECT pulsimo.open_incident('The hall is dark', 'high')});
    my $merged = ask("SELECT id FROM pulsimo.active_incidents WHERE endpoint_id = $id");
    ask("SELECT pulsimo.merge_incident($merged, $by_hand)");
    is(ask($automatic), '0', 'an incident is merged');
    check($id);
    is(ask($automatic), '0', 'one further failure is less than the threshold');
    check($id);
    wait_until($automatic, '1');
    check($id);
    check($id);
    is(ask("SELECT string_agg(status::text, ' ' ORDER BY id) FROM pulsimo.incidents WHERE endpoint_id = $id"), 'resolved open',
        'the next one is the only one');
    is(ask("SELECT max(started_at) > min(resolved_at) FROM pulsimo.incidents WHERE endpoint_id = $id"), 't',
        'and begins after the other was merged');
    $target->up;
    check($id);
    wait_until($automatic, '0');
    is(ask("SELECT status FROM pulsimo.incidents WHERE id = $by_hand"), 'open', 'the keeper resolves its own alone');
}

# --- what a batch tells ---------------------------------------------------------------------------------------------------

ask('SELECT pulsimo.stop()');
wait_for_no_keeper($node, 'postgres');
my $begin = ask(q{SELECT (extract(epoch FROM date_trunc('day', now(), 'UTC') + interval '1 day') * 1000000)::bigint});

sub at { return $begin + $_[0] * 60_000_000 }
sub minute_of { return "to_char($_[0] AT TIME ZONE 'UTC', 'MI')" }

sub change {
    my ($id, $minute, $status, %more) = @_;
    my $members = join ', ', map { qq("$_": $more{$_}) } sort keys %more;
    return qq({"endpoint_id": $id, "at": ) . at($minute) . qq(, "status": "$status") . ($members ? ", $members" : '') . '}';
}

sub record { return ask("SELECT pulsimo.record_changes('[" . join(', ', @_) . "]')") }
sub since_of { return ask("SELECT (since_us - $begin) / 60000000 FROM pulsimo.keeper_endpoints('{$_[0]}')") }

sub add_unwatched { return add_endpoint($node, 'http://127.0.0.1:9/', name => $_[0]) }

# A status is as old as it is, whatever else has changed since.
{
    my $id = add_unwatched('restless');
    record(change($id, 0, 'up'), change($id, 1, 'down'));
    record(change($id, 5, 'down', flapping => 'true'));
    is(since_of($id), '1', 'that an endpoint flaps makes its outage no younger');
    record(change($id, 7, 'down', flapping => 'true', maintenance => 'true', since => at(1)));
    record(change($id, 9, 'down', flapping => 'true'));
    is(since_of($id), '1', 'nor does the end of maintenance');
    record(change($id, 10, 'down'));
    is(since_of($id), '1', 'nor that it has calmed down');
    record(change($id, 11, 'up'));
    is(since_of($id), '11', 'a new status is as old as its row');
    record(change($id, 12, 'up', maintenance => 'true', since => at(11)), change($id, 13, 'down', maintenance => 'true', since => at(13)));
    record(change($id, 14, 'down'));
    is(since_of($id), '13', 'one that began in maintenance is older than its end');
    ask("SELECT pulsimo.pause_endpoint($id), pulsimo.resume_endpoint($id)");
    cmp_ok(since_of($id), '>=', 14, 'after a pause nothing is known');
}

# Only what becomes a row has a date that the next one may not fall short of.
{
    my $id = add_unwatched('clock');
    record(change($id, 0, 'down'));
    record(change($id, 30, 'down', incident => '"open"'), change($id, 5, 'up', incident => '"resolve"'));
    is(ask("SELECT (changed_us - $begin) / 60000000 FROM pulsimo.keeper_endpoints('{$id}')"), '5',
        'a clock that is set back far after an incident was all that changed');
}

# Each incident shows what was seen while it lasted.
{
    my $id = add_unwatched('excerpts');
    my $excerpt = sub { return qq({"endpoint_id": $id, "at": ) . at($_[0]) . qq(, "excerpt": {"body": "$_[0]"}}) };
    my $shown = "SELECT string_agg(x.excerpt ->> 'body', ' ' ORDER BY i.started_at) FROM pulsimo.incidents i"
        . " LEFT JOIN pulsimo.incident_excerpts x ON x.incident_id = i.id WHERE i.endpoint_id = $id";
    record(
        change($id, 1, 'down', incident => '"open"'), change($id, 5, 'up', incident => '"resolve"'),
        change($id, 6, 'down', incident => '"open"'), change($id, 8, 'up', incident => '"resolve"'),
        change($id, 9, 'down', incident => '"open"'));
    ask("SELECT pulsimo.record_excerpts('[" . join(', ', map { $excerpt->($_) } 2, 6, 7, 9) . "]')");
    is(ask($shown), '2 6 9', 'several incidents of one endpoint in a batch');
    record(change($id, 10, 'up', incident => '"resolve"'), change($id, 11, 'down', incident => '"open"'));
    ask("SELECT pulsimo.record_excerpts('[" . $excerpt->(0) . "]')");
    is(ask($shown), '2 6 9 0', 'a clock that was set back meanwhile');
}

# Somebody pauses an endpoint while it is being put down to another one.
{
    my ($id, $cause) = (add_unwatched('dependent'), add_unwatched('cause'));
    record(change($id, 1, 'down'), change($cause, 1, 'down'));
    my ($keeper, $person) = (start_session($node), start_session($node));
    $keeper->query('BEGIN');
    my $put_down = qq([{"endpoint_id": $id, "at": ) . at(1) . qq(, "cause": $cause}]);
    $keeper->query("SELECT pulsimo.record_suppressions('$put_down')");
    $person->query("SET lock_timeout = '200 ms'");
    my $pause = "UPDATE pulsimo.endpoints SET paused = true WHERE id = $id";
    like($person->try($pause), qr/ERROR:  55P03/, 'whoever pauses an endpoint waits for what is being written about it');
    $keeper->query('COMMIT');
    $person->query($pause);
    is(ask("SELECT count(*) FROM pulsimo.suppressions WHERE endpoint_id = $id AND ended_at IS NULL"), '0',
        'and a paused endpoint is put down to nothing');
}

# An outage of months.
{
    my $id = add_unwatched('long');
    record(change($id, 0, 'down', incident => '"open"'));
    ask(<<"SQL");
INSERT INTO pulsimo.health_checks (endpoint_id, checked_at, status, response_us, error_class)
SELECT $id, timestamptz 'epoch' + $begin * interval '1 us' + n * interval '10 ms', 'down', 0,
       CASE WHEN n < 3000 THEN 'dns' ELSE 'timeout' END::pulsimo.error_class
FROM generate_series(0, 19999) n
SQL
    record(change($id, 10, 'up', incident => '"resolve"'));
    like(ask("SELECT detail FROM pulsimo.incident_timeline((SELECT id FROM pulsimo.incidents WHERE endpoint_id = $id))"
              . " WHERE event = 'failing_checks'"),
        qr/^at least 10000 checks failed \(timeout 7000, dns 3000\), the first at .* 00:00:00 UTC, the last at .* 00:03:19 UTC$/,
        'of the checks of an outage only so many are read when it is over');
}

done_testing();
