# pg_upgrade moves a monitored cluster to the next major version: nothing runs meanwhile, and afterwards it goes on.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Cwd qw(getcwd);
use PulsimoTest;
use PulsimoTest::Catalog;
use PulsimoTest::Contents;
use PulsimoTest::Fixture;
use PulsimoTest::Majors;
use PulsimoTest::Monitoring;
use Test::More;

my ($older, $newer) = two_majors();
plan skip_all => $newer unless $older;

my %settings = ('pulsimo.check_retention' => 0, 'pulsimo.audit_retention' => 0, log_min_messages => 'debug1');
my $password = 'correct horse battery';
my %token;
my $statuses = q{SELECT string_agg(status::text, ' ' ORDER BY id) FROM pulsimo.endpoint_status};
my $target = start_target();
my $closed = PostgreSQL::Test::Cluster::get_free_port();

# Three databases: one that is monitored, one with the fixture that was never started, one where it was stopped.
sub make_old_cluster {
    my $old = new_pulsimo_node('old', -new => [ install_path => $older ], %settings);
    add_endpoint($old, $target->url('/'), name => 'up', check_interval => '1 s', timeout => '500 ms');
    add_endpoint($old, "http://127.0.0.1:$closed/", name => 'down', check_interval => '1 s', timeout => '500 ms',
        failure_threshold => 1);
    for my $database ('restored', 'stopped') {
        $old->safe_psql('postgres', "CREATE DATABASE $database");
        create_extension($old, $database);
        load_fixture($old, $database, (versions($old))[-1]);
    }
    $old->safe_psql('stopped', 'BEGIN; SELECT pulsimo.start(); SELECT pulsimo.stop(); COMMIT;');
    wait_for_sql($old, 'postgres', $statuses, 'up down');
    $old->safe_psql('postgres', "SELECT pulsimo.add_user('ann\@a.example', 'Annabel', 1, 'member', '$password')");
    %token = (
        use_session => $old->safe_psql('postgres', "SELECT pulsimo.sign_in('ann\@a.example', '$password')"),
        use_api_key => $old->safe_psql('postgres', q{SELECT pulsimo.create_api_key('deploy', '{read}', '1 day', 1)}),
    );
    return $old;
}

# The new cluster is empty, with the same settings and the layout of data pages that the old one has.
sub make_new_cluster {
    my $new = PostgreSQL::Test::Cluster->new('new', install_path => $newer);
    $new->init(extra => $new->pg_version->major >= 18 ? ['--no-data-checksums'] : []);
    my %conf = (shared_preload_libraries => 'pulsimo', max_worker_processes => 32, %settings);
    $new->append_conf('postgresql.conf', join '', map { "$_ = '$conf{$_}'\n" } sort keys %conf);
    watch_log($new);
    return $new;
}

sub upgrade {
    my ($old, $new) = @_;
    # pg_upgrade leaves scripts where it was started.
    my $back = getcwd();
    chdir PostgreSQL::Test::Utils::tempdir();
    $new->command_ok([
        $new->installed_command('pg_upgrade'), '--retain', '-s', $new->host, '-d', $old->data_dir, '-D', $new->data_dir,
        '-b', "$older/bin", '-B', "$newer/bin", '-p', $old->port, '-P', $new->port
    ], 'pg_upgrade');
    chdir $back;
    return;
}

# What the servers wrote that pg_upgrade started.
sub logs_of_upgrade {
    my ($new) = @_;
    return join '', map { slurp_file($_) } glob $new->data_dir . '/pg_upgrade_output.d/*/log/*.log';
}

# Besides what a dump brings back: the state, which a dump leaves out.
sub everything_of {
    my ($on) = @_;
    my $state = <<'SQL';
SELECT s.running, s.changed_at, s.database_oid = d.oid
FROM pulsimo.state s, pg_database d WHERE d.datname = current_database()
SQL
    return { map { $_ => join "\n", contents($on, $_), $on->safe_psql($_, $state) } qw(postgres restored stopped) };
}

my $old = make_old_cluster();
my $new = make_new_cluster();
$new->start;
my $misfit = why_majors_do_not_fit($old, $new);
plan skip_all => $misfit if $misfit;
$new->stop;

# Without workers nothing changes while it is looked at.
$old->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$old->restart;
my $before = everything_of($old);
my $incident = $old->safe_psql('postgres', 'SELECT id FROM pulsimo.active_incidents');
my $last_check = $old->safe_psql('postgres', 'SELECT max(checked_at) FROM pulsimo.health_checks');
$old->stop;
$old->append_conf('postgresql.conf', "shared_preload_libraries = 'pulsimo'\n");

upgrade($old, $new);
my $log = logs_of_upgrade($new);
like($log, qr/database system is ready to accept connections/, 'the logs of the servers of pg_upgrade are there');
unlike($log, qr/background worker "pulsimo/, 'no worker of ours was started meanwhile');

# First without workers, to compare; then with them.
$new->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$new->start;
my $after = everything_of($new);
is($after->{$_}, $before->{$_}, "database $_ is what it was") for sort keys %$before;
is(members_that_are_partitions($new, 'postgres'), '', 'no partition belongs to the extension');
$new->safe_psql('postgres', 'CREATE DATABASE fresh');
create_extension($new, 'fresh');
# Another major prints the body of some functions in other words, and pg_upgrade notes privileges in another way. Names
# of columns in the later parts of a UNION mean nothing; up to 15 they are printed, from 16 on only what is in the text.
my @catalogs = map { catalog($new, $_, 'function', 'initial_privilege') } 'fresh', 'postgres';
s/^(rule: .*)/$1 =~ s{(::[\w.]+\)?) AS \w+(?=,|\\n)}{$1}gr/gme for @catalogs;
is(catalog_difference(@catalogs), '', 'the catalog is that of a fresh installation');
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'pulsimo'\n");
$new->restart;

wait_for_new_check($new, 'postgres');
pass('monitoring goes on by itself');
wait_for_sql($new, 'postgres', $statuses, 'up down');
is($new->safe_psql('postgres', "SELECT pulsimo.$_('$token{$_}')"), '1', "$_() works with what was made before") for sort keys %token;
like($new->safe_psql('postgres', "SELECT pulsimo.sign_in('ann\@a.example', '$password')"), qr/^pus_/,
    'and so does the password');
is($new->safe_psql('postgres', 'SELECT id FROM pulsimo.incidents'), $incident,
    'the open incident is still the only one');
is($new->safe_psql('postgres', <<"SQL"), 't', 'the time between is unknown');
SELECT count(*) > 0 FROM pulsimo.state_changes WHERE status = 'unknown' AND changed_at > '$last_check'
SQL
for my $database ('restored', 'stopped') {
    let_workers_look($new, $database);
    is(everything_of($new)->{$database}, $before->{$database}, "database $database stays quiet");
    $new->safe_psql($database, 'SELECT pulsimo.start()');
    wait_for_new_check($new, $database);
    pass("start() works in database $database");
}

done_testing();
