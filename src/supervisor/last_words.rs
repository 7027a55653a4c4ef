//! What the daemon has written last where it logs: the reason when it dies or is not healthy, which would
//! otherwise be in a file that nobody prints.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::libc;

/// How much of the end of a file is looked at, in bytes.
const READ: u64 = 16 * 1024;
/// Lines of each file that are shown when the daemon dies.
const LINES: usize = 10;
/// How much of each of those, in characters.
const LONGEST: usize = 1000;
/// Lines of each file that go into the one line that says why it is not healthy.
const LINES_OF_A_REASON: usize = 2;
/// How much of a line goes into that, in characters.
const LONGEST_IN_A_REASON: usize = 400;

/// The files that the personality has named.
#[derive(Debug, Default)]
pub(super) struct LastWords {
    files: Vec<LogFile>,
}

/// Where the daemon logs, and which file that was before it started: what is older is not its word.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogFile {
    inode: u64,
    length: u64,
    path: PathBuf,
}

impl LogFile {
    /// "INODE LENGTH PATH", as `entrypoint.sh` says it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(3, ' ');
        let mut number = || words.next()?.parse().ok();
        let (inode, length) = (number()?, number()?);
        Some(Self { inode, length, path: words.next()?.into() })
    }
}

impl LastWords {
    /// The daemon that is about to start logs here.
    pub(super) fn watch(&mut self, files: Vec<LogFile>) {
        self.files.extend(files);
    }

    /// The end of what it has written since, for each file in which there is something.
    pub(super) fn read(&self) -> Vec<(&Path, Vec<String>)> {
        let written = self.files.iter().map(|file| (file.path.as_path(), file.last_lines()));
        written.filter(|(_, lines)| !lines.is_empty()).collect()
    }

    /// The same in one line, behind what is known already.
    pub(super) fn add_to(&self, reason: &str) -> String {
        let mut parts: Vec<String> = Vec::new();
        parts.extend((!reason.is_empty()).then(|| reason.to_owned()));
        for (path, lines) in self.read() {
            let last = &lines[lines.len().saturating_sub(LINES_OF_A_REASON)..];
            let short = last.iter().map(|line| line.chars().take(LONGEST_IN_A_REASON).collect::<String>());
            let short: Vec<_> = short.collect();
            parts.push(format!("{} ends with: {}", path.display(), short.join(" / ")));
        }
        parts.join("; ")
    }
}

impl LogFile {
    fn last_lines(&self) -> Vec<String> {
        let Some((mut file, now)) = open(&self.path) else { return Vec::new() };
        // Another file since: it has been rotated, and all of it is new. So it is when it has become shorter.
        let is_the_same = self.inode == now.ino() && self.length <= now.len();
        let older = if is_the_same { self.length } else { 0 };
        let from = older.max(now.len().saturating_sub(READ));
        let mut bytes = Vec::new();
        if file.seek(SeekFrom::Start(from)).is_err() || file.take(READ).read_to_end(&mut bytes).is_err() {
            return Vec::new();
        }
        let text = String::from_utf8_lossy(&bytes);
        // What begins within a line is shown only where there is nothing else.
        let text = match text.split_once('\n') {
            Some((_, whole)) if from > older && !whole.trim().is_empty() => whole,
            _ => &text,
        };
        let lines: Vec<_> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(LINES)..];
        last.iter().map(|line| line.chars().take(LONGEST).collect()).collect()
    }
}

/// A file, and nothing that the daemon's user could have put into its place: what a link leads to may be
/// secret, and a pipe would hold us up.
fn open(path: &Path) -> Option<(File, Metadata)> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    metadata.is_file().then_some((file, metadata))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn watching(path: &Path) -> LastWords {
        let (inode, length) = fs::metadata(path).map_or((0, 0), |file| (file.ino(), file.len()));
        let file = LogFile::parse(&format!("{inode} {length} {}", path.display()));
        LastWords { files: vec![file.expect("it is as entrypoint.sh says it")] }
    }

    fn lines(words: &LastWords) -> Vec<String> {
        words.read().into_iter().flat_map(|(_, lines)| lines).collect()
    }

    #[test]
    fn only_what_was_written_since_counts_also_in_another_file_of_that_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.log");
        fs::write(&path, "from before\n").unwrap();
        let words = watching(&path);
        assert_eq!(lines(&words), [""; 0]);
        assert_eq!(words.add_to("it is dead"), "it is dead");
        fs::write(&path, "from before\n\nnew\nthe end").unwrap();
        assert_eq!(lines(&words), ["new", "the end"]);
        assert_eq!(words.add_to(""), format!("{} ends with: new / the end", path.display()));
        fs::rename(&path, folder.path().join("web.log.1")).unwrap();
        assert_eq!(lines(&words), [""; 0]);
        fs::write(&path, "in the new one\n").unwrap();
        assert_eq!(lines(&words), ["in the new one"]);
    }

    #[test]
    fn of_a_long_file_the_last_whole_lines_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("web.log");
        let words = watching(&path);
        let text: Vec<_> = (0..100_000).map(|number| format!("line {number}")).collect();
        fs::write(&path, text.join("\n")).unwrap();
        let expected: Vec<_> = (100_000 - LINES..100_000).map(|number| format!("line {number}")).collect();
        assert_eq!(lines(&words), expected);
        fs::write(&path, "x".repeat(100_000)).unwrap();
        assert_eq!(lines(&words), ["x".repeat(LONGEST)]);
        assert!(words.add_to("").len() < 2 * LONGEST_IN_A_REASON);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let (link, pipe) = (folder.path().join("link.log"), folder.path().join("pipe.log"));
        fs::write(folder.path().join("secret"), "hunter2\n").unwrap();
        symlink("secret", &link).unwrap();
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [&link, &pipe, &folder.path().join("none.log"), &folder.path().to_owned()] {
            assert_eq!(lines(&watching(path)), [""; 0], "{}", path.display());
        }
    }
}
