//! What the daemons say of the settings that the stack's owner adds for them. They are asked by a program of the stack's,
//! since that takes Docker; where they cannot be asked, that is said.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::report::Report;
use super::scripts;
use crate::scheduler::ADDED;

/// The program, in the stack's folder. It prints `FILE:LINE: TEXT` for each fault, and says on standard error what it could
/// not have checked.
const PROGRAM: &str = "bin/check-local";
/// What it ends with when it has found faults.
const FOUND: i32 = 1;

/// Has the daemons of a stack check what its owner adds for them, where there is anything.
pub(super) fn check(stack: &Path, report: &mut Report) {
    if !is_anything_added(stack) {
        return;
    }
    let local = stack.join("local");
    let asked = Command::new(stack.join(PROGRAM)).stdin(Stdio::null()).output();
    let output = match asked {
        Ok(output) => output,
        Err(error) => {
            return report
                .warn(&local, &format!("the daemons have not checked it: {PROGRAM} cannot be run: {error}"));
        }
    };
    let faults = String::from_utf8_lossy(&output.stdout);
    for fault in faults.lines().filter(|line| !line.is_empty()) {
        add(stack, fault, report);
    }
    let is_answer = output.status.success() || output.status.code() == Some(FOUND) && !faults.is_empty();
    if !is_answer {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        let why = if said.is_empty() { format!("{PROGRAM} ended with {}", output.status) } else { said };
        report.warn(&local, &format!("the daemons have not checked all of it: {why}"));
    }
}

/// Whether there is a file in any of the folders that daemons read; the scheduler's is read by us.
fn is_anything_added(stack: &Path) -> bool {
    let folders = fs::read_dir(stack.join("local")).into_iter().flatten().flatten();
    let mut folders = folders.map(|entry| entry.path()).filter(|folder| {
        folder.extension().is_some_and(|end| end == "d") && !folder.ends_with(ADDED) && folder.is_dir()
    });
    folders.any(|folder| {
        let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.any(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
    })
}

/// Takes one fault, `FILE:LINE: TEXT` or `FILE: TEXT`.
fn add(stack: &Path, fault: &str, report: &mut Report) {
    let (place, what) = fault.split_once(": ").unwrap_or(("local", fault));
    let of_line =
        place.rsplit_once(':').and_then(|(file, line)| Some((stack.join(file), line.parse().ok()?)));
    match of_line.and_then(|(path, line)| Some((fs::read_to_string(&path).ok()?, path, line))) {
        Some((text, path, line)) => {
            report.add(&path.to_string_lossy(), vec![scripts::of_line(&text, line, what)]);
        }
        None => report.fail(&stack.join(place), what),
    }
}
