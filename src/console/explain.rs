//! `lamplighter explain`: a schedule's line in words.

use std::fmt::Write;

use clap::Args;

use super::error::CommandError;
use super::{instant, say, schedule_file};
use crate::schedule::{Entry, Expression, When, Zone, next, parse, parse_expression};

/// So many instants are shown.
const SHOWN: usize = 3;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The time, such as `5 4 * * 1-5`, or a whole line
    #[arg(required = true, allow_hyphen_values = true)]
    line: Vec<String>,
    /// The time zone, such as Europe/Berlin [default: the system's]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
}

/// Prints the explanation, as from the second `now` on.
///
/// # Errors
/// When the line cannot be read, or there is no such zone.
pub fn run(arguments: &Arguments, now: i64) -> Result<u8, CommandError> {
    let zone = schedule_file::zone(arguments.tz.as_deref())?;
    say(explain(&arguments.line.join(" "), &zone, now)?.trim_end());
    Ok(0)
}

fn explain(line: &str, zone: &Zone, now: i64) -> Result<String, CommandError> {
    let not_a_time = match parse_expression(line) {
        Ok(expression) => return Ok(of_expression(&expression, zone, now)),
        Err(fault) => fault,
    };
    let schedule = parse(line.as_bytes(), zone);
    match (schedule.entries.first(), schedule.diagnostics.first()) {
        (Some(entry), _) => Ok(of_entry(entry, zone, now)),
        // Of a line that is longer than a time the fault of the whole line is the one that matters.
        (None, Some(fault)) if line.split_whitespace().count() > 6 => {
            Err(CommandError::Fault(fault.in_file("line").to_string()))
        }
        (None, _) => Err(CommandError::Fault(not_a_time.in_file("line").to_string())),
    }
}

fn of_entry(entry: &Entry, zone: &Zone, now: i64) -> String {
    let Entry { user, service, action, .. } = entry;
    let asks = format!("asks {service} for {action}, on behalf of {user}:\n");
    match &entry.when {
        When::Reboot => format!("{asks}once for each start of the scheduler's container\n"),
        When::At(expression) => asks + &of_expression(expression, zone, now),
    }
}

fn of_expression(expression: &Expression, zone: &Zone, now: i64) -> String {
    let mut text = format!("{}\n", expression.in_words());
    let times = std::iter::successors(next(expression, zone, now), |&at| next(expression, zone, at));
    let times: Vec<String> = times.take(SHOWN).map(|at| instant::show(at, zone)).collect();
    if !times.is_empty() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "({})", expression.jumps_in_words());
        let _ = writeln!(text, "next in {zone}: {}", times.join(", "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(line: &str) -> String {
        explain(line, &Zone::utc(), 1_777_608_299).unwrap()
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
