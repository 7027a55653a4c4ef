//! The lines that the two generations of Compose read differently.

use std::collections::{BTreeMap, BTreeSet};

use super::template::leading_name;
use super::{Assignment, Dotenv, Environment, diagnostic, first, second};
use crate::diagnostic::{Diagnostic, Severity};
use crate::visible;

/// What is said of each, the first line first.
pub(super) fn differences(dotenv: &Dotenv, environment: Environment<'_>) -> Vec<Diagnostic> {
    let text = lines_of_the_first(&dotenv.text);
    let before = last(first::read(&text, environment));
    let now = last(dotenv.assignments.clone());
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let (before, now) = (before.get(name), now.get(name));
        let reading = |found: Option<&Assignment>| found.map(|found| found.value.clone().unwrap_or_default());
        if reading(before) == reading(now) {
            continue;
        }
        let message = format!(
            "docker-compose 1.29 reads {}, `docker compose` 2 {}",
            in_words(name, reading(before)),
            in_words(name, reading(now))
        );
        let fault = match (now, before) {
            (Some(now), _) => {
                let hint = agreed(dotenv, now, environment).map(|line| format!("both read `{line}`"));
                Diagnostic { hint, ..at(&dotenv.text, now, message) }
            }
            (None, Some(before)) => {
                let hint = Some(format!("`{name}=` where it is to be empty, else take it out"));
                Diagnostic { hint, ..at(&text, before, message) }
            }
            (None, None) => continue,
        };
        found.push(fault);
    }
    found.sort_by_key(|fault| (fault.line, fault.column));
    found
}

/// The text with the ends of lines that Python makes of it.
pub(super) fn lines_of_the_first(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The assignment of each name that counts.
fn last(assignments: Vec<Assignment>) -> BTreeMap<String, Assignment> {
    assignments.into_iter().map(|found| (found.name.clone(), found)).collect()
}

fn in_words(name: &str, value: Option<String>) -> String {
    match value {
        None => format!("no `{}` at all", short(name)),
        Some(value) => format!("`{}={}`", short(name), short(&value)),
    }
}

/// Fit for a message of one line.
fn short(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    let more = if short.len() < text.len() { "…" } else { "" };
    visible::line(&short).into_owned() + more
}

fn at(text: &str, found: &Assignment, message: String) -> Diagnostic {
    let written = text[found.start..found.end].lines().next().unwrap_or_default().trim_end();
    diagnostic(text, (found.start, written.chars().count()), Severity::Warning, message)
}

/// A line that both read as the second reads this one.
fn agreed(dotenv: &Dotenv, found: &Assignment, environment: Environment<'_>) -> Option<String> {
    let value = found.value.as_deref().unwrap_or_default();
    let written = dotenv.text[found.value_at..found.end].trim_end();
    let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let ways = [
        with_braces(written),
        value.to_owned(),
        format!("'{}'", value.replace('\'', "\\'")),
        format!("\"{escaped}\""),
    ];
    let above = &dotenv.text[..found.start];
    let lines = ways.map(|way| format!("{}={way}", found.name));
    let mut lines = lines.into_iter().filter(|line| !line.contains(char::is_control));
    lines.find(|line| is_agreed(&format!("{above}{line}\n"), &found.name, value, environment))
}

/// Whether both read this value of a name in a text.
fn is_agreed(text: &str, name: &str, value: &str, environment: Environment<'_>) -> bool {
    let has = |read| last(read).get(name).is_some_and(|found| found.value.as_deref() == Some(value));
    has(first::read(&lines_of_the_first(text), environment)) && second::read(text, environment).is_ok_and(has)
}

/// The text with `$NAME` written as `${NAME}`.
fn with_braces(text: &str) -> String {
    let mut braced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        let name = leading_name(after);
        braced += before;
        braced += "$";
        if !name.is_empty() {
            braced.extend(["{", name, "}"]);
        }
        rest = &after[name.len()..];
    }
    braced + rest
}
