//! A stream of requests with ids of our own, and how each was answered.

use std::collections::BTreeMap;

use lamplighter::names::RequestId;
use serde_json::{Value, json};

use crate::common::Client;

/// A request that was sent.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) action: String,
    pub(crate) answered: Answered,
}

/// What its sender knows of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Nothing: the connection broke before, or asking again may help.
    NotYet,
    /// It is accepted.
    Accepted,
    /// It will never be done, for this reason.
    Refused(String),
}

/// Reasons that pass: whoever is refused for one of them asks again.
const PASSING: [&str; 4] = ["stopping", "callbacks", "journal", "busy"];

/// All requests of a test.
#[derive(Default)]
pub(crate) struct Stream {
    asked: BTreeMap<RequestId, Asked>,
}

impl Stream {
    /// A request that was not there before; it is not sent yet.
    pub(crate) fn fresh(&mut self, action: &str) -> RequestId {
        let id: RequestId = format!("r{:06}", self.asked.len()).parse().expect("a valid id");
        self.asked.insert(id.clone(), Asked { action: action.to_owned(), answered: Answered::NotYet });
        id
    }

    /// Those that have no answer yet, in the order in which they were made.
    pub(crate) fn unanswered(&self) -> Vec<RequestId> {
        let open = self.asked.iter().filter(|(_, asked)| asked.answered == Answered::NotYet);
        open.map(|(id, _)| id.clone()).collect()
    }

    /// What was asked for, with the answers.
    pub(crate) fn asked(&self) -> &BTreeMap<RequestId, Asked> {
        &self.asked
    }

    /// How many were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.asked.values().filter(|asked| asked.answered == Answered::Accepted).count()
    }

    /// Nobody asks for these again: for them, the refusal that they had last is final.
    pub(crate) fn give_up(&mut self, ids: &[RequestId], code: &str) {
        for id in ids {
            self.asked.get_mut(id).expect("it was asked for").answered = Answered::Refused(code.to_owned());
        }
    }

    /// Sends these in one go. False when the connection is broken.
    pub(crate) fn send(&self, client: &mut Client, ids: &[RequestId]) -> bool {
        let lines: String = ids.iter().map(|id| run_line(id, &self.asked[id].action)).collect();
        client.try_send(lines).is_ok()
    }

    /// Takes the answer to this one; the code of a refusal. Nothing when the connection is broken.
    pub(crate) fn answer(&mut self, client: &mut Client, id: &RequestId) -> Option<Result<(), String>> {
        let line = client.line()?;
        let answer: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let asked = self.asked.get_mut(id).expect("it was asked for");
        if answer["ok"] == true {
            assert_eq!(answer["id"], id.as_str(), "answers come in the order of their questions");
            asked.answered = Answered::Accepted;
            return Some(Ok(()));
        }
        let code = answer["code"].as_str().unwrap_or_else(|| panic!("a refusal without code: {line}"));
        assert!(asked.answered != Answered::Accepted, "{id} was accepted and is refused now: {line}");
        if !PASSING.contains(&code) {
            asked.answered = Answered::Refused(code.to_owned());
        }
        Some(Err(code.to_owned()))
    }

    /// Sends these and takes their answers; the codes of the refusals. Nothing when the connection breaks.
    pub(crate) fn ask(&mut self, client: &mut Client, ids: &[RequestId]) -> Option<Vec<String>> {
        if !self.send(client, ids) {
            return None;
        }
        let mut refused = Vec::new();
        for id in ids {
            refused.extend(self.answer(client, id)?.err());
        }
        Some(refused)
    }
}

/// A request as a program sends it.
pub(crate) fn run_line(id: &RequestId, action: &str) -> String {
    let call = json!({"op": "run", "id": id, "user": "root", "action": action, "tell": "nothing"});
    format!("{call}\n")
}
