#!/usr/bin/perl
# Where in a binary log of MariaDB's a table or a database was last thrown away: prints "POSITION SECONDS" of the moment before, or nothing.
#
#   binlog-drops.pl DATABASE TABLE LOG   TABLE may be empty: then it is the database. It counts as the table's end, too, and so does TRUNCATE.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use BinaryLog;

my $name = qr/(?:`(?:[^`]|``)+`|[\w\$\x80-\xff]+)/;

sub bare { my ($name) = @_; return $name !~ /^`(.*)`$/s ? $name : $1 =~ s/``/`/gr }

# [DATABASE, TABLE] of each that the statement throws away; a database has no TABLE.
sub thrown_away {
    my ($statement, $default) = @_;
    $statement =~ s{/\*.*?\*/}{ }gs;
    return [ bare($1) ] if $statement =~ /^\s*DROP\s+(?:DATABASE|SCHEMA)\s+(?:IF\s+EXISTS\s+)?($name)/i;
    return if $statement !~ /^\s*(?:DROP\s+TABLES?\s+(?:IF\s+EXISTS\s+)?|TRUNCATE\s+(?:TABLE\s+)?)($name(?:\s*\.\s*$name)?(?:\s*,\s*$name(?:\s*\.\s*$name)?)*)/i;
    my $names = $1;
    my @found;
    while ($names =~ /\G\s*,?\s*($name)(?:\s*\.\s*($name))?/g) { push @found, defined $2 ? [ bare($1), bare($2) ] : [ $default, bare($1) ] }
    return @found;
}

my ($database, $table, $log) = @ARGV;
die "usage: binlog-drops.pl DATABASE TABLE LOG\n" if @ARGV != 3;
my $last = '';
BinaryLog::read_log(
    $log,
    sub {
        my (undef, $seconds, $begin, $statement, $default) = @_;
        return if !defined $statement;
        $last = "$begin $seconds\n" if grep { $_->[0] eq $database && (!defined $_->[1] || $_->[1] eq $table) } thrown_away($statement, $default);
    }
);
print $last;
