//! What may be asked of a service's actions, and how their runs are handled: `housekeeping.toml`.
//!
//! docs/POLICY.md is its reference. An action without a table has [`Rule::DEFAULT`], and a file that is not
//! there is a policy without tables. A file with any fault is no policy: half of one could allow what the
//! other half forbids.

mod error;
mod reader;
mod rule;
mod source;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::duration;
use crate::names::ActionName;
use crate::spelling;

pub use error::PolicyError;
pub use rule::{LONGEST_BACKOFF, Needs, Overlap, Retry, Rule, RunAs};

/// The file's name, in the service's `conf` folder.
pub const FILE: &str = "housekeeping.toml";
/// The largest file that is read, in bytes.
pub const LARGEST: usize = 64 * 1024;

/// The rules of one service's actions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    rules: BTreeMap<ActionName, Rule>,
    /// The file of each rule that was added ([`Policy::with`]); the others are from [`FILE`].
    added: BTreeMap<ActionName, String>,
}

impl Policy {
    /// Reads the policy of `path`; no file is a policy without tables.
    ///
    /// # Errors
    /// When the file cannot be read, is larger than [`LARGEST`], or has faults.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        Self::load_as(path, &path.display().to_string())
    }

    /// The same of a file that people know by another name, with which its faults are shown.
    ///
    /// # Errors
    /// As of [`Policy::load`].
    pub fn load_as(path: &Path, name: &str) -> Result<Self, PolicyError> {
        let file = name.to_owned();
        let bytes = match read(path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Self::default()),
            Err(error) => return Err(PolicyError::Unreadable { file, why: error.to_string() }),
        };
        if bytes.len() > LARGEST {
            return Err(PolicyError::TooLarge { file });
        }
        match str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, &file),
            Err(error) => {
                let text = String::from_utf8_lossy(&bytes);
                // What stands before the first fault is the same in both.
                let faults = vec![source::not_utf8(&text, error.valid_up_to())];
                Err(PolicyError::Faults { file, faults, more: 0 })
            }
        }
    }

    /// Reads a policy's text; `file` is the name that faults are shown with.
    ///
    /// # Errors
    /// Every fault of the text, or, when it is not TOML, every place where it is not.
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyError> {
        let file = file.to_owned();
        if text.len() > LARGEST {
            return Err(PolicyError::TooLarge { file });
        }
        match reader::read(text) {
            Ok(rules) => Ok(Self { rules, added: BTreeMap::new() }),
            Err(faults) => Err(PolicyError::Faults { file, faults: faults.first, more: faults.more }),
        }
    }

    /// This policy with what another one adds to it, from a file that people know by this name: its table for an action
    /// takes the place of ours, as a whole.
    #[must_use]
    pub fn with(mut self, more: Self, file: &str) -> Self {
        self.added.extend(more.rules.keys().map(|action| (action.clone(), file.to_owned())));
        self.rules.extend(more.rules);
        self
    }

    /// The rule of an action.
    pub fn rule(&self, action: &ActionName) -> &Rule {
        static DEFAULT: Rule = Rule::DEFAULT;
        self.rules.get(action).unwrap_or(&DEFAULT)
    }

    /// The actions that have a table, with their rules.
    pub fn rules(&self) -> impl Iterator<Item = (&ActionName, &Rule)> {
        self.rules.iter()
    }

    /// What to say about tables for actions that the service does not have: a misspelt name would leave the
    /// action that was meant to the default, and nobody would notice.
    pub fn strays<'a>(&self, actions: impl IntoIterator<Item = &'a ActionName>) -> Vec<String> {
        let known: Vec<&str> = actions.into_iter().map(ActionName::as_str).collect();
        let strays = self.rules.keys().filter(|action| !known.contains(&action.as_str()));
        strays
            .map(|action| {
                let nearest = spelling::nearest(action.as_str(), known.iter().copied());
                let meant = nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
                let file = self.added.get(action).map_or(FILE, String::as_str);
                format!("[action.{action}] in {file} is for an action that is not there{meant}")
            })
            .collect()
    }
}

impl FromIterator<(ActionName, Rule)> for Policy {
    fn from_iter<T: IntoIterator<Item = (ActionName, Rule)>>(rules: T) -> Self {
        Self { rules: rules.into_iter().collect(), added: BTreeMap::new() }
    }
}

impl fmt::Display for Policy {
    /// The policy as a file that reads as the same, with the defaults written out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (action, rule)) in self.rules.iter().enumerate() {
            let Rule { timeout, overlap, retry, allow, run_as, expect_within, needs } = rule;
            let Retry { attempts, backoff } = retry;
            let gap = if index == 0 { "" } else { "\n" };
            let users: Vec<String> = allow.iter().map(|user| format!("\"{user}\"")).collect();
            writeln!(f, "{gap}[action.{action}]")?;
            writeln!(f, "timeout = \"{}\"", duration::show(*timeout))?;
            writeln!(f, "overlap = \"{}\"", overlap.as_str())?;
            let backoff = duration::show(*backoff);
            writeln!(f, "retry = {{ attempts = {attempts}, backoff = \"{backoff}\" }}")?;
            writeln!(f, "allow = [{}]", users.join(", "))?;
            writeln!(f, "run-as = \"{}\"", run_as.as_str())?;
            if let Some(within) = expect_within {
                writeln!(f, "expect-within = \"{}\"", duration::show(*within))?;
            }
            writeln!(f, "needs = \"{}\"", needs.as_str())?;
        }
        Ok(())
    }
}

/// The file's bytes, one more than is allowed at most; nothing when there is no file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        // Opening a pipe would wait for a writer.
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("it is not a regular file")),
        // A link that leads nowhere was meant to be a policy.
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => return Ok(None),
        other => other?,
    };
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
