# The server of another major version that is installed beside the one under test, for dumps and upgrades across.
package PulsimoTest::Majors;

use strict;
use warnings;
use Exporter 'import';
use File::Basename;
use File::Compare;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(two_majors why_majors_do_not_fit);

sub pg_config {
    my ($bindir, $what) = @_;
    my $answer = qx{$bindir/pg_config --$what};
    chomp $answer;
    return $answer;
}

sub major_of {
    my ($bindir) = @_;
    return pg_config($bindir, 'version') =~ /(\d+)/ ? $1 : 0;
}

# Why the extension of another server will not do, or '' when it is the one that is being tested. Its library cannot
# be compared; scripts that differ tell of another build.
sub why_not {
    my ($bindir, $other) = @_;
    my ($ours, $theirs) = map { pg_config($_, 'sharedir') . '/extension' } $bindir, $other;
    my $major = major_of($other);
    return "pulsimo is not installed for PostgreSQL $major" unless -e "$theirs/pulsimo.control";
    return "the library of pulsimo is not installed for PostgreSQL $major"
      unless -e pg_config($other, 'pkglibdir') . '/pulsimo.so';
    for my $file ('pulsimo.control', map { basename($_) } glob("$ours/pulsimo--*.sql")) {
        return "the pulsimo of PostgreSQL $major is of another build" if compare("$ours/$file", "$theirs/$file") != 0;
    }
    return '';
}

# (older, newer) as directories that PostgreSQL::Test::Cluster takes as install_path, one of them the server under
# test; or (undef, reason).
sub two_majors {
    my $bindir = `pg_config --bindir`;
    chomp $bindir;
    my $major = major_of($bindir);
    (my $beside = $bindir) =~ s{/$major(?=/)}{/*};
    my @reasons;
    for my $other (reverse sort glob $beside) {
        next unless -x "$other/initdb" && -x "$other/pg_config" && major_of($other) != $major;
        my $reason = why_not($bindir, $other);
        return map { dirname($_) } sort { major_of($a) <=> major_of($b) } $bindir, $other unless $reason;
        push @reasons, $reason;
    }
    return (undef, join('; ', @reasons) || "no other major version is installed beside PostgreSQL $major");
}

# A minor release of the older server can have learnt something that this release of the newer one, made before, does
# not understand; then not even a plain table can be taken across by the newer tools, and we learn nothing about us.
# Both servers run; returns '' when all is well.
sub why_majors_do_not_fit {
    my ($older, $newer) = @_;
    my $file = PostgreSQL::Test::Utils::tempdir() . '/control.sql';
    $_->safe_psql('postgres', 'CREATE DATABASE control') for $older, $newer;
    $older->safe_psql('control', 'CREATE TABLE plain (a integer)');
    my ($dump, $psql) = map { $newer->installed_command($_) } 'pg_dump', 'psql';
    my $fits = $newer->run_log([ $dump, '-d', $older->connstr('control'), '-f', $file ])
      && $newer->run_log([ $psql, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $file, '-d', $newer->connstr('control') ]);
    $_->safe_psql('postgres', 'DROP DATABASE control') for $older, $newer;
    return '' if $fits;
    my ($from, $to) = map { $_->safe_psql('postgres', 'SHOW server_version') } $older, $newer;
    return "PostgreSQL $to cannot take over even a plain table of $from";
}

1;
