//! Supervisors without root's rights: an ordinary user's, and one of root's that has three of them, as a container's whose
//! daemon is another user.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, chown};

use common::{AS_ROOT_WITH_THREE_RIGHTS, Running, Service, as_user, is_alive, is_root, skip, wait_for};

const USER: u32 = 12345;

const CALLBACKS: &str = "CB_ok() { :; }
CB_who() { echo \"$(id -u) for $1\"; }
CB_leave() { setsid bash -c 'echo $$ >$FOLDER/left; exec sleep infinity' & until [[ -s $FOLDER/left ]]; do :; done; }
CB_hang() { echo begun; exec sleep infinity; }";
const RULES: &str = "[action.who]\nrun-as = 'request'\nallow = [64123]\n[action.hang]\ntimeout = '1s'";

/// A service whose supervisor is an ordinary user without any right of root's.
fn of_user() -> Service {
    Service::new().callbacks(CALLBACKS).file("conf/housekeeping.toml", RULES)
}

fn start_as_user(service: Service) -> Running {
    service.owned_by(USER).below(&as_user("12345")).start()
}

/// The processes of a service run as this user, and hold these rights.
fn rights(pid: u32) -> (u32, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a field of every process");
        line.split_ascii_whitespace().next().expect("a value").to_owned()
    };
    let uid = field("Uid:").parse().expect("a number");
    (uid, u64::from_str_radix(&field("CapEff:"), 16).expect("bits"))
}

#[test]
fn an_ordinary_users_supervisor_does_all_that_roots_does() {
    if !is_root() {
        return skip("every other test shows it then");
    }
    let service = start_as_user(of_user());
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(rights(service.daemon()), (USER, 0));
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    for (path, mode) in
        [("state/journal.jsonl", 0o600), ("run/web.lock", 0o600), ("run/web-request.sock", 0o660)]
    {
        let found = fs::metadata(service.path(path)).expect(path);
        assert_eq!((found.uid(), found.mode() & 0o777), (USER, mode), "{path}");
    }
    let left = service.run("leave");
    assert_eq!(left.outcome, "succeeded");
    let pid = service.wait_for_line("left").parse().expect("a pid");
    wait_for("the end of what a run has left", || (!is_alive(pid)).then_some(()));
    assert_eq!(service.run("hang").outcome, "timed-out");
    let log = service.log().text();
    assert!(!log.contains("degraded") && !log.contains("cannot"), "{log}");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn what_an_ordinary_users_supervisor_has_begun_is_ended_and_told_by_the_next() {
    if !is_root() {
        return skip("every other test shows it then");
    }
    let mut service = start_as_user(of_user().file("conf/housekeeping.toml", ""));
    let id = service.request("hang");
    service.log().wait_for("| begun");
    let begun = service.processes();
    service.kill();
    wait_for("the supervisor's end", || service.log().exit());
    service.start_again();
    service.log().wait_for(&format!("hang {} ", id.short()));
    assert_eq!(service.outcome("hang", &id).outcome, "interrupted");
    wait_for("the end of what ran", || {
        let listeners = begun.iter().filter(|pid| is_alive(**pid) && name(**pid) == "sleep").count();
        // The daemon that was left alone is none of ours.
        (listeners <= 1).then_some(())
    });
}

fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim_end().to_owned()
}

#[test]
fn as_another_user_nothing_runs_where_nobody_can_become_one_and_that_is_said_to_who_asks() {
    if !is_root() {
        return skip("only root can be root and somebody else");
    }
    let service = start_as_user(of_user());
    service.run("ok");
    let refused = service.ask("daemon who");
    assert_eq!(
        refused,
        "refused policy: `who` runs as who asks, by `run-as` in housekeeping.toml, and here uid 12345 cannot become `daemon` \
         without the capabilities SETGID and SETUID: start the service as root that has them, or take `run-as` away"
    );
    assert!(service.ask("root who").starts_with("refused policy: "));
    let run = service.run_for("12345", "who");
    assert_eq!((run.outcome.as_str(), run.output.as_str()), ("succeeded", "12345 for 12345\n"));
    let journal = fs::read_to_string(service.path("state/journal.jsonl")).expect("a journal");
    assert!(!journal.contains("daemon"), "{journal}");
    service.write("conf/housekeeping.toml", "");
    assert_eq!(service.run_for("daemon", "who").output, "12345 for daemon\n", "by the supervisor's own user");
}

#[test]
fn a_group_that_the_socket_cannot_be_given_to_is_said() {
    if !is_root() {
        return skip("only root can be root and somebody else");
    }
    let service = start_as_user(of_user().variable("LAMPLIGHTER_GROUP", "64123"));
    let said = service.log().wait_for("LAMPLIGHTER_GROUP");
    let socket = service.path("run/web-request.sock");
    assert!(said.contains(&format!("{} has the group 12345 and not 64123", socket.display())), "{said}");
    service.run("ok");

    let service = of_user().own_folder().owned_by(USER).variable("LAMPLIGHTER_GROUP", "64123");
    chown(service.path("run/requests/web"), None, Some(64123)).expect("root can give a folder to a group");
    let service = service.mode("run/requests/web", 0o2750).below(&as_user("12345")).start();
    service.run("ok");
    assert_eq!(service.log().lines_with("LAMPLIGHTER_GROUP"), [""; 0]);
}

#[test]
fn root_with_three_rights_has_a_daemon_and_runs_of_other_users() {
    if !is_root() {
        return skip("only root can be root and somebody else");
    }
    let service = of_user()
        .personality("COMMAND=/bin/sleep OPTS=infinity REUID=daemon")
        .mode("", 0o755)
        .below(&AS_ROOT_WITH_THREE_RIGHTS)
        .start();
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(rights(service.daemon()), (1, 0), "root's rights are not the daemon's");
    assert_eq!(rights(service.pid().as_raw().cast_unsigned()), (0, 1 << 5 | 1 << 6 | 1 << 7));
    let run = service.run_for("64123", "who");
    assert_eq!((run.outcome.as_str(), run.output.as_str()), ("succeeded", "64123 for 64123\n"));
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    let socket = fs::metadata(service.path("run/web-request.sock")).expect("the socket");
    assert_eq!((socket.uid(), socket.gid()), (0, 0));
    assert_eq!(service.stop(), 128 + 15, "it can signal another user's daemon");
}

#[test]
fn root_with_three_rights_ends_what_another_users_run_has_left_in_a_session_of_its_own() {
    if !is_root() {
        return skip("only root can be root and somebody else");
    }
    let leave = "CB_leave() { setsid bash -c 'trap \"\" TERM; echo $$ >$FOLDER/left/pid; exec sleep infinity' & \
                 until [[ -s $FOLDER/left/pid ]]; do :; done; }";
    let service =
        of_user().callbacks(leave).file("conf/housekeeping.toml", "[action.leave]\nrun-as = 'request'");
    fs::create_dir(service.path("left")).expect("a folder in ours");
    let service = service.mode("", 0o755).mode("left", 0o777).below(&AS_ROOT_WITH_THREE_RIGHTS).start();
    assert_eq!(service.run_for("64123", "leave").outcome, "succeeded");
    let pid = service.wait_for_line("left/pid").parse().expect("a pid");
    wait_for("the end of what a run has left", || (!is_alive(pid)).then_some(()));
    service.log().wait_for("left behind and ended: ");
}

#[test]
fn root_that_may_not_read_all_files_says_which_one() {
    if !is_root() {
        return skip("only root can be root and somebody else");
    }
    let service = of_user();
    for script in ["bin/docker-callbacks.sh", "conf/housekeeping.toml"] {
        chown(service.path(script), Some(USER), Some(USER)).expect("root can give a file away");
    }
    let service = service
        .mode("bin/docker-callbacks.sh", 0o600)
        .mode("conf/housekeeping.toml", 0o600)
        .below(&AS_ROOT_WITH_THREE_RIGHTS)
        .start();
    service.log().wait_for("docker-callbacks.sh that can be read");
    let said = service.log().wait_for("degraded: policy: ");
    assert!(said.contains("housekeeping.toml") && said.contains("Permission denied"), "{said}");
    assert_eq!(service.health().0, 0, "the service itself runs");
}
