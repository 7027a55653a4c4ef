#!/usr/bin/perl
# listening.pl PUBLIC-SOCKET OWN-SOCKET COMMAND [ARGUMENT...]
#
# Listens on two unix sockets and becomes MariaDB, which takes them as it takes those of systemd (sd_listen_fds(3)). What
# comes over the one called `extra` has connections of its own (extra_max_connections): so nobody who connects to the other
# one, and perhaps never says who he is, keeps health and backups out.
use strict;
use warnings;
use IO::Socket::UNIX;
use POSIX qw(dup2);

my ($public, $own, @command) = @ARGV;

# Everybody whom the folder lets in may connect.
sub listening {
    my ($path) = @_;
    unlink $path;
    umask 0;
    my $socket = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path, Listen => 128) or die "cannot listen on $path: $!\n";
    umask 077;
    return $socket;
}

my @sockets = map { listening($_) } $public, $own;

# They have to be descriptors 3 and 4, where perhaps the other one is.
my @aside = map { dup2(fileno $sockets[$_], 20 + $_) // die "cannot move a socket aside: $!\n" } 0, 1;
dup2($aside[$_], 3 + $_) // die "cannot pass a socket on: $!\n" for 0, 1;
POSIX::close($_) for @aside;

@ENV{qw(LISTEN_PID LISTEN_FDS LISTEN_FDNAMES)} = ($$, 2, 'mysqld:extra');
exec { $command[0] } @command or die "cannot run $command[0]: $!\n";
