//! With `LAMPLIGHTER_NO_SETUID_FILES`, nothing below a supervisor makes a file that gives whoever runs it another user's
//! rights, and everything else is as usual.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::Service;

/// What a program may try, in Perl, each with what it says: `done`, or the error's name. The numbers of the calls are those
/// of x86-64 and aarch64, or one has none.
const ATTEMPTS: &str = r#"
use Errno; use Fcntl; use POSIX ();
chdir $ENV{FOLDER} or die;
my %number = `uname -m` =~ /x86_64/
    ? (creat => 85, chmod => 90, mknod => 133, openat => 257, mknodat => 259, fchmodat => 268, fchmod => 91)
    : (openat => 56, mknodat => 33, fchmodat => 53, fchmod => 52);
my $count = 0;
sub said { my ($done) = @_; return defined $done && $done != -1 ? 'done' : (grep { $!{$_} } qw(EPERM ENOSYS))[0] // "$!" }
sub name { return 'file' . $count++ }
sub file { my $name = name(); open my $file, '>', $name or die; return $name }
sub try { my ($what, $number, @arguments) = @_; return if !defined $number; print "$what ", said(syscall $number, @arguments), "\n" }
for my $mode (0755, 04755, 02755, 06755) {
    my $of = sprintf '%04o', $mode;
    print "chmod $of ", said(chmod($mode, file()) || undef), "\n";
    my $name = file(); open my $file, '<', $name or die;
    try("fchmod $of", $number{fchmod}, fileno $file, $mode);
    my @names = map { name() } 0 .. 4;
    try("creat $of", $number{creat}, $names[0], $mode);
    try("mknod $of", $number{mknod}, $names[1], 0100000 | $mode, 0);
    try("mknodat $of", $number{mknodat}, -100, $names[2], 0100000 | $mode, 0);
    try("openat $of", $number{openat}, -100, $names[3], O_CREAT | O_WRONLY, $mode);
    my $folder = '.';
    try("openat without a name $of", $number{openat}, -100, $folder, 020000000 | ($number{creat} ? 0200000 : 040000) | O_WRONLY, $mode);
    my $existing = file();
    try("fchmodat $of", $number{fchmodat}, -100, $existing, $mode);
    try("fchmodat2 $of", 452, -100, $existing, $mode, 0);
    # What is given beside a file that is there already counts for nothing.
    try("openat of one that is there $of", $number{openat}, -100, $existing, O_RDONLY, $mode);
}
my $how = pack 'QQQ', O_CREAT | O_WRONLY, 04755, 0;
my $last = name();
try('openat2', 437, -100, $last, $how, length $how);
my $parameters = "\0" x 120;
try('io_uring_setup', 425, 1, $parameters);
print "all tried\n";
"#;

fn attempted(service: Service) -> Vec<String> {
    let running = service
        .program("bin/attempts", ATTEMPTS)
        .daemon("perl $FOLDER/bin/attempts; exec sleep infinity")
        .start();
    running.log().wait_for("all tried");
    let log = running.log().text();
    let said = |line: &&str| line.ends_with(" done") || line.contains(" E");
    log.lines().filter(said).map(str::to_owned).collect()
}

#[test]
fn no_way_leaves_a_file_with_the_rights_of_another_user() {
    let said = attempted(Service::new().variable("LAMPLIGHTER_NO_SETUID_FILES", "1"));
    assert!(said.len() > 20, "{said:?}");
    for line in said {
        let (what, said) = line.rsplit_once(' ').unwrap();
        let expected = match what {
            _ if ["fchmodat2", "openat2", "io_uring_setup"].iter().any(|call| what.starts_with(call)) => {
                "ENOSYS"
            }
            _ if what.ends_with(" 0755") || what.contains("is there") => "done",
            _ => "EPERM",
        };
        assert_eq!(said, expected, "{what}");
    }
}

#[test]
fn without_being_asked_for_all_is_as_usual() {
    let said = attempted(Service::new());
    assert!(said.iter().any(|line| line == "chmod 4755 done"), "{said:?}");
    assert!(said.iter().any(|line| line == "openat 4755 done"), "{said:?}");
}

#[test]
fn what_people_do_with_files_goes_on() {
    let service = Service::new()
        .variable("LAMPLIGHTER_NO_SETUID_FILES", "1")
        .daemon(
            "cd $FOLDER; umask 022; echo text >one; cp -p one two; install -m 0755 one three; tar -cf - one | tar -xf - -C bin; \
             mkdir -m 0750 folder; mv two folder; touch folder/new; chmod 0600 folder/new; stat -c %a folder/new; echo shown; exec sleep infinity",
        )
        .start();
    service.log().wait_for("shown");
    assert!(service.log().text().contains("600\nshown"), "{}", service.log().text());
    assert_eq!(service.run("ok").outcome, "succeeded");
}
