//! What is asked of a service, and how the asking is answered.

use std::fmt;

use crate::names::{ActionName, OperatorName, RequestId, UserName};

/// "Do this action on behalf of this user", under an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The request's name, unique for as long as ids are remembered.
    pub id: RequestId,
    /// On whose behalf.
    pub user: UserName,
    /// What to do.
    pub action: ActionName,
}

impl Request {
    /// What it is called in the log: the action and the first characters of the id.
    pub fn label(&self) -> String {
        format!("{} {}", self.action, self.id.short())
    }
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct By {
    /// The peer's uid, as the kernel says.
    pub uid: u32,
    /// The person who asks by way of the web console, as that says.
    pub operator: Option<OperatorName>,
}

impl From<u32> for By {
    fn from(uid: u32) -> Self {
        Self { uid, operator: None }
    }
}

impl fmt::Display for By {
    /// The person where there is one, else the uid.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.operator {
            Some(operator) => write!(f, "console/{operator}"),
            None => write!(f, "uid {}", self.uid),
        }
    }
}

/// What the sender of a request is told at once. How the run ends is told later, to who waits for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It will be done, under this id.
    Accepted(RequestId),
    /// It will not be done.
    Refused(Refusal),
}

impl fmt::Display for Answer {
    /// The answer as the plain protocol has it, without the end of line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Accepted(id) => write!(f, "accepted {id}"),
            Answer::Refused(refusal) => write!(f, "refused {refusal}"),
        }
    }
}

/// Why a request is not taken: a word for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The word.
    pub code: RefusalCode,
    /// The sentence: what was wrong, and with what.
    pub message: String,
    /// The ids that it could have been, where one was meant that is none of them.
    pub ids: Vec<RequestId>,
}

impl Refusal {
    /// A refusal with its word and sentence.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), ids: Vec::new() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.message)
    }
}

/// Makes the refusal codes: what each means, and its word in the protocol (docs/PROTOCOL.md).
macro_rules! refusal_codes {
    ($($(#[$doc:meta])* $code:ident = $word:literal,)*) => {
        /// The words of refusals.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum RefusalCode {
            $($(#[$doc])* $code,)*
        }

        impl RefusalCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The word as the protocol has it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word,)*
                }
            }
        }
    };
}

refusal_codes! {
    /// The line is not a request.
    Syntax = "syntax",
    /// The line is longer than a line may be.
    TooLong = "too-long",
    /// The line was not complete in time.
    TooSlow = "too-slow",
    /// The service has no such action.
    UnknownAction = "unknown-action",
    /// The service's callbacks cannot be read.
    Callbacks = "callbacks",
    /// The sender may not ask for this.
    NotAllowed = "not-allowed",
    /// A limit is reached; asking again later may help.
    Busy = "busy",
    /// The service is stopping.
    Stopping = "stopping",
    /// The service's policy cannot be read, or not be followed.
    Policy = "policy",
    /// It cannot be recorded, and so not be promised.
    Journal = "journal",
    /// The id is another request's.
    IdTaken = "id-taken",
    /// There is no such request.
    UnknownId = "unknown-id",
    /// The beginning of an id fits several requests.
    AmbiguousId = "ambiguous-id",
}
