//! The schedule's files: read when they change, and when the time zones that they name do. One is the stack's, the
//! others are what its owner has added to it.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use super::added::Added;
use super::machine::Event;
use super::watch::{Retry, Watch};
use crate::diagnostic::Severity;
use crate::log;
use crate::schedule::{Entry, Schedule, Text, Zone, parse_text};

/// The schedule's file, in the folder of the configuration.
pub const FILE: &str = "schedule.cron";

/// A larger file is no schedule, in bytes.
const LARGEST_FILE: u64 = 16 << 20;

/// So many faults are shown in the log.
const MOST_SHOWN: usize = 20;

/// The files, and what is known of them.
#[derive(Debug)]
pub(crate) struct ScheduleFile {
    path: PathBuf,
    added: Added,
    /// Of all their bytes and names, as they were last read.
    digest: Option<u64>,
    /// What is wrong with it, and with the zone that holds for it.
    problems: Vec<String>,
    watch: Watching,
    /// On the files of the zones that it names.
    zones: Watching,
}

/// A watch, or why there is none.
#[derive(Debug)]
enum Watching {
    Nothing,
    On(Watch),
    Failed(Failed),
}

/// Files that cannot be watched, why, and when that is tried again.
#[derive(Debug)]
struct Failed {
    paths: Vec<PathBuf>,
    why: String,
    retry: Retry,
}

impl ScheduleFile {
    /// Watches the file in a folder of configuration and what the owner's folder adds to it, none of which need exist.
    /// Needs a tokio runtime.
    pub(crate) fn new(conf: &Path, local: &Path) -> Self {
        let (path, added) = (conf.join(FILE), Added::new(local));
        let watch = Watching::open(vec![path.clone(), added.folder().to_owned()]);
        Self { path, added, digest: None, problems: Vec::new(), watch, zones: Watching::Nothing }
    }

    /// What is wrong, each in a line.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &String> {
        let failed = [&self.watch, &self.zones].into_iter().filter_map(|watching| match watching {
            Watching::Failed(failed) => Some(&failed.why),
            _ => None,
        });
        self.problems.iter().chain(failed)
    }

    /// Reads the file, as is asked for from outside.
    pub(crate) fn read_anew(&mut self) -> Event {
        Zone::read_anew();
        self.digest = None;
        self.read().unwrap_or(Event::Tick)
    }

    /// Waits until the schedule or a time zone that it names is another; what it says then.
    pub(crate) async fn changed(&mut self) -> Event {
        loop {
            let event = tokio::select! {
                () = self.watch.changed() => self.read(),
                () = self.zones.changed() => {
                    log::info("the time zones have changed");
                    Some(self.read_anew())
                }
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// Reads the files; nothing when they are what they were.
    fn read(&mut self) -> Option<Event> {
        let bytes = match read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.digest = None;
                let why = format!("cannot read the schedule {}: {error}", self.path.display());
                self.problems = vec![why.clone()];
                return Some(Event::Unreadable(why));
            }
        };
        let mut text = Text::default();
        text.push(FILE, &bytes);
        let unreadable = self.added.read_into(&mut text);
        let digest = digest(&text, &unreadable);
        if self.digest.replace(digest) == Some(digest) {
            return None;
        }
        unreadable.iter().for_each(log::error);
        self.problems = unreadable;
        let zone = Zone::system().unwrap_or_else(|error| {
            let problem = format!("{error}, which TZ or /etc/localtime names: UTC holds in its place");
            log::error(&problem);
            self.problems.push(problem);
            Zone::utc()
        });
        let schedule = parse_text(&text, &zone);
        tell(&schedule);
        self.problems.extend(summary(&schedule));
        self.watch_zones(&zone, &schedule);
        Some(Event::Loaded(schedule))
    }

    fn watch_zones(&mut self, system: &Zone, schedule: &Schedule) {
        let zones = schedule.entries.iter().map(Entry::zone).chain([system]);
        let names: BTreeSet<&str> = zones.map(Zone::name).collect();
        let files: BTreeSet<PathBuf> = names.into_iter().flat_map(Zone::files).collect();
        let files: Vec<PathBuf> = files.into_iter().collect();
        if !matches!(&self.zones, Watching::On(watch) if watch.paths() == files) {
            self.zones = Watching::open(files);
        }
    }
}

impl Watching {
    fn open(paths: Vec<PathBuf>) -> Self {
        Watch::open(paths.clone()).map_or_else(|error| Self::failed(paths, &error), Self::On)
    }

    fn failed(paths: Vec<PathBuf>, error: &io::Error) -> Self {
        let why = Failed::why(&paths, error);
        log::error(&why);
        Self::Failed(Failed { paths, why, retry: Retry::new() })
    }

    /// Waits for a change, for ever where nothing is watched. What could not be watched may have changed meanwhile,
    /// so that it can be again is one.
    async fn changed(&mut self) {
        loop {
            match self {
                Self::Nothing => return std::future::pending().await,
                Self::On(watch) => {
                    let Err(error) = watch.changed().await else { return };
                    *self = Self::failed(watch.paths().to_vec(), &error);
                }
                Self::Failed(failed) => {
                    failed.retry.is_due().await;
                    match Watch::open(failed.paths.clone()) {
                        Ok(watch) => {
                            log::info(format_args!("{} can be watched again", shown(&failed.paths)));
                            *self = Self::On(watch);
                            return;
                        }
                        Err(error) => {
                            failed.why = Failed::why(&failed.paths, &error);
                            failed.retry.put_off();
                        }
                    }
                }
            }
        }
    }
}

impl Failed {
    fn why(paths: &[PathBuf], error: &io::Error) -> String {
        format!(
            "cannot watch {}: {error}; it is tried again, and HUP has it read after a change",
            shown(paths)
        )
    }
}

/// The first of some files, for messages.
fn shown(paths: &[PathBuf]) -> impl std::fmt::Display {
    paths.first().map(|path| path.display().to_string()).unwrap_or_default()
}

/// Reads a file of a schedule.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    if size > LARGEST_FILE {
        let message = format!("it has {size} bytes, and a schedule has at most {LARGEST_FILE}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    fs::read(path)
}

fn digest(text: &Text, problems: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    problems.hash(&mut hasher);
    hasher.finish()
}

/// Shows what is wrong with a schedule.
fn tell(schedule: &Schedule) {
    for diagnostic in schedule.diagnostics.iter().take(MOST_SHOWN) {
        let tell = if diagnostic.severity == Severity::Error { log::error } else { log::warn };
        let (file, line) = schedule.places.of(diagnostic.line);
        let shown = diagnostic.at_line(line).in_file(file).to_string();
        shown.lines().for_each(|line| tell(line.to_owned()));
    }
    if let Some(more @ 1..) = schedule.diagnostics.len().checked_sub(MOST_SHOWN) {
        log::error(format_args!("{FILE} has {more} more faults: `lamplighter check` shows them all"));
    }
}

/// What is wrong with a schedule, in a line.
fn summary(schedule: &Schedule) -> Option<String> {
    let mut errors = schedule.diagnostics.iter().filter(|fault| fault.severity == Severity::Error);
    let first = errors.next()?;
    let more = match errors.count() {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let (file, line) = schedule.places.of(first.line);
    Some(format!("{file}:{line}:{}: {}{more}", first.column, first.message))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    use tokio::time::timeout;

    use super::*;

    /// Lets this process, which is the test's own, open no more files for a while.
    fn without_descriptors<T>(act: impl FnOnce() -> T) -> T {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 0, hard).unwrap();
        let result = act();
        setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        result
    }

    #[test]
    fn what_cannot_be_watched_is_tried_again_and_read_once_it_can() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let top = tempfile::tempdir().unwrap();
            let mut file = without_descriptors(|| ScheduleFile::new(top.path(), &top.path().join("local")));
            assert_eq!(file.problems().count(), 1, "it says so");
            fs::write(top.path().join(FILE), "5 4 * * * a b").unwrap();
            // As the loop does, which drops the future for whatever else comes.
            let soon = || Duration::from_millis(20);
            let mut event = None;
            for _ in 0..1_500 {
                event = timeout(soon(), file.changed()).await.ok();
                if event.is_some() {
                    break;
                }
            }
            assert!(matches!(event, Some(Event::Loaded(schedule)) if schedule.entries.len() == 1));
            assert_eq!(file.problems().count(), 0);
            fs::write(top.path().join(FILE), "5 4 * * * a b\n6 4 * * * a b").unwrap();
            let event = timeout(Duration::from_secs(30), file.changed()).await.expect("it is watched");
            assert!(matches!(event, Event::Loaded(schedule) if schedule.entries.len() == 2));
        });
    }

    #[test]
    fn what_the_owner_adds_is_read_after_the_schedule_and_keeps_its_names() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let top = tempfile::tempdir().unwrap();
            let (local, own) = (top.path().join("local"), top.path().join("local/schedule.d"));
            fs::write(top.path().join(FILE), "5 4 * * * a b").unwrap();
            let mut file = ScheduleFile::new(top.path(), &local);
            assert!(matches!(file.read_anew(), Event::Loaded(schedule) if schedule.entries.len() == 1));
            fs::create_dir_all(&own).unwrap();
            for (name, text) in [
                ("b.cron", "\n61 * * * * a c"),
                ("a.cron", "6 4 * * * a b"),
                ("a.cron~", "x"),
                (".a.cron", "x"),
            ] {
                fs::write(own.join(name), text).unwrap();
            }
            let soon = Duration::from_secs(30);
            let mut places = Vec::new();
            while places.len() < 2 {
                let event = timeout(soon, file.changed()).await.expect("it is noticed");
                let Event::Loaded(schedule) = event else { panic!("{event:?}") };
                let of = |entry: &Entry| schedule.places.in_words(entry.line);
                places = schedule.entries.iter().map(of).collect();
            }
            assert_eq!(places, ["line 1", "line 1 of local/schedule.d/a.cron"]);
            let problems: Vec<_> = file.problems().map(String::as_str).collect();
            assert_eq!(problems, ["local/schedule.d/b.cron:2:1: the minute `61` is too large"]);
            fs::remove_dir_all(&own).unwrap();
            let event = timeout(soon, file.changed()).await.expect("it is noticed");
            assert!(matches!(event, Event::Loaded(schedule) if schedule.entries.len() == 1));
        });
    }

    #[test]
    fn a_watch_that_breaks_is_made_anew() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let top = tempfile::tempdir().unwrap();
            let path = top.path().join(FILE);
            let mut watching = Watching::open(vec![path.clone()]);
            fs::write(&path, "").unwrap();
            // The watch is opened anew after each change, which fails here.
            let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
            setrlimit(Resource::RLIMIT_NOFILE, 0, hard).unwrap();
            assert!(timeout(Duration::from_millis(500), watching.changed()).await.is_err());
            setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
            assert!(matches!(watching, Watching::Failed(_)));
            timeout(Duration::from_secs(30), watching.changed()).await.expect("it is tried again");
            assert!(matches!(watching, Watching::On(_)));
        });
    }
}
