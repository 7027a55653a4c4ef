# The MariaDB that is dumped: what there is in it, its mariadb-dump, and the lock that keeps writers away.
package DumpServer;
use strict;
use warnings;
use File::Temp;
use DumpStream;
use IPC::Open2;
use Time::HiRes qw(time);

# Of these, tables are only a name for what lies elsewhere: mariadb-dump gives no rows.
use constant WITHOUT_ROWS => '(?i:MRG_MyISAM|MRG_ISAM|CONNECT|OQGRAPH|SPIDER|VP|FEDERATED|BLACKHOLE)';

# The server's own, and those of an import that is on its way (ImportTarget.pm), which nobody wants back.
use constant OTHERS => q{'information_schema', 'performance_schema', 'mysql', 'sys', 'lamplighter_import', 'lamplighter_import_before'};

# What mariadb-dump says when the server has gone, and not one object is to blame.
use constant GONE => qr/\((?:2002|2006|2013|1053|1927)\)|Error (?:2006|2013|1053|1927):|Lost connection|gone away|Got errno \d+ on write/;

sub new { my ($class, $socket) = @_; return bless { socket => $socket }, $class }

# The rows of an answer, whose columns have to be HEX(): names may hold anything.
sub ask {
    my ($self, $query) = @_;
    open my $answer, '-|', 'mariadb', "--socket=$self->{socket}", qw(--batch --skip-column-names --default-character-set=utf8mb4), "--execute=$query"
        or die "cannot run mariadb: $!\n";
    my @rows = map { chomp; [ map { pack 'H*', $_ } split /\t/, $_, -1 ] } readline $answer;
    close $answer or die "MariaDB does not say what it holds\n";
    return @rows;
}

# NAME, CHARACTER SET, COLLATION. A folder that is none of MariaDB's own making (`lost+found`) looks like a database.
sub databases {
    my ($self) = @_;
    $self->{databases} //= [ $self->ask(qq{
        SELECT HEX(schema_name), HEX(default_character_set_name), HEX(default_collation_name) FROM information_schema.schemata
        WHERE schema_name NOT IN (${\OTHERS}) AND schema_name NOT LIKE '#mysql50#%'
        ORDER BY schema_name}) ];
    die "there is no database to dump\n" if !@{ $self->{databases} };
    return @{ $self->{databases} };
}

# DATABASE, NAME, TYPE (TABLE, SEQUENCE or VIEW), HAS-ROWS, HAS-TRANSACTIONS, IS-ARIA. Of a table whose engine is not known nothing is.
sub objects {
    my ($self) = @_;
    my $without = WITHOUT_ROWS;
    return map {
        my ($database, $name, $type, $engine, $transactions) = @$_;
        my $kind = $type eq 'VIEW' ? 'VIEW' : $type eq 'SEQUENCE' ? 'SEQUENCE' : 'TABLE';
        [ $database, $name, $kind, $engine !~ /^$without$/, $transactions ne 'NO' || $engine eq '', $engine eq 'Aria' ]
    } $self->ask(qq{
        SELECT HEX(table_schema), HEX(table_name), HEX(table_type), HEX(COALESCE(t.engine, '')), HEX(COALESCE(e.transactions, ''))
        FROM information_schema.tables t LEFT JOIN information_schema.engines e ON e.engine = t.engine
        WHERE table_schema NOT IN (${\OTHERS}) AND table_schema NOT LIKE '#mysql50#%'
            AND table_type <> 'TEMPORARY'
        ORDER BY table_schema, table_name});
}

sub has {
    my ($self, $object) = @_;
    my ($database, $name) = map { unpack 'H*', $_ } @$object[ 0, 1 ];
    return scalar $self->ask("SELECT 1 FROM information_schema.tables WHERE table_schema = CONVERT(x'$database' USING utf8mb4) AND table_name = CONVERT(x'$name' USING utf8mb4)");
}

# What somebody has put among MariaDB's own tables.
use constant OWN_TABLES => q{'column_stats', 'columns_priv', 'db', 'event', 'func', 'general_log', 'global_priv', 'gtid_slave_pos', 'help_category',
    'help_keyword', 'help_relation', 'help_topic', 'host', 'index_stats', 'innodb_index_stats', 'innodb_table_stats', 'plugin', 'proc', 'procs_priv',
    'proxies_priv', 'roles_mapping', 'servers', 'slow_log', 'table_stats', 'tables_priv', 'time_zone', 'time_zone_leap_second', 'time_zone_name',
    'time_zone_transition', 'time_zone_transition_type', 'transaction_registry', 'user'};

sub foreign_tables {
    my ($self) = @_;
    return map { $_->[0] } $self->ask(qq{SELECT HEX(table_name) FROM information_schema.tables
        WHERE table_schema = 'mysql' AND table_name NOT IN (${\OWN_TABLES}) ORDER BY table_name});
}

# DATABASE, TABLE, COLUMN of those whose values a client is given with six digits.
sub rounded_columns {
    my ($self) = @_;
    return $self->ask(qq{SELECT HEX(c.table_schema), HEX(c.table_name), HEX(c.column_name) FROM information_schema.columns c
        JOIN information_schema.tables t USING (table_schema, table_name)
        WHERE c.data_type = 'float' AND t.table_type <> 'VIEW' AND c.table_schema NOT IN (${\OTHERS}) AND c.table_schema NOT LIKE '#mysql50#%'
        ORDER BY 1, 2, 3});
}

# What everybody may do, as statements; mariadb-dump has nothing of it.
sub public_grants {
    my ($self) = @_;
    return if !$self->ask("SELECT HEX(user) FROM mysql.global_priv WHERE user = 'PUBLIC'");
    open my $answer, '-|', 'mariadb', "--socket=$self->{socket}", qw(--batch --skip-column-names --default-character-set=utf8mb4), '--execute=SHOW GRANTS FOR PUBLIC'
        or die "cannot run mariadb: $!\n";
    my %meant = (n => "\n", t => "\t", 0 => "\0", '\\' => '\\');
    my @grants = map { chomp; s/\\(.)/$meant{$1} \/\/ $1/ger . ";\n" } readline $answer;
    close $answer or die "MariaDB does not say what everybody may do\n";
    return @grants;
}

sub writes_binlog { my ($self) = @_; return ($self->ask("SELECT HEX(IF(\@\@log_bin, 'ON', 'OFF'))"))[0][0] eq 'ON' }

# What somebody has installed, for accounts, tables or columns to use; mariadb-dump writes a statement that MariaDB does not know.
sub plugins {
    my ($self) = @_;
    return map { "INSTALL PLUGIN IF NOT EXISTS `$_->[0]` SONAME '$_->[1]';" }
        $self->ask('SELECT HEX(name), HEX(dl) FROM mysql.plugin ORDER BY name');
}

# A mariadb-dump that runs: what it prints (`out`), and what it complains of (`complaints`). The same text for the same
# rows, whenever it is made: no date, and the largest row that there can be. One table that cannot be had does not end it.
# It locks no table when it is loaded: a default may use a sequence.
sub dump {
    my ($self, @arguments) = @_;
    my $complaints = File::Temp->new;
    my $pid = open(my $out, '-|') // die "cannot start mariadb-dump: $!\n";
    if (!$pid) {
        # Not the same descriptor: where one reads, the other would write.
        open STDERR, '>>', $complaints->filename or die $!;
        exec 'mariadb-dump', "--socket=$self->{socket}", qw(--default-character-set=utf8mb4 --max-allowed-packet=1G --skip-dump-date
            --skip-lock-tables --skip-add-locks --force), @arguments
            or die "cannot run mariadb-dump: $!\n";
    }
    return { out => $out, complaints => $complaints };
}

# All that it prints.
sub lines { my ($self, $dump) = @_; return readline $dump->{out} }

# What it has complained of, when it has ended. What is no fault of one object is one of the whole dump.
sub end {
    my ($self, $dump) = @_;
    close $dump->{out};
    my $status = $?;
    my @complaints = $self->complaints($dump);
    $self->fail($dump) if grep { $_ =~ GONE } @complaints or $status & 127 or $status && !@complaints;
    return @complaints;
}

sub fail {
    my ($self, $dump) = @_;
    close $dump->{out};
    die join "\n", 'mariadb-dump has come to no good end', $self->complaints($dump), '';
}

# Each in one line; it may have come no further yet.
sub complaints {
    my ($self, $dump) = @_;
    seek $dump->{complaints}, 0, 0;
    local $/;
    my $text = readline($dump->{complaints}) // '';
    return grep { $_ ne '' } map { s/\s+/ /gr =~ s/ $//r } split /^mariadb-dump: /m, $text;
}

# Until it is released nobody writes to a table without transactions, nor makes, changes or removes a table; nothing where
# that cannot be had. When HOLD seconds have passed it is released all the same. Aria's tables, which survive a crash, BACKUP STAGE takes for
# some with transactions: lock_aria keeps writers from those.
sub lock_writers {
    my ($self, $patience, $hold) = @_;
    my $lock = bless { clients => [], since => time, socket => $self->{socket}, patience => $patience }, 'DumpServer::Lock';
    $lock->take('BACKUP STAGE START; BACKUP STAGE FLUSH; BACKUP STAGE BLOCK_DDL') or return $lock;
    $SIG{ALRM} = sub { $lock->{why} //= "to dump them takes more than $hold s, for which nobody could write to them"; $lock->let_go };
    alarm $hold;
    return $lock;
}

package DumpServer::Lock;
use strict;
use warnings;

# By a connection of its own.
sub take {
    my ($self, $statements) = @_;
    my $pid = IPC::Open2::open2(my $from, my $to, 'mariadb', "--socket=$self->{socket}", qw(--batch --skip-column-names --unbuffered --default-character-set=utf8mb4));
    push @{ $self->{clients} }, [ $pid, $to, $from ];
    local $SIG{PIPE} = 'IGNORE';
    print $to "SET lock_wait_timeout = $self->{patience}; $statements; SELECT 'held';\n";
    $to->flush;
    return 1 if (readline($from) // '') eq "held\n";
    $self->{why} //= "somebody was writing to one of them for more than $self->{patience} s";
    $self->let_go;
    return 0;
}

# Of these objects.
sub lock_aria {
    my ($self, @objects) = @_;
    my @names = map { DumpStream::quoted($_->[0]) . '.' . DumpStream::quoted($_->[1]) . ' READ' } grep { $_->[5] } @objects;
    $self->take('LOCK TABLES ' . join ', ', @names) if @names && !$self->{why};
    return;
}

# The end of the connections is the end of the lock.
sub let_go {
    my ($self) = @_;
    my @clients = splice @{ $self->{clients} } or return;
    local $?;
    for my $client (reverse @clients) {
        my ($pid, $to, $from) = @$client;
        close $to;
        close $from;
        waitpid $pid, 0;
    }
    $self->{seconds} = sprintf '%.1f', Time::HiRes::time() - $self->{since};
    return;
}

# For how many seconds it was held; and why it was not, or not to the end.
sub release {
    my ($self) = @_;
    alarm 0;
    $self->let_go;
    return (0 + $self->{seconds}, $self->{why});
}

1;
