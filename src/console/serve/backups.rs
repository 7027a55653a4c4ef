//! The backups: what would be lost now, what is proven of them, and which there are. The console sees no file of theirs: all
//! of it is what services tell of their actions, and what these have left (`proven`, `snapshots`, `offsite`,
//! `offsite-changes`).

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::app::Shared;
use super::login::Visitor;
use super::page::{Clock, Frame, page, problem, tone};
use super::sizes::{self, Sizes};
use crate::console::loss::{self, DRILL, Kept, OFFSITE};
use crate::console::status::asking::{Heard, ask_all};
use crate::console::{ages, stack::SCHEDULER};
use crate::visible;
use crate::wire::{Fact, Status};

/// So many are read, whatever a service tells.
const MOST: usize = 60;
/// The fact with the snapshots that there are.
const SNAPSHOTS: &str = "snapshots";
/// The fact about what the last drill has proven.
const PROVEN: &str = "proven";
/// The fact about the moment up to which the database's changes are elsewhere.
const OFFSITE_CHANGES: &str = "offsite-changes";

#[derive(Template)]
#[template(path = "backups.html")]
struct Page {
    frame: Frame,
    losses: Vec<Loss>,
    /// Why nothing is known of a copy elsewhere.
    no_copy: Option<&'static str>,
    proofs: Vec<(&'static str, String)>,
    proof_tone: &'static str,
    drill: Option<(String, String)>,
    told: Option<Told>,
    silent: Vec<String>,
}

/// What would be lost, if something were lost now.
struct Loss {
    what: String,
    r#where: &'static str,
    age: String,
    until: String,
}

/// The snapshots, as somebody has told them.
struct Told {
    message: String,
    /// Who, and when.
    by: String,
    rows: Vec<Row>,
    sizes: Vec<Sizes>,
    /// Whether it is known which of them are elsewhere.
    knows_elsewhere: bool,
}

struct Row {
    at: String,
    age: String,
    kind: &'static str,
    id: String,
    bytes: String,
    added: String,
    elsewhere: &'static str,
}

/// One backup, as restic knows it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Snapshot {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) at: Timestamp,
    pub(super) bytes: Option<u64>,
    pub(super) added: Option<u64>,
}

/// What `last-proven.json` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Proof {
    proven: Option<Timestamp>,
    any_second_since: Option<Timestamp>,
    database: Option<Proven>,
    files: Option<Proven>,
}

#[derive(Debug, Deserialize)]
struct Proven {
    snapshot: String,
    time: Timestamp,
}

/// The page.
pub(super) async fn show(State(app): State<Shared>, visitor: Visitor) -> Response {
    let services = match app.stack.services() {
        Ok(services) => services,
        Err(error) => return problem(StatusCode::SERVICE_UNAVAILABLE, "No stack", &error.to_string()),
    };
    let heard = ask_all(&app.stack, &services, false).await;
    let clock = app.clock();
    let said = || heard.iter().filter_map(|heard| Some((heard, heard.said.as_ref().ok()?)));
    let fact = |about| said().filter_map(move |(heard, status)| Some((heard, status.facts.get(about)?)));
    let offsite = fact(OFFSITE).next().map(|(_, fact)| fact);
    let mut losses: Vec<Loss> =
        said().filter_map(|(heard, status)| Loss::here(heard, status, &clock)).collect();
    let changes = fact(OFFSITE_CHANGES).next().map(|(_, fact)| fact);
    losses.extend(offsite.and_then(|fact| Loss::elsewhere("all of it", fact, &clock)));
    // Without a backup there that they could be added to they bring nothing back.
    let useful = changes.filter(|_| offsite.is_some());
    losses.extend(useful.and_then(|fact| Loss::elsewhere("the database", fact, &clock)));
    let proof = fact(PROVEN).next().map(|(_, fact)| proof(fact));
    // Both mysql and backup tell which there are: who did last.
    let snapshots = fact(SNAPSHOTS).max_by_key(|(_, fact)| fact.at);
    let drill = said().find_map(|(heard, status)| drill(heard, status, &clock));
    let (proofs, proof_tone) = proofs(proof, drill.as_ref(), &clock);
    page(&Page {
        frame: Frame::of(&visitor, "Backups", &clock),
        no_copy: match (offsite, changes) {
            (Some(_), _) => None,
            (None, Some(_)) => Some(
                "Elsewhere are changes of the database, and no backups yet that they could be added to: offsite-copy makes a copy of them.",
            ),
            (None, None) => Some(
                "No service tells of a copy elsewhere: what is lost with this machine is lost. BACKUP_OFFSITE in .env names one.",
            ),
        },
        losses,
        proofs,
        proof_tone,
        drill: drill.map(|drill| (drill.words, drill.link)),
        told: snapshots.and_then(|(heard, fact)| Told::of(heard, fact, offsite, &clock)),
        silent: heard
            .iter()
            .filter(|heard| heard.said.is_err() && heard.service.as_str() != SCHEDULER)
            .map(|heard| heard.service.to_string())
            .collect(),
    })
}

impl Loss {
    fn here(heard: &Heard, status: &Status, clock: &Clock) -> Option<Self> {
        let (age, until) = match loss::kept(status)? {
            Kept::Nothing => ("all of it".to_owned(), "never".to_owned()),
            Kept::UpTo(at) => (seconds(at, clock), clock.instant(at)),
        };
        let what = match heard.service.as_str() {
            "mysql" => "the database (mysql)".to_owned(),
            "backup" => "the site's files (backup)".to_owned(),
            other => format!("what {other} keeps"),
        };
        Some(Self { what, r#where: "the backups here", age, until })
    }

    fn elsewhere(what: &str, fact: &Fact, clock: &Clock) -> Option<Self> {
        let at = fact.instant?;
        Some(Self {
            what: what.to_owned(),
            r#where: "the copy elsewhere",
            age: seconds(at, clock),
            until: clock.instant(at),
        })
    }
}

/// The last so many seconds, and what that is in words where these are many.
fn seconds(at: Timestamp, clock: &Clock) -> String {
    let time = ages::between(at, clock.now);
    match time.as_secs() {
        seconds @ 0..90 => format!("the last {seconds} s"),
        seconds => format!("the last {} ({seconds} s)", ages::span(time)),
    }
}

/// How the drill ended last.
struct Drill {
    words: String,
    link: String,
    tone: &'static str,
    success: Option<Timestamp>,
}

fn drill(heard: &Heard, status: &Status, clock: &Clock) -> Option<Drill> {
    let action = loss::action(status, DRILL)?;
    let Some(last) = &action.last else {
        let words = "There has been no drill yet.".to_owned();
        return Some(Drill { words, link: String::new(), tone: "odd", success: None });
    };
    let age = last.ended_at.map(|at| format!(", {}", clock.ago(at))).unwrap_or_default();
    Some(Drill {
        words: format!("{}{age}, took {}", last.outcome, ages::took(last.took_ms)),
        link: format!("/runs/{}/{}", heard.service, last.id),
        tone: tone(Some(&last.outcome)),
        success: action.last_success.as_ref().and_then(|success| success.ended_at),
    })
}

/// What is recorded; as much of it as is understood, and at least when.
fn proof(fact: &Fact) -> Proof {
    let data = fact.data.clone().unwrap_or(Value::Null);
    let proof = Proof::deserialize(data).unwrap_or_default();
    Proof { proven: proof.proven.or(fact.instant), ..proof }
}

fn proofs(
    proof: Option<Proof>,
    drill: Option<&Drill>,
    clock: &Clock,
) -> (Vec<(&'static str, String)>, &'static str) {
    let when = |at| format!("{} ({})", clock.instant(at), clock.ago(at));
    let last = drill.map_or("plain", |drill| drill.tone);
    let Some(proof) = proof else {
        // A version that does not tell what was proven tells that something was.
        let success = drill.and_then(|drill| drill.success);
        let said = success.map(|at| vec![("Last proven", format!("{}: what is not told", when(at)))]);
        return (said.unwrap_or_default(), last);
    };
    let mut said = Vec::new();
    said.extend(proof.proven.map(|at| ("Last proven", when(at))));
    said.extend(proof.any_second_since.map(|at| ("Any second since", when(at))));
    for (what, proven) in [("Database", proof.database), ("Files", proof.files)] {
        said.extend(proven.map(|Proven { snapshot, time }| {
            (what, format!("snapshot {}, of {}", visible::line(&snapshot), clock.instant(time)))
        }));
    }
    (said, last)
}

impl Told {
    fn of(heard: &Heard, fact: &Fact, offsite: Option<&Fact>, clock: &Clock) -> Option<Self> {
        let snapshots = snapshots(fact.data.as_ref()?);
        let copied: Option<BTreeSet<&str>> = offsite
            .and_then(|fact| fact.data.as_ref()?.as_array())
            .map(|ids| ids.iter().filter_map(Value::as_str).collect());
        let age = fact.at.map(|at| format!(", {}", clock.ago(at))).unwrap_or_default();
        let rows = snapshots.iter().map(|snapshot| Row::of(snapshot, copied.as_ref(), clock));
        Some(Self {
            message: fact.message.clone(),
            by: format!("Told by {}{age}", heard.service),
            rows: rows.collect(),
            sizes: KINDS.iter().filter_map(|(kind, name)| Sizes::of(kind, name, &snapshots, clock)).collect(),
            knows_elsewhere: copied.is_some(),
        })
    }
}

/// The newest first; what is none is left out.
fn snapshots(data: &Value) -> Vec<Snapshot> {
    let all = data.as_array().into_iter().flatten().take(MOST);
    all.filter_map(|one| Snapshot::deserialize(one).ok()).collect()
}

/// What snapshots are of, by the tag that they have.
const KINDS: [(&str, &str); 3] =
    [("database", "the database, as SQL"), ("physical", "MariaDB's files"), ("files", "the site's files")];

impl Row {
    fn of(snapshot: &Snapshot, copied: Option<&BTreeSet<&str>>, clock: &Clock) -> Self {
        let kind = KINDS.iter().find(|(kind, _)| *kind == snapshot.kind);
        let is_copied = copied.is_some_and(|copied| copied.contains(snapshot.id.as_str()));
        Self {
            at: clock.instant(snapshot.at),
            age: clock.ago(snapshot.at),
            kind: kind.map_or("something else", |(_, name)| *name),
            id: visible::line(&snapshot.id).into_owned(),
            bytes: snapshot.bytes.map_or_else(|| "not told".to_owned(), sizes::in_words),
            added: snapshot.added.map_or_else(|| "not told".to_owned(), sizes::in_words),
            elsewhere: if is_copied { "yes" } else { "not yet" },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_snapshot_is_left_out_and_sixty_are_read_at_most() {
        let one = json!({"id": "1f2e3d4c", "kind": "files", "at": "2026-11-28T04:15:00Z", "bytes": 12, "added": null});
        let read = snapshots(&json!([one, 3, {"id": "x"}, {"id": "x", "kind": "files", "at": "yesterday"}]));
        assert_eq!(read.len(), 1);
        assert_eq!((read[0].bytes, read[0].added), (Some(12), None));
        assert_eq!(snapshots(&Value::Array(vec![one; 99])).len(), 60);
        assert!(snapshots(&json!({"snapshots": []})).is_empty());
    }

    #[test]
    fn what_was_proven_is_as_much_as_is_understood() {
        let instant: Timestamp = "2026-11-28T05:00:00Z".parse().unwrap();
        let fact = |data| Fact { message: String::new(), at: None, instant: Some(instant), data };
        let whole = proof(&fact(Some(json!({
            "proven": "2026-11-28T05:01:00Z", "anySecondSince": "2026-11-27T04:05:12Z",
            "database": {"snapshot": "1f2e3d4c", "time": "2026-11-28T04:05:12.123456789Z"}, "later": 1,
        }))));
        assert!(whole.any_second_since.is_some() && whole.database.is_some() && whole.files.is_none());
        for other in [None, Some(json!(3)), Some(json!({"proven": "yes"}))] {
            assert_eq!(proof(&fact(other)).proven, Some(instant));
        }
    }
}
