//! How something ended, as the sockets tell it.

use serde::{Deserialize, Serialize};

use super::words::words;
use crate::outcome::Outcome as Ending;

words! {
    /// How a request or an attempt ended, in a word.
    OutcomeWord,
    /// What was asked for is done.
    Succeeded = "succeeded",
    /// The callback ended with another status than 0.
    Failed = "failed",
    /// It took longer than its timeout.
    TimedOut = "timed-out",
    /// The supervisor, the container or the machine stopped before it was done.
    Interrupted = "interrupted",
    /// Somebody called it off.
    Cancelled = "cancelled",
    /// There was nothing to do: its action was already on, or the callback said so.
    Skipped = "skipped",
}

/// How something ended: a word, and the status of what failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The word.
    pub word: OutcomeWord,
    /// The status with which it failed, 128 + n when signal n killed it.
    pub code: Option<u8>,
}

impl Outcome {
    /// Whether what was asked for is done.
    pub fn is_success(&self) -> bool {
        self.word == OutcomeWord::Succeeded
    }

    /// Whether it ended otherwise than it should: by a failure, its timeout, or an interruption. What a later version
    /// has a new word for is none of what we know to be in order.
    pub fn is_failure(&self) -> bool {
        use OutcomeWord::{Cancelled, Skipped, Succeeded};
        !matches!(self.word, Succeeded | Cancelled | Skipped)
    }
}

impl From<Ending> for Outcome {
    fn from(ending: Ending) -> Self {
        let (word, code) = match ending {
            Ending::Succeeded => (OutcomeWord::Succeeded, None),
            Ending::Failed(code) => (OutcomeWord::Failed, Some(code)),
            Ending::TimedOut => (OutcomeWord::TimedOut, None),
            Ending::Interrupted => (OutcomeWord::Interrupted, None),
            Ending::Cancelled => (OutcomeWord::Cancelled, None),
            Ending::Skipped => (OutcomeWord::Skipped, None),
        };
        Self { word, code }
    }
}

impl From<&Outcome> for Ending {
    /// A word that a later version added is an end all the same; nobody can tell which.
    fn from(outcome: &Outcome) -> Self {
        match (&outcome.word, outcome.code) {
            (OutcomeWord::Succeeded, _) => Ending::Succeeded,
            (OutcomeWord::Failed, Some(code)) => Ending::Failed(code),
            (OutcomeWord::TimedOut, _) => Ending::TimedOut,
            (OutcomeWord::Cancelled, _) => Ending::Cancelled,
            (OutcomeWord::Skipped, _) => Ending::Skipped,
            _ => Ending::Interrupted,
        }
    }
}

impl std::fmt::Display for Outcome {
    /// `succeeded`, `failed 3`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word.as_str())?;
        self.code.map_or(Ok(()), |code| write!(f, " {code}"))
    }
}

/// The fields in which an outcome is told. `outcome` is its word; in a status it is `failed 3`, as it always was
/// there, and `word` stands beside it.
#[derive(Default, Serialize, Deserialize)]
struct Fields {
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::lenient::field")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::lenient::field")]
    word: Option<OutcomeWord>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::lenient::field")]
    code: Option<u8>,
}

impl Fields {
    fn read(self) -> Option<Outcome> {
        let Self { outcome, word, code } = self;
        if let Some(word) = word {
            return Some(Outcome { word, code });
        }
        let told = outcome?;
        // What a supervisor of before tells in a status.
        let (word, joined) = match told.split_once(' ') {
            Some((word, joined)) => (word, joined.parse().ok()),
            None => (&*told, None),
        };
        Some(Outcome { word: word.into(), code: code.or(joined) })
    }
}

/// An outcome as `outcome` and `code`, for use with `flatten`.
pub(super) mod fields {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Fields, Outcome};

    pub(in crate::wire) fn serialize<S: Serializer>(outcome: &Outcome, to: S) -> Result<S::Ok, S::Error> {
        let word = Some(outcome.word.as_str().to_owned());
        Fields { outcome: word, word: None, code: outcome.code }.serialize(to)
    }

    pub(in crate::wire) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Outcome, D::Error> {
        Fields::deserialize(from)?.read().ok_or_else(|| D::Error::missing_field("outcome"))
    }
}

/// The same, where there may be none yet.
pub(super) mod optional_fields {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Fields, Outcome};

    // The signature is serde's.
    #[allow(clippy::ref_option)]
    pub(in crate::wire) fn serialize<S: Serializer>(
        outcome: &Option<Outcome>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match outcome {
            Some(outcome) => super::fields::serialize(outcome, to),
            None => Fields::default().serialize(to),
        }
    }

    pub(in crate::wire) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Outcome>, D::Error> {
        Ok(Fields::deserialize(from)?.read())
    }
}

/// An outcome as a status tells it: in words as `outcome`, and beside that as `word` and `code`.
pub(super) mod in_words_too {
    use serde::{Deserializer, Serialize, Serializer};

    use super::{Fields, Outcome};

    pub(in crate::wire) fn serialize<S: Serializer>(outcome: &Outcome, to: S) -> Result<S::Ok, S::Error> {
        let in_words = Some(outcome.to_string());
        Fields { outcome: in_words, word: Some(outcome.word.clone()), code: outcome.code }.serialize(to)
    }

    pub(in crate::wire) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Outcome, D::Error> {
        super::fields::deserialize(from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_outcome_is_read_in_the_form_of_every_version() {
        let read = |told: Value| Fields::deserialize(told).unwrap().read();
        let failed = |code| Some(Outcome { word: OutcomeWord::Failed, code });
        assert_eq!(read(json!({"outcome": "failed 3"})), failed(Some(3)));
        assert_eq!(read(json!({"outcome": "failed", "code": 3})), failed(Some(3)));
        assert_eq!(read(json!({"outcome": "failed 3", "word": "failed", "code": 3})), failed(Some(3)));
        assert_eq!(read(json!({"outcome": "failed", "code": "many"})), failed(None));
        assert_eq!(read(json!({"outcome": 3})), None);
        let later = read(json!({"outcome": "hibernated"})).unwrap();
        assert_eq!((later.to_string().as_str(), Ending::from(&later)), ("hibernated", Ending::Interrupted));
    }

    #[test]
    fn every_ending_survives_the_way_there_and_back() {
        let endings = [
            Ending::Succeeded,
            Ending::Failed(3),
            Ending::TimedOut,
            Ending::Interrupted,
            Ending::Cancelled,
            Ending::Skipped,
        ];
        for ending in endings {
            let outcome = Outcome::from(ending);
            assert_eq!(Ending::from(&outcome), ending);
            assert_eq!(outcome.to_string(), ending.to_string());
            let told = in_words_too::serialize(&outcome, serde_json::value::Serializer).unwrap();
            assert_eq!(in_words_too::deserialize(told).unwrap(), outcome);
            let told = fields::serialize(&outcome, serde_json::value::Serializer).unwrap();
            assert_eq!(fields::deserialize(told).unwrap(), outcome);
        }
    }
}
