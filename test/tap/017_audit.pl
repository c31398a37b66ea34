# The audit log as a server keeps it: what was refused is in it although its transaction is not, what was rolled back is
# not, nobody changes it, a dump brings it back as it was, and no secret gets into it.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use PulsimoTest::Monitoring;
use Test::More;

# Part of every value that is secret here, and of nothing else.
my $mark = 'hushhushhush';
my $dir = PostgreSQL::Test::Utils::tempdir();
my $node = new_pulsimo_node('main', listen_addresses => '127.0.0.1', log_statement => 'none', autovacuum => 'off',
    'pulsimo.secret_key_file' => "$dir/key");

sub ask { return $node->safe_psql('postgres', $_[0]) }
sub wait_until { return wait_for_sql($node, 'postgres', @_) }

# What psql prints when a role runs this, over the local socket or that of an address. Errors do not end it.
sub as {
    my ($role, $sql, $address) = @_;
    my $host = $address // $node->host;
    my (undef, $out, $error) = $node->psql('postgres', $sql, on_error_stop => 0, extra_params => [ '-v', 'VERBOSITY=verbose' ],
        connstr => "host=$host port=${\$node->port} dbname=postgres user=$role application_name=shop");
    return $out . $error;
}

# Everything of the log but ids and times; $which is a condition.
sub entries {
    my ($which) = @_;
    return "SELECT organization_id, user_id, database_role, api_key_id, client_address, application, action, object_type,
                   object_id, before, after, result, detail, times
            FROM pulsimo.audit_log WHERE $which ORDER BY id";
}

sub write_key {
    my $umask = umask 077;
    append_to_file("$dir/key", join('', map { sprintf '%02x', int rand 256 } 1 .. 32) . "\n");
    umask $umask;
    return;
}

# Each call is refused and the next one goes on.
sub refused {
    my ($action, @objects) = @_;
    my $list = join ',', @objects;
    return <<"SQL";
DO \$\$ DECLARE o bigint; BEGIN
    FOREACH o IN ARRAY '{$list}'::bigint[] LOOP
        BEGIN PERFORM pulsimo.require_permission('$action', o); EXCEPTION WHEN insufficient_privilege THEN NULL; END;
    END LOOP;
END \$\$
SQL
}

write_key();
ask(qq{
    CREATE ROLE ann LOGIN;
    CREATE ROLE eve LOGIN;
    CREATE ROLE pool LOGIN;
    SELECT pulsimo.grant_access('pool');
    SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
    INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
    SELECT pulsimo.start()});
my $ann = ask(q{SELECT pulsimo.add_user('ann@a.example', 'Annabel', 1, 'viewer', database_role => 'ann')});
my $eve = ask(q{SELECT pulsimo.add_user('eve@a.example', 'Evelyn', 1, 'member', database_role => 'eve')});
my $bob = ask(qq{SELECT pulsimo.add_user('bob\@b.example', 'Robert', 2, 'owner', '$mark-password')});

# --- what is refused -----------------------------------------------------------------------------------------------------

sub denials_outlive_their_transaction {
    my $deny = q{SELECT pulsimo.require_permission('members.change', 1)};
    like(as('ann', "BEGIN; $deny; COMMIT", '127.0.0.1'), qr/ERROR:  42501: /, 'a call is refused');
    wait_until(entries(q{action = 'members.change'}),
        "1|$ann|ann||127.0.0.1|shop|members.change||1|||denied||1");
    pass('it is recorded: who, as whom, from where, with what, what of which');
    as('ann', q{SELECT pulsimo.require_permission('projects.change', 2)});
    wait_until(entries(q{action = 'projects.change'}), "|$ann|ann|||shop|projects.change||2|||denied||1");
    pass('over the local socket without an address; and of a stranger\'s organization for the operator alone');
    return;
}

sub a_burst_is_counted {
    as('ann', q{SELECT pulsimo.require_permission('secrets.change', 1);} x 50);
    my $burst = q{FROM pulsimo.audit_log WHERE action = 'secrets.change' AND result = 'denied'};
    wait_until("SELECT sum(times) $burst", '50');
    cmp_ok(ask("SELECT count(*) $burst"), '<=', 5, 'fifty denials at a time are few entries that add up');
    return;
}

# What was not denied cannot be noted, nor can anything else be made up, or get in the way of what comes after it.
sub nothing_can_be_made_up {
    as('ann', q{SELECT pulsimo.note_denial(action, object) FROM (VALUES ('lost', NULL), ('sign_in', 1), ('', 1), (NULL, 1),
        ('organization.view', 1), ('members.change', NULL), ('no such action', 1)) AS n (action, object)});
    as('ann', q{SELECT pulsimo.require_permission('projects.change', 77)});
    wait_until(entries(q{action = 'projects.change' AND object_id = 77}), "|$ann|ann|||shop|projects.change||77|||denied||1");
    is(ask(q{SELECT count(*) FROM pulsimo.audit_log WHERE result = 'lost' OR action IN ('', 'sign_in', 'organization.view',
        'no such action') OR (action = 'members.change' AND object_id IS NULL)}), '0', 'nothing can be made up');
    return;
}

# A key that somebody is changing keeps nobody's entries from being written.
sub nobody_is_waited_for {
    my $key = ask("SELECT pulsimo.create_api_key('held', user_id => $ann)");
    my $holder = $node->background_psql('postgres');
    $holder->query_safe("BEGIN; SELECT id FROM pulsimo.api_keys WHERE name = 'held' FOR UPDATE");
    as('pool', "SELECT pulsimo.use_api_key('$key')");
    as('ann', q{SELECT pulsimo.require_permission('projects.change', 78)});
    wait_until(entries(q{action = 'projects.change' AND object_id = 78}), "|$ann|ann|||shop|projects.change||78|||denied||1");
    pass('a key that is locked is in nobody else\'s way');
    $holder->query_safe('ROLLBACK');
    $holder->quit;
    return;
}

denials_outlive_their_transaction();
a_burst_is_counted();
nothing_can_be_made_up();
nobody_is_waited_for();

# --- signing in ------------------------------------------------------------------------------------------------------------

sub attempts_to_sign_in {
    my $wrong = q{SELECT pulsimo.sign_in('Bob@b.example', 'a wrong guess');};
    like(as('pool', $wrong x 5), qr/(?:ERROR:  28P01: .*){5}/s, 'five wrong passwords');
    my $attempts = q{SELECT result, sum(times), bool_and(client_address IS NULL), min(database_role), min(user_id),
        max(user_id), count(*) = count(user_id), min(detail), max(detail) FROM pulsimo.audit_log
        WHERE action = 'sign_in' AND result <> 'done' GROUP BY result ORDER BY result};
    my $rest = "t|pool|$bob|$bob|t|bob\@b.example|bob\@b.example";
    wait_until($attempts, "failed|5|$rest\nlocked|1|$rest");
    pass('are recorded, and that the account is locked, with its user');
    like(as('pool', "SELECT pulsimo.sign_in('bob\@b.example', '$mark-password')"), qr/ERROR:  28000: /,
        'the right one comes too late');
    as('pool', q{SELECT pulsimo.sign_in('nobody@b.example', 'a wrong guess')});
    wait_until(entries(q{detail = 'nobody@b.example'}), '||pool|||shop|sign_in|||||failed|nobody@b.example|1');
    pass('for an address that nobody has there is no user');
    is(ask($attempts =~ s/<> 'done'/= 'locked'/r), "locked|1|$rest", 'being locked is recorded once');
    return;
}

attempts_to_sign_in();

# --- changes ----------------------------------------------------------------------------------------------------------------

my $endpoint = ask(q{SELECT pulsimo.add_endpoint('http://127.0.0.1:1/', name => 'first', project => 1,
    check_interval => '1 day')});
my $renamed = "object_type = 'endpoints' AND action = 'update' AND object_id = $endpoint";

sub renaming {
    my ($from, $to, $user, $role, $key) = @_;
    return qq(1|$user|$role|$key||shop|update|endpoints|$endpoint|{"name": "$from"}|{"name": "$to"}|done||1);
}

sub changes_are_recorded_when_they_happen {
    my $update = "UPDATE pulsimo.endpoints SET name = '%s' WHERE id = $endpoint";
    my $function = qq{SELECT pulsimo.update_endpoint($endpoint, '{"name": "%s"}')};
    for my $change ($update, $function) {
        is(as('eve', sprintf "BEGIN; $change; ROLLBACK", 'never'), '', 'a change is made and rolled back');
    }
    is(as('eve', sprintf "BEGIN; SAVEPOINT s; $update; ROLLBACK TO s; COMMIT", 'never'), '', 'or to a savepoint');
    is(ask(entries($renamed)), '', 'no trace is left');
    as('eve', sprintf "BEGIN; $update; COMMIT", 'second');
    as('eve', sprintf "BEGIN; $function; COMMIT", 'third');
    is(ask(entries($renamed)), join("\n", renaming('first', 'second', $eve, 'eve', ''),
            renaming('second', 'third', $eve, 'eve', '')), 'an UPDATE and a call are recorded, with what they change');
    like(as('ann', sprintf $function, 'hers'), qr/ERROR:  42501: /, 'who may not change it');
    wait_until("SELECT count(*) FROM pulsimo.audit_log WHERE user_id = $ann AND action = 'endpoints.change'", '1');
    is(ask("SELECT count(*) FROM pulsimo.audit_log WHERE $renamed"), '2', 'has changed nothing');
    return;
}

sub keys_are_recorded {
    my $key = ask(qq{SELECT pulsimo.create_api_key('deploy', '{read,endpoints.change}', user_id => $eve)});
    my $id = ask(q{SELECT id FROM pulsimo.api_keys WHERE name = 'deploy'});
    my $use = "SELECT pulsimo.use_api_key('$key')";
    my $last_used = "FROM pulsimo.api_keys WHERE id = $id";
    is(ask("SELECT last_used_at $last_used"), '', 'a key that was not used');
    as('pool', "BEGIN; $use; UPDATE pulsimo.endpoints SET name = 'fourth' WHERE id = $endpoint; COMMIT");
    is(ask(entries("$renamed AND api_key_id IS NOT NULL")), renaming('third', 'fourth', $eve, 'pool', $id),
        'a change by way of a key tells of the key');
    wait_until("SELECT last_used_at > now() - interval '1 min' $last_used", 't', 20);
    pass('and when it was used is known soon');
    as('pool', "BEGIN; $use; SELECT pulsimo.require_permission('members.change', 1); COMMIT");
    wait_until(entries("api_key_id = $id AND result = 'denied'"), "1|$eve|pool|$id||shop|members.change||1|||denied||1");
    pass('a denial tells of it too');
    as('pool', "SELECT pulsimo.use_api_key('pul_$mark')");
    wait_until(entries(q{action = 'use_api_key'}), '||pool|||shop|use_api_key|||||failed||1');
    pass('and a key that is none is recorded without its text');
    return;
}

# The second key tells when what was noted before has been written.
sub many_uses_write_little {
    my ($busy, $last) = map {
        ask(qq{SELECT pulsimo.create_api_key('$_', user_id => $eve)})
    } 'busy', 'last';
    my $updates = q{SELECT n_tup_upd FROM pg_stat_user_tables WHERE relid = 'pulsimo.api_keys'::regclass};
    my $before = wait_until($updates, qr/^[1-9]\d*$/);
    my $entries = ask('SELECT count(*) FROM pulsimo.audit_log');
    my $out = as('pool', "SELECT pulsimo.use_api_key('$busy');" x 1000);
    is(scalar(() = $out =~ /^$eve$/mg), 1000, 'a session uses a key a thousand times');
    as('pool', "SELECT pulsimo.use_api_key('$last')");
    wait_until(q{SELECT count(last_used_at) FROM pulsimo.api_keys WHERE name IN ('busy', 'last')}, '2');
    my $after = wait_until($updates, qr/^(?!$before$)\d+$/);
    cmp_ok($after - $before, '<=', 10, 'which is not written a thousand times');
    is(ask('SELECT count(*) FROM pulsimo.audit_log'), $entries, 'and is no entry of the log');
    return;
}

changes_are_recorded_when_they_happen();
keys_are_recorded();
many_uses_write_little();

# --- too much, and a crash -------------------------------------------------------------------------------------------------------

sub stop_monitoring {
    ask('SELECT pulsimo.stop()');
    wait_for_no_keeper($node, 'postgres');
    return;
}

sub too_many_denials_are_counted {
    stop_monitoring();
    as('ann', refused('audit.view', 1001 .. 1100));
    as('pool', q{SELECT pulsimo.sign_in('while.stopped@b.example', 'a wrong guess')});
    is(ask(q{SELECT count(*) FROM pulsimo.audit_log WHERE action = 'audit.view'}), '0', 'while it is stopped notes wait');
    ask('SELECT pulsimo.start()');
    wait_until(q{SELECT sum(times) FROM pulsimo.audit_log WHERE action = 'audit.view' OR result = 'lost'}, '100');
    is(ask(q{SELECT count(*), min(object_id), max(object_id), max(times) FROM pulsimo.audit_log WHERE action = 'audit.view'}),
        '8|1001|1008|1', 'of one user the first 8 different ones are kept');
    is(ask(q{SELECT action, times, detail FROM pulsimo.audit_log WHERE result = 'lost'}),
        '|92|There were more at a time than could be kept.', 'and the others are counted');
    is(ask(q{SELECT count(*) FROM pulsimo.audit_log WHERE detail = 'while.stopped@b.example'}), '1',
        'they crowd out nobody else');
    as('ann', refused('audit.view', 1101));
    wait_until(q{SELECT count(*) FROM pulsimo.audit_log WHERE action = 'audit.view' AND object_id = 1101}, '1');
    pass('then there is room again');
    return;
}

sub crash {
    my $session = start_session($node);
    $session->query("UPDATE pulsimo.endpoints SET name = 'before the crash' WHERE id = $endpoint");
    $node->stop('immediate');
    $node->start;
    $session->stop;
    is(ask("SELECT database_role, after FROM pulsimo.audit_log WHERE $renamed ORDER BY id DESC LIMIT 1"),
        ask('SELECT current_user') . '|{"name": "before the crash"}', 'an entry is as safe as its change');
    return;
}

too_many_denials_are_counted();
crash();

# --- secrets ---------------------------------------------------------------------------------------------------------------------

sub secrets_are_masked {
    my @secrets = ($mark, unpack('H*', $mark), 'argon2');
    ask("SELECT pulsimo.set_secret('token', '$mark-1', 1)");
    ask("SELECT pulsimo.set_secret('token', '$mark-2', 1)");
    ask("SELECT pulsimo.set_password($bob, 'another $mark')");
    # The lock of above is in shared memory, and went with the crash.
    push @secrets, ask("SELECT pulsimo.sign_in('bob\@b.example', 'another $mark')");
    push @secrets, ask("SELECT pulsimo.create_api_key('masked', user_id => $bob)");
    push @secrets, ask('SELECT pulsimo.rotate_api_key(max(id)) FROM pulsimo.api_keys');
    push @secrets, ask(q{SELECT pulsimo.invite_user('cid@a.example', 1)});
    ask(qq{SET row_security = off; INSERT INTO pulsimo.endpoints (project_id, name, url, options) VALUES
        (1, 'restored', 'http://127.0.0.1:1/', '{"auth": {"bearer": "$mark"}, "headers": {"X-Any": "$mark"}}')});
    ask(q{SELECT pulsimo.seal_credentials()});
    ask(q{DELETE FROM pulsimo.endpoints WHERE name = 'restored'});
    push @secrets, split /\n/, ask(q{
        SELECT substr(key_hash::text, 3) FROM pulsimo.api_keys
        UNION ALL SELECT substr(token_hash::text, 3) FROM pulsimo.user_sessions
        UNION ALL SELECT substr(token_hash::text, 3) FROM pulsimo.invitations
        UNION ALL SELECT substr(sealed::text, 3) FROM pulsimo.secrets});
    is(scalar(grep { length($_) < 6 } @secrets), 0, 'there are secrets to look for');
    my $log = ask('SELECT a::text FROM pulsimo.audit_log a');
    is(join(' ', grep { index($log, $_) >= 0 } @secrets), '', 'no password, token, key, secret or hash is in the log');
    is(ask(q{SELECT string_agg(DISTINCT object_type || ' ' || action, ', ' ORDER BY object_type || ' ' || action)
             FROM pulsimo.audit_log WHERE concat(before, after) LIKE '%"***"%'}),
        'api_keys insert, api_keys update, endpoints delete, endpoints update, invitations insert, passwords insert, '
          . 'secrets insert, secrets update, user_sessions sign_in', 'but what was done to them');
    return;
}

secrets_are_masked();

# --- a dump ------------------------------------------------------------------------------------------------------------------------

my $restored = 0;

sub dump_to {
    my ($name, @options) = @_;
    $node->command_ok([ $node->installed_command('pg_dump'), '-d', $node->connstr('postgres'), '-f', "$dir/$name", @options ],
        "pg_dump @options");
    return "$dir/$name";
}

sub restore {
    my ($how, @command) = @_;
    my $database = 'restored' . ++$restored;
    ask("CREATE DATABASE $database");
    $node->command_ok([ $node->installed_command(shift @command), @command, '-d', $node->connstr($database) ], $how);
    return $database;
}

sub log_of {
    my ($database) = @_;
    return $node->safe_psql($database, 'SELECT a::text FROM pulsimo.audit_log a ORDER BY a::text COLLATE "C"');
}

sub dumps_bring_it_back {
    ask(qq{SELECT pulsimo.add_endpoint('http://127.0.0.1:1/', project => 1,
        options => '{"auth": {"bearer": {"secret": "token"}}}')});
    stop_monitoring();
    my $log = log_of('postgres');
    cmp_ok(scalar(split /\n/, $log), '>', 50, 'a log of some length');
    my @psql = ('psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f');
    my $custom = dump_to('custom', '-Fc');

    is(log_of(restore('psql', @psql, dump_to('plain'))), $log, 'psql: the log is what it was, and no more');
    is(log_of(restore('pg_restore', 'pg_restore', '--exit-on-error', $custom)), $log, 'pg_restore: so it is');
    {
        local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
        is(log_of(restore('pg_restore -j2', 'pg_restore', '--exit-on-error', '-j2', $custom)), $log, 'pg_restore -j2: too');
    }
    local $ENV{PGOPTIONS} = '-c session_replication_role=replica';  # see docs/security.md
    my $database = restore('psql of a dump that was made with --enable-row-security', @psql,
        dump_to('secured', '--enable-row-security'));
    my %there = map { $_ => 1 } split /\n/, log_of($database);
    is(scalar(grep { !$there{$_} } split /\n/, $log), 0, '--enable-row-security: no entry is lost');
    return;
}

dumps_bring_it_back();

# --- nobody changes it -----------------------------------------------------------------------------------------------------------------

sub it_is_only_added_to {
    my $before = log_of('postgres');
    for my $statement (q{UPDATE pulsimo.audit_log SET detail = 'nothing'}, 'DELETE FROM pulsimo.audit_log',
        'TRUNCATE pulsimo.audit_log', q{INSERT INTO pulsimo.audit_log (action, result) VALUES ('x', 'whatever')}) {
        my $sqlstate = $statement =~ /INSERT/ ? '23514' : '55000';
        like(psql_says($node, 'postgres', $statement), qr/ERROR:  $sqlstate: /, "the operator cannot: $statement");
        like(as('eve', $statement), qr/ERROR:  42501: /, 'nor a tenant');
    }
    is(log_of('postgres'), $before, 'and it is as it was');
    return;
}

sub set_retention {
    my ($value) = @_;
    change_settings($node, 'pulsimo.audit_retention' => $value);
    wait_until('SHOW pulsimo.audit_retention', $value);
    return;
}

# What the test has done before may have become old by now.
sub old_entries_go {
    ask(q{INSERT INTO pulsimo.audit_log (happened_at, action)
          VALUES (now() - interval '1 hour', 'old'), (now() - interval '1 hour', 'old'), (now(), 'young')});
    my $left = q{SELECT action, count(*) FROM pulsimo.audit_log WHERE action IN ('old', 'young') GROUP BY action ORDER BY 1};
    set_retention('0');
    ask('SELECT pulsimo.forget_old_audit()');
    is(ask($left), "old|2\nyoung|1", 'with pulsimo.audit_retention = 0 nothing goes');
    set_retention('1min');
    like(psql_says($node, 'postgres', q{DELETE FROM pulsimo.audit_log WHERE action = 'young'}), qr/ERROR:  55000: /,
        'what is not old enough stays');
    ask('SELECT pulsimo.forget_old_audit()');
    is(ask($left), 'young|1', 'what is older than it goes');
    return;
}

it_is_only_added_to();
old_entries_go();
done_testing();
