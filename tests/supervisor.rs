//! The supervisor's own life: what it leaves with, whom it signals, what it stops and waits for.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use common::{DEADLINE, Service, is_root, lamplighter, skip, wait_for};

/// Signals that are neither the supervisor's own (TERM, INT, CHLD), nor raised by a fault, nor KILL and STOP,
/// nor glibc's two.
const FORWARDED: [i32; 47] = [
    1, 3, 10, 12, 13, 14, 16, 18, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 34, 35, 36, 37, 38, 39, 40, 41,
    42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 58, 59, 60, 61, 63, 64,
];

/// Waits for signals and nothing else, once its child is `sleep`:
/// before, as a copy of the shell, that would lose what the shell traps.
const WAIT: &str = r#"sleep infinity &
until read -r name </proc/$!/comm && [ "$name" = sleep ]; do :; done
echo the daemon waits
while :; do wait; done"#;

/// A daemon that does `then` on each of these signals, and nothing else. (By `sh`: bash keeps WINCH to itself.)
fn trapping(signals: &str, then: &str) -> Service {
    let script = format!("#!/bin/sh\nfor s in {signals}; do trap \"{then}\" $s; done\n{WAIT}");
    Service::new().program("bin/daemon", &script).personality("COMMAND=$FOLDER/bin/daemon")
}

#[test]
fn the_exit_status_is_the_services() {
    for status in [0, 1, 7, 255] {
        assert_eq!(Service::new().daemon(&format!("exit {status}")).start().exit(), status);
    }
}

#[test]
fn a_service_killed_by_a_signal_gives_128_and_its_number() {
    for signal in (1..=16).chain([24, 25, 26, 27, 29, 30, 31]).chain(34..=64) {
        // Not by bash itself, which ignores QUIT.
        let service = Service::new().daemon(&format!("exec sh -c 'ulimit -c 0; kill -{signal} $$'")).start();
        assert_eq!(service.exit(), 128 + signal);
    }
}

#[test]
fn a_missing_personality_is_said_once_and_gives_127() {
    let service = Service::new().without("bin/docker-entry-setup.sh").start();
    assert_eq!(service.exit(), 127);
    is_said_once(&service, &["no personality", "bin/docker-entry-setup.sh"]);
}

#[test]
fn a_personality_that_cannot_be_read_is_said_once_and_gives_127() {
    let mut service = Service::new().mode("bin/docker-entry-setup.sh", 0o000);
    if is_root() {
        // Root reads everything, but not without this capability.
        service = service.below(&["setpriv", "--bounding-set=-dac_override,-dac_read_search"]);
    }
    let service = service.start();
    assert_eq!(service.exit(), 127);
    is_said_once(&service, &["no personality", "that can be read"]);
}

#[test]
fn a_command_that_is_not_there_is_said_once_and_gives_127() {
    for command in ["$FOLDER/bin/nothing", "no-such-daemon"] {
        let service = Service::new().personality(&format!("COMMAND={command}\nOPTS=--verbose")).start();
        assert_eq!(service.exit(), 127);
        is_said_once(&service, &["COMMAND", command.trim_start_matches("$FOLDER"), "not found"]);
    }
}

#[test]
fn a_command_that_cannot_be_executed_is_said_once_and_gives_126() {
    for command in ["$FOLDER/bin", "$FOLDER/bin/docker-callbacks.sh"] {
        let service = Service::new().personality(&format!("COMMAND={command}")).start();
        assert_eq!(service.exit(), 126);
        is_said_once(&service, &["COMMAND", command.trim_start_matches("$FOLDER"), "executed"]);
    }
}

#[test]
fn a_program_that_the_kernel_refuses_gives_126_and_is_named() {
    let service =
        Service::new().program("bin/broken", "\u{7f}ELF\0").personality("COMMAND=$FOLDER/bin/broken").start();
    assert_eq!(service.exit(), 126);
    service.log().wait_for("bin/broken: cannot execute binary file");
}

/// One line says why the service could not be started, and no other blames anything else.
#[track_caller]
fn is_said_once(service: &common::Running, parts: &[&str]) {
    let said = service.log().lines_with("cannot start web");
    assert_eq!(said.len(), 1);
    for part in parts {
        assert!(said[0].contains(part), "`{part}` is not in: {}", said[0]);
    }
    for misleading in ["degraded", "WARN", "the service runs", "line "] {
        assert_eq!(service.log().lines_with(misleading), [""; 0]);
    }
}

#[test]
fn scripts_that_are_missing_are_named_and_give_127() {
    let service = Service::new().variable("LAMPLIGHTER_SBIN", "/nonexistent").start();
    assert_eq!(service.exit(), 127);
    service.log().wait_for("cannot start web: executing /nonexistent/entrypoint.sh failed: No such file");
}

#[test]
fn a_link_named_supervisor_is_the_supervisor() {
    let service = Service::new().below(&["sh", "-c", "exec $FOLDER/supervisor", "sh"]);
    symlink(lamplighter(), service.path("supervisor")).unwrap();
    let service = service.start();
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn whoever_started_the_supervisor_is_told_of_the_service_and_the_service_of_nobody() {
    let service = Service::new().daemon(&format!("echo \"told: ${{NOTIFY_SOCKET-nobody}}\"; {WAIT}"));
    let manager = UnixDatagram::bind(service.path("manager")).unwrap();
    manager.set_read_timeout(Some(DEADLINE)).unwrap();
    let told = || {
        let mut buffer = [0; 64];
        let bytes = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..bytes]).into_owned()
    };
    let path = service.path("manager");
    let service = service.variable("NOTIFY_SOCKET", path).start();
    assert_eq!(told(), "READY=1\n");
    service.log().wait_for("told: nobody");
    service.term();
    assert_eq!(told(), "STOPPING=1\n");
    service.exit();
}

#[test]
fn a_log_that_nobody_reads_stops_nothing() {
    let service = Service::new()
        .fifo("unread")
        .below(&["bash", "-c", "exec 3<>$FOLDER/unread; exec \"$@\" 2>&3 3>&-", "bash"])
        .callbacks("CB_print() { seq 100000; echo >$FOLDER/printed; }\nCB_mark() { echo >$FOLDER/mark; }")
        .start();
    service.request("print");
    service.wait_for_line("printed");
    service.request("mark");
    service.wait_for_line("mark");
    assert_eq!(service.health().0, 0);
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn a_name_that_is_no_services_gives_125() {
    let service = Service::new().variable("LAMPLIGHTER_SERVICE", "My Site").start();
    assert_eq!(service.exit(), 125);
    service.log().wait_for("service `My Site` is not valid");
}

#[test]
fn term_stops_the_service_and_waits_until_it_has_ended_in_order() {
    let in_order =
        "echo the daemon puts things in order; read -r go <$FOLDER/hold; echo all is in order; exit 0";
    let service = trapping("TERM", in_order).fifo("hold").start();
    service.log().wait_for("the daemon waits");
    service.term();
    service.log().wait_for("the daemon puts things in order");
    assert_eq!(service.call(r#"{"op":"status"}"#)["state"], "stopping");
    assert!(service.ask("root ok").starts_with("refused stopping: "));
    service.release("hold");
    assert_eq!(service.exit(), 0);
    assert_eq!(service.log().lines_with("all is in order").len(), 1);
    let summary = service.log().lines_with("stopped in ");
    assert_eq!(summary.len(), 1);
    assert!(!summary[0].contains("killed"), "{summary:?}");
}

#[test]
fn int_stops_the_service_too() {
    let service = trapping("TERM", "exit 5").start();
    service.log().wait_for("the daemon waits");
    service.signal(2);
    assert_eq!(service.exit(), 5);
}

/// A daemon that nothing but KILL ends, with a child that has a session of its own.
fn stubborn(stop_timeout: u32) -> Service {
    Service::new()
        .daemon(&format!("trap '' TERM; setsid sleep infinity & {WAIT}"))
        .personality(&format!("COMMAND=$FOLDER/bin/daemon STOP_TIMEOUT={stop_timeout}"))
}

#[test]
fn a_second_term_kills_whatever_is_left() {
    let service = stubborn(3600).start();
    service.log().wait_for("the daemon waits");
    service.term();
    service.log().wait_for("stopping after TERM");
    service.term();
    assert_eq!(service.exit(), 137);
    let summary = service.log().wait_for("had to be killed");
    assert!(summary.contains("daemon (pid ") && summary.contains("sleep (pid "), "{summary}");
}

#[test]
fn what_is_left_at_the_stop_timeout_is_killed() {
    let service = stubborn(1).start();
    service.log().wait_for("the daemon waits");
    let began = Instant::now();
    assert_eq!(service.stop(), 137);
    assert!(began.elapsed() >= Duration::from_secs(1));
    service.log().wait_for("KILL in 1 s");
    service.log().wait_for("had to be killed");
}

#[test]
fn the_personality_chooses_the_signal_that_stops_its_daemon() {
    for (name, number) in [("QUIT", 3), ("SIGUSR2", 12), ("28", 28), ("RTMIN+3", 37)] {
        let personality = format!("COMMAND=$FOLDER/bin/daemon STOP_SIGNAL={name}");
        let service = trapping(&number.to_string(), "exit 3").personality(&personality).start();
        service.log().wait_for("the daemon waits");
        assert_eq!(service.stop(), 3, "STOP_SIGNAL={name}");
    }
}

#[test]
fn stop_settings_that_are_none_are_said_and_the_defaults_used() {
    let service =
        Service::new().personality("COMMAND=sleep OPTS=infinity STOP_SIGNAL=NOPE STOP_TIMEOUT=soon").start();
    service.daemon();
    service.log().wait_for("STOP_SIGNAL `NOPE`");
    service.log().wait_for("STOP_TIMEOUT `soon`");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn term_while_the_personality_still_prepares_stops_that() {
    let service = Service::new().personality("echo preparing; sleep infinity; COMMAND=/bin/true").start();
    service.log().wait_for("preparing");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn a_stop_tells_running_callbacks_to_end() {
    let wait = "trap 'echo told to end; exit 0' TERM; echo begun; exec {hold}<> <(:); read -r <&$hold";
    let service = Service::new().callbacks(&format!("CB_wait() {{ {wait}; }}")).start();
    service.request("wait");
    service.log().wait_for("| begun");
    assert_eq!(service.stop(), 128 + 15);
    assert_eq!(service.log().lines_with("| told to end").len(), 1);
    assert_eq!(service.log().lines_with(" interrupted after ").len(), 1);
}

#[test]
fn a_service_of_callbacks_only_lives_until_it_is_stopped() {
    let service = Service::new().personality("SERVICE=backup").start();
    service.log().wait_for("only callbacks");
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(service.call(r#"{"op":"status"}"#)["state"], "callbacks-only");
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    assert_eq!(service.stop(), 0);
}

#[test]
fn a_service_of_callbacks_only_whose_personality_fails_has_ended() {
    let service = Service::new().personality("SERVICE=backup; exit 3").start();
    assert_eq!(service.exit(), 3);
}

#[test]
fn signals_go_to_the_service_once_and_to_nobody_else() {
    let signals = FORWARDED.map(|signal| signal.to_string()).join(" ");
    let trap = format!("for s in {signals}; do trap \"echo callback got $s.\" $s; done");
    let service = trapping(&signals, "echo daemon got $s.")
        .callbacks(&format!(
            "CB_ok() {{ :; }}\nCB_wait() {{ {trap}; echo begun; exec {{hold}}<> <(:); read -r <&$hold; }}"
        ))
        .start();
    service.log().wait_for("the daemon waits");
    service.request("wait");
    service.log().wait_for("| begun");
    let its_child = || {
        let is_sleep =
            |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n");
        service.processes().into_iter().find(is_sleep)
    };
    let child = wait_for("the daemon's own child", its_child);
    for signal in FORWARDED {
        service.signal(signal);
        service.log().wait_for(&format!("daemon got {signal}."));
    }
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(its_child(), Some(child));
    service.stop();
    for signal in FORWARDED {
        assert_eq!(service.log().lines_with(&format!("daemon got {signal}.")).len(), 1);
    }
    assert_eq!(service.log().lines_with("callback got"), [""; 0]);
    assert_eq!(service.log().lines_with("degraded"), [""; 0]);
}

#[test]
fn children_start_with_default_dispositions_and_nothing_blocked() {
    let ignoring = ["sh", "-c", "trap '' HUP INT PIPE USR1; exec \"$@\"", "sh"];
    let signals = "grep -E '^Sig(Blk|Ign)' /proc/self/status";
    let service = Service::new()
        .below(&ignoring)
        .callbacks(&format!("CB_show() {{ {signals}; }}"))
        .daemon(&format!("{signals}; {WAIT}"))
        .start();
    service.run("show");
    service.log().wait_for("the daemon waits");
    let (blocked, ignored) = (service.log().lines_with("SigBlk:"), service.log().lines_with("SigIgn:"));
    assert_eq!((blocked.len(), ignored.len()), (2, 2));
    for line in blocked.iter().chain(&ignored) {
        let set = line.rsplit('\t').next().and_then(|set| u64::from_str_radix(set, 16).ok()).unwrap();
        // 32 and 33 are glibc's own, which has whoever starts us ignore them.
        assert_eq!(set & !(0b11 << 31), 0, "{line}");
    }
}

#[test]
fn what_the_service_leaves_behind_ends_with_it() {
    let service = Service::new().daemon("sleep infinity & setsid --fork sleep infinity; exit 3").start();
    assert_eq!(service.exit(), 3);
    // Asked to, and not killed when the time was up.
    assert_eq!(service.log().lines_with("killed"), [""; 0]);
}

#[test]
fn a_second_supervisor_is_refused_and_the_first_undisturbed() {
    let service = Service::new().start();
    assert_eq!(service.run("ok").outcome, "succeeded");
    let (_, second) = service.service().spawn();
    assert_eq!(second.wait_for_exit().code(), Some(125));
    second.wait_for("another supervisor of `web` runs on ");
    assert_eq!(second.text().lines().count(), 1);
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn after_a_supervisor_that_was_killed_the_next_one_serves() {
    let mut service = Service::new().start();
    assert_eq!(service.run("ok").outcome, "succeeded");
    service.signal(9);
    wait_for("the supervisor's end", || service.log().exit());
    let socket = service.path("run/web-request.sock");
    assert!(socket.exists(), "there was nobody to take it away");
    service.start_again();
    service.daemon();
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(service.stop(), 128 + 15);
    assert!(!socket.exists(), "an ordinary stop takes it away");
}

#[test]
fn what_somebody_has_put_in_the_locks_place_is_neither_followed_nor_waited_for() {
    let victim = Service::new();
    let path = victim.path("victim");
    fs::write(&path, "kept").unwrap();
    let link = |lock: &Path| symlink(&path, lock).unwrap();
    let pipe = |lock: &Path| mkfifo(lock, Mode::S_IRWXU).unwrap();
    let file_of_another = |lock: &Path| {
        fs::write(lock, "").unwrap();
        chown(lock, Some(12_345), None).unwrap();
    };
    let refused = |plant: &dyn Fn(&Path), said: &str| {
        let service = Service::new();
        plant(&service.path("run/web.lock"));
        let service = service.start();
        service.log().wait_for(said);
        assert_eq!(service.run("ok").outcome, "succeeded");
        assert_eq!(service.stop(), 128 + 15);
    };
    refused(&link, "cannot make the lock");
    refused(&pipe, "cannot make the lock");
    if is_root() {
        refused(&file_of_another, "it belongs to uid 12345");
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
}

#[test]
fn the_lock_can_be_held_by_its_owner_alone() {
    let service = Service::new().start();
    service.ask("root ok");
    let mode = fs::metadata(service.path("run/web.lock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn a_socket_that_nobody_listens_on_is_replaced() {
    let service = Service::new();
    drop(UnixListener::bind(service.path("run/web-request.sock")).unwrap());
    let service = service.start();
    service.daemon();
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn the_socket_is_for_its_owner_and_group_whatever_the_umask() {
    for umask in ["000", "077"] {
        let service =
            Service::new().below(&["sh", "-c", &format!("umask {umask}; exec \"$@\""), "sh"]).start();
        service.ask("root ok");
        let mode = fs::metadata(service.path("run/web-request.sock")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o660, "umask {umask}");
    }
}

#[test]
fn the_socket_is_of_the_group_that_is_named() {
    if !is_root() {
        return skip("only root can give a socket to a group");
    }
    for (name, gid) in [("daemon", 1), ("4711", 4711), ("", 0)] {
        let service = Service::new().variable("LAMPLIGHTER_GROUP", name).start();
        service.ask("root ok");
        assert_eq!(fs::metadata(service.path("run/web-request.sock")).unwrap().gid(), gid);
    }
    let service = Service::new().variable("LAMPLIGHTER_GROUP", "no-such-group").start();
    service.log().wait_for("LAMPLIGHTER_GROUP `no-such-group` is no group here");
    assert_eq!(service.run("ok").outcome, "succeeded");
}

#[test]
fn a_socket_deeper_than_an_address_can_hold_works() {
    let service = Service::new();
    let deep = service.path("").join("d".repeat(90)).join("e".repeat(90));
    let service = service.run_folder(&deep).start();
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert!(deep.join("web-request.sock").exists());
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    assert_eq!(service.stop(), 128 + 15);
}
