//! Text from elsewhere, made safe for the terminal of whoever looks at it.
//!
//! What a callback prints, or a socket answers, may hold control characters: some move the cursor, change the
//! window's title or even type for the administrator. They are shown instead of obeyed.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with every control character but tabs and ends of lines shown as `\x1b`, `\u{202e}` and the like.
pub fn text(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n' || c == '\t')
}

/// The text as one line: ends of lines and tabs are shown, too.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_unsafe = |c: char| (c.is_control() || turns_the_text(c)) && !stays(c);
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !is_unsafe(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            // Writing to a string does not fail.
            c if c.is_ascii() => drop(write!(safe, "\\x{:02x}", u32::from(c))),
            c => safe.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(safe)
}

/// Characters that reorder what stands around them, so that it reads otherwise than it is
/// (<https://www.unicode.org/reports/tr9/>, explicit directional formatting).
fn turns_the_text(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_and_the_rest_stays() {
        assert_eq!(text("a\tb\nü ✓"), "a\tb\nü ✓");
        assert_eq!(text("\u{1b}]0;gone\u{7}\u{1b}[2J\r\u{9b}31m"), "\\x1b]0;gone\\x07\\x1b[2J\\r\\u{9b}31m");
        assert_eq!(text("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(line("a\tb\nc"), "a\\tb\\nc");
    }

    #[test]
    fn nothing_is_copied_where_nothing_is_wrong() {
        assert!(matches!(text("as it is\n"), Cow::Borrowed(_)));
    }
}
