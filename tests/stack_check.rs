//! `lamplighter check` of a stack's folder: what would go wrong is said before it does, and nothing is run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A copy of the stack that this repository is, to be broken.
struct Stack(TempDir);

impl Stack {
    fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["service", "target-sbin", "docker-compose.yaml", ".env.example"] {
            let copied = Command::new("cp").arg("-r").arg(own.join(name)).arg(top.path()).status();
            assert!(copied.unwrap().success());
        }
        fs::rename(top.path().join(".env.example"), top.path().join(".env")).unwrap();
        Self(top)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), text).unwrap();
    }

    /// Replaces a text in a file, which must have it.
    fn change(&self, name: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(old), "{name} has no `{old}`");
        self.write(name, &text.replacen(old, new, 1));
    }

    /// The exit status of `lamplighter check` in the stack's folder, and what it prints.
    fn check(&self, arguments: &[&str]) -> (i32, String) {
        self.run("check", arguments, None)
    }

    /// The same of any command, with a time zone in the environment or none.
    fn run(&self, command: &str, arguments: &[&str], zone: Option<&str>) -> (i32, String) {
        let mut process = Command::new(env!("CARGO_BIN_EXE_lamplighter"));
        process.arg(command).args(arguments).current_dir(self.0.path()).env_remove("TZ");
        process.env_remove("LAMPLIGHTER_RUN").env("LAMPLIGHTER_CONF", "/nonexistent");
        process.envs(zone.map(|zone| ("TZ", zone)));
        let output = process.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }

    /// What is said of a stack with this fault, which must make it fail.
    #[track_caller]
    fn assert_fails(&self, said: &[&str]) {
        let (code, text) = self.check(&[]);
        assert_eq!(code, 1, "{text}");
        for said in said {
            assert!(text.contains(said), "`{said}` is not said:\n{text}");
        }
    }

    /// The same, for what is a warning.
    #[track_caller]
    fn assert_warns(&self, said: &[&str]) {
        let (code, text) = self.check(&[]);
        assert_eq!(code, 0, "{text}");
        assert_eq!(self.check(&["--strict"]).0, 1);
        for said in said {
            assert!(text.contains(said), "`{said}` is not said:\n{text}");
        }
    }
}

const COMPOSE: &str = "docker-compose.yaml";

#[test]
fn the_stack_of_this_repository_is_clean() {
    let (code, text) = Stack::new().check(&["--strict"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.ends_with("0 errors, 0 warnings\n"), "{text}");
}

#[test]
fn a_script_that_bash_does_not_understand_is_shown_with_its_line() {
    let stack = Stack::new();
    stack.write("service/redis/bin/docker-callbacks.sh", "CB_rotate_logs() {\n    if true; then\n}\n");
    stack.assert_fails(&[
        "service/redis/bin/docker-callbacks.sh:3:1: syntax error near unexpected token `}'",
        "3 | }",
    ]);
    assert!(!stack.check(&["."]).1.contains("./service"), "paths are written as people write them");
}

#[test]
fn nothing_of_a_script_is_run() {
    let stack = Stack::new();
    let trap = stack.path("sprung");
    let text = format!("touch {0}\nCB_rotate_logs() {{ touch {0}; }}\n", trap.display());
    for name in ["docker-callbacks.sh", "docker-entry-setup.sh"] {
        stack.write(&format!("service/redis/bin/{name}"), &text);
    }
    stack.check(&[]);
    assert!(!trap.exists());
}

#[test]
fn what_a_personality_says_wrongly_is_told() {
    let stack = Stack::new();
    stack.write(
        "service/redis/bin/docker-entry-setup.sh",
        "COMMAND=redis\nSTOP_SIGNAL=QIUT STOP_TIMEOUT=1m\n",
    );
    stack.assert_fails(&[
        "docker-entry-setup.sh:2:1: `QIUT` is no signal",
        "2:18: `1m` is no number of seconds",
    ]);
    stack.write("service/redis/bin/docker-entry-setup.sh", "COMAND=redis\n");
    stack.assert_warns(&[
        "docker-entry-setup.sh:1:1: warning: `COMAND` means nothing here",
        "did you mean `COMMAND`?",
    ]);
}

#[test]
fn rules_for_an_action_that_no_callback_does_are_told() {
    let stack = Stack::new();
    stack.write("service/redis/conf/housekeeping.toml", "[action.rotate-log]\ntimeout = \"5m\"\n");
    stack.assert_warns(&["[action.rotate-log]", "did you mean `rotate-logs`?"]);
}

#[test]
fn a_schedule_that_asks_for_what_no_callback_does_is_told() {
    let stack = Stack::new();
    // A call is no definition.
    stack.write("service/redis/bin/docker-callbacks.sh", "CB_rotate_logs \"$@\"\nother() { :; }\n");
    stack.write("service/scheduler/conf/schedule.cron", "@daily redis rotate-logs\n");
    stack.assert_warns(&["redis has no action `rotate-logs`"]);
}

#[test]
fn mounts_that_a_service_needs_are_missed() {
    for (mount, target) in [
        ("./target-sbin:/usr/local/sbin:ro", "/usr/local/sbin"),
        ("./service/mysql/bin:/usr/local/bin:ro", "/usr/local/bin"),
        ("./service/mysql/conf:/usr/local/conf:ro", "/usr/local/conf"),
        ("${LAMPLIGHTER_DATA:-./data}/lamplighter/mysql:/var/lib/lamplighter", "/var/lib/lamplighter"),
    ] {
        let stack = Stack::new();
        // Not the one of the service before.
        let text = fs::read_to_string(stack.path(COMPOSE)).unwrap();
        let at = text.find("  mysql:\n").unwrap();
        let changed = text[at..].replacen(&format!("      - {mount}\n"), "", 1);
        stack.write(COMPOSE, &format!("{}{changed}", &text[..at]));
        stack.assert_fails(&[&format!("`mysql` does not mount {target}"), "  mysql:"]);
    }
    let stack = Stack::new();
    stack.change(COMPOSE, "      - ${LAMPLIGHTER_DATA:-./data}/run/requests/mysql:/run/requests/mysql\n", "");
    stack.assert_fails(&["`mysql` mounts neither /run/requests/mysql nor /run: nobody can ask it"]);
}

#[test]
fn a_service_copied_from_another_and_not_adapted_is_told() {
    let stack = Stack::new();
    stack.change(COMPOSE, "hostname: redis", "hostname: mysql");
    stack.change(COMPOSE, "./service/redis/bin", "./service/mysql/bin");
    stack.change(COMPOSE, "lamplighter/redis:", "lamplighter/mysql:");
    stack.assert_fails(&[
        "`redis` has the name of another service",
        "`redis` mounts what is another service's",
        "`redis` has the journal of `mysql`",
    ]);
    let stack = Stack::new();
    stack.change(COMPOSE, "    hostname: redis\n", "");
    stack.change(COMPOSE, "}/run/requests/redis:", "}/run/requests/mysql:");
    stack.assert_fails(&[
        "`redis` has no `hostname`",
        "`redis` has its request socket where nobody looks for it",
    ]);
}

#[test]
fn services_that_share_one_run_share_the_same_one() {
    let stack = Stack::new();
    for name in ["mysql", "redis"] {
        let own = format!("/run/requests/{name}:/run/requests/{name}\n");
        stack.change(COMPOSE, &own, if name == "redis" { "/run2:/run\n" } else { "/run:/run\n" });
    }
    stack.assert_fails(&["`redis` has another /run than the services above"]);
}

#[test]
fn a_folder_that_is_not_there_is_told_before_docker_makes_it() {
    let stack = Stack::new();
    fs::remove_dir_all(stack.path("service/redis/conf")).unwrap();
    stack.assert_fails(&["there is no service/redis/conf: Docker would mount an empty folder"]);
}

#[test]
fn what_is_dangerous_or_forgotten_is_a_warning() {
    let stack = Stack::new();
    stack.change(
        COMPOSE,
        "      - ./target-sbin",
        "      - /var/run/docker.sock:/var/run/docker.sock\n      - ./target-sbin",
    );
    stack.change(COMPOSE, "./service/redis/bin:/usr/local/bin:ro", "./service/redis/bin:/usr/local/bin");
    fs::create_dir_all(stack.path("service/mail/bin")).unwrap();
    stack.assert_warns(&[
        "whoever is in this container is root on the host",
        "`redis` can write to /usr/local/bin",
        "the folder service/mail is for no service here",
    ]);
    let stack = Stack::new();
    stack.change(COMPOSE, "  healthcheck: &health", "  x-nobody-asks: &health");
    stack.assert_warns(&["`redis` has no `healthcheck`"]);
}

#[test]
fn a_stop_that_docker_would_cut_short_is_told() {
    let stack = Stack::new();
    stack.write("service/redis/bin/docker-entry-setup.sh", "COMMAND=redis-server\nSTOP_TIMEOUT=70\n");
    stack.assert_warns(&[
        "Docker kills `redis` after 60 s, while its STOP_TIMEOUT is 70 s",
        "`stop_grace_period: 75s`",
    ]);
    stack.change(COMPOSE, "stop_grace_period: 60s", "stop_grace_period: 1m15s");
    assert_eq!(stack.check(&["--strict"]).0, 0);
}

#[test]
fn a_compose_file_that_is_no_yaml_is_shown_with_its_line() {
    let stack = Stack::new();
    stack.write(COMPOSE, "services:\n  mysql:\n    image: [a, b\n  redis: x\n");
    stack.assert_fails(&["docker-compose.yaml:4:"]);
}

#[test]
fn programs_get_it_as_json() {
    let stack = Stack::new();
    stack.change(COMPOSE, "hostname: redis", "hostname: mysql");
    let (code, text) = stack.check(&["--json"]);
    assert_eq!(code, 1);
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fault = &told["faults"][0];
    assert_eq!(
        (fault["file"].as_str(), fault["severity"].as_str()),
        (Some("docker-compose.yaml"), Some("error"))
    );
    assert_eq!(told["others"], serde_json::json!([]));
}

#[test]
fn settings_that_compose_does_not_take_are_shown_with_their_place() {
    let stack = Stack::new();
    stack.write(".env", "A=x\nB='y\n");
    stack.assert_fails(&[".env:2:3: this quote is never closed\n  |\n2 | B='y\n  |   ^"]);
    stack.write(".env", "A=x\nB=${C:?set it}\n");
    stack.assert_fails(&[".env:2:3: `C` has to be set: set it"]);
}

#[test]
fn each_line_that_the_two_generations_of_compose_read_differently_is_warned_of() {
    let stack = Stack::new();
    stack.write(".env", "A=1\nSECRET=p@ss$$word\nBACKUP_PATH='/srv/x'y\nC=3 # as it should be\n");
    stack.assert_warns(&[
        ".env:2:1: warning: docker-compose 1.29 reads `SECRET=p@ss$$word`, `docker compose` 2 `SECRET=p@ss$word`",
        "= hint: both read `SECRET='p@ss$word'`",
        ".env:3:1: warning: docker-compose 1.29 reads no `BACKUP_PATH` at all, `docker compose` 2 `BACKUP_PATH=/srv/x`",
        "0 errors, 2 warnings",
    ]);
}

#[test]
fn a_time_zone_that_is_none_is_told_with_the_one_that_was_meant() {
    let stack = Stack::new();
    for (zone, hint) in [
        ("Mars/Phobos", "such as Europe/Berlin"),
        ("Europe/Berln", "did you mean `Europe/Berlin`?"),
        ("europe/berlin", "did you mean `Europe/Berlin`?"),
    ] {
        stack.write(".env", &format!("A=1\nTZ={zone} # here\n"));
        let (place, caret) = (format!(".env:2:4: there is no time zone `{zone}`"), "  |    ^^^^");
        stack.assert_fails(&[&place, caret, hint]);
        // The environment comes before the file, here as in Compose.
        assert_eq!(stack.run("check", &[], Some("Asia/Tokyo")).0, 0);
        stack.write(".env", "TZ=Asia/Tokyo\n");
        let (code, said) = stack.run("check", &[], Some(zone));
        assert_eq!(code, 1, "{said}");
        assert!(
            said.contains(&format!("TZ in the environment: there is no time zone `{zone}` ({hint}")),
            "{said}"
        );
    }
}

#[test]
fn commands_on_the_host_tell_times_in_the_zone_of_the_stack() {
    let stack = Stack::new();
    for (dotenv, environment, zone) in [
        ("TZ=Asia/Kolkata # ours\n", None, "Asia/Kolkata"),
        ("TZ=Asia/Kolkata\n", Some("Asia/Tokyo"), "Asia/Tokyo"),
        ("TZ=\n", None, "UTC"),
    ] {
        stack.write(".env", dotenv);
        let (code, said) = stack.run("explain", &["5", "4", "*", "*", "*"], environment);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains(&format!("next in {zone}: ")), "{dotenv}: {said}");
        for arguments in [&["."][..], &["--expr", "5 4 * * *"], &["service/scheduler/conf/schedule.cron"]] {
            let (code, said) = stack.run("next", arguments, environment);
            assert_eq!(code, 0, "{said}");
            assert!(said.contains(&format!(" {zone} ")), "{dotenv}, {arguments:?}: {said}");
        }
    }
    stack.write(".env", "TZ=Mars/Phobos\n");
    for arguments in [&["explain", "5 4 * * *"], &["next", "."]] {
        let (code, said) = stack.run(arguments[0], &arguments[1..], None);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(".env:1:4: there is no time zone `Mars/Phobos`"), "{said}");
    }
}
