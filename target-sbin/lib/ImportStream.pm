# Somebody's dump, of MySQL or MariaDB, read as a stream and passed on so that it fills one database here: what names a
# database leads into that one, whoever defined a view or a program is left out, settings and collations that MariaDB does
# not know are taken out or replaced.
#
# Only whole statements are changed, and of these only what is no string, no quoted name and no remark. The rows of INSERT
# are passed on byte by byte. There are as many line breaks as in the dump before each statement: a line that the server
# complains of is that of the dump.
#
# Where a statement ends is found as MariaDB's client finds it. What the dump may do is no affair of ours: the account
# that it is carried out with has rights on one database alone.
package ImportStream;
use strict;
use warnings;
no warnings 'regexp';    # repetitions beyond perl's limit go on in the next round
use ImportRewrite;

use constant BLOCK => 256 * 1024;
# What is not rows is held as a whole: a definition is never so long.
use constant LONGEST => 16 * 1024 * 1024;
# So many statements are remembered for the one that fails: the client is behind us by what it has read ahead.
use constant REMEMBERED => 50_000;

my $name = $ImportRewrite::name;

# IN: the dump. PUT: is given what is to be carried out. DATABASE: the one of the dump that is wanted (or none). The rest is
# ImportRewrite's.
sub new {
    my ($class, %how) = @_;
    return bless {
        in => $how{in}, put => $how{put}, wanted => $how{database}, rewrite => ImportRewrite->new(%how),
        buffer => '', at_end => 0, line => 1, delimiter => ';', escapes => 1, ansi => 0, modes => {},
        begun => [], databases => [], current => undef, header => undef, unnamed => 0, elsewhere => 0, listing => 0,
        open_dump => undef, saved => 0, statements => 0,
    }, $class;
}

sub refuse {
    my ($self, $line, @text) = @_;
    die { line => $line, text => join(' ', @text) };
}

sub cut {
    my ($self, $where) = @_;
    die { cut => 1, text => "the dump is cut short: it ends $where" };
}

# All of it, or the reason why not (refuse, cut).
sub run {
    my ($self) = @_;
    $self->begin;
    while ($self->come_to_statement) {
        if ($self->{buffer} =~ /\A(?:INSERT|REPLACE)\b/i) { $self->pass_rows }
        else                                             { $self->pass_statement }
    }
    $self->finish;
    return;
}

# What is no text of SQL is told by how it begins.
sub begin {
    my ($self) = @_;
    $self->need(1024);
    my $start = substr $self->{buffer}, 0, 1024;
    $self->refuse(1, 'the dump is empty') if $start eq '';
    $self->refuse(1, 'the dump is in UTF-16, as > of PowerShell writes it: make it again with --result-file=FILE')
        if $start =~ /\A(?:\xff\xfe|\xfe\xff)/;
    $self->refuse(1, 'the file is no dump in SQL') if $start =~ /\0/ || $start =~ /\A(?:PK\x03\x04|BZh\d|Rar!|7z\xbc|XBSTCK01)/;
    $self->{buffer} =~ s/\A\xef\xbb\xbf//;
    return;
}

# Reads until there are so many bytes, or no more. False where there are no more than before.
sub need {
    my ($self, $bytes) = @_;
    my $before = length $self->{buffer};
    while (length $self->{buffer} < $bytes && !$self->{at_end}) {
        my $got = sysread $self->{in}, $self->{buffer}, BLOCK, length $self->{buffer};
        die "cannot read the dump: $!\n" if !defined $got;
        $self->{at_end} = 1 if !$got;
    }
    return length $self->{buffer} > $before;
}

sub more { my ($self) = @_; return $self->need(1 + length $self->{buffer}) }

# So many bytes from the buffer's beginning, with their line breaks counted.
sub take {
    my ($self, $bytes) = @_;
    my $text = substr $self->{buffer}, 0, $bytes, '';
    $self->{line} += $text =~ tr/\n//;
    return $text;
}

# In the place of what is not carried out.
sub skip { my ($self, $text) = @_; my $breaks = $text =~ tr/\n//; $self->{put}->("\n" x $breaks) if $breaks; return }

# Passes over blanks, remarks and DELIMITER; false at the end of the dump.
sub come_to_statement {
    my ($self) = @_;
    while (1) {
        $self->need(4096) if length $self->{buffer} < 4096;
        my $buffer = \$self->{buffer};
        return 0 if $$buffer eq '';
        if    ($$buffer =~ /\A\s+/)                                   { $self->skip($self->take($+[0])) }
        elsif ($$buffer =~ /\A\Q$self->{delimiter}\E/)                { $self->take($+[0]) }
        elsif ($$buffer =~ m{\A/\*M?!9{6}\\- [^\n*]*\*/})             { $self->take($+[0]) }    # the sandbox of mariadb-dump
        elsif ($$buffer =~ /\A(?:--(?![^\s\x00-\x1f])|#)/)            { $self->remark($self->take_to("\n")) }
        elsif ($$buffer =~ m{\A/\*(?!M?!)})                           { $self->take(2); $self->skip($self->take_to('*/')) }
        elsif ($$buffer =~ /\Adelimiter(?=\s)/i)                      { $self->set_delimiter($self->take_to("\n")) }
        else                                                          { return 1 }
    }
}

# Up to and with the next one of these, or to the end.
sub take_to {
    my ($self, $end) = @_;
    my $text = '';
    while ((my $at = index $self->{buffer}, $end) < 0) {
        # A part of it may be there.
        my $whole = length($self->{buffer}) - length($end) + 1;
        $text .= $self->take($whole) if $whole > 0;
        $self->refuse($self->{line}, 'a remark has no end') if length $text > LONGEST;
        return $text . $self->take(length $self->{buffer}) if !$self->more;
    }
    return $text . $self->take(index($self->{buffer}, $end) + length $end);
}

# A program that makes dumps says where one begins and ends.
sub remark {
    my ($self, $text) = @_;
    if ($text =~ /^-- (?:MySQL|MariaDB) dump /) {
        $self->cut("before line $self->{line}, where another one begins") if $self->{open_dump};
        $self->{open_dump} = 1;
    }
    elsif ($text =~ /^-- Dump completed/)                { $self->{open_dump} = 0 }
    elsif ($text =~ /^-- Host: .*?\s+Database: *(\S*)/) { $self->{header} = $1 if $1 ne '' }
    $self->skip($text);
    return;
}

sub set_delimiter {
    my ($self, $text) = @_;
    my ($delimiter) = $text =~ /\A\w+\s+(\S+)/ or $self->refuse($self->{line} - 1, 'DELIMITER names none');
    $self->refuse($self->{line} - 1, "DELIMITER $delimiter cannot be one") if length $delimiter > 15 || $delimiter =~ /[\\'"`\w]/;
    $self->{delimiter} = $delimiter;
    $self->{put}->($text);
    return;
}

# What may stand between strings, names and remarks, and whole strings as most are: that is nearly all of a dump, and
# perl's own engine passes over it.
my %passed;

sub passed {
    my ($self) = @_;
    my ($escapes, $ansi, $end) = (@$self{qw(escapes ansi)}, substr $self->{delimiter}, 0, 1);
    return $passed{"$escapes$ansi$end"} //= do {
        my @parts = ("[^'\"`\\\\#/\\-\Q$end\E]++", '`[^`]*+`', $escapes ? q{'[^'\\\\]*+(?:\\\\.[^'\\\\]*+)*+'} : q{'[^']*+'});
        push @parts, $escapes && !$ansi ? q{"[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+"} : q{"[^"]*+"};
        push @parts, '-(?=[^-])'  if $end ne '-';
        push @parts, '/(?=[^*])' if $end ne '/';
        my $any = join '|', @parts;
        qr/\G(?>$any){1,10000}+/s;
    };
}

# Gives what there is to TAKE, in pieces, up to the delimiter, which is taken too. False where the dump ends before it.
sub scan {
    my ($self, $take) = @_;
    my $end    = $self->{delimiter};
    my $passed = $self->passed;
    my $open   = '';
    my $buffer = \$self->{buffer};
    pos($$buffer) = 0;
    while (1) {
        my ($done, $next) = $open eq '' ? $self->pass_plain($passed, $end) : $self->pass_open($open);
        if (defined $next) { $open = $next; next }
        my $at = pos($$buffer) // 0;
        $take->($self->take($at)) if $at;
        if ($done) { $self->take(length $end); return 1 }
        return 0 if !$self->more;
        pos($$buffer) = 0;
    }
}

# Outside of strings: (1) at the delimiter, (0, WHAT) where something opens, (0) where more has to be read to tell.
sub pass_plain {
    my ($self, $passed, $end) = @_;
    my $buffer = \$self->{buffer};
    while (1) {
        1 while $$buffer =~ /$passed/gc;
        my $at   = pos($$buffer) // 0;
        my $left = length($$buffer) - $at;
        return 0 if !$left;
        my $ahead = substr $$buffer, $at, 16;
        return 1 if index($ahead, $end) == 0;
        return 0 if $left < length $end && !$self->{at_end} && index($end, $ahead) == 0;
        my ($first) = $ahead =~ /\A(.)/s;
        if ($first eq '-' || $first eq '/') {
            return 0 if $left < 4 && !$self->{at_end};
            if ($ahead =~ m{\A(?:--(?:[\s\x00-\x1f]|\z)|/\*(?!M?!))}) { pos($$buffer) = $at + 2; return (0, $first) }
        }
        pos($$buffer) = $at + 1;
        return (0, $first) if $first =~ /['"`#]/;
        $self->refuse($self->line_at($at), 'a command of the client, which is no SQL:', substr $ahead, 0, 2)
            if $first eq '\\' && $ahead !~ /\A\\N/;
    }
}

sub line_at { my ($self, $at) = @_; return $self->{line} + (substr($self->{buffer}, 0, $at) =~ tr/\n//) }

# Within a string, a name or a remark: (0, '') behind its end, (0) where that has not come yet.
sub pass_open {
    my ($self, $open) = @_;
    my $buffer = \$self->{buffer};
    if ($open eq '-' || $open eq '#') { return (0, '') if $$buffer =~ /\G[^\n]*+\n/gc }
    elsif ($open eq '/') {
        return (0, '') if $$buffer =~ m{\G.*?\*/}gcs;
        pos($$buffer) = length($$buffer) - 1 if length($$buffer) > (pos($$buffer) // 0) && !$self->{at_end};
        return 0;
    }
    elsif ($open eq '`' || !$self->{escapes} || $open eq '"' && $self->{ansi}) { return (0, '') if $$buffer =~ /\G[^$open]*+$open/gc }
    else {
        1 while $$buffer =~ /\G(?:[^\\$open]++|\\.){1,10000}+/gcs;
        return (0, '') if $$buffer =~ /\G$open/gc;
        return 0;
    }
    pos($$buffer) = length $$buffer;
    return 0;
}

# The statement begins here; how it does is what a message about it shows.
sub remember {
    my ($self) = @_;
    my $begun = $self->{begun};
    push @$begun, "$self->{line} " . substr $self->{buffer}, 0, 120;
    splice @$begun, 0, REMEMBERED / 2 if @$begun > REMEMBERED;
    return;
}

# How the statement of that line begins, as far as it is still known.
sub beginning_of {
    my ($self, $line) = @_;
    for my $begun (@{ $self->{begun} }) { return $1 if $begun =~ /\A$line (.*)/s }
    return undef;
}

# INSERT: only what comes before its rows can be changed.
sub pass_rows {
    my ($self) = @_;
    my $line = $self->{line};
    $self->choose($line, 1);
    my $wanted = $self->is_wanted;
    my $put    = $self->{put};
    if ($wanted) {
        $self->remember;
        $self->{statements}++;
        my $head = $self->{rewrite}->head_of_rows(\$self->{buffer}, $self->{current} // $self->{header});
        $put->($head);
    }
    $self->scan($wanted ? $put : sub { $self->skip($_[0]) }) or $self->cut("in the middle of the statement that begins in line $line");
    $put->($self->{delimiter}) if $wanted;
    return;
}

sub pass_statement {
    my ($self) = @_;
    my ($line, $text) = ($self->{line}, '');
    $self->remember;
    my $whole = $self->scan(sub {
        $text .= $_[0];
        $self->refuse($line, 'a statement that is no INSERT is longer than', LONGEST >> 20, 'MiB') if length $text > LONGEST;
    });
    $self->cut("in the middle of the statement that begins in line $line") if !$whole;
    if ($text =~ $ImportRewrite::use) { $self->enter(ImportRewrite::bare($1), $line); $self->skip($text); return }
    my $is_setting = $text =~ $ImportRewrite::setting;
    $self->note_setting($text, $line) if $is_setting;
    $self->choose($line, 0) if !$is_setting && $text !~ $ImportRewrite::harmless;
    my $new = $self->{listing} || $self->{elsewhere} && !$is_setting ? undef : $self->{rewrite}->statement($text, $self->{current} // $self->{header});
    if (defined $new) {
        $self->{statements}++ if !$is_setting;
        $self->{put}->($new . $self->{delimiter});
    }
    else { $self->skip($text) }
    return;
}

sub is_wanted { my ($self) = @_; return !$self->{listing} && !$self->{elsewhere} }

# A statement that changes something, and no USE has come before: that may not be what was asked for.
sub choose {
    my ($self, $line) = @_;
    return if defined $self->{current} || $self->{unnamed}++;
    $self->{header} //= '';
    $self->refuse($line, 'the dump does not say which database this is for: leave --database out')
        if defined $self->{wanted} && $self->{header} ne $self->{wanted};
    return;
}

# USE: one of them is loaded. Where several come and nobody has said which, all that is left to do is to name them.
sub enter {
    my ($self, $bare) = @_;
    push @{ $self->{databases} }, $bare if !grep { $_ eq $bare } @{ $self->{databases} };
    $self->{current} = $bare;
    if (defined $self->{wanted}) { $self->{elsewhere} = $bare ne $self->{wanted} }
    elsif (@{ $self->{databases} } > 1 || $self->{unnamed} && $self->{header} ne $bare) { $self->{listing} = 1 }
    return;
}

# What changes how the rest is to be read: the mode that takes \ for itself, and how strings may be quoted. Character sets
# whose letters may have a \ or a ' in them would need another reader.
sub note_setting {
    my ($self, $text, $line) = @_;
    my $modes = $self->{modes};
    if ($text =~ /(?:NAMES|CHARACTER\s+SET|CHARSET|character_set_client\s*=)\s*'?(gbk|gb18030|big5|sjis|cp932|ucs2|utf16(?:le)?|utf32)\b/i) {
        $self->refuse($line, "the dump is in the character set $1: make it again with --default-character-set=utf8mb4");
    }
    $self->{saved} = 1 if $text =~ /\@OLD_CHARACTER_SET_CLIENT\s*=\s*\@\@/i;
    $self->{saved} = 0 if $text =~ /CHARACTER_SET_CLIENT\s*=\s*\@OLD_CHARACTER_SET_CLIENT/i;
    $modes->{ lc $1 } = [ @$self{qw(escapes ansi)} ] while $text =~ /\@(\w+)\s*=\s*\@\@(?:SESSION\.)?sql_mode/gi;
    if ($text =~ /sql_mode\s*:?=\s*(?:'([^']*)'|"([^"]*)")/i) {
        my $mode = $1 // $2;
        @$self{qw(escapes ansi)} = ($mode =~ /NO_BACKSLASH_ESCAPES/i ? 0 : 1, $mode =~ /ANSI/i ? 1 : 0);
    }
    elsif ($text =~ /sql_mode\s*:?=\s*\@(\w+)/i && $modes->{ lc $1 }) { @$self{qw(escapes ansi)} = @{ $modes->{ lc $1 } } }
    return;
}

# The end of the file; whether it is that of the dump, too.
sub finish {
    my ($self) = @_;
    my @names = @{ $self->{databases} };
    $self->cut('without its last line, `-- Dump completed`') if $self->{open_dump};
    $self->cut('before it sets back what it has set at its beginning') if $self->{saved};
    unshift @names, 'one without a name' if $self->{unnamed} && $self->{listing} && !grep { $_ eq $self->{header} } @names;
    die { text => 'the dump has several databases: ' . join(', ', @names), hint => 'Choose one: --database NAME' } if $self->{listing};
    die { text => "the dump has no database `$self->{wanted}`, but: " . join(', ', @names), hint => 'Choose one of these: --database NAME' }
        if defined $self->{wanted} && @names && !grep { $_ eq $self->{wanted} } @names;
    return;
}

# The name that the dump had for it, where it says so.
sub database { my ($self) = @_; return $self->{wanted} // $self->{databases}[0] // $self->{header} }

1;
