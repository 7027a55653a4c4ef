//! What is still to be told: one at a time, again after a failure, and never too much of it. Pure.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::notice::{Kind, Notice};

/// So many messages may wait.
pub const MOST: usize = 64;

/// So often the notifier is run for a message that lasts within half an hour; then once an hour, for as long as
/// it takes: an alarm that is given up would be one that nobody hears.
pub const TRIES: u32 = 6;

/// The wait after the first failure, in seconds; each further one is four times as long.
const FIRST_WAIT: i64 = 5;

/// The wait between two tries after those, in seconds.
const LONGEST_WAIT: i64 = 60 * 60;

/// A message that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// What is told.
    pub notice: Notice,
    /// How often the notifier has been run for it.
    #[serde(default)]
    pub tries: u32,
    /// Not before this second is it tried again.
    #[serde(skip)]
    try_at: i64,
}

/// The messages, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outbox {
    messages: VecDeque<Message>,
    /// The place of the message that is being told.
    #[serde(skip)]
    telling: Option<usize>,
}

impl Outbox {
    /// Takes on a message; gives back the one that there is no more room for.
    pub fn add(&mut self, notice: Notice) -> Option<Notice> {
        let dropped = if self.messages.len() >= MOST { self.drop_one() } else { None };
        if notice.kind == Kind::Recovered {
            // It has to wait for the alarm that it is about, which should not take an hour then.
            let about = self.messages.iter_mut().filter(|message| message.notice.is_about_the_same(&notice));
            about.for_each(|message| message.try_at = i64::MIN);
        }
        self.messages.push_back(Message { notice, tries: 0, try_at: i64::MIN });
        dropped
    }

    /// What is least missed: what would be stale soon, else the oldest; never what is being told.
    fn drop_one(&mut self) -> Option<Notice> {
        let others = || (0..self.messages.len()).filter(|&place| Some(place) != self.telling);
        let stale = others().find(|&place| !self.messages[place].notice.kind.is_lasting());
        let place = stale.or_else(|| others().next())?;
        self.remove(place)
    }

    fn remove(&mut self, place: usize) -> Option<Notice> {
        if let Some(telling) = &mut self.telling
            && *telling > place
        {
            *telling -= 1;
        }
        self.messages.remove(place).map(|message| message.notice)
    }

    /// Begins to tell the next message, unless one is being told.
    pub fn begin(&mut self, now: i64) -> Option<Message> {
        if self.telling.is_some() {
            return None;
        }
        let place = self.next_ones().find(|&place| self.messages[place].try_at <= now)?;
        self.telling = Some(place);
        self.messages[place].tries = self.messages[place].tries.saturating_add(1);
        Some(self.messages[place].clone())
    }

    /// The places of the messages that may be told next: a recovery is never told before what it is about.
    fn next_ones(&self) -> impl Iterator<Item = usize> {
        let waits_for_another = |place: usize| {
            let notice = &self.messages[place].notice;
            let mut before = self.messages.range(..place);
            notice.kind == Kind::Recovered
                && before.any(|message| {
                    message.notice.kind.is_lasting() && message.notice.is_about_the_same(notice)
                })
        };
        (0..self.messages.len()).filter(move |&place| !waits_for_another(place))
    }

    /// The notifier has ended: whether somebody was told.
    pub fn ended(&mut self, now: i64, is_told: bool) -> Ended {
        let telling = self.telling.take().and_then(|place| Some((place, self.messages.get_mut(place)?)));
        let Some((place, message)) = telling else { return Ended::Told };
        if is_told {
            self.messages.remove(place);
            // It works: what it failed for need not wait any longer.
            self.messages.iter_mut().for_each(|message| message.try_at = i64::MIN);
            return Ended::Told;
        }
        if !message.notice.kind.is_lasting() {
            return self.messages.remove(place).map_or(Ended::Told, |message| Ended::GivenUp(message.notice));
        }
        message.try_at = now.saturating_add(wait(message.tries));
        if message.tries == TRIES { Ended::PutOff(message.notice.clone()) } else { Ended::Failed }
    }

    /// When a message is to be told next, unless something happens before.
    pub fn wake_at(&self) -> Option<i64> {
        let next = self.next_ones().map(|place| self.messages[place].try_at).min();
        next.filter(|_| self.telling.is_none())
    }

    /// Whether a message is being told.
    pub fn is_telling(&self) -> bool {
        self.telling.is_some()
    }

    /// What is being told.
    pub fn telling(&self) -> Option<&Notice> {
        self.telling.and_then(|place| self.messages.get(place)).map(|message| &message.notice)
    }

    /// How many alarms wait, with the one that is being told.
    pub fn alarms(&self) -> usize {
        self.messages.iter().filter(|message| message.notice.kind.is_lasting()).count()
    }

    /// Whether one of a kind waits.
    pub fn has(&self, kind: Kind) -> bool {
        self.messages.iter().any(|message| message.notice.kind == kind)
    }

    /// Whether the same alarm as this one waits, and is not just being told.
    pub fn waits(&self, notice: &Notice) -> bool {
        let is_same = |message: &Message| {
            message.notice.kind == notice.kind && message.notice.is_about_the_same(notice)
        };
        let others = self.messages.iter().enumerate().filter(|(place, _)| Some(*place) != self.telling);
        others.map(|(_, message)| message).any(is_same)
    }

    /// Whether another message would need another's room.
    pub fn is_full(&self) -> bool {
        self.messages.len() >= MOST
    }

    /// Without what is not worth telling after a restart.
    #[must_use]
    pub fn lasting(&self) -> Self {
        let lasting = |message: &&Message| message.notice.kind.is_lasting();
        Self { messages: self.messages.iter().filter(lasting).cloned().collect(), telling: None }
    }

    /// The clock was set back: no try lies further ahead than the longest wait.
    pub fn clock_set(&mut self, now: i64) {
        let latest = now.saturating_add(LONGEST_WAIT);
        for message in &mut self.messages {
            message.try_at = message.try_at.min(latest);
        }
    }
}

/// What became of a message that the notifier was run for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was told.
    Told,
    /// It was not, and is tried again.
    Failed,
    /// It was not, so often that from now on it is tried once an hour.
    PutOff(Notice),
    /// It was not, and would be stale by the next try.
    GivenUp(Notice),
}

/// How many seconds to wait after so many failures.
fn wait(tries: u32) -> i64 {
    if tries >= TRIES { LONGEST_WAIT } else { FIRST_WAIT << (2 * tries.saturating_sub(1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(kind: Kind) -> Notice {
        Notice { kind, ..Notice::alive(jiff::Timestamp::UNIX_EPOCH) }
    }

    #[test]
    fn a_failing_notifier_is_run_six_times_within_half_an_hour_then_hourly_and_holds_up_no_other_message() {
        let mut outbox = Outbox::default();
        outbox.add(notice(Kind::Failed));
        let (mut now, mut runs) = (1_000, Vec::new());
        for run in 1..=8 {
            let message = outbox.begin(now).unwrap();
            assert_eq!(outbox.begin(now), None, "one at a time");
            runs.push(now - 1_000);
            assert_eq!(message.tries, run);
            let put_off = Ended::PutOff(notice(Kind::Failed));
            assert_eq!(outbox.ended(now, false), if run == TRIES { put_off } else { Ended::Failed });
            outbox.add(notice(Kind::Alive));
            assert_eq!(outbox.begin(now).unwrap().notice.kind, Kind::Alive);
            assert_eq!(outbox.ended(now, false), Ended::GivenUp(notice(Kind::Alive)));
            assert_eq!(outbox.begin(now), None);
            now = outbox.wake_at().unwrap();
        }
        assert_eq!(runs, [0, 5, 25, 105, 425, 1_705, 5_305, 8_905]);
    }

    #[test]
    fn once_one_is_told_the_others_are_tried_at_once_and_a_recovery_after_its_alarm() {
        let about = |kind, action: &str| {
            Notice::new(kind, "a".parse().unwrap(), action.parse().ok(), jiff::Timestamp::UNIX_EPOCH)
        };
        let mut outbox = Outbox::default();
        let failed = about(Kind::Failed, "backup");
        outbox.add(failed.clone());
        outbox.begin(0).unwrap();
        outbox.ended(0, false);
        assert_eq!(outbox.begin(0), None);
        assert!(outbox.waits(&failed) && !outbox.waits(&about(Kind::Failed, "other")));

        let recovered = about(Kind::Recovered, "backup");
        outbox.add(recovered.clone());
        assert_eq!(outbox.begin(0).unwrap().notice, failed, "the recovery has it tried again");
        assert!(!outbox.waits(&failed), "it is being told");
        outbox.ended(0, false);
        assert_eq!((outbox.begin(0), outbox.wake_at()), (None, Some(20)));

        outbox.add(about(Kind::Failed, "other"));
        assert_eq!(outbox.begin(0).unwrap().notice.action, "other".parse().ok());
        outbox.ended(0, true);
        assert_eq!(outbox.begin(0).unwrap().notice, failed);
        outbox.ended(0, true);
        assert_eq!(outbox.begin(0).unwrap().notice, recovered);
        outbox.ended(0, true);
        assert_eq!(outbox.wake_at(), None);
    }

    #[test]
    fn what_would_be_stale_is_tried_once_and_forgotten_first() {
        let mut outbox = Outbox::default();
        outbox.add(notice(Kind::Alive));
        outbox.begin(0).unwrap();
        assert_eq!(outbox.ended(0, false), Ended::GivenUp(notice(Kind::Alive)));
        for _ in 0..MOST - 1 {
            assert_eq!(outbox.add(notice(Kind::Failed)), None);
        }
        outbox.add(notice(Kind::Started));
        outbox.begin(0).unwrap();
        assert_eq!(outbox.add(notice(Kind::Missed)), Some(notice(Kind::Started)));
        assert_eq!(
            outbox.add(notice(Kind::Missed)),
            Some(notice(Kind::Failed)),
            "the oldest but the one being told"
        );
        assert_eq!(outbox.ended(0, true), Ended::Told);
        assert_eq!(outbox.lasting().messages.len(), MOST - 1);
    }
}
