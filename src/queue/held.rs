//! What waits until the service is up: requests of actions that need it, from the start on until it is. Once it is up,
//! nothing is held any more, however the service is later.

use std::time::{Duration, Instant};

use crate::policy::{Needs, Policy};
use crate::request::Request;

use super::{Queue, WaitingRequest};

/// A request that has waited for the service for as long as its action may take.
#[derive(Debug)]
pub struct Tired {
    /// What was asked.
    pub request: Request,
    /// Attempts that had begun.
    pub attempt: u32,
    /// How long it was to wait at most.
    pub timeout: Duration,
}

impl Queue {
    /// The service is not up yet.
    pub fn hold(&mut self) {
        self.holds = true;
    }

    /// The service is up: whether anything was held.
    pub fn release(&mut self, policy: &Policy) -> bool {
        let held = self.holds_any(policy);
        self.holds = false;
        held
    }

    /// Whether the service is still waited for.
    pub fn holds(&self) -> bool {
        self.holds
    }

    /// Whether this request waits, or would wait, until the service is up.
    pub fn waits_for_service(&self, request: &Request, policy: &Policy) -> bool {
        self.holds && policy.rule(&request.action).needs == Needs::Service
    }

    /// Whether any request waits until the service is up.
    pub fn holds_any(&self, policy: &Policy) -> bool {
        self.waiting.iter().any(|waiting| self.waits_for_service(&waiting.request, policy))
    }

    /// The first instant at which a request has waited for the service for too long.
    pub fn tired_deadline(&self, policy: &Policy) -> Option<Instant> {
        let held = self.waiting.iter().filter(|waiting| self.waits_for_service(&waiting.request, policy));
        held.map(|waiting| tired_at(waiting, policy)).min()
    }

    /// Those that have waited for the service for too long, and wait no more.
    pub fn tired(&mut self, policy: &Policy, now: Instant) -> Vec<Tired> {
        let (mut tired, mut at) = (Vec::new(), 0);
        while let Some(waiting) = self.waiting.get(at) {
            let is_tired =
                self.waits_for_service(&waiting.request, policy) && tired_at(waiting, policy) <= now;
            let taken = if is_tired { self.waiting.remove(at) } else { None };
            at += usize::from(taken.is_none());
            tired.extend(taken.map(|WaitingRequest { request, attempt, .. }| {
                let timeout = policy.rule(&request.action).timeout;
                Tired { request, attempt, timeout }
            }));
        }
        tired
    }
}

fn tired_at(waiting: &WaitingRequest, policy: &Policy) -> Instant {
    let since = waiting.not_before.map_or(waiting.since, |not_before| not_before.max(waiting.since));
    since + policy.rule(&waiting.request.action).timeout
}
