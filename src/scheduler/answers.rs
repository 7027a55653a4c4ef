//! The scheduler's own request socket: what it is asked, and what it says of itself.

use serde_json::{Value, json};
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::oneshot;

use crate::claim::{self, ClaimError};
use crate::request::{Answer, Refusal, RefusalCode};
use crate::settings::Settings;
use crate::socket::protocol::{Call, Reply, VERSION};
use crate::socket::{Handler, Peer, serve};

/// Calls that may wait for the loop.
const INBOX: usize = 256;

/// A call, who calls, and where the answer goes.
pub(crate) type Asked = (Peer, Call, oneshot::Sender<Reply>);

/// Opens the socket; the calls that come in. Runs on a tokio `LocalSet`; the lock must be held.
pub(crate) fn listen(settings: &Settings) -> Result<mpsc::Receiver<Asked>, ClaimError> {
    let (inbox, calls) = mpsc::channel(INBOX);
    if let Some(listener) = claim::listen(settings)? {
        tokio::task::spawn_local(serve(listener, Client { inbox }));
    }
    Ok(calls)
}

/// Hands calls to the loop.
#[derive(Clone)]
struct Client {
    inbox: Sender<Asked>,
}

impl Handler for Client {
    fn handle(&self, peer: Peer, call: Call) -> impl Future<Output = Reply> + 'static {
        let (reply, answer) = oneshot::channel();
        let handed = self.inbox.try_send((peer, call, reply));
        async move {
            let busy = || refuse(RefusalCode::Busy, "too much is asked at once");
            match handed {
                Ok(()) => {
                    answer.await.unwrap_or_else(|_| refuse(RefusalCode::Stopping, "the scheduler stops"))
                }
                Err(_) => busy(),
            }
        }
    }
}

/// A refusal as a reply.
pub(crate) fn refuse(code: RefusalCode, message: &str) -> Reply {
    Reply::Answer(Answer::Refused(Refusal::new(code, message)))
}

/// Whether a caller may change something: root, and whoever the scheduler runs as.
pub(crate) fn may_order(peer: Peer) -> bool {
    peer.uid == 0 || peer.uid == nix::unistd::geteuid().as_raw()
}

/// The answer to a ping.
pub(crate) fn ping(settings: &Settings) -> Value {
    json!({
        "ok": true, "service": settings.service.as_str(), "protocol": VERSION,
        "version": env!("CARGO_PKG_VERSION"),
    })
}
