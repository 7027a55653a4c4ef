//! An expression in words.

use super::calendar::{CORRECTION, MINUTE};
use super::expression::Expression;
use super::field::{Field, FieldKind};

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// More times of day than this are not listed one by one.
const MOST_TIMES: usize = 6;

impl Expression {
    /// Says in a sentence when it fires, without the full stop: `at 04:05 on Monday to Friday`.
    pub fn in_words(&self) -> String {
        if !self.can_fire() {
            return "never: its months do not have such a day".to_owned();
        }
        let month = if self.month.is_all(FieldKind::Month) {
            String::new()
        } else {
            format!(" in {}", list(self.month.values().map(|month| month - 1), &MONTHS))
        };
        format!("{}{}{month}", self.time_in_words(), self.days_in_words())
    }

    /// Says what it does where the wall clock jumps.
    pub fn jumps_in_words(&self) -> &'static str {
        if self.has_times_in_one_gap() {
            "times of day: where the clock jumps over one or several of them, it fires once when the jump is over \
             (Debian's cron: once for each); where they come twice, the first time only"
        } else if self.has_fixed_time() {
            "a time of day: where the clock jumps over it, it fires once when the jump is over; where it comes \
             twice, once"
        } else {
            "a pattern, since the minute or the hour starts with `*`: it follows the wall clock, also where that \
             jumps"
        }
    }

    /// Whether the clock may jump over several of its times of day at once.
    fn has_times_in_one_gap(&self) -> bool {
        let times = std::iter::successors(self.time_from(0), |&time| self.time_from(time + 1));
        let times: Vec<i64> = times.map(|time| i64::from(time) * MINUTE).collect();
        self.has_fixed_time() && times.windows(2).any(|pair| pair[1] - pair[0] < CORRECTION)
    }

    fn time_in_words(&self) -> String {
        let (minutes, hours) = (self.minute, self.hour);
        let every_minute = minutes.is_all(FieldKind::Minute);
        let count = minutes.values().count() * hours.values().count();
        if hours.is_all(FieldKind::Hour) {
            return match (minutes.even_step(FieldKind::Minute), minutes.only_value()) {
                (Some(1), _) => "every minute".to_owned(),
                (Some(step), _) => format!("every {step} minutes"),
                (None, Some(0)) => "at the full hour".to_owned(),
                (None, Some(minute)) => format!("at minute {minute} of every hour"),
                (None, None) => format!("at minutes {} of every hour", numbers(minutes)),
            };
        }
        if count <= MOST_TIMES {
            let times = hours.values().flat_map(|hour| minutes.values().map(move |minute| (hour, minute)));
            let times: Vec<String> = times.map(|(hour, minute)| format!("{hour:02}:{minute:02}")).collect();
            return format!("at {}", join(&times));
        }
        let minutes = match (every_minute, minutes.even_step(FieldKind::Minute), minutes.only_value()) {
            (true, ..) => "every minute".to_owned(),
            (_, Some(step), _) => format!("every {step} minutes"),
            (.., Some(minute)) => format!("at minute {minute}"),
            _ => format!("at minutes {}", numbers(minutes)),
        };
        let hours = match (hours.even_step(FieldKind::Hour), hours.only_value()) {
            (Some(step), _) => format!("every {step} hours, from midnight on"),
            (None, Some(hour)) => format!("hour {hour}"),
            (None, None) => format!("hours {}", numbers(hours)),
        };
        format!("{minutes} of {hours}")
    }

    fn days_in_words(&self) -> String {
        let (of_month, of_week) = (self.day_of_month, self.day_of_week);
        let every_day = of_month.is_all(FieldKind::DayOfMonth);
        let every_weekday = of_week.is_all(FieldKind::DayOfWeek);
        let days = || match of_month.only_value() {
            Some(day) => format!("day {day} of the month"),
            None => format!("days {} of the month", numbers(of_month)),
        };
        let weekdays = || list(of_week.values_from_monday(), &WEEKDAYS);
        match (every_day, every_weekday) {
            // Neither field says a thing, or one of them says that any day will do.
            (true, true) => String::new(),
            _ if !self.joins_days() && (every_day || every_weekday) => String::new(),
            (false, true) => format!(" on {}", days()),
            (true, false) => format!(" on {}", weekdays()),
            (false, false) if self.joins_days() => format!(" on {}, if it is {}", days(), or(&weekdays())),
            (false, false) => {
                format!(" on {} or on {} (either is enough)", days(), weekdays().replace(" and ", " or "))
            }
        }
    }
}

impl Field {
    fn is_all(self, kind: FieldKind) -> bool {
        self.values == kind.all()
    }

    fn only_value(self) -> Option<u32> {
        self.values.is_power_of_two().then(|| self.values.trailing_zeros())
    }

    /// The step by which its values follow each other, over the end too: 15 for 0, 15, 30 and 45.
    fn even_step(self, kind: FieldKind) -> Option<u32> {
        let (low, high) = kind.bounds();
        let step = (high - low + 1) / self.values.count_ones();
        let even = self.values == super::field::run(low, high, step) && (high - low + 1).is_multiple_of(step);
        (even && self.values.count_ones() > 1).then_some(step)
    }

    /// The days of a week, Sunday last, since that is how people say a range of them.
    fn values_from_monday(self) -> impl Iterator<Item = u32> {
        (1..=7).filter(move |day| self.contains(day % 7))
    }
}

/// Numbers, with runs of three and more as ranges.
fn numbers(field: Field) -> String {
    join(&runs(field.values(), |value| value.to_string()))
}

/// Names, with runs of three and more as ranges; 7 is the first again.
fn list(values: impl Iterator<Item = u32>, names: &[&str]) -> String {
    join(&runs(values, |value| names[value as usize % names.len()].to_owned()))
}

fn runs(values: impl Iterator<Item = u32>, name: impl Fn(u32) -> String) -> Vec<String> {
    let values: Vec<u32> = values.collect();
    let parts = values.chunk_by(|one, next| one + 1 == *next).flat_map(|run| match run {
        [first, .., last] if run.len() > 2 => vec![format!("{} to {}", name(*first), name(*last))],
        few => few.iter().map(|&value| name(value)).collect(),
    });
    parts.collect()
}

fn join(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// A list of which one is enough.
fn or(list: &str) -> String {
    format!("a {}", list.replace(" and ", " or "))
}

#[cfg(test)]
mod tests {
    use crate::schedule::parse_expression;

    fn words(text: &str) -> String {
        parse_expression(text).unwrap().in_words()
    }

    #[test]
    fn expressions_read_as_people_say_them() {
        let cases = [
            ("* * * * *", "every minute"),
            ("*/5 * * * *", "every 5 minutes"),
            ("0 * * * *", "at the full hour"),
            ("30 * * * *", "at minute 30 of every hour"),
            ("0,20,25 * * * *", "at minutes 0, 20 and 25 of every hour"),
            ("5 4 * * *", "at 04:05"),
            ("@weekly", "at 00:00 on Sunday"),
            ("5 4,16 * * 1-5", "at 04:05 and 16:05 on Monday to Friday"),
            ("0 0 1 jan,jun-aug *", "at 00:00 on day 1 of the month in January and June to August"),
            ("15 8-18 * * 6,0", "at minute 15 of hours 8 to 18 on Saturday and Sunday"),
            ("0 */2 * * *", "at minute 0 of every 2 hours, from midnight on"),
            ("*/10 8-10 * * *", "every 10 minutes of hours 8 to 10"),
            ("*/7 3 * * *", "at minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of hour 3"),
            ("0 12 13 * 5", "at 12:00 on day 13 of the month or on Friday (either is enough)"),
            (
                "0 0 1-7 6 mon,wed",
                "at 00:00 on days 1 to 7 of the month or on Monday or Wednesday (either is enough) in June",
            ),
            ("0 0 1-7 * */7", "at 00:00 on days 1 to 7 of the month, if it is a Sunday"),
            (
                "0 0 */2 * 1,2",
                "at 00:00 on days 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29 and 31 of the month, if it is a Monday or Tuesday",
            ),
            ("0 0 1 * 0-7", "at 00:00"),
            ("0 0 31 2 *", "never: its months do not have such a day"),
        ];
        for (text, expected) in cases {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn several_times_that_one_jump_may_skip_are_said_to_fire_once() {
        let jumps = |text| parse_expression(text).unwrap().jumps_in_words();
        for several in ["0,30 2 * * *", "0 1-5 * * *", "5 4,6 * * *"] {
            assert!(
                jumps(several).contains("it fires once when the jump is over (Debian's cron: once for each)")
            );
        }
        for one in ["0 2 * * *", "0 1,4 * * *"] {
            assert!(jumps(one).starts_with("a time of day: "), "{one}");
        }
        assert!(jumps("*/30 2 * * *").starts_with("a pattern"));
    }
}
