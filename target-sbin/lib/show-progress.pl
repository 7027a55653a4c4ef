#!/usr/bin/perl
# Passes standard input on and says on standard error how much of it has come: the arguments are the bytes there will be
# and what is going on. On a terminal it is one line that changes, elsewhere a line for each tenth.
use strict;
use warnings;

my ($total, $what) = @ARGV;
my $is_terminal = -t STDERR;
my ($done, $said) = (0, -1);
$| = 1;

while (my $length = sysread STDIN, my $block, 1 << 20) {
    print $block or exit 1;
    $done += $length;
    my $percent = $total > 0 ? int(100 * $done / $total) : 100;
    my $step    = $is_terminal ? $percent : int($percent / 10);
    next if $step == $said;
    $said = $step;
    printf STDERR '%s%s: %d %% of %.1f MB%s', $is_terminal ? "\r" : '', $what, $percent, $total / 1e6, $is_terminal ? '' : "\n";
}
print STDERR "\n" if $is_terminal;
