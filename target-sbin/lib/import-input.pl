#!/usr/bin/perl
# What is imported comes in here: passes standard input on, unpacked where it is packed (told by its first bytes), and says
# on standard error how much has come, at which rate, and how long the rest takes. Fails where it has not come to its end.
#
#   import-input.pl --end MARK [--size BYTES | --about BYTES] [--terminal] WHAT
#
# Who sends it has MARK follow when all has been sent: the end of a connection is none of what comes over it. --size and
# --about are how much there will be, exactly or nearly. With --terminal progress is one line that changes, else a line
# every ten seconds.
use strict;
use warnings;
use Time::HiRes qw(time);

use constant BLOCK => 256 * 1024;

my %option = (end => '', size => 0, about => 0, terminal => 0);
while (@ARGV && $ARGV[0] =~ /\A--(end|size|about|terminal)\z/) {
    shift;
    $option{$1} = $1 eq 'terminal' ? 1 : shift;
}
my $what = shift // 'import';
my $mark = $option{end};
$mark ne '' or die "import-input: --end is missing\n";

# By how they begin. What is none of these is passed on as it is.
my @unpackers = (
    [ qr/\A\x1f\x8b/,           qw(gzip --decompress --stdout) ],
    [ qr/\A\x28\xb5\x2f\xfd/,   qw(zstd --decompress --stdout --quiet) ],
    [ qr/\A\xfd7zXZ\x00/,       qw(xz --decompress --stdout --memlimit-decompress=256MiB) ],
);

my ($done, $began, $said_at, $is_open) = (0, time, time, 0);

sub in_time {
    my ($seconds) = @_;
    return sprintf '%d s', $seconds if $seconds < 90;
    return sprintf '%d min', ($seconds + 30) / 60 if $seconds < 5400;
    return sprintf '%d h %d min', $seconds / 3600, $seconds % 3600 / 60;
}

sub say_progress {
    my ($is_last) = @_;
    my $now = time;
    return if !$is_last && $now - $said_at < ($option{terminal} ? 0.2 : 10);
    $said_at = $now;
    my $total = $option{size} || $option{about};
    my $rate  = $done / ($now - $began || 1);
    my $text  = sprintf '%.1f MB', $done / 1e6;
    $text = sprintf '%d %% of %.1f MB', $done >= $total ? 100 : 100 * $done / $total, $total / 1e6 if $total;
    $text .= sprintf ', %.1f MB/s', $rate / 1e6;
    $text .= ', ' . in_time(($total - $done) / $rate) . ' left' if $rate && $total > $done && !$is_last;
    print STDERR $option{terminal} ? "\r$what: $text\e[K" : "$what: $text\n";
    $is_open = $option{terminal};
    return;
}

# Nothing else begins in the line of progress.
sub end_line { print STDERR "\n" if $is_open; $is_open = 0; return }

sub fail { end_line(); print STDERR "@_\n"; exit 1 }

sub read_some {
    my ($buffer) = @_;
    my $got = sysread STDIN, $$buffer, BLOCK, length $$buffer;
    fail("cannot read what is sent: $!") if !defined $got;
    return $got;
}

# The mark may have come in two pieces, so that as much as it is long is kept back.
my $buffer = '';
while (length($buffer) < 16 + length $mark) { read_some(\$buffer) or last }
my ($packed, $out) = (undef, \*STDOUT);
$SIG{PIPE} = 'DEFAULT';
for my $unpacker (@unpackers) {
    my ($beginning, @command) = @$unpacker;
    next if $buffer !~ $beginning;
    $packed = $command[0];
    open $out, '|-', @command or fail("cannot run $packed: $!");
}
binmode $out;
$SIG{PIPE} = 'IGNORE';

# False when nobody reads any more: why is said by who does not.
sub pass_on {
    my ($bytes) = @_;
    my $from = 0;
    while ($from < $bytes) {
        $from += syswrite($out, $buffer, $bytes - $from, $from) // return 0;
    }
    substr $buffer, 0, $bytes, '';
    $done += $bytes;
    return 1;
}

my $is_read = 1;
while ($is_read) {
    my $ready = length($buffer) - length $mark;
    $is_read = pass_on($ready) if $ready > 0;
    last if !$is_read;
    say_progress(0);
    read_some(\$buffer) or last;
}
say_progress(1) if $is_read;
end_line();
my $is_whole = $buffer eq $mark && (!$option{size} || $done == $option{size});
close $out or $packed && $is_whole && fail("what is sent cannot be unpacked to its end: it is cut short or damaged ($packed says why, above)");
exit 1 if !$is_read;
fail(sprintf 'what is sent breaks off after %d bytes', $done) if !$is_whole;
