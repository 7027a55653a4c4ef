//! What is wrong with a line of a file that people write, shown the way compilers do: place, line, caret, remedy.

use std::fmt;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The line works, though perhaps not as it was meant.
    Warning,
    /// The line does nothing.
    Error,
}

/// A fault in a file, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The line, counted from 1.
    pub line: usize,
    /// The character of the line where the fault starts, counted from 1.
    pub column: usize,
    /// How many characters are at fault; 0 marks a place between two.
    pub width: usize,
    /// What is wrong, in one clause.
    pub message: String,
    /// What would be right, written beside the caret; may be empty.
    pub allowed: String,
    /// What was probably meant.
    pub hint: Option<String>,
    /// The line, as it stands in the file.
    pub text: String,
}

/// How much of a long line is shown before its fault, and after it.
const CONTEXT: usize = 50;

impl Diagnostic {
    /// The diagnostic with the file's name, for people: several lines, without a newline at the end.
    pub fn in_file<F: fmt::Display>(&self, file: F) -> impl fmt::Display + use<'_, F> {
        InFile { diagnostic: self, file }
    }

    /// The same at another line: that of a file which is a part of what was read.
    #[must_use]
    pub fn at_line(&self, line: usize) -> Self {
        Self { line, ..self.clone() }
    }

    /// The part of the line around the fault, safe to show, and how many characters of it precede the fault.
    fn excerpt(&self) -> (String, usize) {
        let fault = self.column.saturating_sub(1);
        let skipped = fault.saturating_sub(CONTEXT);
        let length = fault - skipped + self.width.min(CONTEXT) + CONTEXT;
        let mut shown: String = self.text.chars().skip(skipped).take(length).map(visible).collect();
        let mut caret = fault - skipped;
        if skipped > 0 {
            shown.insert_str(0, "… ");
            caret += 2;
        }
        if self.text.chars().nth(skipped + length).is_some() {
            shown.push_str(" …");
        }
        (shown.trim_end().to_owned(), caret)
    }
}

/// Text from the file, short and without control characters, so that a message stays one line.
pub fn shorten(text: &str) -> String {
    let short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() { short + "…" } else { short }
}

/// A diagnostic with the name of its file.
struct InFile<'a, F> {
    diagnostic: &'a Diagnostic,
    file: F,
}

impl<F: fmt::Display> fmt::Display for InFile<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { severity, line, column, width, message, allowed, hint, .. } = self.diagnostic;
        let (shown, caret) = self.diagnostic.excerpt();
        let margin = " ".repeat(line.to_string().len());
        let kind = if *severity == Severity::Warning { "warning: " } else { "" };
        writeln!(f, "{}:{line}:{column}: {kind}{message}", self.file)?;
        writeln!(f, "{margin} |")?;
        writeln!(f, "{line} | {shown}")?;
        write!(f, "{margin} | {}{}", " ".repeat(caret), "^".repeat((*width).clamp(1, CONTEXT)))?;
        if !allowed.is_empty() {
            write!(f, " {allowed}")?;
        }
        match hint {
            Some(hint) => write!(f, "\n{margin} = hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// One column a character: a tab would move the caret, a control character could do worse to a terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnostic(text: &str, column: usize, width: usize) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            line: 12,
            column,
            width,
            message: "the hour `24` is too large".to_owned(),
            allowed: "an hour is 0 to 23".to_owned(),
            hint: Some("midnight is hour 0".to_owned()),
            text: text.to_owned(),
        }
    }

    #[test]
    fn a_diagnostic_shows_place_line_caret_and_remedy() {
        let shown = diagnostic("0\t24 * * * mysql nightly-backup", 3, 2).in_file("schedule.cron").to_string();
        insta::assert_snapshot!(shown, @r"
        schedule.cron:12:3: the hour `24` is too large
           |
        12 | 0 24 * * * mysql nightly-backup
           |   ^^ an hour is 0 to 23
           = hint: midnight is hour 0
        ");
    }

    #[test]
    fn a_long_line_is_shown_around_its_fault() {
        let text = format!("{}24{}", "x".repeat(1_000_000), "y".repeat(1_000_000));
        let shown = diagnostic(&text, 1_000_001, 2).in_file("f").to_string();
        assert!(shown.len() < 400, "{}", shown.len());
        let lines: Vec<&str> = shown.lines().collect();
        let caret = lines[3].chars().position(|c| c == '^').unwrap();
        assert_eq!(lines[2].chars().skip(caret).take(2).collect::<String>(), "24");
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let shown = diagnostic("\u{1b}[2J 24", 6, 2).in_file("f").to_string();
        assert!(!shown.contains('\u{1b}'));
    }
}
