//! What `check-disk` leaves and says: `target-sbin/lib/disk.sh`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// The lines of the fact that is left of two folders' disks, and the status.
fn checked(limit: &str) -> (Vec<String>, i32) {
    let folder = tempfile::tempdir().unwrap();
    // As df of each disk says it, in its last line: used, files, free, size.
    let df =
        "#!/bin/bash\ncase ${*: -1} in /a) echo ' 40%  12% 600 1000' ;; *) echo ' 60%  - 400 1000' ;; esac\n";
    fs::write(folder.path().join("df"), df).unwrap();
    fs::set_permissions(folder.path().join("df"), fs::Permissions::from_mode(0o755)).unwrap();
    let sbin = Path::new(env!("CARGO_MANIFEST_DIR")).join("target-sbin");
    let script =
        "for name in log problems disk; do source \"$LAMPLIGHTER_SBIN/lib/$name.sh\"; done; checkDisks /a /b";
    let output = Command::new("bash")
        .args(["-Eeuo", "pipefail", "-c", script])
        .env("PATH", format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap()))
        .env("LAMPLIGHTER_SBIN", sbin)
        .env("LAMPLIGHTER_STATE", folder.path())
        .env("DISK_FULL_PERCENT", limit)
        .output()
        .unwrap();
    let fact = fs::read_to_string(folder.path().join("facts/disk")).unwrap_or_default();
    (fact.lines().map(str::to_owned).collect(), output.status.code().unwrap())
}

#[test]
fn how_full_the_fullest_disk_is_is_a_fact_also_where_that_is_a_failure() {
    for (limit, expected) in [("85", 0), ("50", 1)] {
        let (fact, status) = checked(limit);
        assert_eq!(status, expected, "{fact:?}");
        assert_eq!(fact[0], "the disk of /b is 60 % full: 400.0B of 1000.0B are free");
        fact[1].parse::<jiff::Timestamp>().unwrap();
        let data: Value = serde_json::from_str(&fact[2]).unwrap();
        assert_eq!(data, json!({"used": 60, "free": 400, "size": 1000}));
    }
}
