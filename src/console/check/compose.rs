//! The compose file, and what the stack's owner adds to it: whether each service of Lamplighter's gets what it needs.
//!
//! A service is Lamplighter's when it mounts the shared scripts or has a folder ([`service_folders`]). What the owner's file
//! says of the stack's own services is looked at for itself; Compose puts the two together.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use super::report::Report;
use super::scripts;
use super::yaml::{Node, Source, with_root};
use crate::console::dotenv::{self, Dotenv};
use crate::console::service_folders::{self, name};
use crate::console::zone::environment;
use crate::diagnostic::{Diagnostic, Severity};
use crate::policy;

/// The compose file's name in the stack's folder.
const FILE: &str = "docker-compose.yaml";
/// Those of what the stack's owner adds, the first of which that there is is read.
const OVERRIDES: [&str; 2] = ["docker-compose.override.yml", "docker-compose.override.yaml"];
/// Where a container has the shared scripts, its own, its configuration, what is added to it, the sockets and its journal.
const SBIN: &str = "/usr/local/sbin";
const BIN: &str = "/usr/local/bin";
const CONF: &str = "/usr/local/conf";
const LOCAL: &str = "/usr/local/local/service";
const RUN: &str = "/run";
/// Below it, each service's folder with its request socket.
const REQUESTS: &str = "/run/requests";
const STATE: &str = "/var/lib/lamplighter";
/// What Docker gives a service to stop, unless told otherwise
/// (<https://docs.docker.com/reference/compose-file/services/#stop_grace_period>).
const GRACE: Duration = Duration::from_secs(10);
/// What a personality's service has for its stop, unless it says otherwise, in seconds.
const STOP_TIMEOUT: u64 = 8;

/// Checks the compose file of a stack, where it has one, with what its owner adds.
pub(super) fn check(stack: &Path, settings: &Dotenv, report: &mut Report) {
    let Ok(text) = fs::read_to_string(stack.join(FILE)) else { return };
    let own = OVERRIDES.into_iter().find(|file| stack.join(file).is_file());
    let own = own.and_then(|file| Some((file, fs::read_to_string(stack.join(file)).ok()?)));
    let files: Vec<(&str, &str)> = [(FILE, text.as_str())]
        .into_iter()
        .chain(own.as_ref().map(|(file, text)| (*file, text.as_str())))
        .collect();
    let known: BTreeSet<String> = files.iter().flat_map(|(_, text)| service_names(Source(text))).collect();
    let mut seen = Seen::default();
    for (file, text) in files {
        let faults = with_root(Source(text), |root| {
            let mut checker = Checker { stack, source: Source(text), settings, faults: Vec::new() };
            checker.check(root, &mut seen);
            if file == FILE {
                checker.folders(root, &known);
            }
            checker.faults
        });
        let mut faults = faults.unwrap_or_else(|fault| vec![*fault]);
        // What several services share is said once.
        faults.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
        faults.dedup();
        report.add(&stack.join(file).display().to_string(), faults);
    }
}

/// The services of a compose file; none where it is not YAML.
fn service_names(source: Source<'_>) -> Vec<String> {
    let names = with_root(source, |root| {
        let services = root.get("services").into_iter().flat_map(Node::pairs);
        services.map(|(name, _)| name.to_owned()).collect()
    });
    names.unwrap_or_default()
}

/// What was seen of the services before, in whichever file.
#[derive(Default)]
struct Seen {
    services: BTreeSet<String>,
    /// The `/run` that several share.
    sockets: Option<PathBuf>,
    /// Whose each journal is.
    states: BTreeMap<PathBuf, String>,
}

/// The faults of one compose file.
struct Checker<'a> {
    stack: &'a Path,
    source: Source<'a>,
    settings: &'a Dotenv,
    faults: Vec<Diagnostic>,
}

/// One folder or file of the host in a container.
struct Mount<'a> {
    node: Node<'a>,
    source: PathBuf,
    target: String,
    is_read_only: bool,
}

impl Checker<'_> {
    fn check(&mut self, root: Node<'_>, seen: &mut Seen) {
        let Some(services) = root.get("services") else { return };
        for (name, service) in services.pairs() {
            let Some(key) = services.key(name) else { continue };
            let mounts = self.mounts(service);
            self.docker_socket(&mounts);
            let own = service_folders::of(self.stack, name);
            if !own.is_dir() && !mounts.iter().any(|mount| mount.target == SBIN) {
                continue;
            }
            self.own(name, &mounts);
            // What is changed of a service, or based on another one, is not all of it.
            let is_a_part = !seen.services.insert(name.to_owned()) || service.get("extends").is_some();
            if is_a_part || !is_supervised(service) {
                continue;
            }
            self.host_name(name, key, service);
            self.needed(name, key, &mounts);
            self.shared(name, &mounts, seen);
            self.stop(name, key, service);
            if service.get("healthcheck").is_none() {
                let hint = "without one nobody waits for the service, nor notices when it fails";
                self.warn(key, format!("`{name}` has no `healthcheck`"), hint);
            }
        }
    }

    /// The folders that are for no service of any compose file.
    fn folders(&mut self, root: Node<'_>, known: &BTreeSet<String>) {
        let Some(key) = root.key("services") else { return };
        for folder in service_folders::all(self.stack) {
            let name = name(&folder);
            if !known.contains(&name) {
                let folder = folder.strip_prefix(self.stack).unwrap_or(&folder).display();
                self.warn(key, format!("the folder {folder} is for no service here"), "");
            }
        }
    }

    fn docker_socket(&mut self, mounts: &[Mount<'_>]) {
        for mount in mounts.iter().filter(|mount| mount.source.ends_with("docker.sock")) {
            let hint = "requests go over the sockets in /run; no service of Lamplighter's needs Docker's";
            self.warn(mount.node, "whoever is in this container is root on the host".to_owned(), hint);
        }
    }

    /// The supervisor takes the service's name from the host's.
    fn host_name(&mut self, name: &str, key: Node<'_>, service: Node<'_>) {
        if is_set(service, "LAMPLIGHTER_SERVICE") {
            return;
        }
        let hint = format!("`hostname: {name}`");
        match service.get("hostname") {
            None => self.fail(
                key,
                format!("`{name}` has no `hostname`, which tells its supervisor its name"),
                &hint,
            ),
            Some(host) if host.text() != Some(name) => {
                self.fail(host, format!("`{name}` has the name of another service"), &hint);
            }
            Some(_) => {}
        }
    }

    fn needed(&mut self, name: &str, key: Node<'_>, mounts: &[Mount<'_>]) {
        let own = format!("./{}", self.shown(&service_folders::of(self.stack, name)));
        let mut needed = vec![
            (SBIN, "./target-sbin".to_owned(), ":ro"),
            (BIN, format!("{own}/bin"), ":ro"),
            (CONF, format!("{own}/conf"), ":ro"),
            (STATE, format!("./data/lamplighter/{name}"), ""),
        ];
        let added = service_folders::added_to(self.stack, name);
        let has_callbacks = scripts::are_there(&service_folders::of(self.stack, name).join("bin"));
        if has_callbacks && [scripts::CALLBACKS, policy::FILE].iter().any(|file| added.join(file).exists()) {
            needed.push((LOCAL, format!("./{}", self.shown(&added)), ":ro"));
        }
        for (target, source, mode) in needed {
            if !mounts.iter().any(|mount| mount.target == target) {
                self.fail(
                    key,
                    format!("`{name}` does not mount {target}"),
                    &format!("`- {source}:{target}{mode}`"),
                );
            }
        }
        let own = format!("{REQUESTS}/{name}");
        if !mounts.iter().any(|mount| [RUN, &own].contains(&mount.target.as_str())) {
            let message = format!("`{name}` mounts neither {own} nor {RUN}: nobody can ask it");
            self.fail(key, message, &format!("`- ./data/run/requests/{name}:{own}`"));
        }
    }

    /// What is the service's own, and what is everybody's and not to be written.
    fn own(&mut self, name: &str, mounts: &[Mount<'_>]) {
        for mount in mounts {
            let is_program = [SBIN, BIN, CONF].contains(&mount.target.as_str());
            if (is_program || mount.target == LOCAL) && !mount.is_read_only {
                let message = format!("`{name}` can write to {}", mount.target);
                self.warn(mount.node, message, "end the mount with `:ro`");
            }
            let Some(source) = self.in_stack(&mount.source) else { continue };
            let is_others = |parent: &str| {
                source.starts_with(parent) && !source.starts_with(Path::new(parent).join(name))
            };
            if is_others("service") || is_others("local/service") {
                let message = format!("`{name}` mounts what is another service's");
                let own = service_folders::of(self.stack, name);
                self.fail(mount.node, message, &format!("its own is in ./{}", self.shown(&own)));
            } else if (is_program || source.starts_with("service")) && !self.stack.join(&source).exists() {
                let message = format!("there is no {}: Docker would mount an empty folder", source.display());
                self.fail(mount.node, message, "");
            }
        }
    }

    /// One `/run` that is shared is everybody's; a folder of requests, and a journal, are one's own.
    fn shared(&mut self, name: &str, mounts: &[Mount<'_>], seen: &mut Seen) {
        for mount in mounts {
            if mount.target == RUN
                && *seen.sockets.get_or_insert_with(|| mount.source.clone()) != mount.source
            {
                let message = format!("`{name}` has another /run than the services above: nobody can ask it");
                self.fail(mount.node, message, "");
            }
            let requests = mount.target.strip_prefix(REQUESTS).and_then(|rest| rest.strip_prefix('/'));
            if requests == Some(name) && mount.source.file_name() != Some(name.as_ref()) {
                let message = format!("`{name}` has its request socket where nobody looks for it");
                self.fail(mount.node, message, &format!("`- ./data/run/requests/{name}:{REQUESTS}/{name}`"));
            }
            if mount.target == STATE
                && let Some(other) = seen.states.insert(mount.source.clone(), name.to_owned())
            {
                let message = format!("`{name}` has the journal of `{other}`");
                self.fail(mount.node, message, &format!("`- ./data/lamplighter/{name}:{STATE}`"));
            }
        }
    }

    /// Docker must not kill what the supervisor still waits for.
    fn stop(&mut self, name: &str, key: Node<'_>, service: Node<'_>) {
        let own = scripts::stop_timeout(&service_folders::of(self.stack, name).join("bin"));
        let own = Duration::from_secs(own.unwrap_or(STOP_TIMEOUT));
        let written = service.get("stop_grace_period");
        let grace = match written.and_then(Node::text) {
            Some(text) => match duration(text) {
                Some(grace) => grace,
                None => return,
            },
            None => GRACE,
        };
        if grace <= own {
            let (grace, own) = (grace.as_secs(), own.as_secs());
            let message = format!("Docker kills `{name}` after {grace} s, while its STOP_TIMEOUT is {own} s");
            self.warn(written.unwrap_or(key), message, &format!("`stop_grace_period: {}s`", own + 5));
        }
    }

    fn mounts<'a>(&self, service: Node<'a>) -> Vec<Mount<'a>> {
        let volumes = service.get("volumes");
        volumes.into_iter().flat_map(Node::items).filter_map(|node| self.mount(node)).collect()
    }

    fn mount<'a>(&self, node: Node<'a>) -> Option<Mount<'a>> {
        if let Some(text) = node.text() {
            let text = self.with_settings(text);
            let mut parts = text.split(':');
            let (source, target) = (parts.next()?, parts.next()?);
            let is_read_only = parts.next().is_some_and(|mode| mode.split(',').any(|mode| mode == "ro"));
            return Some(Mount { node, source: plain(source), target: target.to_owned(), is_read_only });
        }
        let text = |key: &str| Some(self.with_settings(node.get(key)?.text()?));
        let is_read_only = node.get("read_only").is_some_and(Node::is_true);
        Some(Mount { node, source: plain(&text("source")?), target: text("target")?, is_read_only })
    }

    fn with_settings(&self, text: &str) -> String {
        let known = |name: &str| self.settings.setting(name, &environment);
        // What it is not, Compose says in its own words.
        dotenv::replace(text, &known).unwrap_or_else(|_| text.to_owned())
    }

    /// A folder of the stack's, as its compose file names it.
    fn shown(&self, folder: &Path) -> String {
        plain(&folder.strip_prefix(self.stack).unwrap_or(folder).to_string_lossy()).display().to_string()
    }

    /// The path within the stack's folder, where it is in there.
    fn in_stack(&self, source: &Path) -> Option<PathBuf> {
        if source.is_relative() {
            return Some(source.to_owned());
        }
        let stack = self.stack.canonicalize().ok()?;
        source.strip_prefix(stack).ok().map(Path::to_owned)
    }

    fn fail(&mut self, at: Node<'_>, message: String, hint: &str) {
        self.say(Severity::Error, at, message, hint);
    }

    fn warn(&mut self, at: Node<'_>, message: String, hint: &str) {
        self.say(Severity::Warning, at, message, hint);
    }

    fn say(&mut self, severity: Severity, at: Node<'_>, message: String, hint: &str) {
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        self.faults.push(self.source.fault(severity, at, message, hint));
    }
}

/// Whether it is started as one of our programs, or as the image says, which is the supervisor.
fn is_supervised(service: Node<'_>) -> bool {
    let Some(command) = service.get("command") else { return true };
    let Some(program) = command.text().or_else(|| command.items().next()?.text()) else { return true };
    program.starts_with(SBIN)
}

/// Whether a container's environment has a variable, in either of Compose's forms.
fn is_set(service: Node<'_>, variable: &str) -> bool {
    let Some(environment) = service.get("environment") else { return false };
    let sets = |item: Node<'_>| item.text().is_some_and(|text| text.split('=').next() == Some(variable));
    environment.get(variable).is_some() || environment.items().any(sets)
}

/// A path without `.`: two spellings of one are equal.
fn plain(path: &str) -> PathBuf {
    Path::new(path).components().filter(|part| *part != Component::CurDir).collect()
}

/// A duration as Compose has them, such as `1m30s`.
fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut sum) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at(end);
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, after) = unit.split_at(end);
        let one = match unit {
            "us" => Duration::from_micros(1),
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return None,
        };
        sum += one.checked_mul(number.parse().ok()?)?;
        rest = after;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_composes() {
        assert_eq!(duration("1m30s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        for text in ["90", "s", "1d", "-1s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
