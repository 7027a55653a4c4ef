//! What was found, file by file.

use std::path::Path;

use serde_json::{Value, json};

use crate::console::say;
use crate::diagnostic::{Diagnostic, Severity};
use crate::policy::{Policy, PolicyError};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// The files, each with its faults.
    faults: Vec<(String, Diagnostic)>,
    /// What is no fault of any one line.
    others: Vec<(&'static str, String)>,
    pub(super) errors: usize,
    pub(super) warnings: usize,
}

impl Report {
    /// Takes faults of lines of a file.
    pub(super) fn add(&mut self, file: &str, faults: Vec<Diagnostic>) {
        for fault in faults {
            self.count(fault.severity);
            self.faults.push((shown(file), fault));
        }
    }

    /// Takes an error of a file as a whole.
    pub(super) fn fail(&mut self, file: &Path, what: &str) {
        self.other(Severity::Error, format!("{}: {what}", shown(&file.to_string_lossy())));
    }

    /// Takes an error of no file.
    pub(super) fn fail_all(&mut self, what: &str) {
        self.other(Severity::Error, what.to_owned());
    }

    /// Takes a warning about a file as a whole.
    pub(super) fn warn(&mut self, file: &Path, what: &str) {
        self.other(Severity::Warning, format!("{}: warning: {what}", shown(&file.to_string_lossy())));
    }

    /// Takes what is worth knowing about a file as a whole, and nothing wrong.
    pub(super) fn note(&mut self, file: &Path, what: &str) {
        self.others.push(("note", format!("{}: note: {what}", shown(&file.to_string_lossy()))));
    }

    fn other(&mut self, severity: Severity, text: String) {
        self.count(severity);
        self.others.push((word(severity), text));
    }

    fn count(&mut self, severity: Severity) {
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
    }

    /// Takes what is wrong with a policy; the policy, when nothing is.
    pub(super) fn add_policy(&mut self, path: &Path) -> Option<Policy> {
        match Policy::load(path) {
            Ok(policy) => return Some(policy),
            Err(PolicyError::Faults { file, faults, more }) => {
                self.add(&file, faults);
                self.errors += more;
            }
            Err(other) => self.other(Severity::Error, other.to_string()),
        }
        None
    }

    /// Prints it, with the number of the schedule's entries.
    pub(super) fn print(&self, json: bool, entries: usize) {
        if json {
            let faults: Vec<Value> = self.faults.iter().map(|(file, fault)| as_json(file, fault)).collect();
            let others: Vec<Value> = self
                .others
                .iter()
                .map(|(severity, text)| json!({"severity": severity, "message": text}))
                .collect();
            say(json!({"entries": entries, "faults": faults, "others": others}));
            return;
        }
        for (file, fault) in &self.faults {
            say(format_args!("{}\n", fault.in_file(file)));
        }
        for (_, other) in &self.others {
            say(format_args!("{other}\n"));
        }
        let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let entries = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
        say(format_args!("{entries}, {}, {}", count(self.errors, "error"), count(self.warnings, "warning")));
    }
}

/// A file's path as somebody would write it.
fn shown(path: &str) -> String {
    path.trim_start_matches("./").to_owned()
}

fn as_json(file: &str, fault: &Diagnostic) -> Value {
    json!({
        "file": file, "line": fault.line, "column": fault.column, "severity": word(fault.severity),
        "message": fault.message, "allowed": fault.allowed, "hint": fault.hint,
    })
}

fn word(severity: Severity) -> &'static str {
    if severity == Severity::Error { "error" } else { "warning" }
}
