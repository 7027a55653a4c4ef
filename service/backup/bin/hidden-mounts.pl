#!/usr/bin/env perl
# Names what is mounted on the host below (or over) a folder that this container has from there, and is not seen here;
# or the folder, where it was removed over there, and perhaps made anew:
# where mounts do not propagate, a container has those that there were at its start. Backed up, such a disk would be an
# empty folder.
#
#   hidden-mounts.pl OWN-MOUNTINFO HOST'S-MOUNTINFO FOLDER
#
# The host's path of the folder is not known here. But each mount says which part of which file system it is, so it is
# that path of the host where the same is. Where there are several, one that we see whole is enough. Fails when there is
# none.
use strict;
use warnings;

my ($ownFile, $hostFile, $folder) = @ARGV;
my @own = mounts($ownFile);
my @host = mounts($hostFile);
my ($here) = reverse grep { $_->{point} eq $folder } @own or die "$folder is not mounted here\n";
if ($here->{root} =~ s{//deleted\z}{}) {
    print "$here->{root} (the one of then was removed)\n";
    exit 0;
}
my %seen = map { relative($folder, $_->{point}) => $_ } grep { isBelow($folder, $_->{point}) } @own;

my ($known, @hidden);
for my $mount (@host) {
    next unless $mount->{device} eq $here->{device} && isBelow($mount->{root}, $here->{root});
    my $path = joined($mount->{point}, relative($mount->{root}, $here->{root}));
    my @missing = missingBelow($path);
    my $top = mountOf($path);
    unshift @missing, $top if $top != $mount;
    exit 0 unless @missing;
    @hidden = @missing if !$known;
    $known = 1;
}
die "no mount of the host is the one of $folder\n" unless $known;
print "$_->{point}\n" for @hidden;

sub missingBelow {
    my ($path) = @_;
    return grep {
        my $seen = $seen{relative($path, $_->{point})};
        !$seen || $seen->{device} ne $_->{device};
    } grep { $_->{point} ne $path && isBelow($path, $_->{point}) && mountOf($_->{point}) == $_ } @host;
}

# The last of those at the longest path is on top.
sub mountOf {
    my ($path) = @_;
    my $found;
    for my $mount (@host) {
        next unless isBelow($mount->{point}, $path);
        $found = $mount if !$found || length $mount->{point} >= length $found->{point};
    }
    return $found;
}

sub mounts {
    my ($file) = @_;
    open my $lines, '<', $file or die "cannot read $file: $!\n";
    return map { my @columns = split / /; {device => $columns[2], root => $columns[3], point => $columns[4]} } <$lines>;
}

# Equal to it, too.
sub isBelow { my ($above, $path) = @_; return $above eq '/' || $path eq $above || index($path, "$above/") == 0 }

sub relative { my ($above, $path) = @_; return $above eq '/' ? $path =~ s{\A/}{}r : substr($path, length $above) =~ s{\A/}{}r }

sub joined { my ($above, $path) = @_; return $path eq '' ? $above : $above eq '/' ? "/$path" : "$above/$path" }
