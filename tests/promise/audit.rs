//! Whether three witnesses agree: who asked, the journal, and the callbacks themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use lamplighter::journal::JournalRecord;
use lamplighter::names::RequestId;
use lamplighter::outcome::Outcome;

use crate::journal::{Story, stories};
use crate::stream::{Answered, Asked};

/// What an action of the tests may end with, and how.
pub(crate) struct Expected {
    pub(crate) action: &'static str,
    pub(crate) outcomes: &'static [Outcome],
    /// The most attempts that its rule allows.
    pub(crate) attempts: usize,
    /// Whether its rule lets it overlap itself.
    pub(crate) overlaps: bool,
}

/// How often each request's callback began, as the callbacks have written it down.
pub(crate) fn witnessed(path: &Path) -> BTreeMap<RequestId, usize> {
    let mut counts = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        *counts.entry(line.parse().expect("a callback writes its request's id")).or_default() += 1;
    }
    counts
}

/// Panics unless every rule of the promise was kept.
pub(crate) fn audit(
    asked: &BTreeMap<RequestId, Asked>,
    records: &[JournalRecord],
    witness: &BTreeMap<RequestId, usize>,
    expected: &[Expected],
) {
    let stories = stories(records);
    let mut offences = Vec::new();
    for (id, asked) in asked {
        offences.extend(answer_is_kept(id, asked, stories.get(id)));
    }
    for (id, story) in &stories {
        if !asked.contains_key(id) {
            offences.push(format!("{id} was never asked for: {story:?}"));
        }
        offences.extend(story.faults.iter().map(|fault| format!("{id}: {fault}")));
        offences.extend(ends_once(id, story, &stories));
        offences.extend(runs_as_often_as_recorded(id, story, witness.get(id).copied().unwrap_or_default()));
        offences.extend(is_as_expected(id, story, expected));
    }
    let strangers = witness.keys().filter(|id| !stories.contains_key(id));
    offences.extend(strangers.map(|id| format!("{id} ran and is in no journal")));
    offences.extend(overlaps(records, expected));
    assert!(offences.is_empty(), "{} offences:\n{}", offences.len(), offences.join("\n"));
}

fn answer_is_kept(id: &RequestId, asked: &Asked, story: Option<&Story>) -> Option<String> {
    match (&asked.answered, story) {
        (Answered::Accepted, None) => Some(format!("{id} was accepted and is in no journal")),
        (Answered::Accepted, Some(story)) if story.action != asked.action => {
            Some(format!("{id} was asked to {} and did {}", asked.action, story.action))
        }
        (Answered::Refused(code), Some(story)) => Some(format!("{id} was refused as {code}: {story:?}")),
        _ => None,
    }
}

/// One acceptance, one outcome: its own, or that of the request that it joined.
fn ends_once(id: &RequestId, story: &Story, all: &BTreeMap<RequestId, Story>) -> Option<String> {
    if story.acceptances != 1 {
        return Some(format!("{id} was accepted {} times: {story:?}", story.acceptances));
    }
    let with = story.with.as_ref().map(|with| all.get(with).map_or(0, |with| with.ended.len()));
    let outcomes = story.ended.len() + with.unwrap_or_default();
    (outcomes != 1).then(|| format!("{id} has {outcomes} outcomes: {story:?}"))
}

fn runs_as_often_as_recorded(id: &RequestId, story: &Story, ran: usize) -> Option<String> {
    let (recorded, outcome) = (story.started.len(), story.outcome());
    if ran > recorded {
        return Some(format!("{id} ran {ran} times and was recorded as started {recorded} times: {story:?}"));
    }
    let did_run = matches!(outcome, Some(Outcome::Succeeded | Outcome::Failed(_)));
    (did_run && ran == 0).then(|| format!("{id} is said to have run, and did not: {story:?}"))
}

fn is_as_expected(id: &RequestId, story: &Story, expected: &[Expected]) -> Option<String> {
    let Some(rule) = expected.iter().find(|rule| rule.action == story.action) else {
        return Some(format!("{id}: nothing is known of {}", story.action));
    };
    let is_fine = story.outcome().is_none_or(|outcome| rule.outcomes.contains(&outcome))
        && story.started.len() <= rule.attempts;
    (!is_fine).then(|| format!("{id} ended as no {} can: {story:?}", story.action))
}

/// No two attempts of one action at the same time, where its rule says so.
fn overlaps(records: &[JournalRecord], expected: &[Expected]) -> Vec<String> {
    let mut actions = BTreeMap::new();
    let mut on = BTreeMap::<&str, BTreeSet<&RequestId>>::new();
    let mut offences = Vec::new();
    for record in records {
        if let JournalRecord::Accepted { request, .. } | JournalRecord::Joined { request, .. } = record {
            actions.insert(&request.id, request.action.as_str());
        }
        let Some((id, action)) = record.id().and_then(|id| Some((id, *actions.get(id)?))) else { continue };
        let on = on.entry(action).or_default();
        match record {
            JournalRecord::Started { .. } => {
                let is_alone = expected.iter().any(|rule| rule.action == action && !rule.overlaps);
                if is_alone && !on.is_empty() {
                    offences.push(format!("{action} is on twice, for {id} and for {on:?}"));
                }
                on.insert(id);
            }
            JournalRecord::PutBack { .. } | JournalRecord::Retried { .. } | JournalRecord::Ended { .. } => {
                on.remove(id);
            }
            _ => {}
        }
    }
    offences
}
