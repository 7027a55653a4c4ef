//! How what is shown looks: how wide it may be, by which clock, as of when.

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use terminal_size::{Height, Width, terminal_size_of};

use super::error::CommandError;
use crate::schedule::Zone;

/// The width of a terminal that does not say.
const USUAL: usize = 80;

/// When there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// In a pipe, too
    Always,
    /// Nowhere
    Never,
}

impl Colour {
    /// Decides for all that is printed from now on.
    pub fn decide(self) {
        let choice = match self {
            Colour::Auto => anstream::ColorChoice::Auto,
            Colour::Always => anstream::ColorChoice::Always,
            Colour::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
    }
}

/// What most commands have in common.
#[derive(Debug, Clone, Copy, Args)]
pub struct Form {
    /// Print JSON, as docs/COMMAND.md describes it
    #[arg(long)]
    pub json: bool,
    /// Tell times in UTC, not in the local zone
    #[arg(long)]
    pub utc: bool,
}

/// How what is shown looks.
#[derive(Debug, Clone)]
pub(super) struct Look {
    /// How many characters fit beside each other; nothing where lines may be of any length.
    pub(super) width: Option<usize>,
    /// How many lines fit below each other, where that matters.
    pub(super) height: Option<usize>,
    /// The zone of the times.
    pub(super) zone: Zone,
    /// The instant that ages count from.
    pub(super) now: Timestamp,
}

impl Look {
    /// For standard output as it is, now.
    ///
    /// # Errors
    /// When `TZ` names no zone.
    pub(super) fn new(form: Form) -> Result<Self, CommandError> {
        let zone = if form.utc { Ok(Zone::utc()) } else { Zone::system() };
        let zone = zone.map_err(|error| CommandError::Usage(format!("{error} (TZ); use --utc")))?;
        let mut look = Self { width: None, height: None, zone, now: Timestamp::now() };
        look.measure();
        Ok(look)
    }

    /// The same, as of now, on a terminal that may have another size now.
    pub(super) fn measure(&mut self) {
        self.now = Timestamp::now();
        self.width = width();
        self.height = size().map(|(_, height)| usize::from(height.0));
    }

    /// The heading of a column with times.
    pub(super) fn when(&self) -> &'static str {
        if matches!(self.zone.name(), "UTC" | "Etc/UTC") { "WHEN (UTC)" } else { "WHEN" }
    }
}

/// How many characters fit beside each other on standard output; nothing where it is no terminal.
pub(super) fn width() -> Option<usize> {
    is_terminal().then(|| size().map_or(USUAL, |(width, _)| usize::from(width.0).max(1)))
}

fn size() -> Option<(Width, Height)> {
    terminal_size_of(std::io::stdout())
}

/// Whether somebody looks at standard output.
pub(super) fn is_terminal() -> bool {
    std::io::IsTerminal::is_terminal(&std::io::stdout())
}
