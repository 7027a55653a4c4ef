//! What callers want: who they are, whether they may, and what they are told.

use tokio::sync::{mpsc, oneshot};

use crate::access::{self, Asker, Wanted};
use crate::accounts::Accounts;
use crate::clock::Moment;
use crate::names::{ActionName, RequestId, UserName};
use crate::request::{Answer, Refusal, RefusalCode, Request};
use crate::socket::Peer;
use crate::socket::protocol::{self, Reply};
use crate::wire::{ActionNames, Call, Event as Told, Greeting, Tell};

use super::callers::Waiting;
use super::ending::end_survivors;
use super::engine::Engine;
use super::event::Event;
use super::followers::Interest;
use super::ledger::Used;
use super::overdue::Overdue;
use super::past::Past;

impl Engine {
    /// Does what a caller wants, or refuses it.
    pub(super) fn call(&mut self, peer: Peer, call: Call, reply: oneshot::Sender<Reply>) {
        let asker = Asker { uid: peer.uid, own_uid: nix::unistd::geteuid().as_raw() };
        let waiting = Waiting { reply, uid: peer.uid, interest: None };
        match call {
            Call::Run { user, action, id, tell } => self.run(asker, waiting, (user, action, id), tell),
            Call::Health => {
                let _ = self.look_for_room();
                let caller = self.remember(waiting);
                self.feed(Event::HealthAsked(caller));
            }
            Call::Ping => send_reply(waiting, Reply::of(&Greeting::of(&self.settings.service))),
            Call::Status => {
                let _ = self.look_for_room();
                let status = self.machine.status(&self.settings.service, Moment::now());
                send_reply(waiting, Reply::of(&status));
            }
            Call::Cancel { id } => match access::permit_root(asker, "call a request off") {
                Ok(()) => {
                    let caller = self.remember(waiting);
                    self.feed(Event::CancelAsked(caller, id));
                }
                Err(refusal) => self.refuse(waiting, refusal),
            },
            Call::Actions => {
                let actions = self.machine.actions().cloned().collect();
                send_reply(waiting, Reply::of(&ActionNames { ok: true, actions }));
            }
            Call::History(past) => self.tell(asker, waiting, |runs| runs.history(&past)),
            Call::Show { id } => self.tell(asker, waiting, |runs| runs.show(&id)),
            Call::Follow { id, past, output } => {
                let follow = || match id {
                    Some(id) if past => self.follow_from_the_start(&id),
                    Some(id) => Ok(self.follow(Interest::Request(id))),
                    None if output => Ok(self.follow(Interest::Everything)),
                    None => Ok(self.follow(Interest::Events)),
                };
                match access::permit_root(asker, "follow runs").and_then(|()| follow()) {
                    Ok(lines) => send_reply(waiting, Reply::Lines(lines)),
                    Err(refusal) => self.refuse(waiting, refusal),
                }
            }
            Call::Next { .. } => {
                let message = "a supervisor has no schedule: ask the scheduler";
                self.refuse(waiting, Refusal::new(RefusalCode::Syntax, message));
            }
            Call::Reload => {
                let message =
                    "a supervisor has nothing to reload: changed files are read at the next request";
                self.refuse(waiting, Refusal::new(RefusalCode::Syntax, message));
            }
        }
    }

    fn run(
        &mut self,
        asker: Asker,
        mut waiting: Waiting,
        (user, action, brought): (UserName, ActionName, Option<RequestId>),
        tell: Tell,
    ) {
        self.read_changed_files();
        let wanted = Wanted { user: &user, action: &action, brings_id: brought.is_some() };
        let rule = self.machine.policy().rule(&action);
        if let Err(refusal) = access::permit(asker, wanted, rule, uid_of) {
            return self.refuse(waiting, refusal);
        }
        let id = match brought.map_or_else(RequestId::random, Ok) {
            Ok(id) => id,
            Err(error) => {
                let message = format!("the kernel has no randomness for an id: {error}");
                return self.refuse(waiting, Refusal::new(RefusalCode::Busy, message));
            }
        };
        let request = Request { id, user, action };
        waiting.interest = match tell {
            Tell::Nothing => None,
            Tell::Outcome => Some(Interest::Outcome(request.id.clone())),
            Tell::Everything => Some(Interest::Request(request.id.clone())),
        };
        if let Err(refusal) = self.mend_journal() {
            return self.refuse(waiting, refusal);
        }
        match self.ledger.used(&request) {
            None => self.ask(waiting, request, asker.uid),
            Some(Used::Same) => self.answer_again(waiting, request.id),
            Some(Used::SameLongAgo) => self.answer_forgotten(waiting, request.id),
            Some(Used::Another) => {
                let message = format!("the id `{}` was used for another request", request.id);
                self.refuse(waiting, Refusal::new(RefusalCode::IdTaken, message));
            }
        }
    }

    /// The same was asked before, under the same id: the same answer, and nothing is done twice.
    fn answer_again(&mut self, waiting: Waiting, id: RequestId) {
        if waiting.interest.is_some()
            && let Some(line) = self.past().outcome(&id)
        {
            return send_reply(waiting, Reply::Stream(Answer::Accepted(id), lines_of(line)));
        }
        let caller = self.remember(waiting);
        self.answer_when_recorded(caller, Answer::Accepted(id));
    }

    /// The same was asked so long ago that only its id is remembered: there is no outcome to wait for.
    fn answer_forgotten(&mut self, waiting: Waiting, id: RequestId) {
        if waiting.interest.is_none() {
            return self.answer_again(waiting, id);
        }
        let line = protocol::object(&Told::Forgotten { id: id.clone() });
        send_reply(waiting, Reply::Stream(Answer::Accepted(id), lines_of(line)));
    }

    fn tell(
        &mut self,
        asker: Asker,
        waiting: Waiting,
        what: impl FnOnce(&Past<'_>) -> Result<Reply, Refusal>,
    ) {
        let told = access::permit_root(asker, "read what was asked").and_then(|()| what(&self.past()));
        match told {
            Ok(reply) => send_reply(waiting, reply),
            Err(refusal) => self.refuse(waiting, refusal),
        }
    }

    fn past(&self) -> Past<'_> {
        Past { folder: &self.settings.folders.state, outputs: &self.outputs, listeners: &self.listeners }
    }

    /// Sees whether what failed before works now: nobody waits out a failure that is mended.
    fn mend_journal(&mut self) -> Result<(), Refusal> {
        self.ledger.retry_now(Moment::now());
        self.flush_after_failure();
        if let Some(recovered) = self.ledger.open_late(Moment::now())? {
            end_survivors(&recovered.open);
            self.feed(Event::Remembered(Overdue::new(recovered.last, recovered.since)));
            self.feed(Event::Recorded);
            self.feed(Event::TakeUp(recovered.open));
        }
        Ok(())
    }

    fn ask(&mut self, waiting: Waiting, request: Request, by: u32) {
        match self.look_for_room() {
            Ok(()) => {
                let caller = self.remember(waiting);
                self.feed(Event::Asked(caller, request, by));
            }
            Err(refusal) => self.refuse(waiting, refusal),
        }
    }

    /// Makes sure of room for another request in the journal; where there is none, that is shown.
    fn look_for_room(&mut self) -> Result<(), Refusal> {
        let room = self.ledger.prepare(self.machine.open());
        let fault = room.as_ref().err().map(|refusal| refusal.message.clone());
        if fault.as_ref() != self.machine.no_room() {
            self.feed(Event::Room(fault));
        }
        room
    }

    fn follow(&self, interest: Interest) -> mpsc::Receiver<String> {
        self.followers.borrow_mut().follow(interest)
    }

    /// First what has become of a request so far, then what becomes of it. Nothing lies between the two: both
    /// are taken within one turn of the loop.
    fn follow_from_the_start(&self, id: &RequestId) -> Result<mpsc::Receiver<String>, Refusal> {
        let (run, past) = self.past().so_far(id.as_str())?;
        Ok(match run.outcome {
            Some(_) => lines_of(past),
            None => self.followers.borrow_mut().follow_after(past, Interest::Request(run.id)),
        })
    }

    fn refuse(&mut self, waiting: Waiting, refusal: Refusal) {
        let answer = Answer::Refused(refusal);
        self.note_refusal(waiting.uid, &answer);
        let _ = waiting.reply.send(Reply::Answer(answer));
    }

    /// Callbacks and policy, when their files are others than before.
    fn read_changed_files(&mut self) {
        if self.files.callbacks_changed() {
            self.feed(Event::CallbacksChanged);
        }
        if let Some(policy) = self.files.changed_policy() {
            self.feed(Event::PolicyChanged(policy));
        }
    }
}

fn send_reply(waiting: Waiting, reply: Reply) {
    // Whoever asked may have gone.
    let _ = waiting.reply.send(reply);
}

/// A line after which no more come.
fn lines_of(line: String) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    let _ = sender.try_send(line);
    lines
}

/// The uid of a user by name. An account that cannot be looked up is nobody's.
fn uid_of(user: &UserName) -> Option<u32> {
    Accounts::system().find(user).ok().flatten().map(|account| account.uid)
}
