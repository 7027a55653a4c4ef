//! The whole terminal as a view of the stack: rows to move along, the output of what runs below them, and keys that run, call off
//! and follow. Pure: keys and reports come in, lines and wishes go out.

mod keys;
mod output;
mod rows;

use jiff::Timestamp;

use super::report::Report;
use crate::console::table::{Piece, Tone, cut};
use crate::names::{ActionName, RequestId, ServiceName, UserName};

pub(super) use keys::read;
pub(super) use output::Output;

use keys::Key;
use rows::{About, Row};

/// Below so many lines there is no room for the output beside the rows.
const ROOM_FOR_OUTPUT: usize = 14;
const HELP: [(&str, &str); 8] = [
    ("↑ ↓, k j", "move along the rows; PgUp, PgDn, Home and End further"),
    ("Enter, f", "follow the request of the row, or read what it printed"),
    ("r", "run the action of the row, once"),
    ("c", "call off the request of the row, which runs or waits"),
    ("Esc", "go back; from the rows, put the output away"),
    ("?", "this"),
    ("Ctrl-Z", "put it into the background"),
    ("q, Ctrl-C", "leave; what runs goes on"),
];

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// Leave.
    Quit,
    /// Have an action run.
    Run { service: ServiceName, action: ActionName, user: Option<UserName> },
    /// Call a request off.
    Cancel { service: ServiceName, id: RequestId, action: String },
    /// Follow a request.
    Follow { service: ServiceName, id: RequestId, action: String },
    /// Follow none any more.
    Unfollow,
}

/// What the terminal is taken up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum View {
    #[default]
    Rows,
    /// The output of a run; so many lines before the last one.
    Output(usize),
    Help,
}

/// The state of the view.
#[derive(Debug, Default)]
pub(super) struct Screen {
    view: View,
    rows: Vec<Row>,
    /// The row that the keys mean.
    place: usize,
    /// The first row that is shown.
    top: usize,
    /// What is asked before it is done.
    asked: Option<Wish>,
    /// What is said on the last line.
    said: Option<(String, Tone)>,
    /// The summary on the first line.
    summary: (String, Tone),
    /// How many rows fit, and how large the terminal is.
    height: usize,
    size: (usize, usize),
    /// The request whose output somebody has put away.
    put_away: Option<RequestId>,
}

impl Screen {
    /// Takes how all is now.
    pub(super) fn take(&mut self, report: &Report, now: Timestamp) {
        let key = self.rows.get(self.place).map(|row| row.key.clone());
        self.rows = rows::of(report, now);
        let again = key.and_then(|key| self.rows.iter().position(|row| row.key == key));
        self.place = again.unwrap_or(self.place).min(self.rows.len().saturating_sub(1));
        let services = match report.heard.len() {
            1 => "1 service".to_owned(),
            count => format!("{count} services"),
        };
        self.summary = match report.problems.len() {
            0 => (format!("all is well: {services}"), Tone::Good),
            1 => (format!("1 problem, {services}"), Tone::Bad),
            count => (format!("{count} problems, {services}"), Tone::Bad),
        };
    }

    /// The request whose output belongs below the rows: that of the row, if it is on, else of what runs.
    pub(super) fn to_follow(&self) -> Option<Wish> {
        if self.view != View::Rows {
            return None;
        }
        let own = self.rows.get(self.place).filter(|row| row.about.is_open);
        let first = || self.rows.iter().find(|row| row.about.is_open);
        let (service, id, action) = own.or_else(first)?.about.request.clone()?;
        (self.put_away.as_ref() != Some(&id)).then_some(Wish::Follow { service, id, action })
    }

    /// Says something on the last line, until the next key.
    pub(super) fn say(&mut self, said: String, tone: Tone) {
        self.said = Some((said, tone));
    }

    /// A key is pressed.
    pub(super) fn press(&mut self, key: Key, output: Option<&Output>) -> Option<Wish> {
        self.said = None;
        if let Some(asked) = self.asked.take() {
            if key == Key::Sign('y') {
                return Some(asked);
            }
            self.say("not done".to_owned(), Tone::Soft);
            return None;
        }
        match (self.view, key) {
            (_, Key::Sign('q')) => return Some(Wish::Quit),
            (View::Help, _) | (View::Output(_), Key::Escape) => self.view = View::Rows,
            (_, Key::Sign('?')) => self.view = View::Help,
            (View::Output(back), key) => self.scroll(back, key, output),
            (View::Rows, Key::Escape) => {
                self.put_away = output.map(|output| output.place.id.clone());
                return Some(Wish::Unfollow);
            }
            (View::Rows, Key::Enter | Key::Sign('f')) => return self.follow(),
            (View::Rows, Key::Sign('r')) => self.ask_run(),
            (View::Rows, Key::Sign('c')) => self.ask_cancel(),
            (View::Rows, key) => self.move_by(key),
        }
        None
    }

    fn about(&self) -> About {
        self.rows.get(self.place).map(|row| row.about.clone()).unwrap_or_default()
    }

    fn follow(&mut self) -> Option<Wish> {
        let Some((service, id, action)) = self.about().request else {
            self.say("there is no request in this row".to_owned(), Tone::Soft);
            return None;
        };
        (self.view, self.put_away) = (View::Output(0), None);
        Some(Wish::Follow { service, id, action })
    }

    fn ask_run(&mut self) {
        match self.about().action {
            Some((service, action, user)) => self.asked = Some(Wish::Run { service, action, user }),
            None => self.say("there is no action in this row".to_owned(), Tone::Soft),
        }
    }

    fn ask_cancel(&mut self) {
        match self.about() {
            About { request: Some((service, id, action)), is_open: true, .. } => {
                self.asked = Some(Wish::Cancel { service, id, action });
            }
            _ => self.say("there is no request in this row that runs or waits".to_owned(), Tone::Soft),
        }
    }

    fn move_by(&mut self, key: Key) {
        let (last, page) = (self.rows.len().saturating_sub(1), self.height.max(1));
        self.place = match key {
            Key::Up | Key::Sign('k') => self.place.saturating_sub(1),
            Key::Down | Key::Sign('j') => (self.place + 1).min(last),
            Key::PageUp => self.place.saturating_sub(page),
            Key::PageDown => (self.place + page).min(last),
            Key::Home => 0,
            Key::End => last,
            _ => self.place,
        };
    }

    fn scroll(&mut self, back: usize, key: Key, output: Option<&Output>) {
        let (width, height) = (self.size.0, self.size.1.saturating_sub(2));
        let most = output.map_or(0, |output| output.most_back(width, height));
        let back = match key {
            Key::Up | Key::Sign('k') => back + 1,
            Key::Down | Key::Sign('j') => back.saturating_sub(1),
            Key::PageUp => back + height,
            Key::PageDown => back.saturating_sub(height),
            Key::Home => most,
            Key::End => 0,
            _ => back,
        };
        self.view = View::Output(back.min(most));
    }

    /// All lines of a terminal of this size, painted.
    pub(super) fn draw(
        &mut self,
        (width, height): (usize, usize),
        output: Option<&Output>,
        now: Timestamp,
        clock: &str,
    ) -> Vec<String> {
        self.size = (width, height);
        let body = height.saturating_sub(2);
        let mut lines = vec![cut(&[Piece::new(self.summary.0.clone(), self.summary.1)], width)];
        match (self.view, output) {
            (View::Help, _) => lines.extend(help(width)),
            (View::Output(back), Some(output)) => {
                lines[0] = cut(&output.title(now), width);
                lines.extend(output.shown(width, body, back));
            }
            (_, output) => {
                let pane = output.filter(|_| height >= ROOM_FOR_OUTPUT);
                let below = if pane.is_some() { body / 3 } else { 0 };
                lines.extend(self.draw_rows(width, body - below));
                if let Some(output) = pane {
                    lines.resize(height - 1 - below, String::new());
                    lines.push(cut(&output.title(now), width));
                    lines.extend(output.shown(width, below - 1, 0));
                }
            }
        }
        lines.resize(height.saturating_sub(1), String::new());
        lines.push(self.last_line(width, clock));
        lines.truncate(height);
        lines
    }

    fn draw_rows(&mut self, width: usize, height: usize) -> Vec<String> {
        self.height = height;
        // The row that is meant is always to be seen, and no room is left empty that rows could take.
        self.top = self.top.min(self.place).max((self.place + 1).saturating_sub(height));
        self.top = self.top.min(self.rows.len().saturating_sub(height));
        let shown = self.rows.iter().enumerate().skip(self.top).take(height);
        let shown = shown.map(|(number, row)| {
            let sign = if number == self.place { "> " } else { "  " };
            let sign = Piece::new(sign, Tone::Strong);
            cut(&std::iter::once(sign).chain(row.pieces.iter().cloned()).collect::<Vec<_>>(), width)
        });
        shown.collect()
    }

    fn last_line(&self, width: usize, clock: &str) -> String {
        let piece = match (&self.asked, &self.said, self.view) {
            (Some(asked), _, _) => Piece::new(question(asked), Tone::Odd),
            (None, Some((said, tone)), _) => Piece::new(said.clone(), *tone),
            (None, None, View::Rows) => {
                Piece::new(format!("{clock}  r run  c cancel  f follow  ? help  q ends"), Tone::Soft)
            }
            (None, None, View::Output(0)) => {
                Piece::new(format!("{clock}  ↑ ↓ scroll  Esc back  q ends"), Tone::Soft)
            }
            (None, None, View::Output(back)) => {
                Piece::new(format!("{clock}  {back} lines before the end  End to it  Esc back"), Tone::Soft)
            }
            (None, None, View::Help) => Piece::new("any key goes back  q ends".to_owned(), Tone::Soft),
        };
        cut(&[piece], width)
    }
}

fn question(asked: &Wish) -> String {
    match asked {
        Wish::Run { service, action, user } => {
            let user = user.as_ref().map(|user| format!(" for {user}")).unwrap_or_default();
            format!("have {service} run {action}{user} now? y: yes")
        }
        Wish::Cancel { service, id, action } => {
            format!("call off {action} {} of {service}? What runs is ended. y: yes", id.short())
        }
        Wish::Quit | Wish::Follow { .. } | Wish::Unfollow => String::new(),
    }
}

fn help(width: usize) -> Vec<String> {
    let lines = HELP.iter().map(|(keys, what)| {
        cut(&[Piece::new(format!("  {keys:<12}"), Tone::Strong), Piece::new(*what, Tone::Plain)], width)
    });
    lines.collect()
}

#[cfg(test)]
mod tests;
