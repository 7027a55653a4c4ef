//! The calendar: when an expression fires next, in whole numbers between a zone's transitions.
//!
//! # The rule
//! A wall-clock minute fires when the five fields match it. What happens where the wall clock jumps is
//! Debian's cron(8), "Special considerations exist when the clock is changed by less than 3 hours":
//!
//! - An expression whose minute or hour field starts with `*` follows the wall clock: minutes that are
//!   skipped do not exist for it, minutes that come twice fire twice.
//! - Any other has a fixed time of day. Where its time is skipped it fires at the gap's end, in the first
//!   second after it; where its time comes twice it fires the first time only.
//! - Jumps forwards of three hours and more, backwards of more than three, are corrections: nothing is made
//!   up for, nothing is held back. A zone that leaves out a whole day (Samoa, 2011-12-30) is such a case: that
//!   day did not exist.
//!
//! Debian's cron runs a job with several times in one gap once for each of them, ten seconds apart. Here they
//! and a time that is just the gap's end are one occurrence, as what is missed in a downtime is made up for once: an
//! instant names one occurrence of an entry, and doing housekeeping twice in a row serves nobody.
//!
//! An occurrence is the first second of its minute. A minute whose first second is skipped does not exist;
//! this matters only for transitions off the full minute, the last of which was in 1972 (Monrovia).

use super::civil::{LAST_YEAR, Month, month_and_day};
use super::expression::Expression;
use super::zone::{Stretch, Zone};

pub(crate) const MINUTE: i64 = 60;
const MINUTES_A_DAY: i64 = 24 * 60;

/// Up to here a jump of the wall clock is not a correction: "less than 3 hours" in cron(8); its code takes a
/// jump forwards of three hours for a correction, and one backwards not yet.
pub(crate) const CORRECTION: i64 = 3 * 60 * 60;

/// No wall clock is further from UTC than this.
const FARTHEST_OFFSET: i64 = 26 * 60 * 60;

/// The first second after `after` at which the expression fires in the zone, both in seconds since
/// 1970-01-01 00:00 UTC; none when it never does again until the year 9999.
pub fn next(expression: &Expression, zone: &Zone, after: i64) -> Option<i64> {
    if !expression.can_fire() {
        return None;
    }
    // Where the clamp bites there is nothing to find, or nothing to miss.
    let after = after.clamp(-377_705_000_000, 253_402_300_799);
    let mut from = after + 1;
    // That of `after`: a gap's end is seen from the second before it.
    let mut stretch = zone.stretch_at(after);
    loop {
        let wall = (from + stretch.offset).div_euclid(MINUTE) * MINUTE;
        let first = if wall < from + stretch.offset { wall + MINUTE } else { wall };
        let found = next_wall_minute(expression, first / MINUTE)? * MINUTE;
        let instant = found - stretch.offset;
        if instant < stretch.end {
            if expression.has_fixed_time() && is_second_pass(zone, stretch, instant) {
                from = instant + 1;
                continue;
            }
            return Some(instant);
        }
        // From far before its end the stretch's last and the following ones hold nothing that could come
        // before the time found, save within an offset of it: no need to visit each.
        let far = instant - 2 * FARTHEST_OFFSET;
        if stretch.end - from > 2 * FARTHEST_OFFSET && far > stretch.end {
            from = far;
            stretch = zone.stretch_at(from);
            continue;
        }
        let following = zone.stretch_at(stretch.end);
        let gap = following.offset - stretch.offset;
        if expression.has_fixed_time()
            && (1..CORRECTION).contains(&gap)
            && found < following.start + following.offset
        {
            return Some(following.start);
        }
        from = stretch.end;
        stretch = following;
    }
}

/// The last second after `after` and up to `until` at which the expression fires, both in seconds since
/// 1970-01-01 00:00 UTC.
pub fn latest(expression: &Expression, zone: &Zone, after: i64, until: i64) -> Option<i64> {
    let fires = |after| next(expression, zone, after).filter(|&at| at <= until);
    let mut window = MINUTE;
    loop {
        // Looking from ever further back costs a few steps, however long ago `after` was.
        let start = until.saturating_sub(window).max(after);
        if let Some(first) = fires(start) {
            return std::iter::successors(Some(first), |&at| fires(at)).last();
        }
        if start == after {
            return None;
        }
        window = window.saturating_mul(2);
    }
}

/// Whether the wall clock showed the same minute before, up to three hours ago.
fn is_second_pass(zone: &Zone, mut stretch: Stretch, instant: i64) -> bool {
    let wall = instant + stretch.offset;
    while stretch.start > instant - CORRECTION {
        let before = zone.stretch_at(stretch.start - 1);
        let overlap = before.offset - stretch.offset;
        if (1..=CORRECTION).contains(&overlap) && wall < stretch.start + before.offset {
            return true;
        }
        stretch = before;
    }
    false
}

/// The first wall-clock minute at or after `from` that matches, in minutes since 1970-01-01 00:00 by the
/// wall clock.
pub(crate) fn next_wall_minute(expression: &Expression, from: i64) -> Option<i64> {
    let (day, minute) = (from.div_euclid(MINUTES_A_DAY), from.rem_euclid(MINUTES_A_DAY));
    let found = next_day(expression, day)?;
    if found == day {
        let minute = u32::try_from(minute).ok()?;
        if let Some(time) = expression.time_from(minute) {
            return Some(day * MINUTES_A_DAY + i64::from(time));
        }
        let found = next_day(expression, day + 1)?;
        return Some(found * MINUTES_A_DAY + i64::from(expression.time_from(0)?));
    }
    Some(found * MINUTES_A_DAY + i64::from(expression.time_from(0)?))
}

/// The first day at or after `from` that matches, as a day number.
fn next_day(expression: &Expression, from: i64) -> Option<i64> {
    let (mut month, mut day) = month_and_day(from);
    while month.year <= LAST_YEAR {
        if expression.month.contains(month.number) {
            let days = expression.days_of(month) >> day;
            if days != 0 {
                return Some(month.first_day() - 1 + i64::from(day + days.trailing_zeros()));
            }
        }
        day = 1;
        month = match expression.month.at_least(month.number + 1) {
            Some(number) => Month { number, ..month },
            None => Month { year: month.year + 1, number: expression.month.at_least(1)? },
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use jiff::civil::DateTime;

    use super::*;

    fn expression(text: &str) -> Expression {
        let words: Vec<&str> = text.split(' ').collect();
        Expression::from_fields(words.try_into().unwrap()).unwrap()
    }

    /// The first `count` times after a wall-clock time, shown with the zone's offset.
    fn times(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let (expression, zone) = (expression(text), Zone::named(zone).unwrap());
        let after: DateTime = after.parse().unwrap();
        let mut at = zone.rules().to_timestamp(after).unwrap().as_second();
        let mut found = Vec::new();
        while found.len() < count {
            let Some(instant) = next(&expression, &zone, at) else { break };
            let shown = jiff::Timestamp::from_second(instant).unwrap().to_zoned(zone.rules().clone());
            found.push(shown.strftime("%Y-%m-%d %H:%M%:z").to_string());
            at = instant;
        }
        found
    }

    #[test]
    fn a_plain_day_follows_the_fields() {
        assert_eq!(
            times("5 4 * * *", "Europe/Berlin", "2026-05-01T04:04", 2),
            ["2026-05-01 04:05+02:00", "2026-05-02 04:05+02:00"]
        );
        assert_eq!(times("5 4 * * *", "Europe/Berlin", "2026-05-01T04:05", 1), ["2026-05-02 04:05+02:00"]);
    }

    #[test]
    fn a_fixed_time_in_a_gap_fires_once_at_its_end() {
        let summer = "2026-03-29T00:00";
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", summer, 2),
            ["2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"]
        );
        assert_eq!(
            times("0,15,30 2,3 * * *", "Europe/Berlin", summer, 2),
            ["2026-03-29 03:00+02:00", "2026-03-29 03:15+02:00"]
        );
    }

    #[test]
    fn a_gaps_end_is_found_from_the_very_second_before_it() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let end = 1_774_746_000;
        for (text, expected) in
            [("30 2 * * *", end), ("0 3 * * *", end), ("0 * * * *", end), ("1 3 * * *", end + 60)]
        {
            assert_eq!(next(&expression(text), &zone, end - 1), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_fixed_time_that_comes_twice_fires_the_first_time() {
        assert_eq!(
            times("30 2 * * *", "Europe/Berlin", "2026-10-25T00:00", 2),
            ["2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"]
        );
    }

    #[test]
    fn a_pattern_follows_the_wall_clock_through_gap_and_overlap() {
        assert_eq!(times("*/30 2 * * *", "Europe/Berlin", "2026-03-29T00:00", 1), ["2026-03-30 02:00+02:00"]);
        assert_eq!(
            times("*/30 2 * * *", "Europe/Berlin", "2026-10-25T00:00", 4),
            [
                "2026-10-25 02:00+02:00",
                "2026-10-25 02:30+02:00",
                "2026-10-25 02:00+01:00",
                "2026-10-25 02:30+01:00"
            ]
        );
        assert_eq!(
            times("30 * * * *", "Europe/Berlin", "2026-03-29T01:00", 2),
            ["2026-03-29 01:30+01:00", "2026-03-29 03:30+02:00"]
        );
    }

    #[test]
    fn half_an_hour_is_a_gap_and_an_overlap_too() {
        let zone = "Australia/Lord_Howe";
        assert_eq!(
            times("15 2 * * *", zone, "2026-10-04T00:00", 2),
            ["2026-10-04 02:30+11:00", "2026-10-05 02:15+11:00"]
        );
        assert_eq!(
            times("45 1 * * *", zone, "2026-04-05T00:00", 2),
            ["2026-04-05 01:45+11:00", "2026-04-06 01:45+10:30"]
        );
        assert_eq!(
            times("45 * * * *", zone, "2026-04-05T01:00", 2),
            ["2026-04-05 01:45+11:00", "2026-04-05 01:45+10:30"]
        );
    }

    #[test]
    fn a_gap_at_midnight_belongs_to_the_new_day() {
        assert_eq!(
            times("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00", 2),
            ["2018-11-04 01:00-02:00", "2018-11-05 00:00-02:00"]
        );
        assert_eq!(times("30 0 26 4 *", "Africa/Cairo", "2024-04-25T12:00", 1), ["2024-04-26 01:00+03:00"]);
    }

    #[test]
    fn a_day_that_a_zone_left_out_did_not_exist() {
        assert_eq!(
            times("0 12 * * *", "Pacific/Apia", "2011-12-29T00:00", 2),
            ["2011-12-29 12:00-10:00", "2011-12-31 12:00+14:00"]
        );
    }

    #[test]
    fn leap_days_know_that_2100_has_none() {
        assert_eq!(
            times("0 0 29 2 *", "Europe/Berlin", "2093-01-01T00:00", 2),
            ["2096-02-29 00:00+01:00", "2104-02-29 00:00+01:00"]
        );
        assert_eq!(times("0 0 */28 2 1", "UTC", "2026-02-02T00:00", 1), ["2027-02-01 00:00+00:00"]);
    }

    #[test]
    fn the_latest_time_is_the_last_one_that_next_would_find() {
        let zone = Zone::named("Europe/Berlin").unwrap();
        let start = 1_774_000_000;
        for text in ["* * * * *", "5 4 * * *", "*/7 3 * * 1", "0 0 29 2 *", "30 2 * * *"] {
            let expression = expression(text);
            for until in [start, start + 59, start + 86_400, start + 3 * 86_400 + 17, start + 40 * 86_400] {
                let walked = std::iter::successors(next(&expression, &zone, start), |&at| {
                    next(&expression, &zone, at)
                });
                let expected = walked.take_while(|&at| at <= until).last();
                assert_eq!(latest(&expression, &zone, start, until), expected, "{text} up to {until}");
            }
        }
    }

    #[test]
    fn what_never_fires_is_known_without_a_search() {
        assert_eq!(next(&expression("0 0 31 2 *"), &Zone::utc(), 0), None);
    }

    #[test]
    fn the_ends_of_time_hold_no_surprise() {
        let always = expression("* * * * *");
        let zone = Zone::named("Europe/Berlin").unwrap();
        for after in [i64::MIN, i64::MIN + 1, 253_402_207_200, i64::MAX - 1, i64::MAX] {
            let found = next(&always, &zone, after);
            assert!(found.is_none_or(|instant| instant > after), "{after}: {found:?}");
        }
    }
}
