//! Tests, by what they are about.

mod faults;
mod files;
mod meaning;
mod properties;
mod reference;

use std::time::Duration;

use super::*;

fn action(name: &str) -> ActionName {
    name.parse().unwrap()
}

fn parse(text: &str) -> Policy {
    Policy::parse(text, FILE).unwrap_or_else(|error| panic!("{error}"))
}

/// The whole message about a text that is no policy.
fn fault(text: &str) -> String {
    match Policy::parse(text, FILE) {
        Ok(policy) => panic!("this was taken for a policy: {policy}"),
        Err(error) => error.to_string(),
    }
}

/// The whole message about one line of an action's rules.
fn rule_fault(line: &str) -> String {
    fault(&format!("[action.backup]\n{line}\n"))
}
