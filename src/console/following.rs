//! Showing what becomes of one request, to its outcome: for `lamplighter run` and `lamplighter follow`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval};

use super::error::CommandError;
use super::interrupts::{Interrupt, Interrupts, pause, status_of};
use super::progress::Progress;
use super::table::Tone;
use super::telling::{Place, Told};
use super::{ages, note, say, visible};

/// How often the time on the bottom line goes on.
const TICK: Duration = Duration::from_secs(1);
/// The exit status of a request that did not succeed.
const FAILED: u8 = 1;

/// A request that is followed.
pub(super) struct Following {
    place: Place,
    action: String,
    json: bool,
    progress: Progress,
    /// What it does, and since when.
    doing: (&'static str, Timestamp),
    attempt: u64,
    /// What the attempt has printed here, in bytes.
    printed: usize,
    /// Whether lines may be missing since the last one.
    is_torn: bool,
}

impl Following {
    /// Follows a request of this action from now on.
    pub(super) fn new(place: Place, action: &str, json: bool) -> Self {
        Self {
            place,
            action: action.to_owned(),
            json,
            progress: Progress::new(!json),
            doing: ("waits", Timestamp::now()),
            attempt: 0,
            printed: 0,
            is_torn: false,
        }
    }

    /// Shows what is told, to the outcome; the exit status that says it.
    ///
    /// # Errors
    /// When the service is not to be reached again, or tells nothing.
    pub(super) async fn show(mut self, mut told: Receiver<Told>) -> Result<u8, CommandError> {
        let interrupts = Interrupts::open()?;
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                interrupt = interrupts.next() => match interrupt {
                    Interrupt::End(number) => {
                        self.progress.clear();
                        self.say_detached();
                        return Ok(status_of(number));
                    }
                    Interrupt::Pause => {
                        self.progress.clear();
                        pause();
                    }
                    Interrupt::Redraw => {}
                },
                next = told.recv() => {
                    self.progress.clear();
                    match next {
                        Some(Told::Line(line)) => if let Some(status) = self.take(&line) { return Ok(status) },
                        Some(Told::Lost) => self.lost(),
                        Some(Told::GivenUp(error)) => return Err(error),
                        None => return Ok(FAILED),
                    }
                }
                _ = tick.tick(), if self.progress.shows() => {}
            }
            // What has come already is shown before the line below it.
            if told.is_empty() {
                self.draw();
            }
        }
    }

    fn draw(&mut self) {
        let (what, since) = self.doing;
        let time = ages::span(ages::between(since, Timestamp::now()));
        let text = format!("{} {what} {time}", self.label());
        self.progress.draw(&text);
    }

    fn label(&self) -> String {
        let id = &self.place.id;
        format!("{} {}", self.action, id.get(..8).unwrap_or(id))
    }

    /// Takes a line; the exit status when it is the outcome.
    fn take(&mut self, line: &Value) -> Option<u8> {
        if self.json {
            let mut line = line.clone();
            line["service"] = self.place.service.as_str().into();
            say(&line);
        }
        match line["event"].as_str() {
            Some("past") => return self.take_past(line),
            Some("accepted") => self.doing = ("waits", at(line, "at")),
            Some("joined") => {
                let with = visible::line(line["with"].as_str().unwrap_or_default()).into_owned();
                note(format_args!("{} joins {with}, which waits already", self.label()));
            }
            Some("started") => self.started(line["attempt"].as_u64().unwrap_or(1), at(line, "at")),
            Some("output") => {
                let text = line["text"].as_str().unwrap_or_default();
                self.printed += text.len() + 1;
                self.print(text);
            }
            Some("retried") => self.retried(line),
            Some("put-back") => self.doing = ("waits", Timestamp::now()),
            Some("ended") => {
                let took = line["took_ms"].as_u64().unwrap_or_default();
                return Some(self.ended(&outcome(line), took, line["note"].as_str()));
            }
            _ => {}
        }
        None
    }

    /// What has become of it so far: at the beginning, and again when the supervisor had gone. Only what is
    /// needed is read: a supervisor of another version may tell of it in another form.
    fn take_past(&mut self, line: &Value) -> Option<u8> {
        let run = &line["run"];
        if let Some(action) = run["action"].as_str() {
            self.action = visible::line(action).into_owned();
        }
        self.doing = ("waits", at(run, "accepted_at"));
        let has_ended = run["outcome"].is_string();
        let last = run["attempts"].as_array().and_then(|attempts| attempts.last()).unwrap_or(&Value::Null);
        if let Some(attempt) = last["attempt"].as_u64() {
            self.started(attempt, at(last, "started_at"));
            if last["outcome"].is_string() && !has_ended {
                self.doing = ("waits for another attempt", at(last, "ended_at"));
            }
        }
        self.catch_up(line["output"].as_str().unwrap_or_default());
        let took = last["took_ms"].as_u64().unwrap_or_default();
        has_ended.then(|| self.ended(&outcome(run), took, run["note"].as_str()))
    }

    /// Prints what the attempt has printed, beyond what is here already.
    fn catch_up(&mut self, output: &str) {
        let unseen = match output.get(self.printed..) {
            Some(unseen) if self.printed == 0 || !is_cut(output) => unseen,
            _ if self.is_torn => {
                note(format_args!(
                    "lines may be missing here: `lamplighter show {}` has them",
                    self.place.id
                ));
                ""
            }
            _ => "",
        };
        self.printed += unseen.len();
        self.is_torn = false;
        if !unseen.is_empty() {
            self.print(unseen.trim_end_matches('\n'));
        }
    }

    fn started(&mut self, attempt: u64, at: Timestamp) {
        if attempt != self.attempt {
            (self.attempt, self.printed) = (attempt, 0);
        }
        self.doing = ("runs", at);
    }

    fn retried(&mut self, line: &Value) {
        let attempt = line["attempt"].as_u64().unwrap_or(1);
        let next = ages::ahead(at(line, "not_before"), Timestamp::now());
        note(format_args!("{} {} on attempt {attempt}: tried again {next}", self.label(), outcome(line)));
        self.doing = ("waits for another attempt", Timestamp::now());
    }

    fn lost(&mut self) {
        self.is_torn = true;
        note(format_args!("{} has gone: waiting for it to come back", self.place.service));
    }

    /// Says how it ended, as the last line.
    fn ended(&mut self, outcome: &str, took_ms: u64, said: Option<&str>) -> u8 {
        let is_success = outcome == "succeeded";
        if !self.json {
            let note = said.map(|said| format!(" ({})", visible::line(said))).unwrap_or_default();
            let tone = if is_success { Tone::Good } else { Tone::Bad };
            say(format_args!("{} {} after {}{note}", self.label(), tone.paint(outcome), ages::took(took_ms)));
        }
        if is_success { 0 } else { FAILED }
    }

    fn say_detached(&self) {
        let id = &self.place.id;
        let again = format!("`lamplighter follow {}` follows it again", id.get(..8).unwrap_or(id));
        note(format_args!("{} goes on; {again}", self.label()));
    }

    /// What a run printed, for people; programs have it in the line already.
    fn print(&self, text: &str) {
        if !self.json {
            say(visible::text(text));
        }
    }
}

/// Whether an output says that its beginning was not kept.
fn is_cut(output: &str) -> bool {
    output.lines().next().is_some_and(|first| first.ends_with(" bytes before this are not kept]"))
}

/// The outcome of a line, in words.
pub(super) fn outcome(line: &Value) -> String {
    let word = visible::line(line["outcome"].as_str().unwrap_or("ended")).into_owned();
    match line["code"].as_u64() {
        Some(code) => format!("{word} {code}"),
        None => word,
    }
}

/// An instant of a line; now where it tells none.
pub(super) fn at(line: &Value, field: &str) -> Timestamp {
    line[field].as_str().and_then(|at| at.parse().ok()).unwrap_or_else(Timestamp::now)
}
