#!/usr/bin/perl
# Reads a dump that target-sbin/dump-databases made, and takes the facts from it: the lines `-- lamplighter: …` behind
# everything else. The same text further up is somebody's: the body of a routine may have any line in it, and whoever may
# write one must not say what a backup holds.
#
#   dump-facts.pl <DUMP        prints the facts, without what marks them
#   dump-facts.pl FILE <DUMP   passes the dump on, and puts the lines with the facts into FILE
use strict;
use warnings;

use constant MARK => '-- lamplighter: ';

my ($path) = @ARGV;
my @facts;
binmode STDIN;
binmode STDOUT;
while (defined(my $line = <STDIN>)) {
    if    (index($line, MARK) == 0) { push @facts, $line }
    elsif (@facts)                  { @facts = () }
    if (defined $path) { print $line or die "dump-facts: cannot write: $!\n" }
}
# The last one is about the server: a dump that ends before it is cut short.
@facts = () if @facts && $facts[-1] !~ /"server":/;
if (defined $path) {
    open my $file, '>', $path or die "dump-facts: cannot write to $path: $!\n";
    print $file @facts;
    close $file or die "dump-facts: cannot write to $path: $!\n";
}
else { print substr $_, length MARK for @facts }
close STDOUT or die "dump-facts: cannot write: $!\n";
