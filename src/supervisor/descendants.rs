//! Who is left: the processes below this one, as `/proc` tells, also those with a session of their own.
//!
//! The supervisor is a subreaper (or PID 1), so whatever lost its parent hangs below it again.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::listener::process as listener;
use crate::process::{self, Pid};

/// A process below this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descendant {
    /// Its number.
    pub pid: Pid,
    /// The number of its group.
    pub group: Pid,
    /// The number of its session.
    pub session: Pid,
    /// Whether it has ended, and is not buried yet.
    pub is_zombie: bool,
    /// The name of its program, as the kernel keeps it (15 bytes).
    pub name: String,
}

/// What a process's `stat` tells.
struct ProcessStat {
    parent: Pid,
    descendant: Descendant,
}

/// The living descendants of `ancestor`. Empty where there is no `/proc`.
pub fn of(ancestor: Pid, proc: &Path) -> Vec<Descendant> {
    let mut found = with_zombies(ancestor, proc);
    found.retain(|descendant| !descendant.is_zombie);
    found
}

/// The descendants of `ancestor`, those too that are not buried yet.
pub fn with_zombies(ancestor: Pid, proc: &Path) -> Vec<Descendant> {
    let mut children: HashMap<Pid, Vec<ProcessStat>> = HashMap::new();
    for pid in all(proc) {
        if let Some(stat) = stat_of(pid, proc) {
            children.entry(stat.parent).or_default().push(stat);
        }
    }
    let mut found = Vec::new();
    let mut parents = vec![ancestor];
    while let Some(parent) = parents.pop() {
        for stat in children.remove(&parent).unwrap_or_default() {
            parents.push(stat.descendant.pid);
            found.push(stat.descendant);
        }
    }
    found
}

/// Those of `processes` that belong to the run whose group `leader` led and whose processes carry `token`.
pub fn of_run(processes: Vec<Descendant>, leader: Pid, token: &str, proc: &Path) -> Vec<Descendant> {
    let mut found = processes;
    found.retain(|process| process.group == leader || has_token(process.pid, token, proc));
    found
}

/// All living processes that carry `token`, descendants or not. One that nobody has buried yet is as good as gone, and
/// still bears its mark.
pub fn with_token(token: &str, proc: &Path) -> Vec<Pid> {
    let mut pids = all(proc);
    pids.retain(|&pid| {
        has_token(pid, token, proc) && stat_of(pid, proc).is_some_and(|stat| !stat.descendant.is_zombie)
    });
    pids
}

/// This process's own children, from a file that is kept open: to be had also when nothing can be opened.
#[derive(Debug)]
pub struct Children {
    file: Option<File>,
}

impl Children {
    /// Opens the file, where there is one.
    pub fn open(proc: &Path) -> Self {
        let own = std::process::id();
        Self { file: File::open(proc.join(format!("self/task/{own}/children"))).ok() }
    }

    /// The children, zombies too; nothing where the kernel does not tell.
    pub fn pids(&self) -> Option<Vec<Pid>> {
        let file = self.file.as_ref()?;
        let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
        // Each read from the beginning makes the kernel write the list anew.
        loop {
            match file.read_at(&mut buffer, text.len() as u64) {
                Ok(0) => break,
                Ok(bytes) => text.extend_from_slice(&buffer[..bytes]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        let text = String::from_utf8_lossy(&text);
        Some(text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect())
    }
}

/// The mark that a process bears.
pub fn mark_of(pid: Pid) -> Option<u64> {
    process::mark(&fs::read_to_string(format!("/proc/{pid}/limits")).ok()?)
}

fn all(proc: &Path) -> Vec<Pid> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Whether the process is of the listener with this token: by the mark that it bears (`proc_pid_limits(5)`), which is to be
/// seen of everybody. Only where it bears none by its environment (`proc_pid_environ(5)`): another user's does not show us
/// that, and a fork has that of who forked it.
fn has_token(pid: Pid, token: &str, proc: &Path) -> bool {
    let folder = proc.join(pid.to_string());
    let read = |name| fs::read(folder.join(name)).unwrap_or_default();
    match process::mark(&String::from_utf8_lossy(&read("limits"))) {
        Some(mark) if listener::mark(token) == Some(mark) => return true,
        Some(_) if process::can_mark() => return false,
        _ => {}
    }
    let wanted = format!("{}={token}", listener::TOKEN);
    read("environ").split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes())
}

/// Nothing for a process that has ended meanwhile: it has no file any more.
fn stat_of(pid: Pid, proc: &Path) -> Option<ProcessStat> {
    let text = fs::read(proc.join(pid.to_string()).join("stat")).ok()?;
    parse(&String::from_utf8_lossy(&text))
}

/// Reads `PID (NAME) STATE PPID PGRP SESSION …` (`proc_pid_stat(5)`); the name may hold anything, brackets too.
fn parse(stat: &str) -> Option<ProcessStat> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (pid, name) = head.split_once(" (")?;
    let mut fields = tail.split_ascii_whitespace();
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let session = fields.next()?.parse().ok()?;
    Some(ProcessStat {
        parent,
        descendant: Descendant { pid: pid.parse().ok()?, group, session, is_zombie, name: name.to_owned() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proc_with(stats: &[&str]) -> tempfile::TempDir {
        let proc = tempfile::tempdir().unwrap();
        for stat in stats {
            let folder = proc.path().join(stat.split(' ').next().unwrap());
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("stat"), stat).unwrap();
        }
        fs::create_dir(proc.path().join("sys")).unwrap();
        proc
    }

    #[test]
    fn descendants_are_found_through_dead_parents_and_odd_names() {
        let proc = proc_with(&[
            "1 (init) S 0 1 1 0",
            "7 (supervisor) S 1 7 7 0",
            "8 (a) b ) (c) S 7 8 8 0",
            "9 (zombie) Z 8 8 8 0",
            "10 (below zombie) S 9 10 10 0",
            "11 (stranger) S 1 11 11 0",
        ]);
        let mut found = of(7, proc.path());
        found.sort_by_key(|descendant| descendant.pid);
        let pids: Vec<_> = found.iter().map(|descendant| (descendant.pid, descendant.group)).collect();
        assert_eq!(pids, [(8, 8), (10, 10)]);
        assert_eq!(found[0].name, "a) b ) (c");
    }

    #[test]
    fn who_changes_user_and_session_is_found_by_its_mark_and_who_has_none_by_its_environment() {
        let proc = proc_with(&["7 (a) S 1 7 7 0", "8 (b) S 1 8 8 0", "9 (c) S 1 9 9 0"]);
        let write = |path: &str, text: &str| fs::write(proc.path().join(path), text).unwrap();
        let limits =
            |soft: &str| format!("Limit  Soft  Hard  Units\nMax file locks  {soft}  unlimited  locks\n");
        write("7/limits", &limits("18364758544493064720"));
        write("8/limits", &limits("unlimited"));
        write("8/environ", "A=1\0LAMPLIGHTER_TOKEN=fedcba9876543210\0");
        write("9/limits", &limits("18364758544493064721"));
        let mut found = with_token("fedcba9876543210", proc.path());
        found.sort_unstable();
        assert_eq!(found, [7, 8]);
    }

    #[test]
    fn who_has_ended_and_is_not_buried_yet_carries_no_token() {
        let proc = proc_with(&["7 (a) Z 1 7 7 0", "8 (b) S 1 8 8 0"]);
        for pid in [7, 8] {
            let limits = "Limit  Soft  Hard  Units\nMax file locks  18364758544493064720  unlimited  locks\n";
            fs::write(proc.path().join(format!("{pid}/limits")), limits).unwrap();
        }
        assert_eq!(with_token("fedcba9876543210", proc.path()), [8]);
    }

    #[test]
    fn without_proc_nobody_is_seen() {
        assert_eq!(of(7, Path::new("/nonexistent")), []);
    }
}
