//! What a listener and its callback print: read as it comes, marked with its source, and bounded.
//!
//! A run's reader may be slow; the run is not: nothing here waits for anybody.

use std::cell::RefCell;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use tokio::io::unix::AsyncFd;

use crate::journal::Tail;
use crate::log;
use crate::names::RequestId;
use crate::process;
use crate::request::Request;

/// A longer line is logged in pieces of this many bytes.
const LONGEST_LINE: usize = 8 * 1024;
/// How much of what is kept is kept: the end of it, in bytes.
const KEPT: usize = 4 * 1024;

/// Takes a line that the run of a request printed.
pub type TakeLine = Box<dyn Fn(&RequestId, &[u8])>;

/// What becomes of a listener's output.
pub enum Sink {
    /// Line by line into the container log, and to who takes the lines of the run, once there is one. Kept
    /// until the listener is ready: of one that never is, it is told why with the rest.
    Logged(TakeLine),
    /// Kept, to be shown when it matters.
    Kept,
}

/// The reading end of a listener's output.
pub struct Capture {
    pipe: AsyncFd<std::fs::File>,
    sink: Sink,
    state: RefCell<State>,
}

struct State {
    source: String,
    /// The run that the output is of, and the end of it.
    of_run: Option<(RequestId, Tail)>,
    /// Whether all is kept for now, and not passed on.
    keeps: bool,
    partial: Vec<u8>,
}

/// What is left to be known of a listener's output when it has ended.
#[derive(Debug, Default)]
pub struct LastOutput {
    /// The end of what was kept, where it was.
    pub kept: Option<String>,
    /// The run that the listener carried out, and the end of what it printed.
    pub of_run: Option<(RequestId, Tail)>,
}

impl Capture {
    /// Captures what comes from `pipe`.
    pub fn new(pipe: OwnedFd, sink: Sink) -> io::Result<Rc<Self>> {
        let flags = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
        nix::fcntl::fcntl(&pipe, flags)?;
        let pipe = process::watch_input(std::fs::File::from(pipe))?;
        let source = "listener".to_owned();
        let state = RefCell::new(State { source, of_run: None, keeps: true, partial: Vec::new() });
        Ok(Rc::new(Self { pipe, sink, state }))
    }

    /// The listener has read its callbacks: what it prints is passed on from now on, where it goes to the log.
    pub fn set_ready(&self) {
        self.state.borrow_mut().keeps = matches!(self.sink, Sink::Kept);
        self.take(&[]);
    }

    /// From now on, what comes is from the run of this request.
    pub fn set_request(&self, request: &Request) {
        let mut state = self.state.borrow_mut();
        state.source = request.label();
        state.of_run = Some((request.id.clone(), Tail::default()));
    }

    /// What the run of this request has printed so far, as far as it is kept; nothing when it is another's.
    pub fn printed_by(&self, id: &RequestId) -> Option<Vec<u8>> {
        let state = self.state.borrow();
        let (_, tail) = state.of_run.as_ref().filter(|(own, _)| own == id)?;
        Some(tail.text())
    }

    /// Takes what comes until everybody has closed the other end.
    pub async fn pump(self: Rc<Self>) -> io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let mut ready = self.pipe.readable().await?;
            match ready.try_io(|pipe| pipe.get_ref().read(&mut buffer)) {
                Ok(Ok(0)) => return Ok(()),
                Ok(Ok(bytes)) => self.take(&buffer[..bytes]),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
            // A callback that prints without end must not keep the others from their turn.
            tokio::task::yield_now().await;
        }
    }

    /// The listener has ended: takes what is still in the pipe, and what was kept, without its last line's
    /// end. Whoever else holds the pipe open is not waited for.
    pub fn finish(&self) -> LastOutput {
        let mut buffer = [0; 4096];
        // Bounded, for a survivor that goes on writing: a pipe holds 64 KiB unless it was made larger.
        for _ in 0..256 {
            match self.pipe.get_ref().read(&mut buffer) {
                Ok(bytes) if bytes > 0 => self.take(&buffer[..bytes]),
                _ => break,
            }
        }
        let mut state = self.state.borrow_mut();
        let State { source, of_run, keeps, partial } = &mut *state;
        let rest = std::mem::take(partial);
        match &self.sink {
            Sink::Logged(lines) if !*keeps => {
                if !rest.is_empty() {
                    pass_on(source, of_run, &rest, lines);
                }
                LastOutput { kept: None, of_run: of_run.take() }
            }
            _ => {
                let kept = Some(String::from_utf8_lossy(rest.trim_ascii_end()).into_owned());
                LastOutput { kept, of_run: None }
            }
        }
    }

    fn take(&self, bytes: &[u8]) {
        let mut state = self.state.borrow_mut();
        let State { source, of_run, keeps, partial } = &mut *state;
        partial.extend_from_slice(bytes);
        match &self.sink {
            Sink::Logged(lines) if !*keeps => {
                let mut done = 0;
                while let Some(end) = end_of_line(&partial[done..]) {
                    let line = partial[done..done + end].trim_ascii_end();
                    pass_on(source, of_run, line, lines);
                    done += end;
                }
                partial.drain(..done);
            }
            _ => {
                let beyond = partial.len().saturating_sub(KEPT);
                partial.drain(..beyond);
            }
        }
    }
}

fn pass_on(
    source: &str,
    of_run: &mut Option<(RequestId, Tail)>,
    line: &[u8],
    lines: impl Fn(&RequestId, &[u8]),
) {
    log::output(source, line);
    if let Some((id, tail)) = of_run {
        tail.push(line);
        tail.push(b"\n");
        lines(id, line);
    }
}

fn end_of_line(bytes: &[u8]) -> Option<usize> {
    let newline = bytes.iter().take(LONGEST_LINE).position(|&byte| byte == b'\n').map(|at| at + 1);
    newline.or_else(|| (bytes.len() >= LONGEST_LINE).then_some(LONGEST_LINE))
}
