//! Settings that nothing reads: a misspelt one would change nothing, and nobody would say so.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{Assignment, Dotenv, diagnostic, template};
use crate::diagnostic::{Diagnostic, Severity};
use crate::spelling;

/// What lists all settings of a stack, those that are not set in remarks.
const EXAMPLE: &str = ".env.example";
/// The files that Compose reads, in which settings stand.
const COMPOSE_FILES: [&str; 6] = [
    "docker-compose.yaml",
    "docker-compose.yml",
    "docker-compose.override.yaml",
    "docker-compose.override.yml",
    "compose.yaml",
    "compose.override.yaml",
];
/// What Compose and Docker have for themselves.
const FOREIGN: [&str; 3] = ["COMPOSE_", "DOCKER_", "BUILDKIT_"];

/// Warnings of what the file sets for nobody. None where the stack does not list its settings, or hands all of the file on.
pub(super) fn unread(dotenv: &Dotenv, stack: &Path) -> Vec<Diagnostic> {
    let Ok(example) = fs::read_to_string(stack.join(EXAMPLE)) else { return Vec::new() };
    let mut known: BTreeSet<&str> = example.lines().filter_map(listed).collect();
    let files = COMPOSE_FILES.map(|name| fs::read_to_string(stack.join(name)).unwrap_or_default());
    if files.iter().any(|text| text.contains("env_file")) {
        return Vec::new();
    }
    known.extend(files.iter().flat_map(|text| used(text)));
    known.extend(used(&dotenv.text));
    let is_unread = |found: &&Assignment| {
        !known.contains(found.name.as_str()) && !FOREIGN.iter().any(|foreign| found.name.starts_with(foreign))
    };
    dotenv.assignments.iter().filter(is_unread).map(|found| warning(dotenv, found, &known)).collect()
}

fn warning(dotenv: &Dotenv, found: &Assignment, known: &BTreeSet<&str>) -> Diagnostic {
    let place = (found.start, found.name.chars().count());
    let meant = spelling::nearest(&found.name, known.iter().copied());
    let hint = meant.map(|meant| format!("did you mean `{meant}`?"));
    let message = format!("`{}` is no setting, and nothing reads it", found.name);
    Diagnostic { hint, ..diagnostic(&dotenv.text, place, Severity::Warning, message) }
}

/// The name in `NAME=…`, or in `# NAME=…`.
fn listed(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['#', ' ']);
    let name = template::leading_name(line);
    (!name.is_empty() && line[name.len()..].starts_with('=')).then_some(name)
}

/// The names of all that is replaced in a text.
fn used(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split('$').skip(1).map(|text| text.strip_prefix('{').unwrap_or(text));
    behind.map(template::leading_name).filter(|name| !name.is_empty())
}
