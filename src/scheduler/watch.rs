//! Notices when files change, however an editor, a deployment or a package goes about it.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep_until, timeout};

use crate::process::watch_input;

/// Editors move a file away before they write the new one; so long may that take.
const GAP: Duration = Duration::from_millis(500);

/// How many links are followed from a file to the next.
const MOST_LINKS: usize = 8;

/// What cannot be watched is tried again after so long, and after twice as long each time that it fails again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// When something that failed is tried again.
#[derive(Debug)]
pub(crate) struct Retry {
    pause: Duration,
    at: Instant,
}

impl Retry {
    /// After it has failed for the first time.
    pub(crate) fn new() -> Self {
        Self { pause: FIRST_PAUSE, at: Instant::now() + FIRST_PAUSE }
    }

    /// After it has failed again.
    pub(crate) fn put_off(&mut self) {
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        self.at = Instant::now() + self.pause;
    }

    /// Waits until it is to be tried. Who drops the future before its end waits no longer in all.
    pub(crate) async fn is_due(&self) {
        sleep_until(self.at).await;
    }
}

/// Events that say that something is there now, or whole now.
const COME: AddWatchFlags = AddWatchFlags::IN_CLOSE_WRITE.union(AddWatchFlags::IN_MOVED_TO);
/// Events that say that something has gone.
const GONE: AddWatchFlags = AddWatchFlags::IN_MOVED_FROM.union(AddWatchFlags::IN_DELETE);
/// Events that say that a watched folder is no longer there.
const FOLDER_GONE: AddWatchFlags = AddWatchFlags::IN_DELETE_SELF
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_IGNORED)
    .union(AddWatchFlags::IN_UNMOUNT);

/// A watch on files, which need not exist; on a folder, it is one on all that is in it.
///
/// Their folders are watched, since editors and deployments put a new file in the old one's place, and the
/// nearest folder that there is where a folder is missing. Of a file that is being written only the end of
/// writing counts, or half of it would be taken for the whole.
#[derive(Debug)]
pub(crate) struct Watch {
    paths: Vec<PathBuf>,
    inotify: AsyncFd<Descriptor>,
    places: Vec<Place>,
    /// A file has gone, and nobody was told yet.
    gone: bool,
}

/// A name in a watched folder.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    descriptor: WatchDescriptor,
    /// None stands for every name: what a link goes through may have any.
    name: Option<OsString>,
}

impl Watch {
    /// Watches files. Needs a tokio runtime.
    pub(crate) fn open(paths: Vec<PathBuf>) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let mut places = Vec::new();
        for path in &paths {
            let within = path.is_dir().then(|| (path.clone(), None));
            for (folder, name) in places_of(path).into_iter().chain(within) {
                let flags = COME | GONE | FOLDER_GONE | AddWatchFlags::IN_CREATE;
                let descriptor = inotify.add_watch(&folder, flags & AddWatchFlags::IN_ALL_EVENTS)?;
                places.push(Place { folder, descriptor, name });
            }
        }
        Ok(Self { paths, inotify: watch_input(Descriptor(inotify))?, places, gone: false })
    }

    /// The files that it watches.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Waits until a file has changed, come or gone. What changes after the return is news again. Who drops
    /// the future before its end misses nothing.
    pub(crate) async fn changed(&mut self) -> io::Result<()> {
        self.gone = self.gone || self.next_change().await? == Change::Gone;
        if self.gone {
            // It often comes back at once; when it does not, that is the news.
            let _ = timeout(GAP, self.next_change()).await;
        }
        // Links and folders may lead elsewhere now.
        *self = Self::open(self.paths.clone())?;
        Ok(())
    }

    async fn next_change(&mut self) -> io::Result<Change> {
        loop {
            let mut ready = self.inotify.readable().await?;
            match ready.get_inner().0.read_events() {
                Ok(events) => {
                    let mut changes = events.iter().filter_map(|event| self.change(event));
                    if let Some(change) = changes.next_back() {
                        return Ok(change);
                    }
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// What an event says about the files.
    fn change(&self, event: &InotifyEvent) -> Option<Change> {
        if event.mask.intersects(AddWatchFlags::IN_Q_OVERFLOW | FOLDER_GONE) {
            return Some(Change::Gone);
        }
        let name = event.name.as_ref()?;
        let ours = |place: &&Place| {
            place.descriptor == event.wd && place.name.as_ref().is_none_or(|wanted| wanted == name)
        };
        let place = self.places.iter().find(ours)?;
        if event.mask.intersects(GONE) {
            return Some(Change::Gone);
        }
        let whole = event.mask.intersects(COME) || is_born_whole(&place.folder.join(name));
        whole.then_some(Change::Come)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Come,
    Gone,
}

/// Whether something that was just made is complete: a link and a folder are, a file is yet to be written.
fn is_born_whole(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|made| !made.is_file() || made.nlink() > 1)
}

/// The folders that say what becomes of a path, and the names in them.
fn places_of(path: &Path) -> Vec<(PathBuf, Option<OsString>)> {
    let mut places = Vec::new();
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let link = fs::read_link(&path).ok();
        let Some((folder, name)) = existing_place(&path) else { break };
        places.push((folder.clone(), name.filter(|_| link.is_none())));
        match link {
            Some(target) => path = folder.join(target),
            None => break,
        }
    }
    places
}

/// The nearest folder above a path that exists, and the name in it that leads there.
fn existing_place(path: &Path) -> Option<(PathBuf, Option<OsString>)> {
    path.ancestors().zip(path.ancestors().skip(1)).find_map(|(below, folder)| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        folder.is_dir().then(|| (folder.to_owned(), below.file_name().map(ToOwned::to_owned)))
    })
}

/// An inotify descriptor that can be watched.
#[derive(Debug)]
pub(crate) struct Descriptor(pub(crate) Inotify);

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs something beside a watch on `top/conf/file`, and fails when that goes unnoticed.
    fn is_noticed(prepare: impl Fn(&Path), act: impl Fn(&Path)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let top = tempfile::tempdir().unwrap();
            prepare(top.path());
            let mut watch = Watch::open(vec![top.path().join("conf/file")]).unwrap();
            act(top.path());
            timeout(Duration::from_secs(30), watch.changed()).await.expect("it is noticed").unwrap();
        });
    }

    fn folder(top: &Path) {
        fs::create_dir(top.join("conf")).unwrap();
    }

    #[test]
    fn writing_renaming_linking_and_removing_are_noticed() {
        is_noticed(folder, |top| fs::write(top.join("conf/file"), "x").unwrap());
        is_noticed(folder, |top| {
            fs::write(top.join("new"), "x").unwrap();
            fs::rename(top.join("new"), top.join("conf/file")).unwrap();
        });
        is_noticed(folder, |top| {
            fs::write(top.join("other"), "x").unwrap();
            fs::hard_link(top.join("other"), top.join("conf/file")).unwrap();
        });
        let with_file = |top: &Path| {
            folder(top);
            fs::write(top.join("conf/file"), "x").unwrap();
        };
        is_noticed(with_file, |top| fs::remove_file(top.join("conf/file")).unwrap());
        is_noticed(with_file, |top| fs::remove_dir_all(top.join("conf")).unwrap());
    }

    #[test]
    fn of_a_folder_all_that_is_in_it_is_watched() {
        let is_noticed = |prepare: fn(&Path), act: fn(&Path)| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let top = tempfile::tempdir().unwrap();
                prepare(top.path());
                let mut watch = Watch::open(vec![top.path().join("own.d")]).unwrap();
                act(top.path());
                timeout(Duration::from_secs(30), watch.changed()).await.expect("it is noticed").unwrap();
                // Also what comes when the folder itself is new.
                fs::write(top.path().join("own.d/later"), "x").unwrap();
                timeout(Duration::from_secs(30), watch.changed()).await.expect("it is noticed").unwrap();
            });
        };
        let folder = |top: &Path| fs::create_dir(top.join("own.d")).unwrap();
        is_noticed(folder, |top| fs::write(top.join("own.d/a"), "x").unwrap());
        is_noticed(|_| {}, |top| fs::create_dir(top.join("own.d")).unwrap());
        let filled = |top: &Path| {
            fs::create_dir(top.join("own.d")).unwrap();
            fs::write(top.join("own.d/a"), "x").unwrap();
        };
        is_noticed(filled, |top| fs::remove_file(top.join("own.d/a")).unwrap());
    }

    #[test]
    fn a_folder_that_comes_later_is_awaited() {
        is_noticed(|_| {}, folder);
        is_noticed(
            |_| {},
            |top| {
                fs::create_dir(top.join("new")).unwrap();
                fs::rename(top.join("new"), top.join("conf")).unwrap();
            },
        );
    }

    #[test]
    fn a_change_behind_a_link_is_noticed() {
        let linked = |top: &Path| {
            folder(top);
            fs::create_dir(top.join("one")).unwrap();
            fs::write(top.join("one/file"), "x").unwrap();
            std::os::unix::fs::symlink("../one", top.join("conf/data")).unwrap();
            std::os::unix::fs::symlink("data/file", top.join("conf/file")).unwrap();
        };
        is_noticed(linked, |top| fs::write(top.join("one/file"), "y").unwrap());
        // As volumes of configuration are swapped: the link in between is replaced.
        is_noticed(linked, |top| {
            std::os::unix::fs::symlink("../two", top.join("conf/fresh")).unwrap();
            fs::rename(top.join("conf/fresh"), top.join("conf/data")).unwrap();
        });
    }

    #[test]
    fn a_file_that_is_only_begun_is_no_news() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let top = tempfile::tempdir().unwrap();
            folder(top.path());
            let mut watch = Watch::open(vec![top.path().join("conf/file")]).unwrap();
            let begun = fs::File::create(top.path().join("conf/file")).unwrap();
            assert!(timeout(Duration::from_millis(50), watch.changed()).await.is_err());
            drop(begun);
            timeout(Duration::from_secs(30), watch.changed()).await.expect("it is noticed").unwrap();
        });
    }
}
