//! Finding the services: by their sockets below one folder, and by their own folders for those ([`run_folder`]).
//!
//! That folder is `LAMPLIGHTER_RUN` where it is set; on the host, in a stack's folder or below it, what
//! `docker-compose.yaml` mounts there; else a container's `/run`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dotenv::{Dotenv, DotenvError};
use super::error::CommandError;
use super::service_folders;
use crate::names::ServiceName;
use crate::run_folder;
use crate::settings::Folders;
use crate::spelling;

/// The name that the scheduler's service has.
pub(super) const SCHEDULER: &str = "scheduler";
/// The web console, and what keeps up with another machine, which run only where they are wanted: then their sockets have folders.
const WHERE_WANTED: [&str; 2] = ["console", "standby"];
/// What tells that this machine stands by for another one, beside the sockets, and what runs there then.
const STANDS_BY: &str = "stands-by";
const OF_A_STANDBY: [&str; 2] = ["mysql", "standby"];
/// Where a stack keeps its data, unless its settings say otherwise.
const DATA: &str = "./data";
/// What makes a folder a stack's.
const COMPOSE: &str = "docker-compose.yaml";
/// What a service's folder has one of, so that it is the folder of one that can be asked.
const OF_A_SERVICE: [&str; 3] =
    ["bin/docker-entry-setup.sh", "bin/docker-callbacks.sh", "conf/schedule.cron"];

/// The services that can be asked from here.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The folder with the sockets.
    pub run: PathBuf,
    /// The stack's own folder, when it was found by that.
    pub home: Option<PathBuf>,
    /// Why it is not known where the sockets are: what is wrong with the stack's settings.
    fault: Option<String>,
    /// Whether somebody named the folder with the sockets: what is locked in there is ours.
    pub is_named: bool,
}

impl Stack {
    /// The stack that is meant by the variables that `get` reads, and by the working directory.
    pub fn find(get: impl Fn(&str) -> Option<OsString>, working_directory: &Path) -> Self {
        let run = get("LAMPLIGHTER_RUN").filter(|run| !run.is_empty());
        let home = working_directory.ancestors().find(|folder| is_stack(folder));
        match (run, home) {
            (Some(run), _) => Self { run: run.into(), home: None, fault: None, is_named: true },
            (None, Some(home)) => {
                let (data, fault) = match data_of(home, get) {
                    Ok(data) => (data, None),
                    Err(error) => (home.join(DATA), Some(error.to_string())),
                };
                Self { run: data.join("run"), home: Some(home.to_owned()), fault, is_named: false }
            }
            (None, None) => {
                Self { run: Folders::from_env(|_| None).run, home: None, fault: None, is_named: false }
            }
        }
    }

    /// The services that there are: those with a socket, those that had one or have a folder for one, and those of the
    /// stack's folder; by name.
    ///
    /// # Errors
    /// When there is no stack, or its settings or its folder cannot be read.
    pub(super) fn services(&self) -> Result<Vec<ServiceName>, CommandError> {
        if let Some(fault) = &self.fault {
            return Err(CommandError::Fault(fault.clone()));
        }
        let entries = fs::read_dir(&self.run).map_err(|why| self.unreadable(why))?;
        // A link that leads nowhere stands for a folder, or for what was one.
        let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        let (links, files): (Vec<_>, Vec<_>) = paths.iter().partition(|path| path.is_symlink());
        let sockets = files.iter().chain(links.iter().filter(|link| link.exists()));
        let mut services: BTreeSet<_> = named(sockets, run_folder::of_socket);
        let mut locks: BTreeSet<_> = named(files.iter(), run_folder::of_lock);
        let mut folders: BTreeSet<_> = run_folder::with_folder(&self.run).into_iter().collect();
        if let Some(home) = &self.home {
            let mut own = services_in(home);
            own.retain(|service| !WHERE_WANTED.contains(&service.as_str()) || folders.contains(service));
            // What has been taken out of the stack leaves its lock and its folder behind.
            locks.retain(|service| own.contains(service));
            folders.retain(|service| own.contains(service));
            services.extend(own);
        } else if services.is_empty() && folders.is_empty() && !self.is_named {
            // Other programs have their locks in `/run`, too.
            locks.clear();
        }
        services.append(&mut locks);
        services.append(&mut folders);
        if self.run.join(STANDS_BY).exists() {
            services.retain(|service| OF_A_STANDBY.contains(&service.as_str()));
        }
        if services.is_empty() {
            return Err(self.no_stack());
        }
        Ok(services.into_iter().collect())
    }

    /// The service of this name.
    ///
    /// # Errors
    /// When there is none, with the name that was probably meant.
    pub(super) fn service(&self, name: &str) -> Result<ServiceName, CommandError> {
        let services = self.services()?;
        if let Some(service) = services.iter().find(|service| service.as_str() == name) {
            return Ok(service.clone());
        }
        Err(self.unknown_service(name, &services))
    }

    /// The services to ask: the one that is named, else all but the scheduler, which does nothing itself.
    ///
    /// # Errors
    /// When there is no stack, or no such service.
    pub(super) fn services_or(&self, name: Option<&str>) -> Result<Vec<ServiceName>, CommandError> {
        if let Some(name) = name {
            return Ok(vec![self.service(name)?]);
        }
        let mut services = self.services()?;
        services.retain(|service| service.as_str() != SCHEDULER);
        Ok(services)
    }

    fn unknown_service(&self, name: &str, services: &[ServiceName]) -> CommandError {
        let known: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
        CommandError::UnknownService {
            name: name.to_owned(),
            run: self.run.clone(),
            meant: spelling::nearest(name, known.iter().copied()).map(str::to_owned),
            known: known.join(", "),
        }
    }

    /// The request socket of a service.
    pub(super) fn socket(&self, service: &ServiceName) -> PathBuf {
        run_folder::request_socket(&self.run, service)
    }

    fn unreadable(&self, why: io::Error) -> CommandError {
        match why.kind() {
            io::ErrorKind::NotFound => self.no_stack(),
            _ => CommandError::Unlistable { run: self.run.clone(), why },
        }
    }

    fn no_stack(&self) -> CommandError {
        CommandError::NoStack { run: self.run.clone(), home: self.home.clone() }
    }
}

fn is_stack(folder: &Path) -> bool {
    folder.join(COMPOSE).is_file() && folder.join("service").is_dir()
}

/// The folder of the stack in the working directory or above it.
pub(super) fn here() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().find(|folder| is_stack(folder)).map(Path::to_owned)
}

/// The folder with the sockets of the stack in a folder, where its settings say.
pub(super) fn run_of(home: &Path) -> Option<PathBuf> {
    Some(data_of(home, |name| std::env::var_os(name)).ok()?.join("run"))
}

/// Where a stack keeps its data: `LAMPLIGHTER_DATA` of the environment or its `.env`, else `./data`.
fn data_of(home: &Path, get: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, DotenvError> {
    let environment = |name: &str| get(name)?.into_string().ok();
    let set = Dotenv::load(home, &environment)?.setting("LAMPLIGHTER_DATA", &environment);
    let data = set.filter(|data| !data.is_empty()).unwrap_or_else(|| DATA.to_owned());
    let below_own_folder =
        data.strip_prefix("~/").and_then(|rest| Some(PathBuf::from(get("HOME")?).join(rest)));
    let data = below_own_folder.unwrap_or_else(|| data.into());
    Ok(home.join(data.strip_prefix(".").unwrap_or(&data)))
}

/// The services that have a folder in the stack's.
fn services_in(home: &Path) -> BTreeSet<ServiceName> {
    let folders = service_folders::all(home).into_iter().filter(|folder| can_be_asked(folder));
    folders.filter_map(|folder| service_folders::name(&folder).parse().ok()).collect()
}

/// What runs once and ends has programs of its own, and nothing that a supervisor or a scheduler reads.
fn can_be_asked(folder: &Path) -> bool {
    !folder.join("bin").is_dir() || OF_A_SERVICE.iter().any(|file| folder.join(file).exists())
}

/// The services that these files are of, by their names.
fn named<'a>(
    files: impl Iterator<Item = &'a &'a PathBuf>,
    of: impl Fn(&str) -> Option<ServiceName>,
) -> BTreeSet<ServiceName> {
    files.filter_map(|path| of(path.file_name()?.to_str()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack() -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        fs::create_dir_all(top.path().join("service/mysql/bin")).unwrap();
        fs::write(top.path().join("service/mysql/bin/docker-callbacks.sh"), "").unwrap();
        fs::write(top.path().join(COMPOSE), "services:\n").unwrap();
        top
    }

    fn found(top: &Path, environment: &[(&str, &str)]) -> PathBuf {
        let get = |name: &str| Some(environment.iter().find(|(own, _)| *own == name)?.1.into());
        Stack::find(get, &top.join("service/mysql/bin")).run
    }

    #[test]
    fn a_stack_is_found_from_below_with_the_data_that_its_settings_name() {
        let top = stack();
        let at = top.path();
        assert_eq!(found(at, &[]), at.join("data/run"));
        for (line, run) in [
            ("LAMPLIGHTER_DATA=./elsewhere", at.join("elsewhere/run")),
            ("LAMPLIGHTER_DATA=/srv/forum", "/srv/forum/run".into()),
            ("LAMPLIGHTER_DATA=~/forum", "/root/forum/run".into()),
        ] {
            fs::write(at.join(".env"), line).unwrap();
            assert_eq!(found(at, &[("HOME", "/root")]), run);
        }
        assert_eq!(found(at, &[("LAMPLIGHTER_DATA", "/x")]), Path::new("/x/run"));
        assert_eq!(found(at, &[("LAMPLIGHTER_RUN", "/y")]), Path::new("/y"));
    }

    #[test]
    fn outside_of_a_stack_it_is_a_containers_own_folder() {
        let nowhere = tempfile::tempdir().unwrap();
        assert_eq!(Stack::find(|_| None, nowhere.path()).run, Path::new("/run"));
    }

    fn names(stack: &Stack) -> Vec<String> {
        stack.services().unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_service_with_a_folder_for_its_socket_is_known_once_and_asked_there() {
        let top = stack();
        let run = top.path().join("data/run");
        for name in ["mysql", "php", "removed"] {
            fs::create_dir_all(run.join("requests").join(name)).unwrap();
        }
        fs::write(run.join("requests/php/request.sock"), "").unwrap();
        fs::write(run.join("redis-request.sock"), "").unwrap();
        for name in ["php", "removed"] {
            let target = format!("requests/{name}/request.sock");
            std::os::unix::fs::symlink(target, run.join(format!("{name}-request.sock"))).unwrap();
        }
        let here = Stack::find(|_| None, top.path());
        assert_eq!(names(&here), ["mysql", "php", "redis"], "what was taken out of the stack is none of it");
        let php = here.service("php").unwrap();
        assert_eq!(here.socket(&php), run.join("requests/php/request.sock"));
        let inside = Stack { run, home: None, fault: None, is_named: false };
        assert_eq!(names(&inside), ["mysql", "php", "redis", "removed"]);
    }

    #[test]
    fn what_a_stack_runs_once_is_no_service_of_it() {
        let top = stack();
        fs::create_dir_all(top.path().join("data/run")).unwrap();
        fs::create_dir_all(top.path().join("service/once/bin")).unwrap();
        fs::write(top.path().join("service/once/bin/once"), "").unwrap();
        fs::create_dir_all(top.path().join("service/scheduler/bin")).unwrap();
        fs::create_dir_all(top.path().join("service/scheduler/conf")).unwrap();
        fs::write(top.path().join("service/scheduler/conf/schedule.cron"), "").unwrap();
        assert_eq!(names(&Stack::find(|_| None, top.path())), ["mysql", "scheduler"]);
        // A service of the owner's is one; what is added to another is none.
        for name in ["local/service/once/docker-callbacks.sh", "local/service/web/bin/docker-callbacks.sh"] {
            fs::create_dir_all(top.path().join(name).parent().unwrap()).unwrap();
            fs::write(top.path().join(name), "").unwrap();
        }
        assert_eq!(names(&Stack::find(|_| None, top.path())), ["mysql", "scheduler", "web"]);
    }

    #[test]
    fn the_console_is_a_service_where_there_is_a_folder_for_its_socket() {
        let top = stack();
        fs::create_dir_all(top.path().join("service/console/bin")).unwrap();
        fs::write(top.path().join("service/console/bin/docker-callbacks.sh"), "").unwrap();
        fs::create_dir_all(top.path().join("data/run")).unwrap();
        assert_eq!(names(&Stack::find(|_| None, top.path())), ["mysql"]);
        fs::create_dir_all(top.path().join("data/run/requests/console")).unwrap();
        assert_eq!(names(&Stack::find(|_| None, top.path())), ["console", "mysql"]);
    }

    #[test]
    fn of_a_machine_that_stands_by_nothing_is_missed_but_what_keeps_it_ready() {
        let top = stack();
        for name in ["php", "standby"] {
            fs::create_dir_all(top.path().join(format!("service/{name}/bin"))).unwrap();
            fs::write(top.path().join(format!("service/{name}/bin/docker-callbacks.sh")), "").unwrap();
        }
        fs::create_dir_all(top.path().join("data/run/requests/php")).unwrap();
        assert_eq!(names(&Stack::find(|_| None, top.path())), ["mysql", "php"]);
        fs::create_dir_all(top.path().join("data/run/requests/standby")).unwrap();
        assert_eq!(names(&Stack::find(|_| None, top.path())), ["mysql", "php", "standby"]);
        fs::write(top.path().join("data/run/stands-by"), "").unwrap();
        assert_eq!(names(&Stack::find(|_| None, top.path())), ["mysql", "standby"]);
    }

    #[test]
    fn a_service_that_has_stopped_is_still_known_by_its_lock_or_its_folder() {
        let top = stack();
        let run = top.path().join("data/run");
        fs::create_dir_all(&run).unwrap();
        for name in ["php-request.sock", "php.lock", "mysql.lock", "old.lock", "mysqld"] {
            fs::write(run.join(name), "").unwrap();
        }
        let here = Stack::find(|_| None, top.path());
        assert_eq!(names(&here), ["mysql", "php"]);
        assert_eq!(
            names(&Stack { run: run.clone(), home: None, fault: None, is_named: true }),
            ["mysql", "old", "php"]
        );
        fs::remove_file(run.join("php-request.sock")).unwrap();
        let unnamed = Stack { run, home: None, fault: None, is_named: false };
        assert_eq!(unnamed.services().unwrap_err().code(), 4, "locks of other programs are no services");
    }
}
