# PgBouncer in transaction mode with a single server connection: two tenants and one who is nobody take turns on it, and
# each transaction sees what its own user may see.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use IPC::Run;
use Test::More;

my ($pgbouncer) = grep { -x } map { "$_/pgbouncer" } split(/:/, $ENV{PATH}), '/usr/sbin';
plan skip_all => 'pgbouncer is not installed' if !$pgbouncer;

my $node = new_pulsimo_node('main');
my $password = 'correct horse battery';
$node->safe_psql('postgres', qq{
    SELECT pulsimo.stop();
    CREATE ROLE application LOGIN;
    SELECT pulsimo.grant_access('application');
    SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
    INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
    SELECT pulsimo.add_user('ann\@a.example', 'Annabel', 1, 'member', '$password'),
           pulsimo.add_user('bob\@b.example', 'Robert', 2, 'member', '$password')});

# --- the pool -----------------------------------------------------------------------------------------------------------

my $place = PostgreSQL::Test::Utils::tempdir_short();
my $port = PostgreSQL::Test::Cluster::get_free_port();
append_to_file("$place/users", qq{"application" ""\n});
append_to_file("$place/ini", <<"INI");
[databases]
postgres = host=${\$node->host} port=${\$node->port} dbname=postgres
[pgbouncer]
listen_addr =
listen_port = $port
unix_socket_dir = $place
auth_type = trust
auth_file = $place/users
pool_mode = transaction
default_pool_size = 1
logfile = $place/log
INI
my $pool = IPC::Run::start([ $pgbouncer, "$place/ini" ], '>', '/dev/null', '2>', '/dev/null');

sub through_pool {
    my ($sql) = @_;
    my ($out, $error) = ('', '');
    IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d',
        "host=$place port=$port user=application dbname=postgres" ], '<', \$sql, '>', \$out, '2>', \$error);
    chomp $out;
    return $error eq '' ? $out : $error;
}

my $answer = '';
for (1 .. 100) {
    last if ($answer = through_pool('SELECT 1')) eq '1';
    select undef, undef, undef, 0.1;
}
is($answer, '1', 'the pool answers');

# --- turns --------------------------------------------------------------------------------------------------------------

my %token = map { $_ => through_pool("SELECT pulsimo.sign_in('$_', '$password')") } 'ann@a.example', 'bob@b.example';
is(through_pool('SELECT count(*) FROM pulsimo.projects'), '0', 'signing in leaves nobody behind');

# Clients that are connected at the same time and share the one server connection.
sub open_client {
    my %client = (in => '', out => '', error => '');
    $client{harness} = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-d',
        "host=$place port=$port user=application dbname=postgres" ],
        '<', \$client{in}, '>', \$client{out}, '2>', \$client{error});
    return \%client;
}

sub ask {
    my ($client, $sql) = @_;
    $client->{out} = '';
    $client->{in} .= "$sql\n\\echo done\n";
    $client->{harness}->pump until $client->{out} =~ s/^done\n\z//m || $client->{error} ne '';
    return $client->{out} . $client->{error};
}

my %client = map { $_ => open_client() } keys %token, 'nobody';
my (%seen, %backends);
for my $turn (1 .. 60) {
    my $who = (sort keys %client)[ $turn % 3 ];
    my $use = $token{$who} ? "SELECT FROM pulsimo.use_session('$token{$who}');" : '';
    my $end = $turn % 4 ? 'COMMIT' : 'ROLLBACK';
    my $out = ask($client{$who}, "BEGIN; $use SELECT 'backend ' || pg_backend_pid(); SELECT name FROM pulsimo.projects; $end;");
    $backends{$1}++ if $out =~ s/^backend (\d+)\n//m;
    $out =~ s/\s+//g;
    $seen{"$who: $out"}++;
}
is(scalar(keys %backends), 1, 'all of it on one server connection');
is_deeply(\%seen, { 'ann@a.example: ofA' => 20, 'bob@b.example: ofB' => 20, 'nobody: ' => 20 },
    'and each transaction sees what is of its own user');

# A client that goes away in the middle of its transaction.
ask($client{'ann@a.example'}, "BEGIN; SELECT FROM pulsimo.use_session('$token{'ann@a.example'}');");
$client{'ann@a.example'}{harness}->signal('KILL');
is(through_pool('SELECT count(*) FROM pulsimo.projects'), '0', 'a client that is killed leaves nobody behind');

$_->{harness}->kill_kill for values %client;
$pool->signal('TERM');
$pool->finish;
done_testing();
