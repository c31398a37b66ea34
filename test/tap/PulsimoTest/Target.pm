# A target server of its own for a TAP test: a process that answers HTTP on a free port of the loopback interface and
# can be told to refuse connections and to come back.
package PulsimoTest::Target;

use strict;
use warnings;
use parent 'PulsimoTest::Process';
use HTTP::Tiny;
use IPC::Run;

sub start {
    my ($class, @arguments) = @_;
    my $program = $ENV{PULSIMO_TARGET_SERVER} or die 'PULSIMO_TARGET_SERVER does not name the target server';
    my $self = bless { out => '', in => '' }, $class;
    my $timeout = IPC::Run::timeout(30);
    $self->{process} = IPC::Run::start([ $program, '0', @arguments ], '<', \$self->{in}, '>', \$self->{out}, $timeout);
    $self->{process}->pump until $self->{out} =~ /(\d+)\n/;
    $timeout->reset;
    ($self->{port}) = $self->{out} =~ /(\d+)\n/;
    return $self->watch;
}

sub port { return $_[0]{port} }

sub url {
    my ($self, $path) = @_;
    return "http://127.0.0.1:$self->{port}" . ($path // '/');
}

sub control {
    my ($self, $what) = @_;
    my $answer = HTTP::Tiny->new(timeout => 10)->post($self->url("/control/$what"));
    die "the target server did not obey $what: $answer->{status} $answer->{content}" unless $answer->{success};
    return;
}

sub down { return $_[0]->control('down') }
sub up { return $_[0]->control('up') }

1;
