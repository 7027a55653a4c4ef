#!/usr/bin/perl
# Reads the dumps of MariaDB that target-sbin/dump-databases makes, and prints them with two changes:
#
# - At the end, in comments, are the facts: of each table the rows and a sum of them, what else there is, the server's
#   version. They are those of these very bytes, whatever happens in the database meanwhile; and a dump without them is
#   not whole.
# - A new INSERT begins where a row's own sum says so, not where a buffer was full: so a row that is longer than the
#   night before shifts the beginnings of no other, and what has not changed is text that the repository has already.
#
# Text that somebody may write, in a routine's body or a name, can look like any line of a dump: such lines are told by
# being within a string, a name or a remark, or a program that has not come to its end.
#
# A table's sum is that of its rows' MD5 sums modulo 2^64: in which order the rows come, nobody promises.
use strict;
use warnings;
use Digest::MD5 qw(md5);
use JSON::PP;

use constant INSERT_BYTES => 256 * 1024;    # on average
use constant INSERT_LIMIT => 8 * 1024 * 1024;

# What the first line behind `DELIMITER ;;` says it is.
my @programs = (
    [ qr{^/\*!50003 CREATE\*/.* TRIGGER },             'triggers' ],
    [ qr{^/\*!50106 CREATE\*/.* EVENT },               'events' ],
    [ qr{^CREATE .*?(?:PROCEDURE|FUNCTION|PACKAGE) }, 'routines' ],
);

my %count = map { $_ => 0 } qw(databases tables rows sequences views triggers events routines users grants);
my (@tables, $table, $server);
my $database = '';
my $dumps    = 0;    # how many have come to their end: first the databases, then the users
my $escapes  = 1;    # in the strings of the program to come, a backslash does not stand for itself

sub bare { my ($name) = @_; $name =~ s/``/`/g; return $name }

# What is open at the end of a line: a string or a name (its quote), a remark, or nothing (''). What stands in /*! */ is
# no remark to MariaDB.
sub open_after {
    my ($line, $open, $with_escapes) = @_;
    pos($line) = 0;
    while (1) {
        if ($open eq '') {
            $line =~ m{\G.*?(--(?=\s)|\#|/\*(?!M?!)|['"`])}gcs or return '';
            return '' if $1 eq '--' || $1 eq '#';
            $open = $1;
        }
        elsif ($open eq '/*')                  { $line =~ m{\G.*?\*/}gcs or return $open; $open = '' }
        elsif ($with_escapes && $open ne '`') { $line =~ m{\G(?:[^\\$open]|\\.)*+$open}gcs or return $open; $open = '' }
        else                                   { $line =~ m{\G[^$open]*$open}gcs or return $open; $open = '' }
    }
}

# The next line, or all of those over which a string or a name in it goes.
sub next_line {
    my $line = <STDIN>;
    my $open = defined $line ? open_after($line, '', 1) : '';
    while ($open ne '' && defined(my $more = <STDIN>)) {
        $line .= $more;
        $open = open_after($more, $open, 1);
    }
    return $line;
}

# The beginning of an INSERT and what else is in its line: nothing, or, where the columns are named, the first row.
sub head_and_row {
    my ($line) = @_;
    my ($head, $row) = $line =~ /^(INSERT INTO `(?:[^`]|``)+`(?: \((?:`(?:[^`]|``)+`(?:, )?)+\))? VALUES)[ \n](.*)/s
        or die "dump-filter: mariadb-dump does not write an INSERT like this: $line";
    return ("$head\n", $row eq '' ? undef : $row);
}

# Prints the rows of a table, in INSERTs of our own, and counts them; gives the line that comes after them. The last row
# of an INSERT ends with `);`, all others with `),`; line breaks within a row are escaped.
sub copy_rows {
    my ($line) = @_;
    my ($head, $row) = head_and_row($line);
    my ($rows, $bytes, $sum, $since) = (0, 0, 0, 0);
    print $head;
    while (defined($row //= <STDIN>)) {
        my $end = substr $row, -3, 3, '';
        my ($half, $choice) = unpack 'QL', md5($row);
        my $length = length $row;
        { use integer; $sum += $half; }
        $rows++;
        $bytes += $length;
        $since += $length;
        print $row;
        undef $row;
        if ($end eq ");\n") {
            my ($next, $next_head) = next_line();
            ($next_head, $row) = head_and_row($next) if defined $next && $next =~ /^INSERT INTO `/;
            if (($next_head // '') ne $head) {
                print $end;
                add_rows($rows, $bytes, $sum);
                return $next;
            }
        }
        elsif ($end ne "),\n") { die "dump-filter: mariadb-dump does not end a row like this: $end" }
        if ($choice % INSERT_BYTES < $length || $since > INSERT_LIMIT) { print ");\n", $head; $since = 0 }
        else                                                           { print "),\n" }
    }
    die "dump-filter: the dump ends within the rows of `$table->{table}`\n";
}

sub add_rows {
    my ($rows, $bytes, $sum) = @_;
    $table->{rows}  += $rows;
    $table->{bytes} += $bytes;
    { use integer; $table->{sum} += $sum; }
}

# Everything but rows is passed on as it is.
sub copy_dumps {
    my $line = next_line();
    while (defined $line) {
        if ($line =~ /^INSERT INTO `/) { $line = copy_rows($line); next }
        print $line;
        if   ($line eq "DELIMITER ;;\n") { copy_program() }
        else                             { note($line) }
        $line = next_line();
    }
}

# Up to the `DELIMITER ;` that comes when the program has ended with `;;`.
sub copy_program {
    my ($open, $ended, $is_first) = ('', 0, 1);
    while (defined(my $line = <STDIN>)) {
        print $line;
        return if $ended && $line eq "DELIMITER ;\n";
        if ($is_first) {
            for my $program (@programs) { $count{ $program->[1] }++ if $line =~ $program->[0] }
            $is_first = 0;
        }
        $open  = open_after($line, $open, $escapes);
        $ended = $open eq '' && $line =~ /;;\n\z/;
    }
}

sub note {
    my ($line) = @_;
    if ($line =~ /^CREATE TABLE `((?:[^`]|``)+)`/) {
        $table = { table => "$database." . bare($1), rows => 0, bytes => 0, sum => 0 };
        push @tables, $table;
    }
    elsif ($line =~ /^USE `((?:[^`]|``)+)`;$/)    { $database = bare($1) }
    elsif ($line =~ /^-- Server version\t(\S+)/)  { $server = $1 }
    elsif ($line =~ m{^/\*!50003 SET sql_mode += '([^']*)'}) { $escapes = $1 !~ /NO_BACKSLASH_ESCAPES/ }
    elsif ($line =~ /^CREATE DATABASE /)          { $count{databases}++ }
    elsif ($line =~ /^CREATE SEQUENCE /)          { $count{sequences}++ }
    elsif ($line =~ m{^/\*!50001 VIEW })          { $count{views}++ }
    elsif ($line eq "-- Dump completed\n")        { $dumps++ }
    elsif ($dumps == 1 && $line =~ m{^CREATE USER |^/\*M!100005 CREATE ROLE }) { $count{users}++ }
    elsif ($dumps == 1 && $line =~ /^GRANT /)     { $count{grants}++ }
}

sub fact { my ($fact) = @_; return '-- lamplighter: ' . JSON::PP->new->canonical->latin1->encode($fact) . "\n" }

# Printed, and into the file that DUMP_FACTS names.
sub deliver {
    print @_;
    close STDOUT or die "dump-filter: cannot write: $!\n";
    return if !$ENV{DUMP_FACTS};
    open my $file, '>', $ENV{DUMP_FACTS} or die "dump-filter: cannot write to $ENV{DUMP_FACTS}: $!\n";
    print $file @_;
    close $file or die "dump-filter: cannot write to $ENV{DUMP_FACTS}: $!\n";
}

sub facts {
    my @facts;
    for my $table (@tables) {
        $count{tables}++;
        $count{rows} += $table->{rows};
        push @facts, fact({ %$table, sum => sprintf '%016x', $table->{sum} });
    }
    return (@facts, fact({ %count, server => $server }));
}

binmode STDIN;
binmode STDOUT;
copy_dumps();
die "dump-filter: the dump is cut short\n" if $dumps != 2;
deliver(facts());
