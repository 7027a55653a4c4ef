//! What happens, as it happens (server-sent events): that something has changed, for pages that show it all, and all that
//! becomes of one run. A stream ends with its session.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde_json::json;
use tokio::sync::{broadcast, mpsc};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until};

use super::app::Shared;
use super::login::Visitor;
use crate::console::stack::{SCHEDULER, Stack};
use crate::names::{RequestId, ServiceName};
use crate::socket::client::{ClientError, Conversation};
use crate::visible;
use crate::wire::{Call, Event};

/// How long a service may take to be reached.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long until it is tried again.
const AGAIN: Duration = Duration::from_secs(2);
/// What happens within this time is told at once.
const TOGETHER: Duration = Duration::from_millis(150);
/// How often a stream looks whether its session is still there; it says something then, so that a dead one is noticed.
const BEAT: Duration = Duration::from_secs(10);
/// So much may wait for a reader before he has to begin anew.
const MOST_WAITING: usize = 64;

/// Tells all pages that are open when something has changed.
pub(super) struct Hub {
    changed: broadcast::Sender<()>,
    /// Whether services are being followed.
    follows: Arc<Mutex<bool>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { changed: broadcast::channel(4).0, follows: Arc::default() }
    }
}

impl Hub {
    /// One more listens: for the first the services are followed, until the last has gone.
    fn listen(&self, stack: &Stack) -> broadcast::Receiver<()> {
        let receiver = self.changed.subscribe();
        let mut follows = self.follows.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *follows, true) {
            spawn_local(follow_all(stack.clone(), self.changed.clone(), Arc::clone(&self.follows)));
        }
        receiver
    }
}

/// Follows each service that there is, and tells of what happens.
async fn follow_all(stack: Stack, changed: broadcast::Sender<()>, follows: Arc<Mutex<bool>>) {
    let (news, mut heard) = mpsc::channel::<()>(16);
    let mut followed = Vec::<(ServiceName, tokio::task::AbortHandle)>::new();
    loop {
        for service in stack.services().unwrap_or_default() {
            if service.as_str() != SCHEDULER && !followed.iter().any(|(known, _)| *known == service) {
                let task = spawn_local(follow(stack.socket(&service), news.clone()));
                followed.push((service, task.abort_handle()));
            }
        }
        let end = Instant::now() + AGAIN;
        while let Some(()) = tokio::select! {
            news = heard.recv() => news,
            () = sleep_until(end) => None,
        } {
            sleep(TOGETHER).await;
            while heard.try_recv().is_ok() {}
            let _ = changed.send(());
        }
        let mut follows = follows.lock().unwrap_or_else(PoisonError::into_inner);
        if changed.receiver_count() == 0 {
            *follows = false;
            break;
        }
    }
    for (_, task) in followed {
        task.abort();
    }
}

/// Tells when something happens at a service.
async fn follow(path: std::path::PathBuf, news: mpsc::Sender<()>) {
    loop {
        let call = Call::Follow { id: None, past: false, output: false };
        if let Ok(mut conversation) = Conversation::open(&path, PATIENCE).await
            && conversation.send(&call, PATIENCE).await.is_ok()
        {
            // What happened until now was told to nobody.
            if news.send(()).await.is_err() {
                return;
            }
            while let Ok(Some(_)) = conversation.next().await {
                if news.send(()).await.is_err() {
                    return;
                }
            }
        }
        sleep(AGAIN).await;
    }
}

/// A stream of events, as its text comes.
struct Events(mpsc::Receiver<String>);

impl Stream for Events {
    type Item = Result<String, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|text| text.map(Ok))
    }
}

fn answer(events: mpsc::Receiver<String>) -> Response {
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(Events(events))).into_response()
}

/// An event with what it says, in one line.
fn event(name: &str, data: &serde_json::Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// Tells each time that something has changed.
pub(super) async fn changes(State(app): State<Shared>, visitor: Visitor) -> Response {
    let (sender, events) = mpsc::channel(MOST_WAITING);
    let mut changed = app.hub.listen(&app.stack);
    spawn_local(async move {
        // What has changed since the page was made.
        let mut text = event("changed", &json!(null));
        while sender.try_send(text).is_ok() {
            text = tokio::select! {
                heard = changed.recv() => match heard {
                    Err(broadcast::error::RecvError::Closed) => return,
                    _ => event("changed", &json!(null)),
                },
                () = sleep(BEAT) => ": still here\n\n".to_owned(),
                () = sender.closed() => return,
            };
            if app.visitor(&visitor.token, false).is_none() {
                let _ = sender.try_send(event("over", &json!(null)));
                return;
            }
        }
    });
    answer(events)
}

/// Tells all that becomes of a run, with what it prints.
pub(super) async fn of_run(
    State(app): State<Shared>,
    visitor: Visitor,
    Path((service, id)): Path<(String, String)>,
) -> Response {
    let (Ok(service), Ok(id)) = (app.stack.service(&service), id.parse::<RequestId>()) else {
        return axum::http::StatusCode::NOT_FOUND.into_response();
    };
    let (sender, events) = mpsc::channel(MOST_WAITING);
    let path = app.stack.socket(&service);
    spawn_local(async move {
        // When it cannot be told any more the stream ends, and the page asks again by itself.
        let _ = tell(&app, &visitor, &path, id, &sender).await;
    });
    answer(events)
}

async fn tell(
    app: &Shared,
    visitor: &Visitor,
    path: &std::path::Path,
    id: RequestId,
    sender: &mpsc::Sender<String>,
) -> Result<(), ClientError> {
    let mut conversation = Conversation::open(path, PATIENCE).await?;
    let call = Call::Follow { id: Some(id), past: true, output: true };
    conversation.send(&call, PATIENCE).await?;
    loop {
        let text = tokio::select! {
            line = conversation.next() => match line? {
                None => event("over", &json!(null)),
                Some(line) => as_event(Event::read(&line)),
            },
            () = sleep(BEAT) => ": still here\n\n".to_owned(),
            () = sender.closed() => return Ok(()),
        };
        let is_over = text.starts_with("event: over") || app.visitor(&visitor.token, false).is_none();
        // Who does not read is told no more, and asks again.
        if sender.send_timeout(text, PATIENCE).await.is_err() || is_over {
            return Ok(());
        }
    }
}

fn as_event(told: Event) -> String {
    match told {
        Event::Output { text, .. } => event("output", &json!(visible::text(&format!("{text}\n")))),
        Event::Past { shown, .. } => {
            let output = shown.output.unwrap_or_default();
            event("past", &json!(visible::text(&output)))
        }
        _ => event("changed", &json!(null)),
    }
}
