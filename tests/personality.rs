//! `entrypoint.sh`: personalities as people write them work, and what they leave behind disturbs nobody.

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use common::{Running, Service, is_root, skip};

/// A daemon that shows how it was started, then waits.
const SHOW: &str =
    "echo \"cwd $PWD\"; umask; printf '<%s>' \"$0\" \"$@\"; echo; echo shown; exec sleep infinity";

#[test]
fn a_personality_may_be_as_careless_as_bash_allows() {
    let service = Service::new()
        .daemon(SHOW)
        .file("conf/a-file", "")
        .personality(
            "set -eax\n\
             : \"$NOT_SET_ANYWHERE\"\n\
             false | true\n\
             [[ -e /nonexistent ]] && echo never\n\
             cd \"$FOLDER/conf\"\n\
             umask 027\n\
             cat >\"$FOLDER/made\" <<END\n\
             port ${PORT:-8080}\n\
             END\n\
             COMMAND=\"$FOLDER/bin/daemon first\"\n\
             OPTS='--all=* * a-fil? [a]-file  last'",
        )
        .start();
    service.log().wait_for("shown");
    let folder = service.path("").display().to_string();
    service.log().wait_for(&format!("cwd {folder}conf"));
    service.log().wait_for("0027");
    service.log().wait_for(&format!("<{folder}bin/daemon><first><--all=*><*><a-fil?><[a]-file><last>"));
    assert_eq!(fs::read_to_string(service.path("made")).unwrap(), "port 8080\n");
}

#[test]
fn a_personality_cannot_disturb_what_starts_its_daemon() {
    let service = Service::new()
        .daemon(SHOW)
        .personality(
            "set -Eux -o pipefail -o noglob -o noclobber; IFS=:; shopt -s nullglob failglob extglob\n\
             trap 'echo trapped' ERR DEBUG RETURN\n\
             command=(no such thing) settings=none status=9 GROUP=\n\
             COMMAND=$FOLDER/bin/daemon\n\
             OPTS='one two:three *'",
        )
        .start();
    service.log().wait_for("shown");
    service.log().wait_for("daemon><one><two:three><*>");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn a_personality_may_send_its_errors_elsewhere() {
    let service = Service::new()
        .daemon("echo to the errors >&2; echo shown; exec sleep infinity")
        .personality("exec 2>$FOLDER/errors\nCOMMAND=$FOLDER/bin/daemon")
        .start();
    service.log().wait_for("shown");
    assert_eq!(service.wait_for_line("errors"), "to the errors");
    let service = Service::new().personality("exec 2>&1\nCOMMAND=/bin/cat\nOPTS=/nonexistent").start();
    assert_eq!(service.exit(), 1);
    service.log().wait_for("/nonexistent: No such file");
}

#[test]
fn a_personality_may_become_the_daemon_itself() {
    let service = Service::new().daemon(SHOW).personality("exec $FOLDER/bin/daemon by itself").start();
    service.log().wait_for("daemon><by><itself>");
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
    assert_eq!(service.run("ok").outcome, "succeeded");
    assert_eq!(service.stop(), 128 + 15);
}

#[test]
fn a_personality_may_leave_by_itself() {
    assert_eq!(Service::new().personality("exit 3").start().exit(), 3);
    assert_eq!(Service::new().personality("COMMAND=/bin/sleep; exit 0").start().exit(), 0);
}

#[test]
fn a_command_that_fails_in_a_personality_is_named_with_its_line() {
    let service = Service::new().personality("COMMAND=/bin/sleep\nsh -c 'exit 7'\necho never").start();
    assert_eq!(service.exit(), 7);
    service.log().wait_for("cannot start web: line 2 of docker-entry-setup.sh failed with status 7");
    assert_eq!(service.log().lines_with("never"), [""; 0]);
}

#[test]
fn a_syntax_error_in_a_personality_is_named_with_its_line() {
    let service = Service::new().personality("COMMAND=/bin/sleep\nif then\n").start();
    assert_ne!(service.exit(), 0);
    service.log().wait_for("docker-entry-setup.sh: line 2: syntax error");
}

#[test]
fn no_tracing_of_a_personality_shows_its_secrets() {
    for tracing in ["set -x", "set -v", "set -vx", "set -ax", "exec 2>&1; set -xv"] {
        let service = Service::new()
            .daemon("[[ $PASSWORD == hunter2 ]] && echo the daemon knows; exec sleep infinity")
            .file("conf/secret", "hunter2")
            .personality(&format!(
                "{tracing}\nread_secret() {{ PASSWORD=$(cat $FOLDER/conf/secret); }}\nread_secret\nexport PASSWORD\n\
                 : \"$PASSWORD\"\nCOMMAND=$FOLDER/bin/daemon"
            ))
            .start();
        service.log().wait_for("the daemon knows");
        assert_eq!(service.log().lines_with("hunter2"), [""; 0], "{tracing}");
    }
}

#[test]
fn nothing_leaks_in_from_the_containers_environment() {
    let personalitys = [
        "COMMAND",
        "OPTS",
        "USER",
        "GROUP",
        "USE_RUNSOCK",
        "RUNMODE",
        "USE_VARLOG",
        "REUID",
        "REGID",
        "STOP_SIGNAL",
        "STOP_TIMEOUT",
    ];
    let leaking = personalitys.iter().fold(Service::new(), |service, name| service.variable(name, "leaked"));
    let service = leaking
        .variable("SERVICE", "leaked")
        .variable("TZ", "Europe/Berlin")
        .daemon(&format!("env; {SHOW}"))
        .personality("echo \"at first $SERVICE$COMMAND$OPTS\"; COMMAND=$FOLDER/bin/daemon")
        .start();
    service.log().wait_for("shown");
    service.log().wait_for("TZ=Europe/Berlin");
    assert_eq!(service.log().lines_with("leaked"), [""; 0]);
    assert_eq!(service.stop(), 128 + 15);
    let service = Service::new().variable("COMMAND", "/bin/false").personality("SERVICE=backup").start();
    service.log().wait_for("only callbacks");
}

#[test]
fn the_daemon_gets_no_descriptor_but_the_usual_three() {
    // Whoever runs the tests may have left some open.
    let close_others =
        "for path in /proc/self/fd/*; do n=${path##*/}; ((n < 3)) || exec {n}>&-; done; exec \"$@\"";
    let service = Service::new()
        .below(&["bash", "-c", close_others, "bash"])
        .personality("set -x; COMMAND=/bin/ls OPTS=/proc/self/fd")
        .start();
    assert_eq!(service.exit(), 0);
    let numbers =
        service.log().text().lines().filter(|line| line.parse::<u8>().is_ok()).collect::<Vec<_>>().join(" ");
    // 3 is that of the folder which `ls` lists.
    assert_eq!(numbers, "0 1 2 3");
}

fn mode(service: &Running, path: &str) -> u32 {
    fs::metadata(service.path(path)).expect("a folder that was made").permissions().mode() & 0o7777
}

#[test]
fn the_folder_for_the_services_sockets_has_the_mode_that_is_asked_for() {
    let personality = "SERVICE=web USE_RUNSOCK=1 RUNMODE=2750 COMMAND=sleep OPTS=infinity";
    let service = Service::new().personality(personality).start();
    service.daemon();
    assert_eq!(mode(&service, "run/web"), 0o2750);

    let service = Service::new().personality(personality);
    fs::create_dir(service.path("run/web")).unwrap();
    let service = service.mode("run/web", 0o777).start();
    service.daemon();
    assert_eq!(mode(&service, "run/web"), 0o2750);
}

#[test]
fn folders_are_made_for_who_wants_them_and_for_nobody_else() {
    let service = Service::new()
        .personality("SERVICE=other USE_RUNSOCK=1 USE_VARLOG=1 COMMAND=sleep OPTS=infinity")
        .start();
    service.daemon();
    assert!(service.path("run/other").is_dir());
    assert!(service.path("log/other").is_dir());

    let service = Service::new().personality("SERVICE=web RUNMODE=0700 COMMAND=sleep OPTS=infinity").start();
    service.daemon();
    assert!(!service.path("run/web").exists());
    assert!(!service.path("log/web").exists());
}

#[test]
fn folders_belong_to_the_user_and_group_of_the_personality() {
    if !is_root() {
        return skip("only root can give folders away");
    }
    for (owner, uid, gid) in
        [("USER=daemon", 1, 1), ("USER=daemon GROUP=bin", 1, 2), ("USER=4711 GROUP=4712", 4711, 4712)]
    {
        let personality = format!("{owner} USE_RUNSOCK=1 USE_VARLOG=1 COMMAND=sleep OPTS=infinity");
        let service = Service::new().personality(&personality).start();
        service.daemon();
        for folder in ["run/web", "log/web"] {
            let metadata = fs::metadata(service.path(folder)).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (uid, gid), "{folder} {owner}");
        }
    }
}

#[test]
fn the_daemon_is_of_the_user_and_groups_that_it_drops_to() {
    if !is_root() {
        return skip("only root can become somebody else");
    }
    for (ids, shown) in
        [("REUID=daemon", "1 1 1"), ("REUID=daemon REGID=bin", "1 2 2 1"), ("REUID=0", "0 0 0")]
    {
        let service = Service::new()
            .mode("", 0o755)
            .daemon("echo ids $(id -u) $(id -g) $(id -G).; exec sleep infinity")
            .personality(&format!("{ids} COMMAND=$FOLDER/bin/daemon"))
            .start();
        service.log().wait_for(&format!("ids {shown}."));
    }
}

#[test]
fn the_last_lines_of_the_daemons_own_log_are_shown_when_it_dies() {
    let service = Service::new()
        .file("web.log", "from an earlier day")
        .daemon("seq 50 >>$FOLDER/web.log; echo 'FATAL: the data is damaged' >>$FOLDER/web.log; exit 1")
        .personality("COMMAND=$FOLDER/bin/daemon LOG_FILES=\"$FOLDER/web.log $FOLDER/none.log\"")
        .start();
    assert_eq!(service.exit(), 1);
    service.log().wait_for(&format!("the last lines of {}:", service.path("web.log").display()));
    service.log().wait_for("web.log | FATAL: the data is damaged");
    assert_eq!(service.log().lines_with("web.log | ").len(), 10);
    assert_eq!(service.log().lines_with("earlier day"), [""; 0]);
    assert_eq!(service.log().lines_with("none.log"), [""; 0]);
}

#[test]
fn a_daemon_that_is_asked_to_stop_has_no_last_words() {
    let service = Service::new()
        .daemon("echo goodbye >>$FOLDER/web.log; echo shown; exec sleep infinity")
        .personality("COMMAND=$FOLDER/bin/daemon LOG_FILES=$FOLDER/web.log")
        .start();
    service.log().wait_for("shown");
    assert_eq!(service.stop(), 128 + 15);
    assert_eq!(service.log().lines_with("goodbye"), [""; 0]);
}

#[test]
fn a_service_that_is_not_healthy_says_what_its_daemon_logged_last() {
    let service = Service::new()
        .daemon(
            "printf 'loading\\nwaiting for the disk\\n' >>$FOLDER/web.log; echo shown; exec sleep infinity",
        )
        .personality("COMMAND=$FOLDER/bin/daemon LOG_FILES=$FOLDER/web.log")
        .callbacks("CB_health_check() { [[ -e $FOLDER/good ]] || logError 'no answer'; }")
        .start();
    service.log().wait_for("shown");
    let said = format!(
        "no answer; {} ends with: loading / waiting for the disk\n",
        service.path("web.log").display()
    );
    let (status, health) = service.health();
    assert!(status == 1 && health.ends_with(&said), "{health}");
    let status = service.call(r#"{"op":"status"}"#);
    assert!(
        status["health"]["reason"].as_str().is_some_and(|why| why.ends_with(said.trim_end())),
        "{status}"
    );
    service.write("good", "");
    assert_eq!(service.health(), (0, "healthy\n".to_owned()));
}
