//! `.env`: commands and scripts read it as Docker Compose 2 does, and say where docker-compose 1.29 does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");
const LAMPLIGHTER: &str = env!("CARGO_BIN_EXE_lamplighter");

/// A folder that the scripts take for a stack's, with the program that is being tested.
struct Stack(TempDir);

impl Stack {
    fn new(dotenv: &[u8]) -> Self {
        let top = tempfile::tempdir().unwrap();
        for folder in ["target-sbin", "service", "programs"] {
            fs::create_dir(top.path().join(folder)).unwrap();
        }
        for name in ["bin", "Dockerfile", "docker-compose.yaml", ".env.example"] {
            let copied =
                Command::new("cp").arg("-r").arg(Path::new(REPOSITORY).join(name)).arg(top.path()).status();
            assert!(copied.unwrap().success());
        }
        fs::create_dir(top.path().join("site")).unwrap();
        symlink(LAMPLIGHTER, top.path().join("target-sbin/lamplighter")).unwrap();
        symlink(Path::new(REPOSITORY).join("target-sbin/lib"), top.path().join("target-sbin/lib")).unwrap();
        fs::write(top.path().join(".env"), dotenv).unwrap();
        Self(top)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, dotenv: &[u8]) {
        fs::write(self.path(".env"), dotenv).unwrap();
    }

    /// A program of the machine's, in the place of its own.
    fn program(&self, name: &str, script: &str) {
        fs::write(self.path(name), format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A command in the folder, with nothing in the environment but `B=bee` and what is named.
    fn run(&self, words: &[&str], environment: &[(&str, &str)]) -> Output {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.0.path()).env_clear();
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.path("programs").display());
        command.env("PATH", path).env("HOME", "/root").env("B", "bee");
        command.envs(environment.iter().copied()).output().unwrap()
    }

    /// What `bin/lib/settings.sh` makes of the file: `script`'s output, or none where the script is ended.
    fn in_bash(&self, script: &str, environment: &[(&str, &str)]) -> Option<String> {
        let script = format!(
            "set -Eeuo pipefail; source bin/lib/output.sh; source bin/lib/settings.sh; readSettings; {script}"
        );
        let output = self.run(&["bash", "-c", &script], environment);
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// `bin/up --prepare` beside this generation of Compose, with nothing to build; where it ends, and what it says.
    fn up(&self, compose: &str) -> (Option<i32>, String) {
        self.up_with(compose, "[[ $1 == version ]] && echo 20.10")
    }

    /// The same, with a script that is Docker.
    fn up_with(&self, compose: &str, docker: &str) -> (Option<i32>, String) {
        self.program("bin/build", "true");
        self.program("bin/base-image", "true");
        self.program("programs/docker", docker);
        self.program("programs/docker-compose", &format!("echo {compose}"));
        let output = self.run(&["bin/up", "--prepare"], &[]);
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    /// What the file has for these names.
    fn settled<const N: usize>(&self, names: [&str; N]) -> [String; N] {
        let output = self.run(&[LAMPLIGHTER, "settings", "-0", "."], &[]);
        let text = String::from_utf8(output.stdout).unwrap();
        names.map(|name| {
            let of_name = |pair: &str| Some(pair.strip_prefix(name)?.strip_prefix('=')?.to_owned());
            text.split('\0').find_map(of_name).unwrap_or_default()
        })
    }

    /// The same, after `bin/up --prepare` on a machine with so many processors.
    fn settled_by_up<const N: usize>(&self, processors: usize, names: [&str; N]) -> [String; N] {
        self.program("programs/getconf", &format!("echo {processors}"));
        let (_, said) = self.up("2.26.1-4");
        // It ends at the image, which this Docker does not make.
        assert!(said.contains("image"), "{said}");
        self.settled(names)
    }
}

const CPUS: [&str; 6] =
    ["CPUS_MYSQL", "CPUS_REDIS", "CPUS_PHP", "CPUS_APACHE2", "CPUS_BACKUP", "CPUS_SCHEDULER"];
const MEMORY: [&str; 6] =
    ["MEMORY_MYSQL", "MEMORY_REDIS", "MEMORY_PHP", "MEMORY_APACHE2", "MEMORY_BACKUP", "MEMORY_SCHEDULER"];

/// Files, and what Compose 2 reads in each for `A`.
fn rows() -> Vec<(String, Value)> {
    let text = fs::read_to_string(Path::new(REPOSITORY).join("tests/dotenv/cases.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter_map(|row| Some((row["file"].as_str()?.to_owned(), row["v2"].clone()))).collect()
}

#[test]
fn the_scripts_read_every_file_as_compose_2_does() {
    let stack = Stack::new(b"");
    let script = "if [[ -n ${settings[A]+set} ]]; then printf 'set:%s' \"${settings[A]}\"; fi";
    for (file, theirs) in rows() {
        stack.write(file.as_bytes());
        let ours = match stack.in_bash(script, &[]) {
            None => serde_json::json!({"error": true}),
            Some(said) => said.strip_prefix("set:").into(),
        };
        assert_eq!(ours, theirs, "{file:?}");
    }
}

#[test]
fn the_environment_comes_before_the_file_and_the_default_for_what_is_empty() {
    let stack = Stack::new(b"A=\"a\nb\"\nEMPTY=\nB=file\nC=$B\n");
    let script = "printf '<%s>' \"$(setting A d)\" \"$(setting EMPTY d)\" \"$(setting NONE d)\" \"$(setting B d)\" \"$(setting C d)\"";
    assert_eq!(stack.in_bash(script, &[]).unwrap(), "<a\nb><d><d><bee><bee>");
    assert_eq!(stack.in_bash("setting A d", &[("A", "")]).unwrap(), "d\n");
}

#[test]
fn what_is_wrong_is_said_with_its_place_and_the_script_ends() {
    let stack = Stack::new(b"A=x\nnot a setting\n");
    let script = "set -e; source bin/lib/output.sh; source bin/lib/settings.sh; readSettings; echo never";
    let output = stack.run(&["bash", "-c", script], &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(".env:2:1: a name cannot have a blank in it\n  |\n2 | not a setting"), "{said}");
    assert!(said.contains(".env and try again"), "{said}");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]));
}

#[test]
fn up_refuses_what_the_compose_that_runs_reads_differently() {
    let stack = Stack::new(b"HTTP_PORT=no\nSITE_PATH=$HOME/site\n");
    let (code, said) = stack.up("1.29.2");
    assert_eq!(code, Some(1), "{said}");
    for said_so in [
        ".env:2:1: docker-compose 1.29 reads `SITE_PATH=$HOME/site`, `docker compose` 2 `SITE_PATH=/root/site`",
        "2 | SITE_PATH=$HOME/site\n  | ^^^^^",
        "= hint: both read `SITE_PATH=${HOME}/site`",
    ] {
        assert!(said.contains(said_so), "`{said_so}` is not said:\n{said}");
    }
    // The other generation is the one that our reading is.
    let (code, said) = stack.up("2.26.1-4");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("HTTP_PORT is `no`"), "{said}");
    assert!(!said.contains("reads"), "{said}");
}

#[test]
fn up_refuses_a_time_zone_that_is_none() {
    let stack = Stack::new(b"TZ=Europe/Berln\n");
    let (code, said) = stack.up("2.26.1-4");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(".env:1:4: there is no time zone `Europe/Berln`"), "{said}");
    assert!(said.contains("did you mean `Europe/Berlin`?"), "{said}");
}

#[test]
fn up_refuses_names_that_are_none() {
    for (dotenv, said_so) in [
        ("SITE_NAME=https://forum.test", "SITE_NAME is `https://forum.test`"),
        ("SITE_NAME=forum.test www.forum.test", "SITE_NAME is `forum.test www.forum.test`"),
        ("ACME_CONTACT=you", "ACME_CONTACT is `you`"),
        // Folded, these are names: it goes on to what is wrong next.
        (
            "SITE_NAME=Forum.Test.:8443\nACME_CONTACT=mailto:You@Forum.Test\nHTTPS_PORT=443\nSITE_PATH=./none",
            "SITE_PATH is `./none`",
        ),
    ] {
        let stack = Stack::new(dotenv.as_bytes());
        let (code, said) = stack.up("2.26.1-4");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(said_so), "`{said_so}` is not said:\n{said}");
    }
}

#[test]
fn up_refuses_what_could_not_be_meant_of_proxies_names_and_memory() {
    let room = "There has to be room for two requests";
    for (dotenv, said_so) in [
        ("HTTP_PORT=99999", "HTTP_PORT is `99999`"),
        ("HTTP_PORT=8443", "HTTP_PORT and HTTPS_PORT are both 8443"),
        ("CONSOLE_PORT=127.0.0.1:8090", "CONSOLE_PORT is `127.0.0.1:8090`"),
        ("CONSOLE_PORT=0", "CONSOLE_PORT is `0`"),
        ("CONSOLE_PORT=65536", "CONSOLE_PORT is `65536`"),
        ("CONSOLE_PORT=8080", "HTTP_PORT and CONSOLE_PORT are both 8080"),
        ("CONSOLE_PORT=8090\nHTTPS_PORT=192.0.2.7:8090", "HTTPS_PORT and CONSOLE_PORT are both 8090"),
        ("DISK_FULL_PERCENT=850", "DISK_FULL_PERCENT is `850`"),
        ("APP_USER=root", "APP_USER is `root`"),
        ("APP_UID=0", "APP_UID is `0`"),
        ("APP_GID=33", "APP_GID is `33`"),
        ("REFUSED_NETWORKS=1.2.3.4/99", "REFUSED_NETWORKS has `1.2.3.4/99`"),
        ("CRAWLER_NETWORKS=https://lists.test/a crawlers", "CRAWLER_NETWORKS has `crawlers`"),
        ("TRUSTED_PROXIES=10.0.0.0/8 proxy.test", "TRUSTED_PROXIES has `proxy.test`"),
        ("TRUSTED_PROXIES=0.0.0.0/0", "TRUSTED_PROXIES has `0.0.0.0/0`"),
        ("TRUSTED_PROXIES=2001:db8::/8", "TRUSTED_PROXIES has `2001:db8::/8`"),
        ("TRUSTED_PROXIES=10.1.2.300", "TRUSTED_PROXIES has `10.1.2.300`"),
        ("TRUSTED_PROXIES=host", "TRUSTED_PROXIES has `host`, and HTTP_PORT is ``"),
        (
            "TRUSTED_PROXIES=host\nHTTP_PORT=127.0.0.1:80\nHTTPS_PORT=443",
            "TRUSTED_PROXIES has `host`, and HTTPS_PORT is `443`",
        ),
        ("SITE_CANONICAL=yes", "SITE_CANONICAL is `yes`"),
        ("SITE_CANONICAL=1", "SITE_CANONICAL is 1, and SITE_NAME is localhost"),
        ("PHP_MEMORY=128", "PHP_MEMORY is `128`"),
        ("PHP_TIMEOUT=5m", "PHP_TIMEOUT is `5m`"),
        ("MEMORY_REDIS=much", "MEMORY_REDIS is `much`"),
        ("MEMORY_PHP=300m", room),
        ("MEMORY_PHP=1g\nPHP_MEMORY=512M", room),
    ] {
        let stack = Stack::new(dotenv.as_bytes());
        let (code, said) = stack.up("2.26.1-4");
        assert_eq!(code, Some(1), "{dotenv}: {said}");
        assert!(said.contains(said_so), "`{said_so}` is not said:\n{said}");
    }
    // What comes next is the image.
    for dotenv in [
        "TRUSTED_PROXIES='10.0.0.0/8 192.0.2.7 2001:db8::/32'",
        "REFUSED_NETWORKS='203.0.113.0/24 2001:db8::1 https://lists.test/a'\nDISK_FULL_PERCENT=99\nAPP_UID=1000",
        "TRUSTED_PROXIES=host\nHTTP_PORT=127.0.0.1:80\nHTTPS_PORT=127.0.0.1:443",
        "SITE_CANONICAL=1\nSITE_NAME=forum.test",
        "MEMORY_PHP=384m\nMEMORY_MYSQL=1G",
    ] {
        let stack = Stack::new(dotenv.as_bytes());
        let (_, said) = stack.up("2.26.1-4");
        assert!(!said.contains("is wanted") && !said.contains("TRUSTED_PROXIES"), "{dotenv}: {said}");
        assert!(said.contains("image"), "{dotenv}: {said}");
    }
}

#[test]
fn up_refuses_what_can_be_in_no_image_before_it_makes_one() {
    for (dotenv, said_so) in [
        ("PHP_EXTENSIONS=imagick Imap", "PHP_EXTENSIONS has `Imap`"),
        ("PHP_EXTENSIONS=*", "PHP_EXTENSIONS has `*`"),
        ("EXTRA_PACKAGES=ffmpeg,vim", "EXTRA_PACKAGES has `ffmpeg,vim`"),
        ("EXTRA_PACKAGES=php8.4-gd-", "EXTRA_PACKAGES has `php8.4-gd-`"),
        ("EXTRA_PACKAGES='--purge'", "EXTRA_PACKAGES has `--purge`"),
        ("LOCALES=german", "LOCALES has `german`"),
        ("IMAGE=My Site", "IMAGE is `My Site`"),
    ] {
        let stack = Stack::new(dotenv.as_bytes());
        let (code, said) = stack.up("2.26.1-4");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(said_so), "`{said_so}` is not said:\n{said}");
    }
}

/// An engine that says all that it is asked to build, and then what the Dockerfile does, in red.
const ENGINE: &str = r#"case $1 in
    version) echo 20.10 ;;
    build)
        echo "$*" >asked
        printf '%b\n' 'Step 5/9 : RUN refuse() { printf "refused%s" : }' '\e[91mrefused: Debian has none such' '\e[0mcode: 1'
        exit 1
        ;;
    *) exit 1 ;;
esac"#;

#[test]
fn up_says_what_the_image_cannot_have_and_nothing_else() {
    let stack = Stack::new(b"PHP_EXTENSIONS=\" imap   soap \"\nLOCALES=de_DE@euro sr_RS\n");
    let (code, said) = stack.up_with("2.26.1-4", ENGINE);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the image cannot be built: Debian has none such\n"), "{said}");
    assert!(!said.contains("Step") && !said.contains("code: 1"), "{said}");
    let asked = fs::read_to_string(stack.path("asked")).unwrap();
    for argument in
        ["PHP_EXTENSIONS=imap soap", "EXTRA_PACKAGES=", "LOCALES=de_DE@euro sr_RS", "APP_UID=10001"]
    {
        assert!(asked.contains(&format!("--build-arg {argument} ")), "`{argument}` is not in {asked}");
    }
}

#[test]
fn up_takes_the_image_that_is_named_when_it_is_one_for_this_stack() {
    let engine = r#"case $1 in
        version) echo 20.10 ;;
        image) printf 'PATH=/bin\n%s\n' "$(cat variable)" ;;
        tag) echo "$*" >tagged ;;
        *) exit 1 ;;
    esac"#;
    for (variable, expected) in [
        ("LANG=C", Err("IMAGE is own:1, which is not made from Lamplighter's")),
        ("APP_USER=shop", Err("IMAGE is own:1, whose APP_USER is shop, and in .env it is forum")),
        ("APP_USER=forum", Ok("tag own:1 lamplighter:lamplighter\n")),
    ] {
        let stack = Stack::new(b"IMAGE=own:1\n");
        fs::write(stack.path("variable"), variable).unwrap();
        let (code, said) = stack.up_with("2.26.1-4", engine);
        let tagged = fs::read_to_string(stack.path("tagged")).unwrap_or_default();
        match expected {
            Ok(taken) => assert_eq!((code, tagged.as_str()), (Some(0), taken), "{said}"),
            Err(said_so) => {
                assert_eq!((code, tagged.as_str()), (Some(1), ""), "{said}");
                assert!(said.contains(said_so), "`{said_so}` is not said:\n{said}");
            }
        }
    }
}

#[test]
fn the_settings_are_printed_for_people_with_what_could_harm_a_terminal_shown() {
    let stack = Stack::new(b"B=file\nA='x y' # c\nESC=\"\x1b[2J\"\nA-B=1\n");
    let output = stack.run(&[LAMPLIGHTER, "settings"], &[]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "A=x y\nA-B=1\nB=bee\nESC=\\x1b[2J\n");
    let output = stack.run(&[LAMPLIGHTER, "settings", "-0", "."], &[]);
    assert_eq!(output.stdout, b"A=x y\0B=bee\0ESC=\x1b[2J\0");
}

#[test]
fn a_stack_whose_settings_cannot_be_read_is_not_looked_for_elsewhere() {
    let stack = Stack::new(b"LAMPLIGHTER_DATA='/srv\n");
    let output = stack.run(&[LAMPLIGHTER, "status"], &[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(".env:1:18: this quote is never closed"), "{said}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn up_gives_each_service_its_share_of_the_memory() {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let kibibytes =
        meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")?.strip_suffix("kB")).unwrap();
    let memory: u64 = kibibytes.trim().parse::<u64>().unwrap() / 1024;
    let share = |percent: u64, least: u64| format!("{}m", least.max(memory * percent / 100));
    // A new one is a copy of the example; an older one may have not even the names.
    for dotenv in [&fs::read(Path::new(REPOSITORY).join(".env.example")).unwrap()[..], b"TZ=UTC"] {
        let stack = Stack::new(dotenv);
        let expected =
            [share(50, 768), share(15, 256), share(50, 512), share(20, 256), share(40, 768), share(10, 128)];
        assert_eq!(stack.settled_by_up(2, MEMORY), expected);
    }
    let stack = Stack::new(b"MEMORY_PHP=400m\n");
    assert_eq!(stack.settled_by_up(2, ["MEMORY_PHP", "MEMORY_REDIS"]), ["400m", &share(15, 256)]);
}

#[test]
fn up_leaves_half_a_processor_to_the_others() {
    for (processors, most) in [(2, "1.5"), (4, "3.5"), (32, "31.5")] {
        let stack = Stack::new(b"CPUS_MYSQL=\n");
        assert_eq!(stack.settled_by_up(processors, CPUS), [most, "1", most, most, most, "1"]);
    }
    // There is nothing to divide.
    assert_eq!(Stack::new(b"").settled_by_up(1, CPUS), [""; 6]);
    let stack = Stack::new(b"CPUS_PHP=0\nCPUS_BACKUP=0.25\n");
    assert_eq!(stack.settled_by_up(2, CPUS), ["1.5", "1", "0", "1.5", "0.25", "1"]);
}

#[test]
fn up_takes_back_processors_that_another_machine_had() {
    let stack = Stack::new(b"CPUS_PHP=3.5\nCPUS_REDIS=1\n");
    assert_eq!(stack.settled_by_up(2, ["CPUS_PHP", "CPUS_REDIS"]), ["1.5", "1"]);
    assert_eq!(stack.settled_by_up(1, ["CPUS_PHP", "CPUS_REDIS"]), ["", "1"]);
}

#[test]
fn up_refuses_limits_that_are_none() {
    for (dotenv, said_so) in [
        ("MEMORY_PHP=much", "MEMORY_PHP is `much`"),
        ("MEMORY_MYSQL=0", "MEMORY_MYSQL is `0`"),
        ("CPUS_BACKUP=50%", "CPUS_BACKUP is `50%`"),
        ("CPUS_BACKUP=-1", "CPUS_BACKUP is `-1`"),
    ] {
        let stack = Stack::new(dotenv.as_bytes());
        let (code, said) = stack.up("2.26.1-4");
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(said_so), "`{said_so}` is not said:\n{said}");
    }
}

#[test]
fn up_gives_the_scheduler_a_network_for_alarms_alone() {
    let network = |dotenv: &str| {
        let [scheduler, site] =
            Stack::new(dotenv.as_bytes()).settled_by_up(2, ["SCHEDULER_NETWORK", "SITE_NETWORK"]);
        assert_eq!(site, "", "what the scheduler gets is not php's");
        scheduler
    };
    assert_eq!(network("ALARM_WEBHOOK=1\nSCHEDULER_NETWORK=none"), "bridge");
    assert_eq!(network("ALARM_MAIL=you@forum.test"), "bridge");
    assert_eq!(network("ALARM_PINGS=1\nSCHEDULER_NETWORK="), "bridge");
    assert_eq!(network("ALARM_PINGS=1\nSCHEDULER_NETWORK=own"), "own");
    assert_eq!(network("ALARM_MAIL="), "");
    assert_eq!(network("SCHEDULER_NETWORK=bridge"), "none", "no alarm is set any more");
}

#[test]
fn up_has_compose_know_whether_there_is_a_console() {
    let settled = |dotenv: &str| {
        let names = ["COMPOSE_PROFILES", "MEMORY_CONSOLE", "CPUS_CONSOLE"];
        Stack::new(dotenv.as_bytes()).settled_by_up(2, names)
    };
    assert_eq!(settled("CONSOLE_PORT="), [""; 3], "nothing is written for what is not wanted");
    let [profiles, memory, processors] = settled("CONSOLE_PORT=8090");
    assert_eq!((profiles.as_str(), processors.as_str()), ("console", "1"));
    assert!(memory.ends_with('m'), "{memory}");
    let profiles = |dotenv: &str| settled(dotenv)[0].clone();
    assert_eq!(profiles("CONSOLE_PORT=8090\nCOMPOSE_PROFILES=own"), "own,console");
    assert_eq!(profiles("CONSOLE_PORT=8090\nCOMPOSE_PROFILES=console,own"), "own,console");
    assert_eq!(profiles("COMPOSE_PROFILES=own,console"), "own", "what is somebody's own stays");
    assert_eq!(profiles("CONSOLE_PORT=\nCOMPOSE_PROFILES=console"), "");
}
