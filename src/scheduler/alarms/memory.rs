//! What is remembered of alarms: what was told and is not over, and what is still to be told.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::notice::{Kind, Notice};
use super::outbox::Outbox;
use crate::names::{RequestId, ServiceName};

/// What no action's name begins with.
const PROBLEM: &str = "problem ";

/// What is to be remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// What ended before this instant is nobody's alarm.
    pub(super) since: Timestamp,
    /// What was told and is not over, by service, action and kind.
    #[serde(default)]
    pub(super) troubles: BTreeMap<ServiceName, BTreeMap<String, BTreeMap<Kind, Trouble>>>,
    /// The requests of each service that raised an alarm, the latest last.
    #[serde(default)]
    pub(super) known: BTreeMap<ServiceName, VecDeque<RequestId>>,
    /// What is still to be told.
    #[serde(default)]
    pub(super) outbox: Outbox,
    /// How many alarms were told.
    #[serde(default)]
    pub(super) told: u64,
    /// How often the notifier was run for an alarm and did not tell it.
    #[serde(default)]
    pub(super) failed: u64,
}

/// One kind of thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Trouble {
    /// When it happened last.
    pub(super) at: Timestamp,
    /// The second in which it was last decided to tell it.
    pub(super) told: i64,
    /// How often it has happened since without being told.
    #[serde(default)]
    pub(super) suppressed: u32,
    /// What there was no room for, and is still to be told, once there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) untold: Option<Box<Notice>>,
}

impl Memory {
    /// Nothing has happened before this instant.
    pub fn new(since: Timestamp) -> Self {
        Self {
            since,
            troubles: BTreeMap::new(),
            known: BTreeMap::new(),
            outbox: Outbox::default(),
            told: 0,
            failed: 0,
        }
    }

    /// The notifier has ended: an alarm that it was run for counts. Signs of life and successes are no alarms.
    pub(super) fn count(&mut self, is_told: bool) {
        if self.outbox.telling().is_some_and(|notice| notice.kind.is_lasting()) {
            let count = if is_told { &mut self.told } else { &mut self.failed };
            *count = count.saturating_add(1);
        }
    }

    /// What is remembered for a time to come was noted by a clock that was wrong. It counts as of now, or nothing would be
    /// newer than it, and no alarm heard until then. Whether there is anything like that.
    pub(super) fn mistrust_the_future(&mut self, now: i64) -> bool {
        let Ok(instant) = Timestamp::from_second(now) else { return false };
        // Instants are more precise than this second.
        let is_future = |at: Timestamp| at.as_second() > now + 1;
        let Memory { since, troubles, .. } = self;
        let troubles = troubles.values_mut().flat_map(BTreeMap::values_mut).flat_map(BTreeMap::values_mut);
        let instants = troubles.map(|trouble| &mut trouble.at).chain([since]);
        let mut is_changed = false;
        for at in instants.filter(|at| is_future(**at)) {
            *at = instant;
            is_changed = true;
        }
        is_changed
    }

    /// What the problems of a service are about that were told and are not over.
    pub(super) fn problems_of(&self, service: &ServiceName) -> impl Iterator<Item = String> {
        let troubles = self.troubles.get(service).into_iter().flatten();
        let problems = troubles.filter(|(_, kinds)| kinds.contains_key(&Kind::Problem));
        problems.filter_map(|(key, _)| key.strip_prefix(PROBLEM).map(str::to_owned))
    }

    /// Takes up what there was no room for, as far as there is room again.
    pub(super) fn tell_untold(&mut self) {
        let Memory { troubles, outbox, .. } = self;
        let troubles = troubles.values_mut().flat_map(BTreeMap::values_mut).flat_map(BTreeMap::values_mut);
        for trouble in troubles.filter(|trouble| trouble.untold.is_some()) {
            if outbox.is_full() {
                return;
            }
            if let Some(notice) = trouble.untold.take() {
                outbox.add(*notice);
            }
        }
    }

    /// Keeps an alarm that there is no room for with its trouble; whether there is such a trouble.
    pub(super) fn leave_untold(&mut self, notice: Notice) -> bool {
        let actions = notice.service.as_ref().and_then(|service| self.troubles.get_mut(service));
        let kinds = actions.and_then(|actions| actions.get_mut(&key(&notice)));
        let Some(trouble) = kinds.and_then(|kinds| kinds.get_mut(&notice.kind)) else { return false };
        if !self.outbox.waits(&notice) {
            trouble.untold = Some(Box::new(notice));
        }
        true
    }
}

/// Where the troubles of an action or a problem are kept; those of the service itself have no name.
pub(super) fn key(notice: &Notice) -> String {
    let problem = notice.problem.as_ref().map(|about| format!("{PROBLEM}{about}"));
    problem.or_else(|| notice.action.as_ref().map(ToString::to_string)).unwrap_or_default()
}
