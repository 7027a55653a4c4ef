//! Which services have a request socket: the folder of the sockets is watched, and never looked at for nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};
use tokio::io::unix::AsyncFd;

use crate::log;
use crate::names::ServiceName;
use crate::process::watch_input;
use crate::scheduler::watch::{Descriptor, Retry};

/// How a request socket's file is called after its service.
const SUFFIX: &str = "-request.sock";

/// The folder of the request sockets, or when watching it is tried again.
#[derive(Debug)]
pub(super) enum Watched {
    On(Sockets),
    Failed(Retry),
}

impl Watched {
    /// Watches the folder. Needs a tokio runtime.
    pub(super) fn open(run: &Path) -> Self {
        Sockets::open(run).map_or_else(|error| Self::failed(run, &error), Self::On)
    }

    fn failed(run: &Path, error: &io::Error) -> Self {
        let run = run.display();
        log::error(format_args!(
            "cannot watch {run}: {error}; it is tried again, new services are not followed till then"
        ));
        Self::Failed(Retry::new())
    }

    /// The services that have a request socket now.
    pub(super) fn now(&self) -> Vec<ServiceName> {
        match self {
            Self::On(sockets) => sockets.now(),
            Self::Failed(_) => Vec::new(),
        }
    }

    /// Waits until sockets appear; whose they are. Who drops the future before its end misses nothing.
    pub(super) async fn appeared(&mut self, run: &Path) -> Vec<ServiceName> {
        loop {
            match self {
                Self::On(sockets) => match sockets.appeared().await {
                    Ok(services) => return services,
                    Err(error) => *self = Self::failed(run, &error),
                },
                Self::Failed(retry) => {
                    retry.is_due().await;
                    match Sockets::open(run) {
                        Ok(sockets) => {
                            log::info(format_args!("{} can be watched again", run.display()));
                            *self = Self::On(sockets);
                            return self.now();
                        }
                        Err(_) => retry.put_off(),
                    }
                }
            }
        }
    }
}

/// A watch on the folder of the request sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    inotify: AsyncFd<Descriptor>,
    run: PathBuf,
}

impl Sockets {
    /// Watches the folder. Needs a tokio runtime.
    fn open(run: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        // A supervisor puts its socket in place by a rename; others may make it there.
        inotify.add_watch(run, AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO)?;
        Ok(Self { inotify: watch_input(Descriptor(inotify))?, run: run.to_owned() })
    }

    /// The services that have one now.
    fn now(&self) -> Vec<ServiceName> {
        let entries = fs::read_dir(&self.run).into_iter().flatten().flatten();
        entries.filter_map(|entry| service(&entry.file_name().to_string_lossy())).collect()
    }

    /// Waits until sockets appear; whose they are. Who drops the future before its end misses nothing.
    async fn appeared(&mut self) -> io::Result<Vec<ServiceName>> {
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[test]
    fn a_folder_that_cannot_be_watched_is_tried_again_and_who_is_there_by_then_is_followed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let top = tempfile::tempdir().unwrap();
            let run = top.path().join("run");
            let mut watched = Watched::open(&run);
            assert!(watched.now().is_empty(), "there is no such folder");
            fs::create_dir(&run).unwrap();
            fs::write(run.join("mysql-request.sock"), "").unwrap();
            let appeared = timeout(Duration::from_secs(30), watched.appeared(&run)).await;
            assert_eq!(appeared.expect("it is tried again"), ["mysql".parse().unwrap()]);
        });
    }
}
