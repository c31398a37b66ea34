# check_now_all(): many endpoints at once take as long as the slowest, whatever becomes of single ones, and a session that is
# cancelled leaves nothing behind.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $target = start_target();
my $late_target = start_target();    # of its own, because there is a limit to the checks of one host
my $node = new_pulsimo_node('main');

sub ask { return $node->safe_psql('postgres', $_[0]) }

# None of them has a regular check while this test runs, but for chance.
sub add {
    my ($tag, $url, $number) = @_;
    return ask(qq{SELECT count(pulsimo.add_endpoint('$url', '$tag ' || n, check_interval => '1 day', timeout => '20 s',
        tags => ARRAY['$tag'])) FROM generate_series(1, $number) n});
}

ask('SELECT pulsimo.start()');
add('slow', $target->url('/delay/2000'), 40);
add('fast', $target->url('/'), 200);
add('late', $late_target->url('/delay/15000'), 70);
add('mixed', $_, 1) for $target->url('/'), $late_target->url('/delay/15000'), $target->url('/status/503');

is(ask(q{SELECT count(*), count(DISTINCT endpoint_id), bool_and(status = 'up'),
            max(checked_at) - min(checked_at) < interval '2 s'
         FROM pulsimo.check_now_all(tag => 'slow')}),
    '40|40|t|t', 'all slow ones are under way before the first of them has ended');
is(ask(q{SELECT count(*), count(DISTINCT endpoint_id), bool_and(status = 'up'), max(error)
         FROM pulsimo.check_now_all(tag => 'fast', project => pulsimo.default_project())}),
    '200|200|t|', 'more than there are places at a time: all are checked');

# What has a result is returned, what has none says why.
is( ask(q{SELECT string_agg(concat_ws(' ', c.status, c.http_status, c.checked_at IS NULL, c.error), '; ' ORDER BY e.id)
          FROM pulsimo.check_now_all(tag => 'mixed', wait => '5 s') c JOIN pulsimo.endpoints e ON e.id = c.endpoint_id}),
    'up 200 f; t not checked in time; down 503 f unexpected status 503, expected 200-299', 'each for itself');
is( ask(q{CREATE TEMP TABLE c AS SELECT * FROM pulsimo.check_now_all(tag => 'mixed', wait => '1 s');
          SELECT (SELECT count(*) FROM c WHERE checked_at IS NOT NULL), count(*)
          FROM c JOIN pulsimo.health_checks h USING (endpoint_id, checked_at, status, response_us)}),
    '2|2', 'what is returned is what is stored');

# Three sessions that kept their places would have taken all of them.
for my $session (1 .. 3) {
    like(psql_says($node, 'postgres', "SET statement_timeout = '200 ms'; SELECT * FROM pulsimo.check_now_all(tag => 'late')"),
        qr/ERROR:  57014: canceling statement due to statement timeout/, "session $session is cancelled");
}
is(ask(q{SELECT count(*) FROM pulsimo.check_now_all(tag => 'fast') WHERE status = 'up'}), '200', 'and its places are free');

ask('SELECT pulsimo.stop()');
wait_for_sql($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pulsimo keeper'}, 0);
like(psql_says($node, 'postgres', q{SELECT pulsimo.check_now_all(tag => 'fast')}),
    qr/ERROR:  55000: cannot check now: monitoring of this database is not running/, 'without monitoring it is refused');

done_testing();
