//! Showing what becomes of one request, to its outcome: for `lamplighter run` and `lamplighter follow`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval};

use super::error::CommandError;
use super::interrupts::{Interrupt, Interrupts, pause, status_of};
use super::look::is_terminal;
use super::progress::Progress;
use super::retry::Retry;
use super::table::Tone;
use super::telling::{Place, Update};
use super::{ages, note, say};
use crate::journal::KEPT;
use crate::visible;
use crate::wire::{Event, Outcome, OutcomeWord, Shown};

/// How often the time on the bottom line goes on.
const TICK: Duration = Duration::from_secs(1);
/// The exit status of a request that did not succeed, or of one that goes on after an attempt that did not.
const FAILED: u8 = 1;

/// How a request is followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// For programs: each line as it is told.
    pub(super) json: bool,
    /// Not beyond an attempt that fails.
    pub(super) no_retry_wait: bool,
}

/// A request that is followed.
pub(super) struct Following {
    place: Place,
    action: String,
    manner: Manner,
    progress: Progress,
    /// What it does, and since when.
    doing: (String, Timestamp),
    attempt: u32,
    /// The last attempt of which it was said that it failed.
    said_failed: u32,
    /// What the attempt has printed here, in bytes.
    printed: usize,
    /// Whether lines may be missing since the last one.
    is_torn: bool,
}

impl Following {
    /// Follows a request of this action from now on.
    pub(super) fn new(place: Place, action: &str, manner: Manner) -> Self {
        Self {
            place,
            action: action.to_owned(),
            manner,
            progress: Progress::new(!manner.json),
            doing: ("waits".to_owned(), Timestamp::now()),
            attempt: 0,
            said_failed: 0,
            printed: 0,
            is_torn: false,
        }
    }

    /// Shows what is told, to the outcome; the exit status that says it.
    ///
    /// # Errors
    /// When the service is not to be reached again, or tells nothing.
    pub(super) async fn show(mut self, mut updates: Receiver<Update>) -> Result<u8, CommandError> {
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
                next = updates.recv() => {
                    self.progress.clear();
                    match next {
                        Some(Update::Line(line)) => if let Some(status) = self.take(line)? { return Ok(status) },
                        Some(Update::Lost) => self.lost(),
                        Some(Update::GivenUp(error)) => return Err(error),
                        None => return Ok(FAILED),
                    }
                }
                _ = tick.tick(), if self.progress.shows() => {}
            }
            // What has come already is shown before the line below it.
            if updates.is_empty() {
                self.draw();
            }
        }
    }

    fn draw(&mut self) {
        let (what, since) = &self.doing;
        let time = ages::span(ages::between(*since, Timestamp::now()));
        let text = format!("{} {what} {time}", self.label());
        self.progress.draw(&text);
    }

    fn label(&self) -> String {
        format!("{} {}", self.action, self.place.id.short())
    }

    /// Takes a line; the exit status when it is the last that is waited for.
    fn take(&mut self, mut line: Value) -> Result<Option<u8>, CommandError> {
        let event = Event::read(&line);
        if self.manner.json {
            line["service"] = self.place.service.as_str().into();
            say(&line);
        }
        match event {
            Event::Past { shown, .. } => return self.take_past(shown),
            // Not even whether it has ended could be told of another form.
            Event::Other if line["event"] == "past" => return Err(self.foreign()),
            Event::Accepted { at, .. } => self.doing = ("waits".to_owned(), at),
            Event::Joined { with, .. } => {
                note(format_args!("{} joins {with}, which waits already", self.label()));
            }
            Event::Started { attempt, at, .. } => self.started(attempt, at),
            Event::Output { text, .. } => {
                self.printed += text.len() + 1;
                self.print(&text);
            }
            Event::Retried { .. } => {
                return Ok(Retry::of_event(&event).and_then(|retry| self.failed(&retry)));
            }
            Event::PutBack { .. } => self.doing = ("waits".to_owned(), Timestamp::now()),
            Event::Ended { outcome, took_ms, note, .. } => {
                return Ok(Some(self.ended(&outcome, took_ms, note.as_deref())));
            }
            Event::Overdue { .. }
            | Event::Recovered { .. }
            | Event::Problems { .. }
            | Event::Forgotten { .. }
            | Event::Other => {}
        }
        Ok(None)
    }

    fn foreign(&self) -> CommandError {
        CommandError::Foreign {
            doing: "follow the request",
            service: self.place.service.to_string(),
            what: self.place.id.to_string(),
        }
    }

    /// What has become of it so far: at the beginning, and again when the supervisor had gone.
    fn take_past(&mut self, shown: Shown) -> Result<Option<u8>, CommandError> {
        let Shown { run: Some(run), output, dropped } = shown else { return Err(self.foreign()) };
        self.action = run.action.to_string();
        self.doing = ("waits".to_owned(), run.accepted_at);
        let last = run.attempts.last();
        if let Some(last) = last {
            self.started(last.attempt, last.started_at);
        }
        self.catch_up(&output.unwrap_or_default(), dropped);
        if let Some(retry) = run.failed_attempt().and_then(Retry::of_record) {
            return Ok(self.failed(&retry));
        }
        let took_ms = last.and_then(|last| last.took_ms).unwrap_or_default();
        Ok(run.outcome.map(|outcome| self.ended(&outcome, took_ms, run.note.as_deref())))
    }

    /// Prints what the attempt has printed, beyond what is here already.
    fn catch_up(&mut self, output: &str, dropped: Option<u64>) {
        // An earlier version does not tell whether the beginning was dropped.
        let is_cut = dropped.map_or(output.len() >= KEPT, |bytes| bytes > 0);
        let unseen = match output.get(self.printed..) {
            Some(unseen) if self.printed == 0 || !is_cut => unseen,
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

    fn started(&mut self, attempt: u32, at: Timestamp) {
        if attempt != self.attempt {
            (self.attempt, self.printed) = (attempt, 0);
        }
        let which = if attempt > 1 { format!("runs, attempt {attempt},") } else { "runs".to_owned() };
        self.doing = (which, at);
    }

    /// An attempt has failed and another one follows: who waits is told why and for how long, and how to leave.
    fn failed(&mut self, retry: &Retry) -> Option<u8> {
        let now = Timestamp::now();
        let is_news = retry.attempt > self.said_failed;
        if is_news {
            let leave = match (self.manner.no_retry_wait, is_terminal()) {
                _ if self.said_failed > 0 => "",
                (true, _) => "",
                (false, true) => "; Ctrl-C leaves, and it goes on",
                (false, false) => "; with --no-retry-wait this is not waited for",
            };
            note(format_args!("{} {}{leave}", self.label(), retry.in_words(now)));
            self.said_failed = retry.attempt;
        }
        if self.manner.no_retry_wait {
            self.say_detached();
            return Some(FAILED);
        }
        let waits = format!("{}, waits for {},", retry.failure(), retry.following());
        self.doing = (waits, retry.ended_at.unwrap_or(now));
        None
    }

    fn lost(&mut self) {
        self.is_torn = true;
        note(format_args!("{} has gone: waiting for it to come back", self.place.service));
    }

    /// Says how it ended, as the last line.
    fn ended(&mut self, outcome: &Outcome, took_ms: u64, said: Option<&str>) -> u8 {
        // A callback that has looked and found nothing to do has done what was asked; what was never begun has not.
        let is_done = outcome.is_success() || (outcome.word == OutcomeWord::Skipped && self.attempt > 0);
        if !self.manner.json {
            let note = said.map(|said| format!(" ({said})")).unwrap_or_default();
            let outcome = tone_of(outcome).paint(&outcome.to_string());
            say(format_args!("{} {outcome} after {}{note}", self.label(), ages::took(took_ms)));
        }
        if is_done { 0 } else { FAILED }
    }

    fn say_detached(&self) {
        let again = format!("`lamplighter follow {}` follows it again", self.place.id.short());
        note(format_args!("{} goes on; {again}", self.label()));
    }

    /// What a run printed, for people; programs have it in the line already.
    fn print(&self, text: &str) {
        if !self.manner.json {
            say(visible::text(text));
        }
    }
}

/// Good is what succeeded, bad what failed; the rest is neither.
pub(super) fn tone_of(outcome: &Outcome) -> Tone {
    match outcome {
        outcome if outcome.is_success() => Tone::Good,
        outcome if outcome.is_failure() => Tone::Bad,
        _ => Tone::Odd,
    }
}
