//! A service that runs, and what can be done to it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use lamplighter::names::RequestId;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Client, Log, Service, lamplighter, wait_for};

/// A supervisor that was started, with its service.
pub struct Running {
    service: Service,
    pid: u32,
    log: Log,
    /// The socket that an earlier supervisor has left: a child of it that has not yet executed its program may
    /// still take connections there, which nobody answers.
    left: Option<(u64, i64)>,
}

/// What became of a request.
#[derive(Debug)]
pub struct Run {
    /// The outcome's words: `succeeded`, `failed 3`.
    pub outcome: String,
    /// What the callback printed.
    pub output: String,
}

impl Running {
    pub fn new(service: Service, (pid, log): (u32, Log)) -> Self {
        Self { service, pid, log, left: None }
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn service(&self) -> &Service {
        &self.service
    }

    /// The path of a file in the service's folder.
    pub fn path(&self, path: &str) -> PathBuf {
        self.service.path(path)
    }

    /// Writes a file in the service's folder in one step, as an editor does.
    pub fn write(&self, path: &str, text: &str) {
        let fresh = self.path("fresh");
        fs::write(&fresh, format!("{text}\n")).expect("a file in our own folder");
        fs::rename(fresh, self.path(path)).expect("a rename in our own folder");
    }

    /// Waits for a line in a file of the service's folder, and returns it.
    pub fn wait_for_line(&self, path: &str) -> String {
        wait_for(path, || Some(fs::read_to_string(self.path(path)).ok()?.split_once('\n')?.0.to_owned()))
    }

    /// Ends the waiting of whoever reads a fifo in the service's folder.
    pub fn release(&self, fifo: &str) {
        fs::write(self.path(fifo), "go\n").expect("somebody reads the fifo");
    }

    /// Connects to the request socket, once it is there.
    pub fn connect(&self) -> Client {
        wait_for("somebody at the request socket", || {
            let (folder, name) = self.service.socket();
            if self.left.is_some() && self.left == identity(&folder.join(&name)) {
                return None;
            }
            let connected = Client::connect(&folder, &name).ok();
            assert!(connected.is_some() || self.log.exit().is_none(), "the supervisor has ended");
            connected
        })
    }

    /// Sends one line, and returns the line that answers it.
    pub fn ask(&self, line: &str) -> String {
        self.connect().send(format!("{line}\n")).answer()
    }

    /// Calls by a JSON line; the object that answers.
    pub fn call(&self, line: &str) -> Value {
        let answer = self.ask(line);
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("`{answer}` is no JSON: {error}"))
    }

    /// Asks for an action for root, which must be accepted; its id.
    pub fn request(&self, action: &str) -> RequestId {
        accepted(&self.ask(&format!("root {action}")))
    }

    /// Has an action carried out for root, and waits for its end.
    pub fn run(&self, action: &str) -> Run {
        self.run_for("root", action)
    }

    /// Has an action carried out for a user, and waits for its end.
    pub fn run_for(&self, user: &str, action: &str) -> Run {
        let id = accepted(&self.ask(&format!("{user} {action}")));
        self.outcome(action, &id)
    }

    /// Waits for the end of a request.
    pub fn outcome(&self, action: &str, id: &RequestId) -> Run {
        let name = format!("{action} {}", self.joined(action, id.short()));
        let outcome = self.log.find(&format!("an outcome of {name}"), |line| {
            let (words, _) = line.rsplit_once(&format!(" {name} "))?.1.split_once(" after ")?;
            Some(words.to_owned())
        });
        let prefix = format!("{name} | ");
        let output = self
            .log
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix))
            .fold(String::new(), |output, line| output + line + "\n");
        Run { outcome, output }
    }

    /// The request whose run serves this one too: itself, or what it joined.
    fn joined(&self, action: &str, id: &str) -> String {
        self.log.find(&format!("the start or the joining of {action} {id}"), |line| {
            let (verb, rest) = line.rsplit_once(&format!(" {action} {id} "))?.1.split_once(' ')?;
            match verb {
                "joins" => Some(rest.split(',').next()?.to_owned()),
                _ => Some(id.to_owned()),
            }
        })
    }

    /// Starts another supervisor for the same service, in the place of this one, which must have ended.
    pub fn start_again(&mut self) {
        assert!(self.log.exit().is_some(), "the supervisor has not ended");
        let (folder, name) = self.service.socket();
        self.left = identity(&folder.join(name));
        (self.pid, self.log) = self.service.spawn();
    }

    /// Sends a signal to the supervisor.
    pub fn signal(&self, number: i32) {
        assert!(self.log.exit().is_none(), "the supervisor has ended before it could be sent {number}");
        send(self.pid, number);
    }

    /// Kills the supervisor itself. What it started lives on.
    pub fn kill(&self) {
        let _ = kill(self.pid(), Signal::SIGKILL);
    }

    /// The supervisor's process.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.pid.cast_signed())
    }

    /// Asks the supervisor to stop.
    pub fn term(&self) {
        self.signal(15);
    }

    /// Waits for the end of the supervisor and of all that it started; its exit status.
    pub fn exit(&self) -> i32 {
        let exit = self.log.wait_for_exit();
        exit.code().unwrap_or_else(|| panic!("the supervisor itself was ended: {exit}"))
    }

    /// Stops the service, and returns its exit status.
    pub fn stop(&self) -> i32 {
        self.term();
        self.exit()
    }

    /// The service's process, once it is the daemon.
    pub fn daemon(&self) -> u32 {
        let line = self.log.wait_for("the service runs, pid ");
        let pid = line.rsplit(' ').next().and_then(|pid| pid.parse().ok());
        pid.unwrap_or_else(|| panic!("`{line}` names no pid"))
    }

    /// Calls `lamplighter health` in the container, once the journal has been read, which it would say: its exit status,
    /// and what it prints.
    pub fn health(&self) -> (i32, String) {
        wait_for("the journal to be read", || {
            let (status, said) = self.health_now();
            (!said.contains("journal: it is being read")).then_some((status, said))
        })
    }

    /// The same at this moment.
    pub fn health_now(&self) -> (i32, String) {
        self.service.health()
    }

    /// Whether a process is one of this service's, which its environment tells, whoever its parent is by now.
    pub fn owns(&self, pid: u32) -> bool {
        let mark =
            [b"FOLDER=".as_slice(), self.service.folder().as_os_str().as_encoded_bytes(), b"\0"].concat();
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment.windows(mark.len()).any(|window| window == mark)
    }

    /// The living processes of this service, this supervisor's or an earlier one's.
    pub fn processes(&self) -> Vec<u32> {
        processes().filter(|pid| self.owns(*pid)).collect()
    }

    /// The supervisor's children that run this program, as the kernel names it.
    pub fn children(&self, program: &str) -> Vec<u32> {
        let (pid, mut found) = (self.pid, Vec::new());
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        for child in children.split_ascii_whitespace() {
            let name = fs::read_to_string(format!("/proc/{child}/comm")).unwrap_or_default();
            if name.trim_end() == program {
                found.extend(child.parse::<u32>());
            }
        }
        found
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the log:\n{}---", self.log.text());
        }
        // Who forks meanwhile is met by the next round; who may not be killed is not waited for.
        for _ in 0..100 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            for pid in left {
                let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
            }
        }
    }
}

/// What tells a file from another of its name: its number, and when it was last changed.
fn identity(path: &Path) -> Option<(u64, i64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ino(), metadata.ctime_nsec()))
}

/// The id in an answer, which must be that the request is accepted.
pub fn accepted(answer: &str) -> RequestId {
    let id = answer.strip_prefix("accepted ").and_then(|id| id.parse().ok());
    id.unwrap_or_else(|| panic!("the answer is `{answer}`"))
}

/// Whether there is such a process, and it is no zombie.
pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with(['Z', 'X']))
}

/// Sends a signal, real-time ones too.
pub fn send(pid: u32, number: i32) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{number} {pid}")]).status();
    assert!(sent.is_ok_and(|status| status.success()), "signal {number} cannot be sent to {pid}");
}

/// The processes of this machine.
fn processes() -> impl Iterator<Item = u32> {
    let names = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok())
}
