//! Who follows what happens: callers that wait for an outcome, or watch everything.

use std::collections::HashMap;

use tokio::sync::mpsc;

use crate::journal::JournalRecord;
use crate::names::RequestId;
use crate::socket::protocol;
use crate::wire::Event;

/// Lines that may wait for a follower; one that reads too slowly is dropped, and never delays a run.
const MOST_LINES: usize = 1024;

/// What a follower wants to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Interest {
    /// Everything, for ever.
    Everything,
    /// What becomes of all requests, for ever, and not what runs print.
    Events,
    /// What becomes of this request, and what its run prints, until its outcome.
    Request(RequestId),
    /// Only the outcome of this request.
    Outcome(RequestId),
}

/// Everybody who follows.
#[derive(Debug, Default)]
pub(super) struct Followers {
    all: Vec<(Interest, mpsc::Sender<String>)>,
    /// Requests that joined others, and whose run serves them.
    joined: HashMap<RequestId, RequestId>,
    /// What happens while a reader reads up to now: for each, how the ids begin that it looks for.
    watched: HashMap<u64, (String, Vec<JournalRecord>)>,
}

impl Followers {
    /// The lines for somebody with this interest, as they come.
    pub(super) fn follow(&mut self, interest: Interest) -> mpsc::Receiver<String> {
        let (sender, lines) = mpsc::channel(MOST_LINES);
        let interest = match interest {
            Interest::Everything | Interest::Events => interest,
            Interest::Request(id) => Interest::Request(self.served_by(id)),
            Interest::Outcome(id) => Interest::Outcome(self.served_by(id)),
        };
        self.all.push((interest, sender));
        lines
    }

    /// As [`Followers::follow`], with this line before all others.
    pub(super) fn follow_after(&mut self, line: String, interest: Interest) -> mpsc::Receiver<String> {
        let lines = self.follow(interest);
        if let Some((_, sender)) = self.all.last() {
            // There is room: nothing was sent yet.
            let _ = sender.try_send(line);
        }
        lines
    }

    /// From now on, what becomes of requests whose ids begin with `prefix`, or of what they joined, is kept for the reader
    /// with this number.
    pub(super) fn watch(&mut self, reader: u64, prefix: String) {
        self.watched.insert(reader, (prefix, Vec::new()));
    }

    /// What was kept for that reader.
    pub(super) fn watched(&mut self, reader: u64) -> Vec<JournalRecord> {
        self.watched.remove(&reader).map(|(_, records)| records).unwrap_or_default()
    }

    fn keep(&mut self, id: &RequestId, record: &JournalRecord) {
        for (prefix, records) in self.watched.values_mut() {
            let begins = |id: &RequestId| id.as_str().starts_with(&**prefix);
            if begins(id) || self.joined.iter().any(|(joined, with)| with == id && begins(joined)) {
                records.push(record.clone());
            }
        }
    }

    /// A request joined another: its outcome is that one's. Said as soon as it is known, before it is on
    /// disk, since who waits may begin to follow in between.
    pub(super) fn joined(&mut self, id: RequestId, with: RequestId) {
        self.joined.insert(id, with);
    }

    /// This is on disk now.
    pub(super) fn recorded(&mut self, record: &JournalRecord) {
        let id = record.id().cloned();
        let is_final = matches!(record, JournalRecord::Ended { .. });
        if let Some(id) = &id {
            self.keep(id, record);
        }
        if is_final && let Some(id) = &id {
            self.joined.retain(|_, with| with != id);
        }
        if self.all.is_empty() {
            return;
        }
        let Some(event) = Event::of(record) else { return };
        let line = protocol::object(&event);
        self.all.retain(|(interest, sender)| {
            let (concerned, done) = match interest {
                Interest::Everything | Interest::Events => (true, false),
                Interest::Request(own) => (Some(own) == id.as_ref(), is_final),
                Interest::Outcome(own) => (is_final && Some(own) == id.as_ref(), true),
            };
            !concerned || (sender.try_send(line.clone()).is_ok() && !done)
        });
    }

    /// A run printed a line.
    pub(super) fn output(&mut self, id: &RequestId, text: &[u8]) {
        if self.all.is_empty() {
            return;
        }
        let text = String::from_utf8_lossy(text).into_owned();
        let line = protocol::object(&Event::Output { id: id.clone(), text });
        self.all.retain(|(interest, sender)| match interest {
            Interest::Everything => sender.try_send(line.clone()).is_ok(),
            Interest::Request(own) if own == id => sender.try_send(line.clone()).is_ok(),
            _ => true,
        });
    }

    /// Something that is no event of one request.
    pub(super) fn tell_all(&mut self, line: &str) {
        self.all.retain(|(interest, sender)| {
            !matches!(interest, Interest::Everything | Interest::Events)
                || sender.try_send(line.to_owned()).is_ok()
        });
    }

    fn served_by(&self, id: RequestId) -> RequestId {
        self.joined.get(&id).cloned().unwrap_or(id)
    }
}
