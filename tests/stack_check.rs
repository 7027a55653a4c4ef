//! `lamplighter check` of a stack's folder: what would go wrong is said before it does, and nothing is run.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
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
fn a_setting_that_nothing_reads_is_warned_of_with_the_one_that_was_meant() {
    let stack = Stack::new();
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(".env.example")).unwrap();
    stack.write(".env.example", &format!("{example}\n# NOT_SET_YET=\n"));
    assert_eq!(stack.check(&[]).0, 0);
    stack.write(
        ".env",
        "SITE_NAEM=forum.example\nNOT_SET_YET=1\nCOMPOSE_PARALLEL_LIMIT=2\nOWN=x\nUSED=y\nHTTP_PORT=${USED_TOO}\nUSED_TOO=8081\n",
    );
    stack.write("docker-compose.override.yaml", "services:\n  php:\n    environment:\n      A: ${USED}\n");
    stack.assert_warns(&[
        ".env:1:1: warning: `SITE_NAEM` is no setting, and nothing reads it\n",
        "= hint: did you mean `SITE_NAME`?",
        ".env:4:1: warning: `OWN` is no setting, and nothing reads it\n",
        "0 errors, 2 warnings",
    ]);
    let (code, said) = stack.run("settings", &[], None);
    assert_eq!(code, 0);
    assert!(
        said.contains("`SITE_NAEM` is no setting") && said.contains("did you mean `SITE_NAME`?"),
        "{said}"
    );
    // Each container may have all of the file.
    stack.write("docker-compose.override.yaml", "services:\n  php:\n    env_file: .env\n");
    assert_eq!(stack.check(&["--strict"]).0, 0);
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

#[test]
fn what_the_owner_adds_to_the_schedule_is_checked_and_shown_in_its_own_file() {
    let stack = Stack::new();
    stack.write(
        "local/schedule.d/own.cron",
        "# mine\n5 24 * * * redis rotate-logs\n5 4 * * * redis rotat-logs\n",
    );
    stack.assert_fails(&[
        "local/schedule.d/own.cron:2:3: the hour `24` is too large",
        "local/schedule.d/own.cron:3:11: warning: redis has no action `rotat-logs`",
    ]);
    stack.write("local/schedule.d/own.cron", "1 2 30 12 * redis rotate-logs\n");
    let (code, text) = stack.run("next", &[".", "--from", "2026-12-30T02:00", "-n", "300"], Some("UTC"));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("1 2 30 12 *"), "{text}");
}

#[test]
fn where_runs_cannot_be_forked_is_noted_with_the_reason_and_is_nothing_wrong() {
    let stack = Stack::new();
    stack.write(
        "service/redis/bin/docker-callbacks.sh",
        "source \"$LAMPLIGHTER_BIN/more.sh\"\nCB_rotate_logs() { rotateLogs; }\n",
    );
    stack.write(
        "service/redis/bin/more.sh",
        "# $$ stands in a comment here\nhelper() {\n    echo /tmp/$$\n}\n",
    );
    let (code, text) = stack.check(&["--strict"]);
    assert_eq!(code, 0, "{text}");
    let note = "service/redis/bin/docker-callbacks.sh: note: each run reads the callbacks itself, which takes longer: more.sh: `$$` in \
                line 3 is the number of another process in a fork: `$BASHPID` is its own\n";
    assert!(text.contains(note), "{text}");
}

#[test]
fn what_the_owner_adds_to_a_service_is_checked_as_the_services_own_is() {
    let stack = Stack::new();
    stack.write("local/service/php/docker-callbacks.sh", "CB_fetch_feeds() {\n    if true; then\n}\n");
    stack.write("local/service/php/housekeeping.toml", "[action.fetch-feeds]\ntimeuot = \"2h\"\n");
    stack.assert_fails(&[
        "local/service/php/docker-callbacks.sh:3:1: syntax error near unexpected token `}'",
        "local/service/php/housekeeping.toml:2:1: unknown key `timeuot`",
    ]);
    stack.write("local/service/php/docker-callbacks.sh", "CB_fetch_feeds() { :; }\n");
    stack.write("local/service/php/housekeeping.toml", "[action.fetch-feds]\n[action.task-check]\n");
    stack.assert_warns(&[
        "local/service/php/housekeeping.toml: warning: [action.fetch-feds]",
        "did you mean `fetch-feeds`?",
        "0 errors, 1 warning",
    ]);
}

#[test]
fn the_schedule_may_ask_for_what_the_owner_adds_and_the_services_own_policy_may_name_it() {
    let stack = Stack::new();
    stack.write("local/service/php/docker-callbacks.sh", "CB_fetch_feeds() { :; }\n");
    stack.write("local/schedule.d/own.cron", "@daily forum php fetch-feeds\n");
    let (code, text) = stack.check(&["--strict"]);
    assert_eq!(code, 0, "{text}");
    stack.write("local/schedule.d/own.cron", "@daily forum php fetch-feed\n");
    stack.assert_warns(&["php has no action `fetch-feed`", "did you mean `fetch-feeds`?"]);
}

#[test]
fn what_nobody_would_read_in_the_owners_folders_is_told() {
    for (file, said) in [
        (
            "local/service/phpp/docker-callbacks.sh",
            "local/service/phpp: warning: nobody reads what is in here: there is no service `phpp`; did you mean `local/service/php`?",
        ),
        (
            "local/service/php/docker-callback.sh",
            "local/service/php/docker-callback.sh: warning: nobody reads it; did you mean `docker-callbacks.sh`?",
        ),
        (
            "local/service/php/bin/docker-callbacks.sh",
            "local/service/php/bin: warning: nobody reads it: service/php is the stack's",
        ),
        (
            "local/service/scheduler/docker-callbacks.sh",
            "docker-callbacks.sh: warning: nobody reads it: `scheduler` has no callbacks",
        ),
        (
            "local/service/prepare/folder",
            "local/service/prepare/folder: warning: nobody reads it; did you mean `folders`?",
        ),
    ] {
        let stack = Stack::new();
        stack.write(file, "CB_one() { :; }\n");
        stack.assert_warns(&[said]);
    }
    // What they source, and folders that wait for something, are nobody's fault.
    let stack = Stack::new();
    stack.write("local/service/php/feeds.sh", "one() { :; }\n");
    stack.write("local/service/prepare/folders", "");
    fs::create_dir_all(stack.path("local/service/mail")).unwrap();
    assert_eq!(stack.check(&["--strict"]).0, 0);
}

#[test]
fn a_compose_file_that_does_not_mount_what_the_owner_adds_is_told() {
    let stack = Stack::new();
    stack.change(COMPOSE, "      - ./local/service/php:/usr/local/local/service:ro\n", "");
    assert_eq!(stack.check(&["--strict"]).0, 0, "nothing is added");
    stack.write("local/service/php/docker-callbacks.sh", "CB_fetch_feeds() { :; }\n");
    stack.assert_fails(&[
        "`php` does not mount /usr/local/local/service",
        "`- ./local/service/php:/usr/local/local/service:ro`",
    ]);
    let stack = Stack::new();
    stack.change(
        COMPOSE,
        "./local/service/php:/usr/local/local/service:ro",
        "./local/service/php:/usr/local/local/service",
    );
    stack.assert_warns(&["`php` can write to /usr/local/local/service"]);
    let stack = Stack::new();
    stack.change(COMPOSE, "./local/service/php:", "./local/service/redis:");
    stack.assert_fails(&["`php` mounts what is another service's"]);
}

const OVERRIDE: &str = "docker-compose.override.yaml";

/// What Compose adds to the stack, as README has it.
const FEEDS: &str = "services:
  feeds:
    image: lamplighter:${COMPOSE_PROJECT_NAME:-lamplighter}
    hostname: feeds
    user: '10050'
    healthcheck: {test: [CMD, /usr/local/sbin/lamplighter, health, --every, 60s]}
    stop_grace_period: 15s
    volumes:
      - ./target-sbin:/usr/local/sbin:ro
      - ./local/service/feeds/bin:/usr/local/bin:ro
      - ./local/service/feeds/conf:/usr/local/conf:ro
      - ${LAMPLIGHTER_DATA:-./data}/run/requests/feeds:/run/requests/feeds
      - ${LAMPLIGHTER_DATA:-./data}/lamplighter/feeds:/var/lib/lamplighter
";

/// A stack with a whole service of its owner's.
fn with_own_service() -> Stack {
    let stack = Stack::new();
    stack.write(OVERRIDE, FEEDS);
    stack.write("local/service/feeds/bin/docker-entry-setup.sh", "SERVICE=feeds\n");
    stack.write("local/service/feeds/bin/docker-callbacks.sh", "CB_fetch() { :; }\n");
    stack.write("local/service/feeds/conf/housekeeping.toml", "[action.fetch]\ntimeout = '5m'\n");
    stack.write("local/schedule.d/own.cron", "@daily feeds fetch\n");
    stack
}

#[test]
fn a_whole_service_of_the_owners_is_checked_like_one_of_the_stacks() {
    let stack = with_own_service();
    let (code, text) = stack.check(&["--strict"]);
    assert_eq!(code, 0, "{text}");
    stack.write("local/schedule.d/own.cron", "@daily feeds fetsch\n@daily fedes fetch\n");
    stack.write("local/service/feeds/bin/docker-callbacks.sh", "CB_fetch() {\n");
    stack.write("local/service/feeds/conf/housekeeping.toml", "[action.fetch]\ntimeout = 5\n");
    stack.write("local/service/feeds/bin/docker-entry-setup.sh", "STOP_TIMEOUT=20\n");
    stack.assert_fails(&[
        "local/service/feeds/bin/docker-callbacks.sh:1:1: syntax error",
        "local/service/feeds/conf/housekeeping.toml:2:11: `timeout` is a number without a unit",
        "there is no service `fedes`",
        "feeds has no action `fetsch`",
        "docker-compose.override.yaml:7:24: warning: Docker kills `feeds` after 15 s, while its STOP_TIMEOUT is 20 s",
    ]);
}

#[test]
fn what_the_owners_compose_file_lacks_is_told_in_that_file() {
    let stack = with_own_service();
    stack.change(OVERRIDE, "      - ./local/service/feeds/conf:/usr/local/conf:ro\n", "");
    stack.change(OVERRIDE, "lamplighter/feeds:", "lamplighter/redis:");
    stack.assert_fails(&[
        "docker-compose.override.yaml:2:3: `feeds` does not mount /usr/local/conf",
        "`- ./local/service/feeds/conf:/usr/local/conf:ro`",
        "`feeds` has the journal of `redis`",
    ]);
    let stack = with_own_service();
    fs::remove_file(stack.path(OVERRIDE)).unwrap();
    stack.assert_warns(&["the folder local/service/feeds is for no service here"]);
    // A part of a service is no whole one.
    stack.write(OVERRIDE, &format!("{FEEDS}  php:\n    mem_limit: 2g\n"));
    assert_eq!(stack.check(&["--strict"]).0, 0);
    stack.write(OVERRIDE, "services:\n  php:\n    volumes: ['/var/run/docker.sock:/var/run/docker.sock']\n");
    stack.assert_warns(&[
        "docker-compose.override.yaml:3:15: warning: whoever is in this container is root on the host",
    ]);
}

/// Stands for the program that has the daemons check their files: it prints and says this, and ends with that.
fn with_daemons(said: &str, complaint: &str, status: i32) -> Stack {
    let stack = Stack::new();
    let text = format!(
        "#!/bin/sh\necho called >>calls\nprintf '%b' '{said}'\nprintf '%b' '{complaint}' >&2\nexit {status}\n"
    );
    stack.write("bin/check-local", &text);
    fs::set_permissions(stack.path("bin/check-local"), fs::Permissions::from_mode(0o755)).unwrap();
    stack
}

#[test]
fn what_the_daemons_say_of_their_files_are_errors_with_their_lines() {
    let stack = with_daemons(
        "local/php.d/own.ini:2: syntax error\nlocal/php-fpm.d: PHP-FPM would not start: why\n",
        "",
        1,
    );
    stack.write("local/php.d/own.ini", "; one\nmemory_limit = (\n");
    stack.assert_fails(&[
        "local/php.d/own.ini:2:1: syntax error\n  |\n2 | memory_limit = (",
        "local/php-fpm.d: PHP-FPM would not start: why",
        "2 errors, 0 warnings",
    ]);
    let (code, text) = stack.check(&["--json"]);
    assert_eq!(code, 1);
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    let fault = &told["faults"][0];
    assert_eq!(
        (fault["file"].as_str(), fault["line"].as_u64(), fault["severity"].as_str()),
        (Some("local/php.d/own.ini"), Some(2), Some("error"))
    );
    assert_eq!(stack.check(&["--without-daemons"]).0, 0);
}

#[test]
fn daemons_that_cannot_be_asked_are_a_warning_and_no_silence() {
    let stack = with_daemons("", "there is no image yet: bin/up makes it\n", 3);
    stack.write("local/redis.d/own.conf", "timeout 77\n");
    stack.assert_warns(&[
        "local: warning: the daemons have not checked all of it: there is no image yet: bin/up makes it",
    ]);
    // An end that says nothing is no answer either.
    let stack = with_daemons("", "", 1);
    stack.write("local/redis.d/own.conf", "timeout 77\n");
    stack
        .assert_warns(&["the daemons have not checked all of it: bin/check-local ended with exit status: 1"]);
    let stack = Stack::new();
    stack.write("local/redis.d/own.conf", "timeout 77\n");
    stack.assert_warns(&["the daemons have not checked it: bin/check-local cannot be run"]);
    // What some have found counts, though others could not be asked.
    let stack = with_daemons("local/redis.d/own.conf:1: bad\n", "php cannot be checked\n", 3);
    stack.write("local/redis.d/own.conf", "timeout 77\n");
    stack.assert_fails(&["local/redis.d/own.conf:1:1: bad", "php cannot be checked"]);
}

#[test]
fn no_daemon_is_asked_where_nothing_is_added_for_one() {
    let stack = with_daemons("", "", 0);
    stack.write("local/schedule.d/own.cron", "@daily redis rotate-logs\n");
    stack.write("local/service/php/docker-callbacks.sh", "CB_one() { :; }\n");
    fs::create_dir_all(stack.path("local/php.d")).unwrap();
    stack.write("local/redis.d/.hidden", "");
    assert_eq!(stack.check(&["--strict"]).0, 0);
    assert!(!stack.path("calls").exists());
    stack.write("local/php.d/own.ini", "");
    assert_eq!(stack.check(&["--strict"]).0, 0);
    assert!(stack.path("calls").exists());
}

#[test]
fn a_web_console_that_is_reached_from_elsewhere_has_a_name_and_a_certificate_for_it() {
    let stack = Stack::new();
    stack.change(".env", "CONSOLE_PORT=\n", "CONSOLE_PORT=8444\n");
    assert_eq!(stack.check(&["--strict"]).0, 0);
    stack.change(".env", "CONSOLE_ADDRESS=\n", "CONSOLE_ADDRESS=0.0.0.0\n");
    stack.assert_fails(&["CONSOLE_ADDRESS is 0.0.0.0, and there is no CONSOLE_NAME", "speaks TLS alone"]);
    stack.change(".env", "CONSOLE_NAME=\n", "CONSOLE_NAME=console.test\n");
    stack.assert_fails(&[
        "the console has no certificate",
        "fullchain.pem: No such file",
        "console certificate FULLCHAIN",
    ]);
    let made = |name: &str, days: &str| {
        fs::create_dir_all(stack.path("data/console")).unwrap();
        let subject = format!("/CN={name}");
        let names = format!("subjectAltName=DNS:{name}");
        let arguments =
            ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        let mut command = Command::new("openssl");
        command.args(arguments).args(["-days", days, "-subj", &subject, "-addext", &names]);
        command.args(["-keyout", "privkey.pem", "-out", "fullchain.pem"]);
        assert!(command.current_dir(stack.path("data/console")).output().unwrap().status.success());
    };
    made("console.test", "3");
    stack.assert_warns(&["the console's certificate ends in "]);
    made("other.test", "90");
    stack.assert_warns(&["the console's certificate is not for console.test"]);
    made("console.test", "90");
    let (code, text) = stack.check(&["--strict"]);
    assert_eq!(code, 0, "{text}");
    stack.change(".env", "CONSOLE_PORT=8444\n", "CONSOLE_PORT=\n");
    fs::remove_dir_all(stack.path("data")).unwrap();
    assert_eq!(stack.check(&["--strict"]).0, 0, "where there is none nothing is missing");
}
