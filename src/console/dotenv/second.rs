//! What `docker compose` 2 makes of a `.env`; ours, since it is what goes on being made.
//!
//! By its documentation (<https://docs.docker.com/compose/how-tos/environment-variables/variable-interpolation/>), and
//! where that says nothing by what 2.26.1 does (tests/dotenv/cases.jsonl).

use std::collections::HashMap;

use super::template::{TemplateFault, replace};
use super::{Assignment, Fault};
use crate::visible;

/// The assignments of a file, in its order.
///
/// # Errors
/// At the first place where Compose would end.
pub(super) fn read(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Assignment>, Fault> {
    let mut reader = Reader { text, at: 0, environment, known: HashMap::new(), found: Vec::new() };
    while reader.statement()? {}
    Ok(reader.found)
}

struct Reader<'a> {
    text: &'a str,
    /// The byte that is next.
    at: usize,
    environment: &'a dyn Fn(&str) -> Option<String>,
    known: HashMap<String, String>,
    found: Vec<Assignment>,
}

impl<'a> Reader<'a> {
    /// Takes the next statement; false where there is none.
    fn statement(&mut self) -> Result<bool, Fault> {
        self.skip_to_statement();
        let start = self.at;
        if self.rest().is_empty() {
            return Ok(false);
        }
        // A name alone is the environment's.
        let Some(name) = self.name()? else { return Ok(true) };
        let value_at = self.at;
        let value = self.value()?;
        if name.is_empty() {
            return Err(Fault::new(start, "there is no name before this"));
        }
        if let Some(nul) = value.find('\0') {
            return Err(Fault::new(value_at, "no value can have a NUL in it").wide(nul));
        }
        self.known.insert(name.clone(), value.clone());
        let value = Some(value);
        self.found.push(Assignment { name, value, start, value_at, end: self.at });
        Ok(true)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, is_skipped: impl Fn(char) -> bool) {
        self.at = self.text.len() - self.rest().trim_start_matches(is_skipped).len();
    }

    fn skip_to_statement(&mut self) {
        self.skip(char::is_whitespace);
        while self.rest().starts_with('#') {
            self.skip(|c| c != '\n');
            self.skip(char::is_whitespace);
        }
    }

    /// The name of a statement, with the value next; none where it has no value.
    fn name(&mut self) -> Result<Option<String>, Fault> {
        let exported = self.rest().strip_prefix("export");
        if exported.is_some_and(|after| after.starts_with(['\t', '\n', '\x0c', '\r', ' '])) {
            self.at += "export".len();
            self.skip(is_blank);
        }
        let start = self.at;
        for (offset, c) in self.rest().char_indices() {
            match c {
                '=' | ':' | '\n' => {
                    let name = self.rest()[..offset].trim_end();
                    if name.contains(' ') {
                        let fault =
                            Fault::new(start, "a name cannot have a blank in it").wide(name.chars().count());
                        return Err(fault.allowed("NAME=value, or a comment with # before it"));
                    }
                    self.at += offset + 1;
                    self.skip(is_blank);
                    return Ok((c != '\n').then(|| name.to_owned()));
                }
                '_' | '.' | '-' | '[' | ']' => {}
                c if is_blank(c) || c.is_alphabetic() || c.is_numeric() => {}
                c => {
                    let message = format!("`{}` cannot be in a name", visible::line(&c.to_string()));
                    return Err(Fault::new(start + offset, message).allowed("NAME=value is wanted"));
                }
            }
        }
        Err(Fault::new(start, "this line has no `=`").wide(self.rest().chars().count()))
    }

    fn value(&mut self) -> Result<String, Fault> {
        let start = self.at;
        let written = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let inside = self.quoted(quote)?;
                if quote == '\'' {
                    return Ok(inside);
                }
                unescape(&inside)
            }
            _ => self.unquoted().to_owned(),
        };
        let known = |name: &str| (self.environment)(name).or_else(|| self.known.get(name).cloned());
        replace(&written, &known).map_err(|why| {
            let line = self.text[start..self.at].lines().next().unwrap_or_default().trim_end();
            Fault::of_template(start, why).wide(line.chars().count())
        })
    }

    fn unquoted(&mut self) -> &'a str {
        let (line, _) = self.rest().split_once('\n').unwrap_or((self.rest(), ""));
        self.at = self.text.len().min(self.at + line.len() + 1);
        line.split(" #").next().unwrap_or_default().trim_end()
    }

    /// What stands between two quotes, whose kind a backslash before it keeps from being the end.
    fn quoted(&mut self, quote: char) -> Result<String, Fault> {
        let mut inside = String::new();
        let mut is_escaped = false;
        for (offset, c) in self.rest().char_indices().skip(1) {
            if c == quote && !is_escaped {
                self.at += offset + 1;
                return Ok(inside);
            }
            if c == '\\' && !is_escaped {
                is_escaped = true;
                continue;
            }
            if is_escaped && c != quote {
                inside.push('\\');
            }
            is_escaped = false;
            inside.push(c);
        }
        Err(Fault::new(self.at, "this quote is never closed"))
    }
}

impl Fault {
    fn of_template(at: usize, why: TemplateFault) -> Self {
        match why {
            TemplateFault::Malformed => {
                Self::new(at, "a `${` here is no variable").allowed("${NAME}, or $$ for a dollar sign")
            }
            TemplateFault::Missing { name, reason } => {
                let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
                Self::new(at, format!("`{name}` has to be set{reason}"))
            }
        }
    }
}

/// A blank that does not end the line.
fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

/// What double quotes have backslashes for; the dollar sign's becomes the one that [`replace`] knows.
fn unescape(text: &str) -> String {
    let mut value = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        value += before;
        let Some(c) = after.chars().next() else {
            rest = "\\";
            break;
        };
        rest = &after[c.len_utf8()..];
        match c {
            'a' => value.push('\x07'),
            'b' => value.push('\x08'),
            'f' => value.push('\x0c'),
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            't' => value.push('\t'),
            'v' => value.push('\x0b'),
            '"' | '\\' => value.push(c),
            '$' => value += "$$",
            '0' => rest = octal(rest, &mut value),
            _ => {
                value.push('\\');
                value.push(c);
            }
        }
    }
    value + rest
}

/// Takes the digits behind `\0`: three are a character's number; less, or too large a number, lose the 0 alone.
fn octal<'a>(after: &'a str, value: &mut String) -> &'a str {
    let length = after.bytes().take(3).take_while(u8::is_ascii_digit).count();
    let (digits, rest) = after.split_at(length);
    match u8::from_str_radix(digits, 8) {
        Ok(number) if length == 3 => value.push(number.into()),
        _ => {
            value.push('\\');
            value.push_str(digits);
        }
    }
    rest
}
