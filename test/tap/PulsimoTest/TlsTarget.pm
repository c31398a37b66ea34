# An https server on a free port of the loopback interface, with a self-signed certificate made for the occasion. The
# arguments after the name are options of openssl s_server.
package PulsimoTest::TlsTarget;

use strict;
use warnings;
use parent 'PulsimoTest::Process';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

sub start {
    my ($class, $name, @options) = @_;
    my $self = bless { in => '', out => '', port => PostgreSQL::Test::Cluster::get_free_port() }, $class;
    my $dir = PostgreSQL::Test::Utils::tempdir();
    my ($key, $certificate) = ("$dir/key.pem", "$dir/certificate.pem");
    PostgreSQL::Test::Utils::system_or_bail('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30',
        '-subj', "/CN=$name", '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', $key, '-out', $certificate);
    $self->{certificate} = PostgreSQL::Test::Utils::slurp_file($certificate);
    my $timeout = IPC::Run::timeout(30);
    $self->{process} = IPC::Run::start(
        [
            'openssl', 's_server', '-accept', "127.0.0.1:$self->{port}", '-cert', $certificate, '-key', $key, '-www',
            @options
        ],
        '<', \$self->{in}, '>', \$self->{out}, '2>', '/dev/null', $timeout);
    $self->{process}->pump until $self->{out} =~ /^ACCEPT/m;
    $timeout->reset;
    return $self->watch;
}

sub url { return "https://127.0.0.1:$_[0]{port}/" }
sub certificate { return $_[0]{certificate} }

1;
