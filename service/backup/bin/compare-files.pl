#!/usr/bin/env perl
# Compares files that were restored with the list of their snapshot, which comes on stdin: type, owner, mode with all
# twelve bits, time of change, size; restic itself has compared the contents. With --live what has not been touched since
# the backup is compared with the site's own file, too: extended attributes (ACLs and capabilities are such), what links
# lead to, device numbers, and which names are one file.
#
#   compare-files.pl [--live] RESTORED +PATH... [-PATH...] < LIST
#
# What stood at /a/b is at RESTORED/a/b now. Only what is at or below one of the +PATHs and of none of the -PATHs is
# compared. Says what differs, and fails then; else how many there are.
use strict;
use warnings;
use Fcntl ':mode';
use FindBin;
use Time::HiRes 'lstat';
use Time::Local 'timegm_modern';
require "$FindBin::Bin/file-list.pl";
require "$FindBin::Bin/file-attributes.pl";

my $live = @ARGV && $ARGV[0] eq '--live' ? shift : '';
my $restored = shift;
my (%wanted, %unwanted, %parents);
for (@ARGV) {
    my $path = substr $_, 1;
    (/^\+/ ? \%wanted : \%unwanted)->{$path} = 1;
    if (/^\+/) { $parents{$_} = 1 for above($path) }
}

my %there;
look('');
my ($compared, $asOnSite, $differences, %linked) = (0, 0, 0);
my %listed;
eachListed(sub { push @{$listed{$_[0]{path}}}, $_[0] if isMeant($_[0]{path}) });
for my $path (sort keys %listed) {
    my @files = @{$listed{$path}};
    my @names = @{delete $there{$path} // []};
    # A socket is nothing that can be kept.
    next if $files[0]{type} eq 'socket';
    if (@names != @files) {
        differs($path, @names ? 'is there ' . @names . ' times, not ' . @files : 'is missing');
    # Of names that are no UTF-8 one cannot say which is which.
    } elsif (@names == 1) {
        compare($files[0], $names[0]);
    }
    $compared += @files;
}
differs($_, 'is not in the backup') for grep { !$parents{$_} } sort keys %there;
if ($differences) {
    print STDERR $differences - 20, " more\n" if $differences > 20;
    exit 1;
}
print "$compared files and folders are as they were", $live ? ", $asOnSite of them compared with those of the site" : '', "\n";

# By ancestors: the lists of paths may be long.
sub isMeant {
    my ($path) = @_;
    my @all = ($path, above($path));
    return 0 if grep { $unwanted{$_} } @all;
    return $parents{$path} || grep { $wanted{$_} } @all;
}

sub look {
    my ($folder) = @_;
    opendir my $handle, "$restored$folder/" or die "cannot read $restored$folder: $!\n";
    for my $name (sort grep { !/\A\.\.?\z/ } readdir $handle) {
        push @{$there{asListed("$folder/$name")}}, "$folder/$name";
        CORE::lstat "$restored$folder/$name";
        look("$folder/$name") if -d _;
    }
}

sub compare {
    my ($was, $name) = @_;
    my @is = lstat "$restored$name";
    my $type = typeOf($is[2]);
    return differs($was->{path}, "is a $type, not a $was->{type}") if $type ne $was->{type};
    my $mode = $was->{mode} & 0777 | ($was->{mode} >> 12 & 06000) | ($was->{mode} >> 11 & 01000);
    unless ($type eq 'symlink') {
        same($was, 'mode', sprintf('%04o', $is[2] & 07777), sprintf '%04o', $mode);
    }
    same($was, 'owner', "$is[4]:$is[5]", "$was->{uid}:$was->{gid}");
    differs($was->{path}, "was changed at $is[9], not at $was->{mtime}") unless isWhen($is[9], $was->{mtime});
    same($was, 'size', $is[7], $was->{size}) if $type eq 'file';
    compareWithSite($was, $name, @is) if $live;
}

sub compareWithSite {
    my ($was, $name, @is) = @_;
    my @own = lstat $name;
    return unless @own && $own[1] == $was->{inode} && isWhen($own[10], $was->{ctime});
    $asOnSite++;
    same($was, 'extended attributes', attributesOf("$restored$name"), attributesOf($name));
    same($was, 'target', readlink "$restored$name", readlink $name) if S_ISLNK($is[2]);
    same($was, 'device', $is[6], $own[6]) if S_ISBLK($is[2]) || S_ISCHR($is[2]);
    return if S_ISDIR($is[2]) || $own[3] < 2;
    my $first = $linked{"$own[0]:$own[1]"} //= {path => $was->{path}, inode => $is[1]};
    differs($was->{path}, "is not one file with $first->{path} any more") if $first->{inode} != $is[1];
}

sub typeOf {
    my ($mode) = @_;
    return S_ISDIR($mode) ? 'dir' : S_ISLNK($mode) ? 'symlink' : S_ISREG($mode) ? 'file' : S_ISFIFO($mode) ? 'fifo'
        : S_ISCHR($mode) ? 'chardev' : S_ISBLK($mode) ? 'dev' : S_ISSOCK($mode) ? 'socket' : 'irregular';
}

sub same {
    my ($was, $what, $is, $should) = @_;
    differs($was->{path}, "has the $what $is, not $should") if $is ne $should;
}

# As exactly as a floating point number tells the time.
sub isWhen { return abs($_[0] - instant($_[1])) < 2e-6 }

sub instant {
    my ($time) = @_;
    my ($year, $month, $day, $hour, $minute, $second, $part, $sign, $hours, $minutes) =
        $time =~ /\A(-?\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))\z/ or die "no time: $time\n";
    my $east = $sign ? "${sign}1" * ($hours * 3600 + $minutes * 60) : 0;
    return timegm_modern($second, $minute, $hour, $day, $month - 1, $year) + ($part // 0) - $east;
}

sub differs {
    my ($path, $what) = @_;
    print STDERR printable($path), " $what\n" if ++$differences <= 20;
}
