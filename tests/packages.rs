//! How old the image's packages are: `target-sbin/lib/packages.sh`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::{Span, Zoned};

/// What it leaves, fact and problem, of packages that are so many days old; and its status.
fn checked(days: Option<i64>, limit: &str) -> (String, String, i32) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("packages-date");
    if let Some(days) = days {
        let date = Zoned::now().checked_sub(Span::new().days(days)).unwrap();
        fs::write(&file, date.strftime("%Y-%m-%dT%H:%M:%SZ\n").to_string()).unwrap();
    }
    let sbin = Path::new(env!("CARGO_MANIFEST_DIR")).join("target-sbin");
    let script = "for name in log problems packages; do source \"$LAMPLIGHTER_SBIN/lib/$name.sh\"; done; checkPackages";
    let output = Command::new("bash")
        .args(["-Eeuo", "pipefail", "-c", script])
        .env("TZ", "UTC")
        .env("LAMPLIGHTER_SBIN", sbin)
        .env("LAMPLIGHTER_STATE", folder.path())
        .env("PACKAGES_DATE_FILE", &file)
        .env("PACKAGES_DAYS", limit)
        .output()
        .unwrap();
    let left = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap_or_default();
    (left("facts/packages"), left("problems/old-packages"), output.status.code().unwrap())
}

#[test]
fn their_age_is_a_fact_and_a_problem_beyond_the_limit() {
    let (fact, problem, status) = checked(Some(12), "30");
    assert!(fact.starts_with("12 days old, of 20"), "{fact}");
    // Which programs read.
    fact.lines().nth(1).unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!((problem.as_str(), status), ("", 0));
    assert_eq!(checked(Some(30), "30").1, "");
    let (fact, problem, status) = checked(Some(31), "30");
    assert!(fact.starts_with("31 days old") && status == 0, "{fact}");
    assert!(problem.contains("31 days old") && problem.contains("bin/up --rebuild"), "{problem}");
    assert_eq!(checked(Some(400), "0").1, "", "0: it is never one");
    assert!(checked(Some(-1), "30").0.starts_with("0 days old"), "a clock that is behind");
}

#[test]
fn an_image_of_an_earlier_version_says_nothing() {
    assert_eq!(checked(None, "30"), (String::new(), String::new(), 240));
}
