//! The runs that are on, and when each is to end.

use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::request::Request;

use super::{Queue, RunKey, WaitingRequest};

/// How long a run has to end by itself after TERM, before KILL.
pub const GRACE: Duration = Duration::from_secs(10);

/// A request that is being carried out.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) waiting: WaitingRequest,
    pub(super) started: Instant,
    pub(super) timeout_at: Instant,
    pub(super) ending: Option<Ending>,
}

/// A run that was told to end.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    pub(super) kill_at: Option<Instant>,
}

/// A run that is due to be ended.
#[derive(Debug, PartialEq, Eq)]
pub enum DueRun {
    /// Its time is over: ask it to end.
    Terminate(RunKey),
    /// It did not end when asked: kill it.
    Kill(RunKey),
}

impl Queue {
    /// The supervisor stops: every run is to end, with this the reason for how it ended. The runs to tell.
    pub fn interrupt_all(&mut self) -> Vec<RunKey> {
        let told = self.runs.iter_mut().filter(|(_, run)| run.ending.is_none());
        // Their deadline is the supervisor's own from here on.
        told.map(|(&key, run)| {
            run.ending = Some(Ending { outcome: Outcome::Interrupted, kill_at: None });
            key
        })
        .collect()
    }

    /// The first instant at which a run that was told to end is to be killed.
    pub fn kill_deadline(&self) -> Option<Instant> {
        let endings = self.runs.values().filter_map(|run| run.ending.as_ref());
        endings.filter_map(|ending| ending.kill_at).min()
    }

    /// The first instant at which a run is due or a request may be tried again.
    pub fn deadline(&self) -> Option<Instant> {
        let retries = self.waiting.iter().filter_map(|waiting| waiting.not_before);
        self.runs.values().filter_map(Run::deadline).chain(retries).min()
    }

    /// The runs whose time is over, marked as told; and waits that are over are forgotten.
    pub fn due(&mut self, now: Instant) -> Vec<DueRun> {
        for waiting in &mut self.waiting {
            waiting.not_before = waiting.not_before.filter(|&at| at > now);
        }
        let overdue = |run: &Run| run.deadline().is_some_and(|deadline| deadline <= now);
        let due = self.runs.iter_mut().filter(|(_, run)| overdue(run));
        due.map(|(&key, run)| {
            if let Some(ending) = &mut run.ending {
                ending.kill_at = None;
                return DueRun::Kill(key);
            }
            run.ending = Some(Ending { outcome: Outcome::TimedOut, kill_at: Some(now + GRACE) });
            DueRun::Terminate(key)
        })
        .collect()
    }

    /// The request that a run carries out.
    pub fn request(&self, key: RunKey) -> Option<&Request> {
        self.runs.get(&key).map(|run| &run.waiting.request)
    }

    /// The requests that are being carried out, with when they started.
    pub fn running(&self) -> impl Iterator<Item = (&WaitingRequest, Instant)> {
        self.runs.values().map(|run| (&run.waiting, run.started))
    }
}

impl Run {
    /// It is to end and not to be tried again, also where it was told to end before: how it was to end then.
    pub(super) fn call_off(&mut self, now: Instant) -> Option<Ending> {
        let kill_at = self.ending.as_ref().map_or(Some(now + GRACE), |ending| ending.kill_at);
        self.ending.replace(Ending { outcome: Outcome::Cancelled, kill_at })
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.ending {
            None => Some(self.timeout_at),
            Some(ending) => ending.kill_at,
        }
    }
}
