//! Who may log in: a file that nobody but its owner writes, with each one's password as argon2id keeps it and the secret of the second
//! factor. It is read when it has changed, so that whoever is taken out is out at once.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::durable;
use crate::names::OperatorName;

/// The file's name, in the console's folder.
const FILE: &str = "users.json";
/// Read by the group of its folder, too: in the stack root writes it, and the console has it to read alone.
const MODE: u32 = 0o640;
/// The largest file that is read, in bytes.
const LARGEST: u64 = 256 * 1024;

/// Somebody who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::console) struct User {
    pub(in crate::console) name: OperatorName,
    /// The password, as a string of argon2's that holds its salt and its cost.
    pub(in crate::console) password: String,
    /// The secret of the second factor, in base32.
    pub(in crate::console) secret: String,
}

/// All of them, as they stand in the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Listed {
    users: Vec<User>,
}

/// The file with the users.
#[derive(Debug)]
pub(in crate::console) struct Users {
    path: PathBuf,
    /// What was read last, and of which file that was.
    read: Mutex<(Option<Stamp>, Arc<Vec<User>>)>,
}

/// What tells one state of the file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Users {
    /// Those of the file in this folder.
    pub(in crate::console) fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join(FILE), read: Mutex::default() }
    }

    /// The file.
    pub(in crate::console) fn path(&self) -> &Path {
        &self.path
    }

    /// Those that there are now; no file is nobody.
    ///
    /// # Errors
    /// When the file cannot be read, or is none of ours.
    pub(in crate::console) fn all(&self) -> io::Result<Arc<Vec<User>>> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = match fs::metadata(&self.path) {
            Ok(found) => Some(Stamp {
                inode: found.ino(),
                size: found.size(),
                changed: (found.ctime(), found.ctime_nsec()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if stamp.is_none() || stamp != read.0 {
            let users = if stamp.is_some() { self.load()?.users } else { Vec::new() };
            *read = (stamp, Arc::new(users));
        }
        Ok(Arc::clone(&read.1))
    }

    /// Puts a user into the file, in the place of one of the same name.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub(in crate::console) fn put(&self, user: User) -> io::Result<()> {
        let mut users = self.all()?.to_vec();
        users.retain(|other| other.name != user.name);
        users.push(user);
        users.sort_by(|a, b| a.name.cmp(&b.name));
        self.save(users)
    }

    /// Takes a user out; whether there was one.
    ///
    /// # Errors
    /// As of [`Users::put`].
    pub(in crate::console) fn remove(&self, name: &OperatorName) -> io::Result<bool> {
        let mut users = self.all()?.to_vec();
        let before = users.len();
        users.retain(|user| user.name != *name);
        let is_gone = users.len() < before;
        if is_gone {
            self.save(users)?;
        }
        Ok(is_gone)
    }

    fn load(&self) -> io::Result<Listed> {
        if fs::metadata(&self.path)?.len() > LARGEST {
            return Err(io::Error::other("it is too large"));
        }
        serde_json::from_slice(&fs::read(&self.path)?).map_err(io::Error::from)
    }

    fn save(&self, users: Vec<User>) -> io::Result<()> {
        replace_for_console(&self.path, |file| {
            serde_json::to_writer_pretty(&mut *file, &Listed { users }).map_err(io::Error::from)
        })
    }
}

/// Replaces a file of the console's folder. Its owner and group are the folder's: root writes it for the console.
///
/// # Errors
/// When it cannot be written.
pub(super) fn replace_for_console(
    path: &Path,
    write: impl FnOnce(&mut fs::File) -> io::Result<()>,
) -> io::Result<()> {
    let owner = fs::metadata(path.parent().unwrap_or(Path::new(".")))?;
    durable::replace(path, MODE, |file| {
        write(file)?;
        let own = file.metadata()?;
        if (own.uid(), own.gid()) != (owner.uid(), owner.gid()) {
            std::os::unix::fs::fchown(&*file, Some(owner.uid()), Some(owner.gid()))?;
        }
        Ok(())
    })
}

/// Makes the folder of the file, where it is not there.
///
/// # Errors
/// When it cannot be made.
pub(in crate::console) fn make_folder(folder: &Path) -> io::Result<()> {
    durable::make_private_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn user(name: &str, password: &str) -> User {
        User { name: name.parse().unwrap(), password: password.to_owned(), secret: String::new() }
    }

    #[test]
    fn what_is_changed_is_seen_at_once_and_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::in_folder(folder.path());
        assert!(users.all().unwrap().is_empty());
        users.put(user("berta", "1")).unwrap();
        users.put(user("anna", "2")).unwrap();
        users.put(user("berta", "3")).unwrap();
        assert_eq!(*users.all().unwrap(), [user("anna", "2"), user("berta", "3")]);
        let mode = fs::metadata(users.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert!(users.remove(&"anna".parse().unwrap()).unwrap());
        assert!(!users.remove(&"anna".parse().unwrap()).unwrap());
        assert_eq!(*users.all().unwrap(), [user("berta", "3")]);
    }

    #[test]
    fn a_file_that_is_none_of_ours_lets_nobody_in_and_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let users = Users::in_folder(folder.path());
        fs::write(users.path(), "{").unwrap();
        assert!(users.all().is_err());
        assert!(users.put(user("anna", "1")).is_err());
        assert_eq!(fs::read_to_string(users.path()).unwrap(), "{");
    }
}
