//! The actions that services have, and what was probably meant by a word that is none of them.

use std::time::Duration;

use serde::Deserialize;

use super::error::CommandError;
use super::ids::ask_each;
use super::stack::Stack;
use crate::names::{NameError, ServiceName};
use crate::spelling;
use crate::wire::{ActionNames, Call};

/// How long a service may take to say what it has: it may have to read its callbacks first.
const PATIENCE: Duration = Duration::from_secs(15);

/// The actions that these services say they have, by name; whoever does not answer has none.
pub(super) async fn of(stack: &Stack, services: &[ServiceName]) -> Vec<String> {
    let mut actions = Vec::new();
    for (_, answer) in ask_each(stack, services, &Call::Actions, PATIENCE).await {
        let names = answer.ok().and_then(|answer| ActionNames::deserialize(&answer).ok());
        actions.extend(names.into_iter().flat_map(|names| names.actions).map(String::from));
    }
    actions.sort();
    actions.dedup();
    actions
}

/// The question that may help whoever wrote `word`.
pub(super) fn did_you_mean(word: &str, known: &[String]) -> Option<String> {
    let nearest = spelling::nearest(word, known.iter().map(String::as_str));
    nearest.map(|nearest| format!("did you mean `{nearest}`?"))
}

/// What is said of a word that cannot be an action's name; perhaps it is one of theirs, written in another way.
pub(super) async fn misspelt(
    stack: &Stack,
    services: &[ServiceName],
    word: &str,
    error: &NameError,
) -> CommandError {
    let hint = did_you_mean(word, &of(stack, services).await);
    CommandError::Misspelt { message: error.to_string(), hint }
}
