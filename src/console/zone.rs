//! The time zone that a command tells times in: what `--tz` says, else what the containers of the stack here have,
//! else the system's.

use std::path::Path;

use jiff::tz::{TimeZoneDatabase, db};

use super::dotenv::{self, Dotenv, DotenvError};
use super::error::CommandError;
use crate::diagnostic::Diagnostic;
use crate::schedule::Zone;
use crate::spelling;

/// The setting that names a stack's zone.
const NAME: &str = "TZ";

/// Why a name is no zone's.
#[derive(Debug)]
pub(super) struct UnknownZone {
    message: String,
    hint: String,
}

/// What is wrong with a stack's zone, and where.
#[derive(Debug)]
pub(super) enum ZoneFault {
    /// In its `.env`.
    Line(Box<Diagnostic>),
    /// In the environment, which comes before it.
    Environment(UnknownZone),
}

/// The zone for a command.
///
/// # Errors
/// When there is no zone of this name, or the stack's settings do not name one.
pub(super) fn of_command(name: Option<&str>, stack: Option<&Path>) -> Result<Zone, CommandError> {
    match (name, stack) {
        (Some(name), _) => Zone::named(name).map_err(|_| UnknownZone::of(name).into()),
        (None, Some(stack)) => {
            let dotenv = Dotenv::load(stack, &environment)?;
            of_stack(&dotenv).map_err(|fault| match fault {
                ZoneFault::Line(fault) => CommandError::Fault(fault.in_file(dotenv::FILE).to_string()),
                ZoneFault::Environment(unknown) => unknown.into(),
            })
        }
        (None, None) => Zone::system().map_err(|error| CommandError::Usage(error.to_string())),
    }
}

/// The zone that the containers of a stack with these settings have.
///
/// # Errors
/// When it is not one that every program in them knows: PHP and glibc take no other case, and PHP no rules.
pub(super) fn of_stack(dotenv: &Dotenv) -> Result<Zone, ZoneFault> {
    let Some(name) = dotenv.setting(NAME, &environment).filter(|name| !name.is_empty()) else {
        return Ok(Zone::utc());
    };
    exactly(&name).map_err(|unknown| {
        if environment(NAME).is_some() {
            return ZoneFault::Environment(UnknownZone {
                message: format!("TZ in the environment: {}", unknown.message),
                ..unknown
            });
        }
        let UnknownZone { message, hint } = unknown;
        match dotenv.fault_of(NAME, message.clone(), Some(hint.clone())) {
            Some(fault) => ZoneFault::Line(Box::new(fault)),
            None => ZoneFault::Environment(UnknownZone { message, hint }),
        }
    })
}

/// What the environment has for a name.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn exactly(name: &str) -> Result<Zone, UnknownZone> {
    match Zone::named(name) {
        Ok(zone) if !zone.rules().is_unknown() && is_spelt_so(&zone, name) => Ok(zone),
        _ => Err(UnknownZone::of(name)),
    }
}

fn is_spelt_so(zone: &Zone, name: &str) -> bool {
    zone.name() == name || !zone.name().eq_ignore_ascii_case(name)
}

impl UnknownZone {
    fn of(name: &str) -> Self {
        let known: Vec<String> = db()
            .available()
            .chain(TimeZoneDatabase::bundled().available())
            .map(|name| name.to_string())
            .collect();
        let known = || known.iter().map(String::as_str);
        let other_case = known().find(|known| known.eq_ignore_ascii_case(name));
        let hint = match other_case.or_else(|| spelling::nearest(name, known())) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "such as Europe/Berlin: `timedatectl list-timezones` has all names".to_owned(),
        };
        let shown: String = name.chars().take(80).flat_map(char::escape_debug).collect();
        Self { message: format!("there is no time zone `{shown}`"), hint }
    }
}

impl From<UnknownZone> for CommandError {
    fn from(UnknownZone { message, hint }: UnknownZone) -> Self {
        Self::Misspelt { message, hint: Some(hint) }
    }
}

impl From<DotenvError> for CommandError {
    fn from(error: DotenvError) -> Self {
        match error {
            DotenvError::Fault(fault) => Self::Fault(fault.in_file(dotenv::FILE).to_string()),
            DotenvError::Unreadable(why) => Self::Unreadable { path: dotenv::FILE.into(), why },
        }
    }
}

impl std::fmt::Display for UnknownZone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.message, self.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_zones_only_as_the_database_spells_it() {
        for name in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/UTC", "US/Pacific"] {
            assert!(exactly(name).is_ok(), "{name}");
        }
        for (name, hint) in [
            ("europe/berlin", "did you mean `Europe/Berlin`?"),
            ("Europe/Berln", "did you mean `Europe/Berlin`?"),
            ("utc", "did you mean `UTC`?"),
            ("Mars/Phobos", "such as Europe/Berlin: `timedatectl list-timezones` has all names"),
            (":Europe/Berlin", "did you mean `Europe/Berlin`?"),
            (
                "CET-1CEST,M3.5.0,M10.5.0/3",
                "such as Europe/Berlin: `timedatectl list-timezones` has all names",
            ),
            ("Etc/Unknown", ""),
        ] {
            let unknown = exactly(name).unwrap_err();
            assert_eq!(unknown.message, format!("there is no time zone `{name}`"));
            assert!(unknown.hint.ends_with(hint), "{name}: {}", unknown.hint);
        }
    }
}
