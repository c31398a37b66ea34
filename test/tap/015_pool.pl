# PgBouncer in transaction mode with a single server connection: two tenants, by sessions and by API keys, and one who is
# nobody take turns on it, and each transaction sees and may do what its own user may, within the scopes of its key.
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
    # Not on stdin: a psql that cannot connect is gone before it could be written.
    IPC::Run::run([ $node->installed_command('psql'), '-XAtq', '-c', $sql, '-d',
        "host=$place port=$port user=application dbname=postgres" ], '<', '/dev/null', '>', \$out, '2>', \$error);
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
my %use = map { $_ => "SELECT FROM pulsimo.use_session('$token{$_}');" } keys %token;
for my $key ([ 'ann@a.example', 'read' ], [ 'bob@b.example', 'all' ]) {
    my ($who, $scope) = @$key;
    my $text = through_pool("BEGIN; $use{$who} SELECT pulsimo.create_api_key('$scope', '{$scope}'); COMMIT");
    like($text, qr/^pul_/, "$who makes an API key");
    $use{"$who by key"} = "SELECT FROM pulsimo.use_api_key('$text');";
}
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

# Who acts, by which key, what they see, and whether they may change it.
my $question = q{SELECT concat_ws(' ', 'user', pulsimo.current_user_id(), 'key', pulsimo.current_api_key_id(), 'sees',
    (SELECT string_agg(p.name || CASE WHEN pulsimo.has_permission('endpoints.change', p.id) THEN ' to change' ELSE ' to read' END, ', ')
     FROM pulsimo.projects p))};
my %client = map { $_ => open_client() } keys %use, 'nobody';
my (%seen, %backends);
for my $turn (1 .. 100) {
    my $who = (sort keys %client)[ $turn % 5 ];
    my $use = $use{$who} // '';
    my $end = $turn % 4 ? 'COMMIT' : 'ROLLBACK';
    my $out = ask($client{$who}, "BEGIN; $use SELECT 'backend ' || pg_backend_pid(); $question; $end; $question;");
    $backends{$1}++ if $out =~ s/^backend (\d+)\n//m;
    $out =~ s/\n/, then /;
    $out =~ s/\n//g;
    $seen{"$who: $out"}++;
}
is(scalar(keys %backends), 1, 'all of it on one server connection');
my $nobody = 'user key sees';
is_deeply(\%seen, {
    "ann\@a.example: user 1 key sees of A to change, then $nobody" => 20,
    "ann\@a.example by key: user 1 key 1 sees of A to read, then $nobody" => 20,
    "bob\@b.example: user 2 key sees of B to change, then $nobody" => 20,
    "bob\@b.example by key: user 2 key 2 sees of B to change, then $nobody" => 20,
    "nobody: $nobody, then $nobody" => 20,
}, 'and each transaction is of its own user and key, and what comes after it of nobody');

# A statement that fails, and a client that goes away in the middle of its transaction.
for my $who ('ann@a.example', 'bob@b.example by key') {
    like(through_pool("BEGIN; $use{$who} SELECT 1 / 0;"), qr/division by zero/, "a statement of $who fails");
    is(through_pool($question), $nobody, "$who: nobody is left behind");
    ask($client{$who}, "BEGIN; $use{$who}");
    $client{$who}{harness}->signal('KILL');
    is(through_pool($question), $nobody, "$who is killed: nobody is left behind");
}

$_->{harness}->kill_kill for values %client;
$pool->signal('TERM');
$pool->finish;
done_testing();
