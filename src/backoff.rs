//! Waiting longer after each failure, so that what keeps failing costs little.

use std::time::{Duration, Instant};

/// Exponential waits with jitter, forgotten after a stable while. Pure: randomness comes in as a seed.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    stable: Duration,
    failures: u32,
    /// Since when it has worked, if it has since the last failure.
    well_since: Option<Instant>,
    random: u64,
}

impl Backoff {
    /// Waits from `first` up to `longest`, doubling; a failure after it has worked for `stable` or more counts
    /// as the first again. `seed` may be any number.
    pub fn new(first: Duration, longest: Duration, stable: Duration, seed: u64) -> Self {
        Self { first, longest, stable, failures: 0, well_since: None, random: seed | 1 }
    }

    /// It works.
    pub fn works(&mut self, now: Instant) {
        self.well_since.get_or_insert(now);
    }

    /// A failure happened: how long to wait before the next try. Between half of the step and all of it, so
    /// that those who fail together do not come back together.
    pub fn failed(&mut self, now: Instant) -> Duration {
        let well_since = self.well_since.take();
        if well_since.is_some_and(|since| now.saturating_duration_since(since) >= self.stable) {
            self.failures = 0;
        }
        let doubled = self.first.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let step = doubled.min(self.longest);
        step.mul_f64(0.5 + self.fraction() / 2.0)
    }

    /// What failed has changed: the next failure is a first one.
    pub fn forget(&mut self) {
        self.failures = 0;
    }

    /// 0 to 1, by xorshift (Marsaglia, 2003): jitter needs no better randomness.
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        f64::from(u32::try_from(self.random >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn waits_grow_to_the_longest_and_stay_there() {
        let mut backoff = Backoff::new(SECOND, 10 * SECOND, MINUTE, 7);
        let mut now = Instant::now();
        for step in [1, 2, 4, 8, 10, 10, 10] {
            let wait = backoff.failed(now);
            assert!(wait >= SECOND * step / 2 && wait <= SECOND * step, "{wait:?} is not within {step} s");
            // However seldom it is tried: that it fails seldom is no sign that it works.
            now += 10 * MINUTE;
        }
    }

    #[test]
    fn a_stable_while_or_a_change_makes_the_next_failure_a_first_one() {
        let mut backoff = Backoff::new(SECOND, MINUTE, MINUTE, 7);
        let now = Instant::now();
        for _ in 0..5 {
            backoff.failed(now);
        }
        backoff.works(now + SECOND);
        assert!(backoff.failed(now + MINUTE) > SECOND, "that was not long enough");
        backoff.works(now + MINUTE);
        backoff.works(now + 2 * MINUTE);
        assert!(backoff.failed(now + 2 * MINUTE) <= SECOND);
        backoff.failed(now + 2 * MINUTE);
        backoff.forget();
        assert!(backoff.failed(now + 2 * MINUTE) <= SECOND);
    }

    #[test]
    fn those_who_fail_together_do_not_come_back_together() {
        let now = Instant::now();
        let waits = [1, 7, 99].map(|seed| Backoff::new(MINUTE, MINUTE, MINUTE, seed).failed(now));
        assert!(waits[0] != waits[1] && waits[1] != waits[2] && waits[0] != waits[2], "{waits:?}");
    }
}
