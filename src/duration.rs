//! Lengths of time as people write them: `2h`, `90s`, `1h30m`, `2d`.
//!
//! Whole numbers with the units `d`, `h`, `m` and `s`, the greater before the smaller, each at most once. A
//! number without its unit is no length of time: whoever reads it would have to guess.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::diagnostic::shorten;

/// The longest that is taken, a hundred years: any instant and it can be added up.
pub const LONGEST: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

/// The units with their seconds, the greatest first.
const UNITS: [(char, u64); 4] = [('d', 24 * 60 * 60), ('h', 60 * 60), ('m', 60), ('s', 1)];

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// It is not of that form at all.
    #[error("`{0}` is not a length of time, such as `90s`, `5m`, `1h30m` or `2d`")]
    Form(String),
    /// It ends in a number.
    #[error("`{0}` lacks its unit: `s`, `m`, `h` or `d`")]
    Unit(String),
    /// It is longer than [`LONGEST`].
    #[error("`{0}` is longer than a hundred years")]
    TooLong(String),
}

/// Reads a length of time.
///
/// # Errors
/// When the text is not of the form above, or longer than [`LONGEST`].
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let (mut rest, mut units, mut seconds) = (text, UNITS.as_slice(), 0_u64);
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, after) = rest.split_at(digits);
        let Some(unit) = after.chars().next().filter(|_| !number.is_empty()) else {
            let form = number.is_empty();
            return Err(if form {
                DurationError::Form(shorten(text))
            } else {
                DurationError::Unit(shorten(text))
            });
        };
        let Some(index) = units.iter().position(|&(name, _)| name == unit) else {
            return Err(DurationError::Form(shorten(text)));
        };
        let number = number.parse::<u64>().ok();
        let total = number.and_then(|number| number.checked_mul(units[index].1)?.checked_add(seconds));
        seconds = total.ok_or_else(|| DurationError::TooLong(shorten(text)))?;
        units = &units[index + 1..];
        rest = &after[unit.len_utf8()..];
    }
    match Duration::from_secs(seconds) {
        _ if text.is_empty() => Err(DurationError::Form(shorten(text))),
        duration if duration > LONGEST => Err(DurationError::TooLong(shorten(text))),
        duration => Ok(duration),
    }
}

/// Shows a length of time in the form that [`parse`] reads, in the fewest units; a part of a second is
/// left out.
pub fn show(duration: Duration) -> impl fmt::Display {
    Shown(duration.as_secs())
}

struct Shown(u64);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.pad("0s");
        }
        let mut rest = self.0;
        let mut text = String::new();
        for (unit, seconds) in UNITS {
            if rest >= seconds {
                write!(text, "{}{unit}", rest / seconds)?;
                rest %= seconds;
            }
        }
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(text: &str) -> u64 {
        parse(text).unwrap().as_secs()
    }

    #[test]
    fn units_add_up() {
        assert_eq!(seconds("90s"), 90);
        assert_eq!(seconds("5m"), 300);
        assert_eq!(seconds("2h"), 7200);
        assert_eq!(seconds("2d"), 172_800);
        assert_eq!(seconds("1h30m"), 5400);
        assert_eq!(seconds("1d2h3m4s"), 93_784);
        assert_eq!(seconds("0s"), 0);
        assert_eq!(seconds("0090m"), 5400);
    }

    #[test]
    fn what_is_no_length_of_time_says_what_one_looks_like() {
        for text in
            ["", "h", "2 h", " 2h", "2h ", "2H", "1.5h", "-1h", "+1h", "2h2h", "30m1h", "5ms", "²h", "2ü"]
        {
            let error = parse(text).unwrap_err();
            assert_eq!(error, DurationError::Form(text.into()), "{text:?}");
        }
        assert_eq!(
            parse("2 hours").unwrap_err().to_string(),
            "`2 hours` is not a length of time, such as `90s`, `5m`, `1h30m` or `2d`"
        );
    }

    #[test]
    fn a_number_without_its_unit_is_not_guessed_at() {
        assert_eq!(parse("90").unwrap_err().to_string(), "`90` lacks its unit: `s`, `m`, `h` or `d`");
        assert_eq!(parse("1h30"), Err(DurationError::Unit("1h30".into())));
    }

    #[test]
    fn no_length_is_too_great_to_be_added_to_an_instant() {
        assert_eq!(parse("36500d"), Ok(LONGEST));
        for text in
            ["36501d", "36500d1s", "99999999999999999999d", "18446744073709551615d", "18446744073709551615s"]
        {
            assert_eq!(parse(text), Err(DurationError::TooLong(text.into())), "{text}");
        }
        assert!(std::time::Instant::now().checked_add(LONGEST).is_some());
    }

    #[test]
    fn a_length_is_shown_in_the_fewest_units() {
        let shown = |seconds| show(Duration::from_secs(seconds)).to_string();
        assert_eq!(shown(0), "0s");
        assert_eq!(shown(5400), "1h30m");
        assert_eq!(shown(86_401), "1d1s");
        assert_eq!(show(Duration::from_millis(1999)).to_string(), "1s");
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_as_the_same(seconds in 0..=LONGEST.as_secs()) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(parse(&show(duration).to_string()), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9dhms .ü]{0,12}|.{0,60}") {
            if let Ok(duration) = parse(&text) {
                prop_assert_eq!(parse(&show(duration).to_string()), Ok(duration));
            }
        }
    }
}
