#!/usr/bin/env perl
# Chooses the part of a site's files that tonight's drill restores, so that all of them are restored within so many
# nights. The list of the snapshot's files comes on stdin, the file of what has been restored by now is the first
# argument: its first line is tonight's number, the others are folders and files. What it is to be after tonight is
# written beside it. Prints the number of this night, how many bytes its part has, and what is restored, with a NUL
# behind each.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/file-list.pl";

# So many names restic is given at most: each of them is compared with each file of the site.
my $most = 500;
# What a file takes beside its bytes: many small ones take long, too.
my $perFile = 4096;

my ($state, $nights, $site) = @ARGV;
my (%weight, %children, %isFolder);

eachListed(sub {
    my ($file) = @_;
    my $path = $file->{path};
    return unless $path eq $site || index($path, "$site/") == 0;
    $isFolder{$path} = 1 if $file->{type} eq 'dir';
    my @above = grep { length $_ >= length $site } above($path);
    push @{$children{$above[0]}}, $path if @above;
    $weight{$_} += $file->{size} + $perFile for $path, @above;
});

my ($night, @done) = (1);
if (open my $known, '<', $state) {
    ($night, @done) = map { chomp; s/\\(n|\\)/$1 eq 'n' ? "\n" : '\\'/ger } <$known>;
}
$night = 1 unless $night =~ /\A[1-9][0-9]*\z/ && $night <= $nights;
@done = () if $night == 1;
my %done = map { $_ => 1 } @done;

my @units = sort(inPieces());
my @left = grep { my $unit = $_; !grep { $done{$_} } $unit, above($unit) } @units;
@left = @units unless @left;
my $enough = 0;
$enough += $weight{$_} // 0 for @left;
$enough /= $nights - $night + 1;
my @chosen;
for (my $weight = 0; @left && ($weight < $enough || !@chosen);) {
    push @chosen, shift @left;
    $weight += $weight{$chosen[-1]} // 0;
}

my $bytes = 0;
$bytes += $weight{$_} // 0 for @chosen;
print map { "$_\0" } $night, $bytes, @chosen;
remember($night == $nights ? (1) : ($night + 1, @done, @chosen));

# The site, with what is larger than a night's part taken apart.
sub inPieces {
    my @whole = ($site);
    my @pieces;
    my $limit = ($weight{$site} // 0) / $nights;
    while (defined(my $unit = shift @whole)) {
        my @inside = @{$children{$unit} // []};
        if (@inside && $weight{$unit} > $limit && @whole + @pieces + @inside <= $most) {
            push @whole, @inside;
        } else {
            push @pieces, $unit;
        }
    }
    return @pieces;
}

sub remember {
    open my $new, '>', "$state.new" or die "cannot write $state.new: $!\n";
    print $new map { s/\\/\\\\/gr =~ s/\n/\\n/gr . "\n" } @_;
    close $new or die "cannot write $state.new: $!\n";
}
