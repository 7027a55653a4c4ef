//! What a clock that is set back means for what was asked for by its old time.

use super::machine::{Level, Machine, done};
use super::occurrence::Instant;
use super::record::{Record, SetBack};

/// A clock set back by more than this many seconds was wrong before, and all is asked for again. By less, only what
/// follows the clock is: a time of day that has been does not come again (Debian's cron(8)).
pub const SMALL_STEP: i64 = 3 * 60 * 60;

/// What a pattern was asked for is not asked for again within fewer seconds than this: a clock that is put right by
/// less than a minute was not set back.
const SMALLEST_STEP: i64 = 60;

impl Machine {
    pub(super) fn note_clock(&mut self, now: i64) {
        self.seen = self.seen.max(now);
        if self.clock.replace(now).is_some_and(|before| now >= before) {
            return;
        }
        for target in self.targets.values_mut() {
            target.clock_set(now);
        }
        if self.seen - now > SMALL_STEP { self.set_back_far(now) } else { self.set_back_a_little(now) }
    }

    fn set_back_far(&mut self, now: i64) {
        let (from, to) = (Instant(self.seen), Instant(now));
        self.tell(Level::Warn, format!("the clock was set back from {from} to {to}: going on from there"));
        self.seen = now;
        self.era += 1;
        self.records.extend([Record::Reset(now), Record::Era(self.era)]);
        self.agenda.reset(now);
        self.set_back.from = self.set_back.from.min(now);
        for forgotten in self.targets.values_mut().flat_map(|target| target.forget_after(now)) {
            self.records.push(done(forgotten.key()));
        }
    }

    /// Lets patterns go on by the new clock. Whether there is anything to do, the marks say: they are what a restart
    /// knows, too.
    fn set_back_a_little(&mut self, now: i64) {
        let Some(from) = self.agenda.latest_of_patterns().filter(|from| from - now >= SMALLEST_STEP) else {
            return;
        };
        let SetBack { count, from: before, .. } = self.set_back;
        self.set_back = SetBack { count: count + 1, from: from.max(before), to: now };
        self.records.push(Record::SetBack(self.set_back));
        self.agenda.set_back(now);
        let (from, to) = (Instant(self.seen), Instant(now));
        self.tell(
            Level::Warn,
            format!(
                "the clock was set back from {from} to {to}: entries that follow it go on from there, and times of \
                 day that have been do not come again"
            ),
        );
    }
}
