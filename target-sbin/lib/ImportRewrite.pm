# What becomes of one statement of somebody's dump (ImportStream.pm), so that it means here what it meant there: an empty
# answer where it is not carried out. Line breaks stay where they are.
package ImportRewrite;
use strict;
use warnings;

our $name = qr/`(?:[^`]|``)+`|"(?:[^"]|"")+"|[\w\$\x80-\xff]+/;

my $open   = qr{\A\s*(?:/\*M?!\d*\s*)?};
my $blanks = qr{(?:\s|/\*(?!M?!).*?\*/)+}s;
my $user   = qr/(?:`(?:[^`]|``)*`|'(?:[^']|'')*'|"(?:[^"]|"")*"|[\w.%\-]+(?:\(\))?)/;

our $use     = qr/${open}USE$blanks($name)\s*(?:\*\/)?\s*\z/i;
our $setting = qr/${open}SET\b/i;
# Also where no database is chosen.
our $harmless = qr/${open}(?:(?:CREATE|DROP|ALTER)\s+(?:DATABASE|SCHEMA)|UNLOCK\s+TABLES|COMMIT|START\s+TRANSACTION|BEGIN\s*\z)\b/i;

# Locks help nobody where nobody else is, and a default that uses a sequence cannot be had under them; what belongs to the
# server as a whole (replication, statistics) is not the application's.
my $dropped = qr{${open}(?:
    (?:CREATE|DROP)\s+(?:DATABASE|SCHEMA)\b | (?:UN)?LOCK\s+TABLES\b |
    SET\s+(?:\@\@|GLOBAL\s|SESSION\s|\@MYSQLDUMP_TEMP_LOG_BIN\b)?[^;]*?\b(?:GTID_PURGED|SQL_LOG_BIN|gtid_slave_pos|INNODB_STATS_AUTO_RECALC)\b
)}xi;

my $modes = join '|', qw(REAL_AS_FLOAT PIPES_AS_CONCAT ANSI_QUOTES IGNORE_SPACE IGNORE_BAD_TABLE_OPTIONS ONLY_FULL_GROUP_BY
    NO_UNSIGNED_SUBTRACTION NO_DIR_IN_CREATE POSTGRESQL ORACLE MSSQL DB2 MAXDB NO_KEY_OPTIONS NO_TABLE_OPTIONS NO_FIELD_OPTIONS
    MYSQL323 MYSQL40 ANSI NO_AUTO_VALUE_ON_ZERO NO_BACKSLASH_ESCAPES STRICT_TRANS_TABLES STRICT_ALL_TABLES NO_ZERO_IN_DATE
    NO_ZERO_DATE ALLOW_INVALID_DATES ERROR_FOR_DIVISION_BY_ZERO TRADITIONAL NO_AUTO_CREATE_USER HIGH_NOT_PRECEDENCE
    NO_ENGINE_SUBSTITUTION PAD_CHAR_TO_FULL_LENGTH EMPTY_STRING_IS_NULL SIMULTANEOUS_ASSIGNMENT TIME_ROUND_FRACTIONAL);

# Strings, quoted names and remarks: nothing in them is changed.
my $quoted = qr{'[^'\\]*+(?:\\.[^'\\]*+)*+' | "[^"\\]*+(?:\\.[^"\\]*+)*+" | `(?:[^`]|``)*+` | /\*(?!M?!).*?\*/ | (?:--(?=\s)|\#)[^\n]*}xs;

# INTO: the database that is filled. KNOWS: whether the server has a collation of that name.
sub new {
    my ($class, %how) = @_;
    return bless { into => $how{into}, knows => $how{knows}, collations => {}, definers => 0, replaced => {} }, $class;
}

sub bare {
    my ($quoted) = @_;
    return $quoted if $quoted !~ /\A([`"])(.*)\1\z/s;
    my ($quote, $bare) = ($1, $2);
    return $bare =~ s/$quote$quote/$quote/gr;
}

# What comes before the rows of the INSERT at the beginning of BUFFER is taken from there: the name of the database that
# all of it came from is left out.
sub head_of_rows {
    my ($self, $buffer, $database) = @_;
    my $verb = qr/(?:INSERT|REPLACE)(?:\s+(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|INTO))*\s+/i;
    return '' if !defined $database || $$buffer !~ /\A($verb)($name)\s*\.\s*(?=$name)/ || bare($2) ne $database;
    my $head = $1;
    substr($$buffer, 0, $+[0]) = '';
    return $head;
}

# DATABASE: the one that it came from, where that is known.
sub statement {
    my ($self, $text, $database) = @_;
    return undef if $text =~ $dropped;
    return $self->setting($text) if $text =~ $setting;
    if ($text =~ /${open}(?:CREATE|ALTER|DROP|TRUNCATE)\b/i) {
        $text = $self->without_definer($text);
        $text =~ s/(${open}ALTER\s+(?:DATABASE|SCHEMA)\s+)$name(?=\s)/$1`$self->{into}`/i;
        my $verb = qr/(?:CREATE|ALTER|DROP|TRUNCATE)\s+(?:OR\s+REPLACE\s+)?(?:TABLE|VIEW)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?/i;
        $text =~ s/($open$verb)($name)\s*\.\s*(?=$name)/$1/ if defined $database && $text =~ /$open$verb($name)\s*\./ && bare($1) eq $database;
        $text = $self->with_known_collations($text);
    }
    return $text;
}

# Of the modes of SQL those that MariaDB has.
sub setting {
    my ($self, $text) = @_;
    $text =~ s{(\bsql_mode\s*:?=\s*)(['"])([\w,\s]*)\2}{"$1$2" . join(',', grep { /\A(?:$modes)\z/i } split /[\s,]+/, $3) . $2}gie;
    $text =~ s/\b(utf8mb4_\w*0900\w*)\b/$self->collation($1)/ge;
    return $text;
}

# Who carries the dump out has defined what is in it. Nobody else may: a view of root's shows what root may see.
sub without_definer {
    my ($self, $text) = @_;
    my $before = qr{CREATE(?:\s*\*/)?\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*\w+\s*)?(?:\*/\s*)?(?:/\*M?!\d*\s*)?(?:ALGORITHM\s*=\s*\w+\s*)?}i;
    $self->{definers}++ if $text =~ s{($open$before)(DEFINER\s*=\s*$user(?:\s*\@\s*$user)?)}{$1 . ("\n" x (my $breaks = () = $2 =~ /\n/g))}ie;
    return $text;
}

sub with_known_collations {
    my ($self, $text) = @_;
    return $text if $text !~ /_0900_/;
    $text =~ s{($quoted)|\b(utf8mb4_\w*0900\w*)\b}{defined $1 ? $1 : $self->collation($2)}ge;
    return $text;
}

# MySQL 8's, under the name that MariaDB has for it, or that of the nearest one.
sub collation {
    my ($self, $wanted) = @_;
    my $is_known = $self->{knows};
    return $self->{collations}{ lc $wanted } //= do {
        # How accents and capitals count matters more than the language.
        my ($rest) = lc($wanted) =~ /0900_(a[is]_c[is])/;
        my $near = defined $rest ? "utf8mb4_uca1400_$rest" : 'utf8mb4_bin';
        my ($found) = grep { $is_known->($_) } $wanted, $near, 'utf8mb4_unicode_ci';
        $found //= $wanted;
        $self->{replaced}{$wanted} = $found if $found ne $wanted;
        $found;
    };
}

1;
