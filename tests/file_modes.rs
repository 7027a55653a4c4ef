//! With `LAMPLIGHTER_NO_SETUID_FILES`, nothing below a supervisor makes a file that gives whoever runs it another user's
//! rights, and everything else is as usual.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::process::Command;

use common::Service;

/// What a program may try, in Perl, each with what it says: `done`, or the error's name. The numbers of the calls are those
/// of x86-64 and aarch64, or one has none.
const ATTEMPTS: &str = r#"
use Errno; use Fcntl; use POSIX ();
chdir $ENV{FOLDER} or die;
my %number = `uname -m` =~ /x86_64/
    ? (open => 2, mkdir => 83, creat => 85, chmod => 90, fchmod => 91, mknod => 133, openat => 257, mknodat => 259,
       fchmodat => 268, x32 => 0x40000000 + 90)
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
    my @names = map { name() } 0 .. 6;
    try("open $of", $number{open}, $names[4], O_CREAT | O_WRONLY, $mode);
    try("mkdir $of", $number{mkdir}, $names[5], $mode);
    try("creat $of", $number{creat}, $names[0], $mode);
    try("mknod $of", $number{mknod}, $names[1], 0100000 | $mode, 0);
    try("mknodat $of", $number{mknodat}, -100, $names[2], 0100000 | $mode, 0);
    try("openat $of", $number{openat}, -100, $names[3], O_CREAT | O_WRONLY, $mode);
    my $folder = '.';
    try("openat without a name $of", $number{openat}, -100, $folder, 020000000 | ($number{creat} ? 0200000 : 040000) | O_WRONLY, $mode);
    my $existing = file();
    try("fchmodat $of", $number{fchmodat}, -100, $existing, $mode);
    try("fchmodat2 $of", 452, -100, $existing, $mode, 0);
    try("x32 $of", $number{x32}, $existing, $mode);
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

/// A service that is asked to do without such files.
fn restricted() -> Service {
    Service::new().variable("LAMPLIGHTER_NO_SETUID_FILES", "1")
}

/// What came of each attempt, and the files that give another user's rights by now.
fn attempted(service: Service) -> (Vec<String>, Vec<String>) {
    let running = service
        .program("bin/attempts", ATTEMPTS)
        .daemon("perl $FOLDER/bin/attempts; exec sleep infinity")
        .start();
    running.log().wait_for("all tried");
    let log = running.log().text();
    let said = |line: &&str| line.ends_with(" done") || line.contains(" E");
    (log.lines().filter(said).map(str::to_owned).collect(), with_rights(running.service()))
}

/// The files and folders that give another user's rights.
fn with_rights(service: &Service) -> Vec<String> {
    let found = Command::new("find").arg(service.folder()).args(["-perm", "/6000"]).output().unwrap();
    String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn no_way_leaves_a_file_with_the_rights_of_another_user() {
    let (said, files) = attempted(restricted());
    assert_eq!(files, [""; 0]);
    assert!(said.len() > 20, "{said:?}");
    for line in said {
        let (what, said) = line.rsplit_once(' ').unwrap();
        let expected = match what {
            _ if ["fchmodat2", "openat2", "io_uring_setup"].iter().any(|call| what.starts_with(call)) => {
                "ENOSYS"
            }
            // Not all kernels have this one.
            "x32 0755" => continue,
            // These bits count for nothing there.
            _ if what.starts_with("mkdir ") => "done",
            _ if what.ends_with(" 0755") || what.contains("is there") => "done",
            _ => "EPERM",
        };
        assert_eq!(said, expected, "{what}");
    }
}

#[test]
fn without_being_asked_for_all_is_as_usual() {
    let (said, files) = attempted(Service::new().variable("LAMPLIGHTER_NO_SETUID_FILES", "0"));
    assert!(files.len() > 10, "{files:?}");
    assert!(said.iter().any(|line| line == "chmod 4755 done"), "{said:?}");
    assert!(said.iter().any(|line| line == "openat 4755 done"), "{said:?}");
}

#[test]
fn what_people_do_with_files_goes_on() {
    let service = restricted()
        .daemon(
            "cd $FOLDER; umask 022; echo text >one; cp -p one two; install -m 0755 one three; tar -cf - one | tar -xf - -C bin; \
             mkdir -m 0750 folder; mv two folder; touch folder/new; chmod 0600 folder/new; stat -c %a folder/new; echo shown; exec sleep infinity",
        )
        .start();
    service.log().wait_for("shown");
    assert!(service.log().text().contains("600\nshown"), "{}", service.log().text());
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn callbacks_are_held_to_it_too_also_those_of_another_user() {
    let callbacks = "CB_own() { local file; file=$(mktemp $FOLDER/mine/XXXXXX); chmod u+s $file; }\nCB_theirs() { CB_own; }";
    let service = restricted()
        .callbacks(callbacks)
        .file("conf/housekeeping.toml", "[action.theirs]\nrun-as = 'request'");
    std::fs::create_dir(service.path("mine")).unwrap();
    let service = service.mode("mine", 0o777).mode("", 0o755).start();
    let user = if common::is_root() { "64123".to_owned() } else { nix::unistd::geteuid().to_string() };
    for action in ["own", "theirs"] {
        let run = service.run_for(&user, action);
        assert_eq!(run.outcome, "failed 1");
        assert!(run.output.contains("Operation not permitted"), "{run:?}");
    }
    assert_eq!(with_rights(service.service()), [""; 0]);
}

/// A program that asks the kernel as one of 32 bits would: `chmod("file", 04755)`, and then to end with 0.
#[cfg(target_arch = "x86_64")]
fn program_of_32_bits() -> Vec<u8> {
    const BASE: u32 = 0x0040_0000;
    let code_at = BASE + 120;
    let mut code = vec![0xbb];
    code.extend((code_at + 28).to_le_bytes());
    // mov ecx, 04755; mov eax, 15 (chmod); int 0x80; mov ebx, 0; mov eax, 1 (exit); int 0x80
    code.extend([0xb9, 0xed, 0x09, 0, 0, 0xb8, 15, 0, 0, 0, 0xcd, 0x80]);
    code.extend([0x31, 0xdb, 0xb8, 1, 0, 0, 0, 0xcd, 0x80, 0x90, 0x90]);
    assert_eq!(code.len(), 28);
    code.extend(b"file\0");
    let mut program = b"\x7fELF\x02\x01\x01".to_vec();
    program.resize(16, 0);
    program.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    let long = |program: &mut Vec<u8>, value: u64| program.extend(value.to_le_bytes());
    long(&mut program, code_at.into());
    long(&mut program, 64);
    long(&mut program, 0);
    program.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    program.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    long(&mut program, 0);
    long(&mut program, BASE.into());
    long(&mut program, BASE.into());
    let length = 120 + code.len() as u64;
    long(&mut program, length);
    long(&mut program, length);
    long(&mut program, 0x1000);
    assert_eq!(program.len(), 120);
    program.extend(code);
    program
}

#[cfg(target_arch = "x86_64")]
#[test]
fn who_asks_as_a_program_of_32_bits_is_ended() {
    let ended = |service: Service| {
        std::fs::write(service.path("bin/old"), program_of_32_bits()).unwrap();
        let running = service
            .mode("bin/old", 0o755)
            .daemon("cd $FOLDER; touch file; bin/old || true; echo \"ended: $?\"; bin/old; echo \"status: $?\"; exec sleep infinity")
            .start();
        let said = running.log().wait_for("status: ");
        (said, with_rights(running.service()))
    };
    let (said, files) = ended(restricted());
    assert_eq!((said.as_str(), files.len()), ("status: 159", 0), "killed by SIGSYS");
    let (said, files) = ended(Service::new());
    // Without the filter it is the kernel that says whether there are such programs.
    assert!(said != "status: 0" || files.len() == 1, "{said} {files:?}");
    assert_ne!(said, "status: 159");
}

/// Takes a supervisor the right to put a filter on itself: answers `seccomp` with EPERM from there on.
const WITHOUT_FILTERS: &str = r#"
my ($prctl, $seccomp) = `uname -m` =~ /x86_64/ ? (157, 317) : (167, 277);
my $code = pack('SCCL', 0x20, 0, 0, 0) . pack('SCCL', 0x15, 0, 1, $seccomp) . pack('SCCL', 0x06, 0, 0, 0x00050001)
    . pack('SCCL', 0x06, 0, 0, 0x7fff0000);
my $program = pack('Sx6P', 4, $code);
syscall($prctl, 38, 1, 0, 0, 0) == 0 && syscall($prctl, 22, 2, $program) == 0 or die "no filter: $!";
exec @ARGV or die;
"#;

#[test]
fn a_supervisor_that_cannot_have_it_does_not_start_anything() {
    let service = restricted().daemon("echo started; exec sleep infinity");
    let service = service.below(&["perl", "-e", WITHOUT_FILTERS]).start();
    assert_eq!(service.exit(), 125);
    service.log().wait_for("LAMPLIGHTER_NO_SETUID_FILES: the kernel takes no filter of system calls: ");
    assert_eq!(service.log().lines_with("started"), [""; 0]);
    let unclear = Service::new().variable("LAMPLIGHTER_NO_SETUID_FILES", "yes").start();
    assert_eq!(unclear.exit(), 125);
    unclear.log().wait_for("LAMPLIGHTER_NO_SETUID_FILES is `yes`: set it to 1, or to 0 to go without");
}

#[test]
fn nothing_below_it_gets_new_rights_by_executing_a_program() {
    let service = restricted().daemon("grep NoNewPrivs /proc/self/status; exec sleep infinity").start();
    assert_eq!(service.log().wait_for("NoNewPrivs"), "NoNewPrivs:\t1");
}
