//! Actions that should have succeeded by now: `expect-within` of their rules, even when nobody asks for them
//! any more. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::clock::Moment;
use crate::duration;
use crate::journal::{Entry, LastRuns};
use crate::names::ActionName;
use crate::policy::Policy;
use crate::request::Request;

/// What is known of the last runs, and which actions are overdue.
#[derive(Debug)]
pub struct Overdue {
    /// The last runs of each action that has run.
    pub last: BTreeMap<ActionName, LastRuns>,
    /// When this service's journal began: an action that never succeeded is counted from here.
    since: Timestamp,
    said: BTreeSet<ActionName>,
}

impl Overdue {
    /// Goes on from what the journal tells.
    pub fn new(last: BTreeMap<ActionName, LastRuns>, since: Timestamp) -> Self {
        Self { last, since, said: BTreeSet::new() }
    }

    /// A request has its outcome.
    pub fn update(&mut self, request: &Request, entry: &Entry, now: Moment) {
        let runs = self.last.entry(request.action.clone()).or_insert_with(|| LastRuns::new(now.wall));
        runs.update(request, entry);
        // A success makes the next lateness news again.
        if self.last_success(&request.action) == Some(now.wall) {
            self.said.remove(&request.action);
        }
    }

    /// The actions that have become overdue since the last call, each with a sentence about it.
    pub fn news(&mut self, policy: &Policy, now: Moment) -> Vec<String> {
        let overdue: BTreeSet<_> = self.now(policy, now).cloned().collect();
        let fresh: Vec<_> =
            overdue.difference(&self.said).map(|action| self.sentence(action, policy)).collect();
        self.said = overdue;
        fresh
    }

    /// What is overdue, a sentence each.
    pub fn sentences(&self, policy: &Policy, now: Moment) -> Vec<String> {
        self.now(policy, now).map(|action| self.sentence(action, policy)).collect()
    }

    /// Whether an action is overdue.
    pub fn is_overdue(&self, action: &ActionName, policy: &Policy, now: Moment) -> bool {
        self.due_at(action, policy).is_some_and(|due| due <= now.wall)
    }

    /// The next instant at which an action becomes overdue.
    pub fn deadline(&self, policy: &Policy, now: Moment) -> Option<Instant> {
        let due = policy.rules().filter_map(|(action, _)| self.due_at(action, policy));
        due.filter(|&due| due > now.wall).min().map(|due| now.instant_of(due))
    }

    fn now<'a>(&'a self, policy: &'a Policy, now: Moment) -> impl Iterator<Item = &'a ActionName> {
        policy.rules().map(|(action, _)| action).filter(move |action| self.is_overdue(action, policy, now))
    }

    fn due_at(&self, action: &ActionName, policy: &Policy) -> Option<Timestamp> {
        let within = policy.rule(action).expect_within?;
        self.last_success(action).unwrap_or(self.since).checked_add(within).ok()
    }

    fn last_success(&self, action: &ActionName) -> Option<Timestamp> {
        Some(self.last.get(action)?.last_success.as_ref()?.ended_at)
    }

    fn sentence(&self, action: &ActionName, policy: &Policy) -> String {
        let within = duration::show(policy.rule(action).expect_within.unwrap_or(Duration::ZERO));
        match self.last_success(action) {
            Some(at) => format!("{action} is overdue: expected within {within}, last succeeded at {at:.0}"),
            None => format!("{action} is overdue: expected within {within}, and it has never succeeded"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_that_nobody_asks_for_any_more_becomes_overdue_once() {
        let policy = Policy::parse("[action.backup]\nexpect-within = '26h'", "housekeeping.toml").unwrap();
        let begin = Moment::now();
        let mut overdue = Overdue::new(BTreeMap::new(), begin.wall);
        let limit = Duration::from_secs(26 * 3600);
        assert_eq!(overdue.news(&policy, begin), Vec::<String>::new());
        assert_eq!(overdue.deadline(&policy, begin), Some(begin.instant + limit));
        let later = begin + limit;
        let said = overdue.news(&policy, later);
        assert_eq!(said, ["backup is overdue: expected within 1d2h, and it has never succeeded"]);
        assert_eq!(overdue.news(&policy, later), Vec::<String>::new(), "said once");
        assert_eq!(overdue.sentences(&policy, later).len(), 1, "and shown as long as it is so");
        assert_eq!(overdue.deadline(&policy, later), None);
    }
}
