//! Reading a journal from its beginning: which requests are open, what each action's last runs were, and
//! which ids are used up.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::names::{ActionName, RequestId};

use super::fields::{NoRecord, RecordFields, VERSION};
use super::ids::Ids;
use super::lines::{Line, Lines, line_at};
use super::record::JournalRecord;
use super::recovered::{LastRuns, RetriedAttempt, UnfinishedRequest};
use super::totals::Tally;

/// Kinds of damage that are told apart: a file of rubbish must not fill the memory with what is said about it.
const MOST_REMARKS: usize = 20;
const STRAY: &str = "an event of a request that is not open is passed over";

/// What a journal says, as far as it has been read.
#[derive(Debug)]
pub(super) struct Replay {
    /// The requests without a final outcome.
    pub(super) open: BTreeMap<RequestId, Numbered>,
    /// The open request that each joined one waits for.
    joined: BTreeMap<RequestId, RequestId>,
    accepted: u64,
    pub(super) ids: Ids,
    pub(super) last: BTreeMap<ActionName, LastRuns>,
    /// When the first record was made.
    pub(super) since: Option<Timestamp>,
    /// Where the lines that are whole end.
    pub(super) end: u64,
    /// Whether the last line is whole but for its newline.
    pub(super) lacks_newline: bool,
    /// Where the newest compaction's records end.
    pub(super) compacted: u64,
    pub(super) remarks: Remarks,
}

/// An open request, with its place in the order of acceptance.
#[derive(Debug)]
pub(super) struct Numbered {
    number: u64,
    open: UnfinishedRequest,
}

/// The requests in the order in which they were accepted.
pub(super) fn in_order(open: BTreeMap<RequestId, Numbered>) -> Vec<UnfinishedRequest> {
    let mut open: Vec<_> = open.into_values().collect();
    open.sort_by_key(|numbered| numbered.number);
    open.into_iter().map(|numbered| numbered.open).collect()
}

/// What is wrong with a journal: the first of each kind, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Remarks(BTreeMap<String, (u64, u64)>);

impl Remarks {
    pub(super) fn add(&mut self, what: &str, at: u64) {
        let is_full = self.0.len() >= MOST_REMARKS;
        match self.0.get_mut(what) {
            Some((count, _)) => *count += 1,
            None if is_full => {}
            None => {
                self.0.insert(what.to_owned(), (1, at));
            }
        }
    }

    /// One sentence for each kind.
    pub(super) fn sentences(&self) -> Vec<String> {
        let sentence = |(what, (count, at)): (&String, &(u64, u64))| {
            let more = if *count > 1 { format!(" (and {} more)", count - 1) } else { String::new() };
            format!("in the journal at byte {at}: {what}{more}")
        };
        self.0.iter().map(sentence).collect()
    }
}

impl Replay {
    fn new(folder: &Path) -> Self {
        Self {
            open: BTreeMap::new(),
            joined: BTreeMap::new(),
            accepted: 0,
            ids: Ids::new(folder),
            last: BTreeMap::new(),
            since: None,
            end: 0,
            lacks_newline: false,
            compacted: 0,
            remarks: Remarks::default(),
        }
    }

    /// Reads the first `length` bytes of `file`, which is in `folder`; `read` is told of each line, `ended` of each
    /// request that has its final outcome.
    pub(super) fn read(
        folder: &Path,
        file: &File,
        length: u64,
        mut read: impl FnMut(&Line<'_>),
        mut ended: impl FnMut(&UnfinishedRequest, &JournalRecord),
    ) -> io::Result<Self> {
        let mut replay = Self::new(folder);
        let mut lines = Lines::new(file, length);
        while let Some(line) = lines.next()? {
            read(&line);
            match RecordFields::parse(line.text).and_then(|fields| JournalRecord::of(&fields)) {
                Ok(record) => {
                    if let Some(open) = replay.take(file, &line, &record)? {
                        ended(&open, &record);
                    }
                }
                Err(why) if line.is_ended || is_object(line.text) => replay.remark(&line, &why),
                // Torn: nothing can be said about it.
                Err(_) => continue,
            }
            replay.end = line.next;
            replay.lacks_newline = !line.is_ended;
        }
        Ok(replay)
    }

    fn remark(&mut self, line: &Line<'_>, why: &NoRecord) {
        match why {
            NoRecord::Unknown(_) => self.remarks.add(&why.to_string(), line.at),
            NoRecord::Damaged(_) => self.remarks.add("a line that is no record is passed over", line.at),
        }
    }

    /// Takes a record in; the request that it ends, if it ends one.
    fn take(
        &mut self,
        file: &File,
        line: &Line<'_>,
        record: &JournalRecord,
    ) -> io::Result<Option<UnfinishedRequest>> {
        self.since.get_or_insert(record.at());
        match record {
            JournalRecord::Journal { version, .. } => {
                self.compacted = line.next;
                if *version > VERSION {
                    self.remarks
                        .add(&format!("a later version of Lamplighter wrote it, in form {version}"), line.at);
                }
            }
            JournalRecord::Compacted { .. } => self.compacted = line.next,
            JournalRecord::Seen { at, action } => self.see(action, *at),
            JournalRecord::Totals { at, action, totals } => {
                let seen = self.last.entry(action.clone()).or_insert_with(|| LastRuns::new(*at));
                seen.totals = (**totals).clone();
            }
            JournalRecord::Accepted { request, .. }
            | JournalRecord::Joined { request, .. }
            | JournalRecord::Known { request, .. } => {
                if self.is_used_up(file, &request.id)? {
                    self.remarks.add("an id is accepted a second time, which is passed over", line.at);
                } else {
                    self.ids.insert(&request.id, line.at);
                    self.accept(record);
                }
            }
            JournalRecord::Ended { id, .. } => return Ok(self.close(id, record, line.at)),
            JournalRecord::Started { id, .. }
            | JournalRecord::PutBack { id, .. }
            | JournalRecord::Retried { id, .. } => match self.open.get_mut(id) {
                Some(numbered) => {
                    if let JournalRecord::Retried { end, .. } = record
                        && let Some(last) = self.last.get_mut(&numbered.open.request.action)
                    {
                        let had_begun = numbered.open.started.is_some();
                        last.totals.count(Tally { end: *end, had_begun, is_final: false });
                    }
                    numbered.open.take(record);
                }
                None => self.remarks.add(STRAY, line.at),
            },
        }
        Ok(None)
    }

    fn see(&mut self, action: &ActionName, at: Timestamp) {
        let seen = self.last.entry(action.clone()).or_insert_with(|| LastRuns::new(at));
        seen.first_seen = seen.first_seen.min(at);
    }

    fn is_used_up(&self, file: &File, id: &RequestId) -> io::Result<bool> {
        if self.open.contains_key(id) || self.joined.contains_key(id) {
            return Ok(true);
        }
        for place in self.ids.places(id)? {
            if is_record_of(&line_at(file, place)?, id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn accept(&mut self, record: &JournalRecord) {
        match record {
            JournalRecord::Joined { request, with, .. } if self.open.contains_key(with) => {
                if let Some(numbered) = self.open.get_mut(with) {
                    numbered.open.joined.push(request.id.clone());
                }
                self.joined.insert(request.id.clone(), with.clone());
            }
            // What joined a request whose record is damaged was promised an outcome too: it stands for itself.
            JournalRecord::Accepted { at, request, by } | JournalRecord::Joined { at, request, by, .. } => {
                self.see(&request.action, *at);
                let number = self.accepted;
                self.accepted += 1;
                let open = UnfinishedRequest::new(request.clone(), by.clone(), *at);
                self.open.insert(request.id.clone(), Numbered { number, open });
            }
            _ => {}
        }
    }

    fn close(&mut self, id: &RequestId, record: &JournalRecord, at: u64) -> Option<UnfinishedRequest> {
        if let Some(with) = self.joined.remove(id) {
            // One that joined was called off by itself.
            if let Some(numbered) = self.open.get_mut(&with) {
                numbered.open.joined.retain(|joined| joined != id);
            }
            return None;
        }
        let Some(Numbered { open, .. }) = self.open.remove(id) else {
            self.remarks.add(STRAY, at);
            return None;
        };
        for joined in &open.joined {
            self.joined.remove(joined);
        }
        if let Some(last) = self.last.get_mut(&open.request.action) {
            last.update(&open.request, record);
            if let JournalRecord::Ended { end, .. } = record {
                last.totals.count(Tally { end: *end, had_begun: open.started.is_some(), is_final: true });
            }
        }
        Some(open)
    }
}

impl UnfinishedRequest {
    /// Takes in what happened to it.
    fn take(&mut self, record: &JournalRecord) {
        match record {
            JournalRecord::Started { attempt, token, .. } => {
                self.attempt = *attempt;
                self.started = Some(token.clone());
            }
            JournalRecord::PutBack { .. } if self.started.take().is_some() => {
                self.attempt = self.attempt.saturating_sub(1);
            }
            JournalRecord::Retried { at, end, not_before, note, .. } => {
                self.attempt = end.attempt;
                self.started = None;
                self.not_before = Some(*not_before);
                let (not_before, note) = (*not_before, note.clone());
                self.failed = Some(RetriedAttempt { ended_at: *at, end: *end, not_before, note });
            }
            _ => {}
        }
    }
}

/// Whether a line is the record that uses this id up.
pub(super) fn is_record_of(line: &[u8], id: &RequestId) -> bool {
    let accepts = ["accepted", "joined", "known"];
    RecordFields::parse(line)
        .is_ok_and(|fields| fields.id == Some(id.as_str()) && accepts.contains(&fields.event))
}

/// Whether a text is a whole JSON object: no part of one is.
fn is_object(text: &[u8]) -> bool {
    text.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}
