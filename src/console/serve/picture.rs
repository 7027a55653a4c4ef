//! The picture of the last thirty days: each action a row, each run a mark, as long as it took. What became of it is told by
//! the mark's colour and by its shape. Drawn as SVG, whose attributes need no style of their own.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};

use super::page::Clock;
use super::past::{DAYS, Past};
use crate::console::ages;
use crate::console::history::state;

/// How wide the days are drawn, from where on, and how high a row is.
pub(super) const WIDTH: f64 = 900.0;
pub(super) const LEFT: f64 = 220.0;
const ROW: f64 = 26.0;
const HEAD: f64 = 24.0;
/// So many characters of a row's name have room before the marks.
const LONGEST_NAME: usize = 31;
/// The shortest mark.
pub(super) const SHORTEST: f64 = 3.0;
/// So many marks are drawn at most.
const MOST: usize = 4000;

/// The picture.
pub(super) struct Picture {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The lines between days, with the day's name where there is room for it.
    pub(super) days: Vec<Tick>,
    pub(super) rows: Vec<Line<Mark>>,
}

/// A line between stretches of time, with its name.
pub(super) struct Tick {
    pub(super) x: f64,
    pub(super) name: String,
}

/// A row with its marks.
pub(super) struct Line<M> {
    pub(super) name: String,
    pub(super) y: f64,
    pub(super) middle: f64,
    pub(super) marks: Vec<M>,
}

impl<M> Line<M> {
    /// The row of this number, counted from 0.
    pub(super) fn of(number: u32, name: &str, marks: Vec<M>) -> Self {
        let y = HEAD + ROW * f64::from(number);
        Self { name: row_name(name), y, middle: y + ROW / 2.0, marks }
    }

    /// How high all rows are together.
    pub(super) fn height(rows: &[Self]) -> f64 {
        rows.last().map_or(HEAD, |last| last.y) + ROW
    }
}

/// One run, or several that succeeded so close to each other that they are one mark.
pub(super) struct Mark {
    pub(super) x: f64,
    pub(super) end: f64,
    pub(super) width: f64,
    /// The outcome's word, which decides shape and colour.
    pub(super) shape: &'static str,
    pub(super) title: String,
    pub(super) link: String,
    count: usize,
}

impl Picture {
    pub(super) fn of(past: &[Past], clock: &Clock) -> Self {
        let scale = Scale { now: clock.now };
        let mut rows = BTreeMap::<String, Vec<Mark>>::new();
        // The oldest first, so that what is drawn later lies above.
        for past in past.iter().take(MOST).rev() {
            let marks = rows.entry(format!("{} {}", past.service, past.run.action)).or_default();
            let Some(mark) = Mark::of(past, &scale, clock) else { continue };
            match marks.last_mut() {
                Some(last) if last.takes(&mark) => last.grow(&mark),
                _ => marks.push(mark),
            }
        }
        let rows: Vec<_> =
            rows.into_iter().zip(0..).map(|((name, marks), number)| Line::of(number, &name, marks)).collect();
        Self { width: LEFT + WIDTH + 10.0, height: Line::height(&rows), days: days(&scale, clock), rows }
    }
}

struct Scale {
    now: Timestamp,
}

impl Scale {
    /// Where an instant is; nothing when it is before the first day.
    fn x(&self, at: Timestamp) -> Option<f64> {
        let seconds = f64::from(DAYS) * 86_400.0;
        let before = self.now.duration_since(at).as_secs_f64();
        (before <= seconds).then(|| rounded(LEFT + WIDTH * (1.0 - before.max(0.0) / seconds)))
    }
}

/// A tenth of a point is more than anybody sees.
pub(super) fn rounded(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}

/// A row's name, as much of it as there is room for.
fn row_name(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

fn days(scale: &Scale, clock: &Clock) -> Vec<Tick> {
    let today = clock.now.to_zoned(clock.zone.rules().clone());
    let days = (0..i64::from(DAYS)).filter_map(|ago| {
        let day = today.checked_sub(ago.days()).ok()?.start_of_day().ok()?;
        let name = if ago % 5 == 0 { day.strftime("%b %-d").to_string() } else { String::new() };
        Some(Tick { x: scale.x(day.timestamp())?, name })
    });
    days.collect()
}

impl Mark {
    fn of(past: &Past, scale: &Scale, clock: &Clock) -> Option<Self> {
        let run = &past.run;
        let began = run.attempts.first().map_or(run.accepted_at, |attempt| attempt.started_at);
        let x = scale.x(began)?;
        let end = scale.x(run.ended_at.unwrap_or(clock.now)).unwrap_or(x);
        let width = rounded((end - x).max(SHORTEST));
        let took = run.attempts.last().and_then(|attempt| attempt.took_ms);
        let took = took.map(|took| format!(", took {}", ages::took(took))).unwrap_or_default();
        let (action, words, at) = (&run.action, state(run), clock.instant(began));
        Some(Self {
            x,
            end: x + width,
            width,
            shape: shape(run.outcome.as_ref().map(|outcome| outcome.word.as_str())),
            title: format!("{} {action} {words}, {at}{took}", past.service),
            link: format!("/runs/{}/{}", past.service, run.id),
            count: 1,
        })
    }

    /// Whether another one would lie on this one and say the same.
    fn takes(&self, other: &Self) -> bool {
        self.shape == "succeeded" && other.shape == "succeeded" && other.x <= self.end
    }

    fn grow(&mut self, other: &Self) {
        self.count += 1;
        self.end = self.end.max(other.end);
        self.width = rounded(self.end - self.x);
        self.title = format!("{} runs succeeded, the last one: {}", self.count, other.title);
        self.link.clone_from(&other.link);
    }
}

fn shape(word: Option<&str>) -> &'static str {
    match word {
        Some("succeeded") => "succeeded",
        Some("failed") => "failed",
        Some("timed-out") => "timed-out",
        Some("interrupted") => "interrupted",
        Some("cancelled") => "cancelled",
        Some("skipped") => "skipped",
        Some(_) => "other",
        None => "running",
    }
}
