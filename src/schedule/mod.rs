//! The schedule: what its file says, and when that is.
//!
//! Everything here is pure: bytes come in, entries and diagnostics go out; an instant comes in, the next one
//! goes out. Instants are seconds since 1970-01-01 00:00 UTC. What to do when an entry is due is the
//! scheduler's (`crate::scheduler`).
//!
//! Which time zones are used, and where others would differ, is `tzdata` and `disagreement`.
//!
//! [`parse`] reads a file ([`parse_text`] several, which are one schedule) → [`Entry`], with its [`Expression`] and [`Options`], or a [`Diagnostic`];
//! [`next`] is the calendar and has the rules for daylight saving.

mod advice;
mod calendar;
mod civil;
mod disagreement;
mod entry;
mod explain;
mod expression;
mod field;
mod field_parser;
mod options;
mod parser;
mod print;
mod text;
#[cfg(test)]
mod transitions;
mod tzdata;
mod upcoming;
mod words;
mod zone;

pub use crate::diagnostic::{Diagnostic, Severity};
pub use advice::Advisor;
pub use calendar::{latest, next};
pub use disagreement::{Disagreement, disagreement, disagreements};
pub use entry::{Entry, EntryKey, When};
pub use expression::{Expression, WORDS};
pub use field::{FIELDS, Field, FieldKind};
pub use options::{CatchUp, LONGEST_DEADLINE, LONGEST_DELAY, OptionKey, Options};
pub use parser::{parse, parse_text};
pub use text::{Places, Text};
pub use upcoming::{Coming, upcoming};
pub use zone::{UnknownZone, Zone};

/// Which time zones are used, in words: `tzdata 2026f, bundled (the system has 2025b)`.
pub fn zones_in_words() -> String {
    tzdata::Tzdata::current().to_string()
}

/// What a schedule's file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// The entries that can be run, in the order of their lines.
    pub entries: Vec<Entry>,
    /// What is wrong with the others.
    pub diagnostics: Vec<Diagnostic>,
    /// Entries, by their place above, below option lines that cannot be read, with the options that it is of.
    /// They have the values that were in force before those lines.
    pub doubts: Vec<(usize, Vec<OptionKey>)>,
    /// Which of its lines are of which file.
    pub places: Places,
}

impl Schedule {
    /// Whether any line does nothing.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Reads an expression alone: five fields, or an `@` word other than `@reboot`.
///
/// # Errors
/// The fault, as for a schedule of one line.
pub fn parse_expression(text: &str) -> Result<Expression, Box<Diagnostic>> {
    parser::expression(text)
}

/// Whether a line sets an option, or is meant to.
pub fn is_option(line: &str) -> bool {
    options::OptionLine::read(line).is_some()
}
