//! `listener.sh`: callbacks as people write them work, and what fails in them is said and fails the run.

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{Run, Running, Service, is_root, skip, wait_for};

/// One callback, `do`, and what became of it.
fn run(body: &str) -> Run {
    Service::new().callbacks(&format!("CB_do() {{\n{body}\n}}")).start().run("do")
}

#[track_caller]
fn succeeds_and_prints(body: &str, output: &str) {
    let run = run(body);
    assert_eq!((run.outcome.as_str(), run.output.as_str()), ("succeeded", output), "{body}");
}

#[track_caller]
fn fails_with(status: u8, body: &str) -> String {
    let run = run(body);
    assert_eq!(run.outcome, format!("failed {status}"), "{body}: {}", run.output);
    assert!(!run.output.contains("never"), "{body}: {}", run.output);
    run.output
}

#[test]
fn a_callback_gets_its_user_as_argument_and_the_rest_as_environment() {
    let callbacks = "CB_show_all() { echo \"$# $1\"; env | grep ^LAMPLIGHTER_ | sort; }";
    let service = Service::new().callbacks(callbacks).start();
    let daemon = service.daemon();
    let id = common::accepted(&service.ask("forum show-all"));
    let run = service.outcome("show-all", &id);
    let expected = [
        "1 forum".into(),
        "LAMPLIGHTER_ACTION=show-all".into(),
        format!("LAMPLIGHTER_REQUEST={id}"),
        "LAMPLIGHTER_SERVICE=web".into(),
        format!("LAMPLIGHTER_SERVICE_PID={daemon}"),
        "LAMPLIGHTER_USER=forum".into(),
    ];
    for line in expected {
        assert!(run.output.lines().any(|shown| shown == line), "`{line}` is not in:\n{}", run.output);
    }
}

#[test]
fn a_callback_has_no_input() {
    succeeds_and_prints(
        "cat; readlink /proc/self/fd/0; read -r line || echo nothing",
        "/dev/null\nnothing\n",
    );
}

#[test]
fn a_callback_may_use_what_is_not_set() {
    succeeds_and_prints("echo \"[$NOT_SET_ANYWHERE]$2\"", "[]\n");
}

#[test]
fn a_callback_may_exit_or_return_as_it_likes() {
    succeeds_and_prints("echo done; exit; echo never", "done\n");
    succeeds_and_prints("echo done; return; echo never", "done\n");
    succeeds_and_prints("false || exit 0; echo never", "");
    succeeds_and_prints("if false; then :; fi; ! true; false || true; [[ a == b ]] && :; echo on", "on\n");
    fails_with(4, "exit 4; echo never");
    fails_with(5, "return 5; echo never");
    fails_with(1, "false || exit; echo never");
    fails_with(255, "exit -1; echo never");
}

#[test]
fn a_callback_may_become_another_program() {
    succeeds_and_prints("exec setpriv --nnp echo became another", "became another\n");
    fails_with(5, "exec sh -c 'exit 5'; echo never");
    assert!(fails_with(127, "exec /no/such/program").contains("/no/such/program"));
}

#[test]
fn a_callback_may_go_elsewhere() {
    succeeds_and_prints("cd /usr/lib; umask 077; pwd; umask", "/usr/lib\n0077\n");
}

#[test]
fn a_command_that_fails_ends_the_run_and_is_named_with_file_and_line() {
    let output = fails_with(2, "echo before\nls /no/such/file\necho never");
    assert!(output.starts_with("before\n"), "{output}");
    assert!(
        output.contains("docker-callbacks.sh line 3: `ls /no/such/file` failed with status 2\n"),
        "{output}"
    );

    let output = fails_with(3, "inner() {\n    sh -c 'exit 3'\n}\ninner\necho never");
    assert!(
        output.contains("docker-callbacks.sh line 3: `sh -c 'exit 3'` failed with status 3\n"),
        "{output}"
    );

    let output = fails_with(1, "local x\nx=$(false)\necho never");
    assert!(output.contains("docker-callbacks.sh line 3: "), "{output}");

    let output = fails_with(1, "(\nfalse\necho on\n)\necho on");
    assert!(output.contains("docker-callbacks.sh line 3: `false` failed with status 1\n"), "{output}");
}

#[test]
fn a_failure_that_fails_nothing_is_not_said() {
    succeeds_and_prints("[[ -z $(false) ]]; if (exit 3); then :; fi; echo $(false) on", "on\n");
    succeeds_and_prints("set +e; false; set -e; echo on", "on\n");
}

#[test]
fn a_pipe_fails_with_any_of_its_commands() {
    let output = fails_with(1, "echo text | grep -q other | cat\necho never");
    assert!(output.contains("docker-callbacks.sh line 2: "), "{output}");
}

#[test]
fn a_failure_in_a_file_that_the_callbacks_source_names_that_file() {
    let service = Service::new()
        .file("bin/more.sh", "CB_more() {\n    sh -c 'exit 9'\n}")
        .callbacks("source \"$LAMPLIGHTER_BIN/more.sh\"")
        .start();
    let run = service.run("more");
    assert_eq!(run.outcome, "failed 9");
    assert!(run.output.contains("more.sh line 2: `sh -c 'exit 9'` failed with status 9\n"), "{}", run.output);
}

#[test]
fn what_a_callback_returns_is_said_when_it_is_a_failure() {
    let output = fails_with(3, "return 3");
    assert!(
        output.contains("ended with status 3\n") || output.contains("failed with status 3\n"),
        "{output}"
    );
    assert_eq!(output.lines().count(), 1, "{output}");
}

#[test]
fn log_error_ends_the_run_and_log_info_does_not() {
    let output = fails_with(1, "logInfo first \"and  second\"; logError no space is left; echo never");
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines.len(), 2, "{output}");
    assert!(lines[0].ends_with(" INFO  first and  second"), "{output}");
    assert!(lines[1].ends_with(" ERROR no space is left"), "{output}");
}

#[test]
fn traps_of_a_callback_are_kept() {
    let output = fails_with(1, "trap 'echo cleaned up' EXIT; false; echo never");
    assert!(output.ends_with("cleaned up\n"), "{output}");
}

#[test]
fn tracing_in_a_callback_shows_nothing() {
    for tracing in ["set -x", "set -v", "set -vx", "set -o xtrace"] {
        succeeds_and_prints(&format!("{tracing}\nSECRET=hunter2\n: \"$SECRET\"\necho done"), "done\n");
    }
}

#[test]
fn tracing_of_the_callbacks_shows_no_secret_that_they_read() {
    // `set -v` shows the text of the file while it is read, but no value.
    for tracing in ["set -x", "set -v", "set -vx", "set -ax; set -v"] {
        let secret = "SECRET=$(cat $FOLDER/conf/secret); : \"$SECRET\"";
        let callbacks = format!("{tracing}\n{secret}\nCB_do() {{ {secret}; echo done; }}");
        let service = Service::new().file("conf/secret", "hunter2").callbacks(&callbacks).start();
        let run = service.run("do");
        assert_eq!((run.outcome.as_str(), run.output.as_str()), ("succeeded", "done\n"), "{tracing}");
        assert_eq!(service.log().lines_with("hunter2"), [""; 0], "{tracing}");
    }
}

#[test]
fn options_that_the_callbacks_set_for_themselves_end_with_their_reading() {
    let service = Service::new()
        .callbacks("set +eE -auf +o pipefail\nCB_do() { echo \"$-\"; false | true; echo never; }")
        .start();
    let run = service.run("do");
    assert_eq!(run.outcome, "failed 1");
    let options = run.output.lines().next().unwrap_or_default().to_owned();
    assert!(options.contains('e') && options.contains('E') && !options.contains('a'), "{options}");
}

/// As callbacks written for the same contract count, to see whether they are on already. In a PID namespace of its own, so
/// that there is no other bash.
#[test]
fn a_callback_that_counts_bash_finds_itself_and_who_works_beside_it_and_nobody_who_waits() {
    if !is_root() {
        return skip("only root can have a PID namespace of its own");
    }
    // Not in a pipe: its other end may still be called `bash`.
    let count = "local found; found=$(ps --no-headers -C bash -o pid); wc -l <<<\"$found\"";
    let callbacks = format!(
        "CB_count() {{ {count}; }}
CB_long() {{ echo begun; read -r <$FOLDER/hold; }}
CB_health_check() {{ ps --no-headers -C bash -o pid >$FOLDER/seen || echo none >$FOLDER/seen; }}"
    );
    let service = Service::new()
        .callbacks(&callbacks)
        .fifo("hold")
        .below(&["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .start();
    // Itself, and the shell of `$(...)`.
    assert_eq!(service.run("count").output, "2\n");
    service.health();
    assert_eq!(service.wait_for_line("seen"), "none");
    service.request("long");
    service.log().wait_for("| begun");
    assert_eq!(service.run("count").output, "3\n");
    service.release("hold");
}

#[test]
fn what_a_callback_prints_is_logged_line_by_line_whatever_it_is() {
    succeeds_and_prints("printf 'no end of line'", "no end of line\n");
    succeeds_and_prints(
        "echo to stdout; echo to stderr >&2; echo; echo '  spaces'",
        "to stdout\nto stderr\n\n  spaces\n",
    );
    let long = "x".repeat(100_000);
    let printed = run("head -c 100000 /dev/zero | tr '\\0' x; echo").output;
    assert_eq!(printed.replace('\n', ""), long);
    let many = run("seq 20000").output;
    assert_eq!(many.lines().last(), Some("20000"));
    assert_eq!(many.lines().count(), 20_000);
}

#[test]
fn what_the_callbacks_print_while_they_are_read_is_logged_as_the_listeners() {
    let service = Service::new().callbacks("echo reading\nCB_ok() { :; }").start();
    service.log().wait_for("listener | reading");
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn without_callbacks_the_service_runs_and_requests_are_refused_for_that() {
    let service = Service::new().without("bin/docker-callbacks.sh").start();
    service.daemon();
    let why = service.log().wait_for("there are no callbacks");
    assert!(why.contains("bin/docker-callbacks.sh that can be read"), "{why}");
    service.log().wait_for("degraded: ");
    let refusal = service.ask("root ok");
    assert!(refusal.starts_with("refused callbacks: "), "{refusal}");
    assert_eq!(service.call(r#"{"op":"status"}"#)["state"], "running");
    service.write("bin/docker-callbacks.sh", "CB_ok() { :; }");
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn a_syntax_error_leaves_the_service_running_and_is_shown_with_its_line() {
    let service = Service::new().callbacks("CB_ok() {\n    if then\n}").start();
    service.daemon();
    service.log().wait_for("docker-callbacks.sh: line 2: syntax error");
    service.log().wait_for("degraded: ");
    let refusal = service.ask("root ok");
    assert!(refusal.starts_with("refused callbacks: "), "{refusal}");
    let status = service.call(r#"{"op":"status"}"#);
    assert_eq!(status["state"], "running");
    assert!(status["degraded"][0].as_str().is_some_and(|why| why.starts_with("callbacks: ")), "{status}");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn callbacks_that_cannot_be_read_are_tried_ever_more_rarely() {
    let callbacks = "echo try >>$FOLDER/tries; echo another try; if then";
    let service = Service::new().callbacks(&callbacks.replace("; ", "\n")).start();
    let tries = || fs::read_to_string(service.path("tries")).unwrap_or_default().lines().count();
    let until = |count| wait_for(&format!("try {count}"), || (tries() >= count).then_some(()));
    until(1);
    let first = Instant::now();
    until(4);
    // Half of 0.5 s, of 1 s and of 2 s is the least.
    assert!(first.elapsed() >= Duration::from_millis(1700), "{:?}", first.elapsed());
    assert_eq!(tries(), 4);
}

#[test]
fn callbacks_that_cannot_be_read_are_complained_of_once_until_they_are_wrong_in_another_way() {
    let mark = "echo try >>$FOLDER/tries";
    let service = Service::new().callbacks(&format!("{mark}\necho 'no such module' >&2\nfalse")).start();
    let until_tried = |count| {
        wait_for(&format!("try {count}"), || {
            let tries = fs::read_to_string(service.path("tries")).unwrap_or_default();
            (tries.lines().count() >= count).then_some(())
        });
    };
    until_tried(3);
    let named = "docker-callbacks.sh line 3: `false` failed with status 1";
    let degraded = service.log().lines_with("degraded: callbacks: ");
    assert_eq!(degraded.len(), 1, "{degraded:#?}");
    assert!(degraded[0].contains(&format!("no such module; {named}")), "{degraded:#?}");
    assert_eq!(service.log().lines_with("listener | no such module").len(), 1);
    assert!(service.health().1.contains(named), "{}", service.health().1);

    service.write("bin/docker-callbacks.sh", &format!("{mark}\nif then"));
    assert!(service.ask("root ok").starts_with("refused callbacks: "));
    service.log().wait_for_lines("degraded: callbacks: ", 2);
    until_tried(6);
    assert_eq!(service.log().lines_with("degraded: callbacks: ").len(), 2);
    assert_eq!(service.log().lines_with("listener | no such module").len(), 1);
}

#[test]
fn mended_callbacks_are_used_by_the_next_request() {
    let service = Service::new().callbacks("CB_ok() {").start();
    service.log().wait_for("degraded: ");
    assert!(service.ask("root ok").starts_with("refused callbacks: "));
    service.write("bin/docker-callbacks.sh", "CB_ok() { echo mended; }");
    assert_eq!(service.run("ok").output, "mended\n");
    assert_eq!(service.call(r#"{"op":"status"}"#)["degraded"], serde_json::json!([]));
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
}

#[test]
fn changed_callbacks_are_used_by_the_next_request() {
    let service = Service::new().callbacks("CB_version() { echo 0; }").start();
    for version in 1..=5 {
        // In place, and by a rename as editors do.
        let text = format!("CB_version() {{ echo {version}; }}\nCB_new_{version}() {{ :; }}");
        if version % 2 == 0 {
            service.write("bin/docker-callbacks.sh", &text);
        } else {
            fs::write(service.path("bin/docker-callbacks.sh"), text).unwrap();
        }
        assert_eq!(service.run(&format!("new-{version}")).outcome, "succeeded");
        assert_eq!(service.run("version").output, format!("{version}\n"));
    }
    assert!(service.ask("root new-1").starts_with("refused unknown-action: "));
    assert_eq!(service.log().lines_with("degraded"), [""; 0]);
}

#[test]
fn when_callbacks_break_the_last_good_ones_go_on_and_the_breakage_is_shown() {
    let service = Service::new().callbacks("CB_ok() { echo still good; }").start();
    assert_eq!(service.run("ok").output, "still good\n");
    service.write("bin/docker-callbacks.sh", "CB_ok() {");
    for _ in 0..3 {
        assert_eq!(service.run("ok").output, "still good\n");
    }
    service.log().wait_for("degraded: ");
    let (status, said) = service.health();
    assert!(status == 0 && said.contains("degraded: callbacks: "), "{said}");
    service.write("bin/docker-callbacks.sh", "CB_ok() { echo better; }");
    assert_eq!(service.run("ok").output, "better\n");
}

#[test]
fn callbacks_that_leave_while_they_are_read_are_broken() {
    let service = Service::new().callbacks("CB_ok() { :; }\nexit 0").start();
    service.log().wait_for("degraded: ");
    assert!(service.ask("root ok").starts_with("refused callbacks: "));
}

#[test]
fn callbacks_that_hang_while_they_are_read_leave_no_request_without_answer() {
    let service = Service::new().callbacks("CB_ok() { :; }\nread -r line\nsleep infinity").start();
    assert!(service.ask("root ok").starts_with("refused callbacks: "));
    service.write("bin/docker-callbacks.sh", "CB_ok() { :; }");
    assert_eq!(service.run("ok").outcome, "succeeded");
}

/// Logs of 100 bytes, and rules for them that stand at `rules`.
fn with_rules(rules: &str) -> Service {
    let text = "FOLDER/log/*.log {\n    size 10\n    rotate 2\n    missingok\n}";
    let service =
        Service::new().callbacks("CB_rotate_logs() { rotateLogs; }").file("log/web.log", &"x".repeat(100));
    let text = text.replace("FOLDER", &service.path("").display().to_string());
    if rules.is_empty() { service } else { service.file(rules, &text) }
}

/// The shared scripts, beside shared rules of our own.
fn with_shared_rules(service: Service) -> Service {
    fs::create_dir_all(service.path("sbin/logrotate")).expect("a folder in our own");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("target-sbin");
    for name in ["entrypoint.sh", "listener.sh", "lib"] {
        symlink(scripts.join(name), service.path("sbin").join(name)).expect("a link in our own folder");
    }
    let sbin = service.path("sbin");
    service.variable("LAMPLIGHTER_SBIN", sbin)
}

fn has_logrotate() -> bool {
    let there = Command::new("/usr/sbin/logrotate").arg("--version").output().is_ok();
    if !there {
        skip("logrotate is not installed");
    }
    there
}

#[test]
fn logs_are_rotated_by_the_services_own_rules_and_the_state_is_kept() {
    if !has_logrotate() {
        return;
    }
    let service = with_rules("conf/logrotate.conf").mode("conf/logrotate.conf", 0o666).start();
    let run = service.run("rotate-logs");
    assert_eq!(run.outcome, "succeeded", "{}", run.output);
    assert!(run.output.contains("conf/logrotate.conf"), "{}", run.output);
    assert_eq!(fs::read_to_string(service.path("log/web.log.1")).unwrap(), "x".repeat(100) + "\n");
    assert!(!service.path("log/web.log").exists());
    let state = service.path("state/logrotate.state");
    assert!(fs::read_to_string(&state).unwrap().contains("log/web.log"));
    assert_eq!(fs::metadata(state).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn logs_are_rotated_by_the_shared_rules_where_the_service_has_none() {
    if !has_logrotate() {
        return;
    }
    let service = with_shared_rules(Service::new());
    let rules = "LOG {\n    size 10\n    rotate 2\n    postrotate\n        kill -USR1 \"$LAMPLIGHTER_SERVICE_PID\"\n    endscript\n}";
    let rules = rules.replace("LOG", &service.path("log/web.log").display().to_string());
    let service = service
        .file("sbin/logrotate/web.conf", &rules)
        .file("log/web.log", &"x".repeat(100))
        .callbacks("CB_rotate_logs() { rotateLogs; }")
        .daemon("trap 'echo opens its log anew' USR1; echo the daemon waits; sleep infinity & while :; do wait; done")
        .start();
    service.log().wait_for("the daemon waits");
    let run = service.run("rotate-logs");
    assert_eq!(run.outcome, "succeeded", "{}", run.output);
    assert!(service.path("log/web.log.1").exists());
    service.log().wait_for("opens its log anew");
}

#[test]
fn logs_without_rules_are_left_alone() {
    let service = with_rules("").start();
    let run = service.run("rotate-logs");
    assert_eq!(run.outcome, "succeeded");
    assert!(run.output.contains("no rules for rotating the logs of web"), "{}", run.output);
    assert!(service.path("log/web.log").exists());
}

#[test]
fn logs_of_a_service_that_is_not_healthy_are_not_rotated_and_the_run_says_so() {
    let callbacks = "CB_rotate_logs() { rotateLogs; }\nCB_health_check() { [[ -e $FOLDER/healthy ]]; }";
    let service = with_rules("conf/logrotate.conf").callbacks(callbacks).file("healthy", "").start();
    service.daemon();
    service.connect();
    assert_eq!(service.health().0, 0);
    fs::remove_file(service.path("healthy")).unwrap();
    let run = service.run("rotate-logs");
    assert_eq!(run.outcome, "failed 1", "{}", run.output);
    assert!(run.output.contains("logs of web not rotated: it is not healthy"), "{}", run.output);
    assert!(service.path("log/web.log").exists());
    assert!(!service.path("log/web.log.1").exists());
    assert!(!service.path("state/logrotate.state").exists());
    if has_logrotate() {
        service.write("healthy", "");
        let run = service.run("rotate-logs");
        assert_eq!(run.outcome, "succeeded", "{}", run.output);
        assert!(service.path("log/web.log.1").exists());
    }
}

#[test]
fn a_health_check_that_fails_in_its_middle_is_a_failure_before_a_rotation_too() {
    let callbacks = "CB_rotate_logs() { rotateLogs; }\nCB_health_check() {\nfalse\necho it is fine\n}";
    let rules = "[action.rotate-logs]\nneeds = \"nothing\"";
    let service =
        with_rules("conf/logrotate.conf").callbacks(callbacks).file("conf/housekeeping.toml", rules);
    let service = service.start();
    let run = service.run("rotate-logs");
    assert_eq!(run.outcome, "failed 1", "{}", run.output);
    assert!(run.output.contains("logs of web not rotated: it is not healthy"), "{}", run.output);
    assert!(!run.output.contains("it is fine"), "{}", run.output);
}

#[test]
fn rules_that_logrotate_refuses_fail_the_run() {
    if !has_logrotate() {
        return;
    }
    let service =
        with_rules("").file("conf/logrotate.conf", "/var/log/none.log {\n    rotate lots\n}").start();
    let run = service.run("rotate-logs");
    assert_eq!(run.outcome, "failed 1");
    assert!(run.output.contains("lots"), "{}", run.output);
}

/// Weekly logs that are due by the state, with this in the block of `web.log`, and one after it.
fn with_rotation_that_fails(script: &str) -> Running {
    let rules = "FOLDER/log/other.log {\n    weekly\n    rotate 3\n    create\n}\n\
        FOLDER/log/web.log {\n    weekly\n    missingok\n    rotate 3\n    sharedscripts\n    SCRIPT\n        echo run >>FOLDER/script-runs\n        \
        test -e FOLDER/mended\n    endscript\n}";
    let service = Service::new()
        .callbacks("CB_rotate_logs() { rotateLogs; }")
        .file("log/web.log", "first")
        .file("log/other.log", "first");
    let folder = service.path("").display().to_string();
    let rules = rules.replace("FOLDER/", &folder).replace("SCRIPT", script);
    let state = "logrotate state -- version 2\n\"FOLDER/log/web.log\" 2020-1-1-0:0:0\n\"FOLDER/log/other.log\" 2020-1-1-0:0:0";
    let state = state.replace("FOLDER/", &folder);
    service
        .file("conf/logrotate.conf", &rules)
        .file("state/logrotate.state", &state)
        .mode("state/logrotate.state", 0o600)
        .start()
}

fn rotations(service: &Running) -> Vec<String> {
    let names = fs::read_dir(service.path("log")).expect("a folder in our own");
    let mut names: Vec<_> =
        names.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_rotation_that_failed_is_due_again_and_what_it_had_done_is_not() {
    if !has_logrotate() {
        return;
    }
    let service = with_rotation_that_fails("prerotate");
    for _ in 0..2 {
        let run = service.run("rotate-logs");
        assert_eq!(run.outcome, "failed 1", "{}", run.output);
        assert!(run.output.contains("error running shared prerotate script"), "{}", run.output);
        assert_eq!(rotations(&service), ["other.log", "other.log.1", "web.log"]);
        service.write("log/other.log", "second");
    }
    service.write("mended", "");
    let run = service.run("rotate-logs");
    assert_eq!(run.outcome, "succeeded", "{}", run.output);
    assert_eq!(rotations(&service), ["other.log", "other.log.1", "web.log.1"]);
    assert_eq!(fs::read_to_string(service.path("log/other.log.1")).unwrap(), "first\n");
    assert!(!service.path("state/logrotate.state.begun").exists());
}

#[test]
fn a_daemon_that_could_not_be_told_of_its_new_log_is_told_by_the_next_rotation() {
    if !has_logrotate() {
        return;
    }
    let service = with_rotation_that_fails("postrotate");
    for run in 1..=2 {
        assert_eq!(service.run("rotate-logs").outcome, "failed 1");
        assert_eq!(rotations(&service), ["other.log", "other.log.1", "web.log.1"]);
        assert_eq!(fs::read_to_string(service.path("script-runs")).unwrap(), "run\n".repeat(run));
    }
    service.write("mended", "");
    let run = service.run("rotate-logs");
    assert_eq!(run.outcome, "succeeded", "{}", run.output);
    assert!(run.output.contains("had renamed"), "{}", run.output);
    assert_eq!(rotations(&service), ["other.log", "other.log.1", "web.log.1"]);
    assert_eq!(service.run("rotate-logs").outcome, "succeeded");
    assert_eq!(fs::read_to_string(service.path("script-runs")).unwrap(), "run\n".repeat(3));
}

#[test]
fn a_rotation_that_was_ended_in_its_middle_is_finished_by_the_next_one() {
    if !has_logrotate() {
        return;
    }
    let service = with_rotation_that_fails(
        "postrotate\n        test -e FOLDER/mended || sleep infinity"
            .replace("FOLDER/", "$LAMPLIGHTER_STATE/../")
            .as_str(),
    );
    let id = service.request("rotate-logs");
    wait_for("the log is renamed", || service.path("log/web.log.1").exists().then_some(()));
    service.ask(&format!(r#"{{"op":"cancel","id":"{id}"}}"#));
    assert_eq!(service.outcome("rotate-logs", &id).outcome, "cancelled");
    assert!(!service.path("script-runs").exists());
    service.write("mended", "");
    let run = service.run("rotate-logs");
    assert_eq!(run.outcome, "succeeded", "{}", run.output);
    assert_eq!(rotations(&service), ["other.log", "other.log.1", "web.log.1"]);
    assert_eq!(fs::read_to_string(service.path("script-runs")).unwrap(), "run\n");
}
