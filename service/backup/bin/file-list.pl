# The list of a snapshot's files, a line each as listFiles (files.sh) prints it, and names as such a list has them: where
# a name is no UTF-8, restic writes U+FFFD for each byte that is none.
use strict;
use warnings;

my $character = qr/[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]
    |[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}/x;
my %unescaped = ('\\\\' => '\\', '\\t' => "\t", '\\n' => "\n", '\\r' => "\r");

sub asListed {
    my ($name) = @_;
    $name =~ s/($character)|./defined $1 ? $1 : "\xef\xbf\xbd"/gse;
    return $name;
}

# Calls with a hash of each file's columns.
sub eachListed {
    my ($call) = @_;
    while (my $line = <STDIN>) {
        chomp $line;
        my %file;
        @file{qw(path type uid gid mode mtime ctime inode size)} = split /\t/, $line;
        $file{path} =~ s/(\\[\\tnr])/$unescaped{$1}/g;
        $call->(\%file);
    }
}

# The folders above one, the nearest first.
sub above {
    my ($path) = @_;
    my @above;
    push @above, $path while $path =~ s{/[^/]*\z}{} && length $path;
    return @above;
}

1;
