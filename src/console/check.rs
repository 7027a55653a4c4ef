//! `lamplighter check`: what is wrong with the files that people write.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::error::CommandError;
use super::{client, say, schedule_file};
use crate::diagnostic::{Diagnostic, Severity};
use crate::names::{ActionName, ServiceName};
use crate::policy::{self, Policy, PolicyError};
use crate::schedule::{Advisor, Entry, Schedule, parse};
use crate::settings::Folders;
use crate::spelling;

/// How long a service may take to say which actions it has.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A schedule, or the folder of a stack [default: this container's, else the stack here]
    path: Option<PathBuf>,
    /// Fail for warnings, too
    #[arg(long)]
    strict: bool,
    /// The time zone of entries without their own [default: the system's]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints what is wrong, as from the second `now` on; 1 when something is.
///
/// # Errors
/// When there is nothing to check, or it cannot be read.
pub async fn run(arguments: &Arguments, folders: &Folders, now: i64) -> Result<u8, CommandError> {
    let zone = schedule_file::zone(arguments.tz.as_deref())?;
    let path = schedule_file::find(arguments.path.as_deref(), folders)?;
    let stack = stack_of(&path);
    let bytes = schedule_file::read(&path)?;
    let mut schedule = parse(&bytes, &zone);
    let mut faults = std::mem::take(&mut schedule.diagnostics);
    let advisor = Advisor::new(&bytes, &schedule);
    faults.extend(advisor.advise(now));
    faults.extend(strangers(&advisor, &schedule, stack, folders).await);
    faults.sort_by_key(|fault| (fault.line, fault.column));
    let mut report = Report::default();
    report.add(&path.display().to_string(), faults);
    for service in stack.map(schedule_file::services).unwrap_or_default() {
        report.add_policy(&service.join("conf").join(policy::FILE));
    }
    report.print(arguments.json, schedule.entries.len());
    Ok(u8::from(report.errors > 0 || arguments.strict && report.warnings > 0))
}

/// The stack that a schedule belongs to, where it stands as `service/SERVICE/conf/FILE`.
fn stack_of(path: &Path) -> Option<&Path> {
    let services = path.ancestors().nth(3)?;
    let stack = services.parent().filter(|_| services.file_name().is_some_and(|name| name == "service"))?;
    Some(if stack.as_os_str().is_empty() { Path::new(".") } else { stack })
}

/// The entries whose service or action is not there, as far as that can be told.
async fn strangers(
    advisor: &Advisor<'_>,
    schedule: &Schedule,
    stack: Option<&Path>,
    folders: &Folders,
) -> Vec<Diagnostic> {
    let services: Vec<PathBuf> = stack.map(schedule_file::services).unwrap_or_default();
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

/// The actions of a service: as it says itself, else as its callbacks read.
async fn actions(service: &ServiceName, stack: Option<&Path>, folders: &Folders) -> Option<Vec<ActionName>> {
    let run = stack.map(|stack| stack.join("data/run"));
    let run = run.into_iter().chain([folders.run.clone()]);
    let socket = run.map(|run| run.join(format!("{service}-request.sock"))).find(|path| path.exists());
    if let Some(socket) = socket
        && let Ok(status) = client::call(&socket, &json!({"op": "status"}), PATIENCE).await
        && let Some(actions) = status["actions"].as_array()
    {
        return Some(actions.iter().filter_map(|action| action.as_str()?.parse().ok()).collect());
    }
    let callbacks = stack?.join("service").join(service.as_str()).join("bin/docker-callbacks.sh");
    let text = std::fs::read_to_string(callbacks).ok()?;
    // How bash functions are usually written; those that are made in other ways only the service itself knows.
    let functions = text.lines().filter_map(|line| {
        let name = line.trim_start().trim_start_matches("function ").split(['(', ' ', '{']).next()?;
        ActionName::of_callback(name)
    });
    Some(functions.collect())
}

/// What was found.
#[derive(Debug, Default)]
struct Report {
    /// The files, each with its faults, and those that are no faults of a line.
    faults: Vec<(String, Diagnostic)>,
    others: Vec<String>,
    errors: usize,
    warnings: usize,
}

impl Report {
    fn add(&mut self, file: &str, faults: Vec<Diagnostic>) {
        for fault in faults {
            match fault.severity {
                Severity::Error => self.errors += 1,
                Severity::Warning => self.warnings += 1,
            }
            self.faults.push((file.to_owned(), fault));
        }
    }

    fn add_policy(&mut self, path: &Path) {
        match Policy::load(path) {
            Ok(_) => {}
            Err(PolicyError::Faults { file, faults, more }) => {
                self.add(&file, faults);
                self.errors += more;
            }
            Err(other) => {
                self.errors += 1;
                self.others.push(other.to_string());
            }
        }
    }

    fn print(&self, json: bool, entries: usize) {
        if json {
            let faults: Vec<Value> = self.faults.iter().map(|(file, fault)| as_json(file, fault)).collect();
            return say(json!({"entries": entries, "faults": faults, "others": self.others}));
        }
        for (file, fault) in &self.faults {
            say(format_args!("{}\n", fault.in_file(file)));
        }
        for other in &self.others {
            say(format_args!("{other}\n"));
        }
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
        say(format_args!("{entries}, {}, {}", count(self.errors, "error"), count(self.warnings, "warning")));
    }
}

fn as_json(file: &str, fault: &Diagnostic) -> Value {
    let severity = if fault.severity == Severity::Error { "error" } else { "warning" };
    json!({
        "file": file, "line": fault.line, "column": fault.column, "severity": severity,
        "message": fault.message, "allowed": fault.allowed, "hint": fault.hint,
    })
}
