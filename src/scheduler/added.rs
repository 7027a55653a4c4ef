//! What the stack's owner adds to the schedule: the files of a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::file::read;
use crate::schedule::Text;

/// The folder, below that of all that the owner adds.
pub const ADDED: &str = "schedule.d";

/// What the names of its files end with.
const ENDING: &str = "cron";

/// The folder, and what was in it.
#[derive(Debug)]
pub(super) struct Added {
    folder: PathBuf,
    /// Each file as it was last read, by its path.
    known: BTreeMap<PathBuf, Vec<u8>>,
}

impl Added {
    /// That of the owner's folder; nothing is read yet.
    pub(super) fn new(local: &Path) -> Self {
        Self { folder: local.join(ADDED), known: BTreeMap::new() }
    }

    /// Where it is; it need not exist.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads it, and adds it to a schedule. What cannot be read is told, each in a line, and goes on as it was.
    pub(super) fn read_into(&mut self, text: &mut Text) -> Vec<String> {
        let problems = self.read();
        for (path, bytes) in &self.known {
            text.push(name_of(path), bytes);
        }
        problems
    }

    fn read(&mut self) -> Vec<String> {
        let paths = match added(&self.folder) {
            Ok(paths) => paths,
            Err(error) => {
                let folder = self.folder.display();
                return vec![format!("cannot list {folder}: {error}; what was in it before goes on")];
            }
        };
        let mut before = std::mem::take(&mut self.known);
        let mut problems = Vec::new();
        for path in paths {
            match read(&path) {
                Ok(bytes) => drop(self.known.insert(path, bytes)),
                Err(error) => {
                    let before = before.remove(&path);
                    let going_on = if before.is_some() { "; what it said before goes on" } else { "" };
                    problems.push(format!("cannot read {}: {error}{going_on}", name_of(&path)));
                    self.known.extend(before.map(|bytes| (path, bytes)));
                }
            }
        }
        problems
    }
}

/// The files of such a folder, which need not exist, in the order of their names.
///
/// # Errors
/// When it cannot be listed.
pub fn added(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
        let path = entry.path();
        if !is_hidden && path.extension().is_some_and(|ending| ending == ENDING) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// As people know it, by its place in the stack's folder.
fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    format!("local/{ADDED}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_goes_on_as_before() {
        let top = tempfile::tempdir().unwrap();
        let mut added = Added::new(top.path());
        fs::create_dir(added.folder()).unwrap();
        let file = added.folder().join("a.cron");
        let lines = |added: &mut Added| {
            let mut text = Text::default();
            let problems = added.read_into(&mut text);
            (String::from_utf8(text.lines().collect::<Vec<_>>().join(&b'\n')).unwrap(), problems)
        };
        fs::write(&file, "6 4 * * * a b").unwrap();
        assert_eq!(lines(&mut added), ("6 4 * * * a b".to_owned(), Vec::new()));
        // A folder is no file, whoever reads it.
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let (text, problems) = lines(&mut added);
        assert_eq!(text, "6 4 * * * a b");
        assert!(problems[0].starts_with("cannot read local/schedule.d/a.cron: "), "{problems:?}");
        assert!(problems[0].ends_with("; what it said before goes on"), "{problems:?}");
        // What has gone has gone.
        fs::remove_dir_all(added.folder()).unwrap();
        assert_eq!(lines(&mut added), (String::new(), Vec::new()));
    }
}
