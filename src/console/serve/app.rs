//! What all questions share: the stack, who may log in, who is, and which page is where.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::attempts::Attempts;
use super::login::{self, Visitor};
use super::page::{Clock, problem};
use super::sessions::Sessions;
use super::users::{User, Users};
use super::{assets, backups, coming, doing, guard, live, now, one_run, past, proof, scrape};
use crate::console::stack::Stack;
use crate::process;
use crate::schedule::Zone;

/// The largest form, in bytes.
const LARGEST_FORM: usize = 8 * 1024;
/// So many may wait until it is their password's turn: each takes 19 MiB while it is looked at.
const MOST_PROVING: usize = 16;

/// It is handed to each question.
pub(super) type Shared = Arc<App>;

/// What all questions share.
pub(super) struct App {
    pub(super) stack: Stack,
    pub(super) users: Users,
    /// Another name under which the console may be asked.
    pub(super) name: Option<String>,
    /// Whether it is asked over TLS.
    pub(super) is_tls: bool,
    /// Whether only that is run which the schedule names, by way of the scheduler.
    pub(super) only_scheduled: bool,
    zone: Zone,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
    /// The last step of time whose code was taken, by the secret.
    pub(super) used_steps: Mutex<HashMap<String, u64>>,
    pub(super) proving: Turns,
    /// Whose password is looked at when there is no such user.
    pub(super) nobody: User,
    pub(super) hub: live::Hub,
}

/// How the console is run.
pub(super) struct Rules {
    pub(super) name: Option<String>,
    pub(super) is_tls: bool,
    pub(super) only_scheduled: bool,
    pub(super) idle: Duration,
    pub(super) longest: Duration,
    pub(super) zone: Zone,
}

impl App {
    /// Nothing when there is no randomness.
    pub(super) fn new(stack: Stack, users: Users, rules: Rules) -> Option<Shared> {
        let password = proof::kept(&proof::random_token().ok()?)?;
        let nobody = User { name: "nobody".parse().ok()?, password, secret: proof::new_secret()? };
        process::give_back_memory();
        Some(Arc::new(Self {
            stack,
            users,
            name: rules.name,
            is_tls: rules.is_tls,
            only_scheduled: rules.only_scheduled,
            zone: rules.zone,
            sessions: Mutex::new(Sessions::new(rules.idle, rules.longest)),
            attempts: Mutex::default(),
            used_steps: Mutex::default(),
            proving: Turns::default(),
            nobody,
            hub: live::Hub::default(),
        }))
    }

    pub(super) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who has this token, if anybody still has.
    pub(super) fn visitor(&self, token: &str, is_use: bool) -> Option<Visitor> {
        let users = self.users.all().ok()?;
        let session = self.sessions().find(token, &users, is_use, Instant::now())?;
        Some(Visitor { session, token: token.to_owned() })
    }

    /// The time now, by the stack's clock.
    pub(super) fn clock(&self) -> Clock {
        Clock { zone: self.zone.clone(), now: Timestamp::now() }
    }
}

/// One after the other, and not too many in the queue.
pub(super) struct Turns {
    places: Semaphore,
    turn: Semaphore,
}

impl Default for Turns {
    fn default() -> Self {
        Self { places: Semaphore::new(MOST_PROVING), turn: Semaphore::new(1) }
    }
}

impl Turns {
    /// Waits for one's turn; nothing when too many do.
    pub(super) async fn wait(&self) -> Option<(SemaphorePermit<'_>, SemaphorePermit<'_>)> {
        let place = self.places.try_acquire().ok()?;
        Some((place, self.turn.acquire().await.ok()?))
    }
}

/// Which page is where.
pub(super) fn router(app: Shared) -> Router {
    Router::new()
        .route("/", get(now::show))
        .route("/events", get(live::changes))
        .route("/schedule", get(coming::show))
        .route("/backups", get(backups::show))
        .route("/history", get(past::show))
        .route("/runs/{service}/{id}", get(one_run::show))
        .route("/runs/{service}/{id}/events", get(live::of_run))
        .route("/do/{service}/{action}", get(doing::ask_run).post(doing::run))
        .route("/cancel/{service}/{id}", get(doing::ask_cancel).post(doing::cancel))
        .route("/login", get(login::show).post(login::log_in))
        .route("/logout", post(login::log_out))
        .route("/health", get(healthy))
        .route("/metrics", get(scrape::show))
        .route("/assets/{name}", get(assets::show))
        .fallback(nothing)
        .method_not_allowed_fallback(nothing_to_do)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

/// For the container's health check: it answers.
async fn healthy() -> &'static str {
    "healthy\n"
}

/// For a path that leads nowhere.
pub(super) async fn nothing() -> Response {
    problem(StatusCode::NOT_FOUND, "Nothing here", "There is no such page.")
}

async fn nothing_to_do() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "Nothing to do", "That cannot be asked of this page.")
}
