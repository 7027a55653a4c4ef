//! The console of a stage, and somebody who asks it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use totp_rs::{Builder, Secret};

use crate::common::{DEADLINE, Log};
use crate::stage::Stage;
use crate::tls::Trust;

/// What everybody's password is here.
pub(crate) const PASSWORD: &str = "a long enough secret";

/// The console of a stage, and its users.
pub(crate) struct Console {
    pub(crate) stage: Stage,
    pub(crate) log: Log,
    pid: Pid,
    port: u16,
    /// Where it speaks TLS: whom the browser trusts.
    tls: Option<Trust>,
}

/// What a browser can write to and read from.
pub(crate) trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// What the hidden field of its forms says.
    pub(crate) fn csrf(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"csrf\" value=\"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }
}

/// The program with the console, in a stage's folder.
pub(crate) fn program(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lamplighter-console"));
    command.args(arguments).current_dir(stage.path(".")).env_clear().stdin(Stdio::null());
    // Without a zone: that is the stack's own.
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command
}

/// Lets somebody in, who types these two lines; what is said to him, and whether it was done.
pub(crate) fn add_user(stage: &Stage, name: &str, typed: &str) -> (bool, String) {
    let mut command = program(stage, &["console", "user", "add", name]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.success(), said)
}

/// The secret in what is said to a new user.
pub(crate) fn secret_in(said: &str) -> String {
    said.lines()
        .find_map(|line| line.strip_prefix("  secret  "))
        .unwrap_or_else(|| panic!("{said}"))
        .to_owned()
}

/// The code of a secret, so many steps of time from now.
pub(crate) fn code(secret: &str, steps: i64) -> String {
    let now = jiff::Timestamp::now().as_second() + 30 * steps;
    let secret = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    totp.generate(now.unsigned_abs()).to_string()
}

impl Console {
    pub(crate) fn start(stage: Stage) -> Self {
        Self::start_with(stage, &[])
    }

    pub(crate) fn start_with(stage: Stage, arguments: &[&str]) -> Self {
        let (output, writer) = std::io::pipe().unwrap();
        let mut command = program(&stage, &["serve", "--listen", "127.0.0.1:0"]);
        let command = command.args(arguments).stdout(writer.try_clone().unwrap()).stderr(writer);
        let child = command.spawn().unwrap();
        let pid = Pid::from_raw(child.id().cast_signed());
        // The end of the pipe that is its log goes with what started it.
        *command = Command::new("true");
        let log = Log::of(output, child);
        let line = log.wait_for("the console listens on http");
        let (_, port) = line.split_once("://127.0.0.1:").unwrap();
        let port = port.split(',').next().unwrap().parse().unwrap();
        Self { stage, log, pid, port, tls: None }
    }

    /// The same over TLS, by the name that its certificate is for.
    pub(crate) fn trusting(mut self, trust: Trust) -> Self {
        self.tls = Some(trust);
        self
    }

    /// Adds a user; the secret of the second factor.
    pub(crate) fn user(&self, name: &str) -> String {
        let (done, said) = add_user(&self.stage, name, &format!("{PASSWORD}\n{PASSWORD}\n"));
        assert!(done, "{said}");
        secret_in(&said)
    }

    /// The console's process.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// A connection over which is asked: of TLS, where that is spoken.
    pub(crate) fn open(&self) -> Box<dyn Wire> {
        match &self.tls {
            Some(trust) => Box::new(trust.begin(self.connect())),
            None => Box::new(self.connect()),
        }
    }

    /// The name by which a browser asks.
    pub(crate) fn host(&self) -> String {
        format!("{}:{}", self.tls.as_ref().map_or("localhost", |trust| trust.name), self.port)
    }

    /// Whence a form of its pages comes.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.host())
    }

    /// Sends these bytes; what is answered until the connection is closed.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Answer {
        let mut stream = self.open();
        // It may have been answered before all is sent.
        let _ = stream.write_all(bytes);
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        let all = String::from_utf8_lossy(&all).into_owned();
        let (head, body) = all.split_once("\r\n\r\n").unwrap_or((&all, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Asks with these lines in the head.
    pub(crate) fn ask(&self, method: &str, path: &str, head: &[&str], body: &str) -> Answer {
        let length = format!("Content-Length: {}", body.len());
        let first = format!("{method} {path} HTTP/1.1");
        let form: &[&str] = match method {
            "POST" => &["Content-Type: application/x-www-form-urlencoded", &length],
            _ => &[],
        };
        let text = [&[first.as_str(), "Connection: close"], head, form, &["", body]].concat().join("\r\n");
        self.raw(text.as_bytes())
    }

    /// Asks as a browser does with nothing to show.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[&format!("Host: {}", self.host())], "")
    }

    /// Sends the form of the log-in.
    pub(crate) fn claim(&self, name: &str, password: &str, code: &str) -> Answer {
        let (host, origin) = (format!("Host: {}", self.host()), format!("Origin: {}", self.origin()));
        let password = password.replace(' ', "+");
        self.ask("POST", "/login", &[&host, &origin], &format!("name={name}&password={password}&code={code}"))
    }

    /// Logs in with the code of a step of time that is so many away.
    pub(crate) fn log_in(&self, name: &str, secret: &str, steps: i64) -> Visitor<'_> {
        let answer = self.claim(name, PASSWORD, &code(secret, steps));
        assert_eq!(answer.status, 303, "{answer:?}");
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Visitor { console: self, cookie }
    }

    /// Somebody new, who is logged in.
    pub(crate) fn visitor(&self) -> Visitor<'_> {
        let secret = self.user("anna");
        self.log_in("anna", &secret, 0)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the console's log:\n{}---", self.log.text());
        }
        let _ = kill(self.pid, Signal::SIGKILL);
    }
}

/// Somebody who is logged in.
pub(crate) struct Visitor<'a> {
    pub(crate) console: &'a Console,
    pub(crate) cookie: String,
}

impl Visitor<'_> {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, &[])
    }

    pub(crate) fn get_with(&self, path: &str, more: &[&str]) -> Answer {
        let host = format!("Host: {}", self.console.host());
        let cookie = format!("Cookie: {}", self.cookie);
        self.console.ask("GET", path, &[&[host.as_str(), &cookie], more].concat(), "")
    }

    /// A page that must be there: its text.
    pub(crate) fn page(&self, path: &str) -> String {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    pub(crate) fn post(&self, path: &str, form: &str) -> Answer {
        let origin = format!("Origin: {}", self.console.origin());
        self.post_from(path, form, &origin)
    }

    pub(crate) fn post_from(&self, path: &str, form: &str, origin: &str) -> Answer {
        let host = format!("Host: {}", self.console.host());
        let cookie = format!("Cookie: {}", self.cookie);
        self.console.ask("POST", path, &[&host, &cookie, origin], form)
    }

    /// Begins to read what happens.
    pub(crate) fn follow(&self, path: &str) -> Events {
        let mut stream = self.console.open();
        let (host, cookie) = (self.console.host(), &self.cookie);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n").unwrap();
        Events(BufReader::new(stream))
    }
}

/// A stream of events, as its lines come.
pub(crate) struct Events(BufReader<Box<dyn Wire>>);

impl Events {
    /// The next event that is one of these: its name and what it says.
    pub(crate) fn next_of(&mut self, names: &[&str]) -> (String, String) {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            let read = self.0.read_line(&mut line).expect("something happens in time");
            assert!(read > 0, "the stream has ended before one of {names:?}");
            if let Some(event) = line.trim_end().strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.trim_end().strip_prefix("data: ")
                && names.contains(&name.as_str())
            {
                return (name, data.to_owned());
            }
        }
    }

    /// What the answer's first line is.
    pub(crate) fn status(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }
}
