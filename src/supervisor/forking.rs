//! Listeners that are forked: asked for, born, and given up with the one that was to fork them.

use std::collections::{HashMap, VecDeque};

use tokio::task::spawn_local;

use crate::listener::fork::{AskedFork, TheirEnds};
use crate::listener::pool::Key;
use crate::process::{self, Pid};

use super::descendants;
use super::engine::Engine;
use super::event::{Event, Remains};
use super::machine::KILL;
use super::starting::fresh_token;

/// The forks that were asked for and are not there yet.
#[derive(Default)]
pub(super) struct AskedForks {
    /// By who is to fork them; those that were asked for together are answered together.
    asked: HashMap<Key, VecDeque<Vec<AskedFork>>>,
    /// What those were to open who were given up: kept until another listener is ready, when nobody is left who might.
    given_up: Vec<TheirEnds>,
}

/// Why nobody can be forked here, whatever the callbacks are.
pub(super) fn never_forks() -> Option<String> {
    let why = if !process::is_reaper() {
        "a fork would be nobody's child here, as orphans go to another process"
    } else if !process::can_mark() {
        "a fork could not be marked here, as there is a limit for locks on files (`ulimit -H -x`)"
    } else {
        return None;
    };
    Some(why.to_owned())
}

impl Engine {
    /// Has a listener fork these. What became of it, where that is known already.
    pub(super) fn fork(&mut self, forking: Key, keys: Vec<Key>) -> Option<Event> {
        let forks: std::io::Result<Vec<_>> =
            keys.iter().map(|&key| AskedFork::new(key, fresh_token()?, self.logged())).collect();
        let forks = match forks {
            Ok(forks) => forks,
            Err(error) => {
                return Some(Event::NotForked(keys, format!("a fork cannot be asked for: {error}")));
            }
        };
        let listener = self.listeners.get_mut(&forking)?;
        let at_once = if listener.forks_singly { 1 } else { keys.len() };
        let asked = self.forks.asked.entry(forking).or_default();
        let mut forks = forks.into_iter().peekable();
        while forks.peek().is_some() {
            let together: Vec<_> = forks.by_ref().take(at_once).collect();
            // When it is gone, its end tells.
            let _ = listener.ask_for(&together);
            asked.push_back(together);
        }
        None
    }

    /// A listener has forked those that it was asked for first, or some of them.
    pub(super) fn forked(&mut self, forking: Key, pids: &[Pid]) {
        let Some(forks) = self.forks.asked.get_mut(&forking).and_then(VecDeque::pop_front) else { return };
        let mut failed = Vec::new();
        let mut pids = pids.iter();
        for fork in forks {
            // Who ended before its parent's parent could hand it over is buried already, by another.
            if let Some(&pid) = pids.next().filter(|&&pid| process::is_child(pid)) {
                self.born(fork, pid);
            } else {
                failed.push(fork.key);
                self.forks.given_up.push(fork.given_up());
            }
        }
        if !failed.is_empty() {
            self.feed(Event::NotForked(failed, "the listener could not fork".to_owned()));
        }
    }

    fn born(&mut self, fork: AskedFork, pid: Pid) {
        let (key, token) = (fork.key, fork.token.clone());
        let listener = fork.born(pid);
        spawn_local(listener.capture.clone().pump());
        self.listeners.insert(key, listener);
        self.feed(Event::Forked(key, pid, token));
    }

    /// The listener has ended: those that it was about to fork are not to be. Some may be there that it has not told of.
    pub(super) fn give_up_forks(&mut self, forking: Key, leader: Pid) {
        let Some(asked) = self.forks.asked.remove(&forking) else { return };
        let Some(token) = self.machine.token(forking).filter(|_| !asked.is_empty()) else { return };
        let remains = Remains { leader, token: token.to_owned() };
        self.forks.given_up.extend(asked.into_iter().flatten().map(AskedFork::given_up));
        self.signal_remains(&remains, KILL);
    }

    /// Whoever was to open something has done so, or is no more.
    pub(super) fn forget_given_up(&mut self) {
        self.forks.given_up.clear();
    }

    /// Whether a child of ours is one that is being forked, and has not been told of yet. It bears its own mark, or still
    /// that of who forks it.
    pub(super) fn is_being_forked(&self, pid: Pid) -> bool {
        if self.forks.asked.values().all(VecDeque::is_empty) {
            return false;
        }
        let Some(mark) = descendants::mark_of(pid) else { return false };
        self.forks.asked.iter().any(|(forking, asked)| {
            let of_forking = self.listeners.get(forking).and_then(|listener| listener.mark);
            of_forking == Some(mark) || asked.iter().flatten().any(|fork| fork.mark() == mark)
        })
    }
}
