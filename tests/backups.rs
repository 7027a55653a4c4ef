//! What decides about backups without restic and without Docker: their order and which go, which part of the files a drill
//! restores, which disks a container does not see, and what is said where. What differs in files is `restored_files`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use serde_json::{Value, json};

const NOW: &str = "2026-11-28T04:00:00Z";

fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn fed(command: &mut Command, input: &str) -> Output {
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    running.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    running.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// Snapshots as restic lists them, in the order in which they were added: "TIME" or, of an earlier version, "-TIME".
fn snapshots(times: &[&str]) -> Vec<Value> {
    let one = |(place, time): (usize, &&str)| {
        let (tags, time) = match time.strip_prefix('-') {
            Some(time) => (json!(["files"]), time),
            None => (json!(["files", format!("added-{}", 1_790_000_000 + place)]), *time),
        };
        json!({"id": time, "short_id": time, "time": time, "tags": tags, "hostname": "backup", "paths": ["/var/www/site"]})
    };
    times.iter().enumerate().map(one).collect()
}

/// What snapshots.jq makes of them, line by line.
fn judged(snapshots: &[Value], now: &str, program: &str) -> Vec<String> {
    let now: Timestamp = now.parse().unwrap();
    let mut jq = Command::new("jq");
    jq.arg("-L").arg(own("target-sbin/lib")).args([
        "--raw-output",
        "--argjson",
        "now",
        &now.as_second().to_string(),
    ]);
    jq.arg(format!("include \"snapshots\"; {program}"));
    // restic promises no order.
    let mut listed = snapshots.to_vec();
    listed.reverse();
    succeeded(&fed(&mut jq, &json!(listed).to_string())).lines().map(Into::into).collect()
}

fn newest(times: &[&str]) -> Vec<String> {
    judged(&snapshots(times), NOW, "newest(\"files\").id")
}

fn outdated(times: &[&str], days: usize) -> BTreeSet<String> {
    judged(&snapshots(times), NOW, &format!("outdated(\"files\"; {days}; 1; 1; $now)")).into_iter().collect()
}

#[test]
fn snapshots_are_complete_up_to_the_older_one_of_the_newest_of_database_and_files() {
    let mut all =
        snapshots(&["2026-11-24T05:15:00+01:00", "2026-11-25T04:05:00.5Z", "2026-11-25T05:15:00+01:00"]);
    let complete = |all: &[Value]| judged(all, NOW, "complete_up_to");
    assert!(complete(&all).is_empty(), "there is none of the database");
    all[1]["tags"][0] = "database".into();
    assert_eq!(complete(&all), ["2026-11-25T04:05:00Z"]);
    assert_eq!(complete(&all[..2]), ["2026-11-24T04:15:00Z"]);
}

#[test]
fn the_newest_backup_is_the_one_that_was_added_last_whatever_time_it_bears() {
    assert_eq!(newest(&["2036-01-01T04:00:00Z", "2026-11-27T04:00:00Z"]), ["2026-11-27T04:00:00Z"]);
    assert_eq!(newest(&["2026-11-26T04:00:00Z", "1970-01-01T00:00:09Z"]), ["1970-01-01T00:00:09Z"]);
    assert_eq!(newest(&["2026-11-26T04:00:00.5+02:00", "2026-11-26T03:00:00Z"]), ["2026-11-26T03:00:00Z"]);
    assert!(newest(&[]).is_empty());
}

#[test]
fn backups_of_an_earlier_version_have_the_order_of_their_times_and_are_older_than_later_ones() {
    let old = ["-2026-11-25T04:00:00Z", "-2036-01-01T04:00:00Z", "-2026-11-26T04:00:00Z"];
    assert_eq!(newest(&old), ["2036-01-01T04:00:00Z"]);
    let place = judged(&snapshots(&old), NOW, "next_place(0; $now)");
    let after: Timestamp = "2036-01-01T04:00:01Z".parse().unwrap();
    assert_eq!(place, [after.as_second().to_string()]);
    let mut all = snapshots(&old);
    all.push(json!({"id": "next", "time": NOW, "tags": ["files", format!("added-{}", place[0])]}));
    assert_eq!(judged(&all, NOW, "newest(\"files\").id"), ["next"]);
}

#[test]
fn the_next_place_is_behind_all_there_are_and_all_that_the_copy_has() {
    let now = Timestamp::as_second(NOW.parse().unwrap());
    let place = |floor: i64, times: &[&str], clock| {
        judged(&snapshots(times), clock, &format!("next_place({floor}; $now)"))
    };
    assert_eq!(place(0, &[], NOW), [now.to_string()]);
    assert_eq!(place(now + 9, &[], NOW), [(now + 10).to_string()]);
    assert_eq!(place(0, &["2026-11-27T04:00:00Z"], "1970-01-01T00:01:00Z"), ["1790000001"]);
}

#[test]
fn a_backup_from_the_future_and_a_clock_that_is_behind_are_told() {
    let wrong =
        |times: &[&str], now| judged(&snapshots(times), now, "misdated($now), judged($now).clock_is_right");
    let good = ["2026-11-25T04:00:00Z", "2026-11-26T04:00:00Z", "2026-11-27T04:00:00+01:00"];
    assert_eq!(wrong(&good, NOW), ["true"]);
    assert_eq!(wrong(&good, "2026-11-27T02:30:00Z"), ["true"], "half an hour is no difference");
    assert_eq!(wrong(&good, "1970-01-01T00:00:00Z"), ["false"]);
    let one = [good[0], "2036-01-01T04:00:00Z", good[1], good[2]];
    assert_eq!(wrong(&one, NOW), ["2036-01-01T04:00:00Z of the files bears 2036-01-01T04:00:00", "true"]);
    assert_eq!(
        wrong(&["2036-01-01T04:00:00Z"], NOW).len(),
        2,
        "the clock is believed rather than one backup"
    );
}

#[test]
fn the_last_two_days_and_the_last_of_each_day_week_and_month_stay() {
    let times = [
        "2026-10-30T04:00:00Z",
        "2026-10-31T04:00:00Z",
        "2026-11-22T04:00:00Z",
        "2026-11-25T03:00:00Z",
        "2026-11-25T04:00:00Z",
        "2026-11-27T04:00:00Z",
        "2026-11-27T05:00:00Z",
        "2026-11-28T03:59:00Z",
    ];
    let gone = |days, weeks, months| {
        judged(&snapshots(&times), NOW, &format!("outdated(\"files\"; {days}; {weeks}; {months}; $now)"))
    };
    assert_eq!(gone(9, 9, 9), ["2026-11-25T03:00:00Z"]);
    assert_eq!(gone(1, 2, 2), ["2026-11-25T04:00:00Z", "2026-11-25T03:00:00Z", "2026-10-30T04:00:00Z"]);
}

#[test]
fn a_wrong_clock_costs_no_good_backup() {
    let good: Vec<String> = (1..=28).map(|day| format!("2026-11-{day:02}T03:00:00Z")).collect();
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    let without = outdated(&good, 7);
    for wrong in
        ["2036-01-01T04:00:00Z", "1970-01-01T04:00:00Z", "2026-12-24T04:00:00Z", "2026-11-02T23:00:00Z"]
    {
        for at in [0, 1, 14, 27, 28] {
            let mut all = good.clone();
            all.insert(at, wrong);
            let lost: Vec<_> = outdated(&all, 7).difference(&without).cloned().collect();
            assert!(lost.iter().all(|one| one == wrong), "{wrong} at {at} costs {lost:?}");
        }
    }
    let behind = judged(&snapshots(&good), "2026-11-03T00:00:00Z", "outdated(\"files\"; 7; 1; 1; $now)");
    assert!(behind.is_empty(), "with a clock that is behind nothing goes, but {behind:?}");
}

#[test]
fn a_wrongly_dated_backup_goes_when_there_are_as_many_newer_days_as_are_kept() {
    let wrong = "2036-01-01T04:00:00Z";
    let after = ["2026-11-26T03:00:00Z", "2026-11-27T03:00:00Z", "2026-11-28T03:00:00Z"];
    let all = [&["2026-11-25T03:00:00Z", wrong][..], &after].concat();
    assert!(!outdated(&all, 4).contains(wrong));
    assert!(outdated(&all, 3).contains(wrong));
}

const SITE: &str = "/var/www/site";

/// Paths below the site with their sizes; a folder's ends with a slash.
fn list(files: &[(String, u64)]) -> String {
    let mut list = vec![format!("{SITE}\tdir\t0\t0\t0\t{NOW}\t{NOW}\t1\t0\n")];
    for (path, size) in files {
        let kind = if path.ends_with('/') { "dir" } else { "file" };
        list.push(format!(
            "{SITE}/{}\t{kind}\t0\t0\t0\t{NOW}\t{NOW}\t1\t{size}\n",
            path.trim_end_matches('/')
        ));
    }
    list.concat()
}

/// What a night restores; `state` is what it is to remember.
fn part(state: &Path, nights: usize, list: &str) -> Vec<String> {
    let mut choose = Command::new(own("service/backup/bin/drill-part.pl"));
    let said = succeeded(&fed(choose.arg(state).arg(nights.to_string()).arg(SITE), list));
    fs::rename(state.with_extension("new"), state).unwrap();
    said.split_terminator('\0').skip(2).map(Into::into).collect()
}

#[test]
fn in_so_many_nights_every_file_is_restored_by_a_drill() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = vec![("large".into(), 9_000_000)];
    for outer in 0..6 {
        files.push((format!("deep{outer}/"), 0));
        files.extend((0..40).map(|number| (format!("deep{outer}/file{number}"), number * 1000)));
    }
    for nights in [1, 2, 7, 30] {
        let state = folder.path().join("state");
        let mut covered = Vec::new();
        for night in 0..nights {
            // The site grows meanwhile.
            files.push((format!("deep1/later{nights}-{night}"), 500_000));
            let part = part(&state, nights, &list(&files));
            assert!(!part.is_empty(), "night {night} of {nights} restores nothing");
            if nights == 7 {
                assert!(!part.iter().any(|path| path == SITE), "a seventh is not all");
            }
            covered.extend(part);
        }
        for (path, _) in files.iter().filter(|(path, _)| !path.contains("later")) {
            let path = format!("{SITE}/{}", path.trim_end_matches('/'));
            let is_covered =
                Path::new(&path).ancestors().any(|above| covered.iter().any(|one| Path::new(one) == above));
            // A folder of which all that is in it is restored is restored with it.
            let is_folder =
                files.iter().any(|(other, _)| format!("{SITE}/{other}").starts_with(&format!("{path}/")));
            assert!(is_covered || is_folder, "{path} is not restored in {nights} nights");
        }
        assert_eq!(fs::read_to_string(&state).unwrap(), "1\n", "after {nights} nights it begins anew");
    }
}

/// "DEVICE ROOT POINT" of each.
fn mounts(folder: &Path, name: &str, mounts: &[&str]) -> PathBuf {
    let line = |mount: &&str| format!("1 1 {mount} rw - ext4 /dev/sda rw\n");
    let file = folder.join(name);
    fs::write(&file, mounts.iter().map(line).collect::<String>()).unwrap();
    file
}

fn hidden(own_mounts: &[&str], host: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(own("service/backup/bin/hidden-mounts.pl"));
    command.arg(mounts(folder.path(), "own", own_mounts)).arg(mounts(folder.path(), "host", host)).arg(SITE);
    fed(&mut command, "")
}

#[test]
fn a_disk_of_the_host_that_a_container_does_not_see_is_named() {
    let root = "8:1 / /";
    let here = "8:1 /srv/site /var/www/site";
    let disk = "8:2 / /srv/site/up\\040loads";
    let none = |own_mounts: &[&str], host: &[&str]| assert_eq!(succeeded(&hidden(own_mounts, host)), "");
    none(&[here], &[root, "8:2 / /srv/other", "8:2 / /srv/sites"]);
    none(&[here, "8:2 / /var/www/site/up\\040loads"], &[root, disk]);
    none(&[here, "8:2 / /var/www/site/gone"], &[root]);
    assert_eq!(succeeded(&hidden(&[here], &[root, disk])), "/srv/site/up\\040loads\n");
    assert_eq!(
        succeeded(&hidden(&[here, "8:3 / /var/www/site/up\\040loads"], &[root, disk])),
        "/srv/site/up\\040loads\n"
    );
    // Over the folder, or one above it.
    assert_eq!(succeeded(&hidden(&[here], &[root, "8:2 / /srv/site"])), "/srv/site\n");
    assert_eq!(succeeded(&hidden(&[here], &[root, "8:2 / /srv"])), "/srv\n");
    // The same folder by another path, below which nothing is missing.
    none(&[here], &[root, disk, "8:1 /srv /mnt/srv"]);
    let removed = hidden(&["8:1 /srv/site//deleted /var/www/site"], &[root]);
    assert_eq!(succeeded(&removed), "/srv/site (the one of then was removed)\n");
    let strange = hidden(&[here], &["8:9 / /"]);
    assert!(!strange.status.success() && text(&strange.stderr).contains("no mount of the host"));
}

/// A script that has the shared functions, and a folder for its state.
fn script(body: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let sources =
        "for name in log problems disk repository; do source \"$LAMPLIGHTER_SBIN/lib/$name.sh\"; done";
    let mut bash = Command::new("bash");
    bash.args(["-Eeuo", "pipefail", "-c", &format!("{sources}\n{body}")]);
    bash.env("LAMPLIGHTER_SBIN", own("target-sbin")).env("LAMPLIGHTER_SERVICE", "backup");
    bash.env("LAMPLIGHTER_STATE", folder.path()).env("LAMPLIGHTER_BACKUPS", folder.path());
    fed(&mut bash, "")
}

#[test]
fn what_is_logged_is_never_taken_for_data() {
    let body = r#"logInfo one; logLine WARN two; (logError three) || true
        exec {held}>"$LAMPLIGHTER_BACKUPS/lock"; flock $held
        (repositoryPatience=0; lockRepository) || true"#;
    let output = script(body);
    assert_eq!(succeeded(&output), "");
    for line in ["INFO  one", "WARN  two", "ERROR three", "waiting: somebody else is at work"] {
        assert!(text(&output.stderr).contains(line), "{line} is not in {}", text(&output.stderr));
    }
}

#[test]
fn far_less_than_before_is_a_problem_for_a_week_of_backups() {
    let body = r#"problem() { cat "$LAMPLIGHTER_STATE/problems/fewer-files" 2>/dev/null || echo none; }
        noticeFewer files '{"files":1000,"bytes":500}'; problem
        noticeFewer files '{"files":800,"bytes":500}'; problem
        for night in 1 2 3 4 5 6; do noticeFewer files '{"files":600,"bytes":500}'; done; problem
        noticeFewer files '{"files":600,"bytes":500}'; problem
        BACKUP_FEWER_PERCENT=50 noticeFewer files '{"files":600,"bytes":240}'; problem"#;
    let said = succeeded(&script(body));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 5, "{said}");
    assert_eq!((lines[0], lines[1], lines[3]), ("none", "none", "none"));
    assert!(lines[2].contains("600 files, where there have been 1000"), "{}", lines[2]);
    assert!(lines[4].contains("240 bytes, where there have been 500"), "{}", lines[4]);
}

#[test]
fn the_newest_sixty_backups_are_told_and_no_more_than_a_fact_may_have() {
    let mut all: Vec<Value> = (0..100_u32)
        .map(|number| {
            let (day, hour) = (number / 24 + 10, number % 24);
            let kind = ["database", "physical", "files"][number as usize % 3];
            json!({
                "id": format!("{number:064x}"), "tags": [kind, format!("added-{}", 1_790_000_000 + number)],
                "time": format!("2026-11-{day}T{hour:02}:05:00.123456789+01:00"),
                "summary": {"total_bytes_processed": 123_456_789_012_345_u64, "data_added_packed": 23_456_789_012_345_u64},
            })
        })
        .collect();
    all.push(json!({"id": "key", "tags": ["changes-key"], "time": NOW}));
    all[99]["original"] = "0123456789abcdef".into();
    let copied: Value = serde_json::from_str(&judged(&all, NOW, "copied | tojson")[0]).unwrap();
    assert_eq!((copied[0].as_str(), copied.as_array().unwrap().len()), (Some("01234567"), 60));
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    fs::write(&list, json!(all).to_string()).unwrap();
    let body = format!(
        "listSnapshots() {{ cat {}; }}; noteSnapshots; cat \"$LAMPLIGHTER_STATE/facts/snapshots\"
         listSnapshots() {{ echo '[]'; }}; noteSnapshots; ls \"$LAMPLIGHTER_STATE/facts\"",
        list.display()
    );
    let said = succeeded(&script(&body));
    let [message, instant, data] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert_eq!(message, "100 backups, 34 of the database, 33 of MariaDB's files and 33 of the site's files");
    assert_eq!(instant, "2026-11-14T02:05:00Z");
    assert!(said.len() < 15 * 1024, "{}", said.len());
    let told: Value = serde_json::from_str(data).unwrap();
    assert_eq!(told.as_array().unwrap().len(), 60);
    let newest = json!({
        "id": "00000000", "kind": "database", "at": "2026-11-14T02:05:00Z",
        "bytes": 123_456_789_012_345_u64, "added": 23_456_789_012_345_u64,
    });
    assert_eq!(told[0], newest);
}
