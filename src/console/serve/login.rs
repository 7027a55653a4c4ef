//! Logging in and out: name, password and code are proved together, and what is wrong of them is not told. An unknown name
//! takes as long as a wrong password, and a code is good once.

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use askama::Template;
use axum::Form;
use axum::extract::{Extension, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::app::{App, Shared};
use super::attempts::Origin;
use super::connections::Caller;
use super::page::{Instead, page_with, problem};
use super::proof;
use super::sessions::Session;
use super::users::User;
use crate::log;
use crate::process;
use crate::visible;

/// The cookie's name.
const COOKIE: &str = "lamplighter-console";
/// The same where TLS is spoken: by its beginning a browser takes it from nobody but this host, over TLS.
const TLS_COOKIE: &str = "__Host-lamplighter-console";
/// What asks by itself, to show again what has changed, says so: it does not keep a session alive.
const REFRESH: &str = "x-refresh";
/// The longest name that is looked up, in bytes.
const LONGEST_NAME: usize = 64;

/// Somebody who is logged in, and asks.
#[derive(Debug, Clone)]
pub(super) struct Visitor {
    pub(super) session: Session,
    pub(super) token: String,
}

impl Visitor {
    /// Whether the form came from a page of this session.
    pub(super) fn sent(&self, csrf: &str) -> Result<(), Instead> {
        if is_same(csrf, &self.session.csrf) {
            return Ok(());
        }
        let text = "This form is of another session: go back, and load its page again.";
        Err(problem(StatusCode::FORBIDDEN, "Not from here", text).into())
    }
}

/// Compares in a time that does not tell where they differ.
fn is_same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

impl FromRequestParts<Shared> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Response> {
        let is_use = !parts.headers.contains_key(REFRESH);
        if let Some(visitor) =
            token_of(&parts.headers, app.is_tls).and_then(|token| app.visitor(token, is_use))
        {
            if let Some(caller) = parts.extensions.get::<Caller>() {
                caller.is_known_now();
            }
            return Ok(visitor);
        }
        Err(if is_use {
            Redirect::to("/login").into_response()
        } else {
            StatusCode::UNAUTHORIZED.into_response()
        })
    }
}

/// What the cookie says.
fn token_of(headers: &HeaderMap, is_tls: bool) -> Option<&str> {
    let own = if is_tls { TLS_COOKIE } else { COOKIE };
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == own).map(|(_, token)| token)
}

#[derive(Template)]
#[template(path = "login.html")]
struct Login<'a> {
    message: Option<&'a str>,
    name: &'a str,
}

/// The form.
pub(super) async fn show(State(app): State<Shared>) -> Response {
    match app.users.all() {
        Ok(users) if users.is_empty() => off(),
        Ok(_) => page_with(StatusCode::OK, &Login { message: None, name: "" }),
        Err(error) => unreadable(&app, &error),
    }
}

fn off() -> Response {
    let text =
        "Nobody may log in yet. In the stack's folder, add somebody: lamplighter console user add NAME";
    problem(StatusCode::SERVICE_UNAVAILABLE, "The console is off", text)
}

fn unreadable(app: &App, error: &std::io::Error) -> Response {
    log::error(format_args!("cannot read {}: {error}; nobody can log in", app.users.path().display()));
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "The console is off",
        "The file with the users cannot be read; the log says why.",
    )
}

/// What somebody says who wants to be let in.
#[derive(Deserialize)]
pub(super) struct Claim {
    name: String,
    password: String,
    code: String,
}

/// Lets in who proves who he is.
pub(super) async fn log_in(
    State(app): State<Shared>,
    Extension(caller): Extension<Caller>,
    Form(claim): Form<Claim>,
) -> Response {
    let users = match app.users.all() {
        Ok(users) if users.is_empty() => return off(),
        Ok(users) => users,
        Err(error) => return unreadable(&app, &error),
    };
    let address = caller.address.ip();
    let origins = origins(address, &claim.name);
    if let Err(wait) = app.attempts().begin(&origins, Instant::now()) {
        return too_many(&claim.name, wait);
    }
    let user = users.iter().find(|user| user.name.as_str() == claim.name);
    match is_proved(&app, &claim, user).await {
        None => {
            problem(StatusCode::SERVICE_UNAVAILABLE, "Busy", "Too many want to log in at once: try again.")
        }
        Some(None) => {
            let name: String = claim.name.chars().take(LONGEST_NAME).collect();
            log::warn(format_args!("{address} could not log in as `{}`", visible::line(&name)));
            let message = "Name, password or code is wrong. A code is good once.";
            page_with(StatusCode::FORBIDDEN, &Login { message: Some(message), name: &name })
        }
        Some(Some(user)) => {
            app.attempts().succeeded(&origins);
            begin(&app, user, address)
        }
    }
}

fn origins(address: IpAddr, name: &str) -> [Origin; 2] {
    [Origin::Address(address), Origin::Name(name.chars().take(LONGEST_NAME).collect())]
}

fn too_many(name: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let message = format!("Too many attempts: wait {seconds} s.");
    let login = Login { message: Some(&message), name };
    let mut response = page_with(StatusCode::TOO_MANY_REQUESTS, &login);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Who it is, proved by both; nothing at all when too many wait for that.
async fn is_proved(app: &Shared, claim: &Claim, user: Option<&User>) -> Option<Option<User>> {
    let turn = app.proving.wait().await?;
    // Somebody who is not there has a password too, that nobody knows.
    let (kept, secret) = user.map_or((app.nobody.password.clone(), app.nobody.secret.clone()), |user| {
        (user.password.clone(), user.secret.clone())
    });
    let password = claim.password.clone();
    let is_password = tokio::task::spawn_blocking(move || {
        password.len() <= proof::LONGEST && proof::is_password(&password, &kept)
    });
    let is_password = is_password.await.unwrap_or(false);
    process::give_back_memory();
    drop(turn);
    let seconds = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    let code: String = claim.code.chars().filter(|c| *c != ' ').collect();
    let step = proof::step_of(&code, &secret, seconds);
    let (Some(user), true, Some(step)) = (user, is_password, step) else { return Some(None) };
    let mut taken = app.used_steps.lock().unwrap_or_else(PoisonError::into_inner);
    if taken.get(&user.secret).is_some_and(|&last| step <= last) {
        return Some(None);
    }
    taken.insert(user.secret.clone(), step);
    Some(Some(user.clone()))
}

fn begin(app: &App, user: User, address: IpAddr) -> Response {
    let (Ok(token), Ok(csrf)) = (proof::random_token(), proof::random_token()) else {
        return problem(StatusCode::SERVICE_UNAVAILABLE, "Busy", "The kernel has no randomness: try again.");
    };
    log::info(format_args!("{} logged in from {address}", user.name));
    let cookie = cookie(&token, app.is_tls);
    app.sessions().begin(token, csrf, user, Instant::now());
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

fn cookie(token: &str, is_tls: bool) -> String {
    let (name, secure) = if is_tls { (TLS_COOKIE, "; Secure") } else { (COOKIE, "") };
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// What each form brings along.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    pub(super) csrf: String,
}

/// Ends the session.
pub(super) async fn log_out(
    State(app): State<Shared>,
    visitor: Visitor,
    Form(sent): Form<Sent>,
) -> Result<Response, Instead> {
    visitor.sent(&sent.csrf)?;
    app.sessions().end(&visitor.token);
    log::info(format_args!("{} logged out", visitor.session.operator()));
    let cookie = cookie("", app.is_tls) + "; Max-Age=0";
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response())
}
