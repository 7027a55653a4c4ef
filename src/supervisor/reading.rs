//! What was asked before, read back from the journal when somebody wants to know: beside the loop, of the journal as it was
//! when it was asked.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;
use tokio::sync::mpsc;

use crate::journal::{
    IdMatch, JournalError, JournalRecord, Query, RecordedRequest, Snapshot, dropped_before,
};
use crate::log;
use crate::names::RequestId;
use crate::request::{Answer, Refusal, RefusalCode};
use crate::socket::protocol::{self, Reply};
use crate::wire::{Event, History, PastWanted, RequestRecord, Shown};

use super::beside::{Done, beside};
use super::callers::WaitingCaller;
use super::calls::{lines_of, send_reply};
use super::engine::Engine;
use super::followers::Interest;

/// The most requests that one answer tells of.
const MOST_TOLD: usize = 1000;
/// Readers at the same time.
const MOST_READING: usize = 2;
/// Who may wait for one.
const MOST_WAITING: usize = 64;

/// What a reader has found.
pub(super) enum Finding {
    /// What is asked for, as it is told.
    All(Reply),
    /// The request that is meant.
    Request(Box<RecordedRequest>),
}

/// How much of what was read is told, and what after it.
pub(super) enum AnswerForm {
    /// All of it.
    All,
    /// A request with its output.
    Show,
    /// A request so far, and then what becomes of it.
    Follow,
    /// The outcome of the request with this id, now or later: it was asked for again.
    Outcome(RequestId),
}

type Work = Box<dyn FnOnce() -> Result<Finding, Refusal> + Send>;

/// Who reads, who waits for that, and what for.
#[derive(Default)]
pub(super) struct Readers {
    last: u64,
    on: usize,
    waiting: VecDeque<(u64, Work)>,
    open: HashMap<u64, (WaitingCaller, AnswerForm)>,
}

impl Engine {
    /// Has the wanted requests read.
    pub(super) fn history(&mut self, waiting: WaitingCaller, past: PastWanted) {
        let query = Query {
            action: past.action,
            failed_only: past.failed,
            since: past.since,
            successes: past.successes.unwrap_or(usize::MAX),
            limit: past.limit.min(MOST_TOLD),
        };
        self.begin_reading(waiting, AnswerForm::All, move |snapshot| {
            let runs = snapshot.history(&query).map_err(|error| unreadable(&error))?;
            let runs = runs.into_iter().map(RequestRecord::from).collect();
            Ok(Finding::All(Reply::of(&History { ok: true, runs })))
        });
    }

    /// Has the request read whose id begins with `id`.
    pub(super) fn find(&mut self, waiting: WaitingCaller, id: String, form: AnswerForm) {
        let number = self.readers.last + 1;
        if !matches!(form, AnswerForm::Show) {
            // What becomes of it meanwhile is not in what is read.
            self.followers.borrow_mut().watch(number, id.clone());
        }
        self.begin_reading(waiting, form, move |snapshot| {
            let found = snapshot.find(&id).map_err(|error| unreadable(&error))?;
            the_one(found, &id).map(Finding::Request)
        });
    }

    fn begin_reading(
        &mut self,
        waiting: WaitingCaller,
        form: AnswerForm,
        work: impl FnOnce(Snapshot) -> Result<Finding, Refusal> + Send + 'static,
    ) {
        self.readers.last += 1;
        let number = self.readers.last;
        self.readers.open.insert(number, (waiting, form));
        if self.readers.waiting.len() >= MOST_WAITING {
            let message = format!("{MOST_WAITING} wait already for something in the journal");
            return self.read_in_vain(number, Refusal::new(RefusalCode::Busy, message));
        }
        match Snapshot::take(&self.settings.folders.state) {
            Ok(snapshot) => {
                self.readers.waiting.push_back((number, Box::new(move || work(snapshot))));
                self.read_next();
            }
            Err(error) => self.read_in_vain(number, unreadable(&error)),
        }
    }

    fn read_next(&mut self) {
        while self.readers.on < MOST_READING
            && let Some((number, work)) = self.readers.waiting.pop_front()
        {
            match beside(&self.inbox, move || Done::Read(number, work())) {
                Ok(()) => self.readers.on += 1,
                Err(error) => {
                    let message = format!("there can be no thread to read the journal ({error})");
                    self.read_in_vain(number, Refusal::new(RefusalCode::Busy, message));
                }
            }
        }
    }

    /// A reader has done its work.
    pub(super) fn read(&mut self, number: u64, read: Result<Finding, Refusal>) {
        self.readers.on -= 1;
        self.answer_reading(number, read);
        self.read_next();
    }

    fn read_in_vain(&mut self, number: u64, refusal: Refusal) {
        self.answer_reading(number, Err(refusal));
    }

    fn answer_reading(&mut self, number: u64, read: Result<Finding, Refusal>) {
        let Some((waiting, form)) = self.readers.open.remove(&number) else { return };
        let meanwhile = self.followers.borrow_mut().watched(number);
        match (read, form) {
            (Ok(Finding::All(reply)), _) => send_reply(waiting, reply),
            (Ok(Finding::Request(mut request)), form) => {
                take_in(&mut request, &meanwhile);
                match form {
                    AnswerForm::Follow => self.follow_from_the_start(waiting, *request),
                    AnswerForm::Outcome(id) => self.tell_outcome(waiting, id, outcome_line(&request)),
                    AnswerForm::Show | AnswerForm::All => self.show(waiting, *request),
                }
            }
            (Err(refusal), AnswerForm::Outcome(id)) => {
                log::error(format_args!("what became of {id} is not known: {}", refusal.message));
                self.tell_outcome(waiting, id, None);
            }
            (Err(refusal), _) => self.refuse(waiting, refusal),
        }
    }

    fn show(&mut self, waiting: WaitingCaller, request: RecordedRequest) {
        send_reply(waiting, Reply::of(&Answered { ok: true, shown: self.shown(request) }));
    }

    /// First what has become of a request so far, then what becomes of it. Nothing lies between the two: this is within one
    /// turn of the loop.
    fn follow_from_the_start(&mut self, waiting: WaitingCaller, request: RecordedRequest) {
        let (id, has_ended) = (request.id.clone(), request.outcome.is_some());
        let past = protocol::object(&Event::Past { id: Some(id.clone()), shown: self.shown(request) });
        let lines = if has_ended {
            lines_of(past)
        } else {
            self.followers.borrow_mut().follow_after(past, Interest::Request(id))
        };
        send_reply(waiting, Reply::Lines(lines));
    }

    /// The outcome that is past, or the one that comes.
    fn tell_outcome(&mut self, waiting: WaitingCaller, id: RequestId, past: Option<String>) {
        if let Some(line) = past {
            return send_reply(waiting, Reply::Stream(Answer::Accepted(id), lines_of(line)));
        }
        let caller = self.remember(waiting);
        self.answer(caller, Answer::Accepted(id));
    }

    fn shown(&self, request: RecordedRequest) -> Shown {
        let so_far = self.listeners.values().find_map(|listener| listener.capture.printed_by(&request.id));
        let output = so_far.or_else(|| self.outputs.load(&request.id));
        let dropped = output.as_deref().map(dropped_before);
        let output = output.map(|output| String::from_utf8_lossy(&output).into_owned());
        Shown { run: Some(request.into()), output, dropped }
    }

    pub(super) fn follow(&self, interest: Interest) -> mpsc::Receiver<String> {
        self.followers.borrow_mut().follow(interest)
    }
}

fn the_one(found: IdMatch, id: &str) -> Result<Box<RecordedRequest>, Refusal> {
    match found {
        IdMatch::One(request) => Ok(request),
        IdMatch::None => {
            let message = format!("no request is known whose id begins with `{id}`");
            Err(Refusal::new(RefusalCode::UnknownId, message))
        }
        IdMatch::Many(ids) => {
            let named: Vec<_> = ids.iter().map(RequestId::as_str).collect();
            let message = format!("`{id}` begins the ids of several requests: {}", named.join(", "));
            Err(Refusal { ids, ..Refusal::new(RefusalCode::AmbiguousId, message) })
        }
    }
}

/// What became of the request while its past was read.
fn take_in(request: &mut RecordedRequest, meanwhile: &[JournalRecord]) {
    for record in meanwhile {
        if record.id() == Some(&request.id) {
            request.take(record);
        }
    }
}

/// The line that told the final outcome of a request, if it has one.
fn outcome_line(request: &RecordedRequest) -> Option<String> {
    let last = request.attempts.last();
    let took_ms = last.and_then(|attempt| attempt.took_ms).unwrap_or_default();
    let attempt = last.map_or(0, |attempt| attempt.attempt);
    let (at, id, outcome) = (request.ended_at?, request.id.clone(), request.outcome?.into());
    Some(protocol::object(&Event::Ended { at, id, attempt, outcome, took_ms, note: request.note.clone() }))
}

/// What is shown, as an answer.
#[derive(Serialize)]
struct Answered {
    ok: bool,
    #[serde(flatten)]
    shown: Shown,
}

fn unreadable(error: &JournalError) -> Refusal {
    Refusal::new(RefusalCode::Journal, error.to_string())
}
