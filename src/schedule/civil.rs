//! The civil calendar in whole numbers: days since 1970-01-01, months and weekdays.
//!
//! It knows no time zone. The proleptic Gregorian rule is the only one (leap years are those divisible by
//! four, but of the centuries only those divisible by 400), as in ISO 8601.

/// The last year that the calendar looks at; instants beyond it do not exist for it.
pub(crate) const LAST_YEAR: i32 = 9999;

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Month {
    /// The year, of the common era.
    pub(crate) year: i32,
    /// 1 is January.
    pub(crate) number: u32,
}

impl Month {
    /// How many days it has.
    pub(crate) fn days(self) -> u32 {
        match self.number {
            2 if is_leap(self.year) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// The day number of its first day.
    pub(crate) fn first_day(self) -> i64 {
        day_number(self, 1)
    }
}

/// The most days that a month ever has.
pub(crate) fn most_days(month: u32) -> u32 {
    Month { year: 2000, number: month }.days()
}

/// The number of a day: days since 1970-01-01.
///
/// Years are counted from March, so that the leap day is a year's last; 400 years have 146,097 days.
pub(crate) fn day_number(month: Month, day: u32) -> i64 {
    let (year, from_march) = match month.number {
        1 | 2 => (i64::from(month.year) - 1, month.number + 9),
        later => (i64::from(month.year), later - 3),
    };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    // 153 days are five months from March on: 31, 30, 31, 30, 31.
    let day_of_year = i64::from((153 * from_march + 2) / 5 + day - 1);
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The month and the day of the month of a day number.
///
/// Day numbers beyond the years that fit 32 bits are not for it.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "each value is bounded by its unit"
)]
pub(crate) fn month_and_day(day_number: i64) -> (Month, u32) {
    let shifted = day_number + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * from_march + 2) / 5 + 1) as u32;
    let number = if from_march < 10 { from_march + 3 } else { from_march - 9 } as u32;
    let year = (era * 400 + year_of_era + i64::from(number <= 2)) as i32;
    (Month { year, number }, day)
}

/// The day of the week of a day number: 0 is Sunday.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 6")]
pub(crate) fn weekday(day_number: i64) -> u32 {
    // 1970-01-01 was a Thursday.
    (day_number + 4).rem_euclid(7) as u32
}

fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let (mut month, mut day) = (Month { year: 1600, number: 1 }, 1);
        let mut weekday_then = weekday(day_number(month, day));
        for number in day_number(month, day)..day_number(Month { year: 2400, number: 1 }, 1) {
            assert_eq!(month_and_day(number), (month, day), "day {number}");
            assert_eq!(day_number(month, day), number, "{month:?} {day}");
            assert_eq!(weekday(number), weekday_then, "{month:?} {day}");
            weekday_then = (weekday_then + 1) % 7;
            day += 1;
            if day > month.days() {
                day = 1;
                month = match month.number {
                    12 => Month { year: month.year + 1, number: 1 },
                    n => Month { number: n + 1, ..month },
                };
            }
        }
    }

    #[test]
    fn the_epoch_was_a_thursday_and_2000_a_leap_year_that_2100_is_not() {
        assert_eq!(day_number(Month { year: 1970, number: 1 }, 1), 0);
        assert_eq!(weekday(0), 4);
        assert_eq!(Month { year: 2000, number: 2 }.days(), 29);
        assert_eq!(Month { year: 2100, number: 2 }.days(), 28);
    }
}
