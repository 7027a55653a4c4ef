#!/usr/bin/perl
# Counts what Apache has refused: reads the lines of refused.log (SECOND STATUS ADDRESS CRAWLER), prints how many of them
# were of unknown names (421), too many visits (429), of refused networks and of false crawlers (403), and which address
# has had most: "NAMES VISITS NETWORKS CRAWLERS ADDRESS (COUNT)", or - for none.
#
# A 403 may also be the site's own. It is the networks' where the address lies in one of those that Apache refuses, and a
# crawler's where it says that it is one and lies in none of the crawlers'.
use strict;
use warnings;
use Socket qw(AF_INET AF_INET6 inet_pton);

my ($since, $now, @files) = @ARGV;
my ($refused, $crawlers) = map { networks($_) } @files;
my ($names, $visits, $networks, $false_crawlers) = (0, 0, 0, 0);
my (%of, $most);
while (my $line = <STDIN>) {
    my ($second, $status, $address, $crawler) = split ' ', $line;
    next unless defined $crawler && $second =~ /^\d+$/ && $second >= $since && $second < $now;
    if    ($status == 421)                                       { $names++ }
    elsif ($status == 429)                                       { $visits++ }
    elsif ($status == 403 && is_in($refused, $address))          { $networks++ }
    elsif ($status == 403 && $crawler ne '-' && @$crawlers && !is_in($crawlers, $address)) { $false_crawlers++ }
    else                                                         { next }
    $most = $address if ++$of{$address} > ($of{ $most // '' } // 0);
}
print "$names $visits $networks $false_crawlers ", defined $most ? "$most ($of{$most})" : '-', "\n";

# The networks of Apache's lines `Require [not] ip …`: for each their first and last address, as bytes, sorted; a network
# within another one is left out, so that the one before an address is the only one that it can be in.
sub networks {
    my ($file) = @_;
    my @networks;
    open my $handle, '<', $file or return [];
    while (my $line = <$handle>) {
        next unless $line =~ /^\s*Require\s+(?:not\s+)?ip\s+(.*)$/;
        push @networks, grep { defined } map { bounds($_) } split ' ', $1;
    }
    my @apart;
    for my $network (sort { $a->[0] cmp $b->[0] || $b->[1] cmp $a->[1] } @networks) {
        push @apart, $network unless @apart && $apart[-1][1] ge $network->[1] && length $apart[-1][1] == length $network->[1];
    }
    return \@apart;
}

# Bytes of both families compare in one order, as those of IPv4 bear a mark before them.
sub bytes {
    my ($address) = @_;
    my $bytes = inet_pton($address =~ /:/ ? AF_INET6 : AF_INET, $address) // return;
    return length $bytes == 4 ? "4$bytes" : "6$bytes";
}

sub bounds {
    my ($address, $length) = split m{/}, $_[0];
    my $bytes = bytes($address) // return;
    my $family = substr $bytes, 0, 1, '';
    my $bits = unpack 'B*', $bytes;
    $length //= length $bits;
    my $prefix = substr $bits, 0, $length;
    my $rest = length($bits) - $length;
    return [map { $family . pack 'B*', $prefix . $_ x $rest } 0, 1];
}

sub is_in {
    my ($networks, $address) = @_;
    my $bytes = bytes($address) // return 0;
    my ($low, $high) = (0, scalar @$networks);
    while ($low < $high) {
        my $middle = int(($low + $high) / 2);
        if ($networks->[$middle][0] le $bytes) { $low = $middle + 1 } else { $high = $middle }
    }
    return $low > 0 && $networks->[$low - 1][1] ge $bytes;
}
