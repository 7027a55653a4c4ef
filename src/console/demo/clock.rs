//! A clock that runs faster than time.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep_until};

use crate::scheduler::clock::Clock;

/// Begins at the system's time, and then runs a given number of times faster.
pub(super) struct FastClock {
    began: Instant,
    first: i64,
    speed: i64,
}

impl FastClock {
    /// Starts it now.
    pub(super) fn start(speed: i64) -> Self {
        Self { began: Instant::now(), first: Timestamp::now().as_second(), speed }
    }

    /// The real instant at which this clock's second begins.
    fn instant_of(&self, second: i64) -> Instant {
        let ahead = u64::try_from(second - self.first).unwrap_or(0);
        self.began + Duration::from_secs(ahead) / u32::try_from(self.speed).unwrap_or(1)
    }
}

impl Clock for FastClock {
    fn now(&self) -> i64 {
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.first + elapsed.saturating_mul(self.speed) / 1000
    }

    async fn wait(&mut self, until: Option<i64>) -> io::Result<()> {
        match until {
            Some(second) => sleep_until(self.instant_of(second)).await,
            None => std::future::pending().await,
        }
        Ok(())
    }
}
