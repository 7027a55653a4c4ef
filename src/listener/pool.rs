//! The listeners there are: one always waits, more while requests queue, and failing ones cost little.
//!
//! When the callbacks on disk cannot be read, the last good ones go on serving, and the others are tried
//! again now and then. Pure: starting and ending listeners is said to it, or asked by it.
//!
//! Where the callbacks allow it, one listener reads them and forks those who wait for requests; else each of those reads
//! them itself.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::names::ActionName;
use crate::process::Pid;
use crate::queue::Need;

mod callbacks;
mod forks;

pub use callbacks::Source;

/// A listener's name within its supervisor.
pub type Key = u64;

/// Listeners that read their callbacks at the same time, when requests queue.
const MOST_STARTING: usize = 3;
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const STABLE: Duration = Duration::from_secs(60);
/// How long a listener may take to read its callbacks.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// What a listener is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To fork listeners for requests that need the supervisor's own rights. Whose callbacks cannot be forked waits for a
    /// request itself.
    Forking,
    /// The next request that needs these rights.
    Request(Need),
    /// One health check.
    Health,
}

/// Whether the next request meets a listener that waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmth {
    /// One waits.
    Ready,
    /// One reads its callbacks.
    Starting,
    /// The last one failed, and the next is started later.
    Failing,
    /// There is none, and none is to come.
    None,
}

/// How far a listener has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It reads its callbacks.
    Starting,
    /// It forks those who wait for requests.
    Forking,
    /// It waits for its request.
    Ready,
    /// It is about to get its request.
    Taken,
    /// It carries its request out.
    Busy,
    /// It is not wanted any more.
    Dismissed,
}

#[derive(Debug)]
struct PooledListener {
    process: Option<(Pid, String)>,
    purpose: Purpose,
    source: Source,
    stage: Stage,
    /// When it is killed if it still reads its callbacks, or is still to be forked.
    ready_by: Option<Instant>,
    /// The listener that was asked to fork it.
    forked_by: Option<Key>,
}

/// A listener that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndedListener {
    /// Which one.
    pub key: Key,
    /// Its process, that led its group.
    pub pid: Pid,
    /// What its processes carry.
    pub token: String,
    /// What it was for.
    pub purpose: Purpose,
    /// How far it had come.
    pub stage: Stage,
}

/// The listeners of one service.
#[derive(Debug)]
pub struct Pool {
    listeners: BTreeMap<Key, PooledListener>,
    next: Key,
    backoff: Backoff,
    retry_at: Option<Instant>,
    /// What the callbacks offer, as the last good listener said.
    actions: Option<BTreeSet<ActionName>>,
    /// The file has changed since: what it offers is to be seen.
    stale: bool,
    broken: Option<String>,
    serving: Source,
    has_last_good: bool,
    /// Why nobody can be forked here, whatever the callbacks are.
    never_forks: Option<String>,
    /// Why the callbacks that are served cannot be forked.
    unforkable: Option<String>,
    /// When it is tried again, where it was only that nobody could be forked.
    fork_again_at: Option<Instant>,
}

impl Pool {
    /// No listeners yet. `seed` is for the jitter of waits; `has_last_good` says whether there is a copy of
    /// callbacks that could be read; `never_forks` why nobody can be forked here.
    pub fn new(seed: u64, has_last_good: bool, never_forks: Option<String>) -> Self {
        Self {
            listeners: BTreeMap::new(),
            next: 1,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, STABLE, seed),
            retry_at: None,
            actions: None,
            stale: false,
            broken: None,
            serving: Source::Current,
            has_last_good,
            never_forks,
            unforkable: None,
            fork_again_at: None,
        }
    }

    /// The listeners to start now, so that one waits, or as many as requests with these `needs` call for. Those that can
    /// be forked are not among them: see [`Pool::wanted_forks`].
    pub fn wanted(&self, needs: &[Need], now: Instant) -> Vec<(Purpose, Source)> {
        let may_retry = self.retry_at.is_none_or(|at| at <= now);
        let mut wanted = Vec::new();
        if self.serving == Source::LastGood && may_retry && !self.is_trying() {
            wanted.push((self.own_purpose(now), Source::Current));
        }
        if self.serving == Source::Current && !may_retry {
            return wanted;
        }
        // Until they are known to be good, one try at a time.
        let good = self.actions.is_some() && !self.stale && self.broken.is_none();
        let at_once = if good || self.serving == Source::LastGood { MOST_STARTING } else { 1 };
        let mut room = at_once.saturating_sub(self.starting());
        let mut kinds: BTreeMap<&Need, usize> = BTreeMap::from([(&Need::Own, 0)]);
        for need in needs {
            *kinds.entry(need).or_default() += 1;
        }
        for (need, count) in kinds {
            let (purpose, missing) = match need {
                Need::Own if self.unforkable().is_none() => {
                    (Purpose::Forking, usize::from(!self.has_forking()))
                }
                Need::Own => (self.own_purpose(now), count.max(1).saturating_sub(self.available(need))),
                Need::User(_) => (Purpose::Request(need.clone()), count.saturating_sub(self.available(need))),
            };
            let missing = missing.min(room);
            room -= missing;
            wanted.extend((0..missing).map(|_| (purpose.clone(), self.serving)));
        }
        wanted
    }

    /// A new listener, about to be started.
    pub fn add(&mut self, purpose: Purpose, source: Source, now: Instant) -> Key {
        self.add_forked(purpose, source, None, now)
    }

    fn add_forked(&mut self, purpose: Purpose, source: Source, forked_by: Option<Key>, now: Instant) -> Key {
        let key = self.next;
        self.next += 1;
        let (stage, ready_by) = (Stage::Starting, Some(now + READ_TIMEOUT));
        let listener = PooledListener { process: None, purpose, source, stage, ready_by, forked_by };
        self.listeners.insert(key, listener);
        key
    }

    /// The listener runs, as this process, and its processes carry this token.
    pub fn started(&mut self, key: Key, pid: Pid, token: String) {
        if let Some(listener) = self.listeners.get_mut(&key) {
            listener.process = Some((pid, token));
        }
    }

    /// The listener could not be started; what it was to be for.
    pub fn not_started(&mut self, key: Key, why: String, now: Instant) -> Option<Purpose> {
        let listener = self.listeners.remove(&key)?;
        self.judge_start(&listener, why, now);
        Some(listener.purpose)
    }

    /// The listener has read its callbacks, which are these; why they cannot be forked. True when they are the ones on
    /// disk, and the first good ones since a failure, a change or the start: worth keeping a copy of.
    pub fn ready(
        &mut self,
        key: Key,
        callbacks: &[String],
        unforkable: Option<String>,
        now: Instant,
    ) -> bool {
        let Some(listener) = self.listeners.get_mut(&key) else { return false };
        if listener.stage == Stage::Starting {
            listener.stage = Stage::Ready;
            if listener.purpose == Purpose::Forking {
                match &unforkable {
                    None => listener.stage = Stage::Forking,
                    Some(_) => listener.purpose = Purpose::Request(Need::Own),
                }
                self.unforkable = unforkable;
                self.fork_again_at = None;
            }
        }
        let is_new = self.actions.is_none() || self.stale || self.broken.is_some();
        let from_disk = listener.source == Source::Current;
        if from_disk || self.actions.is_none() || self.stale {
            self.actions = Some(callbacks.iter().filter_map(|name| ActionName::of_callback(name)).collect());
            self.stale = false;
        }
        if from_disk {
            self.backoff.works(now);
            (self.retry_at, self.broken, self.serving) = (None, None, Source::Current);
            self.has_last_good = true;
        }
        from_disk && is_new
    }

    /// A listener ready for a request with these needs, which it is about to get.
    pub fn take(&mut self, need: &Need) -> Option<Key> {
        let is_free = |listener: &PooledListener| {
            listener.stage == Stage::Ready
                && matches!(&listener.purpose, Purpose::Request(own) if own == need)
        };
        let (&key, listener) = self.listeners.iter_mut().find(|(_, listener)| is_free(listener))?;
        listener.stage = Stage::Taken;
        Some(key)
    }

    /// The listener has its request.
    pub fn handed(&mut self, key: Key) {
        if let Some(listener) = self.listeners.get_mut(&key) {
            listener.stage = Stage::Busy;
        }
    }

    /// The listener did not get its request after all, and waits on.
    pub fn untake(&mut self, key: Key) {
        if let Some(listener) = self.listeners.get_mut(&key) {
            listener.stage = Stage::Ready;
        }
    }

    /// The process has ended; which listener it was, if one. One that ended before it had a request failed;
    /// `said` is what it had to say about that.
    pub fn ended(
        &mut self,
        pid: Pid,
        how: &dyn std::fmt::Display,
        said: &str,
        now: Instant,
    ) -> Option<EndedListener> {
        let is_it =
            |listener: &PooledListener| listener.process.as_ref().is_some_and(|process| process.0 == pid);
        let key = *self.listeners.iter().find(|(_, listener)| is_it(listener))?.0;
        let listener = self.listeners.remove(&key)?;
        match listener.stage {
            Stage::Starting => {
                let colon = if said.is_empty() { "" } else { ": " };
                let why = format!("the listener {how} before it had read the callbacks{colon}{said}");
                self.judge_start(&listener, why, now);
            }
            Stage::Ready | Stage::Forking if listener.is_for_own() => {
                self.failed(format!("the listener {how} while it waited for a request"), now);
            }
            _ => {}
        }
        // Nobody tells of those any more that it was about to fork.
        self.listeners.retain(|_, fork| fork.forked_by != Some(key) || fork.process.is_some());
        let PooledListener { process, purpose, stage, .. } = listener;
        let (pid, token) = process?;
        Some(EndedListener { key, pid, token, purpose, stage })
    }

    /// Nobody needs the listeners that have no request: their processes, to be ended.
    pub fn dismiss_idle(&mut self) -> Vec<Pid> {
        self.dismiss(|listener| listener.purpose != Purpose::Health)
    }

    /// After a burst more wait than are needed, or they read callbacks that are not served any more: the
    /// processes of those. So many `forks` may stay.
    pub fn dismiss_surplus(&mut self, needs: &[Need], forks: usize) -> Vec<Pid> {
        let serving = self.serving;
        let outdated = self.dismiss(|listener| {
            let is_trial = serving == Source::LastGood && listener.source == Source::Current;
            listener.purpose != Purpose::Health && listener.source != serving && !is_trial
        });
        let mut kept: BTreeMap<Need, usize> = BTreeMap::from([(Need::Own, 1)]);
        let own = needs.iter().filter(|need| **need == Need::Own).count();
        let forks = if self.unforkable().is_none() { forks } else { 0 };
        kept.insert(Need::Own, own.max(forks).max(1));
        for need in needs.iter().filter(|need| **need != Need::Own) {
            *kept.entry(need.clone()).or_default() += 1;
        }
        let surplus = self.dismiss(|listener| match &listener.purpose {
            Purpose::Request(need) if listener.stage == Stage::Ready => {
                let left = kept.entry(need.clone()).or_default();
                let is_surplus = *left == 0;
                *left = left.saturating_sub(1);
                is_surplus
            }
            _ => false,
        });
        outdated.into_iter().chain(surplus).collect()
    }

    /// The process of a listener.
    pub fn pid(&self, key: Key) -> Option<Pid> {
        Some(self.listeners.get(&key)?.process.as_ref()?.0)
    }

    /// What the processes of a listener carry.
    pub fn token(&self, key: Key) -> Option<&str> {
        Some(&self.listeners.get(&key)?.process.as_ref()?.1)
    }

    /// The processes of all listeners, whatever they do.
    pub fn pids(&self) -> Vec<Pid> {
        self.listeners.values().filter_map(|listener| Some(listener.process.as_ref()?.0)).collect()
    }

    /// Whether the next request meets a listener that waits for it.
    pub fn warmth(&self) -> Warmth {
        // Those that only try whether other callbacks can be read again are not for requests yet.
        let own = |listener: &&PooledListener| listener.is_for_own() && listener.source == self.serving;
        let stages: Vec<Stage> = self.listeners.values().filter(own).map(|listener| listener.stage).collect();
        let is_any = |wanted: &[Stage]| stages.iter().any(|stage| wanted.contains(stage));
        match () {
            // Where one forks, the next one is there in a moment.
            () if is_any(&[Stage::Ready, Stage::Forking]) => Warmth::Ready,
            () if is_any(&[Stage::Starting]) => Warmth::Starting,
            () if self.retry_at.is_some() && self.broken.is_some() => Warmth::Failing,
            () => Warmth::None,
        }
    }

    /// Whether one waits, and nobody is about to.
    pub fn is_at_rest(&self) -> bool {
        let stages = || self.listeners.values().map(|listener| listener.stage);
        stages().any(|stage| stage == Stage::Ready) && !stages().any(|stage| stage == Stage::Starting)
    }

    /// When to try again after failures, or a listener takes too long to read its callbacks or to be forked.
    pub fn deadline(&self) -> Option<Instant> {
        let starts = self.listeners.values().filter(|listener| listener.stage == Stage::Starting);
        starts.filter_map(|listener| listener.ready_by).chain(self.retry_at).min()
    }

    /// The time to try again may have come. The processes of listeners that took too long, to be killed;
    /// each once.
    pub fn deadline_passed(&mut self, now: Instant) -> Vec<Pid> {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        let mut late = BTreeSet::new();
        for (&key, listener) in &mut self.listeners {
            if listener.stage == Stage::Starting && listener.ready_by.is_some_and(|by| by <= now) {
                listener.ready_by = None;
                // Who is not forked in time has no process yet: it is the other one that hangs.
                late.insert(listener.forked_by.unwrap_or(key));
            }
        }
        late.into_iter().filter_map(|key| self.pid(key)).collect()
    }

    fn starting(&self) -> usize {
        let starting = |listener: &&PooledListener| {
            let is_of_pool = listener.purpose != Purpose::Health && listener.forked_by.is_none();
            listener.stage == Stage::Starting && is_of_pool
        };
        self.listeners.values().filter(starting).count()
    }

    fn available(&self, need: &Need) -> usize {
        let counts = |listener: &&PooledListener| {
            let is_for_need = match &listener.purpose {
                Purpose::Request(own) => own == need,
                Purpose::Forking => *need == Need::Own,
                Purpose::Health => false,
            };
            is_for_need
                && listener.source == self.serving
                && matches!(listener.stage, Stage::Starting | Stage::Ready)
        };
        self.listeners.values().filter(counts).count()
    }

    fn dismiss(&mut self, mut unwanted: impl FnMut(&PooledListener) -> bool) -> Vec<Pid> {
        let idle = |listener: &&mut PooledListener| {
            matches!(listener.stage, Stage::Starting | Stage::Forking | Stage::Ready)
        };
        let mut dismissed = Vec::new();
        for listener in self.listeners.values_mut().filter(idle) {
            if unwanted(listener) {
                listener.stage = Stage::Dismissed;
                dismissed.extend(listener.process.as_ref().map(|process| process.0));
            }
        }
        dismissed
    }
}

impl PooledListener {
    /// Whether it is there for requests with our own rights.
    fn is_for_own(&self) -> bool {
        matches!(self.purpose, Purpose::Forking | Purpose::Request(Need::Own))
    }
}

#[cfg(test)]
mod tests;
