//! Which services have a request socket: the folder of the sockets is watched, with the services' own folders in there, and
//! never looked at for nothing.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use tokio::io::unix::AsyncFd;

use crate::log;
use crate::names::ServiceName;
use crate::process::watch_input;
use crate::run_folder;
use crate::scheduler::watch::{Descriptor, Retry};

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

/// A link is no service's own folder.
const NO_LINK: AddWatchFlags = AddWatchFlags::IN_DONT_FOLLOW;

/// A watch on the folder of the request sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    inotify: AsyncFd<Descriptor>,
    run: PathBuf,
    watched: HashMap<WatchDescriptor, Place>,
}

/// What may appear in a folder that is watched.
#[derive(Debug)]
enum Place {
    /// Sockets that are called after their services, links to them, and the folder of folders.
    Run,
    /// Services' own folders.
    Requests,
    /// The socket of this service.
    Own(ServiceName),
}

impl Sockets {
    /// Watches the folder. Needs a tokio runtime.
    fn open(run: &Path) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        let inotify = watch_input(Descriptor(inotify))?;
        let mut sockets = Self { inotify, run: run.to_owned(), watched: HashMap::new() };
        sockets.watch(run, Place::Run, AddWatchFlags::empty())?;
        sockets.watch_requests()?;
        Ok(sockets)
    }

    fn watch(&mut self, folder: &Path, place: Place, how: AddWatchFlags) -> io::Result<()> {
        // A supervisor puts its socket in place by a rename; others may make it there.
        let what = AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO | AddWatchFlags::IN_ONLYDIR | how;
        let watch = self.inotify.get_ref().0.add_watch(folder, what)?;
        self.watched.insert(watch, place);
        Ok(())
    }

    /// Watches the services' own folders, where there are any.
    fn watch_requests(&mut self) -> io::Result<()> {
        let requests = run_folder::requests(&self.run);
        unless_gone(self.watch(&requests, Place::Requests, NO_LINK))?;
        run_folder::with_folder(&self.run).into_iter().try_for_each(|service| self.watch_own(service))
    }

    /// Who cannot be asked there is not watched either: following it says why.
    fn watch_own(&mut self, service: ServiceName) -> io::Result<()> {
        let folder = run_folder::folder(&self.run, &service);
        unless_gone(self.watch(&folder, Place::Own(service), NO_LINK))
    }

    /// The services that have one now, or a folder for it.
    fn now(&self) -> Vec<ServiceName> {
        let entries = fs::read_dir(&self.run).into_iter().flatten().flatten();
        let mut services: BTreeSet<_> =
            entries.filter_map(|entry| run_folder::of_socket(&entry.file_name().to_string_lossy())).collect();
        services.extend(run_folder::with_folder(&self.run));
        services.into_iter().collect()
    }

    /// Waits until sockets appear; whose they are. Who drops the future before its end misses nothing.
    async fn appeared(&mut self) -> io::Result<Vec<ServiceName>> {
        loop {
            let mut ready = self.inotify.readable().await?;
            let events = match ready.get_inner().0.read_events() {
                Ok(events) => events,
                Err(Errno::EAGAIN) => {
                    ready.clear_ready();
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let mut services = Vec::new();
            for event in events {
                services.extend(self.look_at(&event)?);
            }
            if !services.is_empty() {
                return Ok(services);
            }
        }
    }

    /// Whose socket, or whose folder, has appeared.
    fn look_at(&mut self, event: &InotifyEvent) -> io::Result<Vec<ServiceName>> {
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            self.watch_requests()?;
            return Ok(self.now());
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            self.watched.remove(&event.wd);
        }
        let (Some(place), Some(name)) = (self.watched.get(&event.wd), &event.name) else {
            return Ok(Vec::new());
        };
        let name = name.to_string_lossy();
        let appeared = match place {
            Place::Run if Path::new(&*name) == run_folder::requests(Path::new("")) => {
                self.watch_requests()?;
                return Ok(run_folder::with_folder(&self.run));
            }
            Place::Run => run_folder::of_socket(&name),
            Place::Requests => {
                let is_folder = event.mask.contains(AddWatchFlags::IN_ISDIR);
                let service = name.parse::<ServiceName>().ok().filter(|_| is_folder);
                service.iter().try_for_each(|service| self.watch_own(service.clone()))?;
                service
            }
            Place::Own(service) => (name == run_folder::SOCKET).then(|| service.clone()),
        };
        Ok(appeared.into_iter().collect())
    }
}

/// Lets pass that a folder is not there any more, is none, or is closed to us.
fn unless_gone(watched: io::Result<()>) -> io::Result<()> {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    watched.or_else(|error| match error.kind() {
        NotFound | NotADirectory | PermissionDenied => Ok(()),
        _ => Err(error),
    })
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

    fn service(name: &str) -> ServiceName {
        name.parse().unwrap()
    }

    #[test]
    fn a_service_is_seen_in_its_own_folder_also_in_one_that_comes_later() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let top = tempfile::tempdir().unwrap();
            let run = top.path();
            let mut watched = Watched::open(run);
            let mut appeared = async || {
                let appeared = timeout(Duration::from_secs(30), watched.appeared(run)).await;
                appeared.expect("it is seen")
            };
            // As prepared elsewhere, and moved into place as a whole.
            fs::create_dir_all(run.join("fresh/mysql")).unwrap();
            fs::rename(run.join("fresh"), run.join("requests")).unwrap();
            assert_eq!(appeared().await, [service("mysql")]);
            fs::create_dir(run.join("requests/php")).unwrap();
            assert_eq!(appeared().await, [service("php")]);
            fs::write(run.join("requests/mysql/lock"), "").unwrap();
            for name in ["mysql", "php"] {
                fs::write(run.join("fresh.sock"), "").unwrap();
                fs::rename(run.join("fresh.sock"), run_folder::request_socket(run, &service(name))).unwrap();
                assert_eq!(appeared().await, [service(name)], "its socket");
            }
            fs::write(run.join("old-request.sock"), "").unwrap();
            assert_eq!(appeared().await, [service("old")]);
            assert_eq!(watched.now(), ["mysql", "old", "php"].map(service));
        });
    }
}
