//! Which callbacks are served: those on disk, or the last good ones while those cannot be read.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::names::ActionName;

use super::{Pool, PooledListener, Stage};

/// Which callbacks a listener reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Those on disk.
    Current,
    /// The copy of the last ones that could be read.
    LastGood,
}

impl Pool {
    /// Which callbacks a listener that is started now had better read.
    pub fn serving(&self) -> Source {
        self.serving
    }

    /// The callbacks have changed on disk: what failed before may work now.
    pub fn callbacks_changed(&mut self) {
        self.backoff.forget();
        (self.retry_at, self.broken, self.serving) = (None, None, Source::Current);
        self.stale = true;
        (self.unforkable, self.fork_again_at) = (None, None);
    }

    /// The actions that can be asked for, or why none can; nothing while that is still to be seen.
    pub fn actions(&self) -> Option<Result<&BTreeSet<ActionName>, &str>> {
        match (&self.actions, &self.broken) {
            (Some(actions), None) if !self.stale => Some(Ok(actions)),
            (Some(actions), Some(_)) if self.has_last_good => Some(Ok(actions)),
            (_, Some(broken)) if !self.has_last_good => Some(Err(broken)),
            _ => None,
        }
    }

    /// What is wrong with the callbacks or their listener, if something is.
    pub fn broken(&self) -> Option<String> {
        let broken = self.broken.as_ref()?;
        let serving = if self.has_last_good { "; the last good callbacks go on" } else { "" };
        Some(format!("{broken}{serving}"))
    }

    /// Whether the callbacks on disk are being tried while the last good ones serve.
    pub(super) fn is_trying(&self) -> bool {
        let mut listeners = self.listeners.values();
        listeners.any(|listener| {
            let is_new = listener.stage == Stage::Starting && listener.forked_by.is_none();
            is_new && listener.source == Source::Current
        })
    }

    /// Only what the supervisor's own listeners meet tells something of the callbacks.
    pub(super) fn judge_start(&mut self, listener: &PooledListener, why: String, now: Instant) {
        if !listener.is_for_own() || listener.forked_by.is_some() {
            return;
        }
        if listener.source == Source::LastGood {
            // Not even these: there is nothing left to go on with.
            self.has_last_good = false;
            self.serving = Source::Current;
        } else if self.has_last_good {
            self.serving = Source::LastGood;
            self.stale = false;
        }
        self.failed(why, now);
    }

    pub(super) fn failed(&mut self, why: String, now: Instant) {
        self.retry_at = Some(now + self.backoff.failed(now));
        self.broken = Some(why);
    }
}
