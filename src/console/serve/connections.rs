//! Taking connections, within limits: so many at once, so long until a question is there, so large a question. When there are
//! too many, the oldest that is not known to be somebody's who is logged in gives way: whoever holds connections open
//! without asking keeps nobody out.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::log;

/// So many at once.
const MOST: usize = 512;
/// How long a question may take to come, head and all; also how long a connection is kept that asks nothing.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest head of a question, in bytes, and so many lines.
const LONGEST_HEAD: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// How long nothing is taken when the system has no descriptor for another.
const PAUSE: Duration = Duration::from_millis(50);

/// Where a question comes from.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) address: SocketAddr,
    /// Set once somebody who is logged in has asked on this connection.
    is_known: Arc<AtomicBool>,
}

impl Caller {
    /// Somebody who is logged in asks.
    pub(super) fn is_known_now(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }
}

struct Open {
    task: AbortHandle,
    is_known: Arc<AtomicBool>,
}

/// Serves what `router` says to whoever connects, for ever.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router) {
    let (mut tasks, mut open, mut number) = (JoinSet::new(), BTreeMap::<u64, Open>::new(), 0_u64);
    loop {
        tokio::select! {
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => {
                if let Ok(number) = ended {
                    open.remove(&number);
                }
            }
            accepted = listener.accept() => {
                let (stream, address) = match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        pause_after(&error).await;
                        continue;
                    }
                };
                if open.len() >= MOST && !make_room(&mut open) {
                    continue;
                }
                number += 1;
                let is_known = Arc::new(AtomicBool::new(false));
                let caller = Caller { address, is_known: Arc::clone(&is_known) };
                let (own, router, tls) = (number, router.clone(), tls.clone());
                let task = tasks.spawn_local(async move {
                    greet(stream, tls, router, caller).await;
                    own
                });
                open.insert(number, Open { task, is_known });
            }
        }
    }
}

/// Ends the oldest connection of nobody who is known; false when all are.
fn make_room(open: &mut BTreeMap<u64, Open>) -> bool {
    let oldest = open.iter().find(|(_, open)| !open.is_known.load(Ordering::Relaxed));
    let Some(number) = oldest.map(|(&number, _)| number) else { return false };
    if let Some(open) = open.remove(&number) {
        open.task.abort();
    }
    true
}

async fn pause_after(error: &io::Error) {
    // Whoever has gone before he was served is nobody's fault.
    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        log::warn(format_args!("cannot take a connection: {error}"));
        sleep(PAUSE).await;
    }
}

/// Agrees on TLS first, where it is spoken: in as much time as a question may take.
async fn greet(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router, caller: Caller) {
    // What is printed is shown when it is printed.
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return converse(stream, router, caller).await };
    if let Ok(Ok(stream)) = timeout(PATIENCE, tls.accept(stream)).await {
        converse(stream, router, caller).await;
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, router: Router, caller: Caller) {
    let service = tower_service(router, caller);
    // Whoever breaks it off, or asks nonsense, has been answered as far as that goes.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(LONGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn tower_service(
    router: Router,
    caller: Caller,
) -> impl hyper::service::Service<
    hyper::Request<Incoming>,
    Response = axum::response::Response,
    Error = std::convert::Infallible,
    Future: Send,
> {
    let router = TowerToHyperService::new(router);
    hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(caller.clone());
        hyper::service::Service::call(&router, Request::from(request).map(Body::new))
    })
}
