//! The files that people change while the supervisor runs: callbacks and policy, the service's own and what the stack's
//! owner adds to them. Looked at when a request comes, so that an idle supervisor does nothing.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::durable;
use crate::listener::pool::Source;
use crate::log;
use crate::names::ServiceName;
use crate::policy::{self, Policy};
use crate::settings::Folders;

/// The time of change of a file is that of the kernel's last tick, which may be so long ago.
const TICK: Duration = Duration::from_millis(20);
/// The callbacks' name, in the service's `bin` folder and in that of what is added.
const CALLBACKS: &str = "docker-callbacks.sh";
/// The folder of what is added to the service, below that of all that the owner adds.
const ADDED: &str = "service";

/// What tells one version of a file from another: its change time, inode and length.
type Signature = Option<(i64, i64, u64, u64)>;

/// Two files that are read one after the other; each may be missing.
#[derive(Debug)]
pub(super) struct Pair {
    /// The service's own.
    pub(super) own: PathBuf,
    /// What the stack's owner adds.
    pub(super) added: PathBuf,
}

impl Pair {
    fn signatures(&self) -> [Signature; 2] {
        [signature(&self.own), signature(&self.added)]
    }

    /// Whether either is another than when it was last seen.
    fn changed(&self, seen: &mut [Signature; 2]) -> bool {
        let now = self.signatures();
        std::mem::replace(seen, now) != now
    }
}

/// The files, and the versions of them that were seen last.
#[derive(Debug)]
pub(super) struct Files {
    callbacks: Pair,
    last_good: Pair,
    policy: Pair,
    /// What the callbacks source, as the listener says that has read them to fork others.
    sources: Vec<(PathBuf, Signature)>,
    seen_callbacks: [Signature; 2],
    seen_policy: [Signature; 2],
    /// The folder of what is added, here and as its owner knows it.
    added: [String; 2],
}

impl Files {
    pub(super) fn new(folders: &Folders, service: &ServiceName) -> Self {
        let added = folders.local.join(ADDED);
        let callbacks = Pair { own: folders.bin.join(CALLBACKS), added: added.join(CALLBACKS) };
        let policy = Pair { own: folders.conf.join(policy::FILE), added: added.join(policy::FILE) };
        Self {
            seen_callbacks: callbacks.signatures(),
            seen_policy: policy.signatures(),
            last_good: Pair {
                own: folders.state.join("docker-callbacks.last-good.sh"),
                added: folders.state.join("docker-callbacks.last-good.local.sh"),
            },
            sources: Vec::new(),
            callbacks,
            policy,
            added: [added.display().to_string(), format!("local/{ADDED}/{service}")],
        }
    }

    /// These files were sourced by a listener that was started at `began`. One that has changed since may have been read
    /// before that, and is as if it had not been seen.
    pub(super) fn watch_sources(&mut self, sources: Vec<PathBuf>, began: SystemTime) {
        let began = began.checked_sub(TICK).and_then(|began| began.duration_since(UNIX_EPOCH).ok());
        let began = began.map(|began| (began.as_secs().cast_signed(), i64::from(began.subsec_nanos())));
        let pairs = [&self.callbacks, &self.last_good];
        let is_watched = |path: &PathBuf| pairs.iter().any(|pair| *path == pair.own || *path == pair.added);
        let others = sources.into_iter().filter(|path| !is_watched(path));
        let seen = |path: PathBuf| {
            let is_older = |&(s, ns, ..): &(i64, i64, u64, u64)| began.is_some_and(|began| (s, ns) < began);
            let signature = signature(&path).filter(is_older);
            (path, signature)
        };
        self.sources = others.map(seen).collect();
    }

    /// The paths of the callbacks.
    pub(super) fn callbacks(&self, source: Source) -> &Pair {
        match source {
            Source::Current => &self.callbacks,
            Source::LastGood => &self.last_good,
        }
    }

    /// Whether the callbacks are others than when this was last asked.
    pub(super) fn callbacks_changed(&mut self) -> bool {
        let mut is_changed = self.callbacks.changed(&mut self.seen_callbacks);
        for (path, seen) in &mut self.sources {
            let now = signature(path);
            is_changed |= std::mem::replace(seen, now) != now;
        }
        is_changed
    }

    /// The policy, when one of its files is another than when it was last read.
    pub(super) fn changed_policy(&mut self) -> Option<Result<Policy, String>> {
        self.policy.changed(&mut self.seen_policy).then(|| self.policy())
    }

    /// The policy, or what is wrong with its files: all of it to the log, a line of it here.
    pub(super) fn policy(&self) -> Result<Policy, String> {
        let added = self.in_owners_words(&self.policy.added.display().to_string());
        match (Policy::load(&self.policy.own), Policy::load_as(&self.policy.added, &added)) {
            (Ok(own), Ok(more)) => Ok(own.with(more, &added)),
            (own, more) => {
                let errors: Vec<_> = [own.err(), more.err()].into_iter().flatten().collect();
                for error in &errors {
                    log::error(error);
                }
                Err(errors.iter().map(policy::PolicyError::summary).collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// A text in which what the owner adds is called as the owner knows it.
    pub(super) fn in_owners_words(&self, text: &str) -> String {
        let [here, there] = &self.added;
        text.replace(here, there)
    }

    /// Whether there is a copy of callbacks that could be read.
    pub(super) fn has_last_good(&self) -> bool {
        self.last_good.own.exists()
    }

    /// Keeps a copy of the callbacks, which have been read without a fault. Not of a version that nobody
    /// has read yet.
    pub(super) fn keep_callbacks(&self) {
        if self.callbacks.signatures() == self.seen_callbacks
            && let Err(error) = copy_pair(&self.callbacks, &self.last_good)
        {
            log::warn(format_args!("cannot keep a copy of the good callbacks: {error}"));
        }
    }
}

/// Copies two files that belong together. The copy of the first says that there is one of both: a crash leaves the copies
/// of before, those of now, or none, and never one of each.
fn copy_pair(from: &Pair, to: &Pair) -> io::Result<()> {
    if !from.added.exists() && !to.added.exists() {
        return copy(&from.own, &to.own);
    }
    // What needs room comes before anything is taken away.
    let next = Pair { own: to.own.with_extension("next"), added: to.added.with_extension("next") };
    let adds = from.added.exists();
    let copied =
        copy(&from.own, &next.own).and_then(|()| if adds { copy(&from.added, &next.added) } else { Ok(()) });
    copied.inspect_err(|_| {
        let _ = (remove(&next.own), remove(&next.added));
    })?;
    remove(&to.own)?;
    sync_folder_of(&to.own)?;
    if adds { fs::rename(&next.added, &to.added) } else { remove(&to.added) }?;
    sync_folder_of(&to.added)?;
    fs::rename(&next.own, &to.own)?;
    sync_folder_of(&to.own)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// A reader meets the old copy or the new one, never half of it, also after a crash. Who may read it are those who may
/// read the original: listeners of other users do.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let text = fs::read(from)?;
    let mode = fs::metadata(from)?.permissions().mode() & 0o777;
    durable::replace(to, mode, |file| file.write_all(&text))
}

fn signature(path: &Path) -> Signature {
    // A link that leads nowhere is something else than nothing.
    let metadata = fs::metadata(path).or_else(|_| fs::symlink_metadata(path)).ok()?;
    Some((metadata.ctime(), metadata.ctime_nsec(), metadata.ino(), metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(folder: &Path, names: [&str; 2]) -> Pair {
        let [own, added] = names.map(|name| folder.join(name));
        Pair { own, added }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

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

    #[test]
    fn copies_are_of_both_files_or_of_the_only_one_that_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::create_dir(at.join("copies")).unwrap();
        let (from, to) = (pair(at, ["own.sh", "added.sh"]), pair(&at.join("copies"), ["own.sh", "added.sh"]));
        fs::write(&from.own, "one").unwrap();
        copy_pair(&from, &to).unwrap();
        assert_eq!(names(&at.join("copies")), ["own.sh"]);
        fs::write(&from.own, "two").unwrap();
        fs::write(&from.added, "more").unwrap();
        fs::set_permissions(&from.added, fs::Permissions::from_mode(0o644)).unwrap();
        copy_pair(&from, &to).unwrap();
        assert_eq!(names(&at.join("copies")), ["added.sh", "own.sh"]);
        assert_eq!(fs::read_to_string(&to.own).unwrap(), "two");
        assert_eq!(fs::read_to_string(&to.added).unwrap(), "more");
        assert_eq!(fs::metadata(&to.added).unwrap().permissions().mode() & 0o777, 0o644);
        fs::remove_file(&from.added).unwrap();
        copy_pair(&from, &to).unwrap();
        assert_eq!(names(&at.join("copies")), ["own.sh"], "what is taken away is not kept");
    }

    #[test]
    fn copies_that_cannot_be_made_leave_those_of_before() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        fs::create_dir(at.join("copies")).unwrap();
        let (from, to) = (pair(at, ["own.sh", "added.sh"]), pair(&at.join("copies"), ["own.sh", "added.sh"]));
        for file in [&from.own, &from.added] {
            fs::write(file, "good").unwrap();
        }
        copy_pair(&from, &to).unwrap();
        // A folder is no file, whoever reads it.
        fs::remove_file(&from.added).unwrap();
        fs::create_dir(&from.added).unwrap();
        fs::write(&from.own, "other").unwrap();
        copy_pair(&from, &to).unwrap_err();
        for file in [&to.own, &to.added] {
            assert_eq!(fs::read_to_string(file).unwrap(), "good");
        }
        assert_eq!(names(&at.join("copies")), ["added.sh", "own.sh"], "nothing is left beside them");
    }
}
