//! What holds for any bytes that are read as a plain line.

use lamplighter::request::{Answer, Refusal, RefusalCode};
use lamplighter::socket::protocol::{Form, form, parse, render};
use lamplighter::wire::{Call, Tell};

use super::names::{is_action, is_user};

/// What a refusal may be long at most, in bytes: it quotes what was sent, and not all of it.
const LONGEST_REFUSAL: usize = 2048;

/// Panics where it does not hold.
pub(crate) fn check(line: &[u8]) {
    if form(line) == Form::Json {
        return;
    }
    match (parse(line), words(line)) {
        (Ok(None), Some(words)) => assert!(words.is_empty(), "{words:?} ask for something"),
        (Ok(Some(call)), Some(words)) => check_call(&call, &words),
        (Err(refusal), words) => check_refusal(refusal, words.as_deref()),
        (Ok(accepted), None) => panic!("{accepted:?} is not UTF-8"),
    }
}

fn words(line: &[u8]) -> Option<Vec<&str>> {
    let blanks = [' ', '\t', '\n', '\r', '\u{c}'];
    let text = str::from_utf8(line).ok()?;
    Some(text.split(blanks).filter(|word| !word.is_empty()).collect())
}

fn check_call(call: &Call, words: &[&str]) {
    let Call::Run { service: None, user, action, id: None, tell: Tell::Nothing, operator: None } = call
    else {
        panic!("{call:?} is no plain request");
    };
    assert_eq!(words, [user.as_str(), action.as_str()]);
    assert!(is_user(user.as_str()) && is_action(action.as_str()), "{call:?}");
    let printed = format!("{user} {action}");
    assert_eq!(parse(printed.as_bytes()).as_ref(), Ok(&Some(call.clone())), "{printed} reads as the same");
}

fn check_refusal(refusal: Refusal, words: Option<&[&str]>) {
    assert_eq!(refusal.code, RefusalCode::Syntax);
    if let Some([user, action]) = words {
        assert!(!is_user(user) || !is_action(action), "{refusal}");
    }
    assert!(words.is_none_or(|words| !words.is_empty()), "nothing is asked, and refused: {refusal}");
    let answer = render(&Answer::Refused(refusal), Form::Plain);
    let line = answer.strip_suffix('\n').expect("an answer is a line");
    assert!(line.starts_with("refused syntax: "), "{line}");
    assert!(line.len() <= LONGEST_REFUSAL, "{} bytes", line.len());
    assert!(!line.chars().any(char::is_control), "{line:?} is one line, and harmless to a terminal");
}
