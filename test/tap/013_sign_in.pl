# What of signing in needs a server of its own: settings that change, a pooled connection, the log.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Test::More;

my $node = new_pulsimo_node('main', log_statement => 'none');
my $password = 'correct horse battery';
$node->safe_psql('postgres', qq{
    SELECT pulsimo.stop();
    CREATE ROLE pool LOGIN;
    SELECT pulsimo.grant_access('pool');
    SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
    INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
    SELECT pulsimo.add_user('ann\@a.example', 'Annabel', 1, 'member', '$password'),
           pulsimo.add_user('bob\@b.example', 'Robert', 2, 'member', '$password');
});

sub as_pool { return $node->safe_psql('postgres', $_[0], extra_params => [ '-U', 'pool' ]) }

sub error_of {
    my (undef, undef, $error) = $node->psql('postgres', $_[0], extra_params => [ '-U', 'pool' ]);
    return $error;
}

sub set_and_wait {
    my ($name, $value) = @_;
    change_settings($node, $name => $value);
    wait_for_sql($node, 'postgres', "SHOW $name", $value);
    return;
}

# --- secrets and the log ----------------------------------------------------------------------------------------------

like(error_of("SELECT pulsimo.sign_in('ann\@a.example', 'a wrong secret')"), qr/address or the password is wrong/,
    'a wrong password is refused');
like(error_of("SELECT pulsimo.use_session('pus_a_wrong_secret')"), qr/no such session/, 'a wrong token is refused');
like(error_of("SELECT pulsimo.accept_invitation('pui_a_wrong_secret', 'A', 'b_wrong_secret')"), qr/no such invitation/,
    'a wrong invitation is refused');
my $own_collation = q{CREATE COLLATION pg_temp.loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false);};
like(error_of("$own_collation SELECT pulsimo.sign_in(U&'\\00E1nn\@a.example' COLLATE pg_temp.loose, '$password')"),
    qr/address or the password is wrong/, 'a collation of the caller does not make addresses equal');
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/wrong.secret/, 'no secret of a failed statement is in the log');
like($log, qr/STATEMENT:  <a statement of pulsimo with a secret in it>/, 'where others have their text');

# --- two tenants on one connection of a pool ------------------------------------------------------------------------------

my %token = map { $_ => as_pool("SELECT pulsimo.sign_in('$_', '$password')") } 'ann@a.example', 'bob@b.example';
my $pool = start_session($node, 'postgres');
$pool->query('SET ROLE pool');
my %seen;
for my $turn (1 .. 20) {
    my $user = $turn % 2 ? 'ann@a.example' : 'bob@b.example';
    $pool->query('BEGIN');
    $pool->query("SELECT pulsimo.use_session('$token{$user}')");
    my $within = $pool->query('SELECT name FROM pulsimo.projects');
    $pool->query($turn % 3 ? 'COMMIT' : 'ROLLBACK');
    my $after = $pool->query('SELECT count(*) FROM pulsimo.projects');
    $seen{"$user: $within, then $after"}++;
}
is_deeply(\%seen, { 'ann@a.example: of A, then 0' => 10, 'bob@b.example: of B, then 0' => 10 },
    'each transaction sees the projects of its own user, and what is between them nothing');
$pool->quit;
my (undef, $left) = $node->psql('postgres', "BEGIN;
    SELECT pulsimo.use_session('$token{'ann@a.example'}') > 0;
    SELECT 1 / 0;
    ROLLBACK;
    SELECT count(*) FROM pulsimo.projects", on_error_stop => 0, extra_params => [ '-U', 'pool' ]);
is($left, "t\n0", 'a transaction that failed leaves nobody behind');

# --- settings ------------------------------------------------------------------------------------------------------------

$node->safe_psql('postgres', q{UPDATE pulsimo.user_sessions SET expires_at = now() + interval '1 h'});
as_pool("SELECT pulsimo.use_session('$token{'ann@a.example'}')");
is($node->safe_psql('postgres', q{SELECT count(*) FROM pulsimo.sessions WHERE expires_at > now() + interval '23 h'}), '0',
    'use does not make a session last longer');
set_and_wait('pulsimo.session_sliding', 'on');
as_pool("SELECT pulsimo.use_session('$token{'ann@a.example'}')");
is($node->safe_psql('postgres', q{SELECT count(*) FROM pulsimo.sessions WHERE expires_at > now() + interval '23 h'}), '1',
    'with pulsimo.session_sliding it does');

error_of("SELECT pulsimo.sign_in('ANN\@a.example', 'wrong')") for 1 .. 5;
like(error_of("SELECT pulsimo.sign_in('ann\@a.example', '$password')"), qr/too many failed attempts/,
    'five failed attempts, each in a session of its own, lock');
set_and_wait('pulsimo.sign_in_window', '1s');
my $signed_in = '';
for (1 .. 100) {
    $signed_in = $node->psql('postgres', "SELECT pulsimo.sign_in('ann\@a.example', '$password')",
        extra_params => [ '-U', 'pool' ]) == 0;
    last if $signed_in;
    select undef, undef, undef, 0.1;
}
ok($signed_in, 'and it ends by itself');

done_testing();
