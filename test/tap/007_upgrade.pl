# Every older version can be updated to the newest, and is then what a fresh installation is. A library that finds
# another version than its own keeps its hands off.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use PulsimoTest;
use PulsimoTest::Catalog;
use PulsimoTest::Contents;
use PulsimoTest::Fixture;
use PulsimoTest::Monitoring;
use Test::More;

my $node = new_pulsimo_node('main', 'pulsimo.check_retention' => 0, 'pulsimo.audit_retention' => 0);
my @versions = versions($node);
my $newest = $versions[-1];
my @older = @versions[0 .. $#versions - 1];
my $fresh = catalog($node, 'postgres');
my $target = start_target();

sub database_of_version {
    my ($version, $suffix) = @_;
    my $database = "v${version}_$suffix";
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    install_version($node, $database, $version);
    load_fixture($node, $database, $version);
    return $database;
}

sub update_to {
    my ($database, @to) = @_;
    $node->safe_psql($database, "ALTER EXTENSION pulsimo UPDATE TO '$_'") for @to;
    return;
}

# --- the chain of scripts -------------------------------------------------------------------------------------------

is($node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'pulsimo'}), $newest,
    'the default version is the newest');
is($node->safe_psql('postgres', q{SELECT path FROM pg_extension_update_paths('pulsimo') }
          . "WHERE source = '$versions[0]' AND target = '$newest'"),
    join('--', @versions), 'the way from the first version to the newest passes all of them');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_extension_update_paths('pulsimo')
        WHERE (source::integer < target::integer) <> (path IS NOT NULL)}), '0',
    'there is a way from every version to every later one, and none back');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_extension_update_paths('pulsimo')
        WHERE path IS NOT NULL AND cardinality(string_to_array(path, '--')) <> target::integer - source::integer + 1}),
    '0', 'and it has no shortcuts');

# --- update against fresh installation ------------------------------------------------------------------------------

# What migrations did to rows, apart from leaving them alone.
sub check_rows {
    my ($database, $version, $how) = @_;
    is($node->safe_psql($database, 'SELECT extension_version FROM pulsimo.dump_info'), $newest,
        "$how: the rows are known to be of the newest version");
    if ($version < 2) {
        is($node->safe_psql($database, q{SELECT p.id, o.name FROM pulsimo.projects p
                JOIN pulsimo.organizations o ON o.id = p.organization_id ORDER BY 1}),
            "1|default\n2|default", "$how: projects without an organization have the default one");
    }
    return;
}

my $unprotected_partitions = q{
    SELECT c.oid::regclass FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
    WHERE i.inhparent = 'pulsimo.health_checks'::regclass AND NOT pulsimo.is_protected(c.oid)};

sub is_like_fresh {
    my ($version, $suffix, @way) = @_;
    my $how = "$version to " . join ', ', @way;
    my $database = database_of_version($version, $suffix);
    isnt(catalog_difference($fresh, catalog($node, $database)), '', "$version differs from $newest");
    my $columns = columns_of($node, $database);
    delete $columns->{'pulsimo.dump_info'};
    my $before = rows_of($node, $database, $columns);

    update_to($database, @way);
    is(catalog_difference($fresh, catalog($node, $database)), '', "$how: the catalog is that of a fresh installation");
    is(rows_of($node, $database, $columns), $before, "$how: every row is what it was");
    is(members_that_are_partitions($node, $database), '', "$how: no partition belongs to the extension");
    is($node->safe_psql($database, $unprotected_partitions), '', "$how: partitions have row security");
    check_rows($database, $version, $how);
    return $database;
}

sub survives_a_dump {
    my ($database) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir() . "/$database.dump";
    my $restored = "${database}_restored";
    $node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr($database), '-f', $file ], "pg_dump of $database");
    $node->safe_psql('postgres', "CREATE DATABASE $restored");
    $node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($restored), $file ],
        "pg_restore of $database");
    is(catalog_difference($fresh, catalog($node, $restored)), '',
        "$database restored: the catalog is that of a fresh installation");
    is($node->safe_psql($restored, $unprotected_partitions), '', "$database restored: partitions have row security");
    is(contents($node, $restored), contents($node, $database), "$database restored: everything is there");
    return;
}

for my $index (0 .. $#older) {
    my $version = $older[$index];
    is_like_fresh($version, 'direct', $newest);
    survives_a_dump(is_like_fresh($version, 'stepped', @versions[ $index + 1 .. $#versions ]));
}

# --- a library that does not fit ------------------------------------------------------------------------------------

# Monitoring of an old version, as if the server had been restarted with new files and before the update. There are no
# functions to ask in such a database, so the state is written as start() writes it.
sub old_version_that_runs {
    my ($version) = @_;
    my $database = database_of_version($version, 'running');
    my $url = $target->url('/');
    $node->safe_psql($database, <<"SQL");
UPDATE pulsimo.state
SET running = true, database_oid = (SELECT oid FROM pg_database WHERE datname = current_database());
UPDATE pulsimo.endpoints SET url = '$url', check_interval = '1 s', timeout = '500 ms' WHERE name = 'plain';
SQL
    return $database;
}

sub oid_of {
    my ($database) = @_;
    return $node->safe_psql('postgres', "SELECT oid FROM pg_database WHERE datname = '$database'");
}

sub stays_away_from_old_versions {
    my %database = map { $_ => old_version_that_runs($_) } @older;
    my %before = map { $_ => contents($node, $database{$_}) } @older;
    my $seen = -s $node->logfile;
    $node->restart;
    for my $version (@older) {
        my $oid = oid_of($database{$version});
        wait_for_log_line($node, qr/library is of version $newest, the extension in database $oid is not/, $seen);
        wait_for_no_keeper($node, $database{$version});
        is(contents($node, $database{$version}), $before{$version},
            "$version with a library of $newest: nothing is written");
    }
    for my $version (@older) {
        update_to($database{$version}, $newest);
        wait_for_new_check($node, $database{$version});
        pass("$version: monitoring begins with the update, without a restart");
        $node->safe_psql($database{$version}, 'SELECT pulsimo.stop()');
    }
    return;
}

# As if another version had been installed beside a running one, which a test cannot do to a server it does not own.
sub leaves_when_the_version_changes {
    my $database = 'changing';
    $node->safe_psql('postgres', "CREATE DATABASE $database");
    create_extension($node, $database);
    add_endpoint($node, $target->url('/'), -database => $database, check_interval => '1 s', timeout => '500 ms');
    wait_for_new_check($node, $database);
    my $seen = -s $node->logfile;
    $node->safe_psql($database, qq{UPDATE pg_extension SET extversion = '$older[-1]' WHERE extname = 'pulsimo';
        SELECT pulsimo.wake()});
    wait_for_log_line($node, qr/library is of version $newest, the extension in database \d+ is not/, $seen);
    wait_for_no_keeper($node, $database);
    is($node->safe_psql($database, 'SELECT pulsimo.version()'), "$older[-1] (library $newest)",
        'version() tells of both');
    is($node->safe_psql($database, 'SELECT count(*) FROM pulsimo.endpoint_status'), '1', 'the views can be read');
    $node->safe_psql($database, qq{UPDATE pg_extension SET extversion = '$newest' WHERE extname = 'pulsimo';
        SELECT pulsimo.wake()});
    wait_for_new_check($node, $database);
    pass('monitoring continues when the versions agree again');
    return $database;
}

# A busy database is updated like any other.
sub update_is_not_blocked {
    my ($database) = @_;
    $node->safe_psql($database, 'ALTER EXTENSION pulsimo UPDATE');
    wait_for_new_check($node, $database);
    pass('ALTER EXTENSION UPDATE of a running database, and it runs on');
    return;
}

stays_away_from_old_versions();
update_is_not_blocked(leaves_when_the_version_changes());

done_testing();
