# A binary log of MariaDB's, event by event. How an event is laid out says the server's documentation ("Replication Protocol").
package BinaryLog;
use strict;
use warnings;

use constant { QUERY => 2, STOP => 3, ROTATE => 4, FORMAT => 15, XID => 16, XA_PREPARE => 38, CHECKPOINT => 161, GTID => 162, GTID_LIST => 163, START_ENCRYPTION => 164 };
my %beside = map { $_ => 1 } STOP, ROTATE, FORMAT, CHECKPOINT, GTID_LIST;

# The statement of a QUERY event, and the database that it was in (the fixed part is 13 bytes, then there are variables, the database's
# name and a zero).
sub statement {
    my ($body, $checksum) = @_;
    my ($length, $variables) = unpack 'x8 C x2 v', $body;
    my $text = substr $body, 13 + $variables + $length + 1;
    return (substr($text, 0, length($text) - $checksum), substr $body, 13 + $variables, $length);
}

# Calls WITH-TRANSACTION with the end, the seconds and the beginning of each transaction that is whole, in order, and with the statement and
# its database where that is all there is of it; gives the length of all that is, as what a server that was killed wrote last is not, and
# whether the server ended the log itself.
sub read_log {
    my ($log, $with_transaction) = @_;
    open my $in, '<:raw', $log or die "cannot read $log: $!\n";
    my $size = -s $in;
    read $in, my $magic, 4;
    die "$log is no binary log\n" if $magic ne "\xfebin";
    my ($at, $checksum, $open) = (4, 0);
    my ($whole, $ended) = ($at, 0);
    while ($at + 19 <= $size) {
        read($in, my $header, 19) == 19 or last;
        my ($seconds, $type, $length) = unpack 'V C x4 V', $header;
        die "$log: what stands at its byte $at is no event\n" if $length < 19;
        last if $at + $length > $size;
        read($in, my $body, $length - 19) == $length - 19 or last;
        my $begin = $at;
        $at += $length;
        $ended = $type == STOP || $type == ROTATE;
        die "$log is encrypted\n" if $type == START_ENCRYPTION;
        # The format's last five bytes: how checksums are made, and its own.
        $checksum = unpack('C', substr $body, -5, 1) ? 4 : 0 if $type == FORMAT;
        if ($type == GTID) { $open = { begin => $begin, seconds => $seconds, alone => unpack('x12 C', $body) & 1 } }
        elsif (!$open || $beside{$type}) { $whole = $at if !$open }
        else {
            my @statement = $type == QUERY ? statement($body, $checksum) : ();
            next if $type != XID && $type != XA_PREPARE && !(@statement && ($open->{alone} || $statement[0] =~ /^(?:COMMIT|ROLLBACK)\b/));
            $with_transaction->($at, @$open{qw(seconds begin)}, $open->{alone} ? @statement : ());
            $whole = $at;
            undef $open;
        }
    }
    return ($whole, $ended ? 1 : 0);
}

# [END, SECONDS, ...] of each transaction.
sub transactions {
    my ($log) = @_;
    my @found;
    read_log($log, sub { push @found, [@_] });
    return @found;
}

# How long all that is whole of it is, and whether the server ended it itself.
sub ending { my ($log) = @_; return read_log($log, sub { }) }

1;
