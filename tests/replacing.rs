//! Files that the scripts replace: on the disk before they have their name, so that a power cut leaves the old one or the
//! new one.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Runs a script with the shared functions, and with programs that note what is asked of them before they do it; what
/// was noted, without the folder's name.
fn noted(folder: &Path, script: &str) -> Vec<String> {
    let top = env!("CARGO_MANIFEST_DIR");
    for name in ["sync", "mv", "ln"] {
        let program = folder.join(name);
        let text = format!(
            "#!/bin/bash\necho {name} \"${{@: -1}}\" >>\"$FOLDER/noted\"\nPATH=$REST exec {name} \"$@\"\n"
        );
        fs::write(&program, text).unwrap();
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let rest = std::env::var("PATH").unwrap();
    let script = format!(
        "set -Eeuo pipefail; source target-sbin/lib/log.sh; source target-sbin/lib/problems.sh
        source target-sbin/lib/rotate-logs.sh; {script}"
    );
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).current_dir(top).env("FOLDER", folder).env("REST", &rest);
    bash.env("PATH", format!("{}:{rest}", folder.display())).env("LAMPLIGHTER_STATE", folder.join("state"));
    bash.env("LAMPLIGHTER_SBIN", "target-sbin").env("LAMPLIGHTER_SERVICE", "web");
    let output = bash.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = fs::read_to_string(folder.join("noted")).unwrap_or_default();
    text.replace(&format!("{}/", folder.display()), "").lines().map(Into::into).collect()
}

#[test]
fn a_file_is_on_the_disk_before_it_takes_the_place_of_another_and_then_its_name_is() {
    let folder = tempfile::tempdir().unwrap();
    let steps = noted(
        folder.path(),
        "echo new >\"$FOLDER/file.new\"; mkdir \"$FOLDER/a\"; replaceFile \"$FOLDER/file.new\" \"$FOLDER/a/file\"",
    );
    assert_eq!(steps, ["sync file.new", "mv a/file", "sync a"]);
    assert_eq!(fs::read_to_string(folder.path().join("a/file")).unwrap(), "new\n");
}

#[test]
fn a_folder_in_the_place_of_a_file_is_not_filled() {
    let folder = tempfile::tempdir().unwrap();
    let script = "echo new >\"$FOLDER/new\"; mkdir \"$FOLDER/file\"
        if (replaceFile \"$FOLDER/new\" \"$FOLDER/file\") 2>/dev/null; then echo replaced >>\"$FOLDER/noted\"; fi";
    noted(folder.path(), script);
    assert_eq!(fs::read_dir(folder.path().join("file")).unwrap().count(), 0);
}

#[test]
fn a_problem_is_on_the_disk_when_it_is_there_and_only_its_own_user_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let steps = noted(folder.path(), "umask 022; leaveProblem cache 'it is' broken");
    let [written, named, kept] = &steps[..] else { panic!("{steps:?}") };
    assert!(written.starts_with("sync state/problems/.cache."), "{steps:?}");
    assert_eq!((named.as_str(), kept.as_str()), ("mv state/problems/cache", "sync state/problems"));
    let problem = folder.path().join("state/problems/cache");
    assert_eq!(fs::read_to_string(&problem).unwrap(), "it is broken\n");
    assert_eq!(fs::metadata(&problem).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(problem.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
}

/// What is renamed by other means is no file that somebody reads meanwhile, or what it was before.
#[test]
fn no_script_renames_a_new_file_by_itself() {
    let scripts = ["target-sbin", "service"].map(|name| Path::new(env!("CARGO_MANIFEST_DIR")).join(name));
    let found = Command::new("grep")
        .args(["--recursive", "--line-number", "--extended-regexp", "--include=*.sh", "--include=prepare"])
        .args(["--include=restore", "^[^#]*\\bmv .*(\\bnew|\\.new)\"? "])
        .args(scripts)
        .output()
        .unwrap();
    let found: Vec<String> = String::from_utf8(found.stdout).unwrap().lines().map(Into::into).collect();
    // MariaDB's first folder: all of it is synced by itself.
    let [data] = &found[..] else { panic!("{found:?}") };
    assert!(data.contains("docker-entry-setup.sh") && data.contains("$mount/data"), "{found:?}");
}
