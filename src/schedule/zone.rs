//! Time zones as the calendar needs them: stretches of time with one offset.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::tzdata::{self, RELEASE_FILES, Tzdata};

/// A time zone: the system's or the bundled one, as `tzdata` says.
///
/// Copies share one name and one set of rules: every entry of a schedule has one.
#[derive(Debug, Clone)]
pub struct Zone(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: Box<str>,
    rules: TimeZone,
}

/// Why there is no such time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone `{}`", .0.escape_debug())]
pub struct UnknownZone(String);

/// A stretch of time during which a zone's offset does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Its first second, since 1970-01-01 00:00 UTC.
    pub(crate) start: i64,
    /// The first second after it.
    pub(crate) end: i64,
    /// Seconds that the wall clock is ahead of UTC.
    pub(crate) offset: i64,
}

impl Zone {
    /// The zone of a name of the time zone database, such as `Europe/Berlin`; case does not matter.
    ///
    /// # Errors
    /// When neither the system nor the bundled database knows the name.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        let rules = Tzdata::current().zone(name);
        let rules = rules.ok_or_else(|| UnknownZone(name.chars().take(80).collect()))?;
        Ok(Self::new(rules.iana_name().unwrap_or(name), rules.clone()))
    }

    /// The zone that `TZ` or `/etc/localtime` sets, UTC when neither does.
    ///
    /// # Errors
    /// When `TZ` or the link names a zone that does not exist.
    pub fn system() -> Result<Self, UnknownZone> {
        let variable = std::env::var("TZ").unwrap_or_default();
        match TimeZone::try_system() {
            // By its name it may be the newer one; a file without a name is as it is.
            Ok(rules) if rules.iana_name().is_some() && Tzdata::current().prefers_bundled() => {
                Self::named(rules.iana_name().unwrap_or_default())
            }
            Ok(rules) => {
                let unnamed = if variable.is_empty() { "local time" } else { &variable };
                Ok(Self::new(rules.iana_name().unwrap_or(unnamed), rules.clone()))
            }
            Err(_) if variable.is_empty() => Ok(Self::utc()),
            // Names that only the bundled zones have, as in an image without any.
            Err(_) => Self::named(variable.trim_start_matches(':')),
        }
    }

    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self::new("UTC", TimeZone::UTC)
    }

    /// The bundled zone of a name, whatever the system has.
    #[cfg(test)]
    pub(crate) fn bundled(name: &str) -> Self {
        Self::new(name, jiff::tz::TimeZoneDatabase::bundled().get(name).unwrap())
    }

    /// A zone of these rules.
    #[cfg(test)]
    pub(crate) fn of_rules(name: &str, rules: TimeZone) -> Self {
        Self::new(name, rules)
    }

    /// The zone of the same name by the zones that are not used, where those may count for somebody.
    pub(crate) fn other(&self) -> Option<Self> {
        Tzdata::current().other_zone(self.name()).map(|rules| Self::new(self.name(), rules))
    }

    fn new(name: &str, rules: TimeZone) -> Self {
        Self(Arc::new(Inner { name: name.into(), rules }))
    }

    /// Forgets what was read of the system's zones: who asks for one from now on gets what the files say now.
    pub fn read_anew() {
        jiff::tz::db().reset();
        jiff::tz::reset_system_time_zone_cache();
        tzdata::forget();
    }

    /// The files that say what a zone of this name is, of which release, and which is the system's, for who wants to
    /// know when they change.
    pub fn files(name: &str) -> impl Iterator<Item = PathBuf> {
        let folder = std::env::var_os("TZDIR").unwrap_or_else(|| OsString::from("/usr/share/zoneinfo"));
        let folder = PathBuf::from(folder);
        let of_folder = [name].into_iter().chain(RELEASE_FILES).map(|name| folder.join(name));
        of_folder.chain([PathBuf::from("/etc/localtime")]).collect::<Vec<_>>().into_iter()
    }

    /// Its name in the time zone database.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The rules, for showing instants.
    pub fn rules(&self) -> &TimeZone {
        &self.0.rules
    }

    /// The stretches that begin after `from` and before `until`, each with the one before it.
    pub(crate) fn jumps(&self, from: i64, until: i64) -> impl Iterator<Item = (Stretch, Stretch)> {
        let stretches = std::iter::successors(Some(self.stretch_at(from)), move |stretch| {
            (stretch.end < until).then(|| self.stretch_at(stretch.end))
        });
        let following = stretches.clone().skip(1);
        stretches.zip(following)
    }

    /// The stretch that a second lies in.
    pub(crate) fn stretch_at(&self, second: i64) -> Stretch {
        let at = timestamp(second);
        let following = |at| self.rules().following(at).next().map(|transition| transition.timestamp());
        let mut start = self.rules().preceding(timestamp(second + 1)).next().map(|found| found.timestamp());
        let mut end = following(start.unwrap_or(at));
        // Right after the last transition that a zone's file lists, jiff 0.2 takes one that only the rule for
        // later years has for the preceding one (Ciudad Juárez, from 2022-11-30 on).
        while let Some(passed) = end.filter(|&end| end <= at) {
            start = end;
            end = following(passed);
        }
        Stretch {
            start: start.map_or(i64::MIN, Timestamp::as_second),
            end: end.map_or(i64::MAX, Timestamp::as_second),
            offset: i64::from(self.rules().to_offset(at).seconds()),
        }
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The second as a timestamp, or the nearest that there is.
fn timestamp(second: i64) -> Timestamp {
    let second = second.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_reaches_from_one_transition_to_the_next() {
        let berlin = Zone::named("europe/berlin").unwrap();
        assert_eq!(berlin.name(), "Europe/Berlin");
        let summer = Stretch { start: 1_774_746_000, end: 1_792_890_000, offset: 7_200 };
        assert_eq!(berlin.stretch_at(summer.start), summer);
        assert_eq!(berlin.stretch_at(summer.end - 1), summer);
        assert_eq!(berlin.stretch_at(summer.start - 1).end, summer.start);
        assert_eq!(berlin.stretch_at(summer.end).offset, 3_600);
    }

    #[test]
    fn utc_never_changes() {
        let stretch = Stretch { start: i64::MIN, end: i64::MAX, offset: 0 };
        assert_eq!(Zone::utc().stretch_at(1_774_746_000), stretch);
        assert_eq!(Zone::named("UTC").unwrap().stretch_at(0), stretch);
    }

    #[test]
    fn a_zone_that_does_not_exist_is_named() {
        let error = Zone::named("Europe/Berln").unwrap_err();
        assert_eq!(error.to_string(), "there is no time zone `Europe/Berln`");
    }
}
