# Secrets, from set_secret() to the header that the target sees: the right ones get there, and nothing else of them gets
# anywhere. And whether an endpoint may be probed at all: the address policy of its organization.
use strict;
use warnings;
use MIME::Base64 qw(encode_base64);
use PostgreSQL::Test::Utils;
use PulsimoTest;
use PulsimoTest::Recorder;
use Test::More;
use Time::HiRes qw(time usleep);

# Part of every value that is secret here, and of nothing else.
my $mark = 'hushhushhush';
my $node = new_pulsimo_node('main', shared_preload_libraries => 'pulsimo,pg_stat_statements', log_statement => 'none');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $key_file = "$dir/key";
my $target = PulsimoTest::Recorder->start($dir);

sub ask { return $node->safe_psql('postgres', $_[0]) }
sub wait_until { return wait_for_sql($node, 'postgres', @_) }
sub refusal { return psql_says($node, 'postgres', $_[0]) }

# --- where a secret must not be ------------------------------------------------------------------------------------------

# The mark as it is, in hexadecimal digits, and in base64 at each of the three places where it can stand.
my @traces = ($mark, unpack('H*', $mark), map {
    my $first = int((8 * $_ + 5) / 6);
    substr(encode_base64('x' x $_ . $mark, ''), $first, int(8 * ($_ + length $mark) / 6) - $first)
} 0 .. 2);
my $trace = join '|', map { quotemeta } @traces;

sub has_no_secret {
    my ($text, $where) = @_;
    my @found = map { substr $_, 0, 200 } grep { /$trace/ } split /\n/, $text;
    is("@found", '', "no secret in $where");
    return;
}

like($_, qr/$trace/, 'a secret would be found') for $mark, encode_base64("a$mark"), unpack('H*', "ab$mark");

# --- endpoints and what their checks say ------------------------------------------------------------------------------------

# Long intervals: a check is made when the endpoint is changed, and when it is asked for.
sub add {
    my ($path, $options, %arguments) = @_;
    return add_endpoint($node, $target->url($path), name => $path, check_interval => '1 day', timeout => '20 s',
        failure_threshold => 1, project => 1, options => $options, %arguments);
}

sub bearer {
    my ($secret) = @_;
    return qq({"auth": {"bearer": {"secret": "$secret"}}});
}

sub check {
    my ($id) = @_;
    return "SELECT status, error_class, error FROM pulsimo.check_now($id, '30 s')";
}

sub not_available {
    my ($secret) = @_;
    return qq(unknown|internal|the secret "$secret" is not available);
}

sub wait_for_request {
    my ($path, $pattern) = @_;
    my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;
    until (grep { $_ =~ $pattern } $target->requests($path)) {
        die "no request for $path matches $pattern" if time > $deadline;
        usleep(50_000);
    }
    return;
}

# From the first check that says so on, nothing is sent.
sub is_not_sent {
    my ($id, $path, $secret, $why) = @_;
    wait_until(check($id), not_available($secret));
    my $before = $target->requests($path);
    is(ask(check($id)), not_available($secret), "$why: checks are unknown");
    is(scalar $target->requests($path), $before, "$why: and nothing is sent");
    return;
}

# The last request has the header.
sub is_sent {
    my ($path, $header, $what) = @_;
    my @requests = $target->requests($path);
    like($requests[-1] // '', qr/^\Q$header\E$/m, $what);
    return;
}

# --- the key ---------------------------------------------------------------------------------------------------------------

sub new_key { return join '', map { sprintf '%02x', int rand 256 } 1 .. 32 }

sub write_keys {
    my (@keys) = @_;
    my $umask = umask 077;
    open my $file, '>', "$key_file.new" or die "cannot write $key_file.new: $!";
    print $file map { "$_\n" } @keys;
    close $file or die "cannot write $key_file.new: $!";
    umask $umask;
    rename "$key_file.new", $key_file or die "cannot rename $key_file.new: $!";
    return;
}

sub is_refused {
    my ($hint, $why) = @_;
    my $error = refusal("SELECT pulsimo.set_secret('shop token', '$mark-1', 1)");
    like($error, qr/ERROR:  55000: .*^HINT: .*$hint/ms, "$why: set_secret() refuses");
    has_no_secret($error, 'what it says');
    is(ask('SELECT count(*) FROM pulsimo.secrets'), '0', "$why: nothing is stored");
    return;
}

ask(q{SELECT pulsimo.add_organization('A'), pulsimo.add_organization('B');
      INSERT INTO pulsimo.projects (organization_id, name) VALUES (1, 'of A'), (2, 'of B');
      CREATE EXTENSION pg_stat_statements});

my $key = new_key();
is_refused(qr/pulsimo\.secret_key_file/, 'without a key file');
change_settings($node, 'pulsimo.secret_key_file' => $key_file);
wait_until('SHOW pulsimo.secret_key_file', $key_file);
is_refused(qr/umask 077/, 'with a key file that is not there');
write_keys($key);
chmod 0644, $key_file or die "chmod: $!";
is_refused(qr/chmod 600/, 'with a key file that others can read');
chmod 0600, $key_file or die "chmod: $!";
ask("SELECT pulsimo.set_secret('shop token', '$mark-1', 1)");
is(ask('SELECT organization_id, name FROM pulsimo.stored_secrets'), '1|shop token', 'with one of our own it is stored');

# --- what the target sees ----------------------------------------------------------------------------------------------------

sub is_sent_in_every_place {
    my %places = (
        '/200/bearer' => [ bearer('shop token'), "Authorization: Bearer $mark-1" ],
        '/200/basic' => [
            '{"auth": {"basic": {"username": "ann", "password": {"secret": "shop token"}}}}',
            'Authorization: Basic ' . encode_base64("ann:$mark-1", '')
        ],
        '/200/api-key' =>
          [ '{"auth": {"api_key": {"header": "X-Key", "value": {"secret": "shop token"}}}}', "X-Key: $mark-1" ],
        '/200/header' => [ '{"headers": {"X-Token": {"secret": "shop token"}}}', "X-Token: $mark-1" ],
    );
    my %id;
    for my $path (sort keys %places) {
        my ($options, $header) = @{ $places{$path} };
        $id{$path} = add($path, $options);
        is(ask(check($id{$path})), 'up||', "$path: the check passes");
        is_sent($path, $header, "$path: the target sees the secret");
    }
    return %id;
}

my %id = is_sent_in_every_place();

# --- and nobody else ---------------------------------------------------------------------------------------------------------

sub failing_calls_say_nothing {
    ask(q{CREATE ROLE ann LOGIN;
          SELECT pulsimo.add_user('ann@a.example', 'Annabel', 1, 'viewer', database_role => 'ann')});
    my %calls = (
        'a viewer' => [ '42501', "SET ROLE ann; SELECT pulsimo.set_secret('shop token', '$mark-2', 1)" ],
        'a name of two lines' => [ '22023', "SELECT pulsimo.set_secret(E'a\\nb', '$mark-2', 1)" ],
        'a value of two lines' => [ '22023', "SELECT pulsimo.set_secret('shop token', E'$mark-2\\n', 1)" ],
        'a host with a port' => [ '22023', "SELECT pulsimo.set_secret('shop token', '$mark-2', 1, '{localhost:80}')" ],
        'no organization' => [ 'P0002', "SELECT pulsimo.set_secret('shop token', '$mark-2', 99)" ],
        'which organization' => [ '22023', "SELECT pulsimo.set_secret('shop token', '$mark-2')" ],
        'an endpoint with it in clear text' => [
            '22023',
            q{SELECT pulsimo.add_endpoint('http://127.0.0.1:1/', project => 1, options => '{"auth": {"bearer": "in-clear-text"}}')}
        ],
    );
    for my $what (sort keys %calls) {
        my ($sqlstate, $call) = @{ $calls{$what} };
        my $error = refusal($call);
        like($error, qr/ERROR:  $sqlstate: /, "$what: refused");
        has_no_secret($error, "the error of $what");
    }
    return;
}

sub activity_shows_nothing {
    my $session = start_session($node);
    my $pid = $session->query('SELECT pg_backend_pid()');
    my $shown = "SELECT state, query FROM pg_stat_activity WHERE pid = $pid";
    my $hidden = 'idle|<a statement of pulsimo with a secret in it>';
    $session->query("SELECT pulsimo.set_secret('second', '$mark-second', 1)");
    is(wait_until($shown, qr/^idle\|/), $hidden, 'pg_stat_activity does not show a call');
    $session->query('SELECT 1');
    $session->try("SELECT pulsimo.set_secret('second', '$mark-second', 99)");
    is(wait_until($shown, qr/^idle\|/), $hidden, 'nor one that failed');
    $session->quit;
    return;
}

sub statements_show_nothing {
    my $seen = ask("SELECT query FROM pg_stat_statements WHERE query ~ 'set_secret'");
    like($seen, qr/pulsimo\.set_secret\(\$1, ?\$2/, 'pg_stat_statements has seen the calls');
    has_no_secret(ask('SELECT query FROM pg_stat_statements'), 'pg_stat_statements');
    return;
}

# An endpoint that fails, so that there are an error, an incident and a message.
sub messages_say_nothing {
    my $listener = start_session($node);
    $listener->query('LISTEN pulsimo');
    my $failing = add('/500/failing', bearer('shop token'));
    my $incident = wait_until("SELECT id FROM pulsimo.active_incidents WHERE endpoint_id = $failing", qr/^\d+$/);
    is_sent('/500/failing', "Authorization: Bearer $mark-1", 'it is sent to a target that says no');
    is(ask("SELECT count(*) FROM pulsimo.outbox WHERE incident_id = $incident"), '1', 'there is a message');
    has_no_secret(ask('SELECT error FROM pulsimo.health_checks WHERE error IS NOT NULL'), 'the errors of checks');
    my ($heard, $deadline) = ('', time + $PostgreSQL::Test::Utils::timeout_default);
    while ($heard !~ /Asynchronous notification/ && time < $deadline) {
        usleep(50_000);
        $heard .= $listener->query('SELECT 1');
    }
    like($heard, qr/Asynchronous notification "pulsimo"/, 'a listener hears of it');
    has_no_secret($heard, 'what a listener hears');
    $listener->quit;
    ask("SELECT pulsimo.remove_endpoint($failing)");
    return;
}

sub tables_hold_nothing {
    my @tables = split /\n/, ask(q{SELECT c.oid::regclass FROM pg_class c
        WHERE c.relnamespace = 'pulsimo'::regnamespace AND c.relkind IN ('r', 'v', 'm') ORDER BY 1});
    cmp_ok(scalar @tables, '>', 20, 'there are tables to look into');
    has_no_secret(ask("SELECT t::text FROM $_ t"), $_) for @tables;
    return;
}

sub dump_holds_nothing {
    my ($dump, $errors) = PostgreSQL::Test::Utils::run_command(
        [ $node->installed_command('pg_dump'), '-d', $node->connstr('postgres') ]);
    like($dump, qr/^COPY pulsimo\.secrets .*^\d+\t1\tshop token\t/ms, 'a dump has the secrets');
    has_no_secret($dump, 'a dump');
    return;
}

# Whatever it is told to log, and also where an error comes before the function is called. (Of the message of an error
# the server is the author, and where it does not understand a value, it says so.)
sub log_says_nothing {
    my %verbose = (log_statement => 'all', log_min_duration_statement => '0');
    change_settings($node, %verbose);
    wait_until('SHOW log_statement', 'all');
    my $start = -s $node->logfile;
    ask("SELECT pulsimo.set_secret('second', '$mark-second', 1)");
    for my $wrong ("'$mark-3', 99", "'$mark-3', 'one'", "'$mark-3', 1, 2, 3", "'$mark-3', )") {
        refusal("SELECT pulsimo.set_secret('second', $wrong)");
    }
    refusal("DO \$\$ BEGIN PERFORM pulsimo.set_secret('second', '$mark-3', 99); END \$\$");
    my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $start);
    has_no_secret($log, 'a log of all statements');
    is(scalar(() = $log =~ /ERROR: /g), 5, 'which has the errors');
    cmp_ok(scalar(() = $log =~ /LOG:  .*<a statement of pulsimo with a secret in it>/g), '>=', 5,
        'and tells that there were statements');
    change_settings($node, map { $_ => undef } keys %verbose);
    wait_until('SHOW log_statement', 'none');
    return;
}

failing_calls_say_nothing();
log_says_nothing();
activity_shows_nothing();
statements_show_nothing();
messages_say_nothing();
tables_hold_nothing();
dump_holds_nothing();

# --- another value -------------------------------------------------------------------------------------------------------------

sub replaced_secret_is_sent {
    my $before = $target->requests('/200/bearer');
    ask("SELECT pulsimo.set_secret('shop token', '$mark-new', 1)");
    wait_for_request('/200/bearer', qr/^Authorization: Bearer \Q$mark-new\E$/m);
    pass('an endpoint is checked at once with the new value of its secret');
    my @since = $target->requests('/200/bearer');
    splice @since, 0, $before;
    is(scalar(grep { !/\Q$mark-new\E$/m } @since), 0, 'and with the old one no more');
    is(ask(check($id{'/200/header'})), 'up||', 'another endpoint that uses it goes on');
    is_sent('/200/header', "X-Token: $mark-new", 'with the new value');
    return;
}

replaced_secret_is_sent();

# --- no key --------------------------------------------------------------------------------------------------------------------

sub missing_key_is_our_trouble {
    my $incidents = ask('SELECT count(*) FROM pulsimo.incidents');
    my %requests = map { $_ => scalar $target->requests($_) } keys %id;
    rename $key_file, "$key_file.away" or die "rename: $!";
    my $start = -s $node->logfile;
    $node->restart;
    wait_until(check($id{'/200/bearer'}), not_available('shop token'));
    ask(qq(SELECT pulsimo.update_endpoint($id{'/200/basic'}, '{"name": "read again"}')));
    is(ask(check($id{$_})), not_available('shop token'), "without the key: $_ is unknown") for sort keys %id;
    is(ask('SELECT count(*) FROM pulsimo.incidents'), $incidents, 'without the key: no incident');
    my %now = map { $_ => scalar $target->requests($_) } keys %id;
    is_deeply(\%now, \%requests, 'without the key: no request');
    my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile, $start);
    is(scalar(() = $log =~ /could not open a secret: could not open key file "\Q$key_file\E"/g), 1,
        'without the key: the log says why, once');
    rename "$key_file.away", $key_file or die "rename: $!";
    $node->reload;
    for my $path (sort keys %id) {
        wait_until(check($id{$path}), 'up||');
        pass("with the key again, and a reload: $path is up");
    }
    is_sent('/200/bearer', "Authorization: Bearer $mark-new", 'and its secret is sent');
    return;
}

missing_key_is_our_trouble();

# --- another key ---------------------------------------------------------------------------------------------------------------

sub rotation {
    my $sealed_with = 'SELECT DISTINCT pulsimo.sealed_with(sealed) FROM pulsimo.secrets';
    my $old = ask($sealed_with);
    my $new_key = new_key();
    write_keys($new_key, $key);
    is(ask(check($id{'/200/bearer'})), 'up||', 'with a new key in front of the old one checks pass');
    is(ask('SELECT pulsimo.rotate_secret_key()'), '2', 'rotate_secret_key() seals what there is');
    my $new = ask($sealed_with);
    like($new, qr/^[0-9a-f]+\z/, 'with one key');
    isnt($new, $old, 'which is the new one');
    write_keys($new_key);
    $node->restart;
    wait_until(check($id{'/200/bearer'}), 'up||');
    is_sent('/200/bearer', "Authorization: Bearer $mark-new", 'without the old one the secret is still sent');
    return;
}

rotation();

# --- sealed for one place --------------------------------------------------------------------------------------------------------

sub copies_do_not_open {
    ask("SELECT pulsimo.set_secret('shop token', '$mark-B', 2)");
    my $of_b = add('/200/B', bearer('shop token'), project => 2);
    is(ask(check($of_b)), 'up||', 'a secret of the same name in another organization');
    is_sent('/200/B', "Authorization: Bearer $mark-B", 'is another one');
    my $second = add('/200/second', bearer('second'));
    is(ask(check($second)), 'up||', 'a second secret');

    my $copy = q{UPDATE pulsimo.secrets s SET sealed = o.sealed FROM pulsimo.secrets o
        WHERE o.organization_id = 1 AND o.name = 'shop token'};
    ask("$copy AND s.organization_id = 2 AND s.name = 'shop token'");
    is_not_sent($of_b, '/200/B', 'shop token', 'copied to another organization');
    ask("$copy AND s.organization_id = 1 AND s.name = 'second'");
    is_not_sent($second, '/200/second', 'second', 'copied to another name');

    ask("SELECT pulsimo.set_secret('second', '$mark-second', 1)");
    wait_until(check($second), 'up||');
    ask(q{UPDATE pulsimo.secrets SET name = 'third' WHERE name = 'second'});
    my $third = add('/200/third', bearer('third'));
    is_not_sent($third, '/200/third', 'third', 'renamed');
    is(ask(check($second)), not_available('second'), 'what was of the former name has no secret any more');
    ask("SELECT pulsimo.remove_endpoint(id) FROM pulsimo.endpoints WHERE id IN ($second, $third, $of_b)");
    return;
}

copies_do_not_open();

# --- sent to some hosts only -------------------------------------------------------------------------------------------------------

sub hosts_are_looked_at_again {
    ask("SELECT pulsimo.set_secret('bound', '$mark-bound', 1, '{127.0.0.1}')");
    my $id = add('/200/bound', bearer('bound'));
    is(ask(check($id)), 'up||', 'a secret that is bound to the host');
    is_sent('/200/bound', "Authorization: Bearer $mark-bound", 'is sent');
    ask("SELECT pulsimo.set_secret('bound', '$mark-bound', 1, '{localhost}')");
    is_not_sent($id, '/200/bound', 'bound', 'bound to another host afterwards');
    ask("SELECT pulsimo.set_secret('bound', '$mark-bound', 1, '{localhost,127.0.0.1}')");
    wait_until(check($id), 'up||');
    pass('bound to both hosts it is sent again');
    return;
}

hosts_are_looked_at_again();

# --- credentials of older versions --------------------------------------------------------------------------------------------------

sub clear_text_is_sealed {
    my $options = qq({"auth": {"bearer": "$mark-clear"}});
    my $id = ask(qq{SET row_security = off;
        INSERT INTO pulsimo.endpoints (project_id, name, url, check_interval, timeout, options)
        VALUES (1, 'restored', '${\$target->url('/200/restored')}', '1 day', '20 s', '$options') RETURNING id});
    is(ask(check($id)), 'up||', 'a credential in clear text, as an old dump brings it, is used');
    is_sent('/200/restored', "Authorization: Bearer $mark-clear", 'as it is');
    is(ask('SELECT pulsimo.seal_credentials()'), '1', 'seal_credentials() finds it');
    has_no_secret(ask('SELECT e::text FROM pulsimo.endpoints e'), 'endpoints any more');
    my $before = $target->requests('/200/restored');
    wait_until(check($id), 'up||');
    cmp_ok(scalar $target->requests('/200/restored'), '>', $before, 'the endpoint is still probed');
    is_sent('/200/restored', "Authorization: Bearer $mark-clear", 'with the same credential');
    is(ask(qq(SELECT hosts FROM pulsimo.stored_secrets WHERE name LIKE 'endpoint $id:%')), '{127.0.0.1}',
        'which is bound to its host');
    is(ask('SELECT pulsimo.seal_credentials()'), '0', 'the second time there is nothing to seal');
    return;
}

clear_text_is_sealed();

# --- addresses -----------------------------------------------------------------------------------------------------------------------

sub policy_of_one_organization {
    my ($ours, $theirs) = (add('/200/ours', '{}'), add('/200/theirs', '{}', project => 2));
    is(ask(check($_)), 'up||', 'without a policy an endpoint at 127.0.0.1 is up') for $ours, $theirs;
    ask(q{SELECT pulsimo.set_address_policy(1, '127.0.0.0/8')});
    like(wait_until(check($ours), qr/^down/), qr/^down\|policy\|.*127\.0\.0\.1/, 'its network is blocked: class policy');
    my $before = $target->requests('/200/ours');
    ask(check($ours));
    is(scalar $target->requests('/200/ours'), $before, 'and nothing is sent');
    ask(qq(SELECT pulsimo.update_endpoint($theirs, '{"name": "read again"}')));
    is(ask(check($theirs)), 'up||', 'that of another organization is not touched');
    ask(q{SELECT pulsimo.set_address_policy(1, '127.0.0.0/8', '127.0.0.1/32')});
    wait_until(check($ours), 'up||');
    pass('its address is allowed: up again');
    return;
}

policy_of_one_organization();

# --- and after all that ----------------------------------------------------------------------------------------------------------------

tables_hold_nothing();
dump_holds_nothing();
my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
like($log, qr/STATEMENT:  <a statement of pulsimo with a secret in it>/, 'the log tells of calls that failed');
has_no_secret($log, 'the log');
done_testing();
