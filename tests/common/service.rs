//! A service's folders, and how its supervisor is started.

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::{Log, Running};

/// The name of a service that is given none.
const NAME: &str = "web";
/// The folders below the one that is the service's; each has its `LAMPLIGHTER_` variable.
const FOLDERS: [&str; 6] = ["run", "state", "bin", "conf", "local", "log"];

/// A service, not yet started: a daemon that does nothing until it is told to end, and one callback, `ok`.
///
/// Its scripts find their folder as `$FOLDER`.
pub struct Service {
    name: String,
    folder: TempDir,
    run: PathBuf,
    wrapper: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
}

impl Service {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("lamplighter-").tempdir().expect("a temporary folder");
        for name in FOLDERS {
            fs::create_dir(folder.path().join(name)).expect("a folder in a fresh one");
        }
        let run = folder.path().join("run");
        let service = Self { name: NAME.to_owned(), folder, run, wrapper: Vec::new(), variables: Vec::new() };
        service.personality("COMMAND=/bin/sleep OPTS=infinity").callbacks("CB_ok() { :; }")
    }

    /// The service's name, where it matters.
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The text of `docker-entry-setup.sh`.
    pub fn personality(self, text: &str) -> Self {
        self.file("bin/docker-entry-setup.sh", text)
    }

    /// The text of `docker-callbacks.sh`.
    pub fn callbacks(self, text: &str) -> Self {
        self.file("bin/docker-callbacks.sh", text)
    }

    /// A file with this text in the folder of what the stack's owner adds to the service.
    pub fn added(self, name: &str, text: &str) -> Self {
        fs::create_dir_all(self.path("local/service")).expect("a folder in our own");
        self.file(&format!("local/service/{name}"), text)
    }

    /// A bash script that is the service's daemon.
    pub fn daemon(self, script: &str) -> Self {
        self.program("bin/daemon", &format!("#!/bin/bash\n{script}"))
            .personality("COMMAND=$FOLDER/bin/daemon")
    }

    /// A file with this text, by its path in the service's folder.
    pub fn file(self, path: &str, text: &str) -> Self {
        fs::write(self.path(path), format!("{text}\n")).expect("a file in our own folder");
        self
    }

    /// A file that can be executed.
    pub fn program(self, path: &str, text: &str) -> Self {
        let service = self.file(path, text);
        service.mode(path, 0o755)
    }

    /// A fifo, for who is to wait until [`Running::release`].
    pub fn fifo(self, path: &str) -> Self {
        let mode = nix::sys::stat::Mode::S_IRWXU;
        nix::unistd::mkfifo(&self.path(path), mode).expect("a fifo in our own folder");
        self
    }

    /// Permissions of a file or folder.
    pub fn mode(self, path: &str, mode: u32) -> Self {
        fs::set_permissions(self.path(path), Permissions::from_mode(mode)).expect("our own file's mode");
        self
    }

    /// Gives all of its files to a user and a group of this number, which only root can.
    pub fn owned_by(self, uid: u32) -> Self {
        let owner = format!("{uid}:{uid}");
        let given = Command::new("chown").args(["-R", &owner]).arg(self.folder.path()).status();
        assert!(given.is_ok_and(|status| status.success()), "root can give files away");
        self
    }

    /// Takes a file away.
    pub fn without(self, path: &str) -> Self {
        fs::remove_file(self.path(path)).expect("a file to take away");
        self
    }

    /// A variable of the container's environment.
    pub fn variable(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Has the sockets in another folder than `run`.
    pub fn run_folder(mut self, path: &Path) -> Self {
        fs::create_dir_all(path).expect("a folder for the sockets");
        path.clone_into(&mut self.run);
        self
    }

    /// Has its socket in a folder of its own.
    pub fn own_folder(self) -> Self {
        let requests = self.requests();
        fs::create_dir_all(requests).expect("a folder for the socket");
        self
    }

    fn requests(&self) -> PathBuf {
        self.run.join("requests").join(&self.name)
    }

    /// Starts the supervisor through another program.
    pub fn below(mut self, program: &[&str]) -> Self {
        self.wrapper = program.iter().map(OsString::from).collect();
        self
    }

    /// The path of a file in the service's folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// A command with the environment of this service's container, and nothing of ours.
    pub fn command(&self, program: &[OsString]) -> Command {
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).env_clear().current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("LAMPLIGHTER_SERVICE", &self.name).env("FOLDER", self.folder.path());
        for name in FOLDERS {
            command.env(format!("LAMPLIGHTER_{}", name.to_uppercase()), self.path(name));
        }
        command.env("LAMPLIGHTER_RUN", &self.run);
        command.env("LAMPLIGHTER_SBIN", Path::new(env!("CARGO_MANIFEST_DIR")).join("target-sbin"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the supervisor; it is not waited for.
    pub fn start(self) -> Running {
        let log = self.spawn();
        Running::new(self, log)
    }

    /// Starts a supervisor for this service beside another, or after it.
    pub fn spawn(&self) -> (u32, Log) {
        let program: Vec<_> =
            self.wrapper.iter().cloned().chain([lamplighter(), "supervise".into()]).collect();
        let (output, writer) = std::io::pipe().expect("a pipe for the log");
        let mut command = self.command(&program);
        command.stdout(writer.try_clone().expect("a second descriptor of the pipe")).stderr(writer);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{} can be started: {error}", program[0].display()));
        let pid = child.id();
        (pid, Log::of(output, child))
    }

    /// Calls `lamplighter health` in the container: its exit status, and what it prints.
    pub fn health(&self) -> (i32, String) {
        self.health_with(&[])
    }

    /// The same with these arguments.
    pub fn health_with(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = self.command(&[lamplighter(), "health".into()]);
        let output = command.args(arguments).output().expect("`lamplighter health` can be started");
        let status = output.status.code().expect("`lamplighter health` is not killed");
        let text = [output.stdout, output.stderr].concat();
        (status, String::from_utf8_lossy(&text).into_owned())
    }

    /// The socket's folder, and its name.
    pub fn socket(&self) -> (PathBuf, String) {
        let own = self.requests();
        if own.is_dir() && !own.is_symlink() {
            return (own, "request.sock".to_owned());
        }
        (self.run.clone(), format!("{}-request.sock", self.name))
    }

    /// The folder of the sockets.
    pub fn sockets(&self) -> &Path {
        &self.run
    }

    /// Whether this is its name.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name
    }

    /// The folder that all processes of this service have in their environment.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// The program under test.
pub fn lamplighter() -> OsString {
    env!("CARGO_BIN_EXE_lamplighter").into()
}
