//! What was asked before, read back from the journal when somebody wants to know.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::journal::{End, Entry, Found, JournalError, Query, Run, Store, find, history};
use crate::listener::pool::Key;
use crate::listener::process::Listener;
use crate::names::RequestId;
use crate::request::{Refusal, RefusalCode};
use crate::socket::protocol;

/// The most runs that one answer tells of.
const MOST_RUNS: usize = 1000;

/// The journal and the outputs, to be read.
pub(super) struct Past<'a> {
    pub(super) folder: &'a Path,
    pub(super) outputs: &'a Store,
    /// Who carries out what is on.
    pub(super) listeners: &'a HashMap<Key, Listener>,
}

impl Past<'_> {
    /// The runs that are wanted, the newest first.
    pub(super) fn history(&self, past: &protocol::Past) -> Result<Value, Refusal> {
        let query = Query {
            action: past.action.clone(),
            failed_only: past.failed,
            since: past.since,
            limit: past.limit.min(MOST_RUNS),
        };
        let runs = history(self.folder, &query).map_err(|error| unreadable(&error))?;
        Ok(json!({"ok": true, "runs": runs}))
    }

    /// All about the request whose id begins with `id`.
    pub(super) fn show(&self, id: &str) -> Result<Value, Refusal> {
        let run = self.find(id)?;
        Ok(json!({"ok": true, "run": run, "output": self.output(&run)}))
    }

    /// The request whose id begins with `id`, and the line that tells who follows it what has become of it so
    /// far.
    pub(super) fn so_far(&self, id: &str) -> Result<(Run, Value), Refusal> {
        let run = self.find(id)?;
        let line = json!({"event": "past", "id": run.id, "run": run, "output": self.output(&run)});
        Ok((run, line))
    }

    fn find(&self, id: &str) -> Result<Run, Refusal> {
        match find(self.folder, id).map_err(|error| unreadable(&error))? {
            Found::One(run) => Ok(*run),
            Found::None => {
                let message = format!("no request is known whose id begins with `{id}`");
                Err(Refusal::new(RefusalCode::UnknownId, message))
            }
            Found::Many(ids) => {
                let ids: Vec<_> = ids.iter().map(RequestId::as_str).collect();
                let message = format!("`{id}` begins the ids of several requests: {}", ids.join(", "));
                Err(Refusal::new(RefusalCode::AmbiguousId, message))
            }
        }
    }

    fn output(&self, run: &Run) -> Option<String> {
        let so_far = self.listeners.values().find_map(|listener| listener.capture.printed_by(&run.id));
        let output = so_far.or_else(|| self.outputs.load(&run.id))?;
        Some(String::from_utf8_lossy(&output).into_owned())
    }

    /// The line that told the final outcome of a request, if it has one.
    pub(super) fn outcome(&self, id: &RequestId) -> Option<String> {
        let Ok(Found::One(run)) = find(self.folder, id.as_str()) else { return None };
        let Run { id, attempts, ended_at, outcome, note, .. } = *run;
        let last = attempts.last();
        let took_ms = last.and_then(|attempt| attempt.took_ms).unwrap_or_default();
        let end = End { attempt: last.map_or(0, |attempt| attempt.attempt), outcome: outcome?, took_ms };
        let mut line = Vec::new();
        Entry::Ended { at: ended_at?, id, end, note }.write_to(&mut line);
        String::from_utf8(line).ok()
    }
}

fn unreadable(error: &JournalError) -> Refusal {
    Refusal::new(RefusalCode::Journal, error.to_string())
}
