//! The container log: one line an event, `TIME LEVEL TEXT`, in the form that the shared scripts use too.
//!
//! It goes to stderr, which Docker keeps. The service's own lines never pass through here: it inherits
//! stdout and stderr. Output of runs does, each line marked with the run it came from.
//!
//! A supervisor must not stand still when nobody reads its stderr, so a thread of its own writes
//! ([`start_writer`]); what waits for it is bounded, and what does not fit is counted instead. Programs that
//! do not start it write at once.

use std::collections::VecDeque;
use std::fmt::Display;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

/// Output of runs that may wait to be written, in bytes.
const MOST_OUTPUT: usize = 1024 * 1024;
/// All that may wait: the supervisor's own lines come through when output no longer does.
const MOST: usize = MOST_OUTPUT + 256 * 1024;
/// Lines that are written together, in bytes: so much is written to a pipe in one piece, whoever else writes (pipe(7)).
const TOGETHER: usize = 4096;
/// How long the end of a program waits for its last lines to be read.
const LAST_WORDS: Duration = Duration::from_millis(500);

static WRITER: OnceLock<&'static Writer> = OnceLock::new();

/// Something happened as it should.
pub fn info(text: impl Display) {
    line("INFO", text);
}

/// Something is not as it should be, and things go on all the same.
pub fn warn(text: impl Display) {
    line("WARN", text);
}

/// Something that was wanted did not happen.
pub fn error(text: impl Display) {
    line("ERROR", text);
}

/// A line of a run's output, marked with where it came from: `nightly-backup 1f2e3d4c | TEXT`.
///
/// What is not UTF-8 stays as it is: it is the callback's, not ours.
pub fn output(source: &str, text: &[u8]) {
    let mut record = Vec::with_capacity(source.len() + text.len() + 4);
    record.extend_from_slice(source.as_bytes());
    record.extend_from_slice(b" | ");
    record.extend_from_slice(text);
    write(record, MOST_OUTPUT);
}

/// From now on a thread writes. Signals must be blocked before, or it would get some.
///
/// Where there can be no thread, lines are written at once as before, and that is said: a log that may stand
/// still is no reason not to start.
pub fn start_writer() {
    let writer: &'static Writer = Box::leak(Box::default());
    let thread = std::thread::Builder::new().name("log".into()).stack_size(64 * 1024);
    match thread.spawn(|| writer.run()) {
        Ok(_) => drop(WRITER.set(writer)),
        Err(error) => warn(format_args!("the log has no thread of its own ({error}): it may stand still")),
    }
}

/// Lets lines wait for [`release`], so that the thread is woken once for many.
pub fn hold() {
    if let Some(writer) = WRITER.get() {
        writer.held.store(true, Ordering::Relaxed);
    }
}

/// Lines are written from now on, those too that have waited.
pub fn release() {
    if let Some(writer) = WRITER.get() {
        writer.held.store(false, Ordering::Relaxed);
        let queue = writer.lock();
        if !queue.records.is_empty() {
            writer.wake(queue);
        }
    }
}

/// Waits until what was said is written, but not for a reader that has stopped reading.
pub fn finish() {
    if let Some(writer) = WRITER.get() {
        writer.drain(LAST_WORDS);
    }
}

fn line(level: &str, text: impl Display) {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    write(format!("{now} {level:<5} {text}").into_bytes(), MOST);
}

fn write(mut record: Vec<u8>, limit: usize) {
    record.push(b'\n');
    match WRITER.get() {
        Some(writer) => writer.push(record, limit),
        None => write_now(&record),
    }
}

fn write_now(record: &[u8]) {
    // One write a line keeps lines whole among other writers. A log that cannot be written is no reason to
    // stop a service, and there is nowhere left to say so.
    let _ = std::io::stderr().write_all(record);
}

/// What waits to be written, and the thread's way to wait for it.
#[derive(Default)]
struct Writer {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Whether nobody is to be woken for a line.
    held: AtomicBool,
}

#[derive(Default)]
struct Queue {
    records: VecDeque<Vec<u8>>,
    bytes: usize,
    lost: u64,
    writing: bool,
    /// Whether the thread waits for a line.
    idle: bool,
    /// Whether somebody waits until all is written.
    drained: bool,
}

impl Writer {
    fn push(&self, record: Vec<u8>, limit: usize) {
        let mut queue = self.lock();
        if queue.bytes + record.len() > limit {
            queue.lost += 1;
            return;
        }
        queue.bytes += record.len();
        queue.records.push_back(record);
        if !self.held.load(Ordering::Relaxed) {
            self.wake(queue);
        }
    }

    /// Wakes the thread, where it waits.
    fn wake(&self, mut queue: MutexGuard<'_, Queue>) {
        if std::mem::take(&mut queue.idle) {
            drop(queue);
            self.changed.notify_all();
        }
    }

    fn run(&self) {
        let mut queue = self.lock();
        loop {
            let Some(mut record) = queue.records.pop_front() else {
                (queue.writing, queue.idle) = (false, true);
                if queue.drained {
                    self.changed.notify_all();
                }
                queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            while let Some(next) = queue.records.front()
                && record.len() + next.len() <= TOGETHER
            {
                record.extend_from_slice(next);
                queue.records.pop_front();
            }
            queue.bytes -= record.len();
            queue.writing = true;
            let lost = std::mem::take(&mut queue.lost);
            drop(queue);
            write_now(&record);
            if lost > 0 {
                let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
                let text = format!("{now} WARN  {lost} lines were not logged: the log is read too slowly\n");
                write_now(text.as_bytes());
            }
            queue = self.lock();
        }
    }

    fn drain(&self, patience: Duration) {
        let busy = |queue: &mut Queue| queue.writing || !queue.records.is_empty();
        let mut queue = self.lock();
        (queue.drained, queue.idle) = (true, false);
        self.changed.notify_all();
        let _ = self.changed.wait_timeout_while(queue, patience, busy);
    }

    /// A panic elsewhere leaves the queue as it was, which is good enough for a log.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_reads_is_counted_and_our_own_lines_come_through_longer() {
        let writer = Writer::default();
        for _ in 0..2 * MOST_OUTPUT / 1000 {
            writer.push(vec![b'x'; 1000], MOST_OUTPUT);
        }
        let queue = writer.lock();
        assert!(queue.bytes <= MOST_OUTPUT && queue.lost > 1000, "{} {}", queue.bytes, queue.lost);
        let (before, lost) = (queue.records.len(), queue.lost);
        drop(queue);
        writer.push(b"ours".to_vec(), MOST);
        let queue = writer.lock();
        assert_eq!((queue.records.len(), queue.lost), (before + 1, lost));
    }

    #[test]
    fn the_end_does_not_wait_for_a_reader_that_stopped() {
        let writer = Writer::default();
        writer.push(b"never written".to_vec(), MOST);
        writer.drain(Duration::from_millis(1));
    }
}
