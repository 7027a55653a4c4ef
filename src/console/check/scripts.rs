//! A service's scripts: whether bash understands them, which actions they define, what the personality says.
//! They are read, never sourced or run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::report::Report;
use crate::diagnostic::{Diagnostic, Severity};
use crate::names::ActionName;
use crate::{signals, spelling};

/// What a service is; what can be asked of it.
pub(super) const PERSONALITY: &str = "docker-entry-setup.sh";
pub(super) const CALLBACKS: &str = "docker-callbacks.sh";
/// The variables of a personality (README, "A service and a callback of your own").
const VARIABLES: [&str; 13] = [
    "SERVICE",
    "COMMAND",
    "OPTS",
    "USER",
    "GROUP",
    "USE_RUNSOCK",
    "RUNMODE",
    "USE_VARLOG",
    "REUID",
    "REGID",
    "STOP_SIGNAL",
    "STOP_TIMEOUT",
    "LOG_FILES",
];

/// Whether a service has callbacks.
pub(super) fn are_there(bin: &Path) -> bool {
    bin.join(CALLBACKS).is_file()
}

/// Checks every script in a folder of a service's, and what its personality says.
pub(super) fn check(bin: &Path, report: &mut Report) {
    for path in scripts(bin) {
        let Ok(text) = fs::read_to_string(&path) else {
            report.fail(&path, "it cannot be read, or is not UTF-8");
            continue;
        };
        let mut faults = understood(&path, &text);
        if path.ends_with(PERSONALITY) {
            faults.extend(assignments(&text).filter_map(Assignment::fault));
        }
        report.add(&path.display().to_string(), faults);
    }
}

/// The actions that the functions in a service's folders of scripts are for. Those that are defined in other ways
/// than as `name() {` or `function name {` on a line only the service itself knows.
pub(super) fn actions(folders: &[&Path]) -> Vec<ActionName> {
    let paths = folders.iter().flat_map(|folder| scripts(folder));
    let texts = paths.filter_map(|path| fs::read_to_string(path).ok());
    let mut actions: Vec<_> =
        texts.flat_map(|text| text.lines().filter_map(defined).collect::<Vec<_>>()).collect();
    actions.sort();
    actions.dedup();
    actions
}

/// How long the personality gives its service to stop, in seconds, where it says so plainly.
pub(super) fn stop_timeout(bin: &Path) -> Option<u64> {
    let text = fs::read_to_string(bin.join(PERSONALITY)).ok()?;
    assignments(&text).filter(|set| set.name == "STOP_TIMEOUT").last()?.value.parse().ok()
}

fn scripts(bin: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(bin).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "sh") && path.is_file());
    paths.sort();
    paths
}

/// What bash does not understand, as `bash -n` says; nothing where there is no bash.
fn understood(path: &Path, text: &str) -> Vec<Diagnostic> {
    // BASH_ENV would be sourced.
    let output =
        Command::new("bash").arg("-n").arg("--").arg(path).env_remove("BASH_ENV").env("LC_ALL", "C").output();
    let Ok(output) = output.map(|output| output.stderr) else { return Vec::new() };
    let said = String::from_utf8_lossy(&output);
    let prefix = format!("{}: line ", path.display());
    // The second line about a fault shows its line, which the diagnostic does, too.
    let places = said.lines().filter_map(|said| said.strip_prefix(&prefix)?.split_once(": "));
    let faults = places.filter(|(_, what)| !what.starts_with('`'));
    faults.filter_map(|(number, what)| Some(of_line(text, number.parse().ok()?, what))).collect()
}

/// A fault of a line of a text, as some other program has found it.
pub(super) fn of_line(text: &str, number: usize, what: &str) -> Diagnostic {
    // A fault that is found at the end is beyond the last line.
    let number = number.min(text.lines().count()).max(1);
    let line = text.lines().nth(number - 1).unwrap_or_default();
    let indent = line.chars().take_while(|c| c.is_whitespace()).count();
    Diagnostic {
        severity: Severity::Error,
        line: number,
        column: indent + 1,
        width: line.trim().chars().count(),
        message: what.to_owned(),
        allowed: String::new(),
        hint: None,
        text: line.to_owned(),
    }
}

/// The action whose function a line defines.
fn defined(line: &str) -> Option<ActionName> {
    let line = line.trim_start();
    let name = match line.strip_prefix("function ") {
        Some(line) => line.trim_start().split([' ', '(', '{']).next()?,
        None => line.split_once('(').filter(|(_, rest)| rest.trim_start().starts_with(')'))?.0.trim_end(),
    };
    ActionName::of_callback(name)
}

/// `NAME=VALUE` at the beginning of a line, with a plain value.
struct Assignment<'a> {
    line: usize,
    text: &'a str,
    name: &'a str,
    value: &'a str,
}

/// The assignments of a script, several on a line, too, up to the first that is not plain.
fn assignments(text: &str) -> impl Iterator<Item = Assignment<'_>> {
    text.lines().enumerate().flat_map(|(place, text)| {
        let words = text.split_ascii_whitespace();
        words.map_while(move |word| {
            let (name, value) = word.split_once('=')?;
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
            is_name.then(|| Assignment {
                line: place + 1,
                text,
                name,
                value: value.trim_matches(['"', '\'']),
            })
        })
    })
}

impl Assignment<'_> {
    /// What is wrong with it, as far as that can be told without running it.
    fn fault(self) -> Option<Diagnostic> {
        let is_plain = !self.value.contains(['$', '`', '\\', ';']);
        let digits =
            |digits: &[u8]| !self.value.is_empty() && self.value.bytes().all(|b| digits.contains(&b));
        let (severity, message, hint) = match self.name {
            "STOP_SIGNAL" if is_plain && signals::number(self.value).is_none() => (
                Severity::Error,
                format!("`{}` is no signal", self.value),
                Some("a name such as QUIT, or a number".into()),
            ),
            "STOP_TIMEOUT" if is_plain && !digits(b"0123456789") => {
                (Severity::Error, format!("`{}` is no number of seconds", self.value), None)
            }
            "RUNMODE" if is_plain && !digits(b"01234567") => (
                Severity::Error,
                format!("`{}` is no mode", self.value),
                Some("octal digits, such as 0750".into()),
            ),
            name if !VARIABLES.contains(&name) => {
                let meant = spelling::nearest(name, VARIABLES)?;
                let message = format!("`{name}` means nothing here");
                (Severity::Warning, message, Some(format!("did you mean `{meant}`?")))
            }
            _ => return None,
        };
        let column = self.text.find(self.name).map_or(1, |at| self.text[..at].chars().count() + 1);
        let width = self.name.len() + 1 + self.value.chars().count();
        let (line, text) = (self.line, self.text.to_owned());
        Some(Diagnostic { severity, line, column, width, message, allowed: String::new(), hint, text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_told_from_calls_and_comments() {
        for line in [
            "CB_nightly_backup() {",
            "  CB_nightly_backup () { :; }",
            "function CB_nightly_backup {",
            "function CB_nightly_backup() {",
        ] {
            assert_eq!(
                defined(line).map(|action| action.to_string()).as_deref(),
                Some("nightly-backup"),
                "{line}"
            );
        }
        for line in
            ["CB_nightly_backup \"$1\"", "# CB_nightly_backup() {", "x=$(CB_nightly_backup)", "other() {"]
        {
            assert_eq!(defined(line), None, "{line}");
        }
    }

    fn faults(text: &str) -> Vec<String> {
        assignments(text).filter_map(Assignment::fault).map(|fault| fault.in_file("p").to_string()).collect()
    }

    #[test]
    fn what_a_personality_says_plainly_is_judged() {
        assert!(
            faults(
                "STOP_SIGNAL=QUIT STOP_TIMEOUT=\"90\"\nRUNMODE=0750\nSTOP_TIMEOUT=$LIMIT\nPHP_VERSION=8.4"
            )
            .is_empty()
        );
        insta::assert_snapshot!(faults("USE_VARLOG=1  STOP_TIMEOUT=8s\nSTOP_SIGNL=QUIT").join("\n"), @r"
        p:1:15: `8s` is no number of seconds
          |
        1 | USE_VARLOG=1  STOP_TIMEOUT=8s
          |               ^^^^^^^^^^^^^^^
        p:2:1: warning: `STOP_SIGNL` means nothing here
          |
        2 | STOP_SIGNL=QUIT
          | ^^^^^^^^^^^^^^^
          = hint: did you mean `STOP_SIGNAL`?
        ");
    }
}
