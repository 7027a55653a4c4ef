//! What all pages have in common: the frame around them, who is logged in, and how a page is sent.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::login::Visitor;
use crate::console::ages;
use crate::schedule::Zone;
use crate::wire::Outcome;

/// The pages that every other one leads to: where each is, and its name.
const PAGES: [(&str, &str); 4] =
    [("/", "Now"), ("/schedule", "Schedule"), ("/backups", "Backups"), ("/history", "History")];

/// What stands around a page.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Those that the head lists.
    pub(super) pages: &'static [(&'static str, &'static str)],
    /// The page's name among those that the head lists.
    pub(super) here: &'static str,
    pub(super) operator: String,
    pub(super) csrf: String,
    /// The time as of which it was made.
    pub(super) at: String,
    pub(super) zone: String,
}

impl Frame {
    pub(super) fn of(visitor: &Visitor, here: &'static str, clock: &Clock) -> Self {
        Self {
            pages: &PAGES,
            here,
            operator: visitor.session.operator().to_string(),
            csrf: visitor.session.csrf.clone(),
            at: ages::time_of_day(clock.now, &clock.zone),
            zone: clock.zone.name().to_owned(),
        }
    }
}

/// By which clock times are told, and when it is.
#[derive(Debug, Clone)]
pub(super) struct Clock {
    pub(super) zone: Zone,
    pub(super) now: Timestamp,
}

impl Clock {
    pub(super) fn instant(&self, at: Timestamp) -> String {
        ages::instant(at, &self.zone)
    }

    pub(super) fn ago(&self, at: Timestamp) -> String {
        ages::ago(at, self.now)
    }

    pub(super) fn ahead(&self, at: Timestamp) -> String {
        ages::ahead(at, self.now)
    }
}

/// How something stands, for the style and the sign before it: `good`, `odd`, `bad` or `plain`.
pub(super) fn tone(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        Some(outcome) if outcome.is_success() => "good",
        Some(outcome) if outcome.is_failure() => "bad",
        Some(_) => "odd",
        None => "plain",
    }
}

/// The page that somebody gets in the place of the one he wanted.
pub(super) struct Instead(Box<Response>);

impl From<Response> for Instead {
    fn from(page: Response) -> Self {
        Self(Box::new(page))
    }
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// Sends a page.
pub(super) fn page(template: &impl Template) -> Response {
    page_with(StatusCode::OK, template)
}

/// Sends a page with another status than that all is well.
pub(super) fn page_with(status: StatusCode, template: &impl Template) -> Response {
    let (status, text) = match template.render() {
        Ok(text) => (status, text),
        // Writing to a string does not fail, and nothing else can in these templates.
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    };
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    title: &'a str,
    text: &'a str,
}

/// A page that says why there is no other.
pub(super) fn problem(status: StatusCode, title: &str, text: &str) -> Response {
    page_with(status, &Problem { title, text })
}
