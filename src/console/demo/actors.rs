//! The demo's processes: each in a process group of its own, with its name before each of its lines.

use std::io::{self, BufRead, BufReader, PipeReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};

use crate::console::say;
use crate::console::table::Tone;
use crate::process::{Pid, signal};
use crate::visible;

use super::stage::Stage;

/// The signal that asks for the end.
const TERM: i32 = 15;

/// Those that play, in the order of their entry.
#[derive(Default)]
pub(super) struct Actors(Vec<Actor>);

struct Actor {
    child: Child,
    teller: JoinHandle<()>,
}

impl Actors {
    /// Starts this program, with other arguments, as it is started in the container of `service`.
    pub(super) fn start(
        &mut self,
        stage: &Stage,
        service: &'static str,
        arguments: &[&str],
    ) -> io::Result<()> {
        let (reader, writer) = io::pipe()?;
        let mut command = stage.in_service(service, arguments)?;
        command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
        // Ctrl-C at the terminal is for the demo, which ends the others in order.
        let child = command.process_group(0).spawn()?;
        drop(command);
        self.0.push(Actor { child, teller: thread::spawn(move || tell(service, reader)) });
        Ok(())
    }

    /// Asks them to end, the last first, and waits for each.
    pub(super) fn stop(&mut self) {
        while let Some(mut actor) = self.0.pop() {
            let _ = signal(Pid::try_from(actor.child.id()).unwrap_or(Pid::MAX), TERM);
            let _ = actor.child.wait();
            // With the last process that could write, the pipe ends.
            let _ = actor.teller.join();
        }
    }
}

impl Drop for Actors {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Shows the lines that a process writes, until there are no more.
fn tell(name: &str, pipe: PipeReader) {
    let name = Tone::Strong.paint(&format!("{name:9} |"));
    for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
        say(format_args!("{name} {}", visible::line(&String::from_utf8_lossy(&line))));
    }
}
