//! Reading fields that another version may leave out or write otherwise.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::visible;

/// A field; as if it had not been told, where it has another form.
pub(super) fn field<'a, T, D>(from: D) -> Result<T, D::Error>
where
    T: DeserializeOwned + Default,
    D: Deserializer<'a>,
{
    Ok(T::deserialize(Value::deserialize(from)?).unwrap_or_default())
}

/// A list, without what has another form.
pub(super) fn list<'a, T: DeserializeOwned, D: Deserializer<'a>>(from: D) -> Result<Vec<T>, D::Error> {
    let Value::Array(items) = Value::deserialize(from)? else { return Ok(Vec::new()) };
    Ok(items.into_iter().filter_map(|item| T::deserialize(item).ok()).collect())
}

/// A text that may have several lines, safe for a terminal.
pub(super) fn text<'a, D: Deserializer<'a>>(from: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = field(from)?;
    Ok(text.map(|text| visible::text(&text).into_owned()))
}

/// A text of one line, safe for a terminal.
pub(super) fn line<'a, D: Deserializer<'a>>(from: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = field(from)?;
    Ok(text.map(|text| visible::line(&text).into_owned()))
}

/// A sentence, safe for a terminal; what has several lines becomes one.
pub(super) fn sentence<'a, D: Deserializer<'a>>(from: D) -> Result<String, D::Error> {
    String::deserialize(from).map(|text| in_one_line(&text))
}

/// What else is to be said in a [`sentence`], where there is something.
pub(super) fn note<'a, D: Deserializer<'a>>(from: D) -> Result<Option<String>, D::Error> {
    let text: Option<String> = field(from)?;
    Ok(text.map(|text| in_one_line(&text)))
}

/// Sentences by what they are about, without what has another form.
pub(super) fn sentences<'a, D: Deserializer<'a>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let Value::Object(told) = Value::deserialize(from)? else { return Ok(BTreeMap::new()) };
    let sentence = |(about, text): (String, Value)| {
        Some((visible::line(&about).into_owned(), in_one_line(text.as_str()?)))
    };
    Ok(told.into_iter().filter_map(sentence).collect())
}

/// What belongs to names, without what has another form.
pub(super) fn by_name<'a, T: DeserializeOwned, D: Deserializer<'a>>(
    from: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    let Value::Object(told) = Value::deserialize(from)? else { return Ok(BTreeMap::new()) };
    let named =
        |(name, item): (String, Value)| Some((visible::line(&name).into_owned(), T::deserialize(item).ok()?));
    Ok(told.into_iter().filter_map(named).collect())
}

/// Several lines as one, safe for a terminal.
pub(super) fn in_one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(visible::line).collect();
    lines.join("; ")
}

/// Instants in UTC, to the millisecond: `2026-01-31T04:05:00.123Z`.
pub(super) mod instant {
    use jiff::Timestamp;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::wire) fn serialize<S: Serializer>(at: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{at:.3}"))
    }

    pub(in crate::wire) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Timestamp, D::Error> {
        std::borrow::Cow::<str>::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// The same, where there may be none.
pub(super) mod optional_instant {
    use jiff::Timestamp;
    use serde::{Deserializer, Serializer};

    // The signature is serde's.
    #[allow(clippy::ref_option)]
    pub(in crate::wire) fn serialize<S: Serializer>(
        at: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::instant::serialize(at, to),
            None => to.serialize_none(),
        }
    }

    pub(in crate::wire) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        super::field(from)
    }
}
