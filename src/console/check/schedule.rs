//! The schedule: its lines, and whether what it asks for is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::report::Report;
use super::scripts;
use crate::console::error::CommandError;
use crate::console::schedule_file;
use crate::console::service_folders;
use crate::console::stack::run_of;
use crate::diagnostic::Diagnostic;
use crate::names::{ActionName, ServiceName};
use crate::run_folder;
use crate::schedule::{Advisor, Entry, Schedule, Zone, parse_text};
use crate::settings::Folders;
use crate::socket::client;
use crate::spelling;
use crate::wire::{ActionNames, Call};

/// How long a service may take to say which actions it has.
const PATIENCE: Duration = Duration::from_secs(2);

/// Checks the schedule at `path` with what is added to it; how many entries it has.
///
/// # Errors
/// When it cannot be read.
pub(super) async fn check(
    path: &Path,
    stack: Option<&Path>,
    zone: &Zone,
    folders: &Folders,
    now: i64,
    report: &mut Report,
) -> Result<usize, CommandError> {
    let text = schedule_file::read(path, folders)?;
    let mut schedule = parse_text(&text, zone);
    let mut faults = std::mem::take(&mut schedule.diagnostics);
    let advisor = Advisor::new(&text, &schedule);
    faults.extend(advisor.advise(now));
    faults.extend(strangers(&advisor, &schedule, stack, folders).await);
    faults.sort_by_key(|fault| (fault.line, fault.column));
    for fault in faults {
        let (file, line) = text.places().of(fault.line);
        report.add(file, vec![fault.at_line(line)]);
    }
    Ok(schedule.entries.len())
}

/// The entries whose service or action is not there, as far as that can be told.
async fn strangers(
    advisor: &Advisor<'_>,
    schedule: &Schedule,
    stack: Option<&Path>,
    folders: &Folders,
) -> Vec<Diagnostic> {
    let services: Vec<PathBuf> = stack.map(service_folders::all).unwrap_or_default();
    let names: Vec<&str> = services.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    let mut known: BTreeMap<&ServiceName, Option<Vec<ActionName>>> = BTreeMap::new();
    let mut faults = Vec::new();
    for entry in &schedule.entries {
        let Entry { service, action, .. } = entry;
        if !names.is_empty() && !names.contains(&service.as_str()) {
            let meant = meant(service.as_str(), names.iter().copied());
            faults.extend(advisor.not_there(entry, format!("there is no service `{service}`"), meant));
            continue;
        }
        if !known.contains_key(service) {
            known.insert(service, actions(service, stack, folders).await);
        }
        let Some(Some(actions)) = known.get(service) else { continue };
        if !actions.contains(action) {
            let meant = meant(action.as_str(), actions.iter().map(ActionName::as_str));
            faults.extend(advisor.not_there(entry, format!("{service} has no action `{action}`"), meant));
        }
    }
    faults
}

fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    spelling::nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// The actions of a service: those that it says itself, and those in its callbacks as they read now, which it takes up with
/// the next request.
async fn actions(service: &ServiceName, stack: Option<&Path>, folders: &Folders) -> Option<Vec<ActionName>> {
    let run = stack.and_then(run_of);
    let run = run.into_iter().chain([folders.run.clone()]);
    let socket = run.map(|run| run_folder::request_socket(&run, service)).find(|path| path.exists());
    let mut said = None;
    if let Some(socket) = socket
        && let Ok(ActionNames { actions, .. }) = client::call_for(&socket, &Call::Actions, PATIENCE).await
    {
        said = Some(actions);
    }
    let written = stack.and_then(|stack| {
        let bin = service_folders::of(stack, service.as_str()).join("bin");
        let added = service_folders::added_to(stack, service.as_str());
        scripts::are_there(&bin).then(|| scripts::actions(&[&bin, &added]))
    });
    match (said, written) {
        (Some(said), Some(written)) => Some(said.into_iter().chain(written).collect()),
        (said, written) => said.or(written),
    }
}
