#!/usr/bin/env perl
# Names what a backup of this folder cannot bring back: sockets, and extended attributes that are not restored. SELinux'
# labels are the machine's, and nobody's loss.
use strict;
use warnings;
use File::Find;
use FindBin;
require "$FindBin::Bin/file-attributes.pl";

find({no_chdir => 1, wanted => sub {
    my $path = $_;
    lstat $path or return;
    print printable($path), ": a socket\n" if -S _;
    my @lost = grep { !isRestored($_) && $_ ne 'security.selinux' } attributeNames($path);
    print printable($path), ": @lost\n" if @lost;
}}, $ARGV[0]);
