//! Taking connections: at most so many, from one uid at most so many, and never in a loop of failures.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{UnixListener, UnixStream};

use crate::access::{Asker, Trusted};
use crate::log;
use crate::request::{Answer, Refusal, RefusalCode};

use super::connection;
use super::protocol::{Form, Reply, render};
use crate::wire::Call;

/// Connections that are open at the same time.
const MOST_CONNECTIONS: usize = 512;
/// Of these, those of one uid that may not ask for anything.
const MOST_OF_ONE_UID: usize = 64;
/// How long to wait after a connection could not be taken, for descriptors to come free.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is at the other end, as the kernel says (`SO_PEERCRED`). Never its pid: between containers it is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The uid it had when it connected.
    pub uid: u32,
}

/// What is done about calls.
pub trait Handler {
    /// Does what is called for; the reply may take its time, and others are served meanwhile.
    fn handle(&self, peer: Peer, call: Call) -> impl Future<Output = Reply> + 'static;

    /// Is told of what was refused before it came to a call: a line that is none, a connection too many.
    fn refused(&self, _peer: Peer, _refusal: &Refusal) {}
}

type Counts = Rc<RefCell<HashMap<u32, usize>>>;

/// Serves every connection to `listener`, for ever. Runs within a [`tokio::task::LocalSet`].
pub async fn serve(listener: UnixListener, trusted: Trusted, handler: impl Handler + Clone + 'static) {
    let counts = Counts::default();
    let mut failing = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                failing = false;
                let (counts, handler) = (counts.clone(), handler.clone());
                tokio::task::spawn_local(async move {
                    // Nobody is left to tell when a connection breaks.
                    let _ = admit(stream, trusted, counts, handler).await;
                });
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    log::error(format_args!("cannot take connections to the request socket: {error}"));
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn admit(
    mut stream: UnixStream,
    trusted: Trusted,
    counts: Counts,
    handler: impl Handler,
) -> io::Result<()> {
    let peer = Peer { uid: stream.peer_cred()?.uid() };
    let Some(_place) = Place::take(peer.uid, trusted, counts) else {
        let refusal = Refusal::new(RefusalCode::Busy, "too many connections are open");
        handler.refused(peer, &refusal);
        let reply = render(&Answer::Refused(refusal), Form::Plain);
        return stream.write_all(reply.as_bytes()).await;
    };
    connection::converse(stream, Asker { uid: peer.uid, trusted }, handler).await
}

/// One connection's place among those of its uid, given back when it ends.
struct Place {
    uid: u32,
    counts: Counts,
}

impl Place {
    fn take(uid: u32, trusted: Trusted, counts: Counts) -> Option<Self> {
        let mut open = counts.borrow_mut();
        let all: usize = open.values().sum();
        let own = open.entry(uid).or_default();
        if all >= MOST_CONNECTIONS || (!trusted.has(uid) && *own >= MOST_OF_ONE_UID) {
            return None;
        }
        *own += 1;
        drop(open);
        Some(Self { uid, counts })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.counts.borrow_mut();
        if let Some(own) = open.get_mut(&self.uid) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.uid);
            }
        }
    }
}
