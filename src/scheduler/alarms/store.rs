//! What alarms remember, on disk: `alarms.json`, written anew in one step.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::decide::Memory;

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
        let fresh = self.path.with_extension("json.new");
        let mut file = File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(memory)?)?;
        file.sync_data()?;
        fs::rename(&fresh, &self.path)?;
        self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
