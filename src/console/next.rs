//! `lamplighter next`: what comes next on schedule.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::CommandError;
use super::look;
use super::table::{Cell, Column, table};
use super::{instant, say, schedule_file, stack, zone};
use crate::diagnostic::Severity;
use crate::names::{ActionName, ServiceName, UserName};
use crate::schedule::{
    Coming, Zone, disagreement, next, parse_expression, parse_text, upcoming, zones_in_words,
};
use crate::settings::Folders;
use crate::socket::client;
use crate::wire::{Call, NextOccurrences, Occurrence};

/// What is done, for when it is not.
const DOING: &str = "say what comes next";
/// How long the scheduler may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the command line says.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A schedule, or the folder of a stack [default: what the running scheduler has, else the file here]
    path: Option<PathBuf>,
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    count: usize,
    /// When a time fires, such as '5 4 * * *', instead of a schedule
    #[arg(long, value_name = "TIME", conflicts_with = "path", allow_hyphen_values = true)]
    expr: Option<String>,
    /// The time zone of what does not name its own, such as Europe/Berlin [default: the system's]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Count from this instant instead of now: seconds since 1970, or such as 2026-03-29T02:00
    #[arg(long, value_name = "INSTANT", allow_hyphen_values = true)]
    from: Option<String>,
    /// Print seconds since 1970 and nothing else
    #[arg(long, conflicts_with = "json")]
    epoch: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints what comes next, as from the second `now` on.
///
/// # Errors
/// When nothing can be found or read, or the scheduler does not answer.
pub async fn run(arguments: &Arguments, folders: &Folders, now: i64) -> Result<u8, CommandError> {
    let Arguments { path, count, expr, tz, from, .. } = arguments;
    let home = path.as_deref().and_then(schedule_file::home).or_else(stack::here);
    let zone = zone::of_command(tz.as_deref(), home.as_deref())?;
    let after = from.as_ref().map_or(Ok(now), |from| instant::read(from, &zone))?;
    if let Some(expr) = expr {
        let rows = of_expression(expr, &zone, after, *count)?;
        print(arguments, &rows, after, &zones_in_words());
        return Ok(0);
    }
    let told = path.is_some() || tz.is_some() || from.is_some();
    let of_file =
        |file: &Path| of_file(file, folders, &zone, after, *count).map(|rows| (rows, zones_in_words()));
    let (rows, zones) = if told {
        of_file(&schedule_file::find(path.as_deref(), folders)?)?
    } else {
        match (of_scheduler(folders, *count).await, schedule_file::find(None, folders)) {
            (Err(CommandError::Unreached { .. }), Ok(file)) => of_file(&file)?,
            (answered, _) => answered?,
        }
    };
    print(arguments, &rows, after, &zones);
    Ok(0)
}

/// One line of what comes next.
#[derive(Debug)]
struct Row {
    /// The instant that the entry names, and when it is asked for.
    at: i64,
    due: i64,
    zone: Zone,
    time: String,
    /// On whose behalf who is asked for what; a time alone says nothing of that.
    asked: Option<(UserName, ServiceName, ActionName)>,
}

fn of_expression(text: &str, zone: &Zone, after: i64, count: usize) -> Result<Vec<Row>, CommandError> {
    let expression =
        parse_expression(text).map_err(|fault| CommandError::Fault(fault.in_file("--expr").to_string()))?;
    let times = std::iter::successors(next(&expression, zone, after), |&at| next(&expression, zone, at));
    let row = |at| Row { at, due: at, zone: zone.clone(), time: text.to_owned(), asked: None };
    Ok(times.take(count).map(row).collect())
}

fn of_file(
    path: &Path,
    folders: &Folders,
    zone: &Zone,
    after: i64,
    count: usize,
) -> Result<Vec<Row>, CommandError> {
    let schedule = parse_text(&schedule_file::read(path, folders)?, zone);
    let bad = schedule.diagnostics.iter().filter(|fault| fault.severity == Severity::Error).count();
    if bad > 0 {
        let (lines, path) = (if bad == 1 { "line is" } else { "lines are" }, path.display());
        eprintln!("{bad} {lines} bad, see `lamplighter check {path}`");
    }
    if let Some(disagreement) = disagreement(&schedule.entries, after) {
        eprintln!("{disagreement}");
    }
    let coming = upcoming(schedule.entries.iter().map(|entry| (entry, after)));
    let row = |Coming { entry, at, due }: Coming<'_>| Row {
        at,
        due,
        zone: entry.zone().clone(),
        time: entry.written.to_string(),
        asked: Some((entry.user.clone(), entry.service.clone(), entry.action.clone())),
    };
    Ok(coming.take(count).map(row).collect())
}

/// Asks the running scheduler; also which time zones it goes by.
async fn of_scheduler(folders: &Folders, count: usize) -> Result<(Vec<Row>, String), CommandError> {
    let path = folders.request_socket(&ServiceName::scheduler());
    let answer = client::call(&path, &Call::Next { count, each: false }, PATIENCE).await;
    let answer = answer.map_err(CommandError::unreached(DOING))?;
    let NextOccurrences { next, zones, zones_differ, .. } =
        NextOccurrences::deserialize(&answer).map_err(|_| CommandError::Foreign {
            doing: DOING,
            service: "scheduler".to_owned(),
            what: "it".to_owned(),
        })?;
    if let Some(differ) = zones_differ {
        eprintln!("{differ}");
    }
    let row = |occurrence: Occurrence| Row {
        at: occurrence.at.unwrap_or(occurrence.due),
        due: occurrence.due,
        // The scheduler may have zones that are unknown here.
        zone: occurrence.zone.and_then(|zone| Zone::named(&zone).ok()).unwrap_or_else(Zone::utc),
        time: occurrence.time.unwrap_or_default(),
        asked: Some((occurrence.user, occurrence.service, occurrence.action)),
    };
    Ok((next.into_iter().map(row).collect(), zones.unwrap_or_default()))
}

fn print(arguments: &Arguments, rows: &[Row], after: i64, zones: &str) {
    // Beside what programs read; what every release says the same needs no word.
    if !zones.is_empty() && !rows.iter().all(|row| matches!(row.zone.name(), "UTC" | "Etc/UTC")) {
        eprintln!("by {zones}");
    }
    if rows.is_empty() && !arguments.json {
        eprintln!("nothing, ever");
    } else if arguments.epoch {
        let seconds: Vec<String> = rows.iter().map(|row| row.due.to_string()).collect();
        say(seconds.join("\n"));
    } else if arguments.json {
        say(json!({"next": rows.iter().map(as_json).collect::<Vec<_>>()}));
    } else {
        say(as_text(rows, after).trim_end());
    }
}

fn as_json(row: &Row) -> Value {
    let mut object = json!({"at": row.at, "due": row.due, "zone": row.zone.name(), "time": row.time});
    if let Some((user, service, action)) = &row.asked {
        object["user"] = json!(user);
        object["service"] = json!(service);
        object["action"] = json!(action);
    }
    object
}

fn as_text(rows: &[Row], after: i64) -> String {
    let times = |row: &Row| [instant::show(row.due, &row.zone), instant::until(after, row.due)];
    let width = look::width();
    if rows.iter().all(|row| row.asked.is_none()) {
        let columns = [Column::new("WHEN", 0), Column::new("ZONE", 0), Column::new("IN", 0)];
        let cells = |row: &Row| {
            let [when, until] = times(row);
            [when, row.zone.to_string(), until].map(Cell::from).to_vec()
        };
        return table(&columns, &rows.iter().map(cells).collect::<Vec<_>>(), width);
    }
    let columns = [
        Column::new("WHEN", 0),
        Column::new("ZONE", 2),
        Column::new("IN", 1),
        Column::new("SERVICE", 0),
        Column::new("ACTION", 0),
        Column::new("USER", 3),
        Column::new("TIME", 4),
    ];
    let cells = |row: &Row| {
        let [when, until] = times(row);
        let (user, service, action) = match &row.asked {
            Some((user, service, action)) => (user.to_string(), service.to_string(), action.to_string()),
            None => Default::default(),
        };
        let zone = row.zone.to_string();
        [when, zone, until, service, action, user, row.time.clone()].map(Cell::from).to_vec()
    };
    table(&columns, &rows.iter().map(cells).collect::<Vec<_>>(), width)
}
