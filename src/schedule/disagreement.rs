//! Entries that are due at other times by the time zones that are not used (see `tzdata`).

use std::collections::HashMap;

use super::calendar::next;
use super::entry::{Entry, When};
use super::expression::Expression;
use super::tzdata::Tzdata;
use super::zone::Zone;

/// So far ahead zones are compared, in seconds: a year.
const AHEAD: i64 = 366 * 24 * 60 * 60;

/// An entry with more times than this that are the same, from where its zones differ on, is taken to have no others.
const MOST_TIMES: usize = 64;

/// No more entries are named.
const MOST_ENTRIES: usize = 20;

/// An entry that would be due at another time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disagreement<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// Its first occurrence that differs; and when that, or the next one, would be by the other zones.
    pub at: i64,
    /// See `at`; none when there is none.
    pub other: Option<i64>,
}

/// The entries, up to 20, that have occurrences within a year after the second `now` which would be at other times by
/// the time zones that are not used.
pub fn disagreements<'a>(entries: impl IntoIterator<Item = &'a Entry>, now: i64) -> Vec<Disagreement<'a>> {
    disagreements_by(entries, now, Zone::other)
}

/// As [`disagreements`], in a sentence; none where there are none.
pub fn disagreement<'a>(entries: impl IntoIterator<Item = &'a Entry>, now: i64) -> Option<String> {
    let found = disagreements(entries, now);
    let Disagreement { entry, at, other } = found.first()?;
    let count = match found.len() {
        1 => "an entry is due at another time".to_owned(),
        count @ ..MOST_ENTRIES => format!("{count} entries are due at other times"),
        _ => format!("{MOST_ENTRIES} or more entries are due at other times"),
    };
    let ((used, unused), zone) = (Tzdata::current().names(), entry.zone());
    let (at, other) =
        (shown(*at, zone), other.map_or_else(|| "never".to_owned(), |other| shown(other, zone)));
    Some(format!(
        "{count} by {used}, which is used, than by {unused}: first `{entry}`, in {zone} at {at} and not at {other}; an \
         update of the system's tzdata settles it, or TZDIR"
    ))
}

/// By the clock of what is used.
fn shown(at: i64, zone: &Zone) -> String {
    let at = jiff::Timestamp::from_second(at).unwrap_or_default().to_zoned(zone.rules().clone());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn disagreements_by<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    now: i64,
    other: impl Fn(&Zone) -> Option<Zone>,
) -> Vec<Disagreement<'a>> {
    let mut zones: HashMap<&str, Option<(Zone, i64)>> = HashMap::new();
    let found = entries.into_iter().filter_map(|entry| {
        let zone = entry.zone();
        let differing = zones.entry(zone.name()).or_insert_with(|| {
            let other = other(zone)?;
            let from = differ_from(zone, &other, now)?;
            Some((other, from))
        });
        let ((other, from), When::At(expression)) = (differing.as_ref()?, &entry.when) else { return None };
        let (at, other) = first_difference(expression, zone, other, *from, now + AHEAD)?;
        Some(Disagreement { entry, at, other })
    });
    found.take(MOST_ENTRIES).collect()
}

/// The first second from `now` on, within a year, in which the clocks of two zones differ.
fn differ_from(one: &Zone, other: &Zone, now: i64) -> Option<i64> {
    let mut at = now;
    while at < now + AHEAD {
        let (stretch, others) = (one.stretch_at(at), other.stretch_at(at));
        if stretch.offset != others.offset {
            return Some(at);
        }
        at = stretch.end.min(others.end);
    }
    None
}

fn first_difference(
    expression: &Expression,
    one: &Zone,
    other: &Zone,
    from: i64,
    until: i64,
) -> Option<(i64, Option<i64>)> {
    let mut after = from - 1;
    for _ in 0..MOST_TIMES {
        let (at, others) = (next(expression, one, after)?, next(expression, other, after));
        if at.min(others.unwrap_or(at)) > until {
            return None;
        }
        if Some(at) != others {
            return Some((at, others));
        }
        after = at;
    }
    None
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::schedule::parse;

    /// 2026-05-01.
    const MAY: i64 = 1_777_593_600;

    /// The lines of entries that differ where Vancouver is taken to change to winter time on 2026-11-01 or not.
    fn lines(text: &str) -> Vec<(usize, String, String)> {
        let zone = |rule: &str| Zone::of_rules("America/Vancouver", TimeZone::posix(rule).unwrap());
        let schedule = parse(text.as_bytes(), &zone("MST7"));
        let winter = |_: &Zone| Some(zone("PST8PDT,M3.2.0,M11.1.0"));
        let found = disagreements_by(&schedule.entries, MAY, winter);
        let utc = |at| shown(at, &Zone::utc());
        found.iter().map(|d| (d.entry.line, utc(d.at), d.other.map(utc).unwrap_or_default())).collect()
    }

    #[test]
    fn an_entry_that_would_be_due_at_another_hour_is_named_with_both() {
        let expected = (1, "2026-11-01 11:05".to_owned(), "2026-11-01 12:05".to_owned());
        assert_eq!(lines("5 4 * * * a b\n@reboot a b"), [expected]);
    }

    #[test]
    fn what_is_due_at_the_same_instants_is_not_named() {
        let text = "0 * * * * a b\n*/5 * * * * a c\n5 4 1 jul * a d\nCRON_TZ=UTC\n5 4 * * * a e";
        let zone = |rule: &str| Zone::of_rules("America/Vancouver", TimeZone::posix(rule).unwrap());
        let schedule = parse(text.as_bytes(), &zone("MST7"));
        let winter = |zone: &Zone| {
            let rules = TimeZone::posix("PST8PDT,M3.2.0,M11.1.0").unwrap();
            (zone.name() != "UTC").then(|| Zone::of_rules("America/Vancouver", rules))
        };
        assert_eq!(disagreements_by(&schedule.entries, MAY, winter), []);
    }

    #[test]
    fn of_a_long_schedule_no_more_are_looked_for_than_are_named() {
        let text: Vec<String> = (0..10_000).map(|n| format!("{} 4 * * * a job-{n}", n % 60)).collect();
        assert_eq!(lines(&text.join("\n")).len(), MOST_ENTRIES);
    }
}
