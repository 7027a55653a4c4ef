//! An entry of a schedule: when, and what to ask of whom on whose behalf.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::calendar;
use super::expression::Expression;
use super::options::Options;
use super::zone::Zone;
use crate::names::{ActionName, ServiceName, UserName};

/// When an entry fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// `@reboot`: once for each start of the scheduler's container.
    Reboot,
    /// At the times that match.
    At(Expression),
}

/// One line of a schedule that asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its line in the file, counted from 1.
    pub line: usize,
    /// When it fires.
    pub when: When,
    /// The time as it was written: five fields with one blank between them, or an `@` word.
    pub written: Box<str>,
    /// On whose behalf.
    pub user: UserName,
    /// Who is asked.
    pub service: ServiceName,
    /// For what.
    pub action: ActionName,
    /// What holds for it.
    pub options: Options,
}

/// What tells an entry from every other and stays the same from one reading of the file to the next: a hash
/// of its zone, fields, user, service and action.
///
/// Fields that mean the same are the same, however they are written; its line, its delay and its deadline
/// may change without making it another entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryKey(u64);

impl Entry {
    /// What it is known by.
    pub fn key(&self) -> EntryKey {
        let mut hash = Fnv::new();
        for part in [self.user.as_str(), self.service.as_str(), self.action.as_str()] {
            hash.text(part);
        }
        match &self.when {
            // It knows no wall clock, so no zone either.
            When::Reboot => hash.text("@reboot"),
            When::At(expression) => {
                hash.text(self.options.zone.name());
                for (_, field) in expression.fields() {
                    hash.number(field.values << 1 | u64::from(field.star));
                }
            }
        }
        EntryKey(hash.0)
    }

    /// The first second after `after` for which it asks, before any delay, both in seconds since 1970-01-01
    /// 00:00 UTC; none for `@reboot` and when there is none.
    pub fn next(&self, after: i64) -> Option<i64> {
        match &self.when {
            When::Reboot => None,
            When::At(expression) => calendar::next(expression, &self.options.zone, after),
        }
    }

    /// The last second after `after` and up to `until` for which it asks, before any delay.
    pub fn latest(&self, after: i64, until: i64) -> Option<i64> {
        match &self.when {
            When::Reboot => None,
            When::At(expression) => calendar::latest(expression, &self.options.zone, after, until),
        }
    }

    /// By how many seconds its occurrences are put off: less than its `RANDOM_DELAY`, always the same.
    pub fn delay(&self) -> u32 {
        match u64::from(self.options.random_delay) {
            0 => 0,
            most => u32::try_from(self.key().0 % most).unwrap_or(0),
        }
    }

    /// Whether it follows the wall clock rather than name a time of day, as [`Expression::has_fixed_time`] says.
    pub fn is_pattern(&self) -> bool {
        matches!(&self.when, When::At(expression) if !expression.has_fixed_time())
    }

    /// The zone of its wall clock.
    pub fn zone(&self) -> &Zone {
        &self.options.zone
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.written, self.user, self.service, self.action)
    }
}

impl EntryKey {
    /// The key that was printed.
    pub fn from_hex(text: &str) -> Option<Self> {
        let plain = text.len() == 16 && text.bytes().all(|c| c.is_ascii_hexdigit());
        plain.then(|| u64::from_str_radix(text, 16).ok().map(Self))?
    }

    /// A number that names one occurrence: this entry at an instant.
    pub fn occurrence(self, instant: i64) -> u64 {
        let mut hash = Fnv::new();
        hash.number(self.0);
        hash.number(instant.cast_unsigned());
        hash.0
    }
}

impl fmt::Display for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for EntryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The FNV-1a hash: what goes to disk and into ids must not change with the compiler, as std's hashers may.
/// Nobody can profit from a collision: who writes the schedule decides what runs anyway.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
        self.bytes(&[0]);
    }

    fn number(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }
}

impl Serialize for EntryKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EntryKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| D::Error::custom("an entry's key has 16 hexadecimal digits"))
    }
}
