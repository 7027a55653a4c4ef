//! The words of a line, each with its place.

use crate::diagnostic::{Diagnostic, Severity};

/// A line of the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Counted from 1.
    pub(crate) number: usize,
    /// Without its line ending.
    pub(crate) text: &'a str,
}

/// A word of a line: what stands between blanks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    /// Its first byte's place in the line.
    pub(crate) start: usize,
}

/// A fault as the parsers of a line's parts know it: where, what, and what instead.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// Bytes of the line.
    pub(crate) span: std::ops::Range<usize>,
    pub(crate) message: String,
    pub(crate) allowed: String,
    pub(crate) hint: Option<String>,
}

impl<'a> Line<'a> {
    /// Its words. A word that starts with `#` starts a comment.
    pub(crate) fn words(self) -> Vec<Word<'a>> {
        let mut words: Vec<Word<'a>> = Vec::with_capacity(8);
        for text in self.text.split([' ', '\t']).filter(|word| !word.is_empty()) {
            if text.starts_with('#') {
                break;
            }
            // Both are slices of the line, so their addresses tell the place.
            let start = text.as_ptr() as usize - self.text.as_ptr() as usize;
            words.push(Word { text, start });
        }
        words
    }

    /// The fault with the line around it.
    pub(crate) fn diagnose(self, severity: Severity, fault: Fault) -> Diagnostic {
        let before = self.text.get(..fault.span.start).unwrap_or(self.text);
        let faulty = self.text.get(fault.span).unwrap_or("");
        Diagnostic {
            severity,
            line: self.number,
            column: before.chars().count() + 1,
            width: faulty.chars().count(),
            message: fault.message,
            allowed: fault.allowed,
            hint: fault.hint,
            text: self.text.to_owned(),
        }
    }
}

impl Word<'_> {
    /// The bytes of the line that it takes.
    pub(crate) fn span(self) -> std::ops::Range<usize> {
        self.start..self.start + self.text.len()
    }

    /// A fault of the whole word.
    pub(crate) fn fault(self, message: impl Into<String>, allowed: &str, hint: Option<&str>) -> Fault {
        Fault {
            span: self.span(),
            message: message.into(),
            allowed: allowed.to_owned(),
            hint: hint.map(str::to_owned),
        }
    }
}
