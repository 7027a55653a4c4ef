//! What holds for every expression, zone and instant, and for every schedule.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod oracle;

use jiff::Timestamp;
use lamplighter::schedule::{Entry, Expression, Schedule, Zone, latest, next, parse, parse_expression};
use oracle::Fields;
use oracle::cases::{ODD_TRANSITIONS, TRANSITIONS, second_of};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// One item of a field's list.
fn item(low: u32, high: u32) -> impl Strategy<Value = String> {
    let range = (low..=high).prop_flat_map(move |from| (Just(from), from..=high));
    prop_oneof![
        3 => (low..=high).prop_map(|value| value.to_string()),
        1 => range.clone().prop_map(|(from, to)| format!("{from}-{to}")),
        1 => (range, 1..10_u32).prop_map(|((from, to), step)| format!("{from}-{to}/{step}")),
        1 => (1..=high + 1).prop_map(|step| format!("*/{step}")),
    ]
}

fn field(low: u32, high: u32, names: &'static [&'static str]) -> BoxedStrategy<String> {
    let list = vec(item(low, high), 1..4).prop_map(|items| items.join(","));
    let starred = select(&["*", "*", "*/2", "/3", "*,1"][..]).prop_map(str::to_owned);
    if names.is_empty() {
        return prop_oneof![list, starred].boxed();
    }
    prop_oneof![2 => list, 3 => starred, 1 => select(names).prop_map(str::to_owned)].boxed()
}

fn time() -> impl Strategy<Value = String> {
    (
        field(0, 59, &[]),
        field(0, 23, &["2", "1-3", "0"]),
        field(1, 31, &["*"]),
        field(1, 12, &["*", "jan", "MAR-may", "oct,nov"]),
        field(0, 7, &["*", "sun", "Mon-fri", "sat,sun"]),
    )
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
}

/// A zone, and an instant: mostly near one of the zone's transitions.
fn place() -> impl Strategy<Value = (Zone, i64)> {
    let near = select([&TRANSITIONS[..], &ODD_TRANSITIONS[..]].concat()).prop_flat_map(|(zone, date)| {
        (Just(zone), -2 * DAY..DAY).prop_map(move |(z, s)| (z, second_of(date) + s))
    });
    let anywhere =
        (select(&TRANSITIONS[..]), -3_000_000_000..7_000_000_000_i64).prop_map(|((zone, _), at)| (zone, at));
    prop_oneof![3 => near, 1 => anywhere].prop_map(|(zone, at)| (Zone::named(zone).unwrap(), at))
}

fn offset(zone: &Zone, second: i64) -> i64 {
    i64::from(zone.rules().to_offset(Timestamp::from_second(second).unwrap()).seconds())
}

/// The wall clock at an instant, in seconds as if it were UTC.
fn wall(zone: &Zone, second: i64) -> i64 {
    second + offset(zone, second)
}

/// An expression as an independent reader has it.
struct Read<'a> {
    fields: Fields<'a>,
    zone: &'a Zone,
}

impl Read<'_> {
    fn is_pattern(&self) -> bool {
        self.fields.star(0) || self.fields.star(1)
    }

    /// Whether a minute of the wall clock begins at this instant, and matches.
    fn shows(&self, at: i64) -> bool {
        let wall = wall(self.zone, at);
        wall % MINUTE == 0 && self.fields.matches(wall / MINUTE)
    }

    /// Whether the wall clock jumps forwards at this instant, over a minute that matches and is made up for.
    fn makes_up(&self, at: i64) -> bool {
        let (from, to) = (at + offset(self.zone, at - 1), wall(self.zone, at));
        // The skipped minutes are those that would have begun in between.
        let minutes = (from + MINUTE - 1).div_euclid(MINUTE)..(to + MINUTE - 1).div_euclid(MINUTE);
        let is_made_up_for = (1..3 * HOUR).contains(&(to - from)) && !self.is_pattern();
        is_made_up_for && minutes.into_iter().any(|minute| self.fields.matches(minute))
    }

    /// Whether the wall clock was here before, so that a fixed time has had its turn: by up to three hours.
    fn comes_again(&self, at: i64) -> bool {
        let here = wall(self.zone, at);
        (at - 3 * HOUR..=at).rev().any(|before| {
            let jump = offset(self.zone, before) - offset(self.zone, before - 1);
            (-3 * HOUR..0).contains(&jump) && here < before + offset(self.zone, before - 1)
        }) && !self.is_pattern()
    }
}

proptest! {
    // There is no `lib.rs` beside this file, where failures would be kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_next_time_is_later_and_matches_its_own_expression(text in time(), (zone, after) in place()) {
        let expression = parse_expression(&text).unwrap();
        let read = Read { fields: Fields::new(&text), zone: &zone };
        let mut before = after;
        for _ in 0..12 {
            let Some(at) = next(&expression, &zone, before) else { break };
            prop_assert!(at > before, "{} after {}", at, before);
            prop_assert!(read.shows(at) || read.makes_up(at), "{} in {}", at, zone);
            before = at;
        }
        prop_assert_eq!(expression.can_fire(), before > after);
    }

    #[test]
    fn nothing_between_two_next_times_is_left_out(
        text in time(), (zone, after) in place(), spots in vec(0.0..1.0_f64, 40),
    ) {
        let expression = parse_expression(&text).unwrap();
        let read = Read { fields: Fields::new(&text), zone: &zone };
        let mut before = after;
        for _ in 0..6 {
            let Some(at) = next(&expression, &zone, before) else { break };
            // Each minute where there are few, and spots where there are many.
            let far = at - before > 12 * HOUR;
            let near = (before + 1..at.min(before + 3 * HOUR)).step_by(if far { 61 } else { 1 });
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "any spot will do")]
            let spots = spots.iter().map(|spot| before + 1 + (spot * (at - before - 1) as f64) as i64);
            for spot in near.chain(spots.filter(|&spot| spot < at)) {
                // The minute that the spot lies in, if it began after the last time.
                let minute = spot - wall(&zone, spot).rem_euclid(MINUTE);
                let left_out = minute > before && minute < at && read.shows(minute) && !read.comes_again(minute);
                prop_assert!(!left_out, "{} in {} between {} and {}", minute, zone, before, at);
                prop_assert_eq!(next(&expression, &zone, spot), Some(at), "after {}", spot);
            }
            before = at;
        }
    }

    #[test]
    fn the_latest_time_is_the_last_of_all(text in time(), (zone, after) in place(), span in 0..20 * DAY) {
        let expression = parse_expression(&text).unwrap();
        let times = std::iter::successors(Some(after), |&at| next(&expression, &zone, at)).skip(1);
        let last = times.take_while(|&at| at <= after + span).last();
        prop_assert_eq!(latest(&expression, &zone, after, after + span), last);
    }

    #[test]
    fn what_is_printed_of_a_time_reads_as_the_same(text in time()) {
        let expression = parse_expression(&text).unwrap();
        let printed = expression.to_string();
        prop_assert_eq!(parse_expression(&printed), Ok(expression), "{}", &printed);
        let again: Expression = parse_expression(&printed).unwrap();
        prop_assert_eq!(again.to_string(), printed, "there is one way to print it");
    }

    #[test]
    fn what_is_printed_of_a_schedule_reads_as_the_same(lines in vec(line(), 0..12)) {
        let schedule = parse(lines.join("\n").as_bytes(), &Zone::utc());
        prop_assert!(!schedule.has_errors(), "{:?}", schedule.diagnostics);
        let printed = schedule.to_string();
        let again = parse(printed.as_bytes(), &Zone::utc());
        prop_assert_eq!(&again.diagnostics, &[]);
        prop_assert_eq!(without_lines(&again), without_lines(&schedule), "{}", &printed);
        prop_assert_eq!(again.to_string(), printed);
    }
}

fn without_lines(schedule: &Schedule) -> Vec<Entry> {
    schedule.entries.iter().map(|entry| Entry { line: 0, ..entry.clone() }).collect()
}

/// A good line of a schedule.
fn line() -> impl Strategy<Value = String> {
    let time =
        prop_oneof![4 => time(), 1 => select(&["@reboot", "@Daily", "@yearly"][..]).prop_map(str::to_owned)];
    let user = option::of(select(&["root", "forum", "1000", "_x-1"][..]));
    let entry = (time, user, select(&["mysql", "php"][..]), select(&["nightly-backup", "a"][..])).prop_map(
        |(time, user, service, action)| {
            format!("{time} {} {service}\t{action} # why", user.unwrap_or_default())
        },
    );
    let options = [
        "CRON_TZ=Europe/Berlin",
        "CRON_TZ = asia/tokyo",
        "CRON_TZ=",
        "RANDOM_DELAY=6",
        "RANDOM_DELAY='90s'",
        "RANDOM_DELAY=0",
        "CATCH_UP=none",
        "CATCH_UP=once",
        "DEADLINE=\"1d2h3m4s\"",
        "DEADLINE=0",
        "DEADLINE=",
        "# note",
    ];
    prop_oneof![2 => entry, 1 => select(options.to_vec()).prop_map(str::to_owned)]
}
