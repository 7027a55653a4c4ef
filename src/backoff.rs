//! Waiting longer after each failure, so that what keeps failing costs little.

use std::time::{Duration, Instant};

/// Exponential waits with jitter, forgotten after a stable while. Pure: randomness comes in as a seed.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    stable: Duration,
    failures: u32,
    last_failure: Option<Instant>,
    random: u64,
}

impl Backoff {
    /// Waits from `first` up to `longest`, doubling; a failure `stable` or more after the last one counts
    /// as the first again. `seed` may be any number.
    pub fn new(first: Duration, longest: Duration, stable: Duration, seed: u64) -> Self {
        Self { first, longest, stable, failures: 0, last_failure: None, random: seed | 1 }
    }

    /// A failure happened: how long to wait before the next try. Between half of the step and all of it, so
    /// that those who fail together do not come back together.
    pub fn failed(&mut self, now: Instant) -> Duration {
        if self.last_failure.is_some_and(|last| now.saturating_duration_since(last) >= self.stable) {
            self.failures = 0;
        }
        self.last_failure = Some(now);
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
        let now = Instant::now();
        for step in [1, 2, 4, 8, 10, 10, 10] {
            let wait = backoff.failed(now);
            assert!(wait >= SECOND * step / 2 && wait <= SECOND * step, "{wait:?} is not within {step} s");
        }
    }

    #[test]
    fn a_stable_while_or_a_change_makes_the_next_failure_a_first_one() {
        let mut backoff = Backoff::new(SECOND, MINUTE, MINUTE, 7);
        let now = Instant::now();
        for _ in 0..5 {
            backoff.failed(now);
        }
        assert!(backoff.failed(now + MINUTE) <= SECOND);
        backoff.failed(now + MINUTE);
        backoff.forget();
        assert!(backoff.failed(now + MINUTE) <= SECOND);
    }
}
