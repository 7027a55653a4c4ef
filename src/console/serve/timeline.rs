//! The picture of what comes: each entry of the schedule a row, each time that it is due a mark, and a bar where these lie so
//! close to each other that nobody could tell them apart. Days and hours are those of the wall clock, and where that jumps the
//! picture goes on evenly.

use jiff::{Span, Timestamp, ToSpan, Unit, ZonedRound};

use super::page::Clock;
use super::picture::{LEFT, Line, SHORTEST, Tick, WIDTH, rounded};
use crate::console::instant;
use crate::schedule::{Expression, Zone, latest, next, parse_expression};
use crate::wire::Occurrence;

/// Marks that are closer to each other are one bar.
const CLOSE: f64 = 6.0;
/// So many rows are drawn at most.
pub(super) const MOST: usize = 100;

/// The picture of one stretch of time that begins now.
pub(super) struct Timeline {
    pub(super) name: &'static str,
    /// The same as the beginning of an id.
    pub(super) id: &'static str,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) ticks: Vec<Tick>,
    pub(super) rows: Vec<Line<Mark>>,
}

/// One time, or many that are as good as one.
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) width: f64,
    pub(super) title: String,
}

impl Timeline {
    pub(super) fn of_day(coming: &[Occurrence], clock: &Clock) -> Option<Self> {
        Self::of("The coming day", "day", 1.day(), coming, clock)
    }

    pub(super) fn of_week(coming: &[Occurrence], clock: &Clock) -> Option<Self> {
        Self::of("The coming week", "week", 7.days(), coming, clock)
    }

    /// Nothing where the calendar has no such time any more.
    fn of(
        name: &'static str,
        id: &'static str,
        span: Span,
        coming: &[Occurrence],
        clock: &Clock,
    ) -> Option<Self> {
        let scale = Scale::of(span, clock)?;
        let rows: Vec<_> = coming
            .iter()
            .take(MOST)
            .zip(0..)
            .map(|(entry, number)| row(entry, number, &scale, clock))
            .collect();
        let ticks = scale.ticks(clock);
        Some(Self { name, id, width: LEFT + WIDTH + 10.0, height: Line::height(&rows), ticks, rows })
    }
}

/// Which seconds are drawn, and where.
struct Scale {
    from: i64,
    until: i64,
    is_day: bool,
}

impl Scale {
    fn of(span: Span, clock: &Clock) -> Option<Self> {
        let now = clock.now.to_zoned(clock.zone.rules().clone());
        let until = now.checked_add(span).ok()?.timestamp().as_second();
        Some(Self { from: clock.now.as_second(), until, is_day: span.get_days() == 1 })
    }

    #[allow(clippy::cast_precision_loss, reason = "a week has far fewer seconds than a float tells apart")]
    fn x(&self, at: i64) -> f64 {
        rounded(LEFT + WIDTH * (at - self.from) as f64 / (self.until - self.from) as f64)
    }

    /// How many seconds are close to each other.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "it is a week at most")]
    fn close(&self) -> i64 {
        (CLOSE / WIDTH * (self.until - self.from) as f64) as i64
    }

    /// Each day, or each third hour by the wall clock.
    fn ticks(&self, clock: &Clock) -> Vec<Tick> {
        let hours = self.whole_hours(clock);
        let ticks = hours.filter_map(|at| {
            let local = at.to_zoned(clock.zone.rules().clone());
            let is_meant = if self.is_day { local.hour() % 3 == 0 } else { local.hour() == 0 };
            let form = if self.is_day { "%H:%M" } else { "%a %-d" };
            let name = local.strftime(form).to_string();
            is_meant.then(|| Tick { x: self.x(at.as_second()), name })
        });
        let mut ticks: Vec<Tick> = ticks.collect();
        // An hour that comes twice is named twice, and a name has no room there.
        for index in 1..ticks.len() {
            if ticks[index].x - ticks[index - 1].x < 40.0 {
                ticks[index].name.clear();
            }
        }
        ticks
    }

    fn whole_hours(&self, clock: &Clock) -> impl Iterator<Item = Timestamp> {
        let now = clock.now.to_zoned(clock.zone.rules().clone());
        let floor = ZonedRound::new().smallest(Unit::Hour).mode(jiff::RoundMode::Floor);
        let first = now.round(floor).map_or(clock.now, |hour| hour.timestamp());
        let hours =
            std::iter::successors(first.checked_add(1.hour()).ok(), |at| at.checked_add(1.hour()).ok());
        let until = self.until;
        hours.take_while(move |at| at.as_second() < until)
    }
}

fn row(entry: &Occurrence, number: u32, scale: &Scale, clock: &Clock) -> Line<Mark> {
    let name = format!("{} {}", entry.service, entry.action);
    let times = Times::of(entry);
    let marks = times.stretches(scale).into_iter().map(|(first, last)| {
        let x = scale.x(first);
        let when = instant::show(first, &clock.zone);
        let title = match times.words() {
            Some(words) if last > first => {
                format!("{name}: {words}; from {when} to {}", instant::show(last, &clock.zone))
            }
            _ => format!("{name}: {when}"),
        };
        Mark { x, width: rounded((scale.x(last) - x).max(SHORTEST)), title }
    });
    Line::of(number, &name, marks.collect())
}

/// When an entry is due, as far as that is known here.
pub(super) struct Times {
    first: i64,
    /// How long after the times that it names it is due.
    delay: i64,
    calendar: Option<(Expression, Zone)>,
}

impl Times {
    pub(super) fn of(entry: &Occurrence) -> Self {
        let expression = entry.time.as_deref().and_then(|time| parse_expression(time).ok());
        // The scheduler may have zones that are unknown here.
        let zone = entry.zone.as_deref().and_then(|zone| Zone::named(zone).ok());
        let at = entry.at.unwrap_or(entry.due);
        Self { first: at, delay: entry.due - at, calendar: expression.zip(zone) }
    }

    /// What the entry's time means.
    pub(super) fn words(&self) -> Option<String> {
        self.calendar.as_ref().map(|(expression, _)| expression.in_words())
    }

    fn next(&self, after: i64) -> Option<i64> {
        let (expression, zone) = self.calendar.as_ref()?;
        next(expression, zone, after)
    }

    /// From which time to which it is due again and again, in the time that is drawn. It is not asked for each time of a
    /// bar, so that a thousand entries that are due each minute are drawn as soon as any others.
    fn stretches(&self, scale: &Scale) -> Vec<(i64, i64)> {
        let (from, until, close) = (scale.from - self.delay, scale.until - self.delay, scale.close());
        let mut stretches = Vec::<(i64, i64)>::new();
        let mut coming = if self.first < from { self.next(from - 1) } else { Some(self.first) };
        while let Some(at) = coming.filter(|at| *at < until) {
            let end = (at + close).min(until - 1);
            let last =
                self.calendar.as_ref().and_then(|(expression, zone)| latest(expression, zone, at, end));
            let last = last.unwrap_or(at);
            match stretches.last_mut() {
                Some(before) if at - before.1 <= close => before.1 = last,
                _ => stretches.push((at, last)),
            }
            coming = self.next(last);
        }
        stretches.into_iter().map(|(first, last)| (first + self.delay, last + self.delay)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(now: &str, zone: &str) -> Clock {
        Clock { zone: Zone::named(zone).unwrap(), now: now.parse().unwrap() }
    }

    /// An entry whose next time is the first one after now.
    fn entry(time: &str, clock: &Clock) -> Occurrence {
        let at = next(&parse_expression(time).unwrap(), &clock.zone, clock.now.as_second()).unwrap();
        Occurrence {
            due: at,
            at: Some(at),
            zone: Some(clock.zone.name().to_owned()),
            time: Some(time.to_owned()),
            line: None,
            service: "mysql".parse().unwrap(),
            user: "root".parse().unwrap(),
            action: "keep".parse().unwrap(),
        }
    }

    fn marks(picture: &Timeline) -> Vec<(f64, f64)> {
        picture.rows[0].marks.iter().map(|mark| (mark.x, mark.width)).collect()
    }

    #[test]
    fn what_is_due_each_minute_is_one_bar_and_what_is_due_now_and_then_a_mark_each_time() {
        let clock = clock("2026-11-28T12:00:30Z", "UTC");
        let day = |time| Timeline::of_day(&[entry(time, &clock)], &clock).unwrap();
        let week = |time| Timeline::of_week(&[entry(time, &clock)], &clock).unwrap();
        for picture in [day("* * * * *"), week("* * * * *"), week("0 * * * *")] {
            let marks = marks(&picture);
            assert!(marks.len() == 1 && marks[0].1 > 0.98 * WIDTH, "{marks:?}");
        }
        assert!(day("* * * * *").rows[0].marks[0].title.contains("every minute; from Sat 2026-11-28 12:01"));
        assert_eq!(marks(&day("0 * * * *")).len(), 24);
        assert_eq!(marks(&week("5 4 * * *")).len(), 7);
        let [(x, width)] = marks(&day("0 0 * * *"))[..] else { panic!("once a day") };
        assert!((x - (LEFT + WIDTH / 2.0)).abs() < 0.5 && (width - SHORTEST).abs() < 0.01, "{x} {width}");
        let working = marks(&week("* 8-17 * * mon-fri"));
        assert_eq!(working.len(), 5, "{working:?}");
    }

    #[test]
    fn what_is_put_off_is_drawn_when_it_is_due_and_what_is_late_from_now_on() {
        let clock = clock("2026-11-28T12:00:00Z", "UTC");
        let put_off =
            Occurrence { due: clock.now.as_second() + 43_200 + 1_800, ..entry("0 0 * * *", &clock) };
        let [(x, _)] = marks(&Timeline::of_day(&[put_off], &clock).unwrap())[..] else { panic!("once") };
        assert!((x - (LEFT + WIDTH * 12.5 / 24.0)).abs() < 0.5, "{x}");
        let yesterday = clock.now.as_second() - 86_400;
        let late = Occurrence { due: yesterday, at: Some(yesterday), ..entry("0 12 * * *", &clock) };
        assert_eq!(marks(&Timeline::of_week(&[late], &clock).unwrap()).len(), 7);
    }

    #[test]
    fn a_zone_or_a_time_that_is_unknown_here_has_the_one_mark_that_was_told() {
        let clock = clock("2026-11-28T12:00:00Z", "UTC");
        let known = entry("0 * * * *", &clock);
        for unknown in [
            Occurrence { zone: Some("Mars/Phobos".to_owned()), ..known.clone() },
            Occurrence { time: Some("@moonrise".to_owned()), ..known.clone() },
            Occurrence { time: None, zone: None, at: None, ..known },
        ] {
            assert_eq!(marks(&Timeline::of_day(&[unknown], &clock).unwrap()).len(), 1);
        }
    }

    #[test]
    fn where_the_wall_clock_jumps_the_hours_keep_their_names_and_the_picture_its_end() {
        // Of this night the hour from two on is missing in Berlin, of the other it comes twice.
        for (now, hours, names) in [
            ("2026-03-28T17:00:00Z", 23.0, "21:00 00:00 03:00 06:00 09:00 12:00 15:00"),
            ("2026-10-24T16:00:00Z", 25.0, "21:00 00:00 03:00 06:00 09:00 12:00 15:00"),
        ] {
            let clock = clock(now, "Europe/Berlin");
            let picture = Timeline::of_day(&[entry("0 12 * * *", &clock)], &clock).unwrap();
            let named: Vec<&str> = picture.ticks.iter().map(|tick| tick.name.as_str()).collect();
            assert_eq!(named.join(" "), names);
            // Noon is six hours before the end, whichever way.
            let [(x, _)] = marks(&picture)[..] else { panic!("once a day") };
            assert!((x - (LEFT + WIDTH * (hours - 6.0) / hours)).abs() < 0.5, "{now}: {x}");
        }
    }
}
