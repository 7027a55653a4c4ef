//! Somebody at the request socket who is another user, as the kernel tells it. Only root can be one.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::Value;

use super::{Running, Service};

/// A uid that is nobody's here, and the number of its group.
pub const STRANGER: u32 = 64123;
/// Another one.
pub const OTHER: u32 = 64124;
/// Where a service has its request socket.
pub const SOCKET: &str = "run/web-request.sock";

/// Callbacks that only some may ask for, and the policy that says so.
pub const CALLBACKS: &str = "CB_open() { echo \"for $1\"; }
CB_closed() { echo never; }
CB_ok() { :; }
CB_held() { read -r <$FOLDER/hold; }";
pub const POLICY: &str = "[action.open]\nallow = [64123, 'daemon']";

/// A service whose socket is opened to the stranger's group.
pub fn open_to_group() -> Service {
    closed_to_others().variable("LAMPLIGHTER_GROUP", STRANGER.to_string())
}

/// One whose socket is its own user's alone.
pub fn closed_to_others() -> Service {
    // The service's folder has to be passed through on the way to the socket.
    Service::new().callbacks(CALLBACKS).file("conf/housekeeping.toml", POLICY).mode("", 0o711)
}

/// Connects once, and passes on what comes from either side until it ends.
pub const RELAY: &str = r#"
    use IO::Socket::UNIX;
    alarm 60;
    my $socket = IO::Socket::UNIX->new($ARGV[0]) or print("cannot connect: $!\n"), exit;
    if (fork) { while (sysread STDIN, my $bytes, 4096) { syswrite $socket, $bytes } shutdown $socket, 1; wait }
    else { close STDIN; while (sysread $socket, my $bytes, 4096) { syswrite STDOUT, $bytes } }
"#;

/// Holds so many connections open without a word, and replaces those that are closed.
pub const HOLD: &str = r#"
    use IO::Socket::UNIX; use IO::Select;
    alarm 60;
    sub hold { IO::Socket::UNIX->new($ARGV[0]) or die "cannot connect: $!\n" }
    my $held = IO::Select->new(map { hold } 1 .. $ARGV[1]);
    syswrite STDOUT, "held\n";
    while (my @closed = $held->can_read) { for (@closed) { $held->remove($_); close $_; $held->add(hold) } }
"#;

/// A program at the other end of the socket that runs as another user.
pub struct Stranger {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Stranger {
    pub fn connect(service: &Running, uid: u32) -> Self {
        Self::run(service, uid, SOCKET, RELAY, &[])
    }

    pub fn run(service: &Running, uid: u32, socket: &str, script: &str, arguments: &[&str]) -> Self {
        let (uid, group) = (format!("--reuid={uid}"), format!("--regid={uid}"));
        let groups = format!("--groups={STRANGER}");
        let program = ["setpriv", &uid, &group, &groups, "perl", "-e", script, socket];
        let program: Vec<_> = program.iter().chain(arguments).map(Into::into).collect();
        let mut command = service.service().command(&program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("setpriv can be started");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, input, output }
    }

    pub fn send(&mut self, line: &str) {
        writeln!(self.input, "{line}").expect("the relay takes what is sent");
    }

    pub fn answer(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the relay passes answers on");
        line.trim_end().to_owned()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends one line as another user, and returns the line that answers it.
pub fn ask_as(uid: u32, service: &Running, line: &str) -> String {
    ask_at(SOCKET, uid, service, line)
}

pub fn ask_at(socket: &str, uid: u32, service: &Running, line: &str) -> String {
    let mut stranger = Stranger::run(service, uid, socket, RELAY, &[]);
    stranger.send(line);
    stranger.answer()
}

#[track_caller]
pub fn is_not_allowed(answer: &str) {
    let is_refused = match serde_json::from_str::<Value>(answer) {
        Ok(object) => object["ok"] == false && object["code"] == "not-allowed",
        Err(_) => answer.starts_with("refused not-allowed: "),
    };
    assert!(is_refused, "{answer}");
}
