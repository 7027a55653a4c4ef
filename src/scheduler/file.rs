//! The schedule's file: read when it changes, and when the time zones that it names do.

use std::collections::BTreeSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use super::machine::Event;
use super::watch::Watch;
use crate::diagnostic::Severity;
use crate::log;
use crate::schedule::{Entry, Schedule, Zone, parse};

/// The schedule's file, in the folder of the configuration.
pub const FILE: &str = "schedule.cron";

/// A larger file is no schedule, in bytes.
const LARGEST_FILE: u64 = 16 << 20;

/// So many faults are shown in the log.
const MOST_SHOWN: usize = 20;

/// The file, and what is known of it.
#[derive(Debug)]
pub(crate) struct ScheduleFile {
    path: PathBuf,
    /// Of its bytes, as they were last read.
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
    Failed(String),
}

impl ScheduleFile {
    /// Watches the file in a folder of configuration, neither of which need exist. Needs a tokio runtime.
    pub(crate) fn new(conf: &Path) -> Self {
        let path = conf.join(FILE);
        let watch = Watching::open(vec![path.clone()]);
        Self { path, digest: None, problems: Vec::new(), watch, zones: Watching::Nothing }
    }

    /// What is wrong, each in a line.
    pub(crate) fn problems(&self) -> impl Iterator<Item = &String> {
        let failed = [&self.watch, &self.zones].into_iter().filter_map(|watching| match watching {
            Watching::Failed(why) => Some(why),
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

    /// Reads the file; nothing when it is what it was.
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
        let digest = digest(&bytes);
        if self.digest.replace(digest) == Some(digest) {
            return None;
        }
        self.problems.clear();
        let zone = Zone::system().unwrap_or_else(|error| {
            let problem = format!("{error}, which TZ or /etc/localtime names: UTC holds in its place");
            log::error(&problem);
            self.problems.push(problem);
            Zone::utc()
        });
        let schedule = parse(&bytes, &zone);
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
        let first = paths.first().map(|path| path.display().to_string()).unwrap_or_default();
        Watch::open(paths).map_or_else(|error| Self::failed(&first, &error), Self::On)
    }

    fn failed(path: &str, error: &io::Error) -> Self {
        let why = format!("cannot watch {path}: {error}; after a change send HUP");
        log::error(&why);
        Self::Failed(why)
    }

    /// Waits for a change, for ever where nothing is watched.
    async fn changed(&mut self) {
        if let Self::On(watch) = self {
            let Err(error) = watch.changed().await else { return };
            let path = watch.paths().first().map(|path| path.display().to_string()).unwrap_or_default();
            *self = Self::failed(&path, &error);
        }
        std::future::pending::<()>().await;
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let size = fs::metadata(path)?.len();
    if size > LARGEST_FILE {
        let message = format!("it has {size} bytes, and a schedule has at most {LARGEST_FILE}");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    fs::read(path)
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Shows what is wrong with a schedule.
fn tell(schedule: &Schedule) {
    for diagnostic in schedule.diagnostics.iter().take(MOST_SHOWN) {
        let tell = if diagnostic.severity == Severity::Error { log::error } else { log::warn };
        let shown = diagnostic.in_file(FILE).to_string();
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
    Some(format!("{FILE}:{}:{}: {}{more}", first.line, first.column, first.message))
}
