//! The calendar against an oracle that walks minute by minute: random expressions in zones with every kind of
//! transition.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod oracle;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lamplighter::schedule::{Zone, next, parse_expression};
use oracle::Fields;
use oracle::cases::{Random, TRANSITIONS, second_of};

#[test]
fn random_expressions_fire_when_a_walk_over_every_minute_says() {
    const DAYS: i64 = 6;
    for case in 0..2_040_u64 {
        let mut random = Random(case);
        let (name, date) = TRANSITIONS[usize::try_from(case).unwrap() % TRANSITIONS.len()];
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
