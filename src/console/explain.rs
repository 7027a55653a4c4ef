//! `lamplighter explain`: a schedule's line in words.

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::CommandError;
use super::{instant, say, stack, zone};
use crate::schedule::{Entry, Expression, When, Zone, next, parse, parse_expression};

/// So many instants are shown.
const SHOWN: usize = 3;
/// When `@reboot` fires.
const AT_START: &str = "once for each start of the scheduler's container";

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The time, such as `5 4 * * 1-5`, or a whole line
    #[arg(required = true)]
    line: Vec<String>,
    /// The time zone, such as Europe/Berlin [default: the system's]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Print JSON, as docs/COMMAND.md describes it
    #[arg(long)]
    json: bool,
}

/// Prints the explanation, as from the second `now` on.
///
/// # Errors
/// When the line cannot be read, or there is no such zone.
pub fn run(arguments: &Arguments, now: i64) -> Result<u8, CommandError> {
    let zone = zone::of_command(arguments.tz.as_deref(), stack::here().as_deref())?;
    let explained = explain(&arguments.line.join(" "), &zone, now)?;
    if arguments.json {
        say(explained.as_json(&zone))
    } else {
        say(explained.as_text(&zone).trim_end())
    };
    Ok(0)
}

fn explain(line: &str, zone: &Zone, now: i64) -> Result<Explained, CommandError> {
    let not_a_time = match parse_expression(line) {
        Ok(expression) => return Ok(Explained::of_expression(&expression, zone, now)),
        Err(fault) => fault,
    };
    let schedule = parse(line.as_bytes(), zone);
    match (schedule.entries.into_iter().next(), schedule.diagnostics.first()) {
        (Some(entry), _) => Ok(Explained::of_entry(entry, zone, now)),
        // Of a line that is longer than a time the fault of the whole line is the one that matters.
        (None, Some(fault)) if line.split_whitespace().count() > 6 => {
            Err(CommandError::Fault(fault.in_file("line").to_string()))
        }
        (None, _) => Err(CommandError::Fault(not_a_time.in_file("line").to_string())),
    }
}

/// What a line means.
#[derive(Debug)]
struct Explained {
    /// What it asks for, when it is more than a time.
    entry: Option<Entry>,
    /// When it fires.
    words: String,
    /// What it does where the clock jumps; nothing where it never does anything.
    jumps: Option<&'static str>,
    /// The next instants.
    times: Vec<i64>,
}

impl Explained {
    fn of_entry(entry: Entry, zone: &Zone, now: i64) -> Self {
        let explained = match &entry.when {
            When::Reboot => Self { entry: None, words: AT_START.to_owned(), jumps: None, times: Vec::new() },
            When::At(expression) => Self::of_expression(expression, zone, now),
        };
        Self { entry: Some(entry), ..explained }
    }

    fn of_expression(expression: &Expression, zone: &Zone, now: i64) -> Self {
        let times = std::iter::successors(next(expression, zone, now), |&at| next(expression, zone, at));
        let times: Vec<i64> = times.take(SHOWN).collect();
        let jumps = (!times.is_empty()).then(|| expression.jumps_in_words());
        Self { entry: None, words: expression.in_words(), jumps, times }
    }

    fn as_text(&self, zone: &Zone) -> String {
        let asks = self.entry.as_ref().map(|Entry { user, service, action, .. }| {
            format!("asks {service} for {action}, on behalf of {user}:\n")
        });
        let jumps = self.jumps.map(|jumps| format!("({jumps})\n"));
        let times: Vec<String> = self.times.iter().map(|&at| instant::show(at, zone)).collect();
        let next = jumps.map(|jumps| format!("{jumps}next in {zone}: {}\n", times.join(", ")));
        format!("{}{}\n{}", asks.unwrap_or_default(), self.words, next.unwrap_or_default())
    }

    fn as_json(&self, zone: &Zone) -> Value {
        let asks = self.entry.as_ref().map(
            |Entry { user, service, action, .. }| json!({"user": user, "service": service, "action": action}),
        );
        let times = self.times.iter().filter_map(|&at| Timestamp::from_second(at).ok());
        let next: Vec<String> = times.map(|at| format!("{at:.3}")).collect();
        json!({"asks": asks, "words": self.words, "jumps": self.jumps, "zone": zone.name(), "next": next})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(line: &str) -> String {
        explain(line, &Zone::utc(), 1_777_608_299).unwrap().as_text(&Zone::utc())
    }

    #[test]
    fn a_time_and_a_whole_line_are_explained() {
        insta::assert_snapshot!(explained("5 4 * * 1-5"), @r"
        at 04:05 on Monday to Friday
        (a time of day: where the clock jumps over it, it fires once when the jump is over; where it comes twice, once)
        next in UTC: Fri 2026-05-01 04:05 +00:00, Mon 2026-05-04 04:05 +00:00, Tue 2026-05-05 04:05 +00:00
        ");
        assert!(explained("*/5 * * * * forum php task-check").starts_with(
            "asks php for task-check, on behalf of forum:\nevery 5 minutes\n(a pattern, since the minute"
        ));
        assert!(
            explained("@reboot php warm-up").ends_with("once for each start of the scheduler's container\n")
        );
        assert_eq!(explained("0 0 31 2 *"), "never: its months do not have such a day\n");
    }

    #[test]
    fn what_cannot_be_read_is_shown_with_its_fault() {
        let fault = |line: &str| explain(line, &Zone::utc(), 0).unwrap_err().to_string();
        assert!(fault("5 24 * * *").contains("the hour `24` is too large"));
        assert!(fault("5 24 * * * forum mysql nightly-backup").contains("the hour `24` is too large"));
        assert!(fault("5 4 * *").contains("ends before"));
    }
}
