# Extended attributes of files, which Perl has no functions for.
use strict;
use warnings;

my ($list, $get, $remove) = do { no warnings; require 'syscall.ph'; (SYS_llistxattr(), SYS_lgetxattr(), SYS_lremovexattr()) };
# The largest that the kernel gives.
my $largest = 65536;

# Those that restic restores here (restoredAttributes in files.sh). Others take rights that a container does not have, or
# are the machine's own, such as SELinux' labels.
sub isRestored { return $_[0] =~ /\A(?:user\.|system\.posix_acl_|security\.capability\z)/ }

sub attributeNames {
    my ($path) = @_;
    my $names = "\0" x $largest;
    my $length = syscall $list, $path, $names, $largest + 0;
    return $length > 0 ? sort split /\0/, substr $names, 0, $length : ();
}

# "name=value in hexadecimal, ..."
sub attributesOf {
    my ($path) = @_;
    return join(', ', map {
        my $name = $_;
        my $value = "\0" x $largest;
        my $length = syscall $get, $path, $name, $value, $largest + 0;
        "$name=" . ($length > 0 ? unpack 'H*', substr $value, 0, $length : '');
    } grep { isRestored($_) } attributeNames($path)) || 'none';
}

sub removeAttribute {
    my ($path, $name) = @_;
    syscall($remove, $path, $name) == 0 or die "cannot take the attribute $name from $path: $!\n";
}

sub printable { return $_[0] =~ s/([\x00-\x1f\x7f])/sprintf '\\x%02x', ord $1/ger }

1;
