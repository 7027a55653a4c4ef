//! The release binary is static: it runs where there is nothing else, and says what it misses there.

mod common;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use common::{is_root, skip};

/// The machine's own triple: static binaries need it said, or build scripts would be made static too.
const TARGET: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-gnu" } else { "x86_64-unknown-linux-gnu" };

/// Builds the binary as the release is built, though not as small, beside the tests' own.
fn static_binary() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("static");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--offline", "--quiet", "--bin", "lamplighter", "--target", TARGET, "--target-dir"])
        .arg(&folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .env("CARGO_PROFILE_DEV_DEBUG", "none")
        .status();
    assert!(built.is_ok_and(|status| status.success()), "the static binary can be built");
    folder.join(TARGET).join("debug/lamplighter")
}

/// A root folder with the binary and nothing else.
struct Empty(TempDir);

impl Empty {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::copy(static_binary(), root.path().join("lamplighter")).expect("a copy of the binary");
        Self(root)
    }

    fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let Output { status, stdout, stderr } = chroot(self.0.path())
            .args(["/lamplighter"].iter().chain(arguments))
            .envs(variables.iter().copied())
            .output()
            .expect("`chroot` can be started");
        (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
    }
}

fn chroot(root: &Path) -> Command {
    let words: &[&str] = if is_root() { &["chroot"] } else { &["unshare", "--map-root-user", "chroot"] };
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg(root).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// Whether `chroot` is to be had; says so when not.
fn can_chroot() -> bool {
    let can = chroot(OsStr::new("/").as_ref()).arg("true").status().is_ok_and(|status| status.success());
    if !can {
        skip("chroot(8) is not to be had");
    }
    can
}

#[test]
fn it_runs_in_an_empty_root() {
    if !can_chroot() {
        return;
    }
    let empty = Empty::new();
    let version = format!("lamplighter {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(empty.run(&["--version"], &[]), (Some(0), version));

    let (status, said) = empty.run(&["health"], &[("LAMPLIGHTER_SERVICE", "web")]);
    assert_eq!(status, Some(4));
    assert!(said.contains("cannot reach /run/web-request.sock: No such file"), "{said}");
}

#[test]
fn a_supervisor_in_an_empty_root_says_what_it_misses() {
    if !can_chroot() {
        return;
    }
    let empty = Empty::new();
    let (status, said) =
        empty.run(&["supervise"], &[("LAMPLIGHTER_SERVICE", "web"), ("LAMPLIGHTER_RUN", "/")]);
    assert_eq!(status, Some(127));
    assert!(
        said.contains("cannot start web: executing /usr/local/sbin/entrypoint.sh failed: No such file"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");

    let (status, said) = empty.run(&["supervise"], &[("LAMPLIGHTER_SERVICE", "web")]);
    assert_eq!(status, Some(125));
    assert!(said.contains("cannot listen on /run/web-request.sock: No such file"), "{said}");
}

#[test]
fn names_are_looked_up_without_the_systems_libraries() {
    if !can_chroot() {
        return;
    }
    let empty = Empty::new();
    fs::create_dir(empty.0.path().join("etc")).unwrap();
    fs::write(empty.0.path().join("etc/group"), "root:x:0:\nlamplighter:x:4711:\n").unwrap();
    let supervise = |group| {
        let variables =
            [("LAMPLIGHTER_SERVICE", "web"), ("LAMPLIGHTER_RUN", "/"), ("LAMPLIGHTER_GROUP", group)];
        empty.run(&["supervise"], &variables)
    };
    let (status, said) = supervise("lamplighter");
    assert_eq!((status, said.lines().count()), (Some(127), 1), "{said}");
    let (status, said) = supervise("nobody-here");
    assert_eq!(status, Some(127));
    assert!(said.contains("`nobody-here` is no group here"), "{said}");
}

#[test]
fn a_socket_too_deep_for_an_address_is_refused_where_there_is_no_proc() {
    if !can_chroot() {
        return;
    }
    let empty = Empty::new();
    let deep = format!("/{}/{}", "d".repeat(60), "e".repeat(60));
    fs::create_dir_all(empty.0.path().join(&deep[1..])).unwrap();
    let variables = [("LAMPLIGHTER_SERVICE", "web"), ("LAMPLIGHTER_RUN", deep.as_str())];
    let clear = "a unix socket's address holds 107, and there is no /proc to reach its folder by a shorter one; \
                 use a folder with a shorter path";

    let (status, said) = empty.run(&["supervise"], &variables);
    assert_eq!(status, Some(125));
    assert!(said.contains(clear), "{said}");
    let (status, said) = empty.run(&["health"], &variables);
    assert_eq!(status, Some(4));
    assert!(said.contains(clear), "{said}");
}
