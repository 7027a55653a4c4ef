//! Who is next: the requests that wait and the runs that are on. Pure: no processes, no clock of its own.
//!
//! Different actions run side by side, up to [`MOST_RUNS`]; an action never overlaps itself. A request for
//! what already waits, by the same user, joins it: one run serves both.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::names::{ActionName, RequestId};
use crate::outcome::Outcome;
use crate::process::Status;
use crate::request::{Refusal, RefusalCode, Request};

/// Runs side by side, of all actions together.
pub const MOST_RUNS: usize = 8;
/// Requests that wait.
pub const MOST_WAITING: usize = 4096;
/// How long a run may take.
pub const TIMEOUT: Duration = Duration::from_secs(60 * 60);
/// How long a run has to end by itself after TERM, before KILL.
pub const GRACE: Duration = Duration::from_secs(10);

/// A run's name: that of the listener that carries it out.
pub type RunKey = u64;

/// The requests of one service.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: VecDeque<Waiting>,
    runs: BTreeMap<RunKey, Run>,
}

/// A request that waits, with those that joined it.
#[derive(Debug, Clone)]
struct Waiting {
    request: Request,
    joined: Vec<RequestId>,
}

/// A request that is being carried out.
#[derive(Debug)]
struct Run {
    waiting: Waiting,
    started: Instant,
    timeout_at: Instant,
    ending: Option<Ending>,
}

/// A run that was told to end.
#[derive(Debug)]
struct Ending {
    outcome: Outcome,
    kill_at: Option<Instant>,
}

/// What became of a request that was offered.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// It waits for its turn.
    Waits,
    /// The run of this earlier request serves it too.
    Joined(RequestId),
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// What it carried out.
    pub request: Request,
    /// The requests that had joined it.
    pub joined: Vec<RequestId>,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// A run that is due to be ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    /// Its time is over: ask it to end.
    Terminate(RunKey),
    /// It did not end when asked: kill it.
    Kill(RunKey),
}

impl Queue {
    /// Takes a request in.
    ///
    /// # Errors
    /// Refused as busy when [`MOST_WAITING`] requests wait.
    pub fn admit(&mut self, request: Request) -> Result<Admission, Refusal> {
        let same = |waiting: &&mut Waiting| {
            waiting.request.action == request.action && waiting.request.user == request.user
        };
        if let Some(waiting) = self.waiting.iter_mut().find(same) {
            waiting.joined.push(request.id);
            return Ok(Admission::Joined(waiting.request.id.clone()));
        }
        if self.waiting.len() >= MOST_WAITING {
            let message = format!("{MOST_WAITING} requests wait already");
            return Err(Refusal::new(RefusalCode::Busy, message));
        }
        self.waiting.push_back(Waiting { request, joined: Vec::new() });
        Ok(Admission::Waits)
    }

    /// How many of the waiting requests could start now, had they listeners.
    pub fn startable(&self) -> usize {
        let free = MOST_RUNS.saturating_sub(self.runs.len());
        self.waiting.iter().filter(|waiting| !self.is_running(&waiting.request.action)).take(free).count()
    }

    /// Starts the first request that can start, as the run `key`.
    pub fn start(&mut self, key: RunKey, now: Instant) -> Option<Request> {
        if self.runs.len() >= MOST_RUNS {
            return None;
        }
        let index = self.waiting.iter().position(|waiting| !self.is_running(&waiting.request.action))?;
        let waiting = self.waiting.remove(index)?;
        let request = waiting.request.clone();
        self.runs.insert(key, Run { waiting, started: now, timeout_at: now + TIMEOUT, ending: None });
        Some(request)
    }

    /// A request that was started did not reach its listener: it is the next again.
    pub fn put_back(&mut self, key: RunKey) {
        if let Some(run) = self.runs.remove(&key) {
            self.waiting.push_front(run.waiting);
        }
    }

    /// The run has ended with `status`.
    pub fn finish(&mut self, key: RunKey, status: Status, now: Instant) -> Option<Finished> {
        let run = self.runs.remove(&key)?;
        Some(Finished {
            request: run.waiting.request,
            joined: run.waiting.joined,
            outcome: run.ending.map_or(Outcome::of(status), |ending| ending.outcome),
            took: now - run.started,
        })
    }

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

    /// The first instant at which [`Queue::due`] has something.
    pub fn deadline(&self) -> Option<Instant> {
        self.runs.values().filter_map(Run::deadline).min()
    }

    /// The runs whose time is over, marked as told.
    pub fn due(&mut self, now: Instant) -> Vec<Due> {
        let overdue = |run: &Run| run.deadline().is_some_and(|deadline| deadline <= now);
        let due = self.runs.iter_mut().filter(|(_, run)| overdue(run));
        due.map(|(&key, run)| {
            if let Some(ending) = &mut run.ending {
                ending.kill_at = None;
                return Due::Kill(key);
            }
            run.ending = Some(Ending { outcome: Outcome::TimedOut, kill_at: Some(now + GRACE) });
            Due::Terminate(key)
        })
        .collect()
    }

    /// Requests that wait, those that joined others not counted.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Runs that are on.
    pub fn running(&self) -> usize {
        self.runs.len()
    }

    fn is_running(&self, action: &ActionName) -> bool {
        self.runs.values().any(|run| run.waiting.request.action == *action)
    }
}

impl Run {
    fn deadline(&self) -> Option<Instant> {
        match &self.ending {
            None => Some(self.timeout_at),
            Some(ending) => ending.kill_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(id: &str, user: &str, action: &str) -> Request {
        Request { id: id.parse().unwrap(), user: user.parse().unwrap(), action: action.parse().unwrap() }
    }

    #[test]
    fn different_actions_run_side_by_side_and_none_overlaps_itself() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.admit(request("1", "forum", "backup")).unwrap();
        queue.admit(request("2", "root", "backup")).unwrap();
        queue.admit(request("3", "forum", "rotate")).unwrap();
        assert_eq!(queue.start(10, now).unwrap().id.as_str(), "1");
        assert_eq!(queue.start(11, now).unwrap().id.as_str(), "3");
        assert_eq!(queue.start(12, now), None);
        queue.finish(10, Status::Exited(0), now).unwrap();
        assert_eq!(queue.start(12, now).unwrap().id.as_str(), "2");
    }

    #[test]
    fn a_repeat_joins_what_waits_and_not_what_runs() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.admit(request("1", "forum", "backup")).unwrap();
        queue.start(10, now).unwrap();
        assert_eq!(queue.admit(request("2", "forum", "backup")), Ok(Admission::Waits));
        let joined = queue.admit(request("3", "forum", "backup")).unwrap();
        assert_eq!(joined, Admission::Joined("2".parse().unwrap()));
        queue.finish(10, Status::Exited(0), now).unwrap();
        queue.start(11, now).unwrap();
        let finished = queue.finish(11, Status::Exited(3), now).unwrap();
        assert_eq!((finished.joined, finished.outcome), (vec!["3".parse().unwrap()], Outcome::Failed(3)));
    }

    #[test]
    fn a_run_over_its_time_is_terminated_then_killed_and_timed_out() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.admit(request("1", "forum", "backup")).unwrap();
        queue.start(10, now).unwrap();
        assert_eq!(queue.deadline(), Some(now + TIMEOUT));
        assert_eq!(queue.due(now + TIMEOUT), [Due::Terminate(10)]);
        assert_eq!(queue.due(now + TIMEOUT), []);
        assert_eq!(queue.due(now + TIMEOUT + GRACE), [Due::Kill(10)]);
        assert_eq!(queue.deadline(), None);
        let finished = queue.finish(10, Status::Killed(9), now).unwrap();
        assert_eq!(finished.outcome, Outcome::TimedOut);
    }

    #[test]
    fn no_more_than_the_limit_run_or_wait() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for n in 0..MOST_WAITING {
            queue.admit(request(&n.to_string(), "forum", &format!("a{n}"))).unwrap();
        }
        let refusal = queue.admit(request("x", "forum", "one-more")).unwrap_err();
        assert_eq!(refusal.code, RefusalCode::Busy);
        assert_eq!(queue.startable(), MOST_RUNS);
        for n in 0..MOST_RUNS {
            assert!(queue.start(n as RunKey, now).is_some());
        }
        assert_eq!(queue.start(99, now), None);
    }

    #[test]
    fn what_did_not_reach_its_listener_is_the_next_again() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.admit(request("1", "forum", "a")).unwrap();
        queue.admit(request("2", "forum", "b")).unwrap();
        queue.start(10, now).unwrap();
        queue.put_back(10);
        assert_eq!(queue.start(11, now).unwrap().id.as_str(), "1");
    }
}
