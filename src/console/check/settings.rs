//! The settings: whether Docker Compose takes them, both of its generations alike, and whether the time zone is one.

use std::path::Path;

use super::report::Report;
use crate::console::dotenv::{Dotenv, DotenvError, FILE};
use crate::console::zone::{self, ZoneFault, environment};
use crate::schedule::Zone;

/// Checks a stack's settings; none where they cannot be read.
pub(super) fn check(stack: &Path, report: &mut Report) -> Dotenv {
    let path = stack.join(FILE);
    match Dotenv::load(stack, &environment) {
        Ok(dotenv) => {
            let mut found = dotenv.differences(&environment);
            found.extend(dotenv.unread(stack));
            found.sort_by_key(|found| (found.line, found.column));
            report.add(&path.to_string_lossy(), found);
            dotenv
        }
        Err(DotenvError::Fault(fault)) => {
            report.add(&path.to_string_lossy(), vec![*fault]);
            Dotenv::default()
        }
        Err(DotenvError::Unreadable(why)) => {
            report.fail(&path, &format!("cannot be read: {why}"));
            Dotenv::default()
        }
    }
}

/// The zone of a stack with these settings; UTC, as its programs take it to be, where it is none.
pub(super) fn zone(stack: &Path, dotenv: &Dotenv, report: &mut Report) -> Zone {
    zone::of_stack(dotenv).unwrap_or_else(|fault| {
        match fault {
            ZoneFault::Line(fault) => report.add(&stack.join(FILE).to_string_lossy(), vec![*fault]),
            ZoneFault::Environment(unknown) => report.fail_all(&unknown.to_string()),
        }
        Zone::utc()
    })
}
