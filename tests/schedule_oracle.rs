//! The calendar against an oracle that walks minute by minute: random expressions in zones with every kind of
//! transition.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod oracle;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lamplighter::schedule::{Zone, next, parse_expression};
use oracle::Fields;

/// Zones and what is special about their transitions.
const ZONES: [(&str, &str); 16] = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-10-04"), // half an hour
    ("Australia/Lord_Howe", "2026-04-05"),
    ("America/Sao_Paulo", "2018-11-04"), // at midnight
    ("America/Sao_Paulo", "2018-02-18"),
    ("Africa/Cairo", "2026-04-24"),
    ("Asia/Amman", "2022-02-25"),
    ("Pacific/Apia", "2011-12-30"),      // a day left out
    ("Pacific/Kwajalein", "1993-08-21"), // another
    ("Pacific/Chatham", "2026-09-27"),   // at 02:45
    ("Antarctica/Troll", "2026-03-29"),  // two hours
    ("Antarctica/Casey", "2010-03-05"),  // three hours, back
    ("Antarctica/Casey", "2009-10-18"),  // three hours, on
    ("UTC", "2028-02-29"),
];

/// A small generator of pseudo-random numbers (splitmix64), so that a failing case can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<'a>(&mut self, among: &[&'a str]) -> &'a str {
        among[usize::try_from(self.below(among.len() as u64)).unwrap()]
    }

    fn item(&mut self, low: u64, high: u64) -> String {
        let value = low + self.below(high - low + 1);
        let to = value + self.below(high - value + 1);
        match self.below(6) {
            0 => format!("{value}-{to}"),
            1 => format!("{value}-{to}/{}", 1 + self.below(9)),
            2 => format!("*/{}", 1 + self.below(high)),
            _ => value.to_string(),
        }
    }

    fn field(&mut self, low: u64, high: u64, names: &[&'static str], stars: u64) -> String {
        if self.below(10) < stars {
            return self.pick(&["*", "*", "*/2", "/3"]).to_owned();
        }
        if !names.is_empty() && self.below(3) == 0 {
            return self.pick(names).to_owned();
        }
        let mut text = self.item(low, high);
        for _ in 0..self.below(3) {
            text += ",";
            text += &self.item(low, high);
        }
        text
    }

    fn expression(&mut self) -> String {
        let months = ["jan", "MAR", "mar-may", "oct,nov", "feb"];
        let weekdays = ["sun", "Mon-fri", "7", "5-7", "sat,sun", "*/7"];
        // Hours near the usual transitions, and minutes, tell more than others.
        let hour = if self.below(2) == 0 {
            self.pick(&["2", "1-3", "0", "1", "23", "3", "0-3", "2,14"]).to_owned()
        } else {
            self.field(0, 23, &[], 3)
        };
        let minute = self.field(0, 59, &[], 3);
        let day = self.field(1, 31, &[], 6);
        let month = self.field(1, 12, &months, 8);
        let weekday = self.field(0, 7, &weekdays, 6);
        format!("{minute} {hour} {day} {month} {weekday}")
    }
}

fn second_of(date: &str) -> i64 {
    let date: jiff::civil::Date = date.parse().unwrap();
    TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap().as_second()
}

#[test]
fn random_expressions_fire_when_a_walk_over_every_minute_says() {
    const DAYS: i64 = 6;
    for case in 0..1_600_u64 {
        let mut random = Random(case);
        let (name, date) = ZONES[usize::try_from(case).unwrap() % ZONES.len()];
        let text = random.expression();
        // From two days before the transition to a day after it, to the second.
        let after = second_of(date) - 2 * 86_400 + i64::try_from(random.below(3 * 86_400)).unwrap();
        let end = after + DAYS * 86_400;
        let expected = Fields::new(&text).times(&TimeZone::get(name).unwrap(), after, end, 12);

        let zone = Zone::named(name).unwrap();
        let expression = parse_expression(&text).unwrap_or_else(|error| panic!("{}", error.in_file(&text)));
        let found: Vec<i64> = std::iter::successors(Some(after), |&at| next(&expression, &zone, at))
            .skip(1)
            .take(12)
            .take_while(|&at| at <= end)
            .collect();
        let show = |times: &[i64]| -> Vec<String> {
            let show =
                |&time| Timestamp::from_second(time).unwrap().to_zoned(zone.rules().clone()).to_string();
            times.iter().map(show).collect()
        };
        assert_eq!(show(&found), show(&expected), "case {case}: `{text}` in {name} after {after}");

        let printed = expression.to_string();
        assert_eq!(parse_expression(&printed).unwrap(), expression, "case {case}: `{text}` as `{printed}`");
    }
}
