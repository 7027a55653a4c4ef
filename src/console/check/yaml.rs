//! A YAML file, with the place of everything in it, as Compose reads it: aliases stand for what they name, and
//! `<<` for what it merges in.

use saphyr::{LoadableYamlNode, MarkedYaml, YamlData};

use crate::diagnostic::{Diagnostic, Severity};

/// A file's text, for showing places in it.
#[derive(Clone, Copy)]
pub(super) struct Source<'a>(pub(super) &'a str);

/// A node, or what it was looked for in.
#[derive(Clone, Copy)]
pub(super) struct Node<'a>(&'a MarkedYaml<'a>);

/// Reads a file's only document, and gives its root to `work`.
///
/// # Errors
/// Where it is not YAML.
pub(super) fn with_root<T>(
    source: Source<'_>,
    work: impl FnOnce(Node<'_>) -> T,
) -> Result<T, Box<Diagnostic>> {
    match MarkedYaml::load_from_str(source.0) {
        Ok(documents) => {
            let empty = MarkedYaml::value_from_str("");
            Ok(work(Node(documents.first().unwrap_or(&empty))))
        }
        Err(error) => {
            let (line, column) = (error.marker().line(), error.marker().col() + 1);
            Err(Box::new(source.diagnose(Severity::Error, (line, column, 1), error.info().to_owned(), None)))
        }
    }
}

impl<'a> Node<'a> {
    /// What stands under a key: its own, else one that is merged in.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        if let Some(own) = self.own(key) {
            return Some(own);
        }
        let merged = self.own("<<")?;
        match &merged.0.data {
            YamlData::Sequence(several) => several.iter().find_map(|one| Node(one).get(key)),
            _ => merged.get(key),
        }
    }

    fn own(self, key: &str) -> Option<Self> {
        self.pairs().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Its keys that are texts, with their values; none where it is no mapping.
    pub(super) fn pairs(self) -> impl Iterator<Item = (&'a str, Self)> {
        let mapping = self.0.data.as_mapping().into_iter().flatten();
        mapping.filter_map(|(key, value)| Some((key.data.as_str()?, Node(value))))
    }

    /// The key itself, for its place.
    pub(super) fn key(self, name: &str) -> Option<Self> {
        let keys = self.0.data.as_mapping()?.keys();
        keys.map(Node).find(|key| key.text() == Some(name))
    }

    /// What it has one of after the other.
    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        self.0.data.as_sequence().into_iter().flatten().map(Node)
    }

    /// Its text, where it is one.
    pub(super) fn text(self) -> Option<&'a str> {
        self.0.data.as_str()
    }

    /// Whether it says yes.
    pub(super) fn is_true(self) -> bool {
        self.0.data.as_bool() == Some(true)
    }

    /// Where it begins: the line and the character, both counted from 1; and how many characters it has.
    fn place(self) -> (usize, usize, usize) {
        let (start, end) = (self.0.span.start, self.0.span.end);
        let width = if start.line() == end.line() { end.col().saturating_sub(start.col()) } else { 1 };
        (start.line(), start.col() + 1, width.max(1))
    }
}

impl Source<'_> {
    /// A fault of a node.
    pub(super) fn fault(
        self,
        severity: Severity,
        at: Node<'_>,
        message: String,
        hint: Option<String>,
    ) -> Diagnostic {
        self.diagnose(severity, at.place(), message, hint)
    }

    fn diagnose(
        self,
        severity: Severity,
        (line, column, width): (usize, usize, usize),
        message: String,
        hint: Option<String>,
    ) -> Diagnostic {
        let text = self.0.lines().nth(line.saturating_sub(1)).unwrap_or_default().to_owned();
        Diagnostic { severity, line, column, width, message, allowed: String::new(), hint, text }
    }
}
