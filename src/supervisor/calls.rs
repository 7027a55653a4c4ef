//! What callers want: who they are, whether they may, and what they are told.

use tokio::sync::{mpsc, oneshot};

use crate::access::{self, Asker};
use crate::accounts::Accounts;
use crate::clock::Moment;
use crate::names::{ActionName, OperatorName, RequestId, UserName};
use crate::policy::RunAs;
use crate::request::{Answer, By, Refusal, RefusalCode, Request};
use crate::socket::Peer;
use crate::socket::protocol::{self, Reply};
use crate::wire::{self, ActionNames, Call, Greeting, Status, Tell};

use super::beside::Held;
use super::callers::WaitingCaller;
use super::engine::Engine;
use super::event::Event;
use super::followers::Interest;
use super::ledger::Used;
use super::problems;
use super::reading::AnswerForm;
use super::starting::check_user;

/// What only those may do who may ask for anything, and the web console, in a refusal's words.
const READ: &str = "read what was asked";
const FOLLOW: &str = "follow runs";

impl Engine {
    /// Does what a caller wants, or refuses it.
    pub(super) fn call(&mut self, peer: Peer, call: Call, reply: oneshot::Sender<Reply>) {
        let asker = Asker { uid: peer.uid, trusted: self.trusted };
        let waiting = WaitingCaller { reply, uid: peer.uid, interest: None };
        match call {
            Call::Run { service: _, user, action, id, tell, operator } => {
                let by = By { uid: peer.uid, operator: believed(asker, operator) };
                self.run(asker, waiting, (user, action, id), tell, by);
            }
            Call::Health => {
                self.look_at_reading();
                let _ = self.look_for_room();
                self.look_for_problems();
                let caller = self.remember(waiting);
                self.feed(Event::HealthAsked(caller));
            }
            Call::Ping => send_reply(waiting, Reply::of(&Greeting::of(&self.settings.service))),
            Call::Status => {
                self.look_at_reading();
                let _ = self.look_for_room();
                self.look_for_problems();
                let facts = problems::facts_in(&self.settings.folders.state.join("facts"));
                let status = self.machine.status(&self.settings.service, Moment::now());
                send_reply(waiting, Reply::of(&Status { facts, ..status }));
            }
            Call::Cancel { id, operator } => match access::permit_overseer(asker, "call a request off") {
                Ok(()) => self.cancel(waiting, id, believed(asker, operator)),
                Err(refusal) => self.refuse(waiting, refusal),
            },
            Call::Actions => {
                let actions = self.machine.actions().cloned().collect();
                send_reply(waiting, Reply::of(&ActionNames { ok: true, actions }));
            }
            Call::History(past) => {
                self.if_overseer(asker, waiting, READ, |engine, waiting| engine.history(waiting, past));
            }
            Call::Show { id } => {
                self.if_overseer(asker, waiting, READ, |engine, waiting| {
                    engine.find(waiting, id, AnswerForm::Show);
                });
            }
            Call::Follow { id: Some(id), past: true, .. } => {
                let find =
                    |engine: &mut Self, waiting| engine.find(waiting, id.to_string(), AnswerForm::Follow);
                self.if_overseer(asker, waiting, FOLLOW, find);
            }
            Call::Follow { id, output, .. } => {
                let interest = match id {
                    Some(id) => Interest::Request(id),
                    None if output => Interest::Everything,
                    None => Interest::Events,
                };
                self.if_overseer(asker, waiting, FOLLOW, |engine, waiting| {
                    send_reply(waiting, Reply::Lines(engine.follow(interest)));
                });
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
        mut waiting: WaitingCaller,
        (user, action, brought): (UserName, ActionName, Option<RequestId>),
        tell: Tell,
        by: By,
    ) {
        self.read_changed_files();
        let wanted = access::Wanted { user: &user, action: &action, brings_id: brought.is_some() };
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
        self.request(waiting, request, by);
    }

    /// A request that its sender may make; held until it is known which ids are used up.
    pub(super) fn request(&mut self, waiting: WaitingCaller, request: Request, by: By) {
        if !self.machine.is_stopping() && !self.ledger.is_open() {
            return self.hold(Held::Request(waiting, request, by));
        }
        self.mend_journal();
        match self.ledger.used(&request) {
            None => self.ask(waiting, request, by),
            Some(Used::Same) => self.answer_again(waiting, request.id),
            Some(Used::SameLongAgo) => self.answer_forgotten(waiting, request.id),
            Some(Used::Another) => {
                let message = format!("the id `{}` was used for another request", request.id);
                self.refuse(waiting, Refusal::new(RefusalCode::IdTaken, message));
            }
        }
    }

    /// The same was asked before, under the same id: the same answer, and nothing is done twice.
    fn answer_again(&mut self, waiting: WaitingCaller, id: RequestId) {
        if waiting.interest.is_some() {
            return self.find(waiting, id.to_string(), AnswerForm::Outcome(id));
        }
        let caller = self.remember(waiting);
        self.answer(caller, Answer::Accepted(id));
    }

    /// The same was asked so long ago that only its id is remembered: there is no outcome to wait for.
    fn answer_forgotten(&mut self, waiting: WaitingCaller, id: RequestId) {
        if waiting.interest.is_none() {
            return self.answer_again(waiting, id);
        }
        let line = protocol::object(&wire::Event::Forgotten { id: id.clone() });
        send_reply(waiting, Reply::Stream(Answer::Accepted(id), lines_of(line)));
    }

    fn if_overseer(
        &mut self,
        asker: Asker,
        waiting: WaitingCaller,
        what: &str,
        then: impl FnOnce(&mut Self, WaitingCaller),
    ) {
        match access::permit_overseer(asker, what) {
            Ok(()) => then(self, waiting),
            Err(refusal) => self.refuse(waiting, refusal),
        }
    }

    /// Calls a request off; held until it is known which there are.
    pub(super) fn cancel(&mut self, waiting: WaitingCaller, id: RequestId, operator: Option<OperatorName>) {
        if !self.machine.is_stopping() && !self.ledger.is_open() {
            return self.hold(Held::Cancel(waiting, id, operator));
        }
        let caller = self.remember(waiting);
        self.feed(Event::CancelAsked(caller, id, operator));
    }

    /// Sees whether what failed before works now: nobody waits out a failure that is mended.
    fn mend_journal(&mut self) {
        self.ledger.retry_now(Moment::now());
        self.flush_after_failure();
    }

    fn ask(&mut self, waiting: WaitingCaller, request: Request, by: By) {
        match self.check_rule(&request).and_then(|()| self.look_for_room()) {
            Ok(()) => {
                let caller = self.remember(waiting);
                self.feed(Event::Asked(caller, request, by));
            }
            Err(refusal) => self.refuse(waiting, refusal),
        }
    }

    /// Whether the rule of its action can be followed here.
    fn check_rule(&self, request: &Request) -> Result<(), Refusal> {
        match self.machine.policy().rule(&request.action).run_as {
            RunAs::Request => check_user(&request.action, &request.user),
            RunAs::Root => Ok(()),
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

    /// What callbacks have left, when it is other than before.
    pub(super) fn look_for_problems(&mut self) {
        let problems = problems::in_folder(&self.settings.folders.state.join("problems"));
        if problems != *self.machine.problems() {
            self.feed(Event::Problems(problems));
        }
    }

    pub(super) fn refuse(&mut self, waiting: WaitingCaller, refusal: Refusal) {
        let answer = Answer::Refused(refusal);
        self.note_refusal(waiting.uid, &answer);
        let _ = waiting.reply.send(Reply::Answer(answer));
    }

    /// Callbacks and policy, when their files are others than before. Once in a turn: all that is asked in one is decided at
    /// its end.
    fn read_changed_files(&mut self) {
        if std::mem::replace(&mut self.has_looked, true) {
            return;
        }
        if self.files.callbacks_changed() {
            self.feed(Event::CallbacksChanged);
        }
        if let Some(policy) = self.files.changed_policy() {
            self.feed(Event::PolicyChanged(policy));
        }
    }
}

/// The person who asks, as those alone are believed who may ask for anything, and the web console.
fn believed(asker: Asker, operator: Option<OperatorName>) -> Option<OperatorName> {
    operator.filter(|_| asker.oversees())
}

pub(super) fn send_reply(waiting: WaitingCaller, reply: Reply) {
    // Whoever asked may have gone.
    let _ = waiting.reply.send(reply);
}

/// A line after which no more come.
pub(super) fn lines_of(line: String) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    let _ = sender.try_send(line);
    lines
}

/// The uid of a user by name. An account that cannot be looked up is nobody's.
fn uid_of(user: &UserName) -> Option<u32> {
    Accounts::system().find(user).ok().flatten().map(|account| account.uid)
}
