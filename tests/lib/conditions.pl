# Finds calls of shell functions where bash ignores `set -e` in all of the function (`if f`, `! f`, `f || …`, `f && …`,
# `while f`): what fails in its middle goes unnoticed there. Harmless are functions of one command; the others are to be
# called plainly, or are listed here, because somebody has seen to it that none of their commands fails silently.
# Unlike ShellCheck's SC2310 it knows the functions of all files: a function mostly comes from another file.
# Usage: perl conditions.pl FILE...; prints "FILE:LINE: FUNCTION" for each offence.
use strict;
use warnings;

my %seen_to = map { $_ => 1 } (
    'portIsTaken',          # a port of which nothing is known is taken by nobody; Docker says so if not
    'cargoIsNewEnough',     # what it cannot read, cargo cannot either
    'waitUntilHealthy',     # `|| return` behind each command
    'setting',              # reads variables and one file
    'isRotated',            # the same: of no file it says so itself
    'isOfOne',              # compares strings
    'ownCertificateIsWhole', 'isServed',    # `|| return`, or no text equals another
    'inContainer', 'atOffsite', 'restoreAside', # their last command is what may fail
    'upgradeOnce',          # `|| return`; what cannot be read is upgraded once more
    'chooseRepository', 'isThere', 'isAwaited', # end the program by themselves
    'usage', 'timers',      # print what is compared, or looked at
    'foundNoRoom', 'post',  # the last one decides
    'inside', 'runService', # without a container, or a folder, docker fails
);

# Those of the tests are not what anything else calls.
my (%commands, %commands_of_tests, @calls);
for my $file (@ARGV) { read_file($file) }
my $names = join '|', map { quotemeta } sort keys %{ { %commands, %commands_of_tests } };
exit 0 if $names eq '';
my $call = qr/($names)(?![\w=\/.()-])/;
for (@calls) {
    my ($file, $number, $line) = @$_;
    my %conditional;
    $conditional{$1} = 1 while $line =~ /(?:\b(?:if|elif|while|until)|(?:^|\s)!)\s+\(?$call/g;
    $conditional{$1} = 1 while $line =~ /(?:&&|\|\|)\s+(?:!\s+)?\(?$call[^;|&]*(?:&&|\|\||;\s*(?:then|do)\b)/g;
    $conditional{$1} = 1 while $line =~ /(?:^\s*|[;{]\s+|\b(?:then|do|else)\s+|\$?\(|^\s*[\w|* -]+\)\s+)$call[^;|&]*(?:&&|\|\|)/g;
    for my $name (sort keys %conditional) {
        my $most = $commands{$name} // 0;
        my $of_tests = $file =~ /^tests/ ? $commands_of_tests{$name} // 0 : 0;
        next if $seen_to{$name} || $most < 2 && $of_tests < 2;
        print "$file:$number: $name\n";
    }
}

# Counts the commands of each function, a chain or a pipe as one; what stands in a here-document is none.
sub read_file {
    my ($file) = @_;
    my ($name, $end, $goes_on, $count);
    my $functions = $file =~ /^tests/ ? \%commands_of_tests : \%commands;
    open my $in, '<', $file or die "$file: $!\n";
    while (my $line = <$in>) {
        chomp $line;
        if (defined $end) { undef $end if $line =~ /^\s*\Q$end\E$/; next }
        $end = $1 if $line =~ /(?<!<)<<(?!<)-?\s*\\?['"]?([A-Za-z]+)['"]?/;
        next if $line =~ /^\s*(?:#|$)/;
        if ($line =~ /^([A-Za-z_][\w-]*)\(\) \{/) { ($name, $goes_on, $count) = ($1, 0, 0); $functions->{$name} //= 0; next }
        if ($line =~ /^\}/) { undef $name; next }
        push @calls, [$file, $., $line];
        next unless defined $name;
        $count++ unless $goes_on || $line =~ /^\s*local [\w -]+$/;
        # Several files may have one of that name.
        $functions->{$name} = $count if $count > $functions->{$name};
        $goes_on = $line =~ /(?:&&|\|\||\||\\)$/;
    }
}
