//! When this container's service was last found healthy: a file beside the sockets that its own user alone can write, and
//! that counts only for the very process that answered then.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use crate::clock::{since_boot, start_of};
use crate::durable::PRIVATE;
use crate::settings::Settings;

/// More is in no mark of ours.
const LONGEST: u64 = 128;

/// A service's mark, whether it is there or not.
#[derive(Debug)]
pub(super) struct HealthMark {
    path: PathBuf,
}

/// Who answers for a service: the process, and when the kernel says that it began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answerer(String);

impl Answerer {
    /// The process of this number; nothing where it cannot be seen.
    pub(super) fn of(pid: i32) -> Option<Self> {
        Some(Self(format!("{pid} {}", start_of(pid)?)))
    }
}

impl HealthMark {
    /// The mark of the service of this container.
    pub(super) fn of(settings: &Settings) -> Self {
        Self { path: settings.folders.run.join(format!(".{}-healthy", settings.service)) }
    }

    /// How long it is until so much time has passed since it was healthy; none when that has, or nothing is known of it.
    pub(super) fn left(&self, every: Duration, answerer: &Answerer) -> Duration {
        let Ok(text) = self.read() else { return Duration::ZERO };
        let at = text.strip_prefix(&answerer.0).and_then(|at| at.strip_prefix(' ')?.trim_end().parse().ok());
        let ago = at.and_then(|at| since_boot().checked_sub(Duration::from_millis(at)));
        ago.map_or(Duration::ZERO, |ago| every.saturating_sub(ago))
    }

    /// Notes that it is healthy now.
    ///
    /// # Errors
    /// When that cannot be written: what is in its place and not ours stays.
    pub(super) fn set(&self, answerer: &Answerer) -> io::Result<()> {
        self.take_away()?;
        let mut file = File::options().write(true).create_new(true).mode(PRIVATE).open(&self.path)?;
        writeln!(file, "{} {}", answerer.0, since_boot().as_millis())
    }

    /// Forgets it.
    ///
    /// # Errors
    /// When it is there and stays.
    pub(super) fn take_away(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What it says, and nothing that somebody else has put in its place.
    fn read(&self) -> io::Result<String> {
        let file = File::options().read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK).open(&self.path)?;
        let found = file.metadata()?;
        if !found.is_file() || found.uid() != nix::unistd::geteuid().as_raw() || found.mode() & 0o077 != 0 {
            return Err(io::Error::other("it is not ours"));
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn mark() -> (tempfile::TempDir, HealthMark) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".web-healthy");
        (folder, HealthMark { path })
    }

    fn me() -> Answerer {
        Answerer::of(std::process::id().cast_signed()).unwrap()
    }

    fn write(mark: &HealthMark, text: &str) {
        fs::write(&mark.path, text).unwrap();
        fs::set_permissions(&mark.path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn so_long_is_waited_as_is_left_since_the_last_success() {
        let (_folder, mark) = mark();
        assert_eq!(mark.left(MINUTE, &me()), Duration::ZERO);
        mark.set(&me()).unwrap();
        let left = mark.left(MINUTE, &me());
        assert!(left > Duration::ZERO && left <= MINUTE, "{left:?}");
        let ten_seconds_ago = since_boot().as_millis() - 10_000;
        write(&mark, &format!("{} {ten_seconds_ago}\n", me().0));
        let left = mark.left(MINUTE, &me());
        assert!(left > Duration::ZERO && left <= Duration::from_secs(50), "{left:?}");
        assert_eq!(mark.left(Duration::from_secs(10), &me()), Duration::ZERO);
        mark.take_away().unwrap();
        assert_eq!(mark.left(MINUTE, &me()), Duration::ZERO);
    }

    #[test]
    fn of_another_process_or_of_a_time_to_come_it_says_nothing() {
        let (_folder, mark) = mark();
        mark.set(&Answerer("1 1".to_owned())).unwrap();
        assert_eq!(mark.left(MINUTE, &me()), Duration::ZERO);
        let later = since_boot().as_millis() + 3_600_000;
        for text in [format!("{} {later}\n", me().0), me().0, "nonsense".to_owned(), String::new()] {
            write(&mark, &text);
            assert_eq!(mark.left(MINUTE, &me()), Duration::ZERO, "{text}");
        }
        assert_eq!(Answerer::of(0), None);
    }

    #[test]
    fn what_somebody_has_put_in_its_place_is_not_believed_and_not_followed() {
        let (folder, mark) = mark();
        let victim = folder.path().join("victim");
        let now = format!("{} {}\n", me().0, since_boot().as_millis());
        fs::write(&victim, &now).unwrap();
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o600)).unwrap();
        symlink(&victim, &mark.path).unwrap();
        assert_eq!(mark.left(MINUTE, &me()), Duration::ZERO);
        mark.set(&me()).unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), now, "it is replaced, and not what it leads to");
        assert!(mark.left(MINUTE, &me()) > Duration::ZERO);
        fs::set_permissions(&mark.path, fs::Permissions::from_mode(0o606)).unwrap();
        assert_eq!(mark.left(MINUTE, &me()), Duration::ZERO, "others could have written it");
        mark.take_away().unwrap();
        nix::unistd::mkfifo(&mark.path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(mark.left(MINUTE, &me()), Duration::ZERO);
    }
}
