# A dump is complete, and what is restored from it stays quiet until it is started on purpose.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use PulsimoTest::Contents;
use PulsimoTest::Fixture;
use PulsimoTest::Majors;
use PulsimoTest::Monitoring;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $key_file = "$dir/key";
{
    my $before = umask 077;
    append_to_file($key_file, '5a' x 32 . "\n");
    umask $before;
}
my $node = new_pulsimo_node('main', 'pulsimo.check_retention' => 0, 'pulsimo.audit_retention' => 0,
    'pulsimo.secret_key_file' => $key_file, log_min_messages => 'debug1');
my @versions = versions($node);
my $newest = $versions[-1];
my $databases = 0;

sub new_database {
    my ($on) = @_;
    my $name = 'd' . ++$databases;
    $on->safe_psql('postgres', "CREATE DATABASE $name");
    return $name;
}

sub dump_of {
    my ($on, $database, @options) = @_;
    my $file = "$dir/" . $on->name . "_$database" . join('', @options) . '.dump';
    $on->command_ok([ $on->installed_command('pg_dump'), '-d', $on->connstr($database), '-f', $file, @options ],
        "pg_dump @options of $database");
    return $file;
}

sub restore_command {
    my ($on, $database, @options) = @_;
    return [ $on->installed_command('pg_restore'), '-d', $on->connstr($database), @options ];
}

# The restored database holds what the source held, and is not monitored.
sub is_restored {
    my ($on, $database, $expected, $how) = @_;
    is(contents($on, $database), $expected, "$how: everything is there");
    is(members_that_are_partitions($on, $database), '', "$how: no partition belongs to the extension");
    is($on->safe_psql($database, 'SELECT pulsimo.is_running()'), 'f', "$how: monitoring is off");
    return;
}

# A source that was monitored and is stopped, so that it can be compared.
sub make_source {
    my ($on) = @_;
    my $database = new_database($on);
    create_extension($on, $database);
    load_fixture($on, $database, $newest);
    is(unfilled_tables($on, $database), '', 'the fixture has rows for every durable table');
    $on->safe_psql($database, 'BEGIN; SELECT pulsimo.start(); SELECT pulsimo.stop(); COMMIT;');
    wait_for_no_keeper($on, $database);
    return $database;
}

my $source = make_source($node);
my $source_contents = contents($node, $source);
my $plain = dump_of($node, $source);
my $custom = dump_of($node, $source, '-Fc');

# --- every way to restore -------------------------------------------------------------------------------------------

sub restore_in_every_way {
    my @psql = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $plain, '-d');
    my $strict = '--exit-on-error';
    my %restored;
    for my $way (
        [ 'psql', sub { [ @psql, $node->connstr($_[0]) ] } ],
        [ 'psql -1', sub { [ @psql, $node->connstr($_[0]), '-1' ] } ],
        [ 'pg_restore', sub { restore_command($node, $_[0], $strict, $custom) } ],
        [ 'pg_restore --single-transaction',
            sub { restore_command($node, $_[0], '--single-transaction', $strict, $custom) } ],
        [ 'pg_restore into a database that has the extension',
            sub { create_extension($node, $_[0]); restore_command($node, $_[0], $strict, $custom) } ],
        [ 'pg_restore -j4', sub { restore_command($node, $_[0], '-j4', $strict, $custom) },
            '-c session_replication_role=replica' ],
    ) {
        my ($how, $command, $pgoptions) = @$way;
        my $database = $restored{$how} = new_database($node);
        local $ENV{PGOPTIONS} = $pgoptions // '';
        $node->command_ok($command->($database), $how);
        is_restored($node, $database, $source_contents, $how);
    }
    my $database = $restored{'pg_restore'};
    $node->command_ok(restore_command($node, $database, '--clean', '--if-exists', $strict, $custom),
        'pg_restore --clean --if-exists over a database that was restored before');
    is_restored($node, $database, $source_contents, 'pg_restore --clean');
    return $database;
}

my $restored = restore_in_every_way();

# --- a restored database is quiet -----------------------------------------------------------------------------------

sub restored_database_waits_for_start {
    my ($database) = @_;
    my $last_id = $node->safe_psql($database, 'SELECT last_value FROM pulsimo.endpoints_id_seq');
    my $id = add_endpoint($node, 'http://127.0.0.1:1/', -database => $database, check_interval => '1 s',
        timeout => '500 ms', failure_threshold => 1);
    is($id, $last_id + 1, 'the sequence of the restored database continues');
    my $with_endpoint = contents($node, $database);
    let_workers_look($node, $database);
    my $seen = -s $node->logfile;
    $node->restart;
    # After a start the launcher sends a keeper to every database that can be connected to.
    my $all = $node->safe_psql('postgres', 'SELECT count(*) FROM pg_database WHERE datallowconn AND NOT datistemplate');
    wait_for_log_line($node, qr/(?:registering background worker "pulsimo keeper".*?){$all}/s, $seen);
    wait_for_no_keeper($node, $database);
    is(contents($node, $database), $with_endpoint,
        'add_endpoint(), wake() and a restart of the server do not start a restored database');

    $node->safe_psql($database, 'SELECT pulsimo.start()');
    wait_for_sql($node, $database, "SELECT count(*) > 1 FROM pulsimo.health_checks WHERE endpoint_id = $id", 't');
    pass('start() does');
    is($node->safe_psql($database,
            'SELECT id FROM pulsimo.incidents WHERE endpoint_id = 1 AND status <> \'resolved\''), '1',
        'the open incident that was restored is still the one of its endpoint');
    $node->safe_psql($database, 'SELECT pulsimo.stop()');
    wait_for_no_keeper($node, $database);
    return;
}

sub workers_keep_out_of_a_restore {
    my $database = new_database($node);
    for my $section ('pre-data', 'data', 'post-data') {
        $node->command_ok(restore_command($node, $database, '--exit-on-error', "--section=$section", $custom),
            "pg_restore --section=$section");
        let_workers_look($node, $database);
    }
    is_restored($node, $database, $source_contents, 'workers that looked in between the sections');
    return;
}

restored_database_waits_for_start($restored);
workers_keep_out_of_a_restore();

# --- accounts -------------------------------------------------------------------------------------------------------

sub answer_or_error {
    my ($database, @statements) = @_;
    my (undef, $out, $error) = $node->psql($database, join(";\n", @statements), extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    return $error eq '' ? $out : $error;
}

# Whoever could get in before the dump gets in after the restore, but has to sign in again; with the key file, what was
# sealed opens.
sub accounts_are_restored {
    my $database = new_database($node);
    create_extension($node, $database);
    my $password = 'correct horse battery';
    $node->safe_psql($database, qq{
        SELECT pulsimo.stop(), pulsimo.add_organization('A'), pulsimo.set_secret('token', 'of the shop', 1, '{shop.example}');
        SELECT pulsimo.add_user('ann\@a.example', 'Annabel', 1, 'member', '$password')});
    my $key = $node->safe_psql($database, q{SELECT pulsimo.create_api_key('deploy', '{read}', '1 day', 1)});
    my $expired = $node->safe_psql($database, q{SELECT pulsimo.create_api_key('expired', '{read}', '1 day', 1)});
    $node->safe_psql($database, q{UPDATE pulsimo.api_keys SET expires_at = now() WHERE name = 'expired'});
    my $session = $node->safe_psql($database, "SELECT pulsimo.sign_in('ann\@a.example', '$password')");
    $node->safe_psql($database, "BEGIN; SELECT pulsimo.use_session('$session'), pulsimo.begin_one_time_passwords('$password'); COMMIT");
    wait_for_no_keeper($node, $database);
    my $sealed = q{SELECT string_agg(sealed::text, ' ' ORDER BY sealed) FROM (
        SELECT sealed FROM pulsimo.secrets UNION ALL SELECT sealed FROM pulsimo.one_time_passwords) s};
    my $sealed_before = $node->safe_psql($database, $sealed);
    like($sealed_before, qr/^\\x\w{60,} \\x\w{60,}$/, 'two things are sealed');
    my $rows = rows_of($node, $database, columns_of($node, $database));

    my $copy = new_database($node);
    my $file = dump_of($node, $database, '-Fc');
    $node->command_ok(restore_command($node, $copy, '--exit-on-error', $file), 'pg_restore of a database with accounts');
    is(rows_of($node, $copy, columns_of($node, $copy)), $rows, 'and every row is what it was');
    is(answer_or_error($copy, "SELECT pulsimo.use_api_key('$key')"), '1', 'an API key of before works');
    is(answer_or_error($copy, "BEGIN; SELECT FROM pulsimo.use_api_key('$key'); SELECT pulsimo.current_api_key_id()"), '1',
        'and is the one that it was');
    like(answer_or_error($copy, "SELECT pulsimo.use_api_key('$expired')"), qr/28000: there is no such API key/,
        'one that has expired does not');
    is(answer_or_error($database, "SELECT pulsimo.use_session('$session')"), '1', 'a session works where it was opened');
    like(answer_or_error($copy, "SELECT pulsimo.use_session('$session')"), qr/28000: there is no such session/,
        'where it was restored it is gone');
    is($node->safe_psql($copy, 'SELECT count(*) FROM pulsimo.user_sessions'), '0', 'like all of them');
    like(answer_or_error($copy, "SELECT pulsimo.sign_in('ann\@a.example', '$password')"), qr/^pus_/, 'the password is what it was');
    is($node->safe_psql($copy, $sealed), $sealed_before, 'what was sealed is byte for byte the same');
    is($node->safe_psql($copy, 'SELECT pulsimo.rotate_secret_key()'), '2', 'and opens with the key of before');
    append_to_file("$key_file.other", 'a5' x 32 . "\n");
    chmod 0600, "$key_file.other";
    change_settings($node, 'pulsimo.secret_key_file' => "$key_file.other");
    wait_for_sql($node, $copy, 'SHOW pulsimo.secret_key_file', "$key_file.other");
    like(answer_or_error($copy, 'SELECT pulsimo.rotate_secret_key()'), qr/(?:WARNING: .*stays as it is.*\n.*){2}/s,
        'but not with another');
    change_settings($node, 'pulsimo.secret_key_file' => undef);
    return;
}

accounts_are_restored();

# --- while monitoring is running ------------------------------------------------------------------------------------

# What pg_dump holds from its beginning to its end.
sub hold_locks_of_a_dump {
    my ($database) = @_;
    my $tables = $node->safe_psql($database, <<'SQL');
SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
WHERE c.relnamespace = 'pulsimo'::regnamespace AND c.relkind IN ('r', 'p')
SQL
    my $session = start_session($node, $database);
    $session->query("BEGIN; LOCK TABLE $tables IN ACCESS SHARE MODE");
    return $session;
}

sub dump_while_running {
    my $target = start_target();
    my $database = new_database($node);
    create_extension($node, $database);
    my %how = (-database => $database, check_interval => '1 s', timeout => '500 ms');
    add_endpoint($node, $target->url('/'), name => "up $_", %how) for 1 .. 5;
    $node->safe_psql($database, q{SELECT pulsimo.create_partition('2024-01-01')});
    wait_for_new_check($node, $database);

    my $holder = hold_locks_of_a_dump($database);
    wait_for_new_check($node, $database);
    pass('checks are written while a dump holds its locks');
    is($node->safe_psql($database, q{SELECT pulsimo.create_partition(current_date + 10) IS NOT NULL}), 't',
        'a partition is made meanwhile');
    like(psql_says($node, $database, q{SELECT pulsimo.drop_partitions_before('2024-02-01')}), qr/ERROR:  55P03/,
        'retention gives up instead of standing in the way');
    wait_for_new_check($node, $database);
    my $file = dump_of($node, $database, '-Fc');
    $holder->query('COMMIT');
    is($node->safe_psql($database, q{SELECT pulsimo.drop_partitions_before('2024-02-01')}), '1',
        'afterwards it does its work');

    my $copy = new_database($node);
    $node->command_ok(restore_command($node, $copy, '--exit-on-error', $file),
        'pg_restore of a dump of a running database');
    is($node->safe_psql($copy, 'SELECT count(*) FROM pulsimo.endpoints'), '5', 'the endpoints are there');
    cmp_ok($node->safe_psql($copy, 'SELECT count(*) FROM pulsimo.health_checks'), '>', 0, 'checks are there');
    let_workers_look($node, $copy);
    is($node->safe_psql($copy, 'SELECT pulsimo.is_running()'), 'f', 'and it is quiet');
    return ($database, $file, contents($node, $copy));
}

# The keeper of the old extension makes partitions and writes rows until the very moment when that goes.
sub restore_over_running {
    my ($database, $file, $expected) = @_;
    wait_for_new_check($node, $database);
    $node->command_ok(restore_command($node, $database, '--clean', '--if-exists', '--exit-on-error', $file),
        'pg_restore --clean over a database that is being monitored');
    wait_for_no_keeper($node, $database);
    is_restored($node, $database, $expected, 'pg_restore --clean over a running database');
    return;
}

restore_over_running(dump_while_running());

# --- dumps of older versions ----------------------------------------------------------------------------------------

sub dump_of_version {
    my ($version) = @_;
    my $database = new_database($node);
    install_version($node, $database, $version);
    load_fixture($node, $database, $version);
    my $file = dump_of($node, $database, '-Fc');
    return ($file, contents($node, $database));
}

# Whatever of it could be loaded: start() knows that the rows are of another version.
sub straight_restore_is_refused {
    my ($version, $file) = @_;
    my $what = "data of $version in $newest";
    my $database = new_database($node);
    $node->run_log(restore_command($node, $database, $file));
    my $error = psql_says($node, $database, 'SELECT pulsimo.start()');
    like($error, qr/55000: .*version $version .*version $newest/, "$what: start() refuses");
    like($error, qr/HINT: .*VERSION '$version'.*ALTER EXTENSION pulsimo UPDATE/, "$what: it tells the way");
    is($node->safe_psql($database, 'SELECT pulsimo.is_running()'), 'f', "$what: monitoring is off");
    return;
}

sub recipe_works {
    my ($version, $file, $expected) = @_;
    my $database = new_database($node);
    install_version($node, $database, $version);
    $node->command_ok(restore_command($node, $database, '--exit-on-error', $file),
        "pg_restore of $version after CREATE EXTENSION VERSION '$version'");
    is(contents($node, $database), $expected, "$version: everything is there");
    $node->safe_psql($database, 'ALTER EXTENSION pulsimo UPDATE');
    let_workers_look($node, $database);
    is($node->safe_psql($database, 'SELECT pulsimo.is_running()'), 'f', "$version, then updated: monitoring is off");
    $node->safe_psql($database, 'SELECT pulsimo.start()');
    wait_for_new_check($node, $database);
    pass("$version, then updated and started: it is monitored");
    $node->safe_psql($database, 'SELECT pulsimo.stop()');
    return;
}

for my $version (@versions[0 .. $#versions - 1]) {
    my ($file, $expected) = dump_of_version($version);
    straight_restore_is_refused($version, $file);
    recipe_works($version, $file, $expected);
}

# --- into another major version -------------------------------------------------------------------------------------

SKIP: {
    my ($older, $newer) = two_majors();
    skip $newer, 1 unless $older;
    my $from = new_pulsimo_node('older', -new => [ install_path => $older ]);
    my $to = new_pulsimo_node('newer', -new => [ install_path => $newer ]);
    my $database = make_source($from);
    my $expected = contents($from, $database);
    my $file = dump_of($from, $database, '-Fc');
    for my $jobs (1, 4) {
        my $copy = new_database($to);
        local $ENV{PGOPTIONS} = $jobs > 1 ? '-c session_replication_role=replica' : '';
        $to->command_ok(restore_command($to, $copy, '--exit-on-error', "-j$jobs", $file),
            "pg_restore -j$jobs into a newer major");
        is_restored($to, $copy, $expected, "into a newer major with -j$jobs");
    }
}

done_testing();
