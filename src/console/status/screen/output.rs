//! The output of a run that is followed, as it comes.

use jiff::Timestamp;

use crate::console::table::{Piece, Tone};
use crate::console::telling::{Place, Update};
use crate::console::{ages, following, retry::Retry};
use crate::names::{RequestId, ServiceName};
use crate::visible;
use crate::wire::{Event, Shown};

/// So many lines are kept.
const MOST: usize = 5_000;

/// A run, with what it has printed.
pub(in crate::console::status) struct Output {
    pub(super) place: Place,
    action: String,
    lines: Vec<String>,
    state: (String, Tone),
    since: Option<Timestamp>,
    attempt: u32,
}

impl Output {
    pub(in crate::console::status) fn new(place: Place, action: String) -> Self {
        Self {
            place,
            action,
            lines: Vec::new(),
            state: ("waits".to_owned(), Tone::Plain),
            since: None,
            attempt: 0,
        }
    }

    /// Whether it is the one of this request.
    pub(in crate::console::status) fn is_of(&self, service: &ServiceName, id: &RequestId) -> bool {
        self.place.service == *service && self.place.id == *id
    }

    /// Takes what is told of it.
    pub(in crate::console::status) fn take(&mut self, update: Update) {
        match update {
            Update::Line(line) => self.happened(Event::read(&line)),
            Update::Lost => self.is(format!("{} has gone, and is waited for", self.place.service), Tone::Odd),
            Update::GivenUp(error) => self.is(error.to_string(), Tone::Bad),
        }
    }

    fn is(&mut self, state: String, tone: Tone) {
        (self.state, self.since) = ((state, tone), None);
    }

    fn started(&mut self, attempt: u32, at: Timestamp) {
        if attempt != self.attempt && self.attempt > 0 {
            self.print(&format!("── attempt {attempt}"));
        }
        self.attempt = attempt;
        (self.state, self.since) = (("running".to_owned(), Tone::Strong), Some(at));
    }

    fn happened(&mut self, event: Event) {
        match event {
            Event::Past { shown, .. } => self.past(shown),
            Event::Started { attempt, at, .. } => self.started(attempt, at),
            Event::Output { text, .. } => self.print(&text),
            Event::Retried { .. } => {
                if let Some(retry) = Retry::of_event(&event) {
                    self.is(retry.in_words(Timestamp::now()), Tone::Odd);
                }
            }
            Event::Ended { outcome, took_ms, .. } => {
                self.is(format!("{outcome} after {}", ages::took(took_ms)), following::tone_of(&outcome));
            }
            _ => {}
        }
    }

    /// What has become of it so far: all that it has printed comes again.
    fn past(&mut self, shown: Shown) {
        let Some(run) = shown.run else { return };
        self.action = run.action.to_string();
        self.lines.clear();
        if shown.dropped.is_some_and(|bytes| bytes > 0) {
            self.print("… what it has printed before is kept no longer");
        }
        self.print(shown.output.unwrap_or_default().trim_end_matches('\n'));
        let Some(last) = run.attempts.last() else { return };
        self.attempt = last.attempt;
        match &run.outcome {
            Some(outcome) => {
                let took = ages::took(last.took_ms.unwrap_or_default());
                self.is(format!("{outcome} after {took}"), following::tone_of(outcome));
            }
            None => self.started(last.attempt, last.started_at),
        }
    }

    fn print(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.lines.extend(visible::text(text).lines().map(|line| line.replace('\t', "    ")));
        let beyond = self.lines.len().saturating_sub(MOST);
        self.lines.drain(..beyond);
    }

    /// Its heading.
    pub(super) fn title(&self, now: Timestamp) -> Vec<Piece> {
        let since = self.since.map(|at| format!(" {}", ages::span(ages::between(at, now))));
        let Place { service, id, .. } = &self.place;
        vec![
            Piece::new(format!("── {} {} of {service}: ", self.action, id.short()), Tone::Strong),
            Piece::new(format!("{}{}", self.state.0, since.unwrap_or_default()), self.state.1),
        ]
    }

    /// So many of its lines, as long as they fit this width, that end so many before the last one.
    pub(super) fn shown(&self, width: usize, height: usize, back: usize) -> Vec<String> {
        // Long lines are broken: of what a run says, nothing is left out.
        let lines: Vec<String> = self.lines.iter().flat_map(|line| broken(line, width)).collect();
        let end = lines.len() - back.min(lines.len().saturating_sub(height));
        lines[end.saturating_sub(height)..end].to_vec()
    }

    /// How far back one can go.
    pub(super) fn most_back(&self, width: usize, height: usize) -> usize {
        self.lines.iter().map(|line| broken(line, width).len()).sum::<usize>().saturating_sub(height)
    }
}

/// The line in pieces of at most this width.
fn broken(line: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut taken = 0;
    for c in line.chars() {
        let own = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if taken + own > width && taken > 0 {
            pieces.push(String::new());
            taken = 0;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(c);
        }
        taken += own;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_and_nothing_of_them_is_lost() {
        assert_eq!(broken("abcdefg", 3), ["abc", "def", "g"]);
        assert_eq!(broken("日本語", 4), ["日本", "語"]);
        assert_eq!(broken("", 3), [""]);
        assert_eq!(broken("日", 1), ["日"], "what is wider than all has a line of its own");
    }
}
