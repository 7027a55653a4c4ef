//! The names that travel through Lamplighter, as types that only their parser can make.
//!
//! A [`ServiceName`], [`ActionName`], [`UserName`] or [`RequestId`] in hand is a valid one: nothing
//! downstream checks again. The rules are those of the request socket (docs/PROTOCOL.md): strict enough
//! that a name can stand in a path, an environment variable, a shell word and a log line as it is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the name it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{}` is not valid: {rule}", .text.escape_debug())]
pub struct NameError {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

impl NameError {
    /// What would be valid.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

/// Makes a name type: the text, its parser's rule, and the traits that let it be read, written and compared.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                let accepts: fn(&str) -> bool = $accepts;
                if accepts(text) {
                    Ok(Self(text.into()))
                } else {
                    let text = text.chars().take(80).collect();
                    Err(NameError { kind: $kind, text, rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

name_type!(
    /// A service of the stack: one container and the one daemon it runs.
    ServiceName,
    "service",
    "a service is a lower-case letter or digit, then up to 62 of a-z, 0-9, `_` and `-`",
    |text| word(text, 63, is_lower_or_digit, |c| is_lower_or_digit(c) || c == b'_' || c == b'-')
);

name_type!(
    /// An action of a service, such as `nightly-backup`; the bash function is [`ActionName::callback`].
    ActionName,
    "action",
    "an action is a lower-case letter or digit, then up to 63 of a-z, 0-9 and `-`",
    |text| word(text, 64, is_lower_or_digit, |c| is_lower_or_digit(c) || c == b'-')
);

name_type!(
    /// The user on whose behalf an action is done: a name of the container's `/etc/passwd`, or a number.
    UserName,
    "user",
    "a user is a lower-case letter or `_`, then up to 31 of a-z, 0-9, `_` and `-`; or a number below 4294967295",
    |text| {
        let named = word(text, 32, |c| c.is_ascii_lowercase() || c == b'_', |c| {
            is_lower_or_digit(c) || c == b'_' || c == b'-'
        });
        named || is_uid(text)
    }
);

name_type!(
    /// A person who asks by way of the web console.
    OperatorName,
    "operator",
    "an operator is a lower-case letter, then up to 31 of a-z, 0-9, `.`, `_` and `-`",
    |text| word(text, 32, |c| c.is_ascii_lowercase(), |c| {
        is_lower_or_digit(c) || b"._-".contains(&c)
    })
);

name_type!(
    /// The name of one request, unique for as long as ids are remembered.
    RequestId,
    "request id",
    "an id is a letter or digit, then up to 127 of A-Z, a-z, 0-9, `.`, `_`, `:`, `@`, `+` and `-`",
    |text| word(text, 128, |c| c.is_ascii_alphanumeric(), |c| {
        c.is_ascii_alphanumeric() || b"._:@+-".contains(&c)
    })
);

impl ActionName {
    /// The bash function that does this action: `CB_` and the action with `_` for `-`.
    pub fn callback(&self) -> String {
        format!("CB_{}", self.0.replace('-', "_"))
    }

    /// The action that a bash function does, if it is the name of a callback that can be asked for.
    pub fn of_callback(function: &str) -> Option<ActionName> {
        function.strip_prefix("CB_")?.replace('_', "-").parse().ok()
    }
}

impl ActionName {
    /// The action that only the supervisor itself asks for.
    pub fn health_check() -> Self {
        Self("health-check".into())
    }
}

impl ServiceName {
    /// The service that the scheduler is.
    pub fn scheduler() -> Self {
        Self("scheduler".into())
    }
}

impl UserName {
    /// The superuser, on whose behalf a schedule's entry without a user asks.
    pub fn root() -> Self {
        Self("root".into())
    }

    /// The number, when the user is given as one.
    pub fn as_uid(&self) -> Option<u32> {
        self.0.parse().ok()
    }
}

impl RequestId {
    /// A new id that nobody can guess: 16 hexadecimal digits of the kernel's randomness.
    ///
    /// # Errors
    /// When the kernel has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        Ok(Self(format!("{:016x}", getrandom::u64()?).into()))
    }

    /// The id of a health check, which nobody asks for by request.
    pub fn of_health_check() -> Self {
        Self("health-check".into())
    }

    /// The first characters, enough to tell runs apart in a log line.
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(8)]
    }
}

fn is_lower_or_digit(c: u8) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn is_uid(text: &str) -> bool {
    // One spelling for each number, and a short one: a record of the journal has room for no other.
    let is_plain = text == "0" || !text.starts_with(['0', '+']);
    // u32::MAX is `(uid_t) -1`, which the system calls read as "leave it as it is".
    is_plain && text.parse::<u32>().is_ok_and(|uid| uid != u32::MAX)
}

fn word(text: &str, longest: usize, first: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= longest
        && bytes.split_first().is_some_and(|(&head, tail)| first(head) && tail.iter().all(|&c| rest(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_and_its_callback_name_each_other() {
        let action: ActionName = "nightly-backup".parse().unwrap();
        assert_eq!(action.callback(), "CB_nightly_backup");
        assert_eq!(ActionName::of_callback("CB_nightly_backup"), Some(action));
    }

    #[test]
    fn a_helper_function_is_no_action() {
        for function in ["logInfo", "CB_", "CB_Upper", "cb_lower"] {
            assert_eq!(ActionName::of_callback(function), None, "{function}");
        }
    }

    #[test]
    fn names_that_could_escape_a_path_or_a_shell_word_are_refused() {
        for text in ["", "../x", "a b", "a\n", "-a", "A", "a/b", "$(x)", "ü", &"a".repeat(65)] {
            assert!(text.parse::<ActionName>().is_err(), "action {text:?}");
            assert!(text.parse::<ServiceName>().is_err(), "service {text:?}");
            assert!(text.parse::<UserName>().is_err(), "user {text:?}");
        }
    }

    #[test]
    fn a_user_may_be_a_number_but_not_minus_one() {
        assert_eq!("1000".parse::<UserName>().unwrap().as_uid(), Some(1000));
        assert!("4294967295".parse::<UserName>().is_err());
        assert!("99999999999".parse::<UserName>().is_err());
    }

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!("0".parse::<UserName>().unwrap().as_uid(), Some(0));
        for text in ["00", "01000", "+1000", "1_000", &format!("{}1", "0".repeat(4000))] {
            assert!(text.parse::<UserName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_random_id_is_a_valid_id() {
        let id = RequestId::random().unwrap();
        assert_eq!(id.as_str().parse::<RequestId>().unwrap(), id);
        assert_eq!(id.short().len(), 8);
    }

    #[test]
    fn an_error_names_the_kind_the_text_and_the_rule() {
        let error = "Nightly".parse::<ActionName>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "action `Nightly` is not valid: an action is a lower-case letter or digit, \
             then up to 63 of a-z, 0-9 and `-`"
        );
    }
}
