//! The demo's folder: a small stack with everything that a real one has, but for the containers.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{self, Command};

/// Its files: path, text. The shared scripts are those of the real stack.
const FILES: [(&str, &str); 11] = [
    ("sbin/entrypoint.sh", include_str!("../../../target-sbin/entrypoint.sh")),
    ("sbin/listener.sh", include_str!("../../../target-sbin/listener.sh")),
    ("sbin/lib/log.sh", include_str!("../../../target-sbin/lib/log.sh")),
    ("sbin/lib/problems.sh", include_str!("../../../target-sbin/lib/problems.sh")),
    ("sbin/lib/replace.sh", include_str!("../../../target-sbin/lib/replace.sh")),
    ("sbin/lib/rotate-logs.sh", include_str!("../../../target-sbin/lib/rotate-logs.sh")),
    ("service/lamp/bin/lamp", include_str!("stage/lamp.sh")),
    ("service/lamp/bin/docker-entry-setup.sh", include_str!("stage/docker-entry-setup.sh")),
    ("service/lamp/bin/docker-callbacks.sh", include_str!("stage/docker-callbacks.sh")),
    ("service/lamp/conf/housekeeping.toml", include_str!("stage/housekeeping.toml")),
    ("service/scheduler/conf/schedule.cron", include_str!("stage/schedule.cron")),
];

/// The folder, while it is there.
pub(super) struct Stage {
    folder: PathBuf,
}

impl Stage {
    /// Makes the folder, below the one for temporary files, with all that is in it.
    pub(super) fn set_up() -> io::Result<Self> {
        let folder = std::env::temp_dir().join(format!("lamplighter-demo-{}", process::id()));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let stage = Self { folder };
        for name in ["run", "log", "service/scheduler/bin"] {
            fs::create_dir_all(stage.folder.join(name))?;
        }
        for (name, text) in FILES {
            let path = stage.folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&path, text)?;
            fs::set_permissions(&path, Permissions::from_mode(0o755))?;
        }
        Ok(stage)
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// This program with other arguments, for the whole of the stack.
    pub(super) fn command(&self, arguments: &[&str]) -> io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments).current_dir(&self.folder);
        command.env("LAMPLIGHTER_RUN", self.folder.join("run"));
        Ok(command)
    }

    /// The same, as it is started in the container of a service.
    pub(super) fn in_service(&self, service: &str, arguments: &[&str]) -> io::Result<Command> {
        let mut command = self.command(arguments)?;
        let own = self.folder.join("service").join(service);
        command.env("LAMPLIGHTER_SERVICE", service);
        command.env("LAMPLIGHTER_BIN", own.join("bin")).env("LAMPLIGHTER_CONF", own.join("conf"));
        command.env("LAMPLIGHTER_STATE", self.folder.join("state").join(service));
        command.env("LAMPLIGHTER_SBIN", self.folder.join("sbin"));
        command.env("LAMPLIGHTER_LOG", self.folder.join("log"));
        Ok(command)
    }

    /// Removes the folder; says so when that does not work.
    pub(super) fn clear(self) -> io::Result<()> {
        fs::remove_dir_all(&self.folder)
    }
}

impl Drop for Stage {
    /// Also when the demo goes wrong nothing is to stay.
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_shared_scripts_source_is_there() {
        let sourced = FILES
            .iter()
            .flat_map(|(_, text)| text.lines())
            .filter_map(|line| line.trim().strip_prefix("source \"$LAMPLIGHTER_SBIN/")?.strip_suffix('"'));
        let names: Vec<_> = sourced.map(|name| format!("sbin/{name}")).collect();
        assert!(names.len() > 2, "{names:?}");
        for name in names {
            assert!(FILES.iter().any(|(there, _)| *there == name), "{name}");
        }
    }
}
