#!/usr/bin/perl
# Where in binary logs of MariaDB's a moment is: prints "LOG POSITION", behind the last transaction that was committed by then.
#
#   binlog-position.pl SECONDS LOW HIGH FROM LOG...   SECONDS since 1970, or `end`; FROM is a position in the first LOG, before which all
#                                                     is; and all that comes behind it was committed between the seconds LOW and HIGH
#
# A log has no time of a commit: it has that of the statement, which began earlier, and which a session can set to what it likes (SET
# timestamp). What counts is the longest run of transactions whose times can be right and do not go back; one that is not in it lies
# where its neighbours lie. A transaction that is not there to its end is none.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use BinaryLog;

my ($moment, $low, $high, $from, @logs) = @ARGV;
die "usage: binlog-position.pl SECONDS|end LOW HIGH FROM LOG...\n"
    if !@logs || $moment !~ /^(?:\d+|end)$/ || grep { !/^\d+$/ } $low, $high, $from;

my @all;
for my $log (@logs) {
    my $least = $log eq $logs[0] ? $from : 0;
    push @all, map { [ $log, @$_ ] } grep { $_->[0] > $least } BinaryLog::transactions($log);
}
my $last = @all;
if ($moment ne 'end') {
    # The longest run: `ends` has, for each length, the transaction with the least time that one of this length can end with.
    my (@ends, @before);
    for my $i (grep { $all[$_][2] >= $low && $all[$_][2] <= $high } 0 .. $#all) {
        my ($left, $right) = (0, scalar @ends);
        while ($left < $right) {
            my $middle = int(($left + $right) / 2);
            if   ($all[ $ends[$middle] ][2] <= $all[$i][2]) { $left = $middle + 1 }
            else                                            { $right = $middle }
        }
        $before[$i] = $left ? $ends[ $left - 1 ] : undef;
        $ends[$left] = $i;
    }
    $last = 0;
    for (my $i = @ends ? $ends[-1] : undef; defined $i; $i = $before[$i]) {
        if ($all[$i][2] <= $moment) { $last = $i + 1; last }
    }
}
my ($log, $position) = $last ? @{ $all[ $last - 1 ] } : ($logs[0], $from);
print "$log $position\n";
