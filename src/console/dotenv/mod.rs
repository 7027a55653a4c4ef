//! A stack's `.env`, as Docker Compose reads it: the one reader of it, also for the scripts in `bin`.
//!
//! Compose has two: that of docker-compose 1.29 ([`first`]) and that of `docker compose` 2 ([`second`]). Ours is the
//! second; [`comparison`] finds the lines that they read differently.

mod comparison;
mod first;
mod second;
mod template;
mod unread;

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

pub(super) use template::replace;

use crate::diagnostic::{Diagnostic, Severity};

/// The file's name in a stack's folder.
pub(super) const FILE: &str = ".env";
/// What some editors begin a file with.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// What the environment has for a name.
type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The settings in a `.env`.
#[derive(Debug, Clone, Default)]
pub(super) struct Dotenv {
    text: String,
    assignments: Vec<Assignment>,
}

/// `NAME=VALUE` in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Assignment {
    name: String,
    /// None is a name alone, which only the first generation keeps.
    value: Option<String>,
    /// The byte that the statement begins with, the one that its value begins with, and the one behind all of it.
    start: usize,
    value_at: usize,
    end: usize,
}

/// Where a file cannot be read on, and why.
#[derive(Debug)]
struct Fault {
    /// The byte at fault.
    at: usize,
    /// How many characters are.
    width: usize,
    message: String,
    allowed: &'static str,
}

/// Why there are no settings.
#[derive(Debug)]
pub(super) enum DotenvError {
    /// The file has a fault.
    Fault(Box<Diagnostic>),
    /// The file is there, and cannot be read.
    Unreadable(io::Error),
}

impl Dotenv {
    /// Reads the settings of the stack in a folder; there are none where it has no such file.
    ///
    /// # Errors
    /// Where the file cannot be read, or Compose would not take it.
    pub(super) fn load(stack: &Path, environment: Environment<'_>) -> Result<Self, DotenvError> {
        match fs::read(stack.join(FILE)) {
            Ok(bytes) => Self::read(bytes, environment).map_err(DotenvError::Fault),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(DotenvError::Unreadable(error)),
        }
    }

    /// Reads a file's content; variables in it are replaced by what `environment` has, else by what stands above.
    ///
    /// # Errors
    /// Where Compose would not take it, at the first fault.
    fn read(bytes: Vec<u8>, environment: Environment<'_>) -> Result<Self, Box<Diagnostic>> {
        let text = String::from_utf8(bytes).map_err(|error| Box::new(not_utf8(error.as_bytes())))?;
        let text = text.strip_prefix(BYTE_ORDER_MARK).map(str::to_owned).unwrap_or(text);
        match second::read(&text, environment) {
            Ok(assignments) => Ok(Self { text, assignments }),
            Err(Fault { at, width, message, allowed }) => {
                let fault = diagnostic(&text, (at, width), Severity::Error, message);
                Err(Box::new(Diagnostic { allowed: allowed.to_owned(), ..fault }))
            }
        }
    }

    /// What the file has for a name: the last of its values.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.assignment(name)?.value.as_deref()
    }

    /// What Compose has for a name: the environment's, else the file's.
    pub(super) fn setting(&self, name: &str, environment: Environment<'_>) -> Option<String> {
        environment(name).or_else(|| self.get(name).map(str::to_owned))
    }

    /// The names that the file has values for, each once, by the alphabet.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.assignments.iter().map(|found| found.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The lines that docker-compose 1.29 reads differently.
    pub(super) fn differences(&self, environment: Environment<'_>) -> Vec<Diagnostic> {
        comparison::differences(self, environment)
    }

    /// Warnings of what it sets that nothing in the stack's folder reads.
    pub(super) fn unread(&self, stack: &Path) -> Vec<Diagnostic> {
        unread::unread(self, stack)
    }

    /// A fault of the value of a name, which the file has.
    pub(super) fn fault_of(&self, name: &str, message: String, hint: Option<String>) -> Option<Diagnostic> {
        let found = self.assignment(name)?;
        let written = self.text[found.value_at..found.end].lines().next().unwrap_or_default().trim_end();
        let place = (found.value_at, written.chars().count());
        Some(Diagnostic { hint, ..diagnostic(&self.text, place, Severity::Error, message) })
    }

    fn assignment(&self, name: &str) -> Option<&Assignment> {
        self.assignments.iter().rfind(|found| found.name == name)
    }
}

impl Fault {
    fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, width: 1, message: message.into(), allowed: "" }
    }

    fn wide(self, width: usize) -> Self {
        Self { width: width.max(1), ..self }
    }

    fn allowed(self, allowed: &'static str) -> Self {
        Self { allowed, ..self }
    }
}

impl fmt::Display for DotenvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.in_file(FILE).fmt(f),
            Self::Unreadable(why) => write!(f, "cannot read {FILE}: {why}"),
        }
    }
}

/// The first generation ends at such a file, and no other file of ours could have the value in it.
fn not_utf8(bytes: &[u8]) -> Diagnostic {
    let text = String::from_utf8_lossy(bytes);
    let at = text.find(char::REPLACEMENT_CHARACTER).unwrap_or_default();
    let fault = diagnostic(&text, (at, 1), Severity::Error, "this is not UTF-8".to_owned());
    Diagnostic { hint: Some("save the file as UTF-8".to_owned()), ..fault }
}

/// What is wrong at a byte of a text, and so many characters from there.
fn diagnostic(text: &str, (at, width): (usize, usize), severity: Severity, message: String) -> Diagnostic {
    let before = &text[..at];
    let line_at = before.rfind('\n').map_or(0, |newline| newline + 1);
    Diagnostic {
        severity,
        line: before.matches('\n').count() + 1,
        column: text[line_at..at].chars().count() + 1,
        width: width.max(1),
        message,
        allowed: String::new(),
        hint: None,
        text: text[line_at..].lines().next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests;
