//! What happens, and what is to be done about it: the words between the machine and the loop around it.

use crate::journal::{Entry, Open};
use crate::listener::pool::{Key, Purpose, Source};
use crate::names::RequestId;
use crate::policy::Policy;
use crate::process::{Pid, Status};
use crate::request::{Answer, Request};
use crate::signals::Number;
use crate::wire::Health;

use super::life::Setting;
use super::notify::Progress;
use super::overdue::{News, Overdue};

/// Who waits for an answer.
pub type Caller = u64;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// The supervisor is ready to begin.
    Begin,
    /// How each action last ended, as a journal tells that could not be opened at the start.
    Remembered(Overdue),
    /// What an earlier supervisor had accepted and not carried out.
    TakeUp(Vec<Open>),
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
    /// A listener has read its callbacks, these functions.
    ListenerReady(Key, Vec<String>),
    /// A request was written to its listener.
    Handed(Key),
    /// A request could not be written to its listener.
    NotHanded(Key),
    /// The callbacks' file is another than before.
    CallbacksChanged,
    /// The policy's file is another than before: what it says, or what is wrong with it.
    PolicyChanged(Result<Policy, String>),
    /// A request that its sender may make; the sender's uid.
    Asked(Caller, Request, u32),
    /// Somebody calls a request off.
    CancelAsked(Caller, RequestId),
    /// Somebody wants to know whether the service is healthy.
    HealthAsked(Caller),
    /// What was to be recorded could not be: these requests are not accepted after all, these listeners did
    /// not get their requests, and why.
    NotRecorded(Vec<RequestId>, Vec<Key>, String),
    /// What could not be recorded before is on disk now.
    Recorded,
    /// Whether there is room for another request in the journal: why not, where there is none.
    Room(Option<String>),
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

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Run `entrypoint.sh`.
    StartService,
    /// Run `listener.sh`, with these callbacks.
    StartListener(Key, Purpose, Source),
    /// Keep a copy of the callbacks on disk: they are good.
    KeepCallbacks,
    /// Write this to the journal. What follows happens once it is on disk.
    Record(Entry),
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
    /// Answer who called a request off: whether there was one.
    AnswerCancel(Caller, bool),
    /// Answer a question for health.
    AnswerHealth(Caller, Health),
    /// Tell who started us how far the service is.
    Notify(Progress),
    /// Tell those who follow everything.
    Tell(News),
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
    /// What the run's processes carry in their environment, those in groups of their own too.
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
