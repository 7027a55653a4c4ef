//! What is answered, but for the status.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::lenient;
use super::record::RequestRecord;
use super::status::Degradations;
use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::request::{Refusal, RefusalCode};
use crate::visible;

/// It will be done, under this id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Always true.
    #[serde(default)]
    pub ok: bool,
    /// The request's id.
    pub id: RequestId,
}

/// It will not be done, or not be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Always false.
    #[serde(default)]
    pub ok: bool,
    /// Why, in a word: a [`RefusalCode`]'s, or one of a later version.
    #[serde(default, deserialize_with = "lenient::sentence")]
    pub code: String,
    /// Why, in a sentence.
    #[serde(default, deserialize_with = "lenient::sentence")]
    pub message: String,
    /// The ids that begin as the one that was meant, where that is why.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "lenient::list")]
    pub ids: Vec<RequestId>,
}

impl Refused {
    /// Whether that is the reason.
    pub fn is(&self, code: RefusalCode) -> bool {
        self.code == code.as_str()
    }

    /// Reads a plain line, `refused CODE: message`: so answers who does not take the question in any more.
    pub fn plain(line: &str) -> Option<Self> {
        let (code, message) = line.trim_end().strip_prefix("refused ")?.split_once(": ")?;
        let [code, message] = [code, message].map(|text| visible::line(text).into_owned());
        Some(Self { ok: false, code, message, ids: Vec::new() })
    }
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        let Refusal { code, message, ids } = refusal;
        Self { ok: false, code: code.as_str().to_owned(), message: message.clone(), ids: ids.clone() }
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// What was asked before. Programs may want the rows as they were told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(bound(deserialize = "Row: serde::de::DeserializeOwned"))]
pub struct History<Row = RequestRecord> {
    /// Always true.
    #[serde(default)]
    pub ok: bool,
    /// The requests, the newest first.
    #[serde(default, deserialize_with = "lenient::list")]
    pub runs: Vec<Row>,
}

/// All about one request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The request; nothing where it is told in a way that is not known here.
    #[serde(default, deserialize_with = "lenient::field")]
    pub run: Option<RequestRecord>,
    /// What its last attempt printed, as far as it is kept.
    #[serde(default, deserialize_with = "lenient::field")]
    pub output: Option<String>,
    /// How much it printed before that, in bytes; earlier versions do not tell.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::field")]
    pub dropped: Option<u64>,
}

/// The actions that there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionNames {
    /// Always true.
    #[serde(default)]
    pub ok: bool,
    /// By name.
    #[serde(default, deserialize_with = "lenient::list")]
    pub actions: Vec<ActionName>,
}

/// A request was called off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalledOff {
    /// Always true.
    #[serde(default)]
    pub ok: bool,
}

/// The configuration was read again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Always true.
    #[serde(default)]
    pub ok: bool,
    /// What is wrong with it.
    #[serde(flatten)]
    pub degraded: Degradations,
}

/// What comes next on schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextOccurrences {
    /// Always true.
    #[serde(default)]
    pub ok: bool,
    /// In the order of time.
    pub next: Vec<Occurrence>,
    /// Which time zones the scheduler goes by.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::line")]
    pub zones: Option<String>,
    /// Which entries are due at another time by the zones that are not used, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient::line")]
    pub zones_differ: Option<String>,
}

/// An instant at which the scheduler asks a service for something. Instants are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// When it is asked for.
    pub due: i64,
    /// The instant that the entry names.
    #[serde(default, deserialize_with = "lenient::field")]
    pub at: Option<i64>,
    /// The entry's time zone.
    #[serde(default, deserialize_with = "lenient::line")]
    pub zone: Option<String>,
    /// The entry's time as it is written.
    #[serde(default, deserialize_with = "lenient::line")]
    pub time: Option<String>,
    /// The entry's line.
    #[serde(default, deserialize_with = "lenient::field")]
    pub line: Option<u64>,
    /// Who is asked.
    pub service: ServiceName,
    /// On whose behalf.
    pub user: UserName,
    /// For what.
    pub action: ActionName,
}

impl Occurrence {
    /// When it is asked for.
    pub fn due_at(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.due).ok()
    }
}
