//! What services say of themselves, as metrics (docs/METRICS.md). Pure: the time is a parameter.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::catalogue::Catalogue;
use super::exposition::{Metric, as_float};
use crate::console::loss::{self, DRILL, Kept, OFFSITE};
use crate::names::ServiceName;
use crate::wire::{ActionStatus, OutcomeWord, ServiceState, Status, Totals};

/// A service, and what it said of itself; nothing when it could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Its name.
    pub service: ServiceName,
    /// How it is.
    pub status: Option<Status>,
}

/// Of so many actions of a service there are metrics: series are never to be without end, whatever answers a socket.
const MOST_ACTIONS: usize = 200;
/// So many bounds may a service tell lengths apart by.
const MOST_BOUNDS: usize = 40;

/// The outcomes that there is a series of for each action, also before it has first come to that.
const OUTCOMES: [OutcomeWord; 6] = [
    OutcomeWord::Succeeded,
    OutcomeWord::Failed,
    OutcomeWord::TimedOut,
    OutcomeWord::Interrupted,
    OutcomeWord::Cancelled,
    OutcomeWord::Skipped,
];
/// What stands for the outcomes that only a later version knows.
const OTHER: &str = "other";

/// The fact about the end of the certificate that visitors are given.
const CERTIFICATE: &str = "certificate";

/// All metrics of these services, as of `now`.
pub(super) fn measure(asked: &[Asked], now: Timestamp) -> Vec<Metric> {
    let mut metrics = Catalogue::new();
    for Asked { service, status } in asked {
        let service = service.as_str();
        let is_up = status
            .as_ref()
            .is_some_and(|status| !matches!(status.state, ServiceState::Stopping | ServiceState::Ended));
        metrics.up.add(&[("service", service)], truth(is_up));
        if let Some(status) = status {
            metrics.take_service(service, status);
            metrics.take_backups(service, status, now);
            if status.is_scheduler() {
                metrics.take_scheduler(service, status, now);
            } else {
                metrics.take_actions(service, status);
            }
        }
    }
    metrics.collected.add(&[], seconds(now));
    metrics.into_metrics()
}

impl Catalogue {
    /// What every service has.
    fn take_service(&mut self, service: &str, status: &Status) {
        let labels = &[("service", service)];
        if let Some(version) = &status.greeting.version {
            self.build.add(&[("service", service), ("version", version)], 1.0);
        }
        if let Some(health) = &status.health {
            self.healthy.add(labels, truth(health.healthy));
        }
        if let Some(started_at) = status.started_at {
            self.start.add(labels, seconds(started_at));
        }
        self.complaints.add(labels, length(status.degraded.0.len()));
    }

    fn take_actions(&mut self, service: &str, status: &Status) {
        self.queue.add(&[("service", service)], length(status.waiting.len()));
        self.running.add(&[("service", service)], length(status.running.len()));
        for (action, status) in actions(status) {
            let labels = &[("service", service), ("action", action)];
            let failing = status.last.as_ref().is_some_and(|last| last.outcome.is_failure());
            self.failing.add(labels, truth(failing));
            self.overdue.add(labels, truth(status.overdue));
            if let Some(at) = status.last_success.as_ref().and_then(|success| success.ended_at) {
                self.last_success.add(labels, seconds(at));
            }
            if let Some(totals) = &status.totals {
                self.take_totals(service, action, totals);
            }
        }
    }

    fn take_totals(&mut self, service: &str, action: &str, totals: &Totals) {
        for (metric, counted) in [(&mut self.requests, &totals.requests), (&mut self.runs, &totals.runs)] {
            let mut others = counted.clone();
            for outcome in &OUTCOMES {
                let count = others.remove(outcome.as_str()).unwrap_or_default();
                let labels = [("service", service), ("action", action), ("outcome", outcome.as_str())];
                metric.add(&labels, as_float(count));
            }
            if !others.is_empty() {
                let count = others.into_values().fold(0, u64::saturating_add);
                metric.add(&[("service", service), ("action", action), ("outcome", OTHER)], as_float(count));
            }
        }
        let Some((below, beyond)) = lengths(totals) else { return };
        let sum = as_float(totals.took_ms.unwrap_or_default()) / 1000.0;
        self.duration.add_histogram(&[("service", service), ("action", action)], &below, beyond, sum);
    }

    fn take_backups(&mut self, service: &str, status: &Status, now: Timestamp) {
        if let Some(kept) = loss::kept(status) {
            let loss = match kept {
                // What was never backed up would be lost as a whole.
                Kept::Nothing => f64::INFINITY,
                Kept::UpTo(at) => age(at, now),
            };
            self.loss.add(&[("service", service), ("copy", "local")], loss);
        }
        if let Some(at) = status.facts.get(OFFSITE).and_then(|fact| fact.instant) {
            self.loss.add(&[("service", service), ("copy", "offsite")], age(at, now));
        }
        let drill = loss::action(status, DRILL).and_then(|drill| drill.last_success.as_ref()?.ended_at);
        if let Some(at) = drill {
            self.proven.add(&[("service", service)], seconds(at));
        }
        if let Some(at) = status.facts.get(CERTIFICATE).and_then(|fact| fact.instant) {
            self.certificate.add(&[("service", service)], seconds(at));
        }
    }

    fn take_scheduler(&mut self, service: &str, status: &Status, now: Timestamp) {
        let labels = &[("service", service)];
        if let Some(entries) = status.entries {
            self.entries.add(labels, as_float(entries));
        }
        let due = status.waiting.iter().filter_map(|request| Some(request.undelivered.as_ref()?.due));
        let oldest = due.clone().min().and_then(|due| Timestamp::from_second(due).ok());
        self.undelivered.add(labels, length(due.count()));
        self.lateness.add(labels, oldest.map_or(0.0, |due| age(due, now)));
        if let Some(alarms) = status.alarms {
            self.told.add(labels, as_float(alarms.told));
            self.untold.add(labels, as_float(alarms.failed));
            self.alarms_waiting.add(labels, as_float(alarms.waiting));
        }
    }
}

/// The actions, each once: a second sample with the same labels would spoil the whole text.
fn actions(status: &Status) -> BTreeMap<&str, &ActionStatus> {
    let named: BTreeMap<_, _> =
        status.actions.iter().map(|action| (action.action.as_str(), action)).collect();
    named.into_iter().take(MOST_ACTIONS).collect()
}

/// How many runs took how long, with the bounds in seconds: of what has never run, and of what makes no sense, nothing.
fn lengths(totals: &Totals) -> Option<(Vec<(f64, u64)>, u64)> {
    let Totals { up_to_ms, took, .. } = totals;
    let is_sound = up_to_ms.len() <= MOST_BOUNDS && up_to_ms.is_sorted_by(|a, b| a < b);
    let (beyond, below) = took.split_last().filter(|(_, below)| is_sound && below.len() == up_to_ms.len())?;
    let in_seconds = up_to_ms.iter().map(|&bound| as_float(bound) / 1000.0);
    Some((in_seconds.zip(below.iter().copied()).collect(), *beyond))
}

/// How many seconds ago it was, to the millisecond; a clock that was wrong makes nothing younger than now.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of this millennium are exact")]
fn age(at: Timestamp, now: Timestamp) -> f64 {
    (now.as_millisecond() - at.as_millisecond()).max(0) as f64 / 1000.0
}

/// Seconds since 1970, to the millisecond.
#[allow(clippy::cast_precision_loss, reason = "milliseconds of this millennium are exact")]
fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

fn length(count: usize) -> f64 {
    as_float(count as u64)
}
