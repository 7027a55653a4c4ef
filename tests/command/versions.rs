//! Supervisors of other versions, and what is none: shown as far as it can be understood.

use insta::{allow_duplicates, assert_snapshot};
use serde_json::json;

use crate::common::Service;
use crate::stage::{Stage, all};

fn impostor(answer: impl Fn(&str) -> Option<String> + Send + 'static) -> Stage {
    Stage::new().with_impostor("mysql", answer)
}

#[test]
fn a_newer_service_is_shown_as_far_as_it_is_understood_and_its_version_said() {
    let stack = impostor(|_| {
        let status = json!({
            "ok": true, "service": "mysql", "protocol": 2, "version": "9.1.0", "state": "hibernating",
            "mood": "fine", "since": {"day": 3}, "pid": 4711, "waiting": "none", "degraded": [],
            "actions": [{"action": "ok", "last": null}, "new-form"],
        });
        Some(format!("{status}\n"))
    });
    let said = stack.call(&["status"]);
    assert_eq!(said.code, 0);
    assert_snapshot!(said.out, @"
    1 problem:
      mysql: it speaks version 2 of the protocol, and this command version 1: not all may be shown

    SERVICE  STATE  PID  QUEUE  LAST RUNS
    mysql  hibernating  <pid>  idle  ok never
    ");
}

#[test]
fn an_older_service_that_tells_less_is_shown_all_the_same() {
    let stack = impostor(|_| {
        let status = json!({
            "ok": true, "state": "running", "pid": 4711, "degraded": [], "waiting": [], "running": [],
            "actions": [{"action": "ok", "overdue": false, "last_success": null, "last": {
                "id": "1f2e3d4c5b6a7988", "user": "root", "ended_at": "2026-01-01T00:00:00.000Z",
                "outcome": "failed 3", "took_ms": 12,
            }}],
        });
        Some(format!("{status}\n"))
    });
    assert_snapshot!(stack.call(&["status"]).out, @"
    1 problem:
      mysql: ok failed 3, <age> ago: `lamplighter show <id>` has its output

    SERVICE  STATE  PID  QUEUE  LAST RUNS
    mysql  running  <pid>  idle  ok failed <age> ago
    ");
}

/// A supervisor of a later version, that has outcomes which this one does not know.
fn newer() -> Stage {
    impostor(|line| {
        let run = |id, outcome| {
            json!({
                "id": id, "user": "root", "action": "ok", "by": 0, "accepted_at": "2026-01-01T00:00:00.000Z",
                "attempts": [{
                    "attempt": 1, "started_at": "2026-01-01T00:00:00.000Z",
                    "ended_at": "2026-01-01T00:00:01.000Z", "outcome": outcome, "took_ms": 1000,
                }],
                "ended_at": "2026-01-01T00:00:01.000Z", "outcome": outcome, "mood": "fine",
            })
        };
        let (known, new) = (run("1f2e3d4c5b6a7988", "succeeded"), run("77b7883b5b6a7988", "hibernated"));
        let mut foreign = run("99b7883b5b6a7988", "succeeded");
        foreign["attempts"] = json!("many");
        let call: serde_json::Value = serde_json::from_str(line).ok()?;
        let told = match call["op"].as_str()? {
            "history" => json!({"ok": true, "runs": [known, new, foreign]}),
            "show" if call["id"].as_str()?.starts_with("1f") => {
                json!({"ok": true, "run": known, "output": "hi\n"})
            }
            "show" if call["id"].as_str()?.starts_with("99") => {
                json!({"ok": true, "run": foreign, "output": null})
            }
            "show" => json!({"ok": true, "run": new, "output": "z z z\n"}),
            "status" => json!({
                "ok": true, "protocol": 2, "state": "running", "running": ["new-form"],
                "waiting": [{"id": "abcdef0123456789", "action": "slow", "mood": "fine"}],
            }),
            "follow" => json!({"event": "past", "run": new, "output": "z z z\n"}),
            "cancel" => json!({"ok": true}),
            _ => return None,
        };
        Some(format!("{told}\n"))
    })
}

#[test]
fn what_a_newer_service_tells_of_requests_is_shown_and_what_is_missing_said() {
    let stack = newer();
    assert_snapshot!(all(&stack.call(&["history"])), @"
    WHEN (UTC)  SERVICE  ACTION  OUTCOME  TOOK  ID  FOR
    <time>  mysql  ok  succeeded  <took>  <id>  root
    <time>  mysql  ok  hibernated  <took>  <id>  root
    error: cannot read what was asked: mysql tells of a request in a way that this version does not understand
    hint: use the `lamplighter` of the same version as the service's
    exit status 4
    ");
    assert_snapshot!(all(&stack.call(&["show", "1f"])), @"
    ok <id> of mysql: succeeded

    asked  <time> (<age> ago) by root, for root
    attempt 1  <time> succeeded after <took>
    ended  <time> (<age> ago)

    output
    hi
    exit status 0
    ");
    assert_snapshot!(all(&stack.call(&["show", "77"])), @"
    ok <id> of mysql: hibernated

    asked  <time> (<age> ago) by root, for root
    attempt 1  <time> hibernated after <took>
    ended  <time> (<age> ago)

    output
    z z z
    exit status 0
    ");
    assert_snapshot!(all(&stack.call(&["show", "99"])), @"
    error: cannot show the request: mysql tells of <id> in a way that this version does not understand
    hint: use the `lamplighter` of the same version as the service's
    exit status 4
    ");
    assert_eq!(stack.json(&["show", "99"])["run"]["attempts"], "many", "programs get all of it");
    assert_eq!(stack.json(&["show", "77"])["run"]["mood"], "fine");
    assert_snapshot!(all(&stack.call(&["follow", "77"])), @"
    z z z
    ok <id> hibernated after <took>
    exit status 1
    ");
    assert_snapshot!(all(&stack.call(&["cancel", "abc"])), @"
    slow <id> of mysql is called off
    exit status 0
    ");
}

#[test]
fn an_older_service_that_does_not_know_the_call_says_so() {
    let stack = impostor(|_| {
        let refusal = json!({"ok": false, "code": "syntax", "message": "unknown variant, expected `run`"});
        Some(format!("{refusal}\n"))
    });
    assert_snapshot!(all(&stack.call(&["history"])), @"
    error: cannot read what was asked: mysql refuses: unknown variant, expected `run`
    hint: use the `lamplighter` of the same version as the service's
    exit status 3
    ");
    allow_duplicates! {
        for command in ["show", "cancel", "follow"] {
            assert_snapshot!(all(&stack.call(&[command, "1f"])), @"
            error: cannot look for the request `1f`: mysql refuses: unknown variant, expected `run`
            hint: use the `lamplighter` of the same version as the service's
            exit status 3
            ");
        }
    }
    assert_snapshot!(all(&stack.call(&["follow"])), @"
    error: cannot follow what happens: mysql refuses: unknown variant, expected `run`
    hint: use the `lamplighter` of the same version as the service's
    exit status 3
    ");
}

#[test]
fn an_answer_that_is_none_is_quoted_without_what_it_would_do_to_the_terminal() {
    let stack = impostor(|_| Some("HTTP/1.1 400 \x1b[2JBad Request\r\n".to_owned()));
    assert_snapshot!(stack.call(&["status"]).out, @r"
    1 problem:
      mysql: <stack>/data/run/mysql-request.sock answered `HTTP/1.1 400 \x1b[2JBad Request`, which this version does not understand: use the `lamplighter` of the same version as the service's

    SERVICE  STATE
    mysql  unintelligible
    ");
    let said = stack.call(&["run", "mysql", "ok"]);
    assert_eq!(said.code, 4);
    assert_snapshot!(said.err, @r"
    error: cannot run ok: <stack>/data/run/mysql-request.sock answered `HTTP/1.1 400 \x1b[2JBad Request`, which this version does not understand
    hint: use the `lamplighter` of the same version as the service's
    ");
}

#[test]
fn who_hangs_up_without_an_answer_is_unreachable() {
    let stack = impostor(|_| None);
    let said = stack.call(&["run", "mysql", "ok"]);
    assert_eq!(said.code, 4);
    assert_snapshot!(said.err, @"
    error: cannot run ok: cannot reach <stack>/data/run/mysql-request.sock: it hung up before it had answered
    hint: it may be starting or stopping: try again in a moment
    ");
    assert_eq!(stack.json(&["status"])["services"][0]["state"], "hung up");
}

#[test]
fn a_refusal_in_other_words_than_ours_is_passed_on() {
    let stack = impostor(|_| {
        Some("{\"ok\":false,\"code\":\"quota\",\"message\":\"\\u001b[1mno more today\"}\n".into())
    });
    let said = stack.call(&["run", "mysql", "ok"]);
    assert_eq!(said.code, 3);
    assert_snapshot!(said.err, @r"error: cannot run ok: mysql refuses: \x1b[1mno more today");
}

#[test]
fn what_waits_until_the_service_is_up_is_said_to_do_so_also_after_a_failed_attempt() {
    let stack = impostor(|_| {
        let failed = json!({"attempt": 1, "outcome": "failed", "code": 3, "took_ms": 12});
        let status = json!({"ok": true, "state": "running", "waiting": [
            {"id": "1f2e3d4c5b6a7988", "user": "root", "action": "ok", "why": "service"},
            {"id": "77b7883b5b6a7988", "user": "root", "action": "slow", "why": "service", "failed": failed},
            {"id": "99b7883b5b6a7988", "user": "root", "action": "late", "why": "retry", "failed": failed},
        ]});
        Some(format!("{status}\n"))
    });
    let said = stack.call(&["status", "mysql"]).out;
    let lines = [
        "ok <id> for root, waiting until",
        "slow <id> for root, waiting until",
        "late <id> for root, waiting for",
    ];
    assert!(lines.iter().all(|line| said.contains(line)), "{said}");
}

#[test]
fn control_characters_in_names_do_not_reach_the_terminal() {
    let stack = impostor(|_| {
        let status =
            json!({"ok": true, "state": "\u{1b}[31mrunning", "degraded": ["bad\u{7}\r\nnews \u{202e}"]});
        Some(format!("{status}\n"))
    });
    let mut terminal = stack.terminal((120, 24), &["status", "--color", "never"]);
    terminal.exit();
    let bytes = String::from_utf8(terminal.bytes()).unwrap();
    assert!(!bytes.contains(['\x1b', '\x07', '\u{202e}']), "{bytes:?}");
    assert!(bytes.contains(r"\x1b[31mrunning") && bytes.contains(r"bad\x07; news \u{202e}"), "{bytes:?}");
}

/// What the build before the one with kinds and retries told.
#[test]
fn a_supervisor_of_the_build_before_is_shown_with_all_that_it_tells() {
    let stack = impostor(|_| {
        let last = json!({
            "id": "1f2e3d4c5b6a7988", "user": "root", "ended_at": "2026-01-01T00:00:00.000Z",
            "outcome": "failed 3", "took_ms": 12,
        });
        let status = json!({
            "ok": true, "service": "mysql", "protocol": 1, "version": "0.1.0", "state": "running",
            "since": "2026-01-01T00:00:00.000Z", "started_at": "2026-01-01T00:00:00.000Z", "pid": 4711,
            "health": {"healthy": false, "reason": "no\nanswer", "at": "2026-01-01T00:00:00.000Z"},
            "listener": {"state": "ready", "last_good": true},
            "degraded": ["ok is overdue: expected within 1d, and it has never succeeded"],
            "waiting": [{"id": "77b7883b5b6a7988", "user": "root", "action": "slow"}],
            "running": [{"id": "99b7883b5b6a7988", "user": "root", "action": "slow", "running_ms": 5000}],
            "actions": [{"action": "ok", "overdue": true, "last_success": null, "last": last}],
        });
        Some(format!("{status}\n"))
    });
    assert_snapshot!(stack.call(&["status", "mysql"]).out, @"
    3 problems:
      mysql: no; answer, <age> ago
      mysql: ok failed 3, <age> ago: `lamplighter show <id>` has its output
      mysql: ok is overdue: expected within 1d, and it has never succeeded

    state  running since <time> (<age>), pid <number>
    started  <time> (<age>)
    health  unhealthy, as found <age> ago
    listener  ready, with a copy of the last good callbacks
    version  0.1.0
    queue  1 running, 1 waiting
                    slow <id> for root, running <age>
                    slow <id> for root, waiting

    ok
      last  failed 3, <age> ago (<time>), took <took>, for root: <id>
      overdue  yes
    ");
    let service = stack.json(&["status"])["services"][0].clone();
    let last = &service["actions"][0]["last"];
    assert_eq!((&last["outcome"], &last["code"]), (&"failed".into(), &3.into()));
    assert_eq!(service["running"][0]["running_ms"], 5000);
}

/// The command of the build before reads these fields of a status, by these names and in these forms.
#[test]
fn a_command_of_the_build_before_finds_in_a_status_what_it_reads() {
    let policy =
        "[action.bad]\nretry = { attempts = 2, backoff = '2h' }\n[action.late]\nexpect-within = '1s'";
    let callbacks =
        "CB_bad() { return 3; }\nCB_late() { return 4; }\nCB_slow() { echo begun; read -r <$FOLDER/hold; }";
    let service = Service::new().callbacks(callbacks).file("conf/housekeeping.toml", policy).fifo("hold");
    let stack = Stage::new().with_service("mysql", service);
    let mysql = stack.service("mysql");
    mysql.run("late");
    mysql.request("bad");
    mysql.request("slow");
    for said in ["tried again in", "| begun", "is overdue"] {
        mysql.log().wait_for(said);
    }
    let status = mysql.call(r#"{"op":"status"}"#);
    let sentence = "late is overdue: expected within 1s, and it has never succeeded";
    assert_eq!(status["degraded"], json!([sentence]));
    assert_eq!(status["complaints"], json!([{"kind": "overdue", "action": "late", "message": sentence}]));
    let late =
        status["actions"].as_array().unwrap().iter().find(|action| action["action"] == "late").unwrap();
    assert_eq!((&late["last"]["outcome"], &late["overdue"]), (&"failed 4".into(), &true.into()));
    assert!(status["running"][0]["running_ms"].is_u64() && status["waiting"][0]["running_ms"].is_null());
    assert_eq!((&status["protocol"], &status["listener"]["last_good"]), (&1.into(), &false.into()));
    mysql.release("hold");
}
