//! `service/prepare/bin/prepare`: folders with their owners, and the copies of secrets. Owners are numbers here, as the
//! image's users are not this machine's.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{is_root, skip};

const FOLDERS: &str = "# a comment\n2750 1001 1002 run/socket\n0700* 1001 1001 lamplighter/web\n";
const SECRETS: &str = "web $APP_USER password\n";

struct Stack {
    top: tempfile::TempDir,
}

impl Stack {
    /// As it is before the first start; nothing where we are not root, who alone can give things away.
    fn new() -> Option<Self> {
        if !is_root() {
            skip("only root can give folders away");
            return None;
        }
        let stack = Self { top: tempfile::tempdir().unwrap() };
        for folder in ["conf", "secrets", "local/service"] {
            fs::create_dir_all(stack.path(folder)).unwrap();
        }
        stack.write("conf/folders", FOLDERS);
        stack.write("conf/secrets", SECRETS);
        stack.write("secrets/password", "s3cret");
        Some(stack)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Whether it succeeds, and what it says.
    fn prepare(&self) -> (bool, String) {
        self.prepare_with(&[])
    }

    /// The same, with these arguments.
    fn prepare_with(&self, arguments: &[&str]) -> (bool, String) {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new(repository.join("service/prepare/bin/prepare"))
            .env("LAMPLIGHTER_SBIN", repository.join("target-sbin"))
            .env("LAMPLIGHTER_CONF", self.path("conf"))
            .env("LAMPLIGHTER_LOCAL", self.path("local"))
            .env("LAMPLIGHTER_GROUP", "1003")
            .env("APP_USER", "1004")
            .args(arguments)
            .env("PREPARE_DATA", self.path("data"))
            .env("PREPARE_BACKUPS", self.path("backups"))
            .env("PREPARE_SECRETS", self.path("secrets"))
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    #[track_caller]
    fn prepared(&self) {
        let (succeeded, said) = self.prepare();
        assert!(succeeded, "{said}");
    }

    /// Its mode, user and group; of a link its own.
    fn facts(&self, name: &str) -> (u32, u32, u32) {
        let found = fs::symlink_metadata(self.path(name)).unwrap();
        (found.mode() & 0o7777, found.uid(), found.gid())
    }
}

#[test]
fn folders_and_secrets_are_whose_the_tables_say() {
    let Some(stack) = Stack::new() else { return };
    stack.prepared();
    assert_eq!(stack.facts("data"), (0o700, 0, 0));
    assert_eq!(stack.facts("data/run/socket"), (0o2750, 1001, 1002));
    assert_eq!(stack.facts("data/lamplighter/web"), (0o700, 1001, 1001));
    assert_eq!(stack.facts("data/run/requests/web"), (0o2750, 1001, 1003));
    assert_eq!(stack.facts("data/secrets/web/password"), (0o400, 1004, 1004));
    assert_eq!(fs::read_to_string(stack.path("data/secrets/web/password")).unwrap(), "s3cret");
    let link = fs::read_link(stack.path("data/run/web-request.sock")).unwrap();
    assert_eq!(link, Path::new("requests/web/request.sock"));
}

#[test]
fn a_standby_has_folders_where_it_is_wanted_and_is_known_as_one_until_it_is_promoted() {
    let Some(stack) = Stack::new() else { return };
    stack.write("conf/standby-folders", "0700 1005 1005 lamplighter/standby\n");
    assert!(stack.prepare().0);
    assert!(!stack.path("data/run/requests/standby").exists());
    assert!(stack.prepare_with(&["--as-standby"]).0);
    assert_eq!(stack.facts("data/run/requests/standby"), (0o2750, 1005, 1003));
    assert!(stack.path("data/run/stands-by").exists());
    // Compose has it run before each start.
    assert!(stack.prepare().0);
    assert!(stack.path("data/run/stands-by").exists());
    assert!(stack.prepare_with(&["--with-standby"]).0);
    assert!(!stack.path("data/run/stands-by").exists());
    assert!(stack.path("data/run/requests/standby").exists());
}

#[test]
fn the_console_has_folders_where_it_is_wanted_and_is_a_service_no_more_where_not() {
    let Some(stack) = Stack::new() else { return };
    stack.write("conf/console-folders", "0700* 1005 1005 lamplighter/console\n0750* root 1005 console\n");
    stack.prepared();
    for name in ["lamplighter/console", "run/requests/console", "run/console-request.sock", "console"] {
        assert!(fs::symlink_metadata(stack.path("data").join(name)).is_err(), "{name}");
    }
    assert!(stack.prepare_with(&["--with-console"]).0);
    assert_eq!(stack.facts("data/run/requests/console"), (0o2750, 1005, 1003));
    assert_eq!(stack.facts("data/console"), (0o750, 0, 1005));
    stack.write("data/console/users.json", "{}");
    assert!(stack.prepare_with(&["--with-console"]).0);
    assert_eq!(stack.facts("data/console/users.json").2, 1005);
    // As at each start of the stack.
    stack.prepared();
    assert_eq!(stack.facts("data/run/requests/console"), (0o2750, 1005, 1003));
    assert!(stack.prepare_with(&["--without-console"]).0);
    assert!(!stack.path("data/run/requests/console").exists());
    assert!(fs::symlink_metadata(stack.path("data/run/console-request.sock")).is_err());
    assert_eq!(fs::read_to_string(stack.path("data/console/users.json")).unwrap(), "{}", "users are kept");
}

#[test]
fn a_second_time_changes_nothing_but_what_is_new() {
    let Some(stack) = Stack::new() else { return };
    stack.prepared();
    let folder = fs::metadata(stack.path("data/lamplighter/web")).unwrap().ino();
    stack.write("secrets/password", "another");
    stack.prepared();
    assert_eq!(fs::metadata(stack.path("data/lamplighter/web")).unwrap().ino(), folder);
    assert_eq!(fs::read_to_string(stack.path("data/secrets/web/password")).unwrap(), "another");
    assert_eq!(fs::read_dir(stack.path("data/secrets/web")).unwrap().count(), 1, "and nothing beside it");
}

#[test]
fn what_an_earlier_version_left_as_roots_becomes_the_services() {
    let Some(stack) = Stack::new() else { return };
    fs::create_dir_all(stack.path("data/lamplighter/web/runs")).unwrap();
    stack.write("data/lamplighter/web/runs/1", "");
    fs::create_dir_all(stack.path("backups/repository/data")).unwrap();
    stack.write("backups/repository/config", "");
    fs::set_permissions(stack.path("backups/repository/config"), fs::Permissions::from_mode(0o400)).unwrap();
    stack.prepared();
    assert_eq!(stack.facts("data/lamplighter/web/runs/1").1, 1001);
    assert_eq!(stack.facts("backups").0, 0o2750);
    assert_eq!(stack.facts("backups/repository/data").0, 0o2770);
    assert_eq!(
        stack.facts("backups/repository/config").0,
        0o440,
        "by which restic chooses the modes of what it adds"
    );
    assert_eq!(stack.facts("backups/changes").0, 0o2770);
    assert_eq!(stack.facts("backups/lock").0, 0o660);
}

#[test]
fn a_link_in_what_a_service_writes_is_not_followed() {
    let Some(stack) = Stack::new() else { return };
    stack.prepared();
    stack.write("victim", "");
    let before = stack.facts("victim");
    symlink(stack.path("victim"), stack.path("data/lamplighter/web/link")).unwrap();
    fs::create_dir(stack.path("elsewhere")).unwrap();
    stack.write("elsewhere/file", "");
    symlink(stack.path("elsewhere"), stack.path("data/lamplighter/web/folder")).unwrap();
    stack.prepared();
    assert_eq!(stack.facts("data/lamplighter/web/link").1, 1001);
    assert_eq!(stack.facts("victim"), before);
    assert_eq!(stack.facts("elsewhere/file").1, 0);
}

#[test]
fn a_link_in_the_place_of_a_folder_is_said_and_touches_nothing() {
    let Some(stack) = Stack::new() else { return };
    stack.prepared();
    fs::create_dir(stack.path("elsewhere")).unwrap();
    let before = stack.facts("elsewhere");
    fs::remove_dir(stack.path("data/run/socket")).unwrap();
    symlink(stack.path("elsewhere"), stack.path("data/run/socket")).unwrap();
    let (succeeded, said) = stack.prepare();
    assert!(!succeeded);
    assert!(said.contains("data/run/socket is no folder: move it out of the way"), "{said}");
    assert_eq!(stack.facts("elsewhere"), before);
}

#[test]
fn a_secret_that_is_missing_is_named() {
    let Some(stack) = Stack::new() else { return };
    fs::remove_file(stack.path("secrets/password")).unwrap();
    let (succeeded, said) = stack.prepare();
    assert!(!succeeded);
    assert!(
        said.contains("the secret password is missing in the folder of secrets: bin/up makes it"),
        "{said}"
    );
}

#[test]
fn what_the_owner_adds_to_the_tables_is_prepared_like_what_is_the_stacks() {
    let Some(stack) = Stack::new() else { return };
    stack.write("secrets/own-password", "mine");
    // Without an end of its last line, as some editors leave it.
    stack.write("local/service/folders", "# mine\n0700* $APP_USER 1005 lamplighter/feeds");
    stack.write("local/service/secrets", "feeds 1005 own-password");
    stack.prepared();
    assert_eq!(stack.facts("data/lamplighter/feeds"), (0o700, 1004, 1005));
    assert_eq!(stack.facts("data/run/requests/feeds"), (0o2750, 1004, 1003));
    assert_eq!(stack.facts("data/secrets/feeds/own-password"), (0o400, 1005, 1005));
    assert_eq!(stack.facts("data/lamplighter/web"), (0o700, 1001, 1001));
}

#[test]
fn a_line_of_the_owners_that_cannot_be_meant_is_told_with_its_place_before_anything_is_made() {
    for (table, line, said) in [
        ("folders", "0700 1005 lamplighter/feeds", "four words are wanted"),
        ("folders", "rwx 1005 1005 lamplighter/feeds", "`rwx` is no mode"),
        ("folders", "0700 nobody-here 1005 lamplighter/feeds", "there is no user `nobody-here`"),
        ("folders", "0700 1005 nobody-here lamplighter/feeds", "there is no group `nobody-here`"),
        ("folders", "0700* 1005 1005 ../elsewhere", "`../elsewhere` is not below the folder of data"),
        ("folders", "0700* 1005 1005 .", "`.` is not below the folder of data"),
        ("folders", "0700* 1005 1005 /etc", "`/etc` is not below the folder of data"),
        ("secrets", "feeds own-password", "three words are wanted"),
        ("secrets", "../feeds 1005 password", "`../feeds` is no name of a service"),
        ("secrets", "feeds 1005 ../password", "`../password` is no file in the folder of secrets"),
        (
            "secrets",
            "feeds 1005 passwort",
            "there is no secret `passwort`: put it into the folder of secrets",
        ),
    ] {
        let Some(stack) = Stack::new() else { return };
        stack.write(&format!("local/service/{table}"), &format!("# mine\n\n{line}\n"));
        let (succeeded, text) = stack.prepare();
        assert!(!succeeded, "{line}");
        assert!(text.contains(&format!("local/service/prepare/{table}:3: {said}")), "{line}: {text}");
        assert!(!stack.path("data").exists(), "{line}");
    }
}
