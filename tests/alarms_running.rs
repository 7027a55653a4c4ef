//! Alarms as they run: a real scheduler, a real supervisor, and a notifier that writes down what it is told.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use common::{Running, Service, lamplighter, wait_for};
use serde_json::Value;
use tempfile::TempDir;

/// Appends the message to what was told, in one write.
const NOTIFIER: &str = r#"printf '%s\n' "$(cat)" >> "$LAMPLIGHTER_STATE/../told""#;

/// A backup that fails until there is room.
const CALLBACKS: &str = r#"
CB_backup() { echo "saving for $1"; [[ -e $FOLDER/room ]] || { echo 'no room'; return 3; }; }
CB_other() { return 4; }
CB_leave() { leaveProblem left-out "one table is in no backup"; }
CB_mend() { takeAwayProblem left-out; }
CB_wait() { read -r _ < "$FOLDER/fifo"; }
"#;

/// A service, and the scheduler that follows it.
struct Stage {
    service: Running,
    top: TempDir,
    scheduler: Option<Child>,
    variables: Vec<(&'static str, &'static str)>,
}

impl Stage {
    fn new(service: Service) -> Self {
        let service = service.callbacks(CALLBACKS).fifo("fifo").start();
        let top = tempfile::tempdir().expect("a temporary folder");
        for folder in ["bin", "conf", "state"] {
            fs::create_dir(top.path().join(folder)).expect("a folder in a fresh one");
        }
        fs::write(top.path().join("conf/schedule.cron"), "").expect("our own file");
        let stage = Self { service, top, scheduler: None, variables: Vec::new() };
        stage.notifier(NOTIFIER);
        stage.service.connect();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    fn notifier(&self, script: &str) {
        let path = self.path("bin/notify");
        fs::write(&path, format!("#!/bin/bash\n{script}\n")).expect("our own file");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("our own file's mode");
    }

    /// Starts the scheduler. From its return on whatever goes wrong is to be told.
    fn start_scheduler(&mut self) {
        let run = self.service.service().sockets();
        let log = fs::File::options().create(true).append(true).open(self.path("log")).expect("our own file");
        let mut command = Command::new(lamplighter());
        command
            .arg("schedule")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LAMPLIGHTER_SERVICE", "scheduler");
        command.env("LAMPLIGHTER_RUN", run).envs(self.variables.iter().copied());
        for folder in ["bin", "conf", "state"] {
            command.env(format!("LAMPLIGHTER_{}", folder.to_uppercase()), self.path(folder));
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.scheduler = Some(command.spawn().expect("the scheduler can be started"));
        if self.path("bin/notify").exists() {
            wait_for("the first memory of alarms", || self.path("state/alarms.json").exists().then_some(()));
        }
    }

    /// Ends the scheduler without a warning.
    fn kill_scheduler(&mut self) {
        if let Some(mut scheduler) = self.scheduler.take() {
            scheduler.kill().expect("our own child can be killed");
            scheduler.wait().expect("our own child can be waited for");
        }
    }

    /// Ends it as its container's stop does.
    fn stop_scheduler(&mut self) {
        let Some(mut scheduler) = self.scheduler.take() else { return };
        common::send(scheduler.id(), 15);
        let ended = || scheduler.try_wait().expect("our own child can be waited for");
        assert!(wait_for("the scheduler's end", ended).success());
    }

    fn told(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("told")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("the message is JSON")).collect()
    }

    /// Waits until so much was told; kinds and actions.
    fn wait_for_told(&self, count: usize) -> Vec<String> {
        let told =
            wait_for(&format!("{count} messages"), || Some(self.told()).filter(|told| told.len() >= count));
        let word = |message: &Value, name: &str| message[name].as_str().unwrap_or("-").to_owned();
        told.iter().map(|message| format!("{} {}", word(message, "kind"), word(message, "action"))).collect()
    }

    /// Waits until it is on disk that everything was told.
    fn wait_for_record(&self) {
        let is_recorded = || {
            let memory: Value =
                serde_json::from_slice(&fs::read(self.path("state/alarms.json")).ok()?).ok()?;
            memory["outbox"].as_array()?.is_empty().then_some(())
        };
        wait_for("the record of what was told", is_recorded);
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill_scheduler();
        if std::thread::panicking() {
            eprintln!("the scheduler's log:\n{}\ntold: {:?}", self.log(), self.told());
        }
    }
}

#[test]
fn a_failed_run_is_told_whoever_asked_for_it_and_its_recovery_too() {
    let mut stage = Stage::new(Service::new());
    stage.start_scheduler();
    let id = stage.service.request("backup");
    assert_eq!(stage.wait_for_told(1), ["failed backup"]);
    let told = &stage.told()[0];
    for (field, expected) in
        [("service", "web"), ("user", "root"), ("id", id.as_str()), ("outcome", "failed")]
    {
        assert_eq!(told[field], expected, "{told}");
    }
    assert_eq!((&told["code"], &told["suppressed"], &told["attempt"]), (&3.into(), &0.into(), &1.into()));
    let output = told["output"].as_str().unwrap_or_default();
    assert!(output.starts_with("saving for root\nno room\n"), "{output}");
    assert_eq!(told["summary"], "web: backup failed with status 3");

    stage.service.run("backup");
    stage.service.write("room", "");
    stage.service.run("backup");
    assert_eq!(stage.wait_for_told(2), ["failed backup", "recovered backup"]);
    assert_eq!(stage.told()[1]["suppressed"], 1);
}

#[test]
fn a_service_in_a_folder_of_its_own_is_followed_also_when_it_comes_back() {
    let mut stage = Stage::new(Service::new().own_folder());
    stage.start_scheduler();
    stage.service.request("backup");
    assert_eq!(stage.wait_for_told(1), ["failed backup"]);
    let output = stage.told()[0]["output"].to_string();
    assert!(output.contains("no room"), "{output}");
    stage.service.stop();
    stage.service.start_again();
    stage.service.request("other");
    assert_eq!(stage.wait_for_told(2), ["failed backup", "failed other"]);
}

#[test]
fn a_run_that_the_schedule_asked_for_is_told() {
    let mut stage = Stage::new(Service::new());
    fs::write(stage.path("conf/schedule.cron"), "@reboot web backup").expect("our own file");
    stage.start_scheduler();
    assert_eq!(stage.wait_for_told(1), ["failed backup"]);
}

#[test]
fn what_failed_while_the_scheduler_was_gone_is_told_after_its_restart_and_only_once() {
    let mut stage = Stage::new(Service::new());
    assert_eq!(stage.service.run("other").outcome, "failed 4", "before there was a scheduler");
    stage.start_scheduler();
    stage.service.request("backup");
    stage.wait_for_told(1);
    stage.wait_for_record();
    stage.kill_scheduler();
    stage.service.write("room", "");
    stage.service.run("backup");
    stage.service.run("other");
    stage.start_scheduler();
    let mut told = stage.wait_for_told(3);
    told[1..].sort();
    assert_eq!(told, ["failed backup", "failed other", "recovered backup"]);
    stage.stop_scheduler();
    stage.start_scheduler();
    fs::remove_file(stage.service.path("room")).expect("our own file");
    stage.service.run("backup");
    assert_eq!(stage.wait_for_told(4)[3], "failed backup", "and nothing before it again");
}

#[test]
fn a_supervisor_that_is_killed_and_comes_back_is_followed_again_and_what_it_cut_off_is_told() {
    let mut stage = Stage::new(Service::new());
    stage.start_scheduler();
    stage.service.request("wait");
    stage.service.log().wait_for("wait");
    stage.service.request("backup");
    stage.wait_for_told(1);
    stage.service.kill();
    wait_for("the supervisor's end", || stage.service.log().exit());
    stage.service.start_again();
    assert_eq!(stage.wait_for_told(2), ["failed backup", "interrupted wait"]);
}

#[test]
fn an_action_that_nobody_asks_for_any_more_is_told_as_overdue() {
    let policy = "[action.backup]\nexpect-within = '2s'";
    let mut stage = Stage::new(Service::new().file("conf/housekeeping.toml", policy));
    stage.service.write("room", "");
    stage.start_scheduler();
    assert_eq!(stage.wait_for_told(1), ["overdue backup"]);
    stage.service.run("backup");
    assert_eq!(stage.wait_for_told(2)[..2], ["overdue backup", "recovered backup"]);
}

#[test]
fn what_a_callback_has_left_is_told_and_that_it_is_over_also_when_that_was_before_anybody_followed() {
    let mut stage = Stage::new(Service::new());
    stage.start_scheduler();
    stage.service.run("leave");
    assert_eq!(stage.wait_for_told(1), ["problem -"]);
    let told = &stage.told()[0];
    assert_eq!((&told["problem"], &told["note"]), (&"left-out".into(), &"one table is in no backup".into()));
    stage.wait_for_record();
    stage.kill_scheduler();
    stage.service.run("mend");
    stage.start_scheduler();
    assert_eq!(stage.wait_for_told(2)[1], "recovered -");
    assert_eq!(stage.told()[1]["problem"], "left-out");
}

#[test]
fn a_notifier_that_failed_is_run_again_with_the_same_message() {
    let mut stage = Stage::new(Service::new());
    stage.notifier(&format!(
        "[[ -e $LAMPLIGHTER_STATE/once ]] || {{ : > $LAMPLIGHTER_STATE/once; exit 1; }}\n{NOTIFIER}"
    ));
    stage.start_scheduler();
    stage.service.request("backup");
    assert_eq!(stage.wait_for_told(1), ["failed backup"]);
    assert_eq!(stage.told()[0]["attempt"], 2);
    assert!(
        stage.log().contains("notify told nobody: it exited with status 1; it is run again"),
        "{}",
        stage.log()
    );
}

#[test]
fn a_scheduler_that_stops_does_not_wait_for_its_notifier_and_tells_after_its_restart() {
    let mut stage = Stage::new(Service::new());
    stage.notifier(": > $LAMPLIGHTER_STATE/begun; sleep 1000");
    stage.start_scheduler();
    stage.service.request("backup");
    wait_for("the notifier", || stage.path("state/begun").exists().then_some(()));
    stage.stop_scheduler();
    stage.notifier(NOTIFIER);
    stage.start_scheduler();
    assert_eq!(stage.wait_for_told(1), ["failed backup"]);
}

#[test]
fn who_wants_everything_is_told_of_starts_successes_and_signs_of_life() {
    let mut stage = Stage::new(Service::new());
    stage.variables = vec![("LAMPLIGHTER_NOTIFY_ALL", "1"), ("LAMPLIGHTER_SIGN_OF_LIFE", "60")];
    stage.service.write("room", "");
    stage.start_scheduler();
    assert_eq!(stage.wait_for_told(1), ["alive -"]);
    stage.service.run("backup");
    assert_eq!(stage.wait_for_told(3), ["alive -", "started backup", "succeeded backup"]);
}

#[test]
fn without_a_notifier_that_is_said_once() {
    let mut stage = Stage::new(Service::new());
    fs::remove_file(stage.path("bin/notify")).expect("our own file");
    stage.start_scheduler();
    let said = wait_for("the log", || Some(stage.log()).filter(|log| log.contains("in force")));
    assert_eq!(said.matches("nobody is told of alarms").count(), 1, "{said}");
    assert!(!stage.path("state/alarms.json").exists());
}
