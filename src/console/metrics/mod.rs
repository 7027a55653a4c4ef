//! `lamplighter metrics`: how the services are, for Prometheus (docs/METRICS.md).
//!
//! [`scrape`] asks the services; what they say becomes the metrics of `catalogue` in `measure`, and these a text in `exposition`. Whoever
//! serves the text by HTTP calls [`scrape`], too.

mod catalogue;
mod exposition;
mod measure;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::error::CommandError;
use super::stack::Stack;
use super::status::asking::{Heard, ask_all};
use crate::durable;
use crate::socket::client::Trouble;

pub use exposition::Exposition;
pub use measure::Asked;

/// Who reads the file is another user, and nothing in it is a secret.
const READABLE: u32 = 0o644;

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print `OpenMetrics` 1.0, not Prometheus' text format 0.0.4
    #[arg(long, conflicts_with = "output")]
    openmetrics: bool,
    /// Put them into this file in one step, for `node_exporter`'s textfile collector: its name ends in `.prom`
    #[arg(short, long, value_name = "FILE", value_parser = file_for_collector)]
    output: Option<PathBuf>,
}

/// The collector reads no other files, and would say nothing of that.
fn file_for_collector(path: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(path);
    if path.extension().is_some_and(|extension| extension == "prom") {
        Ok(path)
    } else {
        Err("node_exporter reads only files whose names end in `.prom`".to_owned())
    }
}

/// Prints the metrics of the stack, or puts them into a file.
///
/// # Errors
/// When there is no stack, none of its services may be asked, or the file cannot be written.
pub async fn run(arguments: &Arguments, stack: &Stack) -> Result<u8, CommandError> {
    let form = if arguments.openmetrics { Exposition::OpenMetrics } else { Exposition::Text };
    let text = scrape(stack, form).await?;
    match &arguments.output {
        Some(path) => durable::replace(path, READABLE, |file| file.write_all(text.as_bytes()))
            .map_err(|why| CommandError::System { doing: format!("write {}", path.display()), why })?,
        // Whoever reads may stop reading.
        None => drop(std::io::stdout().write_all(text.as_bytes())),
    }
    Ok(0)
}

/// Asks all services at once, none for more than a second or so, and writes what they say as text. One that cannot be
/// asked is told as down. Runs on a tokio `LocalSet`.
///
/// # Errors
/// When there is no stack, or none of its services may be asked by us: nothing could be told of them.
pub async fn scrape(stack: &Stack, form: Exposition) -> Result<String, CommandError> {
    let heard = ask_all(stack, &stack.services()?, false).await;
    let is_denied = |heard: &Heard| matches!(&heard.said, Err(error) if error.trouble() == Trouble::Denied);
    if heard.iter().all(is_denied) {
        let whys = heard.into_iter().filter_map(|heard| heard.said.err()).collect();
        return Err(CommandError::Unasked { message: "cannot ask for the metrics".to_owned(), whys });
    }
    let asked = heard.into_iter().map(|heard| Asked { service: heard.service, status: heard.said.ok() });
    Ok(render(&asked.collect::<Vec<_>>(), Timestamp::now(), form))
}

/// What services have said, as the text of a scrape at this instant.
pub fn render(asked: &[Asked], now: Timestamp, form: Exposition) -> String {
    exposition::write(&measure::measure(asked, now), form)
}
