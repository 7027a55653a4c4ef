//! A schedule as its file would say it, without what it does not need: comments, lines that do nothing, and
//! options that change nothing.

use std::fmt;
use std::time::Duration;

use super::options::{CatchUp, Options};
use super::{Schedule, Zone};
use crate::duration;

/// Reading it gives the same entries, save for their lines, where each zone is known by its name.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What holds at the top of a file depends on who reads it, so the first zone is always said.
        let mut in_force: Option<&Options> = None;
        for entry in &self.entries {
            let wanted = &entry.options;
            let top = Options::new(Zone::utc());
            if in_force.is_none_or(|options| options.zone != wanted.zone) {
                writeln!(f, "CRON_TZ={}", wanted.zone)?;
            }
            let before = in_force.unwrap_or(&top);
            if before.random_delay != wanted.random_delay {
                writeln!(f, "RANDOM_DELAY={}", show(wanted.random_delay))?;
            }
            if before.catch_up != wanted.catch_up {
                let way = if wanted.catch_up == CatchUp::Once { "once" } else { "none" };
                writeln!(f, "CATCH_UP={way}")?;
            }
            if before.deadline != wanted.deadline {
                let deadline = wanted.deadline.map(|seconds| show(seconds).to_string());
                writeln!(f, "DEADLINE={}", deadline.unwrap_or_default())?;
            }
            writeln!(f, "{entry}")?;
            in_force = Some(wanted);
        }
        Ok(())
    }
}

fn show(seconds: u32) -> impl fmt::Display {
    duration::show(Duration::from_secs(u64::from(seconds)))
}

#[cfg(test)]
mod tests {
    use crate::schedule::{Zone, parse};

    #[test]
    fn it_is_printed_with_no_more_options_than_it_needs() {
        let text = "# nightly\nDEADLINE=2h\nDEADLINE=90\n5  4 * * * mysql backup\nCRON_TZ=asia/tokyo\nCATCH_UP=none\n\
            RANDOM_DELAY=6\n@Daily forum php check\nDEADLINE=\n@reboot a b";
        let schedule = parse(text.as_bytes(), &Zone::utc());
        insta::assert_snapshot!(schedule, @"
        CRON_TZ=UTC
        DEADLINE=1h30m
        5 4 * * * root mysql backup
        CRON_TZ=Asia/Tokyo
        RANDOM_DELAY=6m
        CATCH_UP=none
        @Daily forum php check
        DEADLINE=
        @reboot root a b
        ");
    }
}
