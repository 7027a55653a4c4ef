//! The one type that tells the scheduler the time, and waits for it.

use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use jiff::Timestamp;
use nix::errno::Errno;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::{ClockId as Clocks, clock_gettime};
use tokio::io::unix::AsyncFd;

use crate::clock::start_of;
use crate::process::watch_input;

/// Time as the scheduler sees it. Tests have their own.
pub trait Clock {
    /// The second that it is, since 1970-01-01 00:00 UTC.
    fn now(&self) -> i64;

    /// The instant that it is, as precisely as the clock knows it.
    fn instant(&self) -> Timestamp {
        Timestamp::from_second(self.now()).unwrap_or_default()
    }

    /// Waits until a second begins, for ever when there is none; sooner when the clock is set.
    fn wait(&mut self, until: Option<i64>) -> impl Future<Output = io::Result<()>>;
}

/// The system's clock.
///
/// Its timer is absolute and cancelled when somebody sets the clock (`timerfd_create(2)`), which the kernel
/// also does after a suspend: a second comes when the wall clock says so, whatever happened meanwhile.
#[derive(Debug)]
pub struct SystemClock {
    timer: AsyncFd<Timer>,
}

/// So late that it never comes, in seconds since 1970-01-01: a timer must run to be told of a set clock.
const NEVER: i64 = 1 << 40;

impl SystemClock {
    /// Opens the timer. Needs a tokio runtime.
    pub fn open() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_REALTIME, flags)?;
        Ok(Self { timer: watch_input(Timer(timer))? })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        // It cannot fail for this clock (clock_gettime(2)).
        clock_gettime(Clocks::CLOCK_REALTIME).map_or(0, |time| time.tv_sec())
    }

    fn instant(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn wait(&mut self, until: Option<i64>) -> io::Result<()> {
        // Second 0 would switch the timer off.
        let until = until.unwrap_or(NEVER).clamp(1, NEVER);
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        match self.timer.get_ref().0.set(Expiration::OneShot(TimeSpec::new(until, 0)), flags) {
            Ok(()) => {}
            // The clock was set since the timer was last looked at.
            Err(Errno::ECANCELED) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        loop {
            let mut ready = self.timer.readable().await?;
            match nix::unistd::read(ready.get_inner(), &mut [0; 8]) {
                Ok(_) | Err(Errno::ECANCELED) => return Ok(()),
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A name for this start of the container: the machine's start and the first process's within it.
///
/// The scheduler may start several times in one container, the first process only once.
pub fn container_start() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let started = start_of(1).unwrap_or_else(|| "unknown".to_owned());
    format!("{}-{started}", boot.trim())
}

/// A timer descriptor that can be watched.
#[derive(Debug)]
struct Timer(TimerFd);

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timer_fires_at_the_beginning_of_the_second_and_at_once_when_that_is_past() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut clock = SystemClock::open().unwrap();
            let start = clock.now();
            for until in [start - 1_000, start, start + 1] {
                clock.wait(Some(until)).await.unwrap();
                assert!(clock.now() >= until);
            }
        });
    }

    #[test]
    fn a_start_of_the_container_has_one_name() {
        assert_eq!(container_start(), container_start());
        assert!(!container_start().ends_with("unknown"));
    }
}
