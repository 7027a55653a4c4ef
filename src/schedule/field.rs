//! One field of a schedule's line: which of its values it names.
//!
//! The grammar is crontab(5)'s as Debian's cron reads it: a list of `*`, numbers, names and ranges, the stars
//! and ranges with an optional `/step`. Names may stand in lists and ranges, as Debian's cron allows and its
//! manual does not say. `/n` is read as `*/n`. A step without a range (`5/15`) is refused there and here.

use std::fmt;

/// Which of the five fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    DayOfMonth,
    /// 1 to 12, or `jan` to `dec`.
    Month,
    /// 0 to 7, where 0 and 7 are Sunday, or `sun` to `sat`.
    DayOfWeek,
}

/// The fields in the order of a line.
pub const FIELDS: [FieldKind; 5] =
    [FieldKind::Minute, FieldKind::Hour, FieldKind::DayOfMonth, FieldKind::Month, FieldKind::DayOfWeek];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl FieldKind {
    /// The least and the greatest number that may be written.
    pub fn bounds(self) -> (u32, u32) {
        match self {
            Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::DayOfMonth => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 7),
        }
    }

    /// The names that may be written instead of numbers; the first stands for the least number.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &WEEKDAYS,
            _ => &[],
        }
    }

    /// What may stand in the field, for messages.
    pub fn allowed(self) -> &'static str {
        match self {
            Self::Minute => "a minute is 0 to 59",
            Self::Hour => "an hour is 0 to 23",
            Self::DayOfMonth => "a day of the month is 1 to 31",
            Self::Month => "a month is 1 to 12 or jan to dec",
            Self::DayOfWeek => "a day of the week is 0 to 7 (0 and 7 are Sunday) or sun to sat",
        }
    }

    /// All the values that there are: 7 is folded into 0.
    pub(crate) fn all(self) -> u64 {
        let (low, high) = self.bounds();
        self.fold(run(low, high, 1))
    }

    /// Debian's cron makes the two Sundays one after reading the field, so `*/7` is Sunday only.
    pub(crate) fn fold(self, values: u64) -> u64 {
        match self {
            Self::DayOfWeek => (values | values >> 7) & 0x7f,
            _ => values,
        }
    }
}

impl fmt::Display for FieldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::DayOfMonth => "day of month",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}

/// The values of one field, and whether it was written with a star at its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Field {
    /// Bit `n` is set when the value `n` is named.
    pub(crate) values: u64,
    /// Starting with `*` is what Debian's cron asks when it tells apart entries that follow the wall clock,
    /// and when it joins the two day fields; it does not matter that `*/2` names fewer than all values.
    pub(crate) star: bool,
}

impl Field {
    /// The field that is written `*`.
    pub(crate) fn any(kind: FieldKind) -> Self {
        Self { values: kind.all(), star: true }
    }

    /// The field that is written as one number.
    pub(crate) fn only(value: u32) -> Self {
        Self { values: 1 << value, star: false }
    }

    /// Whether a value is among them; a Sunday is 0.
    pub fn contains(self, value: u32) -> bool {
        value < 64 && self.values & (1 << value) != 0
    }

    /// The values in ascending order; Sunday is 0.
    pub fn values(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |&value| self.contains(value))
    }

    /// The least value that is at least `from`.
    pub(crate) fn at_least(self, from: u32) -> Option<u32> {
        let rest = self.values.checked_shr(from)?;
        (rest != 0).then(|| from + rest.trailing_zeros())
    }

    /// The shortest usual way to write it: `*`, `*/n`, numbers and ranges. Reading that gives an equal field.
    pub fn to_text(self, kind: FieldKind) -> String {
        let mut parts = Vec::new();
        let mut rest = self.values;
        if self.star {
            if self.values == kind.all() {
                return "*".to_owned();
            }
            let (low, high) = kind.bounds();
            // A star with too wide a step names the least value alone, so one step always fits.
            let steps = 2..=high - low + 1;
            let fits = |&step: &u32| kind.fold(run(low, high, step)) & !self.values == 0;
            if let Some(step) = { steps }.find(fits) {
                rest &= !kind.fold(run(low, high, step));
                parts.push(format!("*/{step}"));
            }
        }
        while rest != 0 {
            let first = rest.trailing_zeros();
            let length = (rest >> first).trailing_ones();
            let last = first + length - 1;
            if length > 2 {
                parts.push(format!("{first}-{last}"));
            } else {
                parts.extend((first..=last).map(|value| value.to_string()));
            }
            rest &= !run(first, last, 1);
        }
        parts.join(",")
    }
}

/// The set of `low`, `low + step`, … up to `high` (at most 63).
pub(crate) fn run(low: u32, high: u32, step: u32) -> u64 {
    let mut values = 0;
    let mut value = low;
    while value <= high {
        values |= 1 << value;
        value = value.saturating_add(step);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_prints_as_a_reader_would_write_it() {
        let text = |kind, values: &[u32], star| {
            let values = values.iter().fold(0, |set, &v| set | 1 << v);
            Field { values, star }.to_text(kind)
        };
        assert_eq!(text(FieldKind::Hour, &[5], false), "5");
        assert_eq!(text(FieldKind::Hour, &[1, 2, 3, 9, 10], false), "1-3,9,10");
        assert_eq!(text(FieldKind::Minute, &[0, 20, 40], true), "*/20");
        assert_eq!(text(FieldKind::Minute, &[0, 1, 30], true), "*/30,1");
        assert_eq!(text(FieldKind::DayOfWeek, &[0], true), "*/7");
        assert_eq!(text(FieldKind::DayOfWeek, &[0, 1, 2, 3, 4, 5, 6], false), "0-6");
        assert_eq!(Field::any(FieldKind::DayOfMonth).to_text(FieldKind::DayOfMonth), "*");
    }
}
