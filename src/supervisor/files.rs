//! The files that people change while the supervisor runs: callbacks and policy. Looked at when a request
//! comes, so that an idle supervisor does nothing.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::durable;
use crate::listener::pool::Source;
use crate::log;
use crate::policy::{self, Policy};
use crate::settings::Folders;

/// What tells one version of a file from another: its change time, inode and length.
type Signature = Option<(i64, i64, u64, u64)>;

/// The files, and the versions of them that were seen last.
#[derive(Debug)]
pub(super) struct Files {
    callbacks: PathBuf,
    last_good: PathBuf,
    policy: PathBuf,
    seen_callbacks: Signature,
    seen_policy: Signature,
}

impl Files {
    pub(super) fn new(folders: &Folders) -> Self {
        let callbacks = folders.bin.join("docker-callbacks.sh");
        let policy = folders.conf.join(policy::FILE);
        Self {
            seen_callbacks: signature(&callbacks),
            seen_policy: signature(&policy),
            last_good: folders.state.join("docker-callbacks.last-good.sh"),
            callbacks,
            policy,
        }
    }

    /// The path of the callbacks.
    pub(super) fn callbacks(&self, source: Source) -> &Path {
        match source {
            Source::Current => &self.callbacks,
            Source::LastGood => &self.last_good,
        }
    }

    /// Whether the callbacks are others than when this was last asked.
    pub(super) fn callbacks_changed(&mut self) -> bool {
        changed(&self.callbacks, &mut self.seen_callbacks)
    }

    /// The policy, when its file is another than when it was last read.
    pub(super) fn changed_policy(&mut self) -> Option<Result<Policy, String>> {
        changed(&self.policy, &mut self.seen_policy).then(|| self.policy())
    }

    /// The policy, or what is wrong with its file: all of it to the log, a line of it here.
    pub(super) fn policy(&self) -> Result<Policy, String> {
        Policy::load(&self.policy).map_err(|error| {
            log::error(&error);
            error.summary()
        })
    }

    /// Whether there is a copy of callbacks that could be read.
    pub(super) fn has_last_good(&self) -> bool {
        self.last_good.exists()
    }

    /// Keeps a copy of the callbacks, which have been read without a fault. Not of a version that nobody
    /// has read yet.
    pub(super) fn keep_callbacks(&self) {
        if signature(&self.callbacks) == self.seen_callbacks
            && let Err(error) = copy(&self.callbacks, &self.last_good)
        {
            log::warn(format_args!("cannot keep a copy of the good callbacks: {error}"));
        }
    }
}

/// A reader meets the old copy or the new one, never half of it, also after a crash. Who may read it are those who may
/// read the original: listeners of other users do.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let text = fs::read(from)?;
    let mode = fs::metadata(from)?.permissions().mode() & 0o777;
    durable::replace(to, mode, |file| file.write_all(&text))
}

fn changed(path: &Path, seen: &mut Signature) -> bool {
    let now = signature(path);
    std::mem::replace(seen, now) != now
}

fn signature(path: &Path) -> Signature {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.ctime(), metadata.ctime_nsec(), metadata.ino(), metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_of_the_callbacks_is_for_those_who_may_read_them_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("docker-callbacks.sh"), folder.path().join("last-good.sh"));
        fs::write(&from, "CB_one() { :; }").unwrap();
        for mode in [0o644, 0o750, 0o600] {
            fs::set_permissions(&from, fs::Permissions::from_mode(mode)).unwrap();
            copy(&from, &to).unwrap();
            assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, mode);
        }
        assert_eq!(fs::read_to_string(&to).unwrap(), "CB_one() { :; }");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
