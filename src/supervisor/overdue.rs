//! Actions that should have succeeded by now: `expect-within` of their rules, even when nobody asks for them
//! any more. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::clock::Moment;
use crate::duration;
use crate::journal::{JournalRecord, LastRuns, Tally};
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
    /// What has ended and is not on the disk yet: what was told as counted must not be less after a crash.
    uncounted: Vec<(ActionName, Tally)>,
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
        Self { last, since, noticed: BTreeMap::new(), said: BTreeSet::new(), uncounted: Vec::new() }
    }

    /// A request has its outcome.
    pub fn update(&mut self, request: &Request, record: &JournalRecord, now: Moment) {
        let runs = self.last.entry(request.action.clone()).or_insert_with(|| LastRuns::new(now.wall));
        runs.update(request, record);
    }

    /// An attempt or a request has ended; it counts when that is on the disk.
    pub fn ended(&mut self, action: &ActionName, tally: Tally) {
        self.uncounted.push((action.clone(), tally));
    }

    /// All that has been recorded is on the disk.
    pub fn durable(&mut self, now: Moment) {
        for (action, tally) in std::mem::take(&mut self.uncounted) {
            let runs = self.last.entry(action).or_insert_with(|| LastRuns::new(now.wall));
            runs.totals.count(tally);
        }
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
        for runs in self.last.values_mut() {
            if let Some(skip) = &mut runs.last_skip {
                skip.ended_at = skip.ended_at.min(now.wall);
            }
        }
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
        let counted = noticed.or_else(|| self.last_success(action)).unwrap_or(self.since);
        // There was nothing to do: that much is known, and is counted from.
        counted.max(self.last_skip(action).unwrap_or(counted)).checked_add(within).ok()
    }

    fn last_skip(&self, action: &ActionName) -> Option<Timestamp> {
        Some(self.last.get(action)?.last_skip.as_ref()?.ended_at)
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
        let ran = LastRuns { last_success: Some(success), ..LastRuns::new(next_year) };
        for last in [BTreeMap::new(), BTreeMap::from([(backup, ran)])] {
            let mut overdue = Overdue::new(last, next_year);
            assert_eq!(overdue.news(&policy, begin), [], "it counts from when that is noticed");
            assert_eq!(overdue.deadline(&policy, begin), Some(begin.instant + limit));
            assert_eq!(overdue.news(&policy, begin + limit / 2), []);
            assert_eq!(overdue.news(&policy, begin + limit).len(), 1);
        }
    }

    #[test]
    fn an_action_with_nothing_to_do_is_expected_anew_from_each_time_that_its_callback_says_so() {
        use crate::journal::End;
        use crate::outcome::Outcome;

        let policy = Policy::parse("[action.task]\nexpect-within = '1h'", "housekeeping.toml").unwrap();
        let (begin, hour) = (Moment::now(), Duration::from_secs(3600));
        let [id, user, action] = ["a", "root", "task"];
        let request =
            Request { id: id.parse().unwrap(), user: user.parse().unwrap(), action: action.parse().unwrap() };
        let skipped = |now: Moment, attempt| JournalRecord::Ended {
            at: now.wall,
            id: request.id.clone(),
            end: End { attempt, outcome: Outcome::Skipped, took_ms: 3 },
            note: None,
        };
        let mut overdue = Overdue::new(BTreeMap::new(), begin.wall);
        let later = begin + hour / 2;
        overdue.update(&request, &skipped(later, 1), later);
        assert_eq!(overdue.news(&policy, begin + hour), []);
        // It was on already, and nobody has looked.
        overdue.update(&request, &skipped(begin + hour, 0), begin + hour);
        assert_eq!(overdue.deadline(&policy, begin + hour), Some(later.instant + hour));
        assert_eq!(overdue.news(&policy, later + hour).len(), 1);
        // A clock that was wrong puts nothing off.
        let year = Duration::from_secs(365 * 86_400);
        overdue.update(&request, &skipped(begin + year, 1), begin + year);
        assert_eq!(overdue.news(&policy, later + hour).len(), 1, "it is well again, for an hour");
        assert_eq!(overdue.deadline(&policy, later + hour), Some((later + hour).instant + hour));
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
