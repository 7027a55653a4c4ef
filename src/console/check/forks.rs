//! Whether a service's runs can be forked, by a listener that has read the callbacks: as it says itself, else as far as the
//! text of the callbacks tells.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::report::Report;
use super::scripts;
use crate::console::service_folders;
use crate::console::stack::run_of;
use crate::listener::forkable;
use crate::names::ServiceName;
use crate::run_folder;
use crate::settings::Folders;
use crate::socket::client;
use crate::wire::{Call, Status};

/// How long a service may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(2);

/// Notes where runs are not forked, which is slower and nothing wrong.
pub(super) async fn check(stack: &Path, folders: &Folders, report: &mut Report) {
    for service in service_folders::all(stack) {
        let bin = service.join("bin");
        if !scripts::are_there(&bin) {
            continue;
        }
        let name = service.file_name().and_then(|name| name.to_str()?.parse::<ServiceName>().ok());
        let said = match &name {
            Some(name) => status(name, stack, folders).await,
            None => None,
        };
        let added = service_folders::added_to(stack, &service_folders::name(&service));
        let why = said.map_or_else(
            || by_text([&bin, &added], &stack.join("target-sbin")),
            |status| status.listener.and_then(|listener| listener.unforkable),
        );
        if let Some(why) = why {
            report.note(
                &bin.join(scripts::CALLBACKS),
                &format!("each run reads the callbacks itself, which takes longer: {why}"),
            );
        }
    }
}

async fn status(service: &ServiceName, stack: &Path, folders: &Folders) -> Option<Status> {
    let run = run_of(stack).into_iter().chain([folders.run.clone()]);
    let socket = run.map(|run| run_folder::request_socket(&run, service)).find(|path| path.exists())?;
    client::call_for(&socket, &Call::Status, PATIENCE).await.ok()
}

/// What the callbacks in these folders use, the service's own first, or a file that they source by a path that can be told
/// without running anything.
fn by_text(folders: [&Path; 2], sbin: &Path) -> Option<String> {
    let [bin, _] = folders;
    let (mut seen, mut unread) =
        (BTreeSet::new(), folders.map(|folder| folder.join(scripts::CALLBACKS)).to_vec());
    while let Some(path) = unread.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let Ok(text) = fs::read(&path) else { continue };
        let text = String::from_utf8_lossy(&text);
        if let Some(found) = forkable::first_use(&text) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            return Some(format!("{name}: {found}"));
        }
        unread.extend(text.lines().filter_map(|line| sourced(line, bin, sbin)));
    }
    None
}

/// The file that a line sources.
fn sourced(line: &str, bin: &Path, sbin: &Path) -> Option<PathBuf> {
    let line = line.trim_start();
    let argument = line.strip_prefix("source ").or_else(|| line.strip_prefix(". "))?;
    let path = argument.split_ascii_whitespace().next()?.trim_matches('"');
    let below = |variable: &str| path.strip_prefix(variable)?.strip_prefix('/');
    let in_bin = below("$LAMPLIGHTER_BIN").map(|rest| bin.join(rest));
    in_bin.or_else(|| below("$LAMPLIGHTER_SBIN").map(|rest| sbin.join(rest)))
}
