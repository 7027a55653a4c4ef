//! Next times of the calendar and of two crates: how many a second, and which.
//!
//!     calendar rate KIND ZONE TOOL SECONDS     next times a second, as the crate's fastest way gives them
//!     calendar times KIND ZONE TOOL            those of the kind's span, one epoch second a line
//!     calendar kinds                           name, expression for each tool, first and last second of the span

use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use lamplighter::schedule::{Zone, next, parse_expression};

/// 2026-01-01 00:00 UTC.
const START: i64 = 1_767_225_600;
const DAY: i64 = 24 * 60 * 60;

/// One kind of expression, in each tool's own notation.
struct Kind {
    name: &'static str,
    ours: &'static str,
    croner: &'static str,
    cron: &'static str,
    /// How many days are walked through.
    days: i64,
}

/// `cron` wants seconds first and gives up at the end of 2100. It knows no first Sunday; its two day fields must both
/// match.
const KINDS: [Kind; 5] = [
    Kind { name: "every minute", ours: "* * * * *", croner: "* * * * *", cron: "0 * * * * *", days: 100 },
    Kind { name: "daily", ours: "15 2 * * *", croner: "15 2 * * *", cron: "0 15 2 * * *", days: 3_650 },
    Kind { name: "weekday", ours: "45 1 * * 1-5", croner: "45 1 * * 1-5", cron: "0 45 1 * * Mon-Fri", days: 3_650 },
    Kind { name: "first Sunday", ours: "15 2 1-7 * */7", croner: "15 2 * * SUN#1", cron: "0 15 2 1-7 * Sun", days: 7_300 },
    Kind { name: "leap day", ours: "0 0 29 2 *", croner: "0 0 29 2 *", cron: "0 0 0 29 2 *", days: 54_750 },
];

/// Walks from the start of the span; the tool's times one after the other, until it has no more.
type Walk = Box<dyn Iterator<Item = i64>>;

fn walk(kind: &Kind, zone: &str, tool: &str) -> Walk {
    let tz = Tz::from_str(zone).expect("a time zone");
    let start: DateTime<Tz> = Utc.timestamp_opt(START - 1, 0).unwrap().with_timezone(&tz);
    match tool {
        "lamplighter" => {
            let (expression, zone) = (parse_expression(kind.ours).expect("a time"), Zone::named(zone).expect("a zone"));
            let first = next(&expression, &zone, START - 1);
            Box::new(std::iter::successors(first, move |&at| next(&expression, &zone, at)))
        }
        "croner" => {
            let cron = croner::Cron::from_str(kind.croner).expect("a time");
            let after = move |at: &DateTime<Tz>| cron.find_next_occurrence(at, false).ok();
            let first = after(&start);
            Box::new(std::iter::successors(first, move |at| after(at)).map(|at| at.timestamp()))
        }
        "cron" => {
            let schedule = cron::Schedule::from_str(kind.cron).expect("a time");
            Box::new(schedule.after_owned(start).map(|at| at.timestamp()))
        }
        other => panic!("there is no {other}"),
    }
}

fn end(kind: &Kind) -> i64 {
    START + kind.days * DAY
}

fn rate(kind: &Kind, zone: &str, tool: &str, seconds: f64) -> f64 {
    let patience = Duration::from_secs_f64(seconds);
    let (mut count, began) = (0_u32, Instant::now());
    loop {
        for _ in walk(kind, zone, tool).take_while(|&at| at < end(kind)) {
            count += 1;
            // Looking at the clock costs as much as some of what is measured.
            if count.is_multiple_of(16) && began.elapsed() > patience {
                return f64::from(count) / began.elapsed().as_secs_f64();
            }
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let kind = |name: &str| KINDS.iter().find(|kind| kind.name == name).expect("a kind of expression");
    match arguments[..] {
        ["kinds"] => {
            for kind in &KINDS {
                println!("{}\t{}\t{}\t{}\t{START}\t{}", kind.name, kind.ours, kind.croner, kind.cron, end(kind));
            }
        }
        ["rate", name, zone, tool, seconds] => {
            println!("{}", rate(kind(name), zone, tool, seconds.parse().expect("seconds")));
        }
        ["times", name, zone, tool] => {
            let kind = kind(name);
            for at in walk(kind, zone, tool).take_while(|&at| at < end(kind)) {
                println!("{at}");
            }
        }
        _ => {
            eprintln!("calendar kinds | rate KIND ZONE TOOL SECONDS | times KIND ZONE TOOL");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
