//! An oracle for the calendar: it does what Debian's cron does, minute by minute, and shares no code with the
//! engine. It is slow and plain, so that it can be read and believed.
//!
//! cron wakes at every minute of the wall clock and compares it with the minute that it expected
//! (`virtual_time`). The size of the difference says what the wall clock did, and which entries run.

#![allow(dead_code, reason = "each test that uses it uses a part of it")]

pub(crate) mod cases;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// An expression as text, asked field by field.
pub(crate) struct Fields<'a>([&'a str; 5]);

const LOW: [i64; 5] = [0, 0, 1, 1, 0];
const HIGH: [i64; 5] = [59, 23, 31, 12, 7];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

impl<'a> Fields<'a> {
    /// Takes five fields that are known to be right.
    pub(crate) fn new(text: &'a str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        Self(words.try_into().expect("five fields"))
    }

    pub(crate) fn star(&self, field: usize) -> bool {
        self.0[field].starts_with(['*', '/'])
    }

    /// Whether a field names a value.
    fn names(&self, field: usize, value: i64) -> bool {
        self.0[field].split(',').any(|item| {
            let (range, step) = item.split_once('/').unwrap_or((item, "1"));
            let step: i64 = step.parse().expect("a step");
            let (from, to) = match range {
                "*" | "" => (LOW[field], HIGH[field]),
                _ => match range.split_once('-') {
                    Some((from, to)) => (number(field, from), number(field, to)),
                    None => (number(field, range), number(field, range)),
                },
            };
            from <= value && value <= to && (value - from) % step == 0
        })
    }

    /// Whether a minute of the wall clock, counted from 1970-01-01 00:00, matches.
    pub(crate) fn matches(&self, wall_minute: i64) -> bool {
        // First what most minutes fail, for speed only.
        if !self.names(0, wall_minute.rem_euclid(60))
            || !self.names(1, wall_minute.div_euclid(60).rem_euclid(24))
        {
            return false;
        }
        let wall = Timestamp::from_second(wall_minute * 60).unwrap();
        let wall = TimeZone::UTC.to_datetime(wall);
        let weekday = i64::from(wall.weekday().to_sunday_zero_offset());
        let day = self.names(2, i64::from(wall.day()));
        let weekday = self.names(4, weekday) || (weekday == 0 && self.names(4, 7));
        let both = self.star(2) || self.star(4);
        self.names(3, i64::from(wall.month())) && if both { day && weekday } else { day || weekday }
    }

    /// The times after `after` and up to `end`, at most `count`, in seconds since 1970-01-01 00:00 UTC.
    pub(crate) fn times(&self, zone: &TimeZone, after: i64, end: i64, count: usize) -> Vec<i64> {
        let wild = self.star(0) || self.star(1);
        let mut found = Vec::new();
        // Early enough to have seen the first pass of a repeated hour.
        let mut now = (after - 8 * 3600).div_euclid(60) * 60;
        let wall_minute = |now: i64| {
            let timestamp = Timestamp::from_second(now).unwrap();
            (now + i64::from(zone.to_offset(timestamp).seconds())).div_euclid(60)
        };
        let mut virtual_time = wall_minute(now);
        while now + 60 <= end && found.len() < count {
            now += 60;
            let clock = wall_minute(now);
            let difference = clock - virtual_time;
            let runs = if (1..=5).contains(&difference) {
                (virtual_time + 1..=clock).any(|minute| self.matches(minute))
            } else if (6..=180).contains(&difference) {
                if wild {
                    self.matches(clock)
                } else {
                    (virtual_time + 1..=clock).any(|minute| self.matches(minute))
                }
            } else if (-179..=0).contains(&difference) {
                wild && self.matches(clock)
            } else {
                self.matches(clock)
            };
            if difference > 0 || difference <= -180 {
                virtual_time = clock;
            }
            if runs && now > after {
                found.push(now);
            }
        }
        found
    }
}

fn number(field: usize, text: &str) -> i64 {
    let position = |names: &[&str]| names.iter().position(|name| name.eq_ignore_ascii_case(text));
    let named = match field {
        3 => position(&MONTHS).map(|index| index + 1),
        4 => position(&WEEKDAYS),
        _ => None,
    };
    named.map_or_else(|| text.parse().expect("a number"), |value| i64::try_from(value).unwrap())
}
