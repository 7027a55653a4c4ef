//! From a policy's text to its rules, or to everything that is wrong with it.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeInteger, DeString, DeTable, DeValue};

use crate::diagnostic::{Diagnostic, shorten};
use crate::duration::{self, DurationError};
use crate::names::{ActionName, UserName};
use crate::spelling;

use super::source::{self, Remark};
use super::{LONGEST_BACKOFF, Needs, Overlap, Retry, Rule, RunAs};

type Key<'i> = Spanned<DeString<'i>>;
type Value<'i> = Spanned<DeValue<'i>>;

pub(super) const RULE_KEYS: [&str; 7] =
    ["timeout", "overlap", "retry", "allow", "run-as", "expect-within", "needs"];
const RETRY_KEYS: [&str; 2] = ["attempts", "backoff"];

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(super) const TIMEOUT: RangeInclusive<Duration> = SECOND..=DAY.saturating_mul(30);
pub(super) const BACKOFF: RangeInclusive<Duration> = SECOND..=LONGEST_BACKOFF;
pub(super) const EXPECT_WITHIN: RangeInclusive<Duration> = SECOND..=DAY.saturating_mul(366);
pub(super) const ATTEMPTS: RangeInclusive<u32> = 1..=100;

/// Faults that are kept, with their lines; a file of nothing else would fill the memory and the log.
const MOST_FAULTS: usize = 20;

/// Everything that is wrong with a text, by place.
#[derive(Debug)]
pub(super) struct Faults {
    /// The first [`MOST_FAULTS`]; at least one.
    pub(super) first: Vec<Diagnostic>,
    /// How many more there are.
    pub(super) more: usize,
}

/// Reads the rules.
pub(super) fn read(text: &str) -> Result<BTreeMap<ActionName, Rule>, Faults> {
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (root, errors) = DeTable::parse_recoverable(text);
    let faults = if errors.is_empty() {
        let mut reader = Reader { faults: Vec::new() };
        let rules = reader.policy(root.get_ref());
        if reader.faults.is_empty() {
            return Ok(rules);
        }
        by_place(reader.faults)
    } else {
        // What a text that is not TOML would mean is a guess: nothing is said about that.
        one_a_line(text, by_place(errors.iter().map(not_toml).collect()))
    };
    let more = faults.len().saturating_sub(MOST_FAULTS);
    let first = faults.into_iter().take(MOST_FAULTS);
    Err(Faults { first: first.map(|(span, remark)| source::fault(text, &span, remark)).collect(), more })
}

type Fault = (Range<usize>, Remark);

fn not_toml(error: &toml::de::Error) -> Fault {
    let message = format!("this is not TOML: {}", error.message());
    (error.span().unwrap_or(0..0), Remark { message, ..Remark::default() })
}

fn by_place(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|(span, _)| span.start);
    faults
}

/// One slip can make nonsense of the rest of its line.
fn one_a_line(text: &str, mut faults: Vec<Fault>) -> Vec<Fault> {
    let mut last = None;
    faults.retain(|(span, _)| {
        let between = last.replace(span.start).and_then(|last| text.as_bytes().get(last..span.start));
        between.is_none_or(|between| between.contains(&b'\n'))
    });
    faults
}

struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    /// Notes a fault; what was to be read there is missing.
    fn fault<T>(
        &mut self,
        span: Range<usize>,
        message: String,
        allowed: &str,
        hint: Option<String>,
    ) -> Option<T> {
        self.faults.push((span, Remark { message, allowed: allowed.to_owned(), hint }));
        None
    }

    fn policy(&mut self, root: &DeTable<'_>) -> BTreeMap<ActionName, Rule> {
        let mut rules = BTreeMap::new();
        for (key, value) in root {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("action", DeValue::Table(actions)) => rules = self.actions(actions),
                ("action", _) => {
                    self.wrong_type::<()>(key, value, "expected tables, such as [action.nightly-backup]");
                }
                (name, inner) => self.unknown_at_top(key, name, inner),
            }
        }
        rules
    }

    fn unknown_at_top(&mut self, key: &Key<'_>, name: &str, value: &DeValue<'_>) {
        let hint = match value {
            _ if spelling::nearest(name, ["action"]).is_some() => Some("did you mean `action`?".to_owned()),
            DeValue::Table(_) if name.parse::<ActionName>().is_ok() => {
                Some(format!("did you mean [action.{name}]?"))
            }
            _ if RULE_KEYS.contains(&name) => {
                Some("it belongs below the [action.NAME] it is meant for".to_owned())
            }
            _ => None,
        };
        let message = format!("unknown key `{}`", shorten(name));
        self.fault::<()>(key.span(), message, "a policy has [action.NAME] tables only", hint);
    }

    fn actions(&mut self, actions: &DeTable<'_>) -> BTreeMap<ActionName, Rule> {
        let mut rules = BTreeMap::new();
        for (key, value) in actions {
            let name = self.action_name(key);
            let rule = match value.get_ref() {
                DeValue::Table(table) => Some(self.rule(table)),
                DeValue::Array(_) => {
                    self.wrong_type(key, value, "expected a table, with its name in single brackets")
                }
                _ => self.wrong_type(key, value, "expected a table of an action's rules"),
            };
            if let (Some(name), Some(rule)) = (name, rule) {
                rules.insert(name, rule);
            }
        }
        rules
    }

    fn action_name(&mut self, key: &Key<'_>) -> Option<ActionName> {
        let text = key.get_ref().as_ref();
        match text.parse() {
            Ok(name) if name == ActionName::health_check() => {
                let message = format!("`{name}` cannot have rules");
                self.fault(key.span(), message, "nobody asks for it but the supervisor itself", None)
            }
            Ok(name) => Some(name),
            Err(error) => {
                let meant = text.to_lowercase().replace(['_', ' '], "-").parse::<ActionName>().ok();
                let hint = meant.map(|name| format!("did you mean `{name}`?"));
                self.fault(key.span(), format!("`{}` is no action's name", shorten(text)), error.rule(), hint)
            }
        }
    }

    fn rule(&mut self, table: &DeTable<'_>) -> Rule {
        let mut rule = Rule::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "timeout" => set(&mut rule.timeout, self.time(key, value, TIMEOUT)),
                "overlap" => set(&mut rule.overlap, self.choice(key, value, Overlap::WORDS)),
                "retry" => set(&mut rule.retry, self.retry(key, value)),
                "allow" => set(&mut rule.allow, self.users(key, value)),
                "run-as" => set(&mut rule.run_as, self.choice(key, value, RunAs::WORDS)),
                "expect-within" => rule.expect_within = self.time(key, value, EXPECT_WITHIN),
                "needs" => set(&mut rule.needs, self.choice(key, value, Needs::WORDS)),
                _ => self.unknown(key, "a rule has", &RULE_KEYS),
            }
        }
        rule
    }

    fn retry(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Retry> {
        let DeValue::Table(table) = value.get_ref() else {
            return self.wrong_type(
                key,
                value,
                "expected { attempts = 3 }, or { attempts = 3, backoff = \"5m\" }",
            );
        };
        let (mut retry, faults) = (Rule::DEFAULT.retry, self.faults.len());
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "attempts" => set(&mut retry.attempts, self.attempts(key, value)),
                "backoff" => set(&mut retry.backoff, self.time(key, value, BACKOFF)),
                _ => self.unknown(key, "a retry has", &RETRY_KEYS),
            }
        }
        if !table.contains_key("attempts") && self.faults.len() == faults {
            // It would mean no retry, whatever else it says.
            let message = "`retry` lacks `attempts`".to_owned();
            return self.fault(
                key.span(),
                message,
                "expected { attempts = 3 }, or { attempts = 3, backoff = \"5m\" }",
                None,
            );
        }
        Some(retry)
    }

    fn attempts(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<u32> {
        let expected = format!("expected a whole number from {} to {}", ATTEMPTS.start(), ATTEMPTS.end());
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.wrong_type(key, value, &expected);
        };
        let attempts = number(integer).and_then(|number| u32::try_from(number).ok());
        attempts.filter(|attempts| ATTEMPTS.contains(attempts)).or_else(|| {
            let message = format!("`attempts` is {}", shorten(&integer.to_string()));
            self.fault(value.span(), message, &expected, None)
        })
    }

    fn time(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        bounds: RangeInclusive<Duration>,
    ) -> Option<Duration> {
        let (from, to) = (duration::show(*bounds.start()), duration::show(*bounds.end()));
        let expected = format!("expected a length of time in quotes, from \"{from}\" to \"{to}\"");
        let text = match value.get_ref() {
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(integer) => return self.no_unit(key, value, integer, &bounds, &expected),
            _ => return self.wrong_type(key, value, &expected),
        };
        match duration::parse(text) {
            Ok(time) if bounds.contains(&time) => Some(time),
            Ok(_) | Err(DurationError::TooLong(_)) => {
                let message = format!("`{}` of \"{}\" is out of bounds", key.get_ref(), shorten(text));
                self.fault(value.span(), message, &expected, None)
            }
            Err(error) => self.fault(value.span(), error.to_string(), &expected, None),
        }
    }

    /// A time that is a bare number, by those who think in seconds.
    fn no_unit<T>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        integer: &DeInteger<'_>,
        bounds: &RangeInclusive<Duration>,
        expected: &str,
    ) -> Option<T> {
        let seconds = number(integer).map(Duration::from_secs).filter(|time| bounds.contains(time));
        let hint = seconds.map(|time| format!("for seconds write \"{}s\"", time.as_secs()));
        let message = format!("`{}` is a number without a unit", key.get_ref());
        self.fault(value.span(), message, expected, hint)
    }

    fn choice<T: Copy, const N: usize>(
        &mut self,
        key: &Key<'_>,
        value: &Value<'_>,
        choices: [(&'static str, T); N],
    ) -> Option<T> {
        let words = choices.map(|(word, _)| word);
        let expected = format!("expected {}", listed(&words.map(|word| format!("\"{word}\"")), "or"));
        let DeValue::String(text) = value.get_ref() else {
            return self.wrong_type(key, value, &expected);
        };
        choices.iter().find(|(word, _)| word == text).map(|&(_, choice)| choice).or_else(|| {
            let meant = spelling::nearest(&text.to_lowercase(), words);
            let hint = meant.map(|word| format!("did you mean \"{word}\"?"));
            let message = format!("`{}` cannot be \"{}\"", key.get_ref(), shorten(text));
            self.fault(value.span(), message, &expected, hint)
        })
    }

    fn users(&mut self, key: &Key<'_>, value: &Value<'_>) -> Option<Vec<UserName>> {
        let DeValue::Array(array) = value.get_ref() else {
            let hint = match value.get_ref() {
                DeValue::String(text) => {
                    text.parse().ok().map(|user: UserName| format!("did you mean [\"{user}\"]?"))
                }
                _ => None,
            };
            let message = format!("`{}` is {}", key.get_ref(), kind(value.get_ref()));
            return self.fault(value.span(), message, "expected a list of users", hint);
        };
        let mut users = Vec::new();
        for value in array {
            if let Some(user) = self.user(value)
                && !users.contains(&user)
            {
                users.push(user);
            }
        }
        Some(users)
    }

    fn user(&mut self, value: &Value<'_>) -> Option<UserName> {
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(integer) => integer.to_string(),
            other => {
                let message = format!("a user cannot be {}", kind(other));
                return self.fault(value.span(), message, "expected a name in quotes, or a number", None);
            }
        };
        match text.parse() {
            Ok(user) => Some(user),
            Err(error) => {
                let message = format!("`{}` is no user's name", shorten(&text));
                self.fault(value.span(), message, error.rule(), None)
            }
        }
    }

    fn wrong_type<T>(&mut self, key: &Key<'_>, value: &Value<'_>, expected: &str) -> Option<T> {
        let message = format!("`{}` is {}", shorten(key.get_ref()), kind(value.get_ref()));
        // A table's own place is that of its name.
        let is_table = matches!(value.get_ref(), DeValue::Table(_) | DeValue::Array(_));
        let span = if is_table { key.span() } else { value.span() };
        self.fault(span, message, expected, None)
    }

    fn unknown(&mut self, key: &Key<'_>, what_has: &str, known: &[&str]) {
        let name = key.get_ref().as_ref();
        let hint =
            spelling::nearest(name, known.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
        let quoted: Vec<String> = known.iter().map(|key| format!("`{key}`")).collect();
        let allowed = format!("{what_has} {}", listed(&quoted, "and"));
        self.fault::<()>(key.span(), format!("unknown key `{}`", shorten(name)), &allowed, hint);
    }
}

/// Keeps the default where nothing could be read.
fn set<T>(slot: &mut T, read: Option<T>) {
    if let Some(value) = read {
        *slot = value;
    }
}

fn number(integer: &DeInteger<'_>) -> Option<u64> {
    u64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn listed(words: &[String], joint: &str) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} {joint} {last}", first.join(", ")),
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
