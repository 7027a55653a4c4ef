//! What happens, and what is to be done about it: the words between the machine and the loop around it.

use jiff::Timestamp;

use crate::journal::{JournalRecord, UnfinishedRequest};
use crate::listener::pool::{Key, Purpose, Source};
use crate::names::{OperatorName, RequestId};
use crate::policy::Policy;
use crate::process::{Pid, Status};
use crate::request::{Answer, By, Refusal, Request};
use crate::signals::Number;
use crate::wire::Health;

use super::life::Setting;
use super::notify::ServiceProgress;
use super::overdue::{News, Overdue};
use super::problems::Problems;

/// Who waits for an answer.
pub type Caller = u64;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The supervisor is ready to begin.
    Begin,
    /// How much of the journal has been read, in hundredths; nothing when that is over.
    Reading(Option<u64>),
    /// How each action last ended, as the journal tells.
    Remembered(Overdue),
    /// What an earlier supervisor had accepted and not carried out.
    TakeUp(Vec<UnfinishedRequest>),
    /// `entrypoint.sh` runs, as this process.
    ServiceStarted(Pid),
    /// `entrypoint.sh` cannot be executed: the status to leave with, and why.
    ServiceNotStarted(u8, String),
    /// The personality says something.
    Set(Setting),
    /// A listener runs, as this process, whose children carry this token.
    ListenerStarted(Key, Pid, String),
    /// A listener could not be started.
    ListenerNotStarted(Key, String),
    /// A listener has read its callbacks, these functions; why they cannot be forked.
    ListenerReady(Key, Vec<String>, Option<String>),
    /// A listener was forked: its process, whose children carry this token.
    Forked(Key, Pid, String),
    /// Listeners could not be forked, and why.
    NotForked(Vec<Key>, String),
    /// A request was written to its listener.
    Handed(Key),
    /// A request could not be written to its listener.
    NotHanded(Key),
    /// The callbacks' file is another than before.
    CallbacksChanged,
    /// The policy's file is another than before: what it says, or what is wrong with it.
    PolicyChanged(Result<Policy, String>),
    /// A request that its sender may make; the sender's uid.
    Asked(Caller, Request, By),
    /// Somebody calls a request off.
    CancelAsked(Caller, RequestId, Option<OperatorName>),
    /// Somebody wants to know whether the service is healthy.
    HealthAsked(Caller),
    /// All that has come in was taken in: what can be promised is to be decided. What follows next is
    /// [`Event::Durable`] or [`Event::NotDurable`], unless there was nothing to record.
    Decide,
    /// All that was to be recorded is on disk.
    Durable,
    /// What was to be recorded could not be, and why: what the last [`Event::Decide`] has led to is undone.
    NotDurable(String),
    /// Whether there is room for another request in the journal: why not, where there is none.
    Room(Option<String>),
    /// The problems that callbacks have left are others than before.
    Problems(Problems),
    /// A signal for the supervisor, other than CHLD.
    Signal(Number),
    /// A child has ended; with the last lines it said, where they were kept.
    Ended(Pid, Status, Option<String>),
    /// What a run had left behind has been told to end: these.
    Remains(Key, Vec<String>),
    /// The last child, and with it the last descendant, is gone.
    NoneLeft,
    /// A sweep is done.
    Swept(Sweep),
    /// The time that the machine named as its deadline has come.
    DeadlinePassed,
}

/// What a sweep of the descendants met.
#[derive(Debug, Clone, Default)]
pub struct Sweep {
    /// Those that got the signal, as "name (pid N)".
    pub signalled: Vec<String>,
    /// Those that may not be signalled.
    pub refused: Vec<String>,
}

/// What an event leads to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// What is to be recorded, in this order. Only what [`Event::Decide`] leads to may be taken back.
    pub records: Vec<JournalRecord>,
    /// What happens at once.
    pub now: Vec<Action>,
    /// Who is answered when the records are on disk, before anybody is told of them.
    pub answers: Vec<(Caller, Answer)>,
    /// What happens when the records are on disk.
    pub then: Vec<Action>,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Run `entrypoint.sh`.
    StartService,
    /// Run `listener.sh`, with these callbacks.
    StartListener(Key, Purpose, Source),
    /// Have the first listener fork these.
    Fork(Key, Vec<Key>),
    /// Keep a copy of the callbacks on disk: they are good.
    KeepCallbacks,
    /// Write the request to the listener.
    Hand(Key, Request),
    /// Send a signal to a process.
    Signal(Pid, Number),
    /// Send a signal to a process group.
    SignalGroup(Pid, Number),
    /// Send a signal to what a run has left behind: the group of this leader, and who carries this token.
    SignalRemains(Key, Remains, Number),
    /// Send a signal to every descendant, save those in the groups of these leaders.
    Sweep(Number, Vec<Pid>),
    /// Answer a request.
    Answer(Caller, Answer),
    /// Answer who called a request off.
    AnswerCancel(Caller, Result<(), Refusal>),
    /// Answer a question for health.
    AnswerHealth(Caller, Health),
    /// Tell who started us how far the service is.
    Notify(ServiceProgress),
    /// Tell those who follow everything.
    Tell(News),
    /// Tell those who follow everything which problems there are now.
    TellProblems(Problems, Timestamp),
    /// Say something in the container log.
    Say(Level, String),
    /// Leave, with this status.
    Leave(u8),
}

/// How to find what is left of a run when its listener has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// The process that led the run's group.
    pub leader: Pid,
    /// What the run's processes carry, those in groups of their own too.
    pub token: String,
}

/// How much a line of the log matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info,
    /// Not as it should be, and things go on.
    Warn,
    /// Something wanted did not happen.
    Error,
}
