# What mariadb-dump prints, passed on to stdout with these changes:
#
# - The facts are counted: of each table the rows and a sum of them, what else there is, the server's version. They are
#   those of these very bytes, whatever happens in the database meanwhile.
# - A new INSERT begins where a row's own sum says so, not where a buffer was full: so a row that is longer than the
#   night before shifts the beginnings of no other, and what has not changed is text that the repository has already.
# - It is loaded with days that there are not, such as 2020-02-31: somebody could store them once.
# - Rows that break off are closed, and a view that nobody can look into is left out: else none of what follows could be
#   loaded. `unfinished` says which these are.
#
# Text that somebody may write, in a routine's body or a name, can look like any line of a dump: such lines are told by
# being within a string, a name or a remark, or a program that has not come to its end.
#
# A table's sum is that of its rows' MD5 sums modulo 2^64: in which order the rows come, nobody promises.
package DumpStream;
use strict;
use warnings;
use Digest::MD5 qw(md5);

use constant INSERT_BYTES => 256 * 1024;    # on average
use constant INSERT_LIMIT => 8 * 1024 * 1024;

my $name    = qr/`(?:[^`]|``)+`/;
my $definer = qr{(?:/\*!\d+ )?DEFINER\s*=\s*(?:$name|'(?:[^']|'')*'|[\w.]+)(?:\@$name)?(?:\*/)?\s+}i;

# SHOW CREATE TRIGGER gives what somebody typed, however he did; a role has no host, and then there are no remarks.
my $program = qr{^(?:/\*!\d+\ )?CREATE(?:\*/)?\s+(?:OR\ REPLACE\s+)?(?:$definer)?(?:/\*!\d+\ )?\s*
    (?:AGGREGATE\s+)?(TRIGGER|EVENT|PROCEDURE|FUNCTION|PACKAGE)\b(\s+$name\s+ON\ SCHEDULE\ AT\ )?}xi;
my $view = qr{^/\*!50001\ CREATE\ ALGORITHM=\w+\ (?:\*/\n/\*!50013\ )?(?:$definer)?SQL\ SECURITY\ \w+\ (?:\*/\n/\*!50001\ )?
    VIEW\ ($name)\ AS\ }xi;

sub new {
    my ($class, %how) = @_;
    my %count = map { $_ => 0 } qw(databases sequences views triggers events routines users grants);
    return bless {
        count => \%count, tables => {}, order => [], views => {}, database => '', server => undef,
        before_views => $how{before_views}, ahead => [], part => 'databases',
    }, $class;
}

sub bare { my ($quoted) = @_; $quoted =~ s/^`(.*)`$/$1/s; $quoted =~ s/``/`/g; return $quoted }

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

sub raw_line {
    my ($self) = @_;
    return shift @{ $self->{ahead} } if @{ $self->{ahead} };
    return defined $self->{in} ? readline $self->{in} : undef;
}

# The next line, or all of those over which a string or a name in it goes.
sub next_line {
    my ($self) = @_;
    my $line = $self->raw_line;
    my $open = defined $line ? open_after($line, '', 1) : '';
    while ($open ne '' && defined(my $more = $self->raw_line)) {
        $line .= $more;
        $open = open_after($more, $open, 1);
    }
    return $line;
}

sub put { my ($self, @text) = @_; print @text or die "cannot write the dump: $!\n"; return }

# Reads up to the line that this matches, for copy to begin with: mariadb-dump has come so far. False when it has not.
sub await {
    my ($self, $in, $pattern) = @_;
    my @lines;
    $self->{in} = $in;
    while (defined(my $line = $self->next_line)) {
        push @lines, $line;
        last if $line =~ $pattern;
    }
    $self->{ahead} = \@lines;
    return @lines && $lines[-1] =~ $pattern;
}

# Passes on what one mariadb-dump prints; false when it is cut short. PART is `databases` or `users`.
sub copy {
    my ($self, $in, $part) = @_;
    $self->{in} = $in;
    @$self{qw(part table escapes completed previous)} = ($part, undef, 1, 0, '');
    my $line = $self->next_line;
    while (defined $line) {
        if ($line =~ /^INSERT (?:IGNORE )?INTO `/ && $part eq 'databases') { $line = $self->copy_rows($line); next }
        if ($line =~ m{^/\*!50001 CREATE ALGORITHM=})                      { $self->copy_view($line) }
        else {
            $self->meet_views if $line =~ m{^/\*!50001 DROP VIEW IF EXISTS } && $self->{previous} !~ /^DROP TABLE IF EXISTS /;
            $self->put($line =~ s{^(/\*!40101 SET \@OLD_SQL_MODE=\@\@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO)('.*)}{$1,ALLOW_INVALID_DATES$2}sr);
            if   ($line eq "DELIMITER ;;\n") { $self->copy_program }
            else                             { $self->note($line) }
        }
        $self->{previous}  = $line;
        $self->{completed} = $line eq "-- Dump completed\n";
        $line = $self->next_line;
    }
    return $self->{completed};
}

# Views come behind all tables: what is wanted before them is printed here, once.
sub meet_views {
    my ($self) = @_;
    my $hook = delete $self->{before_views} or return;
    my %state = map { $_ => $self->{$_} } qw(in ahead part table escapes completed previous database);
    $self->{ahead} = [];
    $hook->();
    @$self{ keys %state } = values %state;
    $self->put('USE ' . quoted($self->{database}) . ";\n");
    return;
}

sub quoted { my ($bare) = @_; $bare =~ s/`/``/g; return "`$bare`" }

# The beginning of an INSERT and what else is in its line: nothing, or, where the columns are named, the first row.
sub head_and_row {
    my ($line) = @_;
    my ($head, $row) = $line =~ /^(INSERT (?:IGNORE )?INTO $name(?: \((?:`(?:[^`]|``)+`(?:, )?|row_start(?:, )?|row_end)+\))? VALUES)[ \n](.*)/s
        or die "mariadb-dump does not write an INSERT like this: $line";
    return ("$head\n", $row eq '' ? undef : $row);
}

# Prints the rows of a table, in INSERTs of our own, and counts them; gives the line that comes after them. The last row
# of an INSERT ends with `);`, all others with `),`; line breaks within a row are escaped. What ends otherwise has broken
# off: then nothing more comes of this table.
sub copy_rows {
    my ($self, $line) = @_;
    my ($head, $row) = head_and_row($line);
    my ($rows, $bytes, $sum, $since, $before) = (0, 0, 0, 0, $head);
    my ($in, $ahead) = @$self{qw(in ahead)};
    undef $line;
    while (defined($row //= @$ahead ? shift @$ahead : readline $in)) {
        my $end = substr $row, -3, 3, '';
        if ($end ne "),\n" && $end ne ");\n") { $line = $self->broken_off($row . $end); last }
        my ($half, $choice) = unpack 'QL', md5($row);
        my $length = length $row;
        { use integer; $sum += $half; }
        $rows++;
        $bytes += $length;
        $since += $length;
        print $before, $row, ')' or die "cannot write the dump: $!\n";
        $before = ",\n";
        undef $row;
        if ($choice % INSERT_BYTES < $length || $since > INSERT_LIMIT) { $before = ";\n$head"; $since = 0 }
        next if $end eq "),\n";
        $line = $self->next_line;
        (my $next_head, $row) = head_and_row($line) if defined $line && $line =~ /^INSERT (?:IGNORE )?INTO `/;
        if (($next_head // '') ne $head) { $self->add_rows($rows, $bytes, $sum); last }
    }
    $self->put(";\n") if $before ne $head;
    return $line;
}

# The line that comes after rows that have broken off; of mariadb-dump's own some stand right behind the last row.
sub broken_off {
    my ($self, $row) = @_;
    return $row if $row !~ /^\(/;
    return "$1\n" if $row =~ m{\)(/\*!\d{5} SET [^'"()]*;)\n\z};
    return $self->next_line;
}

sub add_rows {
    my ($self, $rows, $bytes, $sum) = @_;
    my $table = $self->{table} or return;
    $table->{rows}  += $rows;
    $table->{bytes} += $bytes;
    { use integer; $table->{sum} += $sum; }
    return;
}

# Up to the `DELIMITER ;` that comes when the program has ended with `;;`.
sub copy_program {
    my ($self) = @_;
    my ($open, $ended, $is_first) = ('', 0, 1);
    while (defined(my $line = $self->raw_line)) {
        $self->put($line);
        return if $ended && $line eq "DELIMITER ;\n";
        $self->count_program($line) if $is_first;
        $is_first = 0;
        $open  = open_after($line, $open, $self->{escapes});
        $ended = $open eq '' && $line =~ /;;\n\z/;
    }
    return;
}

# An event for one instant is gone when that is past, also from what is restored: it is not counted.
sub count_program {
    my ($self, $line) = @_;
    my ($kind, $is_once) = $line =~ $program ? (lc $1, $2) : ('');
    if    ($kind eq 'trigger') { $self->{count}{triggers}++ }
    elsif ($kind eq 'event')   { $self->{count}{events}++ if !$is_once }
    else                       { $self->{count}{routines}++ }
    return;
}

# A view was printed as a table before, unless nobody can look into it: then it cannot be made either.
sub copy_view {
    my ($self, $line) = @_;
    while ($line !~ m{\*/;\n\z} || open_after($line, '', 1) ne '') { $line .= $self->next_line // last }
    $line =~ $view or die "mariadb-dump does not write a view like this: $line";
    my $of = "$self->{database}\0" . bare($1);
    if ($self->{views}{$of}) {
        $self->{views}{$of} = 'whole';
        $self->put($line);
    }
    return;
}

sub note {
    my ($self, $line) = @_;
    my $count = $self->{count};
    if ($self->{part} eq 'users') {
        $count->{users}++  if $line =~ m{^CREATE USER |^/\*M!100005 CREATE ROLE };
        $count->{grants}++ if $line =~ /^GRANT /;
    }
    elsif ($line =~ /^CREATE TABLE ($name)/)   { $self->begin_table(bare($1)) }
    # Which transaction wrote a row is a number of this server's own: no other has it.
    elsif ($line =~ /^  $name bigint\(20\) unsigned GENERATED ALWAYS AS ROW START/) { $self->{table}{unlike} = 1 if $self->{table} }
    elsif ($line =~ /^USE ($name);$/)          { $self->{database} = bare($1) }
    elsif ($line =~ m{^/\*!40000 ALTER TABLE ($name) ENABLE KEYS \*/;$}) { $self->{table}{whole} = 1 if $self->{table} }
    elsif ($line =~ m{^/\*!50003 SET sql_mode += '([^']*)'}) { $self->{escapes} = $1 !~ /NO_BACKSLASH_ESCAPES/ }
    elsif ($line =~ m{^/\*!50001 CREATE VIEW ($name) AS}) { $self->{views}{"$self->{database}\0" . bare($1)} = 'begun' }
    elsif ($line =~ /^CREATE DATABASE /)       { $count->{databases}++ }
    elsif ($line =~ /^CREATE SEQUENCE ($name)/) { $count->{sequences}++; $self->{sequences}{"$self->{database}\0" . bare($1)} = 1 }
    $self->{server} //= $1 if $line =~ /^-- Server version\t(\S+)/;
    return;
}

sub begin_table {
    my ($self, $bare) = @_;
    my $of = "$self->{database}\0$bare";
    push @{ $self->{order} }, $of if !$self->{tables}{$of};
    $self->{table} = { table => "$self->{database}.$bare", rows => 0, bytes => 0, sum => 0 };
    $self->{tables}{$of} = $self->{table};
    return;
}

# Of these objects, [DATABASE, NAME, TYPE, HAS-ROWS] each, those that have not been printed to their end.
sub unfinished {
    my ($self, @objects) = @_;
    return grep {
        my ($database, $bare, $type, $has_rows) = @$_;
        my $of = "$database\0$bare";
        my $table = $self->{tables}{$of};
          $type eq 'VIEW'     ? ($self->{views}{$of} // '') ne 'whole'
        : $type eq 'SEQUENCE' ? !$self->{sequences}{$of}
        :                       !$table || ($has_rows && !$table->{whole});
    } @objects;
}

# Tables that were not there when these objects were listed, and whose rows did not come: made anew in between.
sub begun_beside {
    my ($self, @objects) = @_;
    my %listed = map { ("$_->[0]\0$_->[1]" => 1) } @objects;
    return map { [ split(/\0/, $_, 2), 'TABLE', 1, 1 ] }
        grep { !$listed{$_} && !$self->{tables}{$_}{whole} } sort keys %{ $self->{tables} };
}

# What is left out is no fact.
sub forget { my ($self, $database, $bare) = @_; delete $self->{tables}{"$database\0$bare"}; return }

# The facts about all that was passed on.
sub facts {
    my ($self) = @_;
    my %count = (%{ $self->{count} }, tables => 0, rows => 0, views => scalar grep { $_ eq 'whole' } values %{ $self->{views} });
    my @facts;
    for my $table (map { $self->{tables}{$_} // () } @{ $self->{order} }) {
        $count{tables}++;
        $count{rows} += $table->{rows};
        my %fact = (%$table, sum => sprintf '%016x', $table->{sum});
        delete $fact{sum} if delete $fact{unlike};
        delete $fact{whole};
        push @facts, \%fact;
    }
    return (@facts, { %count, server => $self->{server} });
}

1;
