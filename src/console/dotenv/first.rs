//! What docker-compose 1.29 makes of a `.env`: only to be able to say where that is something else.
//!
//! By what 1.29.2 does (tests/dotenv/cases.jsonl). A line that it does not understand it leaves out, and goes on.

use std::collections::HashMap;

use super::Assignment;

/// The assignments of a file, in its order.
pub(super) fn read(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> Vec<Assignment> {
    let mut reader = Reader { text, at: 0 };
    let mut known: HashMap<String, Option<String>> = HashMap::new();
    let mut found = Vec::new();
    while !reader.rest().is_empty() {
        let start = reader.at;
        let Some(line) = reader.line() else {
            reader.skip(|c| c != '\n');
            reader.skip_char('\n');
            continue;
        };
        let Line::Assigns(name, written) = line else { continue };
        let value = written.map(|written| {
            replace(&written, &|name| match known.get(name) {
                Some(value) => Some(value.clone().unwrap_or_default()),
                None => environment(name),
            })
        });
        known.insert(name.clone(), value.clone());
        let start = start + (text[start..].len() - text[start..].trim_start_matches(is_space).len());
        found.push(Assignment { name, value, start, value_at: start, end: reader.at });
    }
    found
}

struct Reader<'a> {
    text: &'a str,
    /// The byte that is next.
    at: usize,
}

/// What a line is for.
enum Line {
    /// Nothing: it is empty, or a comment.
    Nothing,
    /// A name, and the value where there is an `=`.
    Assigns(String, Option<String>),
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Skips characters; how many bytes they were.
    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) -> usize {
        let before = self.at;
        self.at = self.text.len() - self.rest().trim_start_matches(is_skipped).len();
        self.at - before
    }

    fn skip_char(&mut self, c: char) -> bool {
        let is_there = self.rest().starts_with(c);
        self.at += if is_there { c.len_utf8() } else { 0 };
        is_there
    }

    /// The next line; none where it is not understood.
    fn line(&mut self) -> Option<Line> {
        self.skip(is_space);
        if self.rest().is_empty() {
            return Some(Line::Nothing);
        }
        self.skip_export();
        let name = if self.rest().starts_with('#') { None } else { Some(self.name()?) };
        self.skip(is_blank);
        let mut value = None;
        if self.skip_char('=') {
            self.skip(is_blank);
            value = Some(self.value()?);
        }
        self.skip(is_blank);
        if self.rest().starts_with('#') {
            self.skip(|c| c != '\n');
        }
        if !self.rest().is_empty() && !self.skip_char('\n') {
            return None;
        }
        Some(name.map_or(Line::Nothing, |name| Line::Assigns(name, value)))
    }

    fn skip_export(&mut self) {
        let before = self.at;
        if self.rest().starts_with("export") {
            self.at += "export".len();
            if self.skip(is_blank) == 0 {
                self.at = before;
            }
        }
    }

    fn name(&mut self) -> Option<String> {
        if let Some(quoted) = self.rest().strip_prefix('\'') {
            let (name, _) = quoted.split_once('\'').filter(|(name, _)| !name.is_empty())?;
            self.at += name.len() + 2;
            return Some(name.to_owned());
        }
        let start = self.at;
        let length = self.skip(|c| c != '=' && c != '#' && !is_space(c));
        (length > 0).then(|| self.text[start..self.at].to_owned())
    }

    fn value(&mut self) -> Option<String> {
        match self.rest().chars().next() {
            Some('\'') => Some(unescape(self.quoted('\'')?, "\\'")),
            Some('"') => Some(unescape(self.quoted('"')?, "\\'\"abfnrtv")),
            _ => {
                let start = self.at;
                self.skip(|c| c != '\n');
                Some(without_comment(&self.text[start..self.at]).to_owned())
            }
        }
    }

    /// What stands between two quotes. A backslash keeps one from being the last, unless there is no other.
    fn quoted(&mut self, quote: char) -> Option<&'a str> {
        let inside = &self.rest()[1..];
        let mut escaped = None;
        let mut characters = inside.char_indices().peekable();
        let end = loop {
            match characters.next() {
                Some((at, c)) if c == quote => break Some(at),
                Some((_, '\\')) => {
                    if let Some((at, _)) = characters.next_if(|(_, c)| *c == quote) {
                        escaped = Some(at);
                    }
                }
                Some(_) => {}
                None => break escaped,
            }
        }?;
        self.at += end + 2;
        Some(&inside[..end])
    }
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

fn is_blank(c: char) -> bool {
    is_space(c) && c != '\n'
}

/// The text up to a blank with `#` behind it.
fn without_comment(text: &str) -> &str {
    let hashes = text.match_indices('#').map(|(at, _)| &text[..at]);
    let mut before = hashes.filter(|before| before.ends_with(is_space));
    before.next().unwrap_or(text).trim_end_matches(is_space)
}

fn unescape(text: &str, known: &str) -> String {
    let mut value = String::new();
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let escaped = if c == '\\' { characters.next_if(|c| known.contains(*c)) } else { None };
        value.push(match escaped {
            None => c,
            Some('a') => '\x07',
            Some('b') => '\x08',
            Some('f') => '\x0c',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\x0b',
            Some(other) => other,
        });
    }
    value
}

/// The text with `${NAME}` and `${NAME:-DEFAULT}` replaced, which is all that it knows of variables.
fn replace(text: &str, known: &dyn Fn(&str) -> Option<String>) -> String {
    let mut value = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        value += before;
        if let Some((name, default, after)) = braced(after) {
            value += &known(name).unwrap_or_else(|| default.to_owned());
            rest = after;
        } else {
            value += "$";
            rest = &rest[before.len() + 1..];
        }
    }
    value + rest
}

/// The name and the default of what follows `${`, and what follows its end.
fn braced(inside: &str) -> Option<(&str, &str, &str)> {
    let (name, after) = inside.split_at(inside.find(['}', ':'])?);
    if let Some(after) = after.strip_prefix('}') {
        return Some((name, "", after));
    }
    let (default, after) = after.strip_prefix(":-")?.split_once('}')?;
    Some((name, default, after))
}
