//! What of the past is in a backup, and so what would be lost now: as services tell it by the actions that make backups, and by
//! what these leave.

use jiff::Timestamp;

use crate::wire::{ActionStatus, EndedRequest, Status};

/// The action whose last success is what a service has in a backup.
pub(super) const BACKUP: &str = "nightly-backup";
/// The action that adds to it what has changed since.
pub(super) const CHANGES: &str = "keep-changes";
/// The action whose success is the proof that backups can be restored.
pub(super) const DRILL: &str = "restore-drill";
/// The fact about the moment up to which all is in the copy elsewhere.
pub(super) const OFFSITE: &str = "offsite";

/// How much of what a service keeps is in its backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    /// None of it: no backup has succeeded yet.
    Nothing,
    /// What there was at this instant.
    UpTo(Timestamp),
}

/// How much of what a service keeps is in its backups here; nothing where it makes none.
pub(super) fn kept(status: &Status) -> Option<Kept> {
    let backup = action(status, BACKUP)?;
    let begun = backup.last_success.as_ref().and_then(begun_at);
    let changes = action(status, CHANGES).and_then(|changes| changes.last_success.as_ref());
    let newest = begun.map(|at| changes.and_then(begun_at).map_or(at, |later| at.max(later)));
    Some(newest.map_or(Kept::Nothing, Kept::UpTo))
}

/// An action of a service.
pub(super) fn action<'a>(status: &'a Status, name: &str) -> Option<&'a ActionStatus> {
    status.actions.iter().find(|action| action.action.as_str() == name)
}

/// When the attempt began that a request ended with: what came later is not in what it has made.
fn begun_at(ended: &EndedRequest) -> Option<Timestamp> {
    let took = std::time::Duration::from_millis(ended.took_ms);
    ended.ended_at.map(|at| at.checked_sub(took).unwrap_or(Timestamp::MIN))
}
