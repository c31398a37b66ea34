# A health policy of a project or an organization takes effect while monitoring runs, for endpoints that are not touched
# themselves: by set_health_policy() and by a plain UPDATE, also one that comes by replication.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $target = start_target();
my $node = new_pulsimo_node('main');
my $id = add_endpoint($node, $target->url('/delay/100'), check_interval => '1 s', timeout => '1 s');

sub ask { return $node->safe_psql('postgres', $_[0]) }

sub becomes {
    my ($status, $what) = @_;
    wait_for_sql($node, 'postgres', "SELECT status FROM pulsimo.endpoint_status WHERE id = $id", $status);
    pass($what);
    return;
}

becomes('up', 'by default no response is too slow');
ask(q{SELECT pulsimo.set_health_policy('{"degraded_after": "10 ms"}', project => 1)});
becomes('degraded', 'the project says what is slow');
ask('UPDATE pulsimo.projects SET degraded_after = NULL');
becomes('up', 'and does not any more');
ask(q{SELECT pulsimo.set_health_policy('{"degraded_after": "10 ms"}', organization => 1)});
becomes('degraded', 'so does the organization');
ask(q{SET session_replication_role = replica; UPDATE pulsimo.organizations SET degraded_after = NULL});
becomes('up', 'and does not any more, told by replication');

done_testing();
