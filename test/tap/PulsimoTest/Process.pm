# What the processes have in common that a test starts beside its servers: they end with the test, however it ends.
# Objects that Perl destroys last, when it takes everything apart, can no longer do that by themselves; hence END.
#
# A child class puts an IPC::Run harness in {process} and calls watch().
package PulsimoTest::Process;

use strict;
use warnings;
use Scalar::Util qw(refaddr weaken);

my %running;

sub watch {
    my ($self) = @_;
    weaken($running{ refaddr $self } = $self);
    return $self;
}

sub stop {
    my ($self) = @_;
    delete $running{ refaddr $self };
    my $process = delete $self->{process} or return;
    $process->kill_kill(grace => 2);
    return;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@);
    $self->stop;
    return;
}

END {
    local ($?, $@);
    $_->stop for grep { defined } values %running;
}

1;
