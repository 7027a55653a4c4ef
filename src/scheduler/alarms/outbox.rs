//! What is still to be told: one at a time, again after a failure, and never too much of it. Pure.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::notice::{Kind, Notice};

/// So many messages may wait.
pub const MOST: usize = 64;

/// So often the notifier is run for a message that lasts.
pub const TRIES: u32 = 6;

/// The wait after the first failure, in seconds; each further one is four times as long.
const FIRST_WAIT: i64 = 5;

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
        let place = self.messages.iter().position(|message| message.try_at <= now)?;
        self.telling = Some(place);
        self.messages[place].tries += 1;
        Some(self.messages[place].clone())
    }

    /// The notifier has ended: whether somebody was told. Gives back a message that is given up.
    pub fn ended(&mut self, now: i64, is_told: bool) -> Option<Notice> {
        let place = self.telling.take()?;
        let message = self.messages.get_mut(place)?;
        if is_told {
            self.messages.remove(place);
            return None;
        }
        if message.tries >= TRIES || !message.notice.kind.is_lasting() {
            return self.messages.remove(place).map(|message| message.notice);
        }
        message.try_at = now.saturating_add(FIRST_WAIT << (2 * (message.tries - 1)));
        None
    }

    /// When a message is to be told next, unless something happens before.
    pub fn wake_at(&self) -> Option<i64> {
        self.messages.iter().map(|message| message.try_at).min().filter(|_| self.telling.is_none())
    }

    /// Whether a message is being told.
    pub fn is_telling(&self) -> bool {
        self.telling.is_some()
    }

    /// Whether one of a kind waits.
    pub fn has(&self, kind: Kind) -> bool {
        self.messages.iter().any(|message| message.notice.kind == kind)
    }

    /// Without what is not worth telling after a restart.
    #[must_use]
    pub fn lasting(&self) -> Self {
        let lasting = |message: &&Message| message.notice.kind.is_lasting();
        Self { messages: self.messages.iter().filter(lasting).cloned().collect(), telling: None }
    }

    /// The clock was set back: no try lies further ahead than the longest wait.
    pub fn clock_set(&mut self, now: i64) {
        let latest = now.saturating_add(FIRST_WAIT << (2 * TRIES));
        for message in &mut self.messages {
            message.try_at = message.try_at.min(latest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(kind: Kind) -> Notice {
        Notice { kind, ..Notice::alive(jiff::Timestamp::UNIX_EPOCH) }
    }

    #[test]
    fn a_failing_notifier_is_run_six_times_within_half_an_hour_and_holds_up_no_other_message() {
        let mut outbox = Outbox::default();
        outbox.add(notice(Kind::Failed));
        let (mut now, mut runs) = (1_000, Vec::new());
        loop {
            let message = outbox.begin(now).unwrap();
            assert_eq!(outbox.begin(now), None, "one at a time");
            runs.push(now - 1_000);
            assert_eq!(message.tries as usize, runs.len());
            if outbox.ended(now, false) == Some(notice(Kind::Failed)) {
                break;
            }
            outbox.add(notice(Kind::Missed));
            assert_eq!(outbox.begin(now).unwrap().notice.kind, Kind::Missed);
            assert_eq!(outbox.ended(now, true), None);
            assert_eq!(outbox.begin(now), None);
            now = outbox.wake_at().unwrap();
        }
        assert_eq!(runs, [0, 5, 25, 105, 425, 1_705]);
        assert_eq!(outbox.wake_at(), None);
    }

    #[test]
    fn what_would_be_stale_is_tried_once_and_forgotten_first() {
        let mut outbox = Outbox::default();
        outbox.add(notice(Kind::Alive));
        outbox.begin(0).unwrap();
        assert_eq!(outbox.ended(0, false), Some(notice(Kind::Alive)));
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
        assert_eq!(outbox.ended(0, true), None);
        assert_eq!(outbox.lasting().messages.len(), MOST - 1);
    }
}
