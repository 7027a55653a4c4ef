//! Notices when the schedule's file changes, however an editor goes about it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::unix::AsyncFd;

use crate::process::watch_input;

/// A watch on the folder of one file.
///
/// The folder, since editors and deployments put a new file in the old one's place. Of a file that is being
/// written only the end of writing counts, or half of a schedule would be taken for the whole.
#[derive(Debug)]
pub(crate) struct Watch {
    inotify: AsyncFd<Descriptor>,
    name: OsString,
}

impl Watch {
    /// Watches a file, which need not exist; its folder must. Needs a tokio runtime.
    pub(crate) fn open(file: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_DELETE;
        inotify.add_watch(folder, flags)?;
        let name = file.file_name().unwrap_or(OsStr::new("")).to_owned();
        Ok(Self { inotify: watch_input(Descriptor(inotify))?, name })
    }

    /// Waits until the file has changed, come or gone.
    pub(crate) async fn changed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.inotify.readable().await?;
            match ready.get_inner().0.read_events() {
                Ok(events) => {
                    let lost = |mask: AddWatchFlags| mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                    let ours = |name: Option<&OsString>| name == Some(&self.name);
                    if events.iter().any(|event| ours(event.name.as_ref()) || lost(event.mask)) {
                        return Ok(());
                    }
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// An inotify descriptor that can be watched.
#[derive(Debug)]
struct Descriptor(Inotify);

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
