# What of signing in needs a server of its own: settings that change, a pooled connection, the log.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use Digest::SHA qw(hmac_sha1);
use IPC::Run;
use Test::More;

my $key_file = PostgreSQL::Test::Utils::tempdir() . '/key';
{
    my $before = umask 077;
    append_to_file($key_file, '5a' x 32 . "\n");
    umask $before;
}
my $node = new_pulsimo_node('main', log_statement => 'none', 'pulsimo.secret_key_file' => $key_file);
my $password = 'correct horse battery';
$node->safe_psql('postgres', qq{
    SELECT pulsimo.stop();
    CREATE ROLE pool LOGIN;
    SELECT pulsimo.grant_access('pool');
    SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
    INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
    SELECT pulsimo.add_user('ann\@a.example', 'Annabel', 1, 'member', '$password'),
           pulsimo.add_user('bob\@b.example', 'Robert', 2, 'member', '$password'),
           pulsimo.add_user('otto\@b.example', 'Otto', 2, 'member', '$password');
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

# --- one-time passwords -------------------------------------------------------------------------------------------------

# RFC 4648 and 4226, written down once more.
sub base32_decoded {
    my ($text) = @_;
    my $bits = join '', map { sprintf '%05b', index 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', $_ } split //, $text;
    return pack 'B*', substr $bits, 0, 8 * int(length($bits) / 8);
}

# What an authenticator app shows that was given this address, so many half minutes from now.
sub code_of {
    my ($uri, $steps) = @_;
    my ($secret) = $uri =~ /[?&]secret=([A-Z2-7]+)/ or die "no secret in $uri";
    my $hash = hmac_sha1(pack('Q>', int(time / 30) + ($steps // 0)), base32_decoded($secret));
    return sprintf '%06d', (unpack('N', substr $hash, ord(substr $hash, -1) & 15, 4) & 0x7fffffff) % 1_000_000;
}

# One that is good neither now nor soon.
sub wrong_code {
    my ($uri) = @_;
    my %good = map { code_of($uri, $_) => 1 } -3 .. 3;
    return (grep { !$good{$_} } '000000' .. '000007')[0];
}

# The SQLSTATE of what is asked for Otto, or what it returns.
sub says {
    my (@statements) = @_;
    my ($status, $out, $error) = $node->psql('postgres', join(";\n", @statements),
        extra_params => [ '-U', 'pool', '-v', 'VERBOSITY=verbose' ]);
    return $error =~ /ERROR:  (\w{5}: .*)/ ? $1 : $out;
}

sub sign_in_of_otto {
    my (@code) = @_;
    return "SELECT pulsimo.sign_in('otto\@b.example', '$password'" . join('', map { ", '$_'" } @code) . ')';
}

# As if the last password had been used long ago. The test need not wait for half a minute then.
sub forget_last_code { return $node->safe_psql('postgres', 'UPDATE pulsimo.one_time_passwords SET last_used_step = 0') }

my $session = says(sign_in_of_otto());
my $as_otto = "SELECT FROM pulsimo.use_session('$session')";
like(says('BEGIN', $as_otto, q{SELECT pulsimo.begin_one_time_passwords('not the password')}, 'COMMIT'), qr/^28P01: /,
    'one-time passwords are not begun without the password');
my $uri = says('BEGIN', $as_otto, "SELECT pulsimo.begin_one_time_passwords('$password')", 'COMMIT');
like($uri, qr{^otpauth://totp/\S*otto\S*[?&]secret=[A-Z2-7]{32}(?:&|$)}, 'they are begun with it');
like(says(sign_in_of_otto()), qr/^pus_/, 'and are not needed before they are confirmed');
like(says('BEGIN', $as_otto, "SELECT pulsimo.confirm_one_time_passwords('" . wrong_code($uri) . "')", 'COMMIT'),
    qr/^28P01: the one-time password is wrong/, 'a wrong code does not confirm');
my $first_code = code_of($uri);
my @recovery_codes = split /\n/, says('BEGIN', $as_otto, "SELECT pulsimo.confirm_one_time_passwords('$first_code')", 'COMMIT');
is(scalar(grep { /^[\w-]{22}$/ } @recovery_codes), 10, 'the right one does, and there are ten recovery codes');
like(says(sign_in_of_otto($first_code)), qr/^28P01: /, 'the code that has confirmed is good no more');

like(says(sign_in_of_otto()), qr/^28000: a one-time password is needed/, 'the password alone is refused');
like(says("SELECT pulsimo.sign_in('otto\@b.example', '$password', NULL)"), qr/^28000: a one-time password is needed/,
    'so it is with null for the code');
like(says("SELECT pulsimo.sign_in('otto\@b.example', 'not the password', '" . code_of($uri, 1) . "')"),
    qr/^28P01: the address or the password is wrong/, 'so is the code alone');
like(says(sign_in_of_otto(wrong_code($uri))), qr/^28P01: the one-time password is wrong/, 'so is a wrong code');
forget_last_code();
my $code = code_of($uri);
like(says(sign_in_of_otto($code)), qr/^pus_/, 'the right one is let in');
like(says(sign_in_of_otto($code)), qr/^28P01: /, 'but only once');
like(says(sign_in_of_otto(code_of($uri, -1))), qr/^28P01: /, 'and not an older one after it');
like(says(sign_in_of_otto($recovery_codes[3])), qr/^pus_/, 'a recovery code is let in');
like(says(sign_in_of_otto($recovery_codes[3])), qr/^28P01: /, 'but only once');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.recovery_codes'), '9', 'the others are left');

# Two who show the same code at the same time.
sub two_with_the_same_code {
    my ($of_both, $end) = @_;
    my $first = start_session($node, 'postgres');
    $first->query("SET ROLE pool; BEGIN; " . sign_in_of_otto($of_both));
    my $second = '';
    my $process = IPC::Run::start([ $node->installed_command('psql'), '-XAtq', '-v', 'VERBOSITY=verbose', '-d',
        $node->connstr('postgres'), '-U', 'pool', '-c', sign_in_of_otto($of_both) ], '<', '/dev/null', '>&', \$second);
    wait_for_sql($node, 'postgres', q{SELECT count(*) FROM pg_stat_activity WHERE usename = 'pool' AND wait_event_type = 'Lock'}, '1');
    $first->query($end);
    $process->finish;
    $first->quit;
    return $second;
}

forget_last_code();
like(two_with_the_same_code(code_of($uri), 'COMMIT'), qr/28P01: the one-time password is wrong/,
    'of two at the same time the second is too late');
forget_last_code();
like(two_with_the_same_code(code_of($uri), 'ROLLBACK'), qr/^pus_/, 'unless the first gives up');
like(two_with_the_same_code($recovery_codes[4], 'COMMIT'), qr/28P01: the one-time password is wrong/,
    'it is the same with a recovery code');

forget_last_code();
like(says('BEGIN', $as_otto, "SELECT pulsimo.end_one_time_passwords('$password', '" . wrong_code($uri) . "')", 'COMMIT'),
    qr/^28P01: /, 'they are not ended with a wrong code');
is(says('BEGIN', $as_otto, "SELECT pulsimo.end_one_time_passwords('$password', '" . code_of($uri) . "')", 'COMMIT'), '',
    'but with the right one');
like(says(sign_in_of_otto()), qr/^pus_/, 'then the password alone is enough again');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pulsimo.recovery_codes'), '0', 'and the recovery codes are gone');

my $new_uri = says('BEGIN', $as_otto, "SELECT pulsimo.begin_one_time_passwords('$password')", 'COMMIT');
isnt($new_uri, $uri, 'who begins again has another secret');
my @new_codes = split /\n/, says('BEGIN', $as_otto, "SELECT pulsimo.confirm_one_time_passwords('" . code_of($new_uri) . "')", 'COMMIT');
is(scalar(@new_codes), 10, 'and other recovery codes');
# Whoever knows the password must not be able to try one code after the other.
says(sign_in_of_otto(wrong_code($new_uri))) for 1 .. 5;
forget_last_code();
like(says(sign_in_of_otto(code_of($new_uri))), qr/^28000: too many failed attempts/, 'five wrong codes lock');
like(says(sign_in_of_otto($new_codes[0])), qr/^28000: too many failed attempts/, 'also for recovery codes');

my %hidden = map { $_ => 1 } @recovery_codes, @new_codes, map { /secret=(\w+)/ } $uri, $new_uri;
$log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
is(scalar(grep { $log =~ /\Q$_\E/ } keys %hidden), 0, 'nothing of the ' . keys(%hidden) . ' secrets is in the log');
like($log, qr/one-time password is wrong/, 'which tells of the attempts');
unlike($log, qr/sign_in\('|one_time_passwords\('/, 'but not of the statements');

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
