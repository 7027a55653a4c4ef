//! Which listener forks those who wait for requests, how many it is to fork, and what becomes of those.

use std::time::{Duration, Instant};

use crate::process::Pid;
use crate::queue::Need;

use super::{Key, Pool, PooledListener, Purpose, Stage};

/// How long it is before one is to fork again, after one that could not.
pub(super) const FORK_AGAIN: Duration = Duration::from_secs(60);

impl Pool {
    /// The listener that is to fork, and how many, so that one waits, or as many as there are requests that can start now,
    /// and those that may `soon`. Those are forked some at a time: each time costs a process besides.
    pub fn wanted_forks(&self, startable: usize, soon: usize) -> Option<(Key, usize)> {
        let forks =
            |listener: &PooledListener| listener.stage == Stage::Forking && listener.source == self.serving;
        let (&key, _) = self.listeners.iter().find(|(_, listener)| forks(listener))?;
        let (least, most) = (startable.max(1), soon.max(startable).max(1));
        let available = self.available(&Need::Own);
        let is_worth_it = available < least || available < most / 2;
        is_worth_it.then(|| (key, most - available))
    }

    /// A new listener, about to be forked by this one.
    pub fn add_fork(&mut self, forking: Key, now: Instant) -> Key {
        let source = self.listeners.get(&forking).map_or(self.serving, |listener| listener.source);
        self.add_forked(Purpose::Request(Need::Own), source, Some(forking), now)
    }

    /// The listener that was asked for it has forked this one: its process, when nobody needs it any more.
    pub fn forked(&mut self, key: Key, pid: Pid, token: String) -> Option<Pid> {
        let listener = self.listeners.get_mut(&key)?;
        listener.process = Some((pid, token));
        if listener.stage == Stage::Starting {
            listener.stage = Stage::Ready;
        }
        (listener.stage == Stage::Dismissed).then_some(pid)
    }

    /// The listener that was asked for it could not fork this one, and is not asked again: its process, to be ended. Another
    /// one is, later.
    pub fn not_forked(&mut self, key: Key, why: &str, now: Instant) -> Option<Pid> {
        let fork = self.listeners.remove(&key)?;
        let forking = self.listeners.get_mut(&fork.forked_by?)?;
        if forking.stage != Stage::Forking {
            return None;
        }
        forking.stage = Stage::Dismissed;
        self.unforkable = Some(why.to_owned());
        self.fork_again_at = Some(now + FORK_AGAIN);
        forking.process.as_ref().map(|process| process.0)
    }

    /// Why each run has a listener that reads the callbacks itself, where that is so.
    pub fn unforkable(&self) -> Option<&str> {
        self.never_forks.as_deref().or(self.unforkable.as_deref())
    }

    /// What a listener is started for that is to carry out requests with our own rights.
    pub(super) fn own_purpose(&self, now: Instant) -> Purpose {
        let may_fork = self.unforkable().is_none() || self.fork_again_at.is_some_and(|at| at <= now);
        if may_fork { Purpose::Forking } else { Purpose::Request(Need::Own) }
    }

    /// Whether a listener forks, or is to when it has read the callbacks.
    pub(super) fn has_forking(&self) -> bool {
        self.listeners.values().any(|listener| {
            listener.purpose == Purpose::Forking
                && listener.source == self.serving
                && listener.stage != Stage::Dismissed
        })
    }
}
