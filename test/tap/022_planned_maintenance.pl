# Maintenance that is planned begins and ends by itself, when it should. The endpoints are checked once a day and when asked,
# so nothing but the keeper's own timer sees to it; and every time that is recorded is compared with the plan.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

our $node = new_pulsimo_node('main');

sub ask { return $node->safe_psql('postgres', $_[0]) }
sub wait_until { return wait_for_sql($node, 'postgres', @_) }
sub check { return ask("SELECT status FROM pulsimo.check_now($_[0])") }
sub status_of { return "SELECT status FROM pulsimo.endpoint_status WHERE id = $_[0]" }
sub incidents_of { return "SELECT count(*) FROM pulsimo.incidents WHERE endpoint_id = $_[0]" }

sub add {
    my ($target, $name) = @_;
    my $id = add_endpoint($node, $target->url('/'), name => $name, check_interval => '1 day', timeout => '500 ms', failure_threshold => 1);
    wait_until(status_of($id), 'up');
    return $id;
}

# The statuses of an endpoint, and which of them came when the window begins or ends and were recorded within five seconds.
sub history {
    my ($id, $window) = @_;
    return ask(<<"SQL");
SELECT string_agg(concat_ws(' ', s.status, 'and ' || s.underlying,
        CASE WHEN s.recorded_at >= s.changed_at + interval '5 s' THEN 'late'
             WHEN s.changed_at = w.starts_at THEN 'at its begin' WHEN s.changed_at = w.ends_at THEN 'at its end' END), ', ' ORDER BY s.id)
FROM pulsimo.state_changes s, pulsimo.maintenance_windows w WHERE s.endpoint_id = $id AND w.id = $window
SQL
}

# An incident opens when the window has ended, and tells since when the endpoint has failed.
sub incident_is_of_its_end {
    my ($id, $window, $what) = @_;
    wait_until(incidents_of($id), '1');
    is(ask(<<"SQL"), 't|t', $what);
SELECT i.started_at = (SELECT min(h.checked_at) FROM pulsimo.health_checks h WHERE h.endpoint_id = $id AND h.status = 'down'),
       i.created_at BETWEEN w.ends_at AND w.ends_at + interval '5 s'
FROM pulsimo.incidents i, pulsimo.maintenance_windows w WHERE i.endpoint_id = $id AND w.id = $window
SQL
    return;
}

# Its first run is at the next full minute. What comes of it is looked at last.
my $recurring = add(start_target(), 'backup');
ask(<<"SQL");
SELECT pulsimo.schedule_maintenance('Backup', duration => '3 s', endpoint => $recurring, cron => '* * * * *', timezone => 'UTC')
SQL

# --- once, two seconds from now -----------------------------------------------------------------------------------------

{
    my ($broken, $mended) = (start_target(), start_target());
    my ($down, $up) = (add($broken, 'broken'), add($mended, 'mended'));
    ask("SELECT pulsimo.tag_endpoint(id, 'shop') FROM unnest('{$down,$up}'::bigint[]) id");
    my $window = ask(<<'SQL');
SELECT pulsimo.schedule_maintenance('New switch', clock_timestamp() + interval '2 s', duration => '8 s', tag => 'shop')
SQL
    wait_until("SELECT count(*) FROM pulsimo.endpoint_status WHERE id IN ($down, $up) AND status = 'maintenance'", '2');
    $_->down for $broken, $mended;
    check($_) for $down, $up;
    $mended->up;
    check($up);
    is(ask(<<"SQL"), '3|0', 'what fails within the window opens no incident');
SELECT count(*), (SELECT count(*) FROM pulsimo.incidents)
FROM pulsimo.health_checks h, pulsimo.maintenance_windows w
WHERE h.endpoint_id IN ($down, $up) AND w.id = $window AND h.checked_at > w.starts_at AND clock_timestamp() < w.ends_at
SQL
    incident_is_of_its_end($down, $window, 'what is still down when it runs out has its incident then, with the true start');
    is(ask(<<"SQL"), 'created', 'which nothing has happened to before');
SELECT string_agg(v.event::text, ' ' ORDER BY v.id)
FROM pulsimo.incident_events v JOIN pulsimo.incidents i ON i.id = v.incident_id WHERE i.endpoint_id = $down
SQL
    wait_until(status_of($up), 'up');
    is(ask('SELECT count(*) FROM pulsimo.incidents'), '1', 'what has recovered by then has none');
    is(history($down, $window), 'up, maintenance and up at its begin, maintenance and down, down at its end',
        'the history of the one');
    is(history($up, $window), 'up, maintenance and up at its begin, maintenance and down, maintenance and up, up at its end',
        'and of the other');
    is(ask(<<"SQL"), 't||100.0000|0.0000', 'the window is left out of uptime, to the microsecond');
SELECT (SELECT bool_and(t.duration = w.ends_at - w.starts_at)
        FROM unnest('{$down,$up}'::bigint[]) e, pulsimo.time_in_status(e, w.starts_at, w.ends_at) t WHERE t.status = 'maintenance'),
       pulsimo.uptime($down, w.starts_at, w.ends_at),
       pulsimo.uptime($down, w.starts_at - interval '1 s', w.ends_at),
       pulsimo.uptime($down, w.starts_at, clock_timestamp())
FROM pulsimo.maintenance_windows w WHERE w.id = $window
SQL
}

# --- moved while it runs --------------------------------------------------------------------------------------------------

{
    my $target = start_target();
    my ($earlier, $later) = (add($target, 'earlier'), add($target, 'later'));
    my $ends_earlier = ask("SELECT pulsimo.begin_maintenance('1 hour', endpoint => $earlier)");
    my $ends_later = ask("SELECT pulsimo.begin_maintenance('5 s', endpoint => $later)");
    wait_until("SELECT count(*) FROM pulsimo.endpoint_status WHERE id IN ($earlier, $later) AND status = 'maintenance'", '2');
    $target->down;
    check($_) for $earlier, $later;
    ask("UPDATE pulsimo.maintenance_windows SET ends_at = ends_at + interval '3 s' WHERE id = $ends_later");
    ask("UPDATE pulsimo.maintenance_windows SET ends_at = clock_timestamp() + interval '2 s' WHERE id = $ends_earlier");
    incident_is_of_its_end($earlier, $ends_earlier, 'a window that is cut short by a plain UPDATE ends at its new end');
    incident_is_of_its_end($later, $ends_later, 'one that is made longer does, too');
    my $expected = 'up, maintenance and up at its begin, maintenance and down, down at its end';
    is(history($earlier, $ends_earlier), $expected, 'the history of the one');
    is(history($later, $ends_later), $expected, 'and of the other, which does not end in between');
}

# --- the keeper is killed meanwhile ------------------------------------------------------------------------------------------

# On a server of its own, so that the run that is waited for is not missed.
{
    local $node = new_pulsimo_node('killed', restart_after_crash => 'on');
    my $target = start_target();
    my $id = add($target, 'killed');
    my $window = ask("SELECT pulsimo.begin_maintenance('8 s', endpoint => $id)");
    wait_until(status_of($id), 'maintenance');
    $target->down;
    check($id);
    my $keeper = worker_pid($node, 'keeper');
    allow_signal($node, 1);
    kill 'KILL', $keeper;
    worker_pid($node, 'keeper', $keeper);
    incident_is_of_its_end($id, $window, 'a window ends in time for a keeper that has begun within it');
    is(history($id, $window), 'up, maintenance and up at its begin, maintenance and down, down at its end', 'as if nothing had been');
}

# --- recurring --------------------------------------------------------------------------------------------------------------

wait_until(<<"SQL", 't', 60 + $PostgreSQL::Test::Utils::timeout_default);
SELECT EXISTS (SELECT FROM pulsimo.state_changes WHERE endpoint_id = $recurring AND previous_status = 'maintenance' AND status = 'up')
SQL
is(ask(<<"SQL"), 't|00:00:03|t', 'a run of a cron expression begins at the full minute and lasts as long as it should');
SELECT s.changed_at = date_trunc('minute', s.changed_at), s.ended_at - s.changed_at, s.delay < interval '5 s'
FROM (SELECT c.id, c.status, c.changed_at, lead(c.changed_at) OVER (ORDER BY c.id) AS ended_at,
             greatest(c.recorded_at - c.changed_at, lead(c.recorded_at - c.changed_at) OVER (ORDER BY c.id)) AS delay
      FROM pulsimo.state_changes c WHERE c.endpoint_id = $recurring) s
WHERE s.status = 'maintenance' ORDER BY s.id LIMIT 1
SQL

done_testing();
