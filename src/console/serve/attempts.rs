//! Who has tried to log in in vain: by address, and by the name that was given. After a few, each further attempt has to wait
//! twice as long as the one before. Pure: the time comes in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// So many may fail before the next one has to wait.
const FREE: u32 = 3;
/// How long is waited at most.
const LONGEST: Duration = Duration::from_secs(15 * 60);
/// After so long without a failure all is forgotten.
const MEMORY: Duration = Duration::from_secs(60 * 60);
/// So many addresses and names are remembered.
const MOST: usize = 4096;

/// Whose failures are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    Address(IpAddr),
    Name(String),
}

/// What is remembered of failed attempts.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    by: HashMap<Origin, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Failures {
    fn until(self) -> Instant {
        let beyond = self.count.saturating_sub(FREE);
        let pause = match beyond {
            0 => Duration::ZERO,
            _ => Duration::from_secs(2_u64.saturating_pow(beyond.min(20) - 1)).min(LONGEST),
        };
        self.last + pause
    }
}

impl Attempts {
    /// Begins an attempt, which counts as failed until it has succeeded: many at once are as many. How long to wait, where
    /// it may not be made now.
    ///
    /// # Errors
    /// The time to wait.
    pub(super) fn begin(&mut self, origins: &[Origin], now: Instant) -> Result<(), Duration> {
        self.by.retain(|_, failures| now.saturating_duration_since(failures.last) < MEMORY);
        let wait =
            origins.iter().filter_map(|origin| self.by.get(origin)?.until().checked_duration_since(now));
        if let Some(wait) = wait.max().filter(|wait| !wait.is_zero()) {
            return Err(wait);
        }
        for origin in origins {
            if self.by.len() >= MOST && !self.by.contains_key(origin) {
                self.forget_oldest();
            }
            let failures = self.by.entry(origin.clone()).or_insert(Failures { count: 0, last: now });
            (failures.count, failures.last) = (failures.count.saturating_add(1), now);
        }
        Ok(())
    }

    /// It has succeeded: what came before it is forgotten.
    pub(super) fn succeeded(&mut self, origins: &[Origin]) {
        for origin in origins {
            self.by.remove(origin);
        }
    }

    fn forget_oldest(&mut self) {
        let oldest =
            self.by.iter().min_by_key(|(_, failures)| failures.last).map(|(origin, _)| origin.clone());
        if let Some(oldest) = oldest {
            self.by.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: u8, name: &str) -> [Origin; 2] {
        [Origin::Address([127, 0, 0, address].into()), Origin::Name(name.to_owned())]
    }

    #[test]
    fn each_further_failure_takes_twice_as_long_and_never_longer_than_a_quarter_of_an_hour() {
        let (mut attempts, mut now) = (Attempts::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..20 {
            if let Err(wait) = attempts.begin(&from(1, "anna"), now) {
                waits.push(wait.as_secs());
                now += wait;
                attempts.begin(&from(1, "anna"), now).unwrap();
            }
        }
        assert_eq!(waits[..5], [1, 2, 4, 8, 16]);
        assert_eq!(waits[15], 900);
    }

    #[test]
    fn an_address_and_a_name_are_counted_each_for_itself() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for other in 0..4 {
            attempts.begin(&from(1, &format!("name{other}")), now).unwrap();
            attempts.begin(&from(10 + other, "anna"), now).unwrap();
        }
        assert!(attempts.begin(&from(1, "berta"), now).is_err(), "the address has failed with other names");
        assert!(attempts.begin(&from(2, "anna"), now).is_err(), "the name has failed from other addresses");
        assert!(attempts.begin(&from(2, "berta"), now).is_ok());
    }

    #[test]
    fn who_succeeds_or_waits_long_begins_anew() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for _ in 0..4 {
            attempts.begin(&from(1, "anna"), now).unwrap();
        }
        assert!(attempts.begin(&from(1, "anna"), now).is_err());
        attempts.succeeded(&from(1, "anna"));
        assert!(attempts.begin(&from(1, "anna"), now).is_ok());
        for _ in 0..3 {
            attempts.begin(&from(1, "anna"), now).unwrap();
        }
        assert!(attempts.begin(&from(1, "anna"), now + MEMORY).is_ok());
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for name in 0..MOST + 10 {
            attempts.begin(&[Origin::Name(name.to_string())], now).unwrap();
        }
        assert_eq!(attempts.by.len(), MOST);
    }
}
