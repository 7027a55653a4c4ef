//! Actions that should have succeeded by now: `expect-within` of their rules, even when nobody asks for them
//! any more. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::clock::Moment;
use crate::duration;
use crate::journal::{JournalRecord, LastRuns};
use crate::names::ActionName;
use crate::policy::Policy;
use crate::request::Request;
use crate::wire::{Degradation, DegradedKind, Event};

/// What is known of the last runs, and which actions are overdue.
#[derive(Debug, Clone)]
pub struct Overdue {
    /// The last runs of each action that has run.
    pub last: BTreeMap<ActionName, LastRuns>,
    /// When this service's journal began: an action that never succeeded is counted from here.
    since: Timestamp,
    /// From when an action is counted whose last success was noted for a time to come, by a clock that was wrong.
    noticed: BTreeMap<ActionName, Timestamp>,
    said: BTreeSet<ActionName>,
}

/// That an action has become overdue, or is no longer, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It has; in a sentence.
    Overdue(Timestamp, ActionName, String),
    /// It is no longer: it has succeeded, or nobody expects it to any more.
    Recovered(Timestamp, ActionName),
}

impl From<&News> for Event {
    fn from(news: &News) -> Self {
        match news.clone() {
            News::Overdue(at, action, note) => Self::Overdue { at, action, note: Some(note) },
            News::Recovered(at, action) => Self::Recovered { at, action },
        }
    }
}

impl Overdue {
    /// Goes on from what the journal tells.
    pub fn new(last: BTreeMap<ActionName, LastRuns>, since: Timestamp) -> Self {
        Self { last, since, noticed: BTreeMap::new(), said: BTreeSet::new() }
    }

    /// A request has its outcome.
    pub fn update(&mut self, request: &Request, record: &JournalRecord, now: Moment) {
        let runs = self.last.entry(request.action.clone()).or_insert_with(|| LastRuns::new(now.wall));
        runs.update(request, record);
    }

    /// What has become overdue since the last call, and what is no longer: each told once.
    pub fn news(&mut self, policy: &Policy, now: Moment) -> Vec<News> {
        self.mistrust_the_future(now);
        let overdue: BTreeSet<_> = self.now(policy, now).cloned().collect();
        let said = std::mem::replace(&mut self.said, overdue);
        let over = said.difference(&self.said).map(|action| News::Recovered(now.wall, action.clone()));
        let begun = self
            .said
            .difference(&said)
            .map(|action| News::Overdue(now.wall, action.clone(), self.sentence(action, policy)));
        over.chain(begun).collect()
    }

    /// What is noted for a time to come counts as of now, or nothing would be overdue until then.
    fn mistrust_the_future(&mut self, now: Moment) {
        self.since = self.since.min(now.wall);
        let success = |runs: &LastRuns| runs.last_success.as_ref().map(|run| run.ended_at);
        let is_future = |runs: &LastRuns| success(runs).is_some_and(|at| at > now.wall);
        self.noticed.retain(|action, _| self.last.get(action).is_some_and(is_future));
        for (action, _) in self.last.iter().filter(|(_, runs)| is_future(runs)) {
            let noticed = self.noticed.entry(action.clone()).or_insert(now.wall);
            *noticed = (*noticed).min(now.wall);
        }
    }

    /// What is overdue.
    pub fn degradations(&self, policy: &Policy, now: Moment) -> Vec<Degradation> {
        let degradation = |action: &ActionName| Degradation {
            action: Some(action.clone()),
            ..Degradation::new(DegradedKind::Overdue, self.sentence(action, policy))
        };
        self.now(policy, now).map(degradation).collect()
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
        let noticed = self.noticed.get(action).copied();
        noticed.or_else(|| self.last_success(action)).unwrap_or(self.since).checked_add(within).ok()
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
        assert_eq!(overdue.news(&policy, begin), []);
        assert_eq!(overdue.deadline(&policy, begin), Some(begin.instant + limit));
        let later = begin + limit;
        let sentence = "backup is overdue: expected within 1d2h, and it has never succeeded";
        let backup: ActionName = "backup".parse().unwrap();
        let news = News::Overdue(later.wall, backup.clone(), sentence.to_owned());
        assert_eq!(overdue.news(&policy, later), [news]);
        assert_eq!(overdue.news(&policy, later), [], "said once");
        assert_eq!(overdue.degradations(&policy, later).len(), 1, "and shown as long as it is so");
        assert_eq!(overdue.deadline(&policy, later), None);

        let expected_no_more = Policy::parse("[action.backup]", "housekeeping.toml").unwrap();
        assert_eq!(overdue.news(&expected_no_more, later), [News::Recovered(later.wall, backup)]);
        assert_eq!(overdue.news(&expected_no_more, later), []);
    }

    #[test]
    fn what_a_wrong_clock_noted_for_a_time_to_come_puts_nothing_off_until_then() {
        use crate::journal::{End, RunSummary};
        use crate::outcome::Outcome;

        let policy = Policy::parse("[action.backup]\nexpect-within = '26h'", "housekeeping.toml").unwrap();
        let (begin, backup): (Moment, ActionName) = (Moment::now(), "backup".parse().unwrap());
        let (limit, year) = (Duration::from_secs(26 * 3600), Duration::from_secs(365 * 86_400));
        let next_year = (begin + year).wall;
        let success = RunSummary {
            id: "a@1".parse().unwrap(),
            user: "root".parse().unwrap(),
            ended_at: next_year,
            end: End { attempt: 1, outcome: Outcome::Succeeded, took_ms: 1 },
        };
        let ran = LastRuns { first_seen: next_year, last: None, last_success: Some(success) };
        for last in [BTreeMap::new(), BTreeMap::from([(backup, ran)])] {
            let mut overdue = Overdue::new(last, next_year);
            assert_eq!(overdue.news(&policy, begin), [], "it counts from when that is noticed");
            assert_eq!(overdue.deadline(&policy, begin), Some(begin.instant + limit));
            assert_eq!(overdue.news(&policy, begin + limit / 2), []);
            assert_eq!(overdue.news(&policy, begin + limit).len(), 1);
        }
    }

    #[test]
    fn followers_are_told_in_the_form_of_the_protocol() {
        let at = "2026-11-23T04:05:12.3464Z".parse().unwrap();
        let backup: ActionName = "backup".parse().unwrap();
        let told = |news| serde_json::to_string(&Event::from(&news)).unwrap();
        insta::assert_snapshot!(
            told(News::Overdue(at, backup.clone(), "it is late".to_owned())),
            @r#"{"event":"overdue","at":"2026-11-23T04:05:12.346Z","action":"backup","note":"it is late"}"#
        );
        insta::assert_snapshot!(
            told(News::Recovered(at, backup)),
            @r#"{"event":"recovered","at":"2026-11-23T04:05:12.346Z","action":"backup"}"#
        );
    }
}
