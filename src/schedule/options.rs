//! The `KEY=VALUE` lines: what holds for the entries below them.

use super::words::{Fault, Word};
use super::zone::Zone;
use crate::diagnostic::shorten;

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

const KEYS: &str = "options are CRON_TZ, RANDOM_DELAY, CATCH_UP and DEADLINE";

impl Options {
    /// What holds at the top of a file.
    pub fn new(zone: Zone) -> Self {
        Self { zone, random_delay: 0, catch_up: CatchUp::Once, deadline: None }
    }

    /// Sets the option that a line names; an empty value sets it back to its default in `top`.
    pub(crate) fn set(&mut self, line: OptionLine<'_>, top: &Options) -> Result<(), Fault> {
        let OptionLine { key, value } = line;
        let empty = value.text.is_empty();
        match key.text {
            "CRON_TZ" if empty => self.zone = top.zone.clone(),
            "CRON_TZ" => self.zone = zone(value)?,
            "RANDOM_DELAY" if empty => self.random_delay = 0,
            "RANDOM_DELAY" => {
                self.random_delay = duration(value, LONGEST_DELAY, "a delay is up to 1440 minutes")?;
            }
            "CATCH_UP" if empty => self.catch_up = CatchUp::Once,
            "CATCH_UP" => self.catch_up = catch_up(value)?,
            "DEADLINE" if empty => self.deadline = None,
            "DEADLINE" => {
                let longest = "a deadline is minutes, or a number with s, m, h or d, up to 30d";
                self.deadline = Some(duration(value, LONGEST_DEADLINE, longest)?);
            }
            other => {
                let message = format!("there is no option `{}`", shorten(other));
                return Err(key.fault(message, KEYS, hint_for(other)));
            }
        }
        Ok(())
    }
}

/// A line that sets an option.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OptionLine<'a> {
    pub(crate) key: Word<'a>,
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
        Some(Self { key: word(key), value: word(unquoted) })
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

/// Reads minutes, or a number with its unit, as seconds.
fn duration(value: Word<'_>, longest: u32, allowed: &str) -> Result<u32, Fault> {
    let digits = value.text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.text.split_at(digits);
    let unit = match unit {
        "s" => 1,
        "" | "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => 0,
    };
    let seconds = number.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    match seconds {
        Some(seconds) if unit > 0 && seconds <= longest => Ok(seconds),
        Some(_) if unit > 0 => {
            Err(value.fault(format!("`{}` is too long", shorten(value.text)), allowed, None))
        }
        _ => Err(value.fault(format!("`{}` is no duration", shorten(value.text)), allowed, None)),
    }
}

fn hint_for(key: &str) -> Option<&'static str> {
    match key.to_ascii_uppercase().as_str() {
        "CRON_TZ" | "RANDOM_DELAY" | "CATCH_UP" | "DEADLINE" => Some("options are written in capitals"),
        "TZ" | "TIMEZONE" => Some("the zone of the entries below is CRON_TZ"),
        "MAILTO" | "MAILFROM" => {
            Some("nothing is mailed: outcomes are in the journal, see `lamplighter history`")
        }
        "SHELL" | "PATH" | "HOME" | "LOGNAME" | "USER" => {
            Some("actions run in their service, with its environment: set it there")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Result<Options, Fault> {
        let top = Options::new(Zone::utc());
        let mut options = top.clone();
        options.set(OptionLine::read(text).expect(text), &top).map(|()| options)
    }

    #[test]
    fn each_option_is_read_with_or_without_blanks_and_quotes() {
        assert_eq!(set("CRON_TZ=Europe/Berlin").unwrap().zone.name(), "Europe/Berlin");
        assert_eq!(set(" CRON_TZ = \"europe/berlin\" ").unwrap().zone.name(), "Europe/Berlin");
        assert_eq!(set("RANDOM_DELAY=6").unwrap().random_delay, 360);
        assert_eq!(set("CATCH_UP='none'").unwrap().catch_up, CatchUp::None);
        assert_eq!(set("DEADLINE=30d").unwrap().deadline, Some(LONGEST_DEADLINE));
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
        assert_eq!(
            set("TZ=UTC").unwrap_err().hint.as_deref(),
            Some("the zone of the entries below is CRON_TZ")
        );
    }

    #[test]
    fn an_entry_is_no_option() {
        assert!(OptionLine::read("5 4 * * * mysql nightly-backup").is_none());
        assert!(OptionLine::read("5 4 * * * mysql x=y").is_none());
    }
}
