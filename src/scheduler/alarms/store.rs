//! What alarms remember, on disk: `alarms.json`, written anew in one step.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::memory::Memory;
use crate::durable;

/// The file.
#[derive(Debug)]
pub struct AlarmsFile {
    path: PathBuf,
}

impl AlarmsFile {
    /// The file in a folder, which need not exist.
    pub fn new(folder: &Path) -> Self {
        Self { path: folder.join("alarms.json") }
    }

    /// What it says; nothing when there is none.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn load(&self) -> io::Result<Option<Memory>> {
        match fs::read(&self.path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it; it is on disk on return.
    ///
    /// # Errors
    /// When it cannot be written; what was there before stays.
    pub fn save(&self, memory: &Memory) -> io::Result<()> {
        let text = serde_json::to_vec(memory)?;
        durable::replace(&self.path, durable::PRIVATE, |file| file.write_all(&text))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
