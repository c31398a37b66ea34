# What keeps an incident from opening ends by itself, soon, and not by mistake. The endpoints here are checked once a day
# and when asked, so nothing but what is tested can make up for it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $node = new_pulsimo_node('main');
my %daily = (check_interval => '1 day', timeout => '500 ms', failure_threshold => 1, options => '{"retry_interval": "1 s"}');

sub ask { return $node->safe_psql('postgres', $_[0]) }
sub wait_until { return wait_for_sql($node, 'postgres', @_) }
sub check { return ask("SELECT status FROM pulsimo.check_now($_[0])") }
sub status_of { return "SELECT status FROM pulsimo.endpoint_status WHERE id = $_[0]" }
sub open_of { return "SELECT count(*) FROM pulsimo.active_incidents WHERE endpoint_id = $_[0]" }
sub incidents_of { return "SELECT count(*) FROM pulsimo.incidents WHERE endpoint_id = $_[0]" }
sub checks_of { return "SELECT count(*) FROM pulsimo.health_checks WHERE endpoint_id = $_[0]" }

sub add {
    my ($target, $name, %more) = @_;
    my $id = add_endpoint($node, $target->url('/'), %daily, name => $name, %more);
    wait_until(status_of($id), 'up');
    return $id;
}

# --- dependencies -------------------------------------------------------------------------------------------------------

{
    my ($database, $service) = (start_target(), start_target());
    my $upstream = add($database, 'database');
    my $dependent = add($service, 'service');
    ask("SELECT pulsimo.add_dependency($dependent, $upstream)");
    my $checks = ask(checks_of($dependent));
    $service->down;
    is(check($dependent), 'down', 'a dependent fails alone');
    wait_until(incidents_of($dependent), '1');
    is(ask(checks_of($dependent)), $checks + 1, 'its incident opens when the upstream has answered, without another check');
    is(ask("SELECT error_class, severity, detail FROM pulsimo.incidents WHERE endpoint_id = $dependent"),
        'status|medium|unexpected status 503, expected 200-299', 'and tells how the dependent failed');
    $service->up;
    check($dependent);
    wait_until(open_of($dependent), '0');

    $_->down for $database, $service;
    check($upstream);
    check($dependent);
    wait_until('SELECT count(*) FROM pulsimo.suppressions WHERE ended_at IS NULL', '1');
    $checks = ask(checks_of($dependent));
    $database->up;
    is(check($upstream), 'up', 'the upstream recovers');
    wait_until(open_of($dependent), '1');
    is(ask(checks_of($dependent)), $checks + 1, 'one check more, and a dependent that has not followed has its incident');
    $service->up;
    check($dependent);
    wait_until(open_of($dependent), '0');

    $_->down for $database, $service;
    check($upstream);
    check($dependent);
    wait_until('SELECT count(*) FROM pulsimo.suppressions WHERE ended_at IS NULL', '1');
    ask("SELECT pulsimo.pause_endpoint($upstream)");
    wait_until(open_of($dependent), '1');
    pass('when the upstream is not watched any more, the incident of its dependent opens');
}

# --- our own connectivity -----------------------------------------------------------------------------------------------

{
    my ($other, $target) = (start_target(), start_target());
    my $reference = add($other, 'reference', failure_threshold => 3);
    my $id = add($target, 'guarded');
    ask("UPDATE pulsimo.endpoints SET reference_endpoints = '{$reference}' WHERE id = $id");
    $_->{process}->signal('STOP') for $other, $target;
    check($id);
    wait_until("SELECT status FROM pulsimo.health_checks WHERE endpoint_id = $reference ORDER BY checked_at DESC LIMIT 1", 'down');
    my $checks = ask(checks_of($id));
    $_->{process}->signal('CONT') for $target, $other;
    wait_until("SELECT status FROM pulsimo.health_checks WHERE endpoint_id = $reference ORDER BY checked_at DESC LIMIT 1", 'up');
    wait_until('SELECT (' . checks_of($id) . ") > $checks", 't');
    is(ask(incidents_of($id)), '0', 'what failed together with the reference is not told of when that is back');
    is(ask("SELECT count(*) FROM pulsimo.state_changes WHERE endpoint_id = $id AND status = 'down'"), '0', 'nor was it down');
    $target->{process}->signal('STOP');
    check($id);
    wait_until(open_of($id), '1');
    pass('it is when the reference answers');
}

# A reference that is checked once a day, too, and was out of reach, is asked again when its answer counts.
{
    my ($other, $target) = (start_target(), start_target());
    my $reference = add($other, 'reference');
    my $id = add($target, 'guarded');
    ask("UPDATE pulsimo.endpoints SET reference_endpoints = '{$reference}' WHERE id = $id");
    $_->{process}->signal('STOP') for $other, $target;
    is(check($reference), 'down', 'the reference cannot be reached');
    check($id);
    wait_until(checks_of($reference), '3');
    $other->{process}->signal('CONT');
    check($id);
    wait_until(open_of($id), '1');
    pass('when it can be again, an endpoint that cannot has its incident');
}

# --- maintenance that ended while the server was off --------------------------------------------------------------------

{
    my $target = start_target();
    my $id = add($target, 'shop', check_interval => '1 s');
    my $window = ask("SELECT pulsimo.begin_maintenance('1 hour', endpoint => $id)");
    wait_until(status_of($id), 'maintenance');
    $target->down;
    wait_until("SELECT underlying FROM pulsimo.state_changes WHERE endpoint_id = $id ORDER BY id DESC LIMIT 1", 'down');
    ask('SELECT pulsimo.stop()');
    wait_until(q{SELECT count(*) FROM pulsimo.worker_status WHERE pid IS NOT NULL AND role = 'keeper'}, '0');
    ask("SELECT pulsimo.end_maintenance($window)");
    $target->up;
    wait_until("SELECT clock_timestamp() > max(checked_at) + interval '4 s' FROM pulsimo.health_checks WHERE endpoint_id = $id", 't');
    ask('SELECT pulsimo.start()');
    wait_until(status_of($id), 'up');
    is(ask(incidents_of($id)), '0', 'nobody is told of what was over before it was seen again');
}

# --- an incident that is resolved by hand before the end and the next one are written ----------------------------------

{
    my $target = start_target();
    my $id = add($target, 'shop');
    $target->down;
    check($id);
    my $incident = ask("SELECT id FROM pulsimo.active_incidents WHERE endpoint_id = $id");
    my $session = start_session($node);
    $session->query("BEGIN; SELECT pulsimo.acknowledge_incident($incident)");
    for my $what (qw(up down)) {
        my $waiting = ask("SELECT queued FROM pulsimo.worker_status WHERE role = 'keeper'");
        $target->$what;
        $node->psql('postgres', "SELECT pulsimo.check_now($id, '500 ms')");
        wait_until("SELECT queued > $waiting FROM pulsimo.worker_status WHERE role = 'keeper'", 't');
    }
    $session->query("SELECT pulsimo.resolve_incident($incident); COMMIT");
    wait_until(open_of($id), '1');
    $target->up;
    is(check($id), 'up', 'the endpoint recovers');
    wait_until(open_of($id), '0');
    pass('the incident that was still to be written is resolved');
}

done_testing();
