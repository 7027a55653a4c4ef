//! Replacing a file so that a crash at any moment leaves the old one or the new one, whole.
//!
//! The new one is written aside and brought to the disk, takes the old one's place by its name, and then the folder,
//! which holds the name, is brought to the disk too.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The mode of a file that is its owner's alone: who asked for what is the operator's to know.
pub const PRIVATE: u32 = 0o600;

/// The mode of a folder that is its owner's alone.
const PRIVATE_FOLDER: u32 = 0o700;

/// Puts a file with a mode in place of what is at `path`, or of nothing, with what `write` gives it; what that
/// returned. It is on the disk on return.
///
/// # Errors
/// When it cannot be written: what was there before stays, and nothing is left beside it. When only the folder cannot
/// be brought to the disk, the new one is there, and a crash may bring the old one back.
pub fn replace<T>(path: &Path, mode: u32, write: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    replace_on(&mut Disk, path, mode, write)
}

/// Makes a folder that is its owner's alone, and those above it that are missing.
///
/// # Errors
/// When it cannot be made.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder)
}

/// Opens a file to append to that is its owner's alone; one of an earlier version, which others may read, becomes so.
///
/// # Errors
/// When it cannot be opened.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create(true).mode(PRIVATE).open(path)?;
    if file.metadata()?.permissions().mode() & 0o777 != PRIVATE {
        file.set_permissions(Permissions::from_mode(PRIVATE))?;
    }
    Ok(file)
}

/// The steps, so that a test can see their order and have each of them fail.
trait Steps {
    fn create(&mut self, path: &Path, mode: u32) -> io::Result<File>;
    fn sync(&mut self, file: &File) -> io::Result<()>;
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    fn sync_folder(&mut self, folder: &Path) -> io::Result<()>;
}

struct Disk;

impl Steps for Disk {
    fn create(&mut self, path: &Path, mode: u32) -> io::Result<File> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
        // One that a crash has left, and the process's umask, may say otherwise.
        file.set_permissions(Permissions::from_mode(mode))?;
        Ok(file)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

fn replace_on<T>(
    steps: &mut impl Steps,
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<T> {
    let aside = aside(path);
    let written = write_aside(steps, &aside, mode, write);
    let replaced = written.and_then(|result| steps.rename(&aside, path).map(|()| result));
    // Half of it would only take the room that is missing.
    let result = replaced.inspect_err(|_| drop(fs::remove_file(&aside)))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    steps.sync_folder(folder.unwrap_or(Path::new(".")))?;
    Ok(result)
}

fn write_aside<T>(
    steps: &mut impl Steps,
    aside: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<T> {
    let mut file = steps.create(aside, mode)?;
    let result = write(&mut file)?;
    steps.sync(&file)?;
    Ok(result)
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// The disk, which writes down what is done to it and fails at the step that it is told.
    struct Seen {
        steps: Vec<&'static str>,
        fails_at: Option<usize>,
    }

    impl Seen {
        fn step(&mut self, name: &'static str) -> io::Result<()> {
            self.steps.push(name);
            let fails = self.fails_at == Some(self.steps.len());
            if fails { Err(io::Error::other(name)) } else { Ok(()) }
        }
    }

    impl Steps for Seen {
        fn create(&mut self, path: &Path, mode: u32) -> io::Result<File> {
            self.step("create")?;
            Disk.create(path, mode)
        }

        fn sync(&mut self, file: &File) -> io::Result<()> {
            assert_eq!(file.metadata()?.len(), 3, "all of it is written before it is brought to the disk");
            self.step("sync")?;
            Disk.sync(file)
        }

        fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
            self.step("rename")?;
            Disk.rename(from, to)
        }

        fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
            self.step("sync the folder")?;
            Disk.sync_folder(folder)
        }
    }

    /// Replaces `old` by `new` on a disk that fails at a step; the steps, what is there then, and whether it failed.
    fn replaced(fails_at: Option<usize>) -> (Vec<&'static str>, String, bool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let mut seen = Seen { steps: Vec::new(), fails_at };
        let result = replace_on(&mut seen, &path, PRIVATE, |file| file.write_all(b"new"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        (seen.steps, fs::read_to_string(path).unwrap(), result.is_err())
    }

    #[test]
    fn a_file_is_on_the_disk_before_it_has_the_name_and_the_name_before_it_counts() {
        let (steps, text, failed) = replaced(None);
        assert_eq!(steps, ["create", "sync", "rename", "sync the folder"]);
        assert_eq!((text.as_str(), failed), ("new", false));
    }

    #[test]
    fn whichever_step_fails_there_is_the_old_file_or_the_new_one_and_it_is_said() {
        for (step, expected) in [(1, "old"), (2, "old"), (3, "old"), (4, "new")] {
            let (steps, text, failed) = replaced(Some(step));
            assert_eq!((text.as_str(), failed), (expected, true), "after {steps:?}");
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "old").unwrap();
        let full =
            |file: &mut File| file.write_all(b"n").and(Err::<(), _>(io::ErrorKind::StorageFull.into()));
        assert_eq!(replace(&path, PRIVATE, full).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_others_could_read_they_no_longer_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for name in ["file", "file.new"] {
            fs::write(folder.path().join(name), "old").unwrap();
            fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o644)).unwrap();
        }
        drop(open_to_append(&path).unwrap());
        assert_eq!(mode(&path), 0o600);
        replace(&path, PRIVATE, |file| file.write_all(b"new")).unwrap();
        assert_eq!(mode(&path), 0o600);
        let private = folder.path().join("one/two");
        make_private_folder(&private).unwrap();
        assert_eq!((mode(&private), mode(private.parent().unwrap())), (0o700, 0o700));
    }
}
