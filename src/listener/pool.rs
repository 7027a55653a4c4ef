//! The listeners there are: one always waits, more while requests queue, and failing ones cost little.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::names::ActionName;
use crate::process::Pid;

/// A listener's name within its supervisor.
pub type Key = u64;

/// Listeners that read their callbacks at the same time, when requests queue.
const MOST_STARTING: usize = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const STABLE: Duration = Duration::from_secs(60);

/// What a listener is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The next request.
    Request,
    /// One health check.
    Health,
}

/// How far a listener has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It reads its callbacks.
    Starting,
    /// It waits for its request.
    Ready,
    /// It carries its request out.
    Busy,
    /// It is not wanted any more.
    Dismissed,
}

#[derive(Debug)]
struct Listener {
    pid: Option<Pid>,
    purpose: Purpose,
    stage: Stage,
}

/// A listener that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Which one.
    pub key: Key,
    /// What it was for.
    pub purpose: Purpose,
    /// How far it had come.
    pub stage: Stage,
}

/// The listeners of one service. Pure: starting and ending them is said to it, or asked by it.
#[derive(Debug)]
pub struct Pool {
    listeners: BTreeMap<Key, Listener>,
    next: Key,
    backoff: Backoff,
    retry_at: Option<Instant>,
    actions: Option<BTreeSet<ActionName>>,
    broken: Option<String>,
    was_broken: bool,
}

impl Pool {
    /// No listeners yet. `seed` is for the jitter of waits.
    pub fn new(seed: u64) -> Self {
        Self {
            listeners: BTreeMap::new(),
            next: 1,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, STABLE, seed),
            retry_at: None,
            actions: None,
            broken: None,
            was_broken: false,
        }
    }

    /// How many listeners to start now, so that one waits, or as many as `startable` requests need.
    pub fn wanted(&self, startable: usize, now: Instant) -> usize {
        if self.retry_at.is_some_and(|at| at > now) {
            return 0;
        }
        let starting = self.count(Stage::Starting);
        let wanted = startable.max(1).saturating_sub(starting + self.count(Stage::Ready));
        // Until they are known to be good, one try at a time.
        let good = self.actions.is_some() && self.broken.is_none();
        let at_once = if good { MOST_STARTING } else { 1 };
        wanted.min(at_once.saturating_sub(starting))
    }

    /// A new listener, about to be started.
    pub fn add(&mut self, purpose: Purpose) -> Key {
        let key = self.next;
        self.next += 1;
        self.listeners.insert(key, Listener { pid: None, purpose, stage: Stage::Starting });
        key
    }

    /// The listener runs, as this process.
    pub fn started(&mut self, key: Key, pid: Pid) {
        if let Some(listener) = self.listeners.get_mut(&key) {
            listener.pid = Some(pid);
        }
    }

    /// The listener could not be started.
    pub fn not_started(&mut self, key: Key, why: String, now: Instant) {
        if self.listeners.remove(&key).is_some_and(|listener| listener.purpose == Purpose::Request) {
            self.failed(why, now);
        }
    }

    /// The listener has read its callbacks, which are these. True when it is the first good one after a
    /// failure.
    pub fn ready(&mut self, key: Key, callbacks: &[String]) -> bool {
        let Some(listener) = self.listeners.get_mut(&key) else { return false };
        if listener.stage == Stage::Starting {
            listener.stage = Stage::Ready;
        }
        self.actions = Some(callbacks.iter().filter_map(|name| ActionName::of_callback(name)).collect());
        self.retry_at = None;
        self.broken.take().is_some() | std::mem::take(&mut self.was_broken)
    }

    /// A listener ready for a request, now busy with it.
    pub fn take(&mut self) -> Option<Key> {
        let is_free =
            |listener: &Listener| listener.stage == Stage::Ready && listener.purpose == Purpose::Request;
        let (&key, listener) = self.listeners.iter_mut().find(|(_, listener)| is_free(listener))?;
        listener.stage = Stage::Busy;
        Some(key)
    }

    /// The listener for a health check has its request.
    pub fn busy(&mut self, key: Key) {
        if let Some(listener) = self.listeners.get_mut(&key) {
            listener.stage = Stage::Busy;
        }
    }

    /// The process has ended; which listener it was, if one. One that ended before it had a request failed.
    pub fn ended(&mut self, pid: Pid, how: &dyn std::fmt::Display, now: Instant) -> Option<Ended> {
        let (&key, _) = self.listeners.iter().find(|(_, listener)| listener.pid == Some(pid))?;
        let Listener { purpose, stage, .. } = self.listeners.remove(&key)?;
        match (purpose, stage) {
            (Purpose::Request, Stage::Starting) => {
                self.failed(format!("the listener {how} before it had read the callbacks"), now);
            }
            (Purpose::Request, Stage::Ready) => {
                self.failed(format!("the listener {how} while it waited for a request"), now);
            }
            _ => {}
        }
        Some(Ended { key, purpose, stage })
    }

    /// Nobody needs the listeners that have no request: their processes, to be ended.
    pub fn dismiss_idle(&mut self) -> Vec<Pid> {
        let idle = |listener: &&mut Listener| {
            listener.purpose == Purpose::Request && matches!(listener.stage, Stage::Starting | Stage::Ready)
        };
        let dismissed = self.listeners.values_mut().filter(idle).filter_map(|listener| {
            listener.stage = Stage::Dismissed;
            listener.pid
        });
        dismissed.collect()
    }

    /// After a burst more wait than are needed: the processes of those beyond the first.
    pub fn dismiss_surplus(&mut self, startable: usize) -> Vec<Pid> {
        let ready =
            |listener: &&mut Listener| listener.purpose == Purpose::Request && listener.stage == Stage::Ready;
        let surplus = self.listeners.values_mut().filter(ready).skip(startable.max(1));
        let dismissed = surplus.filter_map(|listener| {
            listener.stage = Stage::Dismissed;
            listener.pid
        });
        dismissed.collect()
    }

    /// The callbacks have changed on disk: what failed before may work now.
    pub fn callbacks_changed(&mut self) {
        self.backoff.forget();
        self.retry_at = None;
        self.actions = None;
        self.was_broken |= self.broken.take().is_some();
    }

    /// The process of a listener.
    pub fn pid(&self, key: Key) -> Option<Pid> {
        self.listeners.get(&key)?.pid
    }

    /// The processes of all listeners, whatever they do.
    pub fn pids(&self) -> Vec<Pid> {
        self.listeners.values().filter_map(|listener| listener.pid).collect()
    }

    /// The actions that can be asked for, once the callbacks have been read.
    pub fn actions(&self) -> Option<&BTreeSet<ActionName>> {
        self.actions.as_ref()
    }

    /// What is wrong with the callbacks or their listener, if something is.
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// When to try again after failures.
    pub fn deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// The time to try again has come.
    pub fn deadline_passed(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
    }

    fn count(&self, stage: Stage) -> usize {
        let counts = |listener: &&Listener| listener.purpose == Purpose::Request && listener.stage == stage;
        self.listeners.values().filter(counts).count()
    }

    fn failed(&mut self, why: String, now: Instant) {
        self.retry_at = Some(now + self.backoff.failed(now));
        self.broken = Some(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start_ready(pool: &mut Pool, pid: Pid) -> Key {
        let key = pool.add(Purpose::Request);
        pool.started(key, pid);
        pool.ready(key, &["CB_backup".into()]);
        key
    }

    #[test]
    fn one_waits_when_nothing_is_asked_and_more_when_much_is() {
        let mut pool = Pool::new(1);
        let now = Instant::now();
        assert_eq!(pool.wanted(0, now), 1);
        start_ready(&mut pool, 10);
        assert_eq!(pool.wanted(0, now), 0);
        assert_eq!(pool.wanted(1, now), 0);
        assert_eq!(pool.wanted(2, now), 1);
        assert_eq!(pool.wanted(100, now), MOST_STARTING);
    }

    #[test]
    fn a_listener_is_taken_once_and_its_successor_wanted_at_once() {
        let mut pool = Pool::new(1);
        let key = start_ready(&mut pool, 10);
        assert_eq!(pool.take(), Some(key));
        assert_eq!(pool.take(), None);
        assert_eq!(pool.wanted(0, Instant::now()), 1);
    }

    #[test]
    fn callbacks_that_cannot_be_read_cost_a_handful_of_starts_a_minute() {
        let mut pool = Pool::new(1);
        let start = Instant::now();
        let (mut now, mut starts) = (start, 0);
        while now < start + Duration::from_secs(60) {
            assert_eq!(pool.wanted(5, now), 1, "one try at a time");
            let key = pool.add(Purpose::Request);
            pool.started(key, 10);
            pool.ended(10, &"died", now);
            starts += 1;
            assert_eq!(pool.wanted(5, now), 0);
            now = pool.deadline().unwrap();
            pool.deadline_passed(now);
        }
        assert!(starts <= 12, "{starts} starts");
    }

    #[test]
    fn a_dismissed_listener_is_no_failure() {
        let mut pool = Pool::new(1);
        start_ready(&mut pool, 10);
        assert_eq!(pool.dismiss_idle(), [10]);
        assert_eq!(pool.ended(10, &"died", Instant::now()).unwrap().stage, Stage::Dismissed);
        assert_eq!(pool.broken(), None);
    }

    #[test]
    fn a_burst_leaves_one_waiting() {
        let mut pool = Pool::new(1);
        start_ready(&mut pool, 10);
        start_ready(&mut pool, 11);
        start_ready(&mut pool, 12);
        assert_eq!(pool.dismiss_surplus(0), [11, 12]);
        assert_eq!(pool.wanted(0, Instant::now()), 0);
    }

    #[test]
    fn a_health_listener_is_never_taken_for_a_request() {
        let mut pool = Pool::new(1);
        let key = pool.add(Purpose::Health);
        pool.started(key, 10);
        pool.ready(key, &[]);
        assert_eq!(pool.take(), None);
        assert_eq!(pool.wanted(0, Instant::now()), 1);
    }
}
