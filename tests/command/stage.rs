//! A stack of real supervisors and a scheduler in one folder, and the command that is called there.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use lamplighter::names::ServiceName;
use lamplighter::run_folder;
use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{Client, Running, Service, is_root, lamplighter, wait_for};
use crate::terminal::Terminal;

/// The folder with a stack, and who runs in it.
pub(crate) struct Stage {
    top: TempDir,
    services: Vec<Running>,
    scheduler: Option<Child>,
}

/// What a call of the command came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// All of it, as somebody would see it.
pub(crate) fn all(said: &Said) -> String {
    format!("{}{}exit status {}", said.out, said.err, said.code)
}

impl Stage {
    /// A stack's folder without a service that runs.
    pub(crate) fn new() -> Self {
        let top = tempfile::Builder::new().prefix("lamplighter-").tempdir().unwrap();
        fs::create_dir_all(top.path().join("data/run")).unwrap();
        fs::create_dir(top.path().join("service")).unwrap();
        fs::write(top.path().join("docker-compose.yaml"), "services:\n").unwrap();
        Self { top, services: Vec::new(), scheduler: None }
    }

    /// Starts a service of the stack with these callbacks.
    pub(crate) fn with(self, name: &str, callbacks: &str) -> Self {
        self.with_service(name, Service::new().callbacks(callbacks))
    }

    /// Starts a service of the stack.
    pub(crate) fn with_service(mut self, name: &str, service: Service) -> Self {
        fs::create_dir_all(self.path("service").join(name)).unwrap();
        let running = service.name(name).run_folder(&self.run_folder()).start();
        running.log().wait_for("the service runs, pid ");
        wait_for("the journal and the callbacks to be read", || {
            let actions = running.call(r#"{"op":"actions"}"#)["actions"].as_array().unwrap().len();
            let degraded = running.call(r#"{"op":"status"}"#)["degraded"].clone();
            let is_read = !degraded.to_string().contains("journal: it is being read");
            (is_read && (actions > 0 || degraded != Value::Array(Vec::new()))).then_some(())
        });
        self.services.push(running);
        self
    }

    /// Makes the folder for a service's own socket.
    pub(crate) fn with_folder_for(self, name: &str) -> Self {
        fs::create_dir_all(self.run_folder().join("requests").join(name)).unwrap();
        self
    }

    /// Gives the scheduler that is started next a notifier, which works in a folder of its own.
    pub(crate) fn with_notifier(self, script: &str) -> Self {
        let folder = self.path("scheduler-bin");
        fs::create_dir(&folder).unwrap();
        let program = folder.join("notify");
        fs::write(&program, format!("#!/bin/bash\ncd {}\n{script}\n", folder.display())).unwrap();
        fs::set_permissions(program, Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Starts a scheduler with this schedule.
    pub(crate) fn with_schedule(mut self, schedule: &str) -> Self {
        let conf = self.path("service/scheduler/conf");
        fs::create_dir_all(&conf).unwrap();
        fs::write(conf.join("schedule.cron"), schedule).unwrap();
        let mut command = self.command(&["schedule"]);
        command.env("LAMPLIGHTER_SERVICE", "scheduler").env("LAMPLIGHTER_RUN", self.run_folder());
        command.env("LAMPLIGHTER_CONF", conf).env("LAMPLIGHTER_STATE", self.path("scheduler-state"));
        command.env("LAMPLIGHTER_BIN", self.path("scheduler-bin"));
        self.scheduler = Some(command.stderr(Stdio::null()).spawn().unwrap());
        wait_for("the scheduler's schedule", || {
            let socket = run_folder::request_socket(&self.run_folder(), &ServiceName::scheduler());
            let mut client = Client::connect(socket.parent()?, socket.file_name()?.to_str()?).ok()?;
            let status: Value = serde_json::from_str(&client.send("{\"op\":\"status\"}\n").answer()).unwrap();
            (status["entries"] != 0 || status["degraded"] != Value::Array(Vec::new())).then_some(())
        });
        self
    }

    /// A service's socket that is no supervisor's: each connection gets this answer to each of its lines.
    pub(crate) fn with_impostor(
        self,
        name: &str,
        answer: impl Fn(&str) -> Option<String> + Send + 'static,
    ) -> Self {
        let listener = UnixListener::bind(self.socket(name)).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = std::io::BufReader::new(stream);
                let mut line = String::new();
                while std::io::BufRead::read_line(&mut reader, &mut line).is_ok_and(|read| read > 0) {
                    let Some(answer) = answer(&line) else { break };
                    let _ = std::io::Write::write_all(reader.get_mut(), answer.as_bytes());
                    line.clear();
                }
            }
        });
        self
    }

    /// A service that runs.
    pub(crate) fn service(&self, name: &str) -> &Running {
        self.services.iter().find(|running| running.service().is_called(name)).unwrap()
    }

    /// The same, to be started again.
    pub(crate) fn service_mut(&mut self, name: &str) -> &mut Running {
        self.services.iter_mut().find(|running| running.service().is_called(name)).unwrap()
    }

    /// The path of a file in the stack's folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.top.path().join(path)
    }

    /// The folder of the sockets.
    pub(crate) fn run_folder(&self) -> PathBuf {
        self.path("data/run")
    }

    /// A service's request socket.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.run_folder().join(format!("{name}-request.sock"))
    }

    /// The command, as somebody calls it in the stack's folder.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(lamplighter());
        command.args(arguments).current_dir(self.top.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("TZ", "UTC").env("HOME", self.top.path());
        command
    }

    /// Waits until no service is about to have another listener: what it shows then is what it shows a moment
    /// later.
    fn settle(&self) {
        let is_there = |running: &&Running| {
            let (folder, name) = running.service().socket();
            running.log().exit().is_none() && folder.join(name).exists()
        };
        for running in self.services.iter().filter(is_there) {
            wait_for("a listener that is ready, or fails", || {
                let status = running.call(r#"{"op":"status"}"#);
                (status["state"] == "stopping" || status["listener"]["state"] != "starting").then_some(())
            });
        }
    }

    /// Calls the command in a pipe.
    pub(crate) fn call(&self, arguments: &[&str]) -> Said {
        self.settle();
        self.said(&mut self.command(arguments))
    }

    /// Calls a command in a pipe; what it says without what is never the same.
    pub(crate) fn said(&self, command: &mut Command) -> Said {
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| self.redact(&String::from_utf8_lossy(bytes));
        Said {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Calls the command in a pipe as somebody whom the socket of `service` does not let in.
    pub(crate) fn call_without_access(&self, service: &str, arguments: &[&str]) -> Said {
        fs::set_permissions(self.socket(service), Permissions::from_mode(0o000)).unwrap();
        self.call_without_rights(arguments)
    }

    /// Calls the command in a pipe as somebody who may only do what the modes of files say.
    pub(crate) fn call_without_rights(&self, arguments: &[&str]) -> Said {
        if is_root() { self.call_as_nobody(arguments) } else { self.said(&mut self.command(arguments)) }
    }

    /// Calls the command in a pipe as a user without any rights, which only root can.
    pub(crate) fn call_as_nobody(&self, arguments: &[&str]) -> Said {
        let program = self.path("lamplighter");
        if !program.exists() {
            fs::set_permissions(self.path("."), Permissions::from_mode(0o755)).unwrap();
            fs::copy(lamplighter(), &program).unwrap();
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&program);
        self.said(command.args(arguments).current_dir(self.path(".")).env("TZ", "UTC"))
    }

    /// Calls the command with `--json`, which is to succeed; the object that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).arg("--json").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Calls the command on a terminal of so many columns and lines.
    pub(crate) fn terminal(&self, (columns, lines): (u16, u16), arguments: &[&str]) -> Terminal {
        Terminal::start(&self.command(arguments), columns, lines)
    }

    /// Calls the command on a terminal to its end; what the terminal shows then, without what is never the same.
    pub(crate) fn shown(&self, columns: u16, arguments: &[&str]) -> String {
        self.settle();
        let mut terminal = self.terminal((columns, 60), arguments);
        terminal.exit();
        self.redact(&terminal.screen())
    }

    /// The text without what is never the same: the folder, ids, processes, times and ages.
    pub(crate) fn redact(&self, text: &str) -> String {
        let text = text.replace(&self.top.path().display().to_string(), "<stack>");
        let patterns = [
            (r"/\S*/lamplighter-\w+", "<folder>"),
            (r"\b[0-9a-f]{16}\b", "<id>"),
            (r"\b[0-9a-f]{8}\b", "<id>"),
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "<time>"),
            (r"\b\d\d:\d\d:\d\d\b", "<clock>"),
            (r"\d+\.\d{3} s", "<took>"),
            (r"just now|\b\d+ (s|min|h|days) ago", "<age> ago"),
            (r"\b\d+ (s|min|h|days)\b", "<age>"),
            (r#"(running_ms":|took_ms":|pid":|pid )\d+"#, "$1<number>"),
            (r"  +\d{2,}  +", "  <pid>  "),
            (r"tzdata \d{4}[a-z].*", "tzdata <release>"),
            (r"(\S)  +", "$1  "),
        ];
        patterns.iter().fold(text, |text, (pattern, with)| {
            Regex::new(pattern).unwrap().replace_all(&text, *with).into_owned()
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut scheduler) = self.scheduler.take() {
            let _ = scheduler.kill();
            let _ = scheduler.wait();
        }
    }
}
