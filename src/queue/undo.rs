//! The way back: what a group of admissions, starts and calls off has changed, undone in the opposite order.
//!
//! What is promised changes the queue before it is on the disk, since one promise builds on another: a request joins one
//! that came in the same moment. Should the disk not take them, the queue is what it was before the first.

use std::time::Instant;

use super::{Ending, Queue, RunKey, WaitingRequest};

/// One change, with what it takes to undo it.
#[derive(Debug)]
pub(super) enum Undo {
    /// A request came in, as the last.
    Admitted,
    /// A request joined the one at this place, which was to pause until then.
    Joined { at: usize, not_before: Option<Instant> },
    /// This one was taken out of its place.
    Removed { at: usize, waiting: Box<WaitingRequest> },
    /// The one at this place, which was to pause until then, was started.
    Started { key: RunKey, at: usize, not_before: Option<Instant> },
    /// A run was called off, that was to end like this before.
    CalledOff { key: RunKey, ending: Option<Ending> },
}

impl Queue {
    /// What was admitted, started and called off since the last time stands.
    pub fn settle(&mut self) {
        self.undo.clear();
        // A burst is no reason to keep its memory.
        self.undo.shrink_to(16);
    }

    /// It is as if nothing had been admitted, started or called off since [`Queue::settle`]. Nothing else may have
    /// changed meanwhile.
    pub fn go_back(&mut self) {
        while let Some(change) = self.undo.pop() {
            self.undo(change);
        }
    }

    fn undo(&mut self, change: Undo) {
        match change {
            Undo::Admitted => drop(self.waiting.pop_back()),
            Undo::Joined { at, not_before } => {
                if let Some(waiting) = self.waiting.get_mut(at) {
                    waiting.joined.pop();
                    waiting.not_before = not_before;
                }
            }
            Undo::Removed { at, waiting } => self.waiting.insert(at, *waiting),
            Undo::Started { key, at, not_before } => {
                if let Some(run) = self.runs.remove(&key) {
                    let attempt = run.waiting.attempt - 1;
                    self.waiting.insert(at, WaitingRequest { attempt, not_before, ..run.waiting });
                }
            }
            Undo::CalledOff { key, ending } => {
                if let Some(run) = self.runs.get_mut(&key) {
                    run.ending = ending;
                }
            }
        }
    }
}
