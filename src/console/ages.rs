//! Lengths of time and instants as people say them.

use std::time::Duration;

use jiff::Timestamp;

use crate::schedule::Zone;

/// A length of time, in the one unit that tells most: `12 s`, `3 min`, `5 h`, `4 days`.
pub(super) fn span(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = time.as_secs();
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5399 => format!("{} min", seconds / MINUTE),
        5400..=172_799 => format!("{} h", seconds / HOUR),
        _ => format!("{} days", seconds / DAY),
    }
}

/// How long ago an instant is: `3 min ago`. What a clock set back has made the future is `just now`.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    match between(at, now) {
        time if time < Duration::from_secs(1) => "just now".to_owned(),
        time => format!("{} ago", span(time)),
    }
}

/// How far ahead an instant is: `in 3 min`.
pub(super) fn ahead(at: Timestamp, now: Timestamp) -> String {
    match between(now, at) {
        time if time < Duration::from_secs(1) => "now".to_owned(),
        time => format!("in {}", span(time)),
    }
}

/// How long it is from an instant to a later one; nothing when it is earlier.
pub(super) fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or_default()
}

/// How long something took: `12.346 s`, and by minutes and hours when it took that long.
pub(super) fn took(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match seconds {
        0..60 => format!("{seconds}.{:03} s", milliseconds % 1000),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// An instant by the zone's wall clock, to the second.
pub(super) fn instant(at: Timestamp, zone: &Zone) -> String {
    at.to_zoned(zone.rules().clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// As [`instant`], with the weekday and the zone's offset.
pub(super) fn whole_instant(at: Timestamp, zone: &Zone) -> String {
    at.to_zoned(zone.rules().clone()).strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string()
}

/// The time of day by the zone's wall clock, to the second.
pub(super) fn time_of_day(at: Timestamp, zone: &Zone) -> String {
    at.to_zoned(zone.rules().clone()).strftime("%H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_said_in_one_unit() {
        let said = |seconds| span(Duration::from_secs(seconds));
        let cases = [
            (0, "0 s"),
            (89, "89 s"),
            (90, "1 min"),
            (5399, "89 min"),
            (5400, "1 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
        ];
        for (seconds, words) in cases {
            assert_eq!(said(seconds), words);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_negative_ages() {
        let now = Timestamp::from_second(1_000).unwrap();
        let later = Timestamp::from_second(2_000).unwrap();
        assert_eq!((ago(later, now), ahead(now, later)), ("just now".to_owned(), "now".to_owned()));
        assert_eq!((ago(now, later), ahead(later, now)), ("16 min ago".to_owned(), "in 16 min".to_owned()));
    }

    #[test]
    fn what_took_long_is_said_more_roughly() {
        assert_eq!(took(45), "0.045 s");
        assert_eq!(took(12_346), "12.346 s");
        assert_eq!(took(754_000), "12 min 34 s");
        assert_eq!(took(7_260_000), "2 h 01 min");
    }

    #[test]
    fn an_instant_is_told_by_the_zones_wall_clock() {
        let at: Timestamp = "2026-11-24T04:05:00.7Z".parse().unwrap();
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(instant(at, &berlin), "2026-11-24 05:05:00");
        assert_eq!(whole_instant(at, &berlin), "Tue 2026-11-24 05:05:00 +01:00");
    }
}
