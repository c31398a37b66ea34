# Several probers share the endpoints: nothing is lost, nothing comes twice, and the results of an endpoint stay in their
# order.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $target = start_target();
my $node = new_pulsimo_node('main', max_worker_processes => 24);
$node->safe_psql('postgres', 'SELECT pulsimo.start(); INSERT INTO pulsimo.endpoints (project_id, name, url, check_interval, timeout)'
    . " SELECT pulsimo.default_project(), n, '" . $target->url . "', '1 s', '1 s' FROM generate_series(1, 60) n");

my $probers = "SELECT count(*) FROM pulsimo.worker_stats() WHERE role = 'prober' AND endpoints > 0";
my $made = "SELECT sum(checks) FROM pulsimo.worker_stats() WHERE role = 'prober'";
my $rows = 'SELECT count(*) FROM pulsimo.health_checks';

for my $count (2, 4, 1) {
    # Nothing is under way while the number changes, so that the new probers count from nothing.
    $node->safe_psql('postgres', 'UPDATE pulsimo.endpoints SET paused = true');
    wait_for_sql($node, 'postgres', 'SELECT sum(endpoints + running + queued) FROM pulsimo.worker_stats()', 0);
    my $before = $node->safe_psql('postgres', $rows);
    my @old = split /\n/, $node->safe_psql('postgres', "SELECT pid FROM pulsimo.worker_stats() WHERE role = 'prober'");
    change_settings($node, 'pulsimo.probers' => $count);
    wait_for_sql($node, 'postgres', 'SELECT count(*) FROM pg_stat_activity WHERE pid IN (' . join(',', 0, @old) . ')', 0)
      if @old != $count;
    $node->safe_psql('postgres', 'UPDATE pulsimo.endpoints SET paused = false');
    wait_for_sql($node, 'postgres', $probers, $count);
    pass("each of $count probers has endpoints");
    wait_for_sql($node, 'postgres', "SELECT count(*) >= $before + 300 FROM pulsimo.health_checks", 't');
    $node->safe_psql('postgres', 'UPDATE pulsimo.endpoints SET paused = true');
    wait_for_sql($node, 'postgres', 'SELECT sum(endpoints + running + queued) FROM pulsimo.worker_stats()', 0);
    my $checks = $node->safe_psql('postgres', $made);
    # Those that ended while their endpoint was being paused are nobody's any more.
    my $stored = $node->safe_psql('postgres', $rows) - $before;
    cmp_ok($stored, '<=', $checks, "$count probers: no more rows than checks");
    cmp_ok($stored, '>=', $checks - 60, "$count probers: no fewer, but for those that were under way at the end");
    is($node->safe_psql('postgres', 'SELECT count(*) - count(DISTINCT (endpoint_id, checked_at)) FROM pulsimo.health_checks'),
        0, "$count probers: no check is stored twice");
    is( $node->safe_psql('postgres', q{
            SELECT count(*) FROM (
                SELECT checked_at < lag(checked_at) OVER (PARTITION BY tableoid, endpoint_id ORDER BY ctid) AS wrong
                FROM pulsimo.health_checks) o WHERE wrong}),
        0, "$count probers: the checks of an endpoint are stored in their order");
}
is($node->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.incidents'), 0, 'and no endpoint was taken for down');

done_testing();
