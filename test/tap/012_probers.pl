# Several probers share the endpoints: nothing is lost on the way, nothing comes twice, and the results of an endpoint
# stay in their order.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $target = start_target();
my $url = $target->url;
my $node = new_pulsimo_node('main', max_worker_processes => 24);
$node->safe_psql('postgres', qq{
    SELECT pulsimo.start();
    INSERT INTO pulsimo.endpoints (project_id, name, url, check_interval, timeout)
    SELECT pulsimo.default_project(), n, '$url', '1 s', '1 s' FROM generate_series(1, 60) n});

my $of_probers = q{FROM pulsimo.worker_stats() WHERE role = 'prober'};
my $at_rest = 'SELECT sum(endpoints + running + queued) FROM pulsimo.worker_stats()';
my $rows = 'SELECT count(*) FROM pulsimo.health_checks';

sub pause_all {
    $node->safe_psql('postgres', 'UPDATE pulsimo.endpoints SET paused = true');
    wait_for_sql($node, 'postgres', $at_rest, 0);
    return;
}

# Slots between the first and the last check of each endpoint that have none, since a moment. A check belongs to the slot
# that came before it; the clocks behind checked_at and next_slot() differ by some microseconds.
sub empty_slots {
    my ($since) = @_;
    return $node->safe_psql('postgres', qq{
        SELECT coalesce(sum(e.last - e.first + 1 - e.slots), 0)
        FROM (SELECT s.endpoint_id, max(s.slot) AS last, min(s.slot) AS first, count(DISTINCT s.slot) AS slots
              FROM (SELECT c.endpoint_id, floor(extract(epoch FROM c.checked_at)
                               - mod(extract(epoch FROM pulsimo.next_slot(c.endpoint_id, '1 s')), 1) + 0.001) AS slot
                    FROM pulsimo.health_checks c WHERE c.checked_at > '$since') s
              GROUP BY s.endpoint_id) e});
}

for my $count (2, 4, 1) {
    # Nothing is under way while the number changes, so that the new probers count from nothing.
    pause_all();
    my $before = $node->safe_psql('postgres', $rows);
    my $since = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
    my @old = split /\n/, $node->safe_psql('postgres', "SELECT pid $of_probers");
    my $old = join ',', 0, @old;
    change_settings($node, 'pulsimo.probers' => $count);
    wait_for_sql($node, 'postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid IN ($old)", 0) if @old != $count;
    $node->safe_psql('postgres', 'UPDATE pulsimo.endpoints SET paused = false');
    wait_for_sql($node, 'postgres', "SELECT count(*) $of_probers AND endpoints > 0", $count);
    pass("each of $count probers has endpoints");
    wait_for_sql($node, 'postgres', "SELECT count(*) >= $before + 300 FROM pulsimo.health_checks", 't');
    pause_all();
    my ($checks, $skipped) = split /\|/, $node->safe_psql('postgres', "SELECT sum(checks), sum(skipped) $of_probers");
    my $stored = $node->safe_psql('postgres', $rows) - $before;
    cmp_ok($stored, '<=', $checks, "$count probers: no more rows than checks");
    # What ended while its endpoint was being paused is nobody's any more: one check each, at most.
    cmp_ok($stored, '>=', $checks - 60, "$count probers: no fewer, but for those that were under way at the end");
    cmp_ok(empty_slots($since), '<=', $skipped, "$count probers: every slot that was not skipped has its check");
    is( $node->safe_psql('postgres',
            'SELECT count(*) - count(DISTINCT (endpoint_id, checked_at)) FROM pulsimo.health_checks'),
        0, "$count probers: no check is stored twice");
    is( $node->safe_psql('postgres', q{
            SELECT count(*) FROM (
                SELECT checked_at < lag(checked_at) OVER (PARTITION BY tableoid, endpoint_id ORDER BY ctid) AS wrong
                FROM pulsimo.health_checks) o WHERE wrong}),
        0, "$count probers: the checks of an endpoint are stored in their order");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.incidents'), 0, 'and no endpoint was taken for down');

done_testing();
