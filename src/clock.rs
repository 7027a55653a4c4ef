//! The time, as an event sees it: a parameter everywhere, so that every rule can be tested without waiting.

use std::fs;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};

/// For how long the machine has been running, also while it was suspended: no setting of the clock changes it.
pub fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}

/// When a process began, as the kernel counts: with its number it tells the process from all others since the machine's
/// start.
pub fn start_of(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // After the name in parentheses, which may hold anything, the 20th word is `starttime` (proc_pid_stat(5)).
    let (_, after_name) = stat.rsplit_once(')')?;
    Some(after_name.split_ascii_whitespace().nth(19)?.to_owned())
}

/// One instant on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// For how long things take and wait: never set back.
    pub instant: Instant,
    /// For when things happened, as people and journals tell it.
    pub wall: Timestamp,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        Self { instant: Instant::now(), wall: Timestamp::now() }
    }

    /// The instant at which the wall clock will show `wall`; now when it does already.
    pub fn instant_of(&self, wall: Timestamp) -> Instant {
        let ahead = wall.duration_since(self.wall);
        self.instant + Duration::try_from(ahead).unwrap_or_default()
    }

    /// What the wall clock will show after `pause`. The farthest future it can show, where that is beyond.
    pub fn wall_after(&self, pause: Duration) -> Timestamp {
        self.wall.checked_add(pause).unwrap_or(Timestamp::MAX)
    }
}

impl std::ops::Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, time: Duration) -> Moment {
        Moment { instant: self.instant + time, wall: self.wall_after(time) }
    }
}
