//! Which services have a request socket: the folder of the sockets is watched, and never looked at for nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::unix::AsyncFd;

use crate::names::ServiceName;
use crate::process::watch_input;
use crate::scheduler::watch::Descriptor;

/// How a request socket's file is called after its service.
const SUFFIX: &str = "-request.sock";

/// The folder of the request sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    inotify: AsyncFd<Descriptor>,
    run: PathBuf,
}

impl Sockets {
    /// Watches the folder. Needs a tokio runtime.
    pub(super) fn open(run: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        // A supervisor puts its socket in place by a rename; others may make it there.
        inotify.add_watch(run, AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO)?;
        Ok(Self { inotify: watch_input(Descriptor(inotify))?, run: run.to_owned() })
    }

    /// The services that have one now.
    pub(super) fn now(&self) -> Vec<ServiceName> {
        let entries = fs::read_dir(&self.run).into_iter().flatten().flatten();
        entries.filter_map(|entry| service(&entry.file_name().to_string_lossy())).collect()
    }

    /// Waits until sockets appear; whose they are. Who drops the future before its end misses nothing.
    pub(super) async fn appeared(&mut self) -> io::Result<Vec<ServiceName>> {
        loop {
            let mut ready = self.inotify.readable().await?;
            match ready.get_inner().0.read_events() {
                Ok(events)
                    if events.iter().any(|event| event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW)) =>
                {
                    return Ok(self.now());
                }
                Ok(events) => {
                    let names = events.iter().filter_map(|event| event.name.as_ref());
                    let services: Vec<_> =
                        names.filter_map(|name| service(&name.to_string_lossy())).collect();
                    if !services.is_empty() {
                        return Ok(services);
                    }
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn service(file: &str) -> Option<ServiceName> {
    file.strip_suffix(SUFFIX)?.parse().ok()
}
