# A psql that stays connected: for locks and transactions that are held while the test goes on, and for LISTEN.
#
#   my $session = start_session($node);
#   $session->query('BEGIN; LOCK TABLE ...');          # waits, dies on an error, returns the output
#   $session->try('SELECT ...');                       # waits, returns the output with the errors in it
#   $session->query('COMMIT');
#
# PostgreSQL::Test has such a thing only from 16 on.
package PulsimoTest::Session;

use strict;
use warnings;
use parent 'PulsimoTest::Process';
use IPC::Run;
use PostgreSQL::Test::Utils;

sub start {
    my ($class, $node, $database) = @_;
    my $self = bless { in => '', out => '', asked => 0 }, $class;
    my @command = ($node->installed_command('psql'), '-XAtq', '-d', $node->connstr($database // 'postgres'), '-f', '-');
    $self->{timer} = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default);
    $self->{process} = IPC::Run::start(\@command, '<', \$self->{in}, '>&', \$self->{out}, $self->{timer});
    $self->query('\set VERBOSITY verbose');
    return $self->watch;
}

# Errors come in the order of the output, since psql writes both to the same place and the marker last.
sub try {
    my ($self, $sql) = @_;
    my $marker = 'answered ' . ++$self->{asked};
    $self->{out} = '';
    $self->{timer}->start($PostgreSQL::Test::Utils::timeout_default);
    $self->{in} .= "$sql\n;\n\\echo $marker\n";
    until ($self->{out} =~ /^\Q$marker\E$/m) {
        die "no answer to: $sql\nso far: $self->{out}" if $self->{timer}->is_expired;
        $self->{process}->pump;
    }
    $self->{timer}->reset;
    return $self->{out} =~ s/^\Q$marker\E\n//mr =~ s/\n\z//r;
}

sub query {
    my ($self, $sql) = @_;
    my $answer = $self->try($sql);
    die "$sql\n$answer" if $answer =~ /^psql:\S* (?:ERROR|FATAL):|^(?:ERROR|FATAL):/m;
    return $answer;
}

sub quit {
    my ($self) = @_;
    my $psql = delete $self->{process} or return;
    $self->{in} .= "\\q\n";
    $psql->finish;
    return;
}

1;
