//! What an operator sees of the schedule: `lamplighter next`, `check` and `explain`, and a scheduler that runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use common::skip;

/// A folder for a scheduler, and a scheduler when one is started.
struct Stage {
    top: TempDir,
    scheduler: Option<Child>,
}

impl Stage {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        for folder in ["conf", "run", "zones"] {
            fs::create_dir(top.path().join(folder)).unwrap();
        }
        Self { top, scheduler: None }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.top.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let fresh = self.path("fresh");
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, path).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lamplighter"));
        command.args(arguments).current_dir(self.top.path()).env_clear().env("TZ", "UTC");
        for folder in ["RUN", "STATE", "CONF"] {
            command.env(format!("LAMPLIGHTER_{folder}"), self.path(&folder.to_lowercase()));
        }
        command.env("LAMPLIGHTER_SERVICE", "scheduler").env("TZDIR", self.path("zones"));
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that is to succeed; what it prints.
    fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The command on a system whose zones are those of the stage's folder.
    fn command_of_system(&self, arguments: &[&str]) -> Command {
        let of_system = "mount -t tmpfs none /usr/share && cp -R zones /usr/share/zoneinfo && exec \"$@\"";
        let mut command = self.command(&[]);
        let program = command.get_program().to_owned();
        let environment: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-c", of_system, "sh"]).arg(program).args(arguments);
        command.current_dir(self.top.path()).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(environment.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command.env_remove("TZDIR");
        command
    }

    fn start_scheduler(&mut self) {
        let scheduler = self.command(&["schedule"]).stderr(Stdio::null()).spawn().unwrap();
        self.scheduler = Some(scheduler);
        wait_until("the scheduler is healthy", || self.run(&["health"]).status.success());
    }

    /// The first line that the running scheduler has next.
    fn first_next(&self) -> Value {
        let told: Value = serde_json::from_str(&self.said(&["next", "--json"])).unwrap();
        told["next"][0].clone()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut scheduler) = self.scheduler.take() {
            let _ = scheduler.kill();
            let _ = scheduler.wait();
        }
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A time zone's file, in the form of RFC 9636, for a zone that is always so many hours ahead of UTC.
fn zone_file(hours: i32) -> Vec<u8> {
    let header = |types: [u32; 6]| {
        let mut header = b"TZif2".to_vec();
        header.extend([0; 15]);
        for count in types {
            header.extend(count.to_be_bytes());
        }
        header
    };
    let mut block = header([0, 0, 0, 0, 1, 4]);
    block.extend((hours * 3600).to_be_bytes());
    block.extend([0, 0]);
    block.extend(b"TST\0");
    let mut file = block.repeat(2);
    file.extend(format!("\n<TST>-{hours}\n").bytes());
    file
}

#[test]
fn the_next_times_of_an_expression_are_seconds_that_a_script_can_use() {
    let stage = Stage::new();
    let said = stage.said(&[
        "next",
        "--expr",
        "30 2 * * *",
        "--tz",
        "Europe/Berlin",
        "--from",
        "1774700000",
        "-n",
        "3",
        "--epoch",
    ]);
    assert_eq!(said, "1774746000\n1774830600\n1774917000\n");
    assert_eq!(stage.said(&["next", "--expr", "0 0 31 2 *", "--epoch"]), "");
    let bad = stage.run(&["next", "--expr", "5 24 * * *"]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&bad.stderr).starts_with("--expr:1:3: the hour `24` is too large"));
}

#[test]
fn all_entries_of_a_file_are_merged_in_the_order_of_time() {
    let stage = Stage::new();
    stage.write(
        "a.cron",
        "5 4 * * * forum mysql nightly-backup\nCRON_TZ=Europe/Berlin\n30 5,6 * * * php warm-up\nbad",
    );
    insta::assert_snapshot!(
        stage.said(&["next", "a.cron", "--from", "2026-05-01", "-n", "3"]),
        @"
    WHEN                         ZONE           IN     SERVICE  ACTION          USER   TIME
    Fri 2026-05-01 05:30 +02:00  Europe/Berlin  3h30m  php      warm-up         root   30 5,6 * * *
    Fri 2026-05-01 04:05 +00:00  UTC            4h5m   mysql    nightly-backup  forum  5 4 * * *
    Fri 2026-05-01 06:30 +02:00  Europe/Berlin  4h30m  php      warm-up         root   30 5,6 * * *
    "
    );
}

#[test]
fn what_the_running_scheduler_has_is_what_comes_next() {
    let mut stage = Stage::new();
    stage.write("conf/schedule.cron", "5 4 * * * forum mysql nightly-backup");
    stage.start_scheduler();
    let next = stage.first_next();
    assert_eq!(next["at"].as_i64().unwrap() % 86_400, 4 * 3_600 + 300);
    assert_eq!((&next["user"], &next["service"]), (&"forum".into(), &"mysql".into()));
    stage.write("conf/schedule.cron", "@hourly php task-check");
    wait_until("the change is seen", || stage.first_next()["service"] == "php");
}

#[test]
fn a_time_zone_that_changes_on_disk_changes_when_its_entries_fire() {
    let mut stage = Stage::new();
    stage.write("zones/Test/Zone", zone_file(1));
    stage.write("conf/schedule.cron", "CRON_TZ=Test/Zone\n0 12 * * * php lunch");
    stage.start_scheduler();
    let hour = |stage: &Stage| stage.first_next()["at"].as_i64().unwrap() % 86_400 / 3_600;
    assert_eq!(hour(&stage), 11);
    stage.write("zones/Test/Zone", zone_file(3));
    wait_until("the new rules hold", || hour(&stage) == 9);
}

#[test]
fn which_time_zones_are_used_next_and_status_say() {
    let mut stage = Stage::new();
    stage.write("zones/Test/Zone", zone_file(1));
    stage.write("zones/tzdata.zi", "# version 2020a\n");
    stage.write("conf/schedule.cron", "CRON_TZ=Test/Zone\n0 12 * * * php lunch");
    let said = |stage: &Stage, arguments: &[&str]| {
        let output = stage.run(arguments);
        assert!(output.status.success(), "{output:?}");
        format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
    };
    let used = "tzdata 2020a, of TZDIR (bundled: ";
    assert!(said(&stage, &["next", "-n", "1"]).starts_with(&format!("by {used}")), "of the file");
    assert!(
        said(&stage, &["next", "--expr", "0 12 * * *", "--tz", "Test/Zone"])
            .starts_with(&format!("by {used}"))
    );
    assert!(
        !said(&stage, &["next", "--expr", "0 12 * * *"]).contains("tzdata"),
        "UTC is the same in all releases"
    );
    stage.start_scheduler();
    stage.first_next();
    assert!(said(&stage, &["next", "-n", "1"]).starts_with(&format!("by {used}")), "of the scheduler");
    assert!(said(&stage, &["status", "scheduler"]).contains(used));
    let status: Value = serde_json::from_str(&said(&stage, &["status", "--json"])).unwrap();
    assert!(status["services"][0]["zones"].as_str().unwrap().starts_with(used));
}

#[test]
fn next_and_status_warn_of_an_entry_for_which_the_two_releases_differ() {
    let mut stage = Stage::new();
    stage.write("zones/tzdata.zi", "# version 2020a\n");
    stage.write("zones/America/Vancouver", zone_file(5));
    stage.write(
        "conf/schedule.cron",
        "CRON_TZ=America/Vancouver\n0 12 * * * php lunch\nCRON_TZ=UTC\n@daily php tidy",
    );
    let can_mount = stage.command_of_system(&["--version"]).output().is_ok_and(|said| said.status.success());
    if !can_mount {
        return skip("only who may mount can give this system other zones");
    }
    let warning = "an entry is due at another time by the bundled tzdata 20";
    let unused =
        "than by the system's tzdata 2020a: first `0 12 * * * root php lunch`, in America/Vancouver at ";
    let warned = |stage: &Stage, arguments: &[&str]| {
        let output = stage.command_of_system(arguments).output().unwrap();
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        assert!(said.contains(warning) && said.contains(unused), "{arguments:?}: {said}");
    };
    warned(&stage, &["next"]);
    let scheduler = stage.command_of_system(&["schedule"]).stderr(Stdio::null()).spawn().unwrap();
    stage.scheduler = Some(scheduler);
    wait_until("the scheduler is healthy", || stage.run(&["health"]).status.success());
    warned(&stage, &["next"]);
    warned(&stage, &["status"]);
    // Where they do not differ, nothing is said.
    stage.write("conf/schedule.cron", "CRON_TZ=UTC\n@daily php tidy");
    wait_until("all is well", || {
        !String::from_utf8_lossy(&stage.run(&["status"]).stdout).contains("another time")
    });
    assert!(!String::from_utf8_lossy(&stage.run(&["next"]).stderr).contains("another time"));
}

#[test]
fn a_hangup_has_the_schedule_read_again_where_no_watch_sees_it_change() {
    let mut stage = Stage::new();
    stage.write("conf/schedule.cron", "@daily php before");
    stage.start_scheduler();
    assert_eq!(stage.first_next()["action"], "before");
    // No event tells of a file that is still open for writing.
    let mut file = fs::File::create(stage.path("conf/schedule.cron")).unwrap();
    file.write_all(b"@daily php after").unwrap();
    let scheduler = stage.scheduler.as_ref().unwrap().id();
    kill(Pid::from_raw(scheduler.cast_signed()), Signal::SIGHUP).unwrap();
    wait_until("it is read again", || stage.first_next()["action"] == "after");
    drop(file);
}

#[test]
fn without_a_scheduler_the_file_here_says_what_comes_next() {
    let stage = Stage::new();
    let nobody = stage.run(&["next"]);
    assert_eq!(nobody.status.code(), Some(4), "{nobody:?}");
    stage.write("service/scheduler/conf/schedule.cron", "@daily php task-check");
    assert!(stage.said(&["next", "-n", "1"]).contains("task-check"));
}

fn stack(stage: &Stage, schedule: &str) {
    stage.write("stack/service/scheduler/conf/schedule.cron", schedule);
    stage.write("stack/service/mysql/bin/docker-callbacks.sh", "CB_nightly_backup() {\n    :\n}\n");
}

#[test]
fn a_clean_stack_passes_and_a_bad_one_fails() {
    let stage = Stage::new();
    stack(&stage, "5 4 * * * mysql nightly-backup");
    assert_eq!(stage.said(&["check", "stack", "--strict"]), "1 entry, 0 errors, 0 warnings\n");

    stack(&stage, "5 24 * * * mysql nightly-backup");
    assert_eq!(stage.run(&["check", "stack"]).status.code(), Some(1));
    assert_eq!(stage.run(&["check", "nothing-here"]).status.code(), Some(2));
}

#[test]
fn what_a_stack_does_not_have_is_a_warning_with_a_question() {
    let stage = Stage::new();
    stack(&stage, "*/7 4 * * * mysql nightly-backp\n@daily mysqll nightly-backup");
    insta::assert_snapshot!(stage.said(&["check", "stack"]), @"
    stack/service/scheduler/conf/schedule.cron:1:1: warning: `*/7` is not even: after the minute 56 comes 0 again
      |
    1 | */7 4 * * * mysql nightly-backp
      | ^^^
      = hint: even steps are 2, 3, 4, 5, 6, 10, 12, 15, 20, 30

    stack/service/scheduler/conf/schedule.cron:1:13: warning: mysql has no action `nightly-backp`
      |
    1 | */7 4 * * * mysql nightly-backp
      |             ^^^^^^^^^^^^^^^^^^^
      = hint: did you mean `nightly-backup`?

    stack/service/scheduler/conf/schedule.cron:2:8: warning: there is no service `mysqll`
      |
    2 | @daily mysqll nightly-backup
      |        ^^^^^^^^^^^^^^^^^^^^^
      = hint: did you mean `mysql`?

    2 entries, 0 errors, 3 warnings
    ");
    assert_eq!(stage.run(&["check", "stack", "--strict"]).status.code(), Some(1));
    let json: Value = serde_json::from_str(&stage.said(&["check", "stack", "--json"])).unwrap();
    assert_eq!(json["faults"].as_array().unwrap().len(), 3);
}

#[test]
fn a_service_that_runs_says_itself_which_actions_it_has() {
    let mut stage = Stage::new();
    for folder in ["bin", "state", "conf"] {
        fs::create_dir_all(stage.path("web").join(folder)).unwrap();
    }
    stage.write("web/bin/docker-entry-setup.sh", "SERVICE=web");
    // How this names its action only bash can tell.
    stage.write("web/bin/docker-callbacks.sh", "eval 'CB_warm_'\"cache() { :; }\"");
    let mut command = stage.command(&["supervise"]);
    for folder in ["bin", "state", "conf"] {
        command.env(format!("LAMPLIGHTER_{}", folder.to_uppercase()), stage.path("web").join(folder));
    }
    command.env("LAMPLIGHTER_SBIN", concat!(env!("CARGO_MANIFEST_DIR"), "/target-sbin"));
    command.env("LAMPLIGHTER_SERVICE", "web").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    let supervisor = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // Ended with the stage, as a scheduler would be.
    stage.scheduler = Some(supervisor);

    stage.write("schedule.cron", "@daily web warm-cache\n@daily web warm-cash");
    let warned = |said: &str| said.matches("web has no action").count();
    wait_until("its answer", || warned(&stage.said(&["check", "schedule.cron"])) == 1);
    let said = stage.said(&["check", "schedule.cron"]);
    assert!(said.contains("web has no action `warm-cash`") && said.contains("`warm-cache`?"), "{said}");
}

#[test]
fn a_policy_of_the_stack_is_checked_too() {
    let stage = Stage::new();
    stack(&stage, "");
    stage.write("stack/service/mysql/conf/housekeeping.toml", "[action.nightly-backup]\ntimeuot = \"2h\"\n");
    let output = stage.run(&["check", "stack"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("stack/service/mysql/conf/housekeeping.toml:2:1"), "{said}");
}

#[test]
fn a_line_is_explained_in_words() {
    let stage = Stage::new();
    assert!(stage.said(&["explain", "5 4 * * 1-5"]).starts_with("at 04:05 on Monday to Friday\n"));
    assert_eq!(stage.run(&["explain", "5 24 * * *"]).status.code(), Some(2));
}
