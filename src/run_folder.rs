//! The folder of sockets, `/run`: where a service's request socket and its lock are, and whose there are.
//!
//! A service with a folder of its own in there, `requests/SERVICE`, has both in that, so that each can be mounted by itself
//! into who may ask. Of one without, they lie beside those of the others and bear its name.

use std::fs;
use std::path::{Path, PathBuf};

use crate::names::ServiceName;

/// The folder of the services' own folders.
const REQUESTS: &str = "requests";
/// The request socket's name in a folder of its own.
pub const SOCKET: &str = "request.sock";
/// The lock's name in there.
const LOCK: &str = "lock";
/// What ends the name of a request socket beside others, or of the link that stands for it there.
const SOCKET_END: &str = "-request.sock";
/// What ends the name of a lock beside others.
const LOCK_END: &str = ".lock";

/// The request socket of a service: in its own folder, where it has one.
pub fn request_socket(run: &Path, service: &ServiceName) -> PathBuf {
    own_folder(run, service).map_or_else(|| link(run, service), |folder| folder.join(SOCKET))
}

/// The file whose lock says that a service's supervisor is running.
pub fn lock_file(run: &Path, service: &ServiceName) -> PathBuf {
    let own = own_folder(run, service).map(|folder| folder.join(LOCK));
    own.unwrap_or_else(|| run.join(format!("{service}{LOCK_END}")))
}

/// Where everybody looks for the request socket: it is there, or this is a link to where it is.
pub fn link(run: &Path, service: &ServiceName) -> PathBuf {
    run.join(format!("{service}{SOCKET_END}"))
}

/// What that link says, where the service has a folder of its own.
pub fn link_target(service: &ServiceName) -> PathBuf {
    Path::new(REQUESTS).join(service.as_str()).join(SOCKET)
}

/// Where the services' own folders are.
pub fn requests(run: &Path) -> PathBuf {
    run.join(REQUESTS)
}

/// Where a service's own folder is, or would be.
pub fn folder(run: &Path, service: &ServiceName) -> PathBuf {
    requests(run).join(service.as_str())
}

/// The services that have a folder of their own, by name.
pub fn with_folder(run: &Path) -> Vec<ServiceName> {
    let entries = fs::read_dir(requests(run)).into_iter().flatten().flatten();
    let services = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut services: Vec<ServiceName> =
        services.filter(|service| own_folder(run, service).is_some()).collect();
    services.sort();
    services
}

/// Whose request socket, or link to one, has this name in the folder of sockets.
pub fn of_socket(name: &str) -> Option<ServiceName> {
    name.strip_suffix(SOCKET_END)?.parse().ok()
}

/// Whose lock has this name in the folder of sockets.
pub fn of_lock(name: &str) -> Option<ServiceName> {
    name.strip_suffix(LOCK_END)?.parse().ok()
}

/// Whose request socket lies at this path, by its name or that of its folder.
pub fn owner(socket: &Path) -> String {
    let name = socket.file_name().unwrap_or_default();
    let folder = socket.parent().and_then(Path::file_name).filter(|_| name == SOCKET);
    folder.unwrap_or(name).to_string_lossy().trim_end_matches(SOCKET_END).to_owned()
}

/// No link: whoever could put one there would have us claim what is another's.
fn own_folder(run: &Path, service: &ServiceName) -> Option<PathBuf> {
    let folder = folder(run, service);
    (is_folder(&requests(run)) && is_folder(&folder)).then_some(folder)
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn service(name: &str) -> ServiceName {
        name.parse().unwrap()
    }

    #[test]
    fn a_service_with_a_folder_of_its_own_has_socket_and_lock_there() {
        let top = tempfile::tempdir().unwrap();
        let run = top.path();
        fs::create_dir_all(run.join("requests/mysql")).unwrap();
        assert_eq!(request_socket(run, &service("mysql")), run.join("requests/mysql/request.sock"));
        assert_eq!(lock_file(run, &service("mysql")), run.join("requests/mysql/lock"));
        assert_eq!(run.join(link_target(&service("mysql"))), request_socket(run, &service("mysql")));
        assert_eq!(request_socket(run, &service("redis")), run.join("redis-request.sock"));
        assert_eq!(lock_file(run, &service("redis")), run.join("redis.lock"));
        assert_eq!(with_folder(run), [service("mysql")]);
    }

    #[test]
    fn a_link_in_a_folders_place_is_no_folder() {
        let top = tempfile::tempdir().unwrap();
        let run = top.path();
        fs::create_dir_all(run.join("requests/mysql")).unwrap();
        symlink("mysql", run.join("requests/redis")).unwrap();
        assert_eq!(request_socket(run, &service("redis")), run.join("redis-request.sock"));
        assert_eq!(with_folder(run), [service("mysql")]);
        fs::rename(run.join("requests"), run.join("elsewhere")).unwrap();
        symlink("elsewhere", run.join("requests")).unwrap();
        assert_eq!(lock_file(run, &service("mysql")), run.join("mysql.lock"));
        assert_eq!(with_folder(run), []);
    }

    #[test]
    fn a_socket_tells_whose_it_is_in_either_place() {
        assert_eq!(of_socket("mysql-request.sock"), Some(service("mysql")));
        assert_eq!(of_socket("mysqld.sock"), None);
        assert_eq!(of_lock("mysql.lock"), Some(service("mysql")));
        assert_eq!(owner(Path::new("/run/mysql-request.sock")), "mysql");
        assert_eq!(owner(Path::new("/run/requests/mysql/request.sock")), "mysql");
    }
}
