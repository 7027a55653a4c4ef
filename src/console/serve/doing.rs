//! What changes something: a run, and calling one off. Each is a page first that says what it does, and a form on it.

use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};

use super::app::{App, Shared};
use super::login::{Sent, Visitor};
use super::page::{Frame, Instead, page, problem};
use crate::console::ages;
use crate::console::stack::SCHEDULER;
use crate::console::status::asking::ask_all;
use crate::log;
use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::socket::client::{self, ClientError};
use crate::visible;
use crate::wire::{Accepted, ActionStatus, Call, CalledOff, Occurrence, Tell};

/// How long a service may take to promise something.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Template)]
#[template(path = "confirm.html")]
struct Confirm {
    frame: Frame,
    title: String,
    says: Vec<String>,
    path: String,
    button: &'static str,
    back: String,
}

/// An action of a service, and on whose behalf it is asked for here.
struct Meant {
    service: ServiceName,
    action: ActionName,
    user: UserName,
    /// Its entry of the schedule, where it has one.
    entry: Option<Occurrence>,
    status: ActionStatus,
    is_on: bool,
}

/// Says what the run is.
pub(super) async fn ask_run(
    State(app): State<Shared>,
    visitor: Visitor,
    Path((service, action)): Path<(String, String)>,
) -> Result<Response, Instead> {
    let meant = find(&app, &service, &action).await?;
    let (service, action) = (&meant.service, &meant.action);
    Ok(page(&Confirm {
        frame: Frame::of(&visitor, "Now", &app.clock()),
        title: format!("Run {action} of {service}?"),
        says: meant.says(&app),
        path: format!("/do/{service}/{action}"),
        button: "Run it",
        back: "/".to_owned(),
    }))
}

/// Has it run, and shows the run.
pub(super) async fn run(
    State(app): State<Shared>,
    visitor: Visitor,
    Path((service, action)): Path<(String, String)>,
    Form(sent): Form<Sent>,
) -> Result<Response, Instead> {
    visitor.sent(&sent.csrf)?;
    let Meant { service, action, user, .. } = find(&app, &service, &action).await?;
    let operator = visitor.session.operator().clone();
    log::info(format_args!("{operator} asks {service} for {action}, for {user}"));
    let (asked, passed_on) =
        if app.only_scheduled { (scheduler(&app)?, Some(service.clone())) } else { (service.clone(), None) };
    let call = Call::Run {
        service: passed_on,
        user,
        action,
        id: None,
        tell: Tell::Nothing,
        operator: Some(operator),
    };
    let accepted: Accepted = client::call_for(&app.stack.socket(&asked), &call, PATIENCE)
        .await
        .map_err(|error| refused(&error))?;
    Ok(Redirect::to(&format!("/runs/{service}/{}", accepted.id)).into_response())
}

/// Says what calling a request off does.
pub(super) async fn ask_cancel(
    State(app): State<Shared>,
    visitor: Visitor,
    Path((service, id)): Path<(String, String)>,
) -> Result<Response, Instead> {
    let (service, id) = open_request(&app, &service, &id)?;
    Ok(page(&Confirm {
        frame: Frame::of(&visitor, "Now", &app.clock()),
        title: format!("Call {} of {service} off?", id.short()),
        says: vec![
            "When it waits, it is taken out of the queue, with what has joined it.".to_owned(),
            "When it runs, its processes are told to end (TERM), and killed when they do not; what they have done by \
             then stays as it is."
                .to_owned(),
            "It is not tried again. The journal says that you have called it off.".to_owned(),
        ],
        path: format!("/cancel/{service}/{id}"),
        button: "Call it off",
        back: format!("/runs/{service}/{id}"),
    }))
}

/// Calls it off, and shows what becomes of it.
pub(super) async fn cancel(
    State(app): State<Shared>,
    visitor: Visitor,
    Path((service, id)): Path<(String, String)>,
    Form(sent): Form<Sent>,
) -> Result<Response, Instead> {
    visitor.sent(&sent.csrf)?;
    let (service, id) = open_request(&app, &service, &id)?;
    let operator = visitor.session.operator().clone();
    log::info(format_args!("{operator} calls {} of {service} off", id.short()));
    let call = Call::Cancel { id: id.clone(), operator: Some(operator) };
    let _: CalledOff = client::call_for(&app.stack.socket(&service), &call, PATIENCE)
        .await
        .map_err(|error| refused(&error))?;
    Ok(Redirect::to(&format!("/runs/{service}/{id}")).into_response())
}

fn refused(error: &ClientError) -> Instead {
    let status = match error {
        ClientError::Refused { .. } => StatusCode::CONFLICT,
        _ => StatusCode::BAD_GATEWAY,
    };
    problem(status, "Not done", &visible::line(&error.to_string())).into()
}

fn scheduler(app: &App) -> Result<ServiceName, Instead> {
    let no_scheduler = |_| nothing("There is no scheduler that could be asked for it.");
    app.stack.service(SCHEDULER).map_err(no_scheduler)
}

/// Whether an action can be run from here.
pub(super) async fn may_run(app: &App, service: &ServiceName, action: &ActionName) -> bool {
    let Ok(scheduler) = scheduler(app) else { return !app.only_scheduled };
    let is_entry = |entry: &Occurrence| entry.service == *service && entry.action == *action;
    !app.only_scheduled
        || ask_all(&app.stack, &[scheduler], false)
            .await
            .iter()
            .any(|heard| heard.coming.iter().any(is_entry))
}

fn nothing(what: &str) -> Instead {
    problem(StatusCode::NOT_FOUND, "Nothing to do", what).into()
}

fn open_request(app: &App, service: &str, id: &str) -> Result<(ServiceName, RequestId), Instead> {
    let service = app.stack.service(service).map_err(|_| nothing("There is no such service."))?;
    Ok((service, id.parse().map_err(|_| nothing("That is no request."))?))
}

/// The action that is meant, as its service and the scheduler tell of it.
async fn find(app: &Shared, service: &str, action: &str) -> Result<Meant, Instead> {
    let service = app.stack.service(service).map_err(|_| nothing("There is no such service."))?;
    let mut asked = vec![service.clone()];
    asked.extend(app.stack.service(SCHEDULER).ok().filter(|scheduler| *scheduler != service));
    let (mut entry, mut own) = (None, None);
    for heard in ask_all(&app.stack, &asked, false).await {
        let is_entry = |entry: &&Occurrence| entry.service == service && entry.action.as_str() == action;
        entry = entry.or_else(|| heard.coming.iter().find(is_entry).cloned());
        if heard.service == service {
            own = Some(heard.said.map_err(|error| refused(&error))?);
        }
    }
    let own = own.ok_or_else(|| nothing("There is no such service."))?;
    let status = own.actions.iter().find(|known| known.action.as_str() == action).cloned();
    let status = status.ok_or_else(|| nothing("The service has no such action."))?;
    let of_last = || status.last.as_ref()?.user.clone();
    let of_entry = entry.as_ref().map(|entry| entry.user.clone());
    if app.only_scheduled && entry.is_none() {
        let why = format!("The schedule names no {action} of {service}, and nothing else is run from here.");
        return Err(problem(StatusCode::FORBIDDEN, "Not from here", &why).into());
    }
    let user = of_entry.or_else(of_last).or_else(|| "root".parse().ok());
    Ok(Meant {
        service,
        action: status.action.clone(),
        user: user.ok_or_else(|| nothing("It is not known for whom."))?,
        entry,
        is_on: own.running.iter().any(|run| run.action == status.action),
        status,
    })
}

impl Meant {
    fn says(&self, app: &App) -> Vec<String> {
        let Self { service, action, user, entry, status, is_on } = self;
        let clock = app.clock();
        let mut says = vec![format!(
            "{service} is asked to carry out {action} for {user}, once, as soon as its turn comes."
        )];
        says.push(match entry.as_ref().and_then(Occurrence::due_at) {
            Some(due) => format!("The schedule asks for the same {}; that stays as it is.", clock.ahead(due)),
            None => "It is not on the schedule.".to_owned(),
        });
        if let Some(last) = &status.last {
            let age = last.ended_at.map(|at| format!(" {}", clock.ago(at))).unwrap_or_default();
            says.push(format!(
                "The last time{age} it took {}, and {}.",
                ages::took(last.took_ms),
                last.outcome
            ));
        }
        if *is_on {
            says.push("It is on right now: what becomes of another one then is decided by the rule of the action (overlap).".to_owned());
        }
        says.push("The journal keeps that you have asked for it.".to_owned());
        says
    }
}
