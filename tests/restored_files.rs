//! What differs between files that were restored and those that were backed up, and what no backup can bring back:
//! `compare-files.pl` and `odd-files.pl`, on real files.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{is_root, skip};
use jiff::Timestamp;
use tempfile::TempDir;

/// On the disk of the checkout: not every file system in memory has attributes.
const DISK: &str = env!("CARGO_TARGET_TMPDIR");

fn program(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("service/backup/bin").join(name))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// The line that the list of a snapshot has of a file, which is called so there.
fn listed(file: &Path, name: &str) -> String {
    let is = fs::symlink_metadata(file).unwrap();
    let kind = is.file_type();
    let kind = match (kind.is_dir(), kind.is_symlink(), kind.is_char_device()) {
        (true, ..) => "dir",
        (_, true, _) => "symlink",
        (.., true) => "chardev",
        _ => "file",
    };
    let time = |seconds, part| Timestamp::new(seconds, i32::try_from(part).unwrap()).unwrap();
    // As Go has them: the three special bits elsewhere.
    let mode = is.mode() & 0o777 | (is.mode() & 0o6000) << 12 | (is.mode() & 0o1000) << 11;
    let (mtime, ctime) = (time(is.mtime(), is.mtime_nsec()), time(is.ctime(), is.ctime_nsec()));
    let (uid, gid, inode, size) = (is.uid(), is.gid(), is.ino(), is.size());
    format!("{name}\t{kind}\t{uid}\t{gid}\t{mode}\t{mtime}\t{ctime}\t{inode}\t{size}\n")
}

fn compare(options: &[&str], restored: &Path, wanted: &str, list: &str) -> Output {
    let mut comparing = program("compare-files.pl");
    comparing.args(options).arg(restored).arg(format!("+{wanted}"));
    comparing.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = comparing.spawn().unwrap();
    running.stdin.take().unwrap().write_all(list.as_bytes()).unwrap();
    running.wait_with_output().unwrap()
}

#[track_caller]
fn differs(output: &Output, expected: &str) {
    assert!(!output.status.success(), "nobody notices: {expected}");
    assert!(text(&output.stderr).contains(expected), "{expected} is not in: {}", text(&output.stderr));
}

/// A folder with some files, and the list that a snapshot of it would give.
fn restored() -> (TempDir, String) {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("site/shared");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("one"), "one").unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o3770)).unwrap();
    let names = ["/site", "/site/shared", "/site/shared/one"];
    let list = names.map(|name| listed(&top.path().join(&name[1..]), name)).concat();
    (top, list)
}

#[test]
fn restored_files_are_compared_with_the_list_of_their_snapshot() {
    let (folder, list) = restored();
    let compared = |list: &str| compare(&[], folder.path(), "/site", list);
    assert_eq!(succeeded(&compared(&list)), "3 files and folders are as they were\n");

    let one = folder.path().join("site/shared/one");
    let is = fs::metadata(&one).unwrap();
    let (owner, other) = (format!("\t{}\t{}\t", is.uid(), is.gid()), format!("\t4711\t{}\t", is.gid()));
    let expected = format!("/site/shared/one has the owner {}:{}, not 4711:{}", is.uid(), is.gid(), is.gid());
    differs(&compared(&list.replace(&owner, &other)), &expected);
    differs(&compared(&list.replace("\tfile\t", "\tfifo\t")), "/site/shared/one is a file, not a fifo");
    fs::set_permissions(one.parent().unwrap(), fs::Permissions::from_mode(0o770)).unwrap();
    differs(&compared(&list), "/site/shared has the mode 0770, not 3770");
    fs::set_permissions(one.parent().unwrap(), fs::Permissions::from_mode(0o3770)).unwrap();
    fs::write(&one, "other").unwrap();
    differs(&compared(&list), "/site/shared/one has the size 5, not 3");
    differs(&compared(&list), "/site/shared/one was changed at");
    fs::remove_file(&one).unwrap();
    differs(&compared(&list), "/site/shared/one is missing");
    fs::write(folder.path().join("site/two"), "").unwrap();
    differs(&compared(&list), "/site/two is not in the backup");
}

/// For scripts: `attribute FILE NAME [VALUE-IN-HEXADECIMAL]` sets or removes one.
const ATTRIBUTE: &str = r#"attribute() { perl -e '
        no warnings; require "syscall.ph"; my ($file, $name, $value) = @ARGV; $value = pack "H*", $value;
        my $done = @ARGV > 2 ? syscall(SYS_lsetxattr(), $file, $name, $value, length $value, 0) : syscall(SYS_lremovexattr(), $file, $name);
        $done == 0 or die "$file: $name: $!\n"' "$@"; }"#;

/// The file is read by user 12345, too.
const ACL: &str = "0200000001000600ffffffff020004003930000004000400ffffffff10000400ffffffff20000000ffffffff";
/// The program may have `CAP_NET_BIND_SERVICE`.
const CAPABILITY: &str = "0100000200040000000000000000000000000000";

#[track_caller]
fn bash(folder: &Path, script: &str) {
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &format!("{ATTRIBUTE}\n{script}")]).current_dir(folder);
    succeeded(&bash.output().unwrap());
}

/// A site, with the list that a snapshot of it would give, and restored files of it.
struct Site {
    top: TempDir,
    list: String,
}

impl Site {
    /// Made by a script in its folder.
    fn new(script: &str) -> Self {
        let top = tempfile::tempdir_in(DISK).unwrap();
        let folder = top.path().join("site");
        fs::create_dir(&folder).unwrap();
        bash(&folder, script);
        let mut names: Vec<PathBuf> =
            fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
        names.push(folder);
        let list = names.iter().map(|name| listed(name, name.to_str().unwrap())).collect();
        Self { top, list }
    }

    fn folder(&self) -> PathBuf {
        self.top.path().join("site")
    }

    /// Compared with the site, when this has been done in the folder of the restored files, which are all as old as
    /// those of the site.
    fn compared_after(&self, script: &str) -> Output {
        let (site, restored) = (self.folder(), self.top.path().join("restored"));
        let _ = fs::remove_dir_all(&restored);
        fs::create_dir(&restored).unwrap();
        let copied = Command::new("cp")
            .current_dir("/")
            .args(["--archive", "--parents"])
            .args([&site, &restored])
            .output();
        succeeded(&copied.unwrap());
        let aged =
            "for file in * .; do touch --no-dereference --reference=\"$OLDPWD/$file\" -- \"$file\"; done";
        let aside = restored.join(site.strip_prefix("/").unwrap());
        bash(&site, &format!("cd '{}'\n{script}\n{aged}", aside.display()));
        compare(&["--live"], &restored, site.to_str().unwrap(), &self.list)
    }

    #[track_caller]
    fn differs_after(&self, script: &str, expected: &str) {
        differs(&self.compared_after(script), &format!("{}/{expected}", self.folder().display()));
    }
}

#[test]
fn restored_files_are_compared_with_the_attributes_and_links_of_those_of_the_site() {
    let site = Site::new(
        "echo one >first; ln first second; echo two >noted; attribute noted user.note 6c616d70; ln -s first link",
    );
    let all = "5 files and folders are as they were, 5 of them compared with those of the site\n";
    assert_eq!(succeeded(&site.compared_after("")), all);
    site.differs_after(
        "attribute noted user.note 00",
        "noted has the extended attributes user.note=00, not user.note=6c616d70",
    );
    site.differs_after(
        "attribute noted user.note",
        "noted has the extended attributes none, not user.note=6c616d70",
    );
    site.differs_after(
        "attribute first user.more 00",
        "first has the extended attributes user.more=00, not none",
    );
    site.differs_after("ln -sfn noted link", "link has the target noted, not first");
    site.differs_after("cp -p second copy; mv copy second", "second is not one file with ");
    // Of what has changed since the backup nobody knows what it was.
    bash(&site.folder(), "attribute noted user.note 00; touch noted");
    let others = site.compared_after("touch --date=2020-01-01 noted; attribute noted user.note");
    assert!(text(&others.stderr).contains("noted was changed at"), "{}", text(&others.stderr));
    assert!(!text(&others.stderr).contains("extended attributes"), "{}", text(&others.stderr));
}

#[test]
fn restored_files_are_compared_with_acls_capabilities_owners_and_devices_of_the_site() {
    if !is_root() {
        return skip("only root can make such files");
    }
    let site = Site::new(&format!(
        "echo one >shared; attribute shared system.posix_acl_access {ACL}; echo two >program; chmod 755 program
        attribute program security.capability {CAPABILITY}; mknod device c 1 3"
    ));
    let all = "4 files and folders are as they were, 4 of them compared with those of the site\n";
    assert_eq!(succeeded(&site.compared_after("")), all);
    site.differs_after(
        "attribute shared system.posix_acl_access",
        &format!("shared has the extended attributes none, not system.posix_acl_access={ACL}"),
    );
    site.differs_after(
        "attribute program security.capability",
        &format!("program has the extended attributes none, not security.capability={CAPABILITY}"),
    );
    site.differs_after("rm device; mknod device c 1 5", "device has the device ");
    site.differs_after("chown 4711 shared", "shared has the owner 4711:0, not 0:0");
}

#[test]
fn what_no_backup_can_bring_back_is_named() {
    let folder = tempfile::tempdir_in(DISK).unwrap();
    bash(folder.path(), "echo one >one; attribute one user.note 00; ln -s one link");
    drop(UnixListener::bind(folder.path().join("of\na daemon")).unwrap());
    let odd = || {
        let said = succeeded(&program("odd-files.pl").arg(folder.path()).output().unwrap());
        said.replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(odd(), "of\\x0aa daemon: a socket\n");
    if !is_root() {
        return skip("only root can give files such attributes");
    }
    bash(folder.path(), "attribute one trusted.of.the.machine 00; attribute one security.another 00");
    let mut said: Vec<String> = odd().lines().map(Into::into).collect();
    said.sort();
    assert_eq!(said, ["of\\x0aa daemon: a socket", "one: security.another trusted.of.the.machine"]);
}
