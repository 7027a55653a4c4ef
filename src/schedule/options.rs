//! The `KEY=VALUE` lines: what holds for the entries below them.

use std::time::Duration;

use super::words::{Fault, Word};
use super::zone::Zone;
use crate::diagnostic::shorten;
use crate::{duration, spelling};

/// What holds for an entry besides its own line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `CRON_TZ`: the zone of the entry's wall clock.
    pub zone: Zone,
    /// `RANDOM_DELAY`: up to how many seconds an occurrence is put off, the same for all of an entry.
    pub random_delay: u32,
    /// `CATCH_UP`: what happens to occurrences that were missed.
    pub catch_up: CatchUp,
    /// `DEADLINE`: how many seconds late a request may be delivered; none is until the entry's next
    /// occurrence, at most a day.
    pub deadline: Option<u32>,
}

/// What happens to the occurrences that came due while nobody could act on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// The latest is made up for, once.
    Once,
    /// They are counted and left.
    None,
}

/// The longest `DEADLINE`: 30 days, in seconds. Supervisors remember ids for three times as long, so that
/// sending again can never run again.
pub const LONGEST_DEADLINE: u32 = 30 * 24 * 60 * 60;

/// The longest `RANDOM_DELAY`: a day, in seconds.
pub const LONGEST_DELAY: u32 = 24 * 60 * 60;

/// An option by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionKey {
    /// `CRON_TZ`.
    Zone,
    /// `RANDOM_DELAY`.
    RandomDelay,
    /// `CATCH_UP`.
    CatchUp,
    /// `DEADLINE`.
    Deadline,
}

const KEYS: &str = "options are CRON_TZ, RANDOM_DELAY, CATCH_UP and DEADLINE";

impl Options {
    /// What holds at the top of a file.
    pub fn new(zone: Zone) -> Self {
        Self { zone, random_delay: 0, catch_up: CatchUp::Once, deadline: None }
    }

    /// Sets an option; an empty value sets it back to its default in `top`.
    pub(crate) fn set(&mut self, key: OptionKey, value: Word<'_>, top: &Options) -> Result<(), Fault> {
        if value.text.is_empty() {
            self.take(key, top);
            return Ok(());
        }
        match key {
            OptionKey::Zone => self.zone = zone(value)?,
            OptionKey::RandomDelay => {
                self.random_delay = minutes(value, LONGEST_DELAY, "a delay is up to 1440 minutes")?;
            }
            OptionKey::CatchUp => self.catch_up = catch_up(value)?,
            OptionKey::Deadline => {
                let longest = "a deadline is minutes, or a length such as 90s, 2h or 1d12h, up to 30d";
                self.deadline = Some(minutes(value, LONGEST_DEADLINE, longest)?);
            }
        }
        Ok(())
    }

    /// Takes one option from others.
    pub(crate) fn take(&mut self, key: OptionKey, from: &Options) {
        match key {
            OptionKey::Zone => self.zone = from.zone.clone(),
            OptionKey::RandomDelay => self.random_delay = from.random_delay,
            OptionKey::CatchUp => self.catch_up = from.catch_up,
            OptionKey::Deadline => self.deadline = from.deadline,
        }
    }
}

impl OptionKey {
    const NAMES: [(&str, Self); 4] = [
        ("CRON_TZ", Self::Zone),
        ("RANDOM_DELAY", Self::RandomDelay),
        ("CATCH_UP", Self::CatchUp),
        ("DEADLINE", Self::Deadline),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, key)| *key)
    }

    /// The key that a misspelt one was probably meant to be.
    fn nearest(name: &str) -> Option<&'static str> {
        let upper = name.to_ascii_uppercase();
        match upper.as_str() {
            "TZ" | "TIMEZONE" => Some("CRON_TZ"),
            _ => spelling::nearest(&upper, Self::NAMES.map(|(name, _)| name)),
        }
    }
}

/// A line that sets an option.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionLine<'a> {
    name: Word<'a>,
    pub(crate) value: Word<'a>,
}

impl<'a> OptionLine<'a> {
    /// Tells whether a line is one: a name, `=`, and a value that may stand in quotes (crontab(5)).
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let (left, right) = text.split_once('=')?;
        let key = left.trim();
        let mut letters = key.bytes();
        let named = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == b'_')
            && letters.all(|c| c.is_ascii_alphanumeric() || c == b'_');
        if !named {
            return None;
        }
        let trimmed = right.trim();
        let unquoted = ['"', '\'']
            .iter()
            .find_map(|&quote| trimmed.strip_prefix(quote)?.strip_suffix(quote))
            .unwrap_or(trimmed);
        let start_of = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
        let word = |text| Word { text, start: start_of(text) };
        Some(Self { name: word(key), value: word(unquoted) })
    }

    /// Which option it sets.
    pub(crate) fn key(self) -> Result<OptionKey, Fault> {
        let name = self.name.text;
        OptionKey::named(name).ok_or_else(|| {
            let hint = hint_for(name);
            self.name.fault(format!("there is no option `{}`", shorten(name)), KEYS, hint.as_deref())
        })
    }

    /// Which option it was probably meant to set, when it sets none.
    pub(crate) fn meant(self) -> Option<OptionKey> {
        OptionKey::nearest(self.name.text).and_then(OptionKey::named)
    }
}

fn zone(value: Word<'_>) -> Result<Zone, Fault> {
    Zone::named(value.text).map_err(|error| {
        let allowed = "a time zone has a name such as Europe/Berlin or UTC";
        value.fault(error.to_string(), allowed, None)
    })
}

fn catch_up(value: Word<'_>) -> Result<CatchUp, Fault> {
    match value.text {
        "once" => Ok(CatchUp::Once),
        "none" => Ok(CatchUp::None),
        other => {
            let message = format!("`{}` is no way to catch up", shorten(other));
            Err(value.fault(message, "it is `once` or `none`", None))
        }
    }
}

/// Reads minutes, or a length of time with its units, as seconds.
fn minutes(value: Word<'_>, longest: u32, allowed: &str) -> Result<u32, Fault> {
    let length = match value.text.parse::<u32>() {
        Ok(minutes) => Ok(Duration::from_secs(u64::from(minutes) * 60)),
        Err(_) => duration::parse(value.text),
    };
    let seconds = length.map_err(|error| value.fault(error.to_string(), allowed, None))?.as_secs();
    u32::try_from(seconds)
        .ok()
        .filter(|&seconds| seconds <= longest)
        .ok_or_else(|| value.fault(format!("`{}` is too long", shorten(value.text)), allowed, None))
}

fn hint_for(key: &str) -> Option<String> {
    if let Some(meant) = OptionKey::nearest(key) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let hint = match key.to_ascii_uppercase().as_str() {
        "MAILTO" | "MAILFROM" => "nothing is mailed: outcomes are in the journal, see `lamplighter history`",
        "SHELL" | "PATH" | "HOME" | "LOGNAME" | "USER" => {
            "actions run in their service, with its environment: set it there"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Result<Options, Fault> {
        let top = Options::new(Zone::utc());
        let mut options = top.clone();
        let line = OptionLine::read(text).expect(text);
        options.set(line.key()?, line.value, &top).map(|()| options)
    }

    #[test]
    fn each_option_is_read_with_or_without_blanks_and_quotes() {
        assert_eq!(set("CRON_TZ=Europe/Berlin").unwrap().zone.name(), "Europe/Berlin");
        assert_eq!(set(" CRON_TZ = \"europe/berlin\" ").unwrap().zone.name(), "Europe/Berlin");
        assert_eq!(set("RANDOM_DELAY=6").unwrap().random_delay, 360);
        assert_eq!(set("CATCH_UP='none'").unwrap().catch_up, CatchUp::None);
        assert_eq!(set("DEADLINE=30d").unwrap().deadline, Some(LONGEST_DEADLINE));
        assert_eq!(set("DEADLINE=1h30m").unwrap().deadline, Some(5_400));
        assert_eq!(set("DEADLINE=90").unwrap().deadline, Some(5_400));
        assert_eq!(set("DEADLINE=").unwrap().deadline, None);
    }

    #[test]
    fn what_an_option_cannot_be_is_refused() {
        let bad = [
            "CRON_TZ=Mars/Olympus",
            "CRON_TZ=../etc",
            "RANDOM_DELAY=1441",
            "RANDOM_DELAY=-1",
            "CATCH_UP=all",
        ];
        for text in
            bad.into_iter().chain(["DEADLINE=31d", "DEADLINE=1w", "DEADLINE=99999999999", "MAILTO=root"])
        {
            assert!(set(text).is_err(), "{text}");
        }
        assert_eq!(set("TZ=UTC").unwrap_err().hint.as_deref(), Some("did you mean `CRON_TZ`?"));
    }

    #[test]
    fn an_entry_is_no_option() {
        assert!(OptionLine::read("5 4 * * * mysql nightly-backup").is_none());
        assert!(OptionLine::read("5 4 * * * mysql x=y").is_none());
    }
}
