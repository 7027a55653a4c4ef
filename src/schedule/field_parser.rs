//! Reads one field of a schedule's line, and says precisely what is wrong with one that cannot be read.

use super::field::{Field, FieldKind, run};
use crate::diagnostic::shorten;

/// Why a field cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldError {
    /// Where the fault starts, in bytes from the field's start.
    pub(crate) start: usize,
    /// How many bytes are at fault.
    pub(crate) len: usize,
    /// What is wrong, in one clause.
    pub(crate) message: String,
    /// What would be right.
    pub(crate) allowed: String,
    /// What was probably meant.
    pub(crate) hint: Option<String>,
}

/// Reads a field.
pub(crate) fn parse(kind: FieldKind, text: &str) -> Result<Field, FieldError> {
    let mut values = 0;
    let mut start = 0;
    for item in text.split(',') {
        values |= Item { kind, text: item, start }.values(text)?;
        start += item.len() + 1;
    }
    Ok(Field { values: kind.fold(values), star: text.starts_with(['*', '/']) })
}

/// One item of a field's list.
#[derive(Clone, Copy)]
struct Item<'a> {
    kind: FieldKind,
    text: &'a str,
    /// Its place in the field, in bytes.
    start: usize,
}

impl Item<'_> {
    fn values(self, field: &str) -> Result<u64, FieldError> {
        if self.text.is_empty() {
            let hint = (field.len() > 1).then(|| "remove the comma that separates nothing".to_owned());
            return Err(self.error("", format!("the {} has an empty place", self.kind), hint));
        }
        if let Some(hint) = quartz_hint(self.kind, self.text) {
            return Err(self.error(self.text, format!("cron does not know `{}`", self.shown()), Some(hint)));
        }
        let (range, step) = match self.text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (self.text, None),
        };
        let (low, high) = match (range, range.split_once('-')) {
            ("*", _) => self.kind.bounds(),
            ("", _) if step.is_some() => self.kind.bounds(),
            (_, Some((from, to))) => self.range(from, to)?,
            (_, None) => {
                let value = self.value(range)?;
                if step.is_some() {
                    return Err(self.step_without_range(value));
                }
                (value, value)
            }
        };
        Ok(run(low, high, step.map_or(Ok(1), |step| self.step(step))?))
    }

    fn range(self, from: &str, to: &str) -> Result<(u32, u32), FieldError> {
        let (low, high) = (self.value(from)?, self.value(to)?);
        if low <= high {
            return Ok((low, high));
        }
        let (least, greatest) = self.kind.bounds();
        let hint = match self.kind {
            // Sunday is both ends of the week, so a range up to it can be written forwards.
            FieldKind::DayOfWeek if high == 0 => format!("a week that ends on Sunday is `{low}-7`"),
            FieldKind::DayOfWeek => format!("over the week's end it is `{low}-6,0-{high}`"),
            _ if low == greatest && high == least => format!("for both of them it is `{low},{high}`"),
            _ => format!("over the end it is `{low}-{greatest},{least}-{high}`"),
        };
        Err(self.error(
            &format!("{from}-{to}"),
            format!("the range `{}` runs backwards", shorten(&format!("{from}-{to}"))),
            Some(hint),
        ))
    }

    fn value(self, text: &str) -> Result<u32, FieldError> {
        let (low, high) = self.kind.bounds();
        if !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit()) {
            // A number too long for the type is too large for the field all the more.
            let value = text.parse().unwrap_or(u32::MAX);
            if (low..=high).contains(&value) {
                return Ok(value);
            }
            let side = if value < low { "small" } else { "large" };
            let message = format!("the {} `{}` is too {side}", self.kind, shorten(text));
            return Err(self.error(text, message, self.number_hint(value)));
        }
        let lower = text.to_ascii_lowercase();
        if let Some(index) = self.kind.names().iter().position(|&name| name == lower) {
            return Ok(low + u32::try_from(index).unwrap_or(0));
        }
        let message = if text.is_empty() {
            format!("the {} lacks a number at `{}`", self.kind, self.shown())
        } else {
            format!("`{}` is no {}", shorten(text), self.kind)
        };
        Err(self.error(text, message, self.word_hint(&lower)))
    }

    fn step(self, text: &str) -> Result<u32, FieldError> {
        let message = format!("the step `{}` is not a number above 0", shorten(text));
        let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(step) if digits && step > 0 => Ok(step),
            // Wider than any field: names the first value alone, like every step that is too wide.
            Err(_) if digits => Ok(u32::MAX),
            _ => {
                let mut error = self.error(text, message, None);
                "a step is a number from 1, after `*` or a range".clone_into(&mut error.allowed);
                Err(error)
            }
        }
    }

    fn step_without_range(self, value: u32) -> FieldError {
        let (_, greatest) = self.kind.bounds();
        let step = self.text.split_once('/').map_or("", |(_, step)| step);
        let hint = format!("from {value} on it is `{value}-{greatest}/{}`", shorten(step));
        let message = format!("the step in `{}` has no range", self.shown());
        let mut error = self.error(self.text, message, Some(hint));
        "a step follows `*` or a range".clone_into(&mut error.allowed);
        error
    }

    fn number_hint(self, value: u32) -> Option<String> {
        match (self.kind, value) {
            (FieldKind::Hour, 24) => Some("midnight is hour 0".to_owned()),
            (FieldKind::Minute, 60) => Some("the full hour is minute 0".to_owned()),
            (FieldKind::Minute, 61..) => {
                Some("for a step of minutes write `*/n`, for hours the hour field".to_owned())
            }
            (FieldKind::DayOfMonth, 0) => Some("the first day is 1".to_owned()),
            (FieldKind::Month, 0) => Some("January is 1".to_owned()),
            (FieldKind::DayOfWeek, 8..=31) => Some("days of the month are the third field".to_owned()),
            _ => None,
        }
    }

    fn word_hint(self, lower: &str) -> Option<String> {
        let start = lower.get(..3).unwrap_or("");
        if let Some(name) = self.kind.names().iter().find(|&&name| name == start) {
            return Some(format!("names have three letters: `{name}`"));
        }
        for (kind, place) in [(FieldKind::Month, "fourth"), (FieldKind::DayOfWeek, "fifth")] {
            if kind != self.kind && kind.names().contains(&start) {
                return Some(format!("the {kind} is the {place} field"));
            }
        }
        if lower.contains(':') {
            return Some("cron wants the minute first: 04:05 is `5 4`".to_owned());
        }
        None
    }

    /// The item as a message shows it.
    fn shown(self) -> String {
        shorten(self.text)
    }

    fn error(self, at: &str, message: String, hint: Option<String>) -> FieldError {
        let within = self.text.find(at).unwrap_or(0);
        let (start, len) = (self.start + within, at.len());
        FieldError { start, len, message, allowed: self.kind.allowed().to_owned(), hint }
    }
}

/// What to write instead of the letters that the Quartz scheduler knows and cron does not.
fn quartz_hint(kind: FieldKind, text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    let number_before =
        |letter| upper.strip_suffix(letter).is_some_and(|n| n.bytes().all(|c| c.is_ascii_digit()));
    let hint = match kind {
        _ if text.contains('~') => {
            "other crons draw a time between the two; here `RANDOM_DELAY=minutes` above the line puts its entries off \
             by up to so many, each always by the same"
        }
        _ if text == "?" => "Quartz's `?` is `*` here",
        _ if text == "H" || text.starts_with("H/") => {
            "Jenkins' `H` is not known here; `RANDOM_DELAY=minutes` above the line spreads the load"
        }
        FieldKind::DayOfMonth if upper == "L" => {
            "the last day of a month cannot be said; `28-31` and a check in the action can"
        }
        FieldKind::DayOfMonth if number_before("W") || upper == "LW" => {
            "the nearest weekday cannot be said; see `1-5` in the fifth field"
        }
        FieldKind::DayOfWeek if text.contains('#') => {
            "the n-th weekday is a range of days and a step of weekdays: `0 0 1-7 * */7` is the first Sunday"
        }
        FieldKind::DayOfWeek if number_before("L") => {
            "the last such weekday of a month cannot be said; a check in the action can"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(kind: FieldKind, text: &str) -> Vec<u32> {
        parse(kind, text).unwrap_or_else(|e| panic!("{text}: {e:?}")).values().collect()
    }

    fn refusal(kind: FieldKind, text: &str) -> String {
        let error = parse(kind, text).expect_err(text);
        let at = text.get(error.start..error.start + error.len).expect("the fault lies in the field");
        format!("{} [{at}] {}", error.message, error.hint.unwrap_or_default())
    }

    #[test]
    fn lists_ranges_steps_and_names_name_values() {
        assert_eq!(values(FieldKind::Minute, "5"), [5]);
        assert_eq!(values(FieldKind::Minute, "*/20"), [0, 20, 40]);
        assert_eq!(values(FieldKind::Minute, "/20"), [0, 20, 40]);
        assert_eq!(values(FieldKind::Hour, "1-3,22,5-9/2"), [1, 2, 3, 5, 7, 9, 22]);
        assert_eq!(values(FieldKind::Month, "jan,MAR-may"), [1, 3, 4, 5]);
        assert_eq!(values(FieldKind::DayOfMonth, "*/10"), [1, 11, 21, 31]);
        assert_eq!(values(FieldKind::Hour, "*/100"), [0]);
        assert_eq!(values(FieldKind::Hour, "*/99999999999"), [0]);
    }

    #[test]
    fn sunday_is_0_and_7_and_a_step_counts_both() {
        assert_eq!(values(FieldKind::DayOfWeek, "7"), [0]);
        assert_eq!(values(FieldKind::DayOfWeek, "fri-7"), [0, 5, 6]);
        assert_eq!(values(FieldKind::DayOfWeek, "*/7"), [0]);
        assert_eq!(values(FieldKind::DayOfWeek, "1-7/2"), [0, 1, 3, 5]);
    }

    #[test]
    fn only_a_star_at_the_start_counts_as_one() {
        let star = |text| parse(FieldKind::Hour, text).unwrap().star;
        assert!(star("*") && star("*/2") && star("/2") && star("*,3") && star("*/5,3"));
        assert!(!star("0-23") && !star("3,*") && !star("3"));
    }

    #[test]
    fn a_refusal_points_at_the_fault_and_hints_at_the_remedy() {
        assert_eq!(refusal(FieldKind::Hour, "4,24"), "the hour `24` is too large [24] midnight is hour 0");
        assert_eq!(
            refusal(FieldKind::Hour, "22-2"),
            "the range `22-2` runs backwards [22-2] over the end it is `22-23,0-2`"
        );
        assert_eq!(
            refusal(FieldKind::DayOfWeek, "fri-sun"),
            "the range `fri-sun` runs backwards [fri-sun] a week that ends on Sunday is `5-7`"
        );
        assert_eq!(
            refusal(FieldKind::DayOfWeek, "sunday"),
            "`sunday` is no day of week [sunday] names have three letters: `sun`"
        );
        assert_eq!(
            refusal(FieldKind::Minute, "5/15"),
            "the step in `5/15` has no range [5/15] from 5 on it is `5-59/15`"
        );
        assert_eq!(
            refusal(FieldKind::Month, "mon"),
            "`mon` is no month [mon] the day of week is the fifth field"
        );
        assert!(refusal(FieldKind::Minute, "5~10").starts_with("cron does not know `5~10` [5~10] "));
        assert!(refusal(FieldKind::Minute, "5~10").contains("here `RANDOM_DELAY=minutes` above the line"));
        assert_eq!(
            refusal(FieldKind::DayOfMonth, "1,,2"),
            "the day of month has an empty place [] remove the comma that separates nothing"
        );
        assert_eq!(
            refusal(FieldKind::DayOfMonth, "?"),
            "cron does not know `?` [?] Quartz's `?` is `*` here"
        );
    }

    #[test]
    fn a_message_has_no_control_characters_and_no_endless_numbers() {
        let long = format!("{}5-3", "0".repeat(1_000));
        for text in ["5/1\0*5", "5/\u{1b}[2J", "\u{7}", "*/\u{1}", "1-\u{2}", &long] {
            let error = parse(FieldKind::Minute, text).expect_err(text);
            let said = error.message + &error.hint.unwrap_or_default();
            assert!(!said.chars().any(char::is_control), "{said:?}");
            assert!(said.len() < 500, "{}", said.len());
        }
    }

    #[test]
    fn what_is_no_field_is_refused() {
        let bad = [
            "", "-", "1-", "-1", "*-5", "1-2-3", "*/", "*/0", "*/-1", "*/x", "+5", "1/", "٣", "*5", "**",
            "5 ",
        ];
        for text in bad {
            assert!(parse(FieldKind::Minute, text).is_err(), "{text:?}");
        }
        assert!(parse(FieldKind::DayOfMonth, "0").is_err());
        assert!(parse(FieldKind::DayOfWeek, "8").is_err());
        assert!(parse(FieldKind::Month, "13").is_err());
    }
}
