//! `lamplighter metrics`: what Prometheus reads.

use std::os::unix::fs::PermissionsExt;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::common::{Service, wait_for};
use crate::stage::{Said, Stage, all};

/// The text without what is never the same: instants, ages, the seconds of runs and the version.
fn redact(said: &Said) -> String {
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
    let patterns = [
        (r"(?m)^(\S+_(?:timestamp|start_time)_seconds(?:\{.*\})?) \d{10}(?:\.\d+)?$", "$1 <instant>"),
        (r"(?m)^(\S+(?:_loss_seconds|_lateness_seconds)\{.*\}) \d+(?:\.\d+)?$", "$1 <seconds>"),
        (r"(?m)^(\S+_duration_seconds_(?:bucket|sum)\{.*\}) \d+(?:\.\d+)?$", "$1 <number>"),
        (r#"version="\d+\.\d+\.\d+""#, r#"version="<version>""#),
    ];
    patterns.iter().fold(said.out.clone(), |text, (pattern, with)| {
        regex::Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
    })
}

/// Two services, one of which has failed, and one that does not run.
fn stack() -> Stage {
    let stack = Stage::new()
        .with("mysql", "CB_nightly_backup() { echo dumped; }")
        .with("php", "CB_task() { return 3; }");
    std::fs::create_dir(stack.path("service/redis")).unwrap();
    stack.service("mysql").run("nightly-backup");
    stack.service("php").run("task");
    stack
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is the whole output")]
fn a_stack_is_told_in_the_text_format() {
    assert_snapshot!(redact(&stack().call(&["metrics"])), @r#"
    # HELP lamplighter_build_info The version of Lamplighter that a service runs.
    # TYPE lamplighter_build_info gauge
    lamplighter_build_info{service="mysql",version="<version>"} 1
    lamplighter_build_info{service="php",version="<version>"} 1
    # HELP lamplighter_up Whether a service answers and is not ending (1) or not (0).
    # TYPE lamplighter_up gauge
    lamplighter_up{service="mysql"} 1
    lamplighter_up{service="php"} 1
    lamplighter_up{service="redis"} 0
    # HELP lamplighter_start_time_seconds When a service's supervisor began, since 1970.
    # TYPE lamplighter_start_time_seconds gauge
    lamplighter_start_time_seconds{service="mysql"} <instant>
    lamplighter_start_time_seconds{service="php"} <instant>
    # HELP lamplighter_complaints How much is wrong with a service that serves all the same.
    # TYPE lamplighter_complaints gauge
    lamplighter_complaints{service="mysql"} 0
    lamplighter_complaints{service="php"} 0
    # HELP lamplighter_queue_length Requests that wait for their turn.
    # TYPE lamplighter_queue_length gauge
    lamplighter_queue_length{service="mysql"} 0
    lamplighter_queue_length{service="php"} 0
    # HELP lamplighter_requests_running Requests that are being carried out.
    # TYPE lamplighter_requests_running gauge
    lamplighter_requests_running{service="mysql"} 0
    lamplighter_requests_running{service="php"} 0
    # HELP lamplighter_requests_total Requests by their final outcome, since the journal began.
    # TYPE lamplighter_requests_total counter
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="succeeded"} 1
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="failed"} 0
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="timed-out"} 0
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="interrupted"} 0
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="cancelled"} 0
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="skipped"} 0
    lamplighter_requests_total{service="php",action="task",outcome="succeeded"} 0
    lamplighter_requests_total{service="php",action="task",outcome="failed"} 1
    lamplighter_requests_total{service="php",action="task",outcome="timed-out"} 0
    lamplighter_requests_total{service="php",action="task",outcome="interrupted"} 0
    lamplighter_requests_total{service="php",action="task",outcome="cancelled"} 0
    lamplighter_requests_total{service="php",action="task",outcome="skipped"} 0
    # HELP lamplighter_runs_total Attempts to carry out requests by how they ended, since the journal began.
    # TYPE lamplighter_runs_total counter
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="succeeded"} 1
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="failed"} 0
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="timed-out"} 0
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="interrupted"} 0
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="cancelled"} 0
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="skipped"} 0
    lamplighter_runs_total{service="php",action="task",outcome="succeeded"} 0
    lamplighter_runs_total{service="php",action="task",outcome="failed"} 1
    lamplighter_runs_total{service="php",action="task",outcome="timed-out"} 0
    lamplighter_runs_total{service="php",action="task",outcome="interrupted"} 0
    lamplighter_runs_total{service="php",action="task",outcome="cancelled"} 0
    lamplighter_runs_total{service="php",action="task",outcome="skipped"} 0
    # HELP lamplighter_run_duration_seconds How long attempts to carry out requests took.
    # TYPE lamplighter_run_duration_seconds histogram
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="0.01"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="0.1"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="1.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="5.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="10.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="30.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="60.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="300.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="900.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="3600.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="10800.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="21600.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="+Inf"} <number>
    lamplighter_run_duration_seconds_sum{service="mysql",action="nightly-backup"} <number>
    lamplighter_run_duration_seconds_count{service="mysql",action="nightly-backup"} 1
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="0.01"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="0.1"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="1.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="5.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="10.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="30.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="60.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="300.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="900.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="3600.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="10800.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="21600.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="+Inf"} <number>
    lamplighter_run_duration_seconds_sum{service="php",action="task"} <number>
    lamplighter_run_duration_seconds_count{service="php",action="task"} 1
    # HELP lamplighter_last_success_timestamp_seconds When an action last succeeded, since 1970.
    # TYPE lamplighter_last_success_timestamp_seconds gauge
    lamplighter_last_success_timestamp_seconds{service="mysql",action="nightly-backup"} <instant>
    # HELP lamplighter_action_failing Whether the last request for an action failed, timed out or was interrupted.
    # TYPE lamplighter_action_failing gauge
    lamplighter_action_failing{service="mysql",action="nightly-backup"} 0
    lamplighter_action_failing{service="php",action="task"} 1
    # HELP lamplighter_action_overdue Whether an action has not succeeded for longer than its rule expects.
    # TYPE lamplighter_action_overdue gauge
    lamplighter_action_overdue{service="mysql",action="nightly-backup"} 0
    lamplighter_action_overdue{service="php",action="task"} 0
    # HELP lamplighter_potential_loss_seconds How much of the past is in no backup: what would be lost now.
    # TYPE lamplighter_potential_loss_seconds gauge
    lamplighter_potential_loss_seconds{service="mysql",copy="local"} <seconds>
    # HELP lamplighter_collected_timestamp_seconds When the services were asked, since 1970.
    # TYPE lamplighter_collected_timestamp_seconds gauge
    lamplighter_collected_timestamp_seconds <instant>
    "#);
}

#[test]
#[allow(clippy::too_many_lines, reason = "it is the whole output")]
fn a_stack_is_told_in_openmetrics() {
    assert_snapshot!(redact(&stack().call(&["metrics", "--openmetrics"])), @r#"
    # HELP lamplighter_build The version of Lamplighter that a service runs.
    # TYPE lamplighter_build info
    lamplighter_build_info{service="mysql",version="<version>"} 1
    lamplighter_build_info{service="php",version="<version>"} 1
    # HELP lamplighter_up Whether a service answers and is not ending (1) or not (0).
    # TYPE lamplighter_up gauge
    lamplighter_up{service="mysql"} 1
    lamplighter_up{service="php"} 1
    lamplighter_up{service="redis"} 0
    # HELP lamplighter_start_time_seconds When a service's supervisor began, since 1970.
    # TYPE lamplighter_start_time_seconds gauge
    # UNIT lamplighter_start_time_seconds seconds
    lamplighter_start_time_seconds{service="mysql"} <instant>
    lamplighter_start_time_seconds{service="php"} <instant>
    # HELP lamplighter_complaints How much is wrong with a service that serves all the same.
    # TYPE lamplighter_complaints gauge
    lamplighter_complaints{service="mysql"} 0
    lamplighter_complaints{service="php"} 0
    # HELP lamplighter_queue_length Requests that wait for their turn.
    # TYPE lamplighter_queue_length gauge
    lamplighter_queue_length{service="mysql"} 0
    lamplighter_queue_length{service="php"} 0
    # HELP lamplighter_requests_running Requests that are being carried out.
    # TYPE lamplighter_requests_running gauge
    lamplighter_requests_running{service="mysql"} 0
    lamplighter_requests_running{service="php"} 0
    # HELP lamplighter_requests Requests by their final outcome, since the journal began.
    # TYPE lamplighter_requests counter
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="succeeded"} 1
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="failed"} 0
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="timed-out"} 0
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="interrupted"} 0
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="cancelled"} 0
    lamplighter_requests_total{service="mysql",action="nightly-backup",outcome="skipped"} 0
    lamplighter_requests_total{service="php",action="task",outcome="succeeded"} 0
    lamplighter_requests_total{service="php",action="task",outcome="failed"} 1
    lamplighter_requests_total{service="php",action="task",outcome="timed-out"} 0
    lamplighter_requests_total{service="php",action="task",outcome="interrupted"} 0
    lamplighter_requests_total{service="php",action="task",outcome="cancelled"} 0
    lamplighter_requests_total{service="php",action="task",outcome="skipped"} 0
    # HELP lamplighter_runs Attempts to carry out requests by how they ended, since the journal began.
    # TYPE lamplighter_runs counter
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="succeeded"} 1
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="failed"} 0
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="timed-out"} 0
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="interrupted"} 0
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="cancelled"} 0
    lamplighter_runs_total{service="mysql",action="nightly-backup",outcome="skipped"} 0
    lamplighter_runs_total{service="php",action="task",outcome="succeeded"} 0
    lamplighter_runs_total{service="php",action="task",outcome="failed"} 1
    lamplighter_runs_total{service="php",action="task",outcome="timed-out"} 0
    lamplighter_runs_total{service="php",action="task",outcome="interrupted"} 0
    lamplighter_runs_total{service="php",action="task",outcome="cancelled"} 0
    lamplighter_runs_total{service="php",action="task",outcome="skipped"} 0
    # HELP lamplighter_run_duration_seconds How long attempts to carry out requests took.
    # TYPE lamplighter_run_duration_seconds histogram
    # UNIT lamplighter_run_duration_seconds seconds
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="0.01"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="0.1"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="1.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="5.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="10.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="30.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="60.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="300.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="900.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="3600.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="10800.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="21600.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="mysql",action="nightly-backup",le="+Inf"} <number>
    lamplighter_run_duration_seconds_sum{service="mysql",action="nightly-backup"} <number>
    lamplighter_run_duration_seconds_count{service="mysql",action="nightly-backup"} 1
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="0.01"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="0.1"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="1.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="5.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="10.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="30.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="60.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="300.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="900.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="3600.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="10800.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="21600.0"} <number>
    lamplighter_run_duration_seconds_bucket{service="php",action="task",le="+Inf"} <number>
    lamplighter_run_duration_seconds_sum{service="php",action="task"} <number>
    lamplighter_run_duration_seconds_count{service="php",action="task"} 1
    # HELP lamplighter_last_success_timestamp_seconds When an action last succeeded, since 1970.
    # TYPE lamplighter_last_success_timestamp_seconds gauge
    # UNIT lamplighter_last_success_timestamp_seconds seconds
    lamplighter_last_success_timestamp_seconds{service="mysql",action="nightly-backup"} <instant>
    # HELP lamplighter_action_failing Whether the last request for an action failed, timed out or was interrupted.
    # TYPE lamplighter_action_failing gauge
    lamplighter_action_failing{service="mysql",action="nightly-backup"} 0
    lamplighter_action_failing{service="php",action="task"} 1
    # HELP lamplighter_action_overdue Whether an action has not succeeded for longer than its rule expects.
    # TYPE lamplighter_action_overdue gauge
    lamplighter_action_overdue{service="mysql",action="nightly-backup"} 0
    lamplighter_action_overdue{service="php",action="task"} 0
    # HELP lamplighter_potential_loss_seconds How much of the past is in no backup: what would be lost now.
    # TYPE lamplighter_potential_loss_seconds gauge
    # UNIT lamplighter_potential_loss_seconds seconds
    lamplighter_potential_loss_seconds{service="mysql",copy="local"} <seconds>
    # HELP lamplighter_collected_timestamp_seconds When the services were asked, since 1970.
    # TYPE lamplighter_collected_timestamp_seconds gauge
    # UNIT lamplighter_collected_timestamp_seconds seconds
    lamplighter_collected_timestamp_seconds <instant>
    # EOF
    "#);
}

#[test]
fn the_scheduler_tells_how_late_it_is_and_what_became_of_alarms() {
    let callbacks = "CB_task() { return 3; }";
    let stack = Stage::new()
        .with("php", callbacks)
        .with_notifier("[[ $(jq --raw-output .kind) != failed || -e told ]] || { touch told; exit 1; }")
        .with_schedule("5 4 1 1,7 * php task\n@reboot redis late\n");
    stack.service("php").run("task");
    let sample = |name: &str| sample(&stack, name);
    wait_for("the alarm to be told at the second try", || {
        let told = sample("lamplighter_alarms_told_total{service=\"scheduler\"}")?;
        (told == "1").then_some(())
    });
    assert_eq!(sample("lamplighter_alarms_failed_total{service=\"scheduler\"}").unwrap(), "1");
    assert_eq!(sample("lamplighter_alarms_waiting{service=\"scheduler\"}").unwrap(), "0");
    assert_eq!(sample("lamplighter_schedule_entries{service=\"scheduler\"}").unwrap(), "2");
    assert_eq!(sample("lamplighter_schedule_undelivered{service=\"scheduler\"}").unwrap(), "1");
    wait_for("what nobody takes to be late", || {
        let late: f64 =
            sample("lamplighter_schedule_lateness_seconds{service=\"scheduler\"}")?.parse().unwrap();
        (late > 0.0).then_some(())
    });
}

/// The value of a sample.
fn sample(stack: &Stage, name: &str) -> Option<String> {
    let said = stack.command(&["metrics"]).output().unwrap();
    assert!(said.status.success(), "{said:?}");
    let text = String::from_utf8(said.stdout).unwrap();
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::to_owned)
}

#[test]
fn what_was_counted_is_not_less_after_a_stop_a_kill_and_a_compaction() {
    let callbacks =
        "CB_ok() { :; }\nCB_bad() { return 3; }\nCB_hangs() { echo begun; read -r <$FOLDER/hold; }";
    let policy = "[action.bad]\nretry = { attempts = 2, backoff = '1s' }";
    let service = Service::new().callbacks(callbacks).file("conf/housekeeping.toml", policy).fifo("hold");
    let mut stack = Stage::new().with_service("mysql", service);
    let counted = |stack: &Stage| -> Vec<String> {
        let said = stack.call(&["metrics"]);
        let is_count = |line: &&str| {
            !line.ends_with(" 0")
                && (line.starts_with("lamplighter_r") && line.contains("_total")
                    || line.contains("_seconds_count"))
        };
        said.out
            .lines()
            .filter(is_count)
            .map(|line| line.trim_start_matches("lamplighter_").to_owned())
            .collect()
    };
    let mysql = stack.service("mysql");
    mysql.run("ok");
    mysql.run("ok");
    mysql.run("bad");
    mysql.request("hangs");
    mysql.log().wait_for("| begun");
    let before = counted(&stack);
    assert_snapshot!(before.join("\n"), @r#"
    requests_total{service="mysql",action="bad",outcome="failed"} 1
    requests_total{service="mysql",action="ok",outcome="succeeded"} 2
    runs_total{service="mysql",action="bad",outcome="failed"} 2
    runs_total{service="mysql",action="ok",outcome="succeeded"} 2
    run_duration_seconds_count{service="mysql",action="bad"} 2
    run_duration_seconds_count{service="mysql",action="ok"} 2
    "#);
    stack.service("mysql").kill();
    wait_for("the supervisor to be gone", || stack.service("mysql").log().exit());
    stack.service_mut("mysql").start_again();
    let known = |stack: &Stage| {
        wait_for("the totals to be known", || {
            let status = stack.service("mysql").call(r#"{"op":"status"}"#);
            status["actions"][0]["totals"].is_object().then_some(())
        });
        counted(stack)
    };
    let mut after_a_kill = known(&stack);
    // The run that was on has its end now.
    assert_snapshot!(after_a_kill.join("\n"), @r#"
    requests_total{service="mysql",action="bad",outcome="failed"} 1
    requests_total{service="mysql",action="hangs",outcome="interrupted"} 1
    requests_total{service="mysql",action="ok",outcome="succeeded"} 2
    runs_total{service="mysql",action="bad",outcome="failed"} 2
    runs_total{service="mysql",action="hangs",outcome="interrupted"} 1
    runs_total{service="mysql",action="ok",outcome="succeeded"} 2
    run_duration_seconds_count{service="mysql",action="bad"} 2
    run_duration_seconds_count{service="mysql",action="ok"} 2
    "#);
    assert_eq!(stack.service("mysql").stop(), 143);
    let state = stack.service("mysql").path("state");
    let (mut journal, _) = lamplighter::journal::Journal::open(&state, jiff::Timestamp::now()).unwrap();
    // As if ninety days had passed.
    let keep = lamplighter::journal::Keep { age: jiff::SignedDuration::ZERO, runs: 0 };
    journal.compact(&keep, jiff::Timestamp::now()).unwrap();
    drop(journal);
    stack.service_mut("mysql").start_again();
    assert_eq!(known(&stack), after_a_kill);
    stack.service("mysql").run("ok");
    for line in &mut after_a_kill {
        if line.contains(r#"action="ok""#) {
            *line = line.replace(" 2", " 3");
        }
    }
    assert_eq!(counted(&stack), after_a_kill);
}

#[test]
fn an_instant_that_a_callback_leaves_is_the_end_of_the_certificate_or_what_the_copy_elsewhere_has() {
    let callbacks = "CB_look() { leaveInstant certificate 2036-02-03T04:05:06Z 'good for a while'; }\n\
        CB_offsite_copy() { leaveInstant offsite \"$(date --utc --date='1 hour ago' +%Y-%m-%dT%H:%M:%SZ)\" 'a copy'; }\n\
        CB_odd() { leaveInstant certificate tomorrow 'good for a while'; }\nCB_restore_drill() { :; }\nCB_nightly_backup() { :; }";
    let stack = Stage::new().with("web", callbacks);
    let sample = |name: &str| sample(&stack, name);
    let certificate = "lamplighter_certificate_expiry_timestamp_seconds{service=\"web\"}";
    let proven = "lamplighter_last_proven_restore_timestamp_seconds{service=\"web\"}";
    let loss = |copy: &str| format!("lamplighter_potential_loss_seconds{{service=\"web\",copy=\"{copy}\"}}");
    assert_eq!((sample(certificate), sample(proven), sample(&loss("offsite"))), (None, None, None));
    assert_eq!(sample(&loss("local")).unwrap(), "+Inf", "there is no backup at all");
    for action in ["look", "offsite-copy", "restore-drill", "nightly-backup"] {
        assert_eq!(stack.service("web").run(action).outcome, "succeeded");
    }
    assert_eq!(sample(certificate).unwrap(), "2085624306");
    assert!(sample(proven).is_some());
    let number = |copy| sample(&loss(copy)).unwrap().parse::<f64>().unwrap();
    assert!((3600.0..3690.0).contains(&number("offsite")) && number("local") < 90.0);
    assert_ne!(stack.service("web").run("odd").outcome, "succeeded", "what is no instant is no fact");
    assert_eq!(sample(certificate).unwrap(), "2085624306");
}

#[test]
fn changes_that_are_kept_since_the_backup_are_not_lost_and_without_one_all_is() {
    let loss = |actions: &'static [&'static str]| {
        let stack = Stage::new().with_impostor("mysql", move |_| {
            let actions = actions.iter().map(|action| {
                let ended_at = if *action == "keep-changes" { jiff::Timestamp::now() } else { jiff::Timestamp::UNIX_EPOCH };
                let success = json!({
                    "id": "1f2e3d4c5b6a7988", "user": "root", "ended_at": ended_at.to_string(), "outcome": "succeeded",
                    "took_ms": 12,
                });
                let success = if *action == "never" { Value::Null } else { success };
                let action = if *action == "never" { "nightly-backup" } else { action };
                json!({"action": action, "overdue": false, "last": success, "last_success": success})
            });
            let status = json!({
                "ok": true, "service": "mysql", "protocol": 1, "version": "0.1.0", "state": "running", "degraded": [],
                "waiting": [], "running": [], "actions": actions.collect::<Vec<_>>(),
            });
            Some(format!("{status}\n"))
        });
        sample(&stack, "lamplighter_potential_loss_seconds{service=\"mysql\",copy=\"local\"}")
            .unwrap()
            .parse::<f64>()
            .unwrap()
    };
    assert!(loss(&["nightly-backup"]) > 1e9);
    assert!(loss(&["nightly-backup", "keep-changes"]) < 90.0);
    assert!(loss(&["never", "keep-changes"]).is_infinite());
}

#[test]
fn a_supervisor_of_before_is_told_without_what_it_does_not_count() {
    let stack = Stage::new().with_impostor("mysql", |_| {
        let success = json!({
            "id": "1f2e3d4c5b6a7988", "user": "root", "ended_at": "2026-01-01T00:00:00.000Z",
            "outcome": "succeeded", "took_ms": 12,
        });
        let status = json!({
            "ok": true, "service": "mysql", "protocol": 1, "version": "0.1.0", "state": "running", "degraded": [],
            "waiting": [], "running": [],
            "actions": [{"action": "ok", "overdue": true, "last": success, "last_success": success}],
        });
        Some(format!("{status}\n"))
    });
    assert_snapshot!(redact(&stack.call(&["metrics"])), @r#"
    # HELP lamplighter_build_info The version of Lamplighter that a service runs.
    # TYPE lamplighter_build_info gauge
    lamplighter_build_info{service="mysql",version="<version>"} 1
    # HELP lamplighter_up Whether a service answers and is not ending (1) or not (0).
    # TYPE lamplighter_up gauge
    lamplighter_up{service="mysql"} 1
    # HELP lamplighter_complaints How much is wrong with a service that serves all the same.
    # TYPE lamplighter_complaints gauge
    lamplighter_complaints{service="mysql"} 0
    # HELP lamplighter_queue_length Requests that wait for their turn.
    # TYPE lamplighter_queue_length gauge
    lamplighter_queue_length{service="mysql"} 0
    # HELP lamplighter_requests_running Requests that are being carried out.
    # TYPE lamplighter_requests_running gauge
    lamplighter_requests_running{service="mysql"} 0
    # HELP lamplighter_last_success_timestamp_seconds When an action last succeeded, since 1970.
    # TYPE lamplighter_last_success_timestamp_seconds gauge
    lamplighter_last_success_timestamp_seconds{service="mysql",action="ok"} <instant>
    # HELP lamplighter_action_failing Whether the last request for an action failed, timed out or was interrupted.
    # TYPE lamplighter_action_failing gauge
    lamplighter_action_failing{service="mysql",action="ok"} 0
    # HELP lamplighter_action_overdue Whether an action has not succeeded for longer than its rule expects.
    # TYPE lamplighter_action_overdue gauge
    lamplighter_action_overdue{service="mysql",action="ok"} 1
    # HELP lamplighter_collected_timestamp_seconds When the services were asked, since 1970.
    # TYPE lamplighter_collected_timestamp_seconds gauge
    lamplighter_collected_timestamp_seconds <instant>
    "#);
}

/// What somebody answers who has taken a service over.
#[test]
fn nothing_that_a_socket_answers_breaks_the_format_or_makes_series_without_end() {
    let stack = Stage::new().with_impostor("mysql", |_| {
        let action = |name: &str, totals: &Value| json!({"action": name, "totals": totals, "last": null});
        let many: Value = (0..500).map(|n| (format!("word-{n}"), json!(1))).collect::<serde_json::Map<_, _>>().into();
        let totals = [
            json!({"requests": many, "runs": {"failed": -1, "succeeded": "2", "skipped": 3}, "took_ms": 1e99}),
            json!({"up_to_ms": [1, 5, 2], "took": [1, 2, 3, 4]}),
            json!({"up_to_ms": [1, 2], "took": [1, 2]}),
            json!({"up_to_ms": [1, 2], "took": [u64::MAX, u64::MAX, 1], "took_ms": u64::MAX}),
            json!("none"),
        ];
        let named = ["a", "a", "b", "c", "d", "e"].iter().zip(totals.iter().cycle());
        let mut actions: Vec<Value> = named.map(|(name, totals)| action(name, totals)).collect();
        actions.push(action("evil\"} 1\nlamplighter_up{service=\"php\"", &totals[0]));
        actions.extend((0..1000).map(|n| action(&format!("z{n:04}"), &json!({}))));
        let status = json!({
            "ok": true, "service": "php", "state": "running\nx 1", "version": "1\"} 2\n# EOF\nx\\\u{1b}\r\u{0}\u{202e}",
            "health": {"healthy": true, "reason": "\n"}, "started_at": "+009999-12-31T00:00:00Z",
            "facts": {"certificate": {"message": "x", "instant": "-009998-01-01T00:00:00Z"}}, "actions": actions,
        });
        Some(format!("{status}\n"))
    });
    let said = stack.call(&["metrics"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let form = regex::Regex::new(
        r#"^(# (HELP|TYPE) lamplighter_\w+ .+|lamplighter_\w+(\{\w+="([^"\\\n]|\\[\\"n])*"(,\w+="([^"\\\n]|\\[\\"n])*")*\})? (\+Inf|-?\d+(\.\d+)?))$"#,
    )
    .unwrap();
    let mut series = std::collections::BTreeSet::new();
    for line in said.out.split_terminator('\n') {
        assert!(form.is_match(line), "{line:?}");
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        if let Some((name, _)) = line.rsplit_once(' ').filter(|_| !line.starts_with('#')) {
            assert!(series.insert(name.to_owned()), "{name} is told twice");
        }
    }
    assert!(series.len() < 4000, "{} series", series.len());
    let others = |name: &&String| name.contains("outcome=\"other\"");
    assert_eq!(series.iter().filter(others).count(), 1, "what is not known is told together");
    assert!(said.out.contains("\nlamplighter_up{service=\"mysql\"} 1\n"), "{}", said.out);
}

#[test]
fn a_file_for_the_collector_is_replaced_as_a_whole_and_readable() {
    let stack = Stage::new().with("mysql", "CB_ok() { :; }");
    let said = stack.call(&["metrics", "--output", "lamplighter.prom"]);
    assert_eq!(all(&said), "exit status 0");
    let path = stack.path("lamplighter.prom");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("lamplighter_up{service=\"mysql\"} 1\n"), "{text}");
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o644);
    let reader = std::fs::File::open(&path).unwrap();
    assert_eq!(stack.call(&["metrics", "-o", "lamplighter.prom"]).code, 0);
    assert_eq!(std::io::read_to_string(reader).unwrap(), text, "who reads has the old one to its end");
    let names: Vec<_> =
        std::fs::read_dir(stack.path(".")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains(".new")), "{names:?}");

    let said = stack.call(&["metrics", "--output", "metrics.txt"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("whose names end in `.prom`"), "{}", said.err);
    let said = stack.call(&["metrics", "--output", "x.prom", "--openmetrics"]);
    assert_eq!(said.code, 2, "the collector reads no OpenMetrics");
    assert_snapshot!(all(&stack.call(&["metrics", "--output", "nowhere/x.prom"])), @"
    error: cannot write nowhere/x.prom: No such file or directory (os error 2)
    exit status 2
    ");
}

#[test]
fn where_nobody_may_be_asked_nothing_is_told_of_the_services() {
    let stack = Stage::new().with("mysql", "CB_ok() { :; }");
    let said = stack.call_without_access("mysql", &["metrics"]);
    assert_eq!((said.code, said.out.as_str()), (4, ""), "{said:?}");
    assert!(said.err.starts_with("error: cannot ask for the metrics: "), "{}", said.err);
}

#[test]
fn each_metric_is_in_the_page_with_its_type_and_its_labels() {
    let page = include_str!("../../docs/METRICS.md");
    let stack = stack();
    let said = stack.call(&["metrics", "--openmetrics"]);
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `lamplighter_"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() >= 20, "{rows:?}");
    let labels = regex::Regex::new(r#"(\w+)=""#).unwrap();
    for line in said.out.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let written = format!("`{name}{suffix}`");
        let row =
            rows.iter().find(|row| row[0] == written).unwrap_or_else(|| panic!("no {written} in the page"));
        assert_eq!(row[1], kind, "{written}");
        let sample = said.out.lines().find(|line| line.starts_with(&format!("{name}{suffix}"))).unwrap();
        let told: Vec<_> = labels
            .captures_iter(sample)
            .map(|found| found[1].to_owned())
            .filter(|name| name != "le")
            .collect();
        assert_eq!(row[2].replace('`', ""), told.join(", "), "{written}");
    }
}
