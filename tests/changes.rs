//! What decides, without `MariaDB` and without Docker, about the changes between two backups: where a second is in binary logs, which
//! pieces make a log, and between which moments a second lies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

fn own(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// A binary log as `MariaDB` writes it (its events' layout is in the server's documentation, "Replication Protocol").
struct Log(Vec<u8>);

impl Log {
    fn new() -> Self {
        let mut log = Self(b"\xfebin".to_vec());
        // The version of the format, the server's, and at the end: checksums are made (1), and one.
        let mut body = vec![0; 2 + 50 + 4 + 1 + 40];
        body.extend([1, 0, 0, 0, 0]);
        log.event(0, 15, &body);
        log
    }

    fn event(&mut self, seconds: u32, kind: u8, body: &[u8]) {
        let length = u32::try_from(19 + body.len()).unwrap();
        let next = u32::try_from(self.0.len()).unwrap() + length;
        self.0.extend(seconds.to_le_bytes());
        self.0.push(kind);
        self.0.extend(1_u32.to_le_bytes());
        self.0.extend(length.to_le_bytes());
        self.0.extend(next.to_le_bytes());
        self.0.extend([0, 0]);
        self.0.extend(body);
    }

    fn begin(&mut self, seconds: u32, stands_alone: bool) {
        let mut body = vec![0; 12];
        body.push(u8::from(stands_alone));
        body.extend([0; 6 + 4]);
        self.event(seconds, 162, &body);
    }

    fn query(&mut self, seconds: u32, statement: &str) {
        let mut body = vec![0; 8];
        body.extend([5, 0, 0, 2, 0]);
        body.extend(b"vvforum\0");
        body.extend(statement.as_bytes());
        body.extend([0; 4]);
        self.event(seconds, 2, &body);
    }

    /// A transaction of `InnoDB`'s; where it ends.
    fn transaction(&mut self, seconds: u32) -> usize {
        self.begin(seconds, false);
        self.event(seconds, 23, &[7; 40]);
        self.event(seconds, 16, &[0; 8 + 4]);
        self.0.len()
    }
}

/// What `binlog-position.pl` says of the second, in logs of these contents.
fn position(moment: &str, from: usize, logs: &[&Log]) -> Result<String, String> {
    let folder = TempDir::new().unwrap();
    let names: Vec<_> = (1..=logs.len()).map(|number| format!("binlog.{number:06}")).collect();
    for (name, log) in names.iter().zip(logs) {
        fs::write(folder.path().join(name), &log.0).unwrap();
    }
    let mut perl = Command::new("perl");
    perl.arg(own("target-sbin/lib/binlog-position.pl"))
        .args([moment, "8", "40", &from.to_string()])
        .args(&names);
    let said = perl.current_dir(&folder).output().unwrap();
    if said.status.success() { Ok(text(&said.stdout)) } else { Err(text(&said.stderr)) }
}

fn first(position: usize) -> String {
    format!("binlog.000001 {position}")
}

#[test]
fn a_second_is_behind_the_last_transaction_that_was_committed_by_then() {
    let mut log = Log::new();
    let ends: Vec<_> = [10, 20, 20, 30].map(|seconds| log.transaction(seconds)).into();
    assert_eq!(position("9", 4, &[&log]).unwrap(), first(4));
    assert_eq!(position("10", 4, &[&log]).unwrap(), first(ends[0]));
    assert_eq!(position("19", 4, &[&log]).unwrap(), first(ends[0]));
    assert_eq!(position("20", 4, &[&log]).unwrap(), first(ends[2]));
    assert_eq!(position("29", 4, &[&log]).unwrap(), first(ends[2]));
    assert_eq!(position("end", 4, &[&log]).unwrap(), first(ends[3]));
    // What is before the position is there already.
    assert_eq!(position("15", ends[1], &[&log]).unwrap(), first(ends[1]));
}

#[test]
fn sessions_that_have_set_the_time_move_no_second() {
    let mut log = Log::new();
    let ends: Vec<_> = [3, 10, 2_000_000_000, 11, 5, 12, 4_000_000_000, 6, 9, 20, 21, 90]
        .map(|seconds| log.transaction(seconds))
        .into();
    // What bears a time before all that can be right may be later than all that does not.
    assert_eq!(position("8", 4, &[&log]).unwrap(), first(4));
    assert_eq!(position("10", 4, &[&log]).unwrap(), first(ends[1]));
    assert_eq!(position("11", 4, &[&log]).unwrap(), first(ends[3]));
    assert_eq!(position("12", 4, &[&log]).unwrap(), first(ends[5]));
    assert_eq!(position("20", 4, &[&log]).unwrap(), first(ends[9]));
    assert_eq!(position("21", 4, &[&log]).unwrap(), first(ends[10]));
}

#[test]
fn a_second_is_found_over_the_ends_of_logs() {
    let (mut one, mut other) = (Log::new(), Log::new());
    let before = one.transaction(10);
    one.transaction(20);
    one.event(20, 4, &[0; 8 + 13 + 4]);
    let later = other.transaction(20);
    other.transaction(30);
    assert_eq!(position("19", 4, &[&one, &other]).unwrap(), format!("binlog.000001 {before}"));
    assert_eq!(position("20", 4, &[&one, &other]).unwrap(), format!("binlog.000002 {later}"));
}

#[test]
fn what_stands_alone_or_has_no_transactions_ends_with_its_statement() {
    let mut log = Log::new();
    log.begin(10, true);
    log.query(10, "DROP TABLE posts");
    let dropped = log.0.len();
    log.begin(11, false);
    log.event(11, 23, &[7; 40]);
    log.query(11, "COMMIT");
    let written = log.0.len();
    assert_eq!(position("10", 4, &[&log]).unwrap(), first(dropped));
    assert_eq!(position("11", 4, &[&log]).unwrap(), first(written));
}

/// What `binlog-drops.pl` says of a table, or of a database, in a log with this statement of the database `forum` between two transactions:
/// whether it is the one that threw it away.
fn throws_away(statement: &str, database: &str, table: &str) -> bool {
    let mut log = Log::new();
    let before = log.transaction(10);
    log.begin(11, true);
    log.query(11, statement);
    log.transaction(12);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("log"), &log.0).unwrap();
    let mut perl = Command::new("perl");
    perl.arg(own("target-sbin/lib/binlog-drops.pl")).args([database, table, "log"]).current_dir(&folder);
    let said = perl.output().unwrap();
    assert!(said.status.success(), "{}", text(&said.stderr));
    let said = text(&said.stdout);
    assert!(said.is_empty() || said == format!("{before} 11"), "{said}");
    !said.is_empty()
}

#[test]
fn what_throws_a_table_away_is_found_however_it_is_written() {
    for statement in [
        "DROP TABLE `posts` /* generated by server */",
        "DROP TABLE IF EXISTS `other`.`posts`,`forum`.`posts` /* generated by server */",
        "drop /* a remark */ table forum . posts",
        "TRUNCATE posts",
        "truncate table `forum`.`posts`",
        "DROP DATABASE forum",
        "drop schema if exists `forum`",
    ] {
        assert!(throws_away(statement, "forum", "posts"), "{statement}");
    }
    assert!(throws_away("DROP TABLE `a``, b`", "forum", "a`, b"));
    for statement in [
        "DROP TABLE `other`.`posts`",
        "DROP TABLE posts_of_old",
        "DROP TABLE `forum`.`old`,`posts`.`forum`",
        "DROP DATABASE other",
        "CREATE TABLE posts (id INT COMMENT 'DROP TABLE posts')",
        "INSERT INTO notes VALUES ('; DROP TABLE posts')",
        "ALTER TABLE posts DROP COLUMN id",
        "DROP VIEW posts",
    ] {
        assert!(!throws_away(statement, "forum", "posts"), "{statement}");
    }
}

#[test]
fn a_database_is_thrown_away_by_its_own_statement_alone() {
    assert!(throws_away("DROP DATABASE IF EXISTS `forum`", "forum", ""));
    assert!(!throws_away("DROP DATABASE other", "forum", ""));
    assert!(!throws_away("DROP TABLE posts", "forum", ""));
}

#[test]
fn a_transaction_that_is_not_there_to_its_end_is_none() {
    let mut log = Log::new();
    let whole = log.transaction(10);
    log.transaction(11);
    for cut in whole..log.0.len() {
        let torn = Log(log.0[..cut].to_vec());
        assert_eq!(position("end", 4, &[&torn]).unwrap(), first(whole), "{cut}");
    }
    // The server was killed within it, and began another log. Nothing of it is left where all of a log is made again.
    log.0.truncate(log.0.len() - 31);
    let mut other = Log::new();
    let next = other.transaction(12);
    assert_eq!(position("11", 4, &[&log, &other]).unwrap(), first(whole));
    assert_eq!(position("end", 4, &[&log, &other]).unwrap(), format!("binlog.000002 {next}"));
}

/// How long a log is without what is not whole, and whether its server ended it.
fn ending(log: &[u8]) -> (usize, bool) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("log");
    fs::write(&path, log).unwrap();
    let mut perl = Command::new("perl");
    perl.arg("-I").arg(own("target-sbin/lib")).args([
        "-MBinaryLog",
        "-e",
        "print join ' ', BinaryLog::ending($ARGV[0])",
    ]);
    let said = text(&perl.arg(path).output().unwrap().stdout);
    let (whole, ended) = said.split_once(' ').unwrap();
    (whole.parse().unwrap(), ended == "1")
}

#[test]
fn a_log_is_cut_where_its_server_was_killed_and_nowhere_else_and_it_is_known_that_it_was() {
    let mut log = Log::new();
    let format = log.0.len();
    let one = log.transaction(10);
    log.event(10, 163, &[0; 8]);
    let list = log.0.len();
    let other = log.transaction(11);
    log.event(11, 4, &[0; 8 + 13 + 4]);
    for cut in 4..=log.0.len() {
        let ends = [4, format, one, list, other, log.0.len()];
        let expected = ends.into_iter().rev().find(|end| *end <= cut).unwrap();
        let ended = cut == log.0.len();
        assert_eq!(ending(&log.0[..cut]), (expected, ended), "{cut}");
    }
    let mut stopped = Log::new();
    let end = stopped.transaction(10);
    assert_eq!(ending(&stopped.0), (end, false));
    stopped.event(10, 3, &[0; 4]);
    assert_eq!(ending(&stopped.0), (stopped.0.len(), true));
}

#[test]
fn what_is_no_log_is_said() {
    let said = position("10", 4, &[&Log(b"no log at all".to_vec())]).unwrap_err();
    assert!(said.contains("binlog.000001 is no binary log"), "{said}");
    let mut log = Log::new();
    log.0.extend([0; 40]);
    let said = position("10", 4, &[&log]).unwrap_err();
    assert!(said.contains("is no event"), "{said}");
}

/// A folder of backups with one history, and the functions of `changes.sh` in it.
struct Kept(TempDir);

impl Kept {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("changes/h")).unwrap();
        let kept = Self(folder);
        kept.bash("age-keygen -o $LAMPLIGHTER_BACKUPS/identity 2>/dev/null");
        kept
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.0.path().join("changes/h").join(name), content).unwrap();
    }

    /// A piece of `binlog.NUMBER`, from this byte on.
    fn piece(&self, number: u32, from: usize, content: &str) {
        let to = from + content.len();
        self.write("new", content);
        self.bash(&format!(
            "cd $changesFolder/h; zstd --quiet --stdout new | age --recipient \"$(age-keygen -y $LAMPLIGHTER_BACKUPS/identity)\" \
             --output binlog.{number:06}.{from:012}-{to:012}.zst.age"
        ));
    }

    fn run(&self, script: &str) -> Output {
        let sbin = own("target-sbin");
        let script = format!(
            "set -Eeuo pipefail; source $LAMPLIGHTER_SBIN/lib/log.sh; source $LAMPLIGHTER_SBIN/lib/disk.sh
             source $LAMPLIGHTER_SBIN/lib/repository.sh; source $LAMPLIGHTER_SBIN/lib/changes.sh
             {script}"
        );
        let mut bash = Command::new("bash");
        bash.args(["-c", &script]).env("LAMPLIGHTER_SBIN", sbin).env("LAMPLIGHTER_BACKUPS", self.0.path());
        bash.env("LAMPLIGHTER_STATE", self.0.path()).env("LAMPLIGHTER_SERVICE", "mysql").env("TZ", "UTC");
        bash.output().unwrap()
    }

    #[track_caller]
    fn bash(&self, script: &str) -> String {
        let said = self.run(script);
        assert!(said.status.success(), "{}{}", text(&said.stdout), text(&said.stderr));
        text(&said.stdout)
    }

    #[track_caller]
    fn refused(&self, script: &str) -> String {
        let said = self.run(script);
        assert!(!said.status.success(), "{}", text(&said.stdout));
        text(&said.stderr)
    }

    fn assembled(number: u32, to: &str) -> String {
        format!(
            "assembleLog h binlog.{number:06} {to} $LAMPLIGHTER_BACKUPS/identity $LAMPLIGHTER_BACKUPS/log; cat $LAMPLIGHTER_BACKUPS/log"
        )
    }
}

#[test]
fn a_log_is_made_of_its_pieces_up_to_where_it_is_wanted() {
    let kept = Kept::new();
    kept.piece(1, 0, "abcdef");
    kept.piece(1, 6, "ghi");
    kept.piece(1, 9, "jkl");
    kept.piece(2, 0, "xyz");
    kept.write("binlog.000001.size", "12\n");
    kept.write("kept.json", r#"{"log":"binlog.000002","position":3,"kept":100}"#);
    assert_eq!(kept.bash(&Kept::assembled(1, "end")), "abcdefghijkl");
    assert_eq!(kept.bash(&Kept::assembled(1, "8")), "abcdefgh");
    assert_eq!(kept.bash(&Kept::assembled(2, "end")), "xyz");
}

#[test]
fn what_a_killed_run_has_kept_twice_counts_once() {
    let kept = Kept::new();
    kept.piece(1, 0, "abcdef");
    kept.piece(1, 0, "abcdefgh");
    kept.piece(1, 6, "ghi");
    assert_eq!(kept.bash(&Kept::assembled(1, "9")), "abcdefghi");
}

#[test]
fn a_piece_that_is_missing_cut_or_changed_is_an_error_that_says_which() {
    let kept = Kept::new();
    kept.piece(1, 0, "abcdef");
    kept.piece(1, 9, "jkl");
    kept.write("binlog.000001.size", "12\n");
    let said = kept.refused(&Kept::assembled(1, "end"));
    assert!(
        said.contains("the changes in binlog.000001 are there up to its byte 6, and not up to 12"),
        "{said}"
    );
    kept.piece(1, 6, "ghi");
    let piece = kept.0.path().join("changes/h/binlog.000001.000000000006-000000000009.zst.age");
    let good = fs::read(&piece).unwrap();
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    for bad in [&changed[..], &good[..good.len() - 1], &good[..20], b""] {
        fs::write(&piece, bad).unwrap();
        let said = kept.refused(&Kept::assembled(1, "end"));
        assert!(
            said.contains("a piece of the changes cannot be read: changes/h/binlog.000001.000000000006"),
            "{said}"
        );
    }
    fs::write(&piece, &good).unwrap();
    assert_eq!(kept.bash(&Kept::assembled(1, "end")), "abcdefghijkl");
    // Another piece under its name.
    kept.piece(3, 0, "much longer");
    fs::rename(kept.0.path().join("changes/h/binlog.000003.000000000000-000000000011.zst.age"), &piece)
        .unwrap();
    let said = kept.refused(&Kept::assembled(1, "end"));
    assert!(
        said.contains("has not the length that its name says: changes/h/binlog.000001.000000000006"),
        "{said}"
    );
}

#[test]
fn a_log_that_is_missing_between_two_is_said() {
    let kept = Kept::new();
    kept.piece(9, 0, "a");
    kept.piece(11, 0, "b");
    assert!(
        kept.refused("logsBetween h binlog.000009 binlog.000011")
            .contains("the changes in binlog.000010 are missing in changes/h")
    );
    kept.piece(10, 0, "b");
    assert_eq!(
        kept.bash("logsBetween h binlog.000009 binlog.000011"),
        "binlog.000009\nbinlog.000010\nbinlog.000011"
    );
}

#[test]
fn a_second_lies_between_the_runs_that_were_before_and_after_it() {
    let kept = Kept::new();
    kept.write("moments", "100 101 binlog.000001 400\n160 161 binlog.000001 900\n220 222 binlog.000003 50\n");
    kept.write("kept.json", r#"{"log":"binlog.000003","position":50,"kept":400}"#);
    let bounds = |seconds: &str| {
        kept.bash(&format!(
            "boundsOf h binlog.000001 500 {seconds}; echo \"$earliest, $latest, $low to $high\""
        ))
    };
    // The copy is of a later position than the first run.
    assert_eq!(bounds("120"), "binlog.000001 500, binlog.000001 900, 100 to 161");
    // Within the run itself it may be on either side.
    assert_eq!(bounds("160"), "binlog.000001 500, binlog.000003 50, 100 to 222");
    assert_eq!(bounds("161"), "binlog.000001 900, binlog.000003 50, 160 to 222");
    assert_eq!(bounds("221"), "binlog.000001 900, binlog.000003 50, 160 to 400");
    assert_eq!(bounds("222"), "binlog.000003 50, binlog.000003 50, 220 to 400");
    assert_eq!(bounds("399"), "binlog.000003 50, binlog.000003 50, 220 to 400");
    assert!(bounds("end").starts_with("binlog.000003 50, binlog.000003 50, "));
    let said = kept.refused("boundsOf h binlog.000001 500 400");
    assert!(
        said.contains(
            "the changes are kept up to 1970-01-01 00:06:40 UTC: there is nothing of 1970-01-01 00:06:40 UTC"
        ),
        "{said}"
    );
    assert!(kept.refused("boundsOf other binlog.000001 500 120").contains("changes/other is missing"));
}

/// As the night does that throws away what no copy needs any more.
#[test]
fn of_what_no_copy_needs_nothing_is_left() {
    let kept = Kept::new();
    for number in 1..=3 {
        kept.piece(number, 0, "abc");
        kept.write(&format!("binlog.{number:06}.size"), "3\n");
    }
    kept.write("moments", "100 101 binlog.000001 3\n160 161 binlog.000002 3\n220 222 binlog.000003 3\n");
    kept.write("kept.json", r#"{"log":"binlog.000003","position":3,"kept":222}"#);
    let forget = |first: &str| {
        kept.bash(&format!(
            "source {}; historyFile=$LAMPLIGHTER_BACKUPS/history; echo h >$historyFile
             listSnapshots() {{ echo '[]'; }}; ofSnapshots() {{ echo '{first}'; }}
             forgetOldChanges; cd $changesFolder/h; ls; cat moments",
            own("service/mysql/bin/changes.sh").display()
        ))
    };
    let left = "binlog.000002.000000000000-000000000003.zst.age\nbinlog.000002.size\n\
                binlog.000003.000000000000-000000000003.zst.age\nbinlog.000003.size\nkept.json\nmoments\nnew\n\
                160 161 binlog.000002 3\n220 222 binlog.000003 3";
    assert_eq!(forget("binlog.000002"), left);
    // As long as nothing says what is needed, all is.
    assert_eq!(forget(""), left);
}

#[test]
fn changes_are_kept_up_to_the_last_run_of_whichever_history() {
    let kept = Kept::new();
    assert_eq!(kept.bash("changesKeptUpTo"), "");
    kept.write("kept.json", r#"{"log":"binlog.000002","position":4,"kept":1795838700}"#);
    fs::create_dir(kept.0.path().join("changes/other")).unwrap();
    kept.write("../other/kept.json", r#"{"log":"binlog.000001","position":4,"kept":1795752300}"#);
    assert_eq!(kept.bash("changesKeptUpTo"), "2026-11-28T04:05:00Z");
}

#[test]
fn what_was_sent_to_one_repository_is_sent_to_another_one_too() {
    let kept = Kept::new();
    kept.piece(1, 0, "abc");
    let sent = |repository: &str| {
        kept.bash(&format!(
            "source {}; atOffsite() {{ echo \"$1\"; }}; openOffsite() {{ :; }}; noteOffsiteChanges() {{ :; }}
             BACKUP_OFFSITE={repository}; copyChangesOffsite 2>/dev/null",
            own("service/backup/bin/offsite.sh").display()
        ))
    };
    let asked = |repository| sent(repository).contains("backup");
    assert!(asked("/srv/one"));
    assert!(!asked("/srv/one"));
    assert!(asked("/srv/other"));
    kept.piece(1, 3, "def");
    assert!(asked("/srv/other"));
}
