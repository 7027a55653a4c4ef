//! What is worth knowing of a schedule that can be read: entries that do less than they seem to.

use std::collections::HashMap;

use jiff::Timestamp;

use super::calendar::{CORRECTION, MINUTE, next_wall_minute};
use super::civil::{Month, month_and_day};
use super::disagreement::disagreements;
use super::entry::{Entry, When};
use super::explain::MONTHS;
use super::expression::Expression;
use super::field::{FIELDS, Field, FieldKind};
use super::text::Text;
use super::words::{Fault, Line, Word};
use super::zone::{Stretch, Zone};
use super::{Schedule, zones_in_words};
use crate::diagnostic::{Diagnostic, Severity};

const DAY: i64 = 24 * 60 * 60;

/// So far ahead jumps of the wall clock are looked for, in seconds: two years.
const AHEAD: i64 = 2 * 366 * DAY;

/// A schedule with the text that it was read from.
#[derive(Debug)]
pub struct Advisor<'a> {
    schedule: &'a Schedule,
    lines: Vec<&'a [u8]>,
}

impl<'a> Advisor<'a> {
    /// Advice on a schedule that was read from `text`.
    pub fn new(text: &'a Text, schedule: &'a Schedule) -> Self {
        Self { schedule, lines: text.lines().collect() }
    }

    /// What never fires, what falls into a jump of the wall clock within two years of the second `now`, steps that
    /// do not divide what they step through, days of which either is enough, and times that depend on the release of
    /// the time zones.
    pub fn advise(&self, now: i64) -> Vec<Diagnostic> {
        let mut zones = HashMap::new();
        let mut advice = Vec::new();
        for entry in &self.schedule.entries {
            let (Some(line), When::At(expression)) = (self.line(entry), entry.when) else { continue };
            let jumps = || entry.zone().jumps(now, now + AHEAD).collect::<Vec<_>>();
            let jumps: &[_] = zones.entry(entry.zone().name()).or_insert_with(jumps);
            let faults = never(line, &expression)
                .into_iter()
                .chain(steps(line))
                .chain(either(line, &expression, now))
                .chain(in_gap(line, entry, &expression, jumps))
                .chain(in_overlap(line, entry, &expression, jumps));
            advice.extend(faults.map(|fault| line.diagnose(Severity::Warning, fault)));
        }
        advice.extend(self.disagreements(now));
        advice
    }

    /// Points out that an entry's service, or its action, is not there.
    pub fn not_there(&self, entry: &Entry, message: String, hint: Option<String>) -> Option<Diagnostic> {
        let line = self.line(entry)?;
        let [.., service, action] = line.words()[..] else { return None };
        let span = service.start..action.span().end;
        let fault = Fault { span, message, allowed: String::new(), hint };
        Some(line.diagnose(Severity::Warning, fault))
    }

    /// The entries that are due at other times by the zones that are not used.
    fn disagreements(&self, now: i64) -> Vec<Diagnostic> {
        let found = disagreements(&self.schedule.entries, now).into_iter().filter_map(|found| {
            let (line, zone) = (self.line(found.entry)?, found.entry.zone());
            let shown = |at| instant_in(at, zone);
            let other = found.other.map_or_else(|| "never".to_owned(), shown);
            let message =
                format!("this is due at {} in {zone}, by other time zones {other}", shown(found.at));
            Some(line.diagnose(Severity::Warning, fault(line, message, Some(zones_in_words()))))
        });
        found.collect()
    }

    fn line(&self, entry: &Entry) -> Option<Line<'a>> {
        let text = str::from_utf8(self.lines.get(entry.line.checked_sub(1)?)?).ok()?;
        Some(Line { number: entry.line, text: text.trim_end_matches('\r') })
    }
}

/// The words of an entry's time: five fields, or one `@` word.
fn time(line: Line<'_>) -> Vec<Word<'_>> {
    let words = line.words();
    let count = if words[0].text.starts_with('@') { 1 } else { 5 };
    words.into_iter().take(count).collect()
}

fn fault(line: Line<'_>, message: String, hint: Option<String>) -> Fault {
    let words = time(line);
    let span = words[0].start..words[words.len() - 1].span().end;
    Fault { span, message, allowed: String::new(), hint }
}

fn never(line: Line<'_>, expression: &Expression) -> Option<Fault> {
    let words = time(line);
    let ([_, _, day, month, _], false) = (&words[..], expression.can_fire()) else { return None };
    let message = "this never fires: its months do not have such a day".to_owned();
    Some(Fault { span: day.start..month.span().end, message, allowed: String::new(), hint: None })
}

/// Steps after which the first value comes too soon.
fn steps(line: Line<'_>) -> Vec<Fault> {
    let words = time(line);
    let items = words.iter().zip(FIELDS).flat_map(|(word, kind)| {
        let starts = word.text.split(',').scan(word.start, |start, text| {
            let item = Word { text, start: *start };
            *start += text.len() + 1;
            Some(item)
        });
        starts.filter_map(move |item| step(item, kind))
    });
    items.collect()
}

fn step(item: Word<'_>, kind: FieldKind) -> Option<Fault> {
    let step: u32 = item.text.strip_prefix('*').unwrap_or(item.text).strip_prefix('/')?.parse().ok()?;
    let (low, high) = match kind {
        FieldKind::DayOfWeek => (0, 6),
        other => other.bounds(),
    };
    let count = high - low + 1;
    // A step through all of the week is the way to write a Sunday that joins the day of the month.
    let even = step == 1 || count.is_multiple_of(step) && kind != FieldKind::DayOfMonth;
    if even || kind == FieldKind::DayOfWeek && step == count {
        return None;
    }
    let message = if step >= count {
        format!("`{}` is the {kind} {low} alone", item.text)
    } else {
        let last = low + (count - 1) / step * step;
        let first = if kind == FieldKind::DayOfMonth { "the 1st".to_owned() } else { low.to_string() };
        format!("`{}` is not even: after the {kind} {last} comes {first} again", item.text)
    };
    let hint = (kind == FieldKind::Minute || kind == FieldKind::Hour).then(|| {
        let even: Vec<String> =
            (2..count).filter(|n| count.is_multiple_of(*n)).map(|n| n.to_string()).collect();
        format!("even steps are {}", even.join(", "))
    });
    Some(item.fault(message, "", hint.as_deref()))
}

/// Two day fields of which either is enough: they read as if both had to fit.
fn either(line: Line<'_>, expression: &Expression, now: i64) -> Option<Fault> {
    let words = time(line);
    let [_, _, day, _, weekday] = words[..] else { return None };
    let all = |field: Field, kind: FieldKind| field.values == kind.all();
    let says_nothing = all(expression.day_of_month, FieldKind::DayOfMonth)
        && all(expression.day_of_week, FieldKind::DayOfWeek);
    if expression.joins_days() || says_nothing {
        return None;
    }
    let month = months_after(now).take(12).find(|month| expression.month.contains(month.number))?;
    let count = expression.days_of(month).count_ones();
    let days = if count == 1 { "day" } else { "days" };
    let name = MONTHS[month.number as usize - 1];
    let message = format!(
        "`{}` or `{}`: either is enough, so this fires on {count} {days} of {name} {}",
        day.text, weekday.text, month.year
    );
    let hint = "both must fit only where one of them starts with `*`: `0 0 1-7 * */7` is the first Sunday of a month; \
                for another weekday let the action look at the date";
    let span = day.start..weekday.span().end;
    Some(Fault { span, message, allowed: String::new(), hint: Some(hint.to_owned()) })
}

/// The months after that of a second, of which all is still to come.
fn months_after(now: i64) -> impl Iterator<Item = Month> {
    let following = |month: &Month| {
        Some(match month.number {
            12 => Month { year: month.year + 1, number: 1 },
            number => Month { number: number + 1, ..*month },
        })
    };
    let (this, _) = month_and_day(now.div_euclid(DAY));
    std::iter::successors(Some(this), following).skip(1)
}

/// The first jump forwards over a time of the entry.
fn in_gap(
    line: Line<'_>,
    entry: &Entry,
    expression: &Expression,
    jumps: &[(Stretch, Stretch)],
) -> Option<Fault> {
    if runs_every_hour(expression) {
        return None;
    }
    let (zone, fixed) = (entry.zone(), expression.has_fixed_time());
    jumps.iter().find_map(|(before, after)| {
        let (from, to) = (after.start + before.offset, after.start + after.offset);
        let skipped = matching(expression, from, to)?;
        let (time, date) = (clock(skipped), date(skipped));
        let message = format!("on {date} there is no {time} in {zone}");
        let hint = match (fixed, to - from < CORRECTION) {
            (true, true) if matching(expression, skipped + MINUTE, to).is_some() => {
                format!("it fires once at {} then, for all of its times that are skipped", clock(to))
            }
            (true, true) => format!("it fires at {} then", clock(to)),
            _ => format!("it does not fire at that time then; the clock goes on at {}", clock(to)),
        };
        Some(fault(line, message, Some(hint)))
    })
}

/// The first jump backwards that lets a time of the entry come twice.
fn in_overlap(
    line: Line<'_>,
    entry: &Entry,
    expression: &Expression,
    jumps: &[(Stretch, Stretch)],
) -> Option<Fault> {
    if runs_every_hour(expression) {
        return None;
    }
    let (zone, fixed) = (entry.zone(), expression.has_fixed_time());
    jumps.iter().find_map(|(before, after)| {
        let (from, to) = (after.start + after.offset, after.start + before.offset);
        let twice = matching(expression, from, to)?;
        let (time, date) = (clock(twice), date(twice));
        let message = format!("on {date} {time} comes twice in {zone}");
        let hint = match (fixed, to - from <= CORRECTION) {
            (true, true) => "it fires the first time only",
            _ => "it fires both times",
        };
        Some(fault(line, message, Some(hint.to_owned())))
    })
}

/// Whether an hour more or less is nothing special for it: it follows the wall clock, and it is there often.
fn runs_every_hour(expression: &Expression) -> bool {
    !expression.has_fixed_time() && expression.hour.values == FieldKind::Hour.all()
}

/// The first second of the wall clock in a stretch of it that matches.
fn matching(expression: &Expression, from: i64, to: i64) -> Option<i64> {
    let minute = from.div_euclid(MINUTE) + i64::from(from.rem_euclid(MINUTE) > 0);
    next_wall_minute(expression, minute).map(|minute| minute * MINUTE).filter(|&second| second < to)
}

fn clock(wall: i64) -> String {
    shown(wall, "%H:%M")
}

/// An instant by a zone's clock.
fn instant_in(at: i64, zone: &Zone) -> String {
    let at = Timestamp::from_second(at).unwrap_or_default().to_zoned(zone.rules().clone());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

fn date(wall: i64) -> String {
    shown(wall, "%Y-%m-%d")
}

/// A second of the wall clock, which is told like one of UTC.
fn shown(wall: i64, form: &str) -> String {
    let shown = Timestamp::from_second(wall).map(|wall| wall.strftime(form).to_string());
    shown.unwrap_or_else(|_| Zone::utc().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::parse_text;

    fn advice(text: &str) -> Vec<String> {
        let text = Text::of(text.as_bytes());
        let schedule = parse_text(&text, &Zone::named("Europe/Berlin").unwrap());
        assert_eq!(schedule.diagnostics, []);
        let show = |fault: &Diagnostic| {
            let hint = fault.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{}:{} {}{hint}", fault.column, fault.width, fault.message)
        };
        // 2026-01-01.
        Advisor::new(&text, &schedule).advise(1_767_225_600).iter().map(show).collect()
    }

    #[test]
    fn what_is_as_it_seems_needs_no_advice() {
        for text in ["5 4 * * * a b", "*/5 * * * * a b", "0 */6 * * * a b", "@daily a b", "0 0 1-7 * */7 a b"]
        {
            assert_eq!(advice(text), [""; 0], "{text}");
        }
        assert_eq!(advice("CRON_TZ=UTC\n30 2 * * * a b\n@reboot a b"), [""; 0]);
    }

    #[test]
    fn two_day_fields_of_which_either_is_enough_are_told_with_how_often_that_is() {
        let text = "CRON_TZ=UTC\n0 0 1-7 6 mon a b";
        let expected = "5:9 `1-7` or `mon`: either is enough, so this fires on 11 days of June 2026; both must fit \
                        only where one of them starts with `*`: `0 0 1-7 * */7` is the first Sunday of a month; for \
                        another weekday let the action look at the date";
        assert_eq!(advice(text), [expected]);
        assert!(advice("CRON_TZ=UTC\n0 0 1-31 * 1 a b")[0].contains("fires on 28 days of February 2026"));
        for text in ["0 0 1-31 * 0-7 a b", "0 0 */2 * 1 a b", "0 0 1 * * a b", "0 0 * * 1 a b"] {
            assert!(
                !advice(&format!("CRON_TZ=UTC\n{text}")).iter().any(|fault| fault.contains("either")),
                "{text}"
            );
        }
    }

    #[test]
    fn several_times_that_one_jump_skips_are_told_to_fire_once() {
        let hint = "it fires once at 03:00 then, for all of its times that are skipped";
        assert!(advice("0,30 2 * * * a b")[0].ends_with(hint), "{:?}", advice("0,30 2 * * * a b"));
    }

    #[test]
    fn what_never_fires_is_told() {
        assert_eq!(advice("0 0 31 2 * a b"), ["5:4 this never fires: its months do not have such a day"]);
    }

    #[test]
    fn a_time_that_is_skipped_or_comes_twice_is_told_with_what_happens() {
        assert_eq!(
            advice(" 30 2 * * * a b"),
            [
                "2:10 on 2026-03-29 there is no 02:30 in Europe/Berlin; it fires at 03:00 then",
                "2:10 on 2026-10-25 02:30 comes twice in Europe/Berlin; it fires the first time only"
            ]
        );
        assert_eq!(
            advice("*/30 2 * * * a b"),
            [
                "1:12 on 2026-03-29 there is no 02:00 in Europe/Berlin; it does not fire at that time then; the \
                 clock goes on at 03:00",
                "1:12 on 2026-10-25 02:00 comes twice in Europe/Berlin; it fires both times"
            ]
        );
        let sunday = advice("CRON_TZ=Australia/Lord_Howe\n15 2 * 10 sun a b");
        assert_eq!(
            sunday,
            ["1:13 on 2026-10-04 there is no 02:15 in Australia/Lord_Howe; it fires at 02:30 then"]
        );
    }

    #[test]
    fn a_step_that_does_not_divide_is_told() {
        assert_eq!(
            advice("*/7 * * * * a b"),
            [
                "1:3 `*/7` is not even: after the minute 56 comes 0 again; even steps are 2, 3, 4, 5, 6, 10, 12, \
                 15, 20, 30"
            ]
        );
        assert_eq!(advice("0,/90 * * * * a b").len(), 1);
        assert!(advice("0,/90 * * * * a b")[0].starts_with("3:3 `/90` is the minute 0 alone"));
        assert_eq!(
            advice("0 0 */2 * * a b"),
            ["5:3 `*/2` is not even: after the day of month 31 comes the 1st again"]
        );
        assert_eq!(
            advice("0 0 * */5 */4 a b").iter().map(|text| &text[..8]).collect::<Vec<_>>(),
            ["7:3 `*/5", "11:3 `*/"]
        );
    }
}
