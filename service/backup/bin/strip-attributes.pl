#!/usr/bin/env perl
# Takes from each of these folders the attributes that a backup may have. `cp --archive` copies those of its source, and
# leaves what it finds beside them: the ACL that all inherits that is made in a folder, for example.
use strict;
use warnings;
use FindBin;
require "$FindBin::Bin/file-attributes.pl";

for my $path (@ARGV) {
    for my $name (grep { isRestored($_) } attributeNames($path)) {
        removeAttribute($path, $name);
    }
}
