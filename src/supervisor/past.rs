//! What was asked before, read back from the journal when somebody wants to know.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use crate::journal::{Found, JournalError, Query, Run, Store, dropped_before, find, history};
use crate::listener::pool::Key;
use crate::listener::process::Listener;
use crate::names::RequestId;
use crate::request::{Refusal, RefusalCode};
use crate::socket::protocol::{self, Reply};
use crate::wire::{Event, History, PastWanted, RequestRecord, Shown};

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
    pub(super) fn history(&self, past: &PastWanted) -> Result<Reply, Refusal> {
        let query = Query {
            action: past.action.clone(),
            failed_only: past.failed,
            since: past.since,
            limit: past.limit.min(MOST_RUNS),
        };
        let runs = history(self.folder, &query).map_err(|error| unreadable(&error))?;
        let runs = runs.into_iter().map(RequestRecord::from).collect();
        Ok(Reply::of(&History { ok: true, runs }))
    }

    /// All about the request whose id begins with `id`.
    pub(super) fn show(&self, id: &str) -> Result<Reply, Refusal> {
        let run = self.find(id)?;
        Ok(Reply::of(&Answered { ok: true, shown: self.shown(run) }))
    }

    /// The request whose id begins with `id`, and the line that tells who follows it what has become of it so
    /// far.
    pub(super) fn so_far(&self, id: &str) -> Result<(Run, String), Refusal> {
        let run = self.find(id)?;
        let past = Event::Past { id: Some(run.id.clone()), shown: self.shown(run.clone()) };
        Ok((run, protocol::object(&past)))
    }

    fn shown(&self, run: Run) -> Shown {
        let output = self.output(&run);
        let dropped = output.as_deref().map(dropped_before);
        let output = output.map(|output| String::from_utf8_lossy(&output).into_owned());
        Shown { run: Some(run.into()), output, dropped }
    }

    fn find(&self, id: &str) -> Result<Run, Refusal> {
        match find(self.folder, id).map_err(|error| unreadable(&error))? {
            Found::One(run) => Ok(*run),
            Found::None => {
                let message = format!("no request is known whose id begins with `{id}`");
                Err(Refusal::new(RefusalCode::UnknownId, message))
            }
            Found::Many(ids) => {
                let named: Vec<_> = ids.iter().map(RequestId::as_str).collect();
                let message = format!("`{id}` begins the ids of several requests: {}", named.join(", "));
                Err(Refusal { ids, ..Refusal::new(RefusalCode::AmbiguousId, message) })
            }
        }
    }

    fn output(&self, run: &Run) -> Option<Vec<u8>> {
        let so_far = self.listeners.values().find_map(|listener| listener.capture.printed_by(&run.id));
        so_far.or_else(|| self.outputs.load(&run.id))
    }

    /// The line that told the final outcome of a request, if it has one.
    pub(super) fn outcome(&self, id: &RequestId) -> Option<String> {
        let Ok(Found::One(run)) = find(self.folder, id.as_str()) else { return None };
        let Run { id, attempts, ended_at, outcome, note, .. } = *run;
        let last = attempts.last();
        let took_ms = last.and_then(|attempt| attempt.took_ms).unwrap_or_default();
        let attempt = last.map_or(0, |attempt| attempt.attempt);
        let ended = Event::Ended { at: ended_at?, id, attempt, outcome: outcome?.into(), took_ms, note };
        Some(protocol::object(&ended))
    }
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
