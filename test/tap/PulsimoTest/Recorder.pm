# An HTTP server on a free port of the loopback interface that remembers the head of every request. The status of the
# answer is the number that the path begins with: /200/shop. A program of its own, which this file is, too.
package PulsimoTest::Recorder;

use strict;
use warnings;
use parent 'PulsimoTest::Process';
use File::Basename qw(dirname);
use IO::Handle;
use IO::Socket::INET;

my $started = 0;

sub start {
    my ($class, $directory) = @_;
    require IPC::Run;
    my $self = bless { in => '', out => '', file => "$directory/requests" . ++$started }, $class;
    my $timeout = IPC::Run::timeout(30);
    my @command = ($^X, '-I', dirname(dirname(__FILE__)), __FILE__, $self->{file});
    $self->{process} = IPC::Run::start(\@command, '<', \$self->{in}, '>', \$self->{out}, $timeout);
    $self->{process}->pump until $self->{out} =~ /(\d+)\n/;
    $timeout->reset;
    ($self->{port}) = $self->{out} =~ /(\d+)\n/;
    return $self->watch;
}

sub url {
    my ($self, $path) = @_;
    return "http://127.0.0.1:$self->{port}$path";
}

# The heads of the requests for a path, the oldest first. A request is remembered before it is answered.
sub requests {
    my ($self, $path) = @_;
    open my $file, '<', $self->{file} or die "cannot read $self->{file}: $!";
    local $/ = "\n\n";
    return grep { m{^\S+ \Q$path\E } } <$file>;
}

sub read_head {
    my ($client) = @_;
    my $head = '';
    while (defined(my $line = <$client>)) {
        $line =~ s/\r?\n\z//;
        return $head if $line eq '';
        $head .= "$line\n";
    }
    return;
}

sub serve {
    my ($name) = @_;
    local $SIG{PIPE} = 'IGNORE';
    open my $file, '>', $name or die "cannot write $name: $!";
    $file->autoflush;
    my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 50) or die "cannot listen: $@";
    STDOUT->autoflush;
    print $server->sockport, "\n";
    while (my $client = $server->accept) {
        my $head = read_head($client) // next;
        print $file "$head\n";
        my ($status) = $head =~ m{^\S+ /(\d{3})};
        print $client "HTTP/1.1 $status Said\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
        close $client;
    }
    return;
}

serve(@ARGV) unless caller;

1;
