//! What the log says about refusals: each kind of each peer once a minute at most, with a count.
//!
//! Whoever may connect can be refused as often as they like; the log must not fill up with it, nor the
//! memory, and what happened must still be seen. Pure: the time comes in, lines go out.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::duration;
use crate::request::{Refusal, RefusalCode};

/// How long after a line the next one about the same may follow.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Peers and kinds that are told apart at the same time; those beyond share one place.
pub const MOST_KINDS: usize = 256;
/// Characters of a refusal's sentence that are kept: it may quote what the peer sent.
const LONGEST_SENTENCE: usize = 200;

/// The refusals of the last minute.
#[derive(Debug, Default)]
pub struct RefusalLog {
    kinds: BTreeMap<Kind, Kept>,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Of(u32, &'static str),
    Others,
}

/// What has been said of a kind, and what has not.
#[derive(Debug)]
struct Kept {
    said: Instant,
    unsaid: u64,
    last: String,
}

impl RefusalLog {
    /// A peer was refused something: the line to log now, if it is time for one.
    pub fn note(&mut self, uid: u32, refusal: &Refusal, now: Instant) -> Option<String> {
        let last = sentence(uid, refusal);
        let kind = self.kind(uid, refusal.code, now);
        let Some(kept) = self.kinds.get_mut(&kind) else {
            let line = format!("refused {last}");
            self.kinds.insert(kind, Kept { said: now, unsaid: 0, last });
            return Some(line);
        };
        kept.unsaid += 1;
        kept.last = last;
        kept.is_over(now).then(|| kept.say(kind, now))
    }

    /// The first instant at which [`RefusalLog::due`] has a line; none while all has been said.
    pub fn deadline(&self) -> Option<Instant> {
        self.kinds.values().filter(|kept| kept.unsaid > 0).map(|kept| kept.said + WINDOW).min()
    }

    /// The lines about what was not said during the minutes that are over now.
    pub fn due(&mut self, now: Instant) -> Vec<String> {
        let over = self.kinds.iter_mut().filter(|(_, kept)| kept.unsaid > 0 && kept.is_over(now));
        over.map(|(&kind, kept)| kept.say(kind, now)).collect()
    }

    /// The lines about all that was not said: there will be no later.
    pub fn rest(&mut self, now: Instant) -> Vec<String> {
        let unsaid = self.kinds.iter_mut().filter(|(_, kept)| kept.unsaid > 0);
        unsaid.map(|(&kind, kept)| kept.say(kind, now)).collect()
    }

    /// The place that is kept for such a refusal.
    fn kind(&mut self, uid: u32, code: RefusalCode, now: Instant) -> Kind {
        let kind = Kind::Of(uid, code.as_str());
        let is_full = |kinds: &BTreeMap<_, _>| kinds.len() >= MOST_KINDS;
        if !self.kinds.contains_key(&kind) && is_full(&self.kinds) {
            self.kinds.retain(|_, kept| kept.unsaid > 0 || !kept.is_over(now));
            if is_full(&self.kinds) {
                return Kind::Others;
            }
        }
        kind
    }
}

impl Kept {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.said) >= WINDOW
    }

    /// The line about what was not said, with which a new minute begins.
    fn say(&mut self, kind: Kind, now: Instant) -> String {
        let (count, last) = (std::mem::take(&mut self.unsaid), &self.last);
        let time = duration::show(now.saturating_duration_since(self.said));
        self.said = now;
        match (kind, count) {
            (Kind::Of(..), 1) => format!("refused {last}"),
            (Kind::Of(..), _) => format!("refused {count} times within {time}: {last}"),
            (Kind::Others, _) => {
                format!("refused {count} times within {time}, many peers: the last was {last}")
            }
        }
    }
}

/// Who was refused and why, as a part of one line.
fn sentence(uid: u32, refusal: &Refusal) -> String {
    let mut kept: String = refusal.message.chars().take(LONGEST_SENTENCE).collect();
    if kept.len() < refusal.message.len() {
        kept.push('…');
    }
    // A line of the log ends where we end it.
    let kept = kept.replace(|c: char| c.is_control(), " ");
    format!("uid {uid}, {}: {kept}", refusal.code.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(message: &str) -> Refusal {
        Refusal::new(RefusalCode::NotAllowed, message)
    }

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_first_of_a_kind_is_said_at_once_and_its_repeats_are_counted() {
        let (mut log, start) = (RefusalLog::default(), Instant::now());
        let line = log.note(1000, &refusal("not this"), start).unwrap();
        assert_eq!(line, "refused uid 1000, not-allowed: not this");
        for second in 1..=37 {
            assert_eq!(log.note(1000, &refusal("nor that"), start + seconds(second)), None);
        }
        assert_eq!(log.deadline(), Some(start + WINDOW));
        assert_eq!(log.due(start + seconds(59)), Vec::<String>::new());
        assert_eq!(log.due(start + WINDOW), ["refused 37 times within 1m: uid 1000, not-allowed: nor that"]);
        assert_eq!((log.deadline(), log.due(start + WINDOW)), (None, vec![]));
    }

    #[test]
    fn other_peers_and_other_reasons_have_lines_of_their_own() {
        let (mut log, now) = (RefusalLog::default(), Instant::now());
        let busy = Refusal::new(RefusalCode::Busy, "too many");
        for uid in [1000, 1001] {
            for refusal in [&refusal("x"), &busy] {
                assert!(log.note(uid, refusal, now).is_some());
                assert!(log.note(uid, refusal, now).is_none());
            }
        }
        assert_eq!(log.due(now + WINDOW).len(), 4);
    }

    #[test]
    fn nothing_is_due_while_nothing_is_unsaid() {
        let (mut log, now) = (RefusalLog::default(), Instant::now());
        assert_eq!(log.deadline(), None);
        log.note(1000, &refusal("x"), now).unwrap();
        assert_eq!(log.deadline(), None);
    }

    #[test]
    fn a_loop_that_does_not_ask_hears_the_count_with_the_next_line() {
        let (mut log, start) = (RefusalLog::default(), Instant::now());
        log.note(1000, &refusal("x"), start).unwrap();
        assert_eq!(log.note(1000, &refusal("x"), start + seconds(1)), None);
        let line = log.note(1000, &refusal("y"), start + seconds(95)).unwrap();
        assert_eq!(line, "refused 2 times within 1m35s: uid 1000, not-allowed: y");
        let line = log.note(1000, &refusal("z"), start + seconds(300)).unwrap();
        assert_eq!(line, "refused uid 1000, not-allowed: z");
    }

    #[test]
    fn at_the_end_what_was_not_said_is_said_whatever_the_minute() {
        let (mut log, start) = (RefusalLog::default(), Instant::now());
        let busy = Refusal::new(RefusalCode::Busy, "too many");
        for refusal in [&refusal("x"), &refusal("y"), &busy] {
            log.note(1000, refusal, start);
        }
        let lines = log.rest(start + seconds(7));
        assert_eq!(lines, ["refused uid 1000, not-allowed: y"]);
        assert_eq!((log.rest(start + seconds(7)), log.deadline()), (vec![], None));
    }

    #[test]
    fn a_crowd_shares_one_place_until_there_is_room_again() {
        let (mut log, now) = (RefusalLog::default(), Instant::now());
        let crowd = u32::try_from(MOST_KINDS).unwrap();
        for uid in 0..crowd {
            assert!(log.note(uid, &refusal("x"), now).is_some());
        }
        assert_eq!(log.note(9000, &refusal("x"), now).unwrap(), "refused uid 9000, not-allowed: x");
        assert_eq!((9001..9100).find_map(|uid| log.note(uid, &refusal("x"), now)), None);
        assert_eq!(log.kinds.len(), MOST_KINDS + 1);
        let lines = log.due(now + WINDOW);
        assert_eq!(lines, ["refused 99 times within 1m, many peers: the last was uid 9099, not-allowed: x"]);
        assert!(log.note(9001, &refusal("x"), now + WINDOW).is_some());
        assert_eq!(log.kinds.len(), 2);
    }

    #[test]
    fn a_line_stays_one_and_short_whatever_a_refusal_quotes() {
        let mut log = RefusalLog::default();
        let quoted = format!("a\nb\u{1b}[2J{}", "ü".repeat(5000));
        let line = log.note(1, &refusal(&quoted), Instant::now()).unwrap();
        assert!(line.starts_with("refused uid 1, not-allowed: a b [2Jü") && line.ends_with("ü…"), "{line}");
        assert!(line.chars().count() < 250, "{line}");
    }

    proptest! {
        #[test]
        fn every_refusal_is_counted_once_and_no_kind_is_said_twice_a_minute(
            notes in prop::collection::vec((0_u32..4, 0_u64..30), 0..200)
        ) {
            let (mut log, start) = (RefusalLog::default(), Instant::now());
            let (mut at, mut counted) = (0, 0);
            let mut said: BTreeMap<u32, u64> = BTreeMap::new();
            for &(uid, pause) in &notes {
                at += pause;
                if let Some(line) = log.note(uid, &refusal("x"), start + seconds(at)) {
                    let before = said.insert(uid, at);
                    prop_assert!(before.is_none_or(|before| at >= before + 60), "{} at {}", line, at);
                    counted += count(&line);
                }
            }
            let rest = log.due(start + seconds(at + 60));
            counted += rest.iter().map(|line| count(line)).sum::<usize>();
            prop_assert_eq!(counted, notes.len());
            prop_assert_eq!(log.deadline(), None);
        }
    }

    /// How many refusals a line tells of.
    fn count(line: &str) -> usize {
        let word = line.split(' ').nth(1).unwrap_or_default();
        if word == "uid" { 1 } else { word.parse().unwrap() }
    }
}
