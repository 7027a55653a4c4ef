//! What a supervisor and its service print, collected as it comes.

use std::io::{PipeReader, Read};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use super::DEADLINE;

/// A log that grows, and the end of the process that writes it.
#[derive(Clone, Default)]
pub struct Log(Arc<Inner>);

#[derive(Default)]
struct Inner {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    closed: bool,
    exit: Option<ExitStatus>,
}

impl Seen {
    /// The lines so far, without one that may still be growing.
    fn whole_lines(&self) -> impl Iterator<Item = String> {
        let lines =
            self.bytes.split_inclusive(|&byte| byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
        lines.map(|line| String::from_utf8_lossy(line).into_owned())
    }
}

impl Log {
    /// Collects what comes from `output`, and the end of `child`.
    pub fn of(mut output: PipeReader, mut child: Child) -> Self {
        let log = Self::default();
        let (of_output, of_end) = (log.clone(), log.clone());
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                let read = output.read(&mut buffer).unwrap_or(0);
                of_output.change(|seen| {
                    seen.bytes.extend_from_slice(&buffer[..read]);
                    seen.closed = read == 0;
                });
                if read == 0 {
                    return;
                }
            }
        });
        thread::spawn(move || {
            let exit = child.wait().expect("waiting for a child of ours works");
            of_end.change(|seen| seen.exit = Some(exit));
        });
        log
    }

    /// All that was printed so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen().bytes).into_owned()
    }

    /// The lines so far that contain `text`.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        self.text().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }

    /// Waits for a line that contains `text`, and returns it.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_for_lines(text, 1).remove(0)
    }

    /// Waits until `count` lines contain `text`, and returns them.
    pub fn wait_for_lines(&self, text: &str, count: usize) -> Vec<String> {
        let what = format!("{count} line(s) with `{text}` in the log");
        self.wait_until(&what, |seen| {
            let found: Vec<_> = seen.whole_lines().filter(|line| line.contains(text)).collect();
            (found.len() >= count).then_some(found)
        })
    }

    /// Waits for a line in which `look` finds something.
    pub fn find<T>(&self, what: &str, look: impl Fn(&str) -> Option<T>) -> T {
        self.wait_until(what, |seen| seen.whole_lines().find_map(|line| look(&line)))
    }

    /// The status with which the process ended, if it has.
    pub fn exit(&self) -> Option<ExitStatus> {
        self.seen().exit
    }

    /// Waits until the process has ended and nobody is left who could still print.
    pub fn wait_for_exit(&self) -> ExitStatus {
        let exit = self.wait_until("the process to end", |seen| seen.exit);
        self.wait_until("the last holder of the log to end after it", |seen| seen.closed.then_some(()));
        exit
    }

    fn wait_until<T>(&self, what: &str, look: impl Fn(&Seen) -> Option<T>) -> T {
        let began = Instant::now();
        let mut seen = self.seen();
        loop {
            if let Some(found) = look(&seen) {
                return found;
            }
            let left = DEADLINE.saturating_sub(began.elapsed());
            assert!(!left.is_zero(), "waited in vain for {what}");
            assert!(!seen.closed || seen.exit.is_none(), "all has ended, and so waited in vain for {what}");
            seen = self.0.changed.wait_timeout(seen, left).expect("no holder of the log panics").0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen());
        self.0.changed.notify_all();
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // A test that panics while it looks leaves the log as it is.
        self.0.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
