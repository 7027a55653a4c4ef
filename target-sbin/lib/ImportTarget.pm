# The application's database as the target of an import: beside it one that is filled, by an account that has rights on that
# one alone, and that takes its place when all is there. Tables are renamed, all in one statement; views, triggers, routines
# and events cannot be moved, and are made anew, as the application's.
package ImportTarget;
use strict;
use warnings;
use DumpServer;
use DumpStream;
use File::Temp;

# Backups leave both out: DumpServer.pm.
use constant STAGING => 'lamplighter_import';
use constant BEFORE  => 'lamplighter_import_before';
# For so many seconds the site may keep us waiting for a table, and everybody who comes after us.
use constant PATIENCE => 30;

# SOCKET and DATABASE, whose user has the same name; FOLDER is for what only we may read.
sub new {
    my ($class, %how) = @_;
    return bless { %how, server => DumpServer->new($how{socket}), account => "`@{[STAGING]}`\@localhost" }, $class;
}

sub quoted { return DumpStream::quoted($_[0]) }

sub hex_of { return 'CONVERT(x\'' . unpack('H*', $_[0]) . '\' USING utf8mb4)' }

# Carries statements out as the administrator; fails with what MariaDB says.
sub run {
    my ($self, @statements) = @_;
    my $said = File::Temp->new;
    my $pid  = open(my $to, '|-') // die "cannot start mariadb: $!\n";
    if (!$pid) {
        open STDERR, '>>', $said->filename or die $!;
        open STDOUT, '>', '/dev/null' or die $!;
        exec 'mariadb', "--socket=$self->{socket}", qw(--default-character-set=utf8mb4 --max-allowed-packet=1G --batch --skip-print-query-on-error)
            or die "cannot run mariadb: $!\n";
    }
    local $SIG{PIPE} = 'IGNORE';
    print $to map { "$_;\n" } @statements;
    return if close $to;
    seek $said, 0, 0;
    my ($reason) = join('', readline $said) =~ /^(?:ERROR [^:]*: )?(.+)/m;
    die +($reason // 'mariadb has failed') . "\n";
}

# The rows of SHOW statements, of which each gives one.
sub show {
    my ($self, $database, @statements) = @_;
    my @rows;
    while (my @some = splice @statements, 0, 100) {
        open my $answer, '-|', 'mariadb', "--socket=$self->{socket}", "--database=$database",
            qw(--default-character-set=utf8mb4 --batch --skip-column-names), '--execute=' . join('; ', @some) or die "cannot run mariadb: $!\n";
        my %meant = (n => "\n", t => "\t", 0 => "\0", '\\' => '\\');
        push @rows, map { chomp; [ map { s/\\(.)/$meant{$1} \/\/ $1/ger } split /\t/, $_, -1 ] } readline $answer;
        close $answer or die "MariaDB does not show what it holds\n";
    }
    return @rows;
}

sub tables {
    my ($self, $database) = @_;
    return map { $_->[0] } $self->{server}->ask("SELECT HEX(table_name) FROM information_schema.tables
        WHERE table_schema = @{[hex_of($database)]} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') ORDER BY table_name");
}

# KIND and NAME of what is no table, in the order in which it can be made.
sub list_programs {
    my ($self, $database) = @_;
    my $schema = hex_of($database);
    return $self->{server}->ask("SELECT HEX(kind), HEX(name) FROM (
        SELECT routine_type kind, routine_name name, FIELD(routine_type, 'PACKAGE', 'FUNCTION', 'PROCEDURE', 'PACKAGE BODY') turn, '' a, 0 b
            FROM information_schema.routines WHERE routine_schema = $schema
        UNION ALL SELECT 'VIEW', table_name, 5, '', 0 FROM information_schema.views WHERE table_schema = $schema
        UNION ALL SELECT 'TRIGGER', trigger_name, 6, CONCAT(event_object_table, action_timing, event_manipulation), action_order
            FROM information_schema.triggers WHERE trigger_schema = $schema
        UNION ALL SELECT 'EVENT', event_name, 7, '', 0 FROM information_schema.events WHERE event_schema = $schema) all_of_them
        ORDER BY turn, a, b, name");
}

# Where in the answer of SHOW CREATE the text is, and the collation that it was typed in; of a view there is no mode.
my %columns = (VIEW => [ 1, 3 ], EVENT => [ 3, 5 ], map { $_ => [ 2, 4 ] } 'TRIGGER', 'FUNCTION', 'PROCEDURE', 'PACKAGE', 'PACKAGE BODY');

sub programs {
    my ($self, $database) = @_;
    my @list = $self->list_programs($database);
    my @rows = $self->show($database, map { "SHOW CREATE $_->[0] " . quoted($_->[1]) } @list);
    die "MariaDB shows " . @rows . ' of ' . @list . " views, triggers, routines and events\n" if @rows != @list;
    return map {
        my ($kind, $name) = @{ $list[$_] };
        my $row  = $rows[$_];
        my ($text, $collation) = @{ $columns{$kind} };
        { kind => $kind, name => $name, text => $row->[$text], collation => $row->[$collation],
            mode => $kind eq 'VIEW' ? undef : $row->[1], zone => $kind eq 'EVENT' ? $row->[2] : undef }
    } 0 .. $#list;
}

# In words that may follow each other in a connection.
sub statements_for {
    my ($program) = @_;
    my $mode = defined $program->{mode} ? hex_of($program->{mode}) : '@@GLOBAL.sql_mode';
    my @set  = ("sql_mode = $mode", 'collation_connection = ' . hex_of($program->{collation}));
    push @set, 'time_zone = ' . hex_of($program->{zone}) if defined $program->{zone};
    return ('SET ' . join(', ', @set), 'EXECUTE IMMEDIATE ' . hex_of($program->{text}));
}

sub make {
    my ($self, $program) = @_;
    eval { $self->run('USE ' . quoted($self->{database}), statements_for($program)); 1 }
        or die lc("$program->{kind} ") . quoted($program->{name}) . ": $@";
    return;
}

# A view wants those that it looks into to be there: it comes in the next round else.
sub make_all {
    my ($self, @programs) = @_;
    my @views  = grep { $_->{kind} eq 'VIEW' } @programs;
    my @before = grep { $_->{kind} =~ /^(?:PACKAGE|FUNCTION|PROCEDURE)/ } @programs;
    my @after  = grep { $_->{kind} =~ /^(?:TRIGGER|EVENT)/ } @programs;
    $self->make($_) for @before;
    while (@views) {
        my ($why, @left);
        for my $view (@views) { eval { $self->make($view); 1 } or do { $why //= $@; push @left, $view } }
        die $why if @left == @views;
        @views = @left;
    }
    $self->make($_) for @after;
    return;
}

sub drop_all {
    my ($self, $database) = @_;
    # A package takes its body along.
    return map { "DROP $_->[0] IF EXISTS " . quoted($database) . '.' . quoted($_->[1]) } grep { $_->[0] ne 'PACKAGE BODY' } $self->list_programs($database);
}

sub is_empty {
    my ($self) = @_;
    return !$self->tables($self->{database}) && !$self->list_programs($self->{database});
}

# An empty database like the application's, and the account; what an import has left that came to no end is thrown away.
sub prepare {
    my ($self) = @_;
    my ($defaults) = $self->{server}->ask('SELECT HEX(default_character_set_name), HEX(default_collation_name)
        FROM information_schema.schemata WHERE schema_name = ' . hex_of($self->{database}));
    die "there is no database `$self->{database}`\n" if !$defaults;
    open my $random, '<', '/dev/urandom' or die "cannot make a password: $!\n";
    read $random, my $bytes, 24;
    my $password = unpack 'H*', $bytes;
    my $staging  = quoted(STAGING);
    $self->run("DROP DATABASE IF EXISTS $staging", 'DROP DATABASE IF EXISTS ' . quoted(BEFORE),
        "CREATE DATABASE $staging CHARACTER SET $defaults->[0] COLLATE $defaults->[1]",
        "CREATE OR REPLACE USER $self->{account} IDENTIFIED BY '$password'",
        "GRANT ALL PRIVILEGES ON `@{[STAGING =~ s/_/\\_/gr]}`.* TO $self->{account}");
    $self->{prepared} = 1;
    $self->{options}  = "$self->{folder}/import.cnf";
    umask 077;
    open my $file, '>', $self->{options} or die "cannot write $self->{options}: $!\n";
    print $file "[client]\nuser=@{[STAGING]}\npassword=$password\nsocket=$self->{socket}\n";
    close $file or die "cannot write $self->{options}: $!\n";
    return;
}

# The client that fills it: no command but SQL, no file of this container's. Its complaints go to the file.
sub client {
    my ($self, $complaints) = @_;
    my $pid = open(my $to, '|-') // die "cannot start mariadb: $!\n";
    if (!$pid) {
        open STDERR, '>>', $complaints or die $!;
        open STDOUT, '>', '/dev/null' or die $!;
        exec 'mariadb', "--defaults-file=$self->{options}", '--database=' . STAGING,
            qw(--default-character-set=utf8mb4 --max-allowed-packet=1G --binary-mode --sandbox --batch --comments --skip-print-query-on-error),
            # Rows that somebody could store once may be against the rules of today.
            '--init-command=SET innodb_strict_mode = 0, check_constraint_checks = 0, max_heap_table_size = 17179869184'
            or die "cannot run mariadb: $!\n";
    }
    binmode $to;
    return ($to, $pid);
}

# What was filled becomes the application's database, or all stays as it was. Nothing but the site's own queries is waited for.
sub take_place {
    my ($self) = @_;
    my ($target, $staging, $before) = map { quoted($_) } $self->{database}, STAGING, BEFORE;
    my @tables = $self->tables(STAGING);
    my @before = $self->tables($self->{database});
    my @new    = $self->programs(STAGING);
    my @old    = $self->programs($self->{database});
    for my $program (@new) {
        $program->{text} =~ s/\A(CREATE (?:ALGORITHM=\w+ )?)DEFINER=`@{[STAGING]}`\@`localhost`/$1DEFINER=$target\@`localhost`/
            or die lc("$program->{kind} ") . quoted($program->{name}) . " is not the import's own\n";
    }
    my @moves = ((map { "$target.$_ TO $before.$_" } map { quoted($_) } @before), (map { "$staging.$_ TO $target.$_" } map { quoted($_) } @tables));
    my $done = eval {
        $self->run("CREATE DATABASE $before", "SET lock_wait_timeout = @{[PATIENCE]}", $self->drop_all(STAGING), $self->drop_all($self->{database}),
            'RENAME TABLE ' . join ', ', @moves);
        $self->{moved} = 1;
        $self->make_all(@new);
        1;
    };
    if (!$done) {
        my $why = $@;
        $self->take_back(\@before, \@tables, @old);
        $why .= "Somebody has kept a table busy for more than @{[PATIENCE]} s: try again, or stop the site meanwhile (docker compose stop php).\n"
            if $why =~ /Lock wait timeout/;
        die "all of the dump is there, but cannot be put into its place: $why";
    }
    $self->run("DROP DATABASE $before");
    return { tables => scalar @tables, map { my $kind = $_; (lc($kind) => scalar grep { $_->{kind} =~ /$kind/ } @new) } qw(VIEW TRIGGER EVENT PROCEDURE|FUNCTION|PACKAGE) };
}

sub take_back {
    my ($self, $before, $tables, @old) = @_;
    my ($target, $staging, $aside) = map { quoted($_) } $self->{database}, STAGING, BEFORE;
    my $done = eval {
        my @moves = $self->{moved}
            ? ((map { "$target.$_ TO $staging.$_" } map { quoted($_) } @$tables), (map { "$aside.$_ TO $target.$_" } map { quoted($_) } @$before)) : ();
        $self->run($self->drop_all($self->{database}), "SET lock_wait_timeout = 3600", @moves ? 'RENAME TABLE ' . join ', ', @moves : ());
        $self->make_all(@old);
        1;
    };
    return if $done;
    $self->{broken} = 1;
    die "the database is NOT as it was before: $@  What was in it is in the newest backup, and its tables perhaps in the database @{[BEFORE]}.\n"
        . "  To have it back: bin/restore --only db --force\n";
}

# Nothing is left of the import but what it has put into place.
sub clean {
    my ($self) = @_;
    return if !$self->{prepared};
    unlink $self->{options} if defined $self->{options};
    my @databases = $self->{broken} ? () : map { 'DROP DATABASE IF EXISTS ' . quoted($_) } STAGING, BEFORE;
    $self->run(@databases, "DROP USER IF EXISTS $self->{account}");
    $self->{prepared} = 0;
    return;
}

1;
