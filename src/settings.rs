//! Where things are: the folders and the name that a Lamplighter program works with.
//!
//! In a container the defaults fit. Every one has an environment variable, so that all of it also runs,
//! and is tested, without Docker.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::names::{NameError, ServiceName};
use crate::run_folder;

/// The folders of one service, and its name.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The service: `LAMPLIGHTER_SERVICE`, else the host's name.
    pub service: ServiceName,
    /// What is independent of the service.
    pub folders: Folders,
}

/// The folders, each from its environment variable or the container's own place for it.
#[derive(Debug, Clone)]
pub struct Folders {
    /// The sockets of all services: `LAMPLIGHTER_RUN`, else `/run`.
    pub run: PathBuf,
    /// What must survive a restart: `LAMPLIGHTER_STATE`, else `/var/lib/lamplighter`.
    pub state: PathBuf,
    /// The shared scripts: `LAMPLIGHTER_SBIN`, else `/usr/local/sbin`.
    pub sbin: PathBuf,
    /// The service's own scripts: `LAMPLIGHTER_BIN`, else `/usr/local/bin`.
    pub bin: PathBuf,
    /// The service's own configuration: `LAMPLIGHTER_CONF`, else `/usr/local/conf`.
    pub conf: PathBuf,
    /// What the stack's owner adds to that: `LAMPLIGHTER_LOCAL`, else `/usr/local/local`.
    pub local: PathBuf,
}

/// Why a program does not know which service it belongs to.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// `LAMPLIGHTER_SERVICE`, or the host's name, is no service's name.
    #[error("cannot tell which service this is from {from}: {why}; set LAMPLIGHTER_SERVICE")]
    Service {
        /// Where the name came from.
        from: &'static str,
        /// What is wrong with it.
        why: NameError,
    },
    /// The host's name cannot be read.
    #[error("cannot read the host's name to know which service this is: {0}; set LAMPLIGHTER_SERVICE")]
    HostName(nix::Error),
}

impl Folders {
    /// Reads the folders' variables with `get` (in programs: [`std::env::var_os`]).
    pub fn from_env(get: impl Fn(&str) -> Option<OsString>) -> Self {
        let folder = |variable: &str, default: &str| match get(variable) {
            Some(path) if !path.is_empty() => PathBuf::from(path),
            _ => PathBuf::from(default),
        };
        Self {
            run: folder("LAMPLIGHTER_RUN", "/run"),
            state: folder("LAMPLIGHTER_STATE", "/var/lib/lamplighter"),
            sbin: folder("LAMPLIGHTER_SBIN", "/usr/local/sbin"),
            bin: folder("LAMPLIGHTER_BIN", "/usr/local/bin"),
            conf: folder("LAMPLIGHTER_CONF", "/usr/local/conf"),
            local: folder("LAMPLIGHTER_LOCAL", "/usr/local/local"),
        }
    }

    /// The request socket of a service.
    pub fn request_socket(&self, service: &ServiceName) -> PathBuf {
        run_folder::request_socket(&self.run, service)
    }

    /// The file whose lock says that a service's supervisor is running.
    pub fn lock_file(&self, service: &ServiceName) -> PathBuf {
        run_folder::lock_file(&self.run, service)
    }

    /// The folders as environment variables, for the scripts that a supervisor starts.
    pub fn variables(&self) -> [(&'static str, &Path); 6] {
        [
            ("LAMPLIGHTER_RUN", &self.run),
            ("LAMPLIGHTER_STATE", &self.state),
            ("LAMPLIGHTER_SBIN", &self.sbin),
            ("LAMPLIGHTER_BIN", &self.bin),
            ("LAMPLIGHTER_CONF", &self.conf),
            ("LAMPLIGHTER_LOCAL", &self.local),
        ]
    }
}

impl Settings {
    /// Reads the variables with `get`, asking the system for the host's name when no service is named.
    pub fn from_env(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, SettingsError> {
        let (from, name) = match get("LAMPLIGHTER_SERVICE") {
            Some(name) if !name.is_empty() => ("LAMPLIGHTER_SERVICE", name),
            _ => ("the host's name", nix::unistd::gethostname().map_err(SettingsError::HostName)?),
        };
        let service = name.to_string_lossy().parse().map_err(|why| SettingsError::Service { from, why })?;
        Ok(Self { service, folders: Folders::from_env(get) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_needs_no_variable_but_its_host_name() {
        let folders = Folders::from_env(|_| None);
        let mysql = "mysql".parse().unwrap();
        assert_eq!(folders.request_socket(&mysql), Path::new("/run/mysql-request.sock"));
        assert_eq!(folders.sbin, Path::new("/usr/local/sbin"));
    }

    #[test]
    fn each_folder_has_its_variable() {
        let folders = Folders::from_env(|name| Some(format!("/x/{name}").into()));
        for (variable, path) in folders.variables() {
            assert_eq!(path, Path::new("/x").join(variable));
        }
    }

    #[test]
    fn a_service_name_that_is_none_says_where_it_came_from() {
        let get = |name: &str| (name == "LAMPLIGHTER_SERVICE").then(|| OsString::from("My Site"));
        let error = Settings::from_env(get).unwrap_err().to_string();
        assert!(error.starts_with("cannot tell which service this is from LAMPLIGHTER_SERVICE"), "{error}");
    }
}
