//! The places in a policy's text.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Severity};

/// What is to be said about a fault, apart from its place.
#[derive(Debug, Default)]
pub(super) struct Remark {
    /// What is wrong.
    pub(super) message: String,
    /// What would be right.
    pub(super) allowed: String,
    /// What was probably meant.
    pub(super) hint: Option<String>,
}

/// A fault at these bytes of the text.
pub(super) fn fault(text: &str, span: &Range<usize>, remark: Remark) -> Diagnostic {
    let start = boundary(text, span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = text[start..].find('\n').map_or(text.len(), |length| start + length);
    let line = &text[line_start..line_end];
    let end = boundary(text, span.end).clamp(start, line_end);
    let Remark { message, allowed, hint } = remark;
    Diagnostic {
        severity: Severity::Error,
        line: text[..line_start].matches('\n').count() + 1,
        column: text[line_start..start].chars().count() + 1,
        width: text[start..end].chars().count(),
        message,
        allowed,
        hint,
        text: line.strip_suffix('\r').unwrap_or(line).to_owned(),
    }
}

/// The fault of a file that is not text from byte `at` on.
pub(super) fn not_utf8(text: &str, at: usize) -> Diagnostic {
    let message = "this is not UTF-8 text".to_owned();
    let allowed = "expected UTF-8".to_owned();
    fault(text, &(at..at + 1), Remark { message, allowed, hint: None })
}

fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}
