//! Who waits for an answer at the request socket, and how it gets there.

use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use crate::log;
use crate::request::{Answer, Refusal, RefusalCode};
use crate::socket::protocol::Reply;
use crate::socket::{Handler, Peer};
use crate::wire::{Call, CalledOff};

use super::engine::{Engine, Incoming};
use super::event::Caller;
use super::followers::Interest;

/// Who waits for an answer, and what is to follow it.
pub(super) struct WaitingCaller {
    pub(super) reply: oneshot::Sender<Reply>,
    pub(super) uid: u32,
    pub(super) interest: Option<Interest>,
}

/// The supervisor's side of the request socket: hands calls to the loop.
#[derive(Clone)]
pub(super) struct Client {
    pub(super) inbox: mpsc::UnboundedSender<Incoming>,
}

impl Handler for Client {
    fn handle(&self, peer: Peer, call: Call) -> impl Future<Output = Reply> + 'static {
        let (reply, answer) = oneshot::channel();
        // Handed over before the future is first polled: a client that does not wait is served too.
        let _ = self.inbox.send(Incoming::Call(peer, call, reply));
        async move {
            let gone = || Refusal::new(RefusalCode::Stopping, "the supervisor has stopped");
            answer.await.unwrap_or_else(|_| Reply::Answer(Answer::Refused(gone())))
        }
    }

    fn refused(&self, peer: Peer, refusal: &Refusal) {
        let _ = self.inbox.send(Incoming::Refused(peer, refusal.clone()));
    }
}

impl Engine {
    pub(super) fn remember(&mut self, waiting: WaitingCaller) -> Caller {
        self.next_caller += 1;
        self.callers.insert(self.next_caller, waiting);
        self.next_caller
    }

    pub(super) fn answer(&mut self, caller: Caller, answer: Answer) {
        let Some(waiting) = self.callers.remove(&caller) else { return };
        self.note_refusal(waiting.uid, &answer);
        let reply = match (waiting.interest, &answer) {
            (Some(interest), Answer::Accepted(_)) => {
                Reply::Stream(answer, self.followers.borrow_mut().follow(interest))
            }
            _ => Reply::Answer(answer),
        };
        // Whoever asked may have gone; it is done all the same.
        let _ = waiting.reply.send(reply);
    }

    pub(super) fn note_refusal(&mut self, uid: u32, answer: &Answer) {
        if let Answer::Refused(refusal) = answer
            && let Some(line) = self.refusals.note(uid, refusal, Instant::now())
        {
            log::warn(line);
        }
    }

    pub(super) fn answer_cancel(&mut self, caller: Caller, answer: Result<(), Refusal>) {
        let reply = match answer {
            Ok(()) => Reply::of(&CalledOff { ok: true }),
            Err(refusal) => Reply::Answer(Answer::Refused(refusal)),
        };
        self.reply(caller, reply);
    }

    pub(super) fn reply(&mut self, caller: Caller, reply: Reply) {
        if let Some(waiting) = self.callers.remove(&caller) {
            let _ = waiting.reply.send(reply);
        }
    }
}
