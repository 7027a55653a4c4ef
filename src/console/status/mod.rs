//! `lamplighter status`: how the services are, and what is wrong before all else.

pub(super) mod asking;
mod detail;
mod doing;
mod json;
pub(super) mod overview;
pub(super) mod report;
mod screen;
mod watch;

use clap::Args;

use super::completions;
use super::error::CommandError;
use super::look::{Form, Look};
use super::say;
use super::stack::{SCHEDULER, Stack};
use crate::names::ServiceName;
use crate::socket::client::Trouble;
use crate::wire::Occurrence;
use asking::{Heard, ask_all};
use report::Report;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// One service in full [default: all of the stack, a row each]
    #[arg(add = completions::services())]
    service: Option<String>,
    /// Take the whole terminal, show what happens as it happens, and have things done by keys; `?` tells them, `q` ends
    #[arg(short, long)]
    watch: bool,
    /// Have each service's health checked now, which may take a while, instead of telling what was found last
    #[arg(long)]
    check: bool,
    /// Exit with 1 when something is wrong
    #[arg(long)]
    exit_code: bool,
    #[command(flatten)]
    form: Form,
}

/// Shows how the services of the stack are.
///
/// # Errors
/// When there is no stack, no such service, or none that may be asked.
pub async fn run(arguments: &Arguments, stack: &Stack) -> Result<u8, CommandError> {
    let mut look = Look::new(arguments.form)?;
    let wanted = arguments.service.as_deref().map(|name| stack.service(name)).transpose()?;
    if arguments.watch {
        return watch::run(arguments.form, stack, wanted.as_ref(), look).await;
    }
    let heard = ask_all(stack, &asked_for(stack, wanted.as_ref())?, arguments.check).await;
    look.measure();
    let report = Report::of(heard, wanted.as_ref(), Vec::new())?;
    if arguments.form.json {
        say(json::show(&report));
    } else {
        say(as_text(&report, wanted.as_ref(), &look).trim_end());
    }
    Ok(u8::from(arguments.exit_code && !report.problems.is_empty()))
}

/// The services to ask: the scheduler too, since it knows what comes next for the others.
fn asked_for(stack: &Stack, wanted: Option<&ServiceName>) -> Result<Vec<ServiceName>, CommandError> {
    let mut services = stack.services()?;
    if let Some(wanted) = wanted {
        services.retain(|service| service == wanted || service.as_str() == SCHEDULER);
    }
    Ok(services)
}

fn as_text(report: &Report, wanted: Option<&ServiceName>, look: &Look) -> String {
    match (wanted, report.heard.first()) {
        (Some(_), Some(heard)) => detail::show(report, heard, look),
        _ => overview::show(report, look),
    }
}

impl Report {
    /// The report of what is wanted of what was heard.
    fn of(
        mut heard: Vec<Heard>,
        wanted: Option<&ServiceName>,
        mut coming: Vec<Occurrence>,
    ) -> Result<Self, CommandError> {
        if let Some(wanted) = wanted {
            coming = heard.iter_mut().flat_map(|heard| std::mem::take(&mut heard.coming)).collect();
            heard.retain(|heard| heard.service == *wanted);
        }
        // Where nobody may be asked there is nothing to report.
        if !heard.is_empty() && heard.iter().all(is_denied) {
            let whys = heard.into_iter().filter_map(|heard| heard.said.err()).collect();
            return Err(CommandError::Unasked { message: "cannot ask for the status".to_owned(), whys });
        }
        Ok(Self::new(heard, coming))
    }
}

fn is_denied(heard: &Heard) -> bool {
    matches!(&heard.said, Err(error) if error.trouble() == Trouble::Denied)
}
