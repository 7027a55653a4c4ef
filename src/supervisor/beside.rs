//! What takes long is done beside the loop, on threads that end with it: reading the journal at the start, reading in it
//! for who asks, and writing it anew. What came of it comes back as a message.

use std::io;
use std::thread;

use tokio::sync::mpsc::UnboundedSender;

use crate::clock::Moment;
use crate::journal::{Compacted, Journal, JournalError, Limits, Recovered};
use crate::log;
use crate::names::{OperatorName, RequestId};
use crate::process;
use crate::request::{By, Refusal, RefusalCode, Request};

use super::callers::WaitingCaller;
use super::ending::end_survivors;
use super::engine::{Engine, Incoming};
use super::event::Event;
use super::overdue::Overdue;
use super::reading::Finding;

/// Requests and cancellations that may be held until the journal has been read.
const MOST_HELD: usize = crate::queue::MOST_WAITING;
/// What such a thread needs of stack, in bytes; its memory is given back with it.
const STACK: usize = 256 * 1024;

/// What was done beside the loop.
pub(super) enum Done {
    /// The journal was opened and read.
    Opened(Result<Box<(Journal, Recovered)>, JournalError>),
    /// Something was read in it, for the one with this number.
    Read(u64, Result<Finding, Refusal>),
    /// It was written anew.
    Compacted(Result<Compacted, JournalError>),
}

/// What cannot be decided before it is known which ids are used up and what is open.
pub(super) enum Held {
    /// A request; who asks.
    Request(WaitingCaller, Request, By),
    /// Somebody calls a request off; the person, where it is one of the web console.
    Cancel(WaitingCaller, RequestId, Option<OperatorName>),
}

/// Does `work` on a thread of its own.
///
/// # Errors
/// When there can be none.
pub(super) fn beside(
    inbox: &UnboundedSender<Incoming>,
    work: impl FnOnce() -> Done + Send + 'static,
) -> io::Result<()> {
    let inbox = inbox.clone();
    let thread = thread::Builder::new().name("journal".into()).stack_size(STACK);
    // The loop may have ended meanwhile.
    let work = move || {
        process::be_patient();
        drop(inbox.send(Incoming::Done(work())));
    };
    thread.spawn(work).map(drop)
}

impl Engine {
    pub(super) fn done(&mut self, done: Done) {
        match done {
            Done::Opened(Ok(opened)) => self.opened(*opened),
            Done::Opened(Err(error)) => self.not_opened(error.to_string()),
            Done::Read(number, read) => self.read(number, read),
            Done::Compacted(Ok(compacted)) => self.compacted(compacted),
            Done::Compacted(Err(error)) => {
                self.ledger.not_compacted();
                log::error(error);
            }
        }
        process::give_back_memory();
    }

    /// Has the journal read, unless that is on. What earlier runs have left is ended before they may be tried again.
    pub(super) fn open_journal(&mut self) {
        let Some((progress, folder)) = self.ledger.begin_opening() else { return };
        let open = move || {
            let opened = Journal::open_with(&folder, Moment::now().wall, Limits::default(), &progress);
            if let Ok((_, recovered)) = &opened {
                end_survivors(&recovered.open);
            }
            Done::Opened(opened.map(Box::new))
        };
        if let Err(error) = beside(&self.inbox, open) {
            self.not_opened(format!("cannot read the journal: there can be no thread for that ({error})"));
        }
    }

    fn opened(&mut self, (journal, recovered): (Journal, Recovered)) {
        self.ledger.opened(journal);
        if self.machine.is_stopping() {
            // What is open stays so for the next supervisor.
            return;
        }
        for note in &recovered.notes {
            log::warn(format_args!("journal: {note}"));
        }
        self.feed(Event::Remembered(Overdue::new(recovered.last, recovered.since)));
        self.feed(Event::Reading(None));
        self.feed(Event::Durable);
        self.feed(Event::TakeUp(recovered.open));
        for held in std::mem::take(&mut self.held) {
            match held {
                Held::Request(waiting, request, by) => self.request(waiting, request, by),
                Held::Cancel(waiting, id, operator) => self.cancel(waiting, id, operator),
            }
        }
    }

    fn not_opened(&mut self, why: String) {
        self.ledger.not_opened(why.clone());
        self.feed(Event::Reading(None));
        self.feed(Event::NotDurable(why.clone()));
        self.refuse_held(&Refusal::new(RefusalCode::Journal, why));
    }

    /// Keeps it until the journal has been read.
    pub(super) fn hold(&mut self, held: Held) {
        if self.held.len() < MOST_HELD {
            self.held.push(held);
            return self.open_journal();
        }
        let message = format!("the journal is being read, and {MOST_HELD} requests wait for that already");
        self.refuse(held.into_waiting(), Refusal::new(RefusalCode::Busy, message));
    }

    pub(super) fn refuse_held(&mut self, refusal: &Refusal) {
        for held in std::mem::take(&mut self.held) {
            self.refuse(held.into_waiting(), refusal.clone());
        }
    }

    /// How far the reading is, for who looks.
    pub(super) fn look_at_reading(&mut self) {
        if let Some(percent) = self.ledger.reading() {
            self.feed(Event::Reading(Some(percent)));
        }
    }

    /// Has the journal written anew, when that is due.
    pub(super) fn compact_if_due(&mut self) {
        if self.machine.is_stopping() {
            return;
        }
        let Some(begun) = self.ledger.due_compaction(Moment::now()) else { return };
        let begun = begun.map_err(|error| error.to_string()).and_then(|compaction| {
            let compact = move || Done::Compacted(compaction.run());
            beside(&self.inbox, compact).map_err(|error| {
                format!("cannot compact the journal: there can be no thread for that ({error})")
            })
        });
        if let Err(why) = begun {
            self.ledger.not_compacted();
            log::error(why);
        }
    }

    fn compacted(&mut self, compacted: Compacted) {
        match self.ledger.take_over(compacted) {
            // To close what may be a large file takes long, too.
            Ok(old) => drop(thread::Builder::new().stack_size(STACK).spawn(move || drop(old))),
            Err(error) => log::error(error),
        }
    }
}

impl Held {
    fn into_waiting(self) -> WaitingCaller {
        match self {
            Held::Request(waiting, ..) | Held::Cancel(waiting, ..) => waiting,
        }
    }
}
