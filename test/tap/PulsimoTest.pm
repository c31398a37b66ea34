# What the TAP tests of Pulsimo share, on top of PostgreSQL::Test (the same modules from 15 on).
#
#   my $node = new_pulsimo_node('main', log_min_messages => 'debug1');   # preloaded, started, extension created
#   my $target = start_target();                                          # a real HTTP server
#   my $id = add_endpoint($node, $target->url('/status/200'), check_interval => '1 s');
#   wait_for_sql($node, 'postgres', "SELECT status FROM ... WHERE id = $id", 'up');
#   $target->down;
#
# Nothing here sleeps for a length of time: whatever a test waits for is a condition, asked for every 50 ms.
#
# A server that crashes restarts so fast that a test may pass over it. So the log of every node is read at the end, and
# a process that died by a signal fails the test, unless allow_signal() announced that it kills that many itself. The
# announcement is left beside the log too, where scripts/test looks through the logs of all tests once more.
package PulsimoTest;

use strict;
use warnings;
use Exporter 'import';
use Time::HiRes qw(time usleep);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use PulsimoTest::Session;
use PulsimoTest::Target;

our @EXPORT = qw(new_pulsimo_node watch_log create_extension start_target start_session add_endpoint wait_for_sql
  wait_for_checks wait_for_log_line worker_pid allow_signal change_settings psql_says);

my $CRASH = qr/terminated by signal|PANIC:|TRAP: |ERROR: (?:Address|Leak)Sanitizer|runtime error: /;

my @nodes;
my %allowed;

# A started node with the module preloaded. %conf are server settings; with -extension => 0 the extension is not
# created, -init and -new are lists for the calls of these names. A test that kills a process on purpose wants
# restart_after_crash => 'on', which PostgreSQL::Test switches off.
sub new_pulsimo_node {
    my ($name, %conf) = @_;
    my $node = PostgreSQL::Test::Cluster->new($name, @{ delete $conf{-new} // [] });
    my $with_extension = delete $conf{-extension} // 1;
    $node->init(@{ delete $conf{-init} // [] });
    %conf = (shared_preload_libraries => 'pulsimo', max_worker_processes => 32, %conf);
    $node->append_conf('postgresql.conf', join '', map { "$_ = '$conf{$_}'\n" } sort keys %conf);
    watch_log($node);
    $node->start;
    create_extension($node) if $with_extension;
    return $node;
}

# Lets the end of the test look through the log of a node that new_pulsimo_node() did not make (a standby, say).
sub watch_log {
    my ($node) = @_;
    push @nodes, $node;
    return;
}

sub create_extension {
    my ($node, $database) = @_;
    $node->safe_psql($database // 'postgres', 'CREATE EXTENSION pulsimo');
    return;
}

sub start_target {
    my (@arguments) = @_;
    return PulsimoTest::Target->start(@arguments);
}

# A connection that stays open, see PulsimoTest::Session.
sub start_session {
    my ($node, $database) = @_;
    return PulsimoTest::Session->start($node, $database);
}

# Calls pulsimo.add_endpoint(url, name => value, ...) and returns the id.
sub add_endpoint {
    my ($node, $url, %arguments) = @_;
    my $database = delete $arguments{-database} // 'postgres';
    my $list = join ', ', quote($url), map { "$_ => " . quote($arguments{$_}) } sort keys %arguments;
    return $node->safe_psql($database, "SELECT pulsimo.add_endpoint($list)");
}

sub quote {
    my ($text) = @_;
    $text =~ s/'/''/g;
    return "'$text'";
}

# Asks until the answer is $expected (a string, or a regular expression) and returns the answer. An error counts as an
# answer that is not the expected one, since the server may just be restarting. Gives up after $timeout seconds.
sub wait_for_sql {
    my ($node, $database, $sql, $expected, $timeout) = @_;
    my $deadline = time + ($timeout // $PostgreSQL::Test::Utils::timeout_default);
    my ($answer, $error);
    while (1) {
        (undef, $answer, $error) = $node->psql($database, $sql);
        return $answer if ref $expected ? $answer =~ $expected : $answer eq $expected;
        last if time > $deadline;
        usleep(50_000);
    }
    diag("waited in vain for \"$expected\" from: $sql\nlast answer: \"$answer\""
        . ($error ? "\nlast error: $error" : ''));
    die "the condition has not come true: $sql";
}

# Waits until an endpoint has been checked $count more times. With an endpoint that has nothing to do with what is
# tested, this is also how a test lets time pass.
sub wait_for_checks {
    my ($node, $database, $id, $count) = @_;
    my $checks = "SELECT count(*) FROM pulsimo.health_checks WHERE endpoint_id = $id";
    my $before = $node->safe_psql($database, $checks);
    wait_for_sql($node, $database, "SELECT ($checks) >= $before + $count", 't');
    return;
}

# ALTER SYSTEM SET for each setting, RESET for those that are undef, and a reload.
sub change_settings {
    my ($node, %settings) = @_;
    for my $name (sort keys %settings) {
        my $value = $settings{$name};
        my $change = defined $value ? "SET $name = " . quote($value) : "RESET $name";
        $node->safe_psql('postgres', "ALTER SYSTEM $change");
    }
    $node->reload;
    return;
}

# What psql writes to stderr, with SQLSTATEs, for statements run one after the other in one session.
sub psql_says {
    my ($node, $database, @statements) = @_;
    my (undef, undef, $stderr) =
      $node->psql($database, join(";\n", @statements), on_error_stop => 0,
        extra_params => [ '-v', 'VERBOSITY=verbose' ]);
    return $stderr;
}

# Waits for a line in the log of the node, from byte $offset on.
sub wait_for_log_line {
    my ($node, $pattern, $offset, $timeout) = @_;
    my $deadline = time + ($timeout // $PostgreSQL::Test::Utils::timeout_default);
    until (slurp_file($node->logfile, $offset // 0) =~ $pattern) {
        die "no line of the log matches $pattern" if time > $deadline;
        usleep(50_000);
    }
    return;
}

# Waits for a worker ('launcher', 'keeper', 'prober') and returns its process id; never that of $not, which is
# what a test passes that has just killed one.
sub worker_pid {
    my ($node, $role, $not) = @_;
    return wait_for_sql($node, 'postgres',
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pulsimo $role' AND pid <> " . ($not // 0) . ' LIMIT 1',
        qr/^\d+$/);
}

# Announces that the log of this node will tell of exactly $count more crashes.
sub allow_signal {
    my ($node, $count) = @_;
    my $log = $node->logfile;
    $allowed{$log} += $count // 1;
    open my $file, '>', "$log.allowed" or die "cannot write $log.allowed: $!";
    print $file "$allowed{$log}\n";
    close $file;
    return;
}

# The complaints about one node's log.
sub log_complaints {
    my ($log) = @_;
    return unless -e $log;
    my @crashes = grep { $_ =~ $CRASH } split /\n/, slurp_file($log);
    my $allowed = $allowed{$log} // 0;
    return if @crashes == $allowed;
    return "$log tells of " . @crashes . " crashes, $allowed were announced", @crashes;
}

# Runs before the END of PostgreSQL::Test::Cluster, which takes the nodes down. A node that is stopped here must
# survive its own shutdown too. The exit status is what tells prove, since all tests are counted by now.
END {
    my $status = $?;
    for my $node (@nodes) {
        $node->stop('fast', fail_ok => 1) if $status == 0;
        for my $complaint (log_complaints($node->logfile)) {
            diag($complaint);
            $status ||= 1;
        }
    }
    $? = $status;
}

1;
