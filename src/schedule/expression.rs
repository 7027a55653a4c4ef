//! When an entry fires: the five fields together, and the `@` words that stand for them.

use std::fmt;

use super::civil::{Month, most_days, weekday};
use super::field::{FIELDS, Field, FieldKind};
use super::field_parser::{self, FieldError};

/// The five fields of an entry.
///
/// Equal expressions fire at equal times, in every time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Expression {
    pub(crate) minute: Field,
    pub(crate) hour: Field,
    pub(crate) day_of_month: Field,
    pub(crate) month: Field,
    pub(crate) day_of_week: Field,
}

/// The `@` words of crontab(5) and the fields that they stand for.
pub const WORDS: [(&str, &str); 8] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
    ("@reboot", ""),
];

/// Why five words are no expression: which of them, counted from 0, and what is wrong with it.
pub(crate) type ExpressionError = (usize, FieldError);

impl Expression {
    /// Reads five fields.
    pub(crate) fn from_fields(words: [&str; 5]) -> Result<Self, ExpressionError> {
        let mut fields = [Field { values: 0, star: false }; 5];
        for (index, (kind, word)) in FIELDS.into_iter().zip(words).enumerate() {
            fields[index] = field_parser::parse(kind, word).map_err(|error| (index, error))?;
        }
        let [minute, hour, day_of_month, month, day_of_week] = fields;
        Ok(Self { minute, hour, day_of_month, month, day_of_week })
    }

    /// The expression that an `@` word other than `@reboot` stands for; case does not matter.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        let any = Field::any;
        let zero = Field::only(0);
        let hourly = Self {
            minute: zero,
            hour: any(FieldKind::Hour),
            day_of_month: any(FieldKind::DayOfMonth),
            month: any(FieldKind::Month),
            day_of_week: any(FieldKind::DayOfWeek),
        };
        let daily = Self { hour: zero, ..hourly };
        let monthly = Self { day_of_month: Field::only(1), ..daily };
        Some(match word.to_ascii_lowercase().as_str() {
            "@hourly" => hourly,
            "@daily" | "@midnight" => daily,
            "@weekly" => Self { day_of_week: zero, ..daily },
            "@monthly" => monthly,
            "@yearly" | "@annually" => Self { month: Field::only(1), ..monthly },
            _ => return None,
        })
    }

    /// The fields in the order of a line, each with its kind.
    pub fn fields(&self) -> [(FieldKind, Field); 5] {
        [
            (FieldKind::Minute, self.minute),
            (FieldKind::Hour, self.hour),
            (FieldKind::DayOfMonth, self.day_of_month),
            (FieldKind::Month, self.month),
            (FieldKind::DayOfWeek, self.day_of_week),
        ]
    }

    /// Whether it names a time of day rather than a pattern of hours or minutes: neither of the two fields
    /// starts with `*`. Such an entry is made up for in a gap and not repeated in an overlap (cron(8)).
    pub fn has_fixed_time(&self) -> bool {
        !self.minute.star && !self.hour.star
    }

    /// Whether both day fields must match; otherwise one of them is enough (crontab(5), as Debian's cron
    /// reads it: both must as soon as either field starts with `*`).
    pub fn joins_days(&self) -> bool {
        self.day_of_month.star || self.day_of_week.star
    }

    /// Whether there is any day on which it fires. Every date there is falls on every weekday at some time,
    /// so only a day that its months never have (`31 2`, `30 2`, `31 4`) can keep it from firing for ever.
    pub fn can_fire(&self) -> bool {
        !self.joins_days()
            || self
                .month
                .values()
                .any(|month| self.day_of_month.at_least(1).is_some_and(|day| day <= most_days(month)))
    }

    /// Bit `d` is set when the expression fires on day `d` of the month.
    pub(crate) fn days_of(&self, month: Month) -> u64 {
        let first = weekday(month.first_day());
        let week = self.day_of_week.values;
        // The week seen from the month's first weekday, five times over, and moved up as days count from 1.
        let turned = (week >> first | week << (7 - first)) & 0x7f;
        let by_week = (turned * 0x1020_4081) << 1;
        let by_month = self.day_of_month.values;
        let days = if self.joins_days() { by_week & by_month } else { by_week | by_month };
        days & ((2 << month.days()) - 2)
    }

    /// The first minute of the day at or after `from` that its minute and hour fields name, in minutes since
    /// midnight; none when the day has no more.
    pub(crate) fn time_from(&self, from: u32) -> Option<u32> {
        let hour = from / 60;
        if self.hour.contains(hour)
            && let Some(minute) = self.minute.at_least(from % 60)
        {
            return Some(hour * 60 + minute);
        }
        let hour = self.hour.at_least(hour + 1)?;
        Some(hour * 60 + self.minute.at_least(0)?)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = self.fields().map(|(kind, field)| field.to_text(kind));
        f.pad(&texts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> Expression {
        let words: Vec<&str> = text.split(' ').collect();
        Expression::from_fields(words.try_into().unwrap()).unwrap()
    }

    #[test]
    fn a_word_is_the_fields_that_it_stands_for() {
        for (word, fields) in WORDS {
            if fields.is_empty() {
                assert_eq!(Expression::from_word(word), None, "{word}");
            } else {
                assert_eq!(Expression::from_word(word), Some(expression(fields)), "{word}");
            }
        }
    }

    #[test]
    fn dates_that_no_year_has_are_known_at_once() {
        for never in ["0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30,31 2 */2"] {
            assert!(!expression(never).can_fire(), "{never}");
        }
        for sometimes in ["0 0 29 2 *", "0 0 31 2 1", "0 0 31 2,3 *", "0 0 */30 2 0"] {
            assert!(expression(sometimes).can_fire(), "{sometimes}");
        }
    }

    #[test]
    fn day_fields_are_joined_by_or_unless_one_starts_with_a_star() {
        let may_2026 = Month { year: 2026, number: 5 }; // its first day is a Friday
        let days = |text: &str| -> Vec<u32> {
            let set = expression(text).days_of(may_2026);
            (0..64).filter(|day| set & (1 << day) != 0).collect()
        };
        assert_eq!(days("0 0 1,2 * 0"), [1, 2, 3, 10, 17, 24, 31]);
        assert_eq!(days("0 0 1-7 * */7"), [3]);
        assert_eq!(days("0 0 * * 5"), [1, 8, 15, 22, 29]);
        assert_eq!(days("0 0 */15 * *"), [1, 16, 31]);
        assert_eq!(days("0 0 13 * *"), [13]);
    }

    #[test]
    fn the_next_time_of_a_day_may_be_in_a_later_hour_or_none() {
        let e = expression("10,40 3,5 * * *");
        let time = |h: u32, m: u32| e.time_from(h * 60 + m).map(|t| (t / 60, t % 60));
        assert_eq!(time(0, 0), Some((3, 10)));
        assert_eq!(time(3, 10), Some((3, 10)));
        assert_eq!(time(3, 41), Some((5, 10)));
        assert_eq!(time(5, 41), None);
        assert_eq!(time(23, 59), None);
    }
}
