//! What is asked, as a JSON line asks it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{ActionName, OperatorName, RequestId, ServiceName, UserName};

/// Something that a line asks for. Fields that are not known are passed over, so that newer programs can talk to older
/// ones; what is not as it should be is refused, since it is not known then what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Call {
    /// Do an action on behalf of a user.
    Run {
        /// Whose action it is, for the scheduler, which passes on what its table names. A service passes it over.
        #[serde(skip_serializing_if = "Option::is_none")]
        service: Option<ServiceName>,
        /// On whose behalf.
        user: UserName,
        /// What to do.
        action: ActionName,
        /// The request's id, where the sender may choose it.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
        /// How much of what becomes of it is told after the answer.
        #[serde(default, skip_serializing_if = "is_default")]
        tell: Tell,
        /// The person who asks by way of the web console.
        #[serde(skip_serializing_if = "Option::is_none")]
        operator: Option<OperatorName>,
    },
    /// Call a request off.
    Cancel {
        /// The request.
        id: RequestId,
        /// The person who asks by way of the web console.
        #[serde(skip_serializing_if = "Option::is_none")]
        operator: Option<OperatorName>,
    },
    /// Tell what was asked before, and what became of it.
    History(PastWanted),
    /// Tell all about one request.
    Show {
        /// Its id, or the beginning of it.
        id: String,
    },
    /// Which actions are there?
    Actions,
    /// Tell what happens, to one request or to all.
    Follow {
        /// The request, where it is one; with `past` the beginning of its id is enough.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<RequestId>,
        /// What has become of that request so far is told first.
        #[serde(default, skip_serializing_if = "is_default")]
        past: bool,
        /// What runs print is told too.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        output: bool,
    },
    /// Is somebody there?
    Ping,
    /// Is the service healthy?
    Health,
    /// How are things?
    Status,
    /// What comes next on schedule?
    Next {
        /// How much of it.
        #[serde(default = "ten")]
        count: usize,
        /// Only the next instant of each entry.
        #[serde(default, skip_serializing_if = "is_default")]
        each: bool,
    },
    /// Read the configuration again.
    Reload,
}

impl Call {
    /// Tell everything that happens, with what runs print.
    pub fn follow_all() -> Self {
        Self::Follow { id: None, past: false, output: true }
    }
}

/// Which past requests to tell of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastWanted {
    /// Those for this action only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionName>,
    /// Those only that did not succeed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub failed: bool,
    /// Those only that were accepted since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Of each action at most so many that have succeeded or were skipped, the newest; a supervisor of before tells all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successes: Option<usize>,
    /// At most so many, the newest.
    #[serde(default = "a_screenful")]
    pub limit: usize,
}

fn a_screenful() -> usize {
    20
}

fn ten() -> usize {
    10
}

fn yes() -> bool {
    true
}

// The signatures are serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_yes(value: &bool) -> bool {
    *value
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What is told of a request after it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", rename_all = "kebab-case")]
pub enum Tell {
    /// Nothing.
    #[default]
    Nothing,
    /// Its outcome.
    Outcome,
    /// All that becomes of it, with what its run prints.
    Everything,
}

impl TryFrom<String> for Tell {
    type Error = &'static str;

    // By hand, because serde takes `{"outcome":null}` for the word too.
    fn try_from(word: String) -> Result<Self, Self::Error> {
        match word.as_str() {
            "nothing" => Ok(Tell::Nothing),
            "outcome" => Ok(Tell::Outcome),
            "everything" => Ok(Tell::Everything),
            _ => Err("`tell` is `nothing`, `outcome` or `everything`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_says_no_more_than_it_has_to_and_is_read_as_it_was_meant() {
        let (id, user) = ("1f2e".parse().unwrap(), "forum".parse().unwrap());
        let run = |id, tell| Call::Run {
            service: None,
            user: "forum".parse().unwrap(),
            action: "ok".parse().unwrap(),
            id,
            tell,
            operator: None,
        };
        let cases = [
            (run(None, Tell::Nothing), r#"{"op":"run","user":"forum","action":"ok"}"#),
            (
                run(Some("1f2e".parse().unwrap()), Tell::Outcome),
                r#"{"op":"run","user":"forum","action":"ok","id":"1f2e","tell":"outcome"}"#,
            ),
            (Call::Ping, r#"{"op":"ping"}"#),
            (Call::follow_all(), r#"{"op":"follow"}"#),
            (
                Call::Follow { id: Some(id), past: true, output: false },
                r#"{"op":"follow","id":"1f2e","past":true,"output":false}"#,
            ),
            (Call::Next { count: 5, each: true }, r#"{"op":"next","count":5,"each":true}"#),
            (
                Call::History(PastWanted {
                    action: None,
                    failed: true,
                    since: None,
                    successes: None,
                    limit: 7,
                }),
                r#"{"op":"history","failed":true,"limit":7}"#,
            ),
        ];
        for (call, line) in cases {
            assert_eq!(serde_json::to_string(&call).unwrap(), line);
            assert_eq!(serde_json::from_str::<Call>(line).unwrap(), call);
        }
        let _: UserName = user;
    }
}
