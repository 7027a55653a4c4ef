//! What a line on the request socket means, and how the answer is written.
//!
//! Two forms, told apart by the first byte: plain (`user action`) and one JSON object a line.

use serde::Serialize;
use tokio::sync::mpsc;

use crate::request::{Answer, Refusal, RefusalCode};
use crate::visible;
use crate::wire::{Accepted, Call, Refused, Tell};

/// In which form a line came, and so its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `user action`, answered by one line of text.
    Plain,
    /// A JSON object, answered by one.
    Json,
}

/// An answer, not yet written down.
#[derive(Debug)]
pub enum Reply {
    /// To a request.
    Answer(Answer),
    /// To anything else: an object.
    Object(serde_json::Value),
    /// To a request that is followed, or to following: an answer, and lines as they come.
    Stream(Answer, mpsc::Receiver<String>),
    /// To following without a request.
    Lines(mpsc::Receiver<String>),
}

impl Reply {
    /// An object, of the kinds that the sockets tell of.
    pub fn of(object: &impl Serialize) -> Self {
        // Nothing in them can fail to be JSON.
        let object = serde_json::to_value(object);
        debug_assert!(object.is_ok(), "{object:?}");
        Self::Object(object.unwrap_or_default())
    }
}

/// The form of a line: JSON begins with a brace.
pub fn form(line: &[u8]) -> Form {
    if line.trim_ascii_start().first() == Some(&b'{') { Form::Json } else { Form::Plain }
}

/// Reads a line. An empty one asks for nothing.
///
/// # Errors
/// A refusal when the line is neither form, or a name in it is not valid.
pub fn parse(line: &[u8]) -> Result<Option<Call>, Refusal> {
    let syntax = |message: String| Refusal::new(RefusalCode::Syntax, message);
    let text = str::from_utf8(line).map_err(|_| syntax("the line is not UTF-8 text".into()))?;
    if form(line) == Form::Json {
        return serde_json::from_str(text)
            .map(Some)
            .map_err(|error| syntax(visible::line(&error.to_string()).into_owned()));
    }
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    match words[..] {
        [] => Ok(None),
        [user, action] => Ok(Some(Call::Run {
            service: None,
            user: user.parse().map_err(|error| syntax(format!("{error}")))?,
            action: action.parse().map_err(|error| syntax(format!("{error}")))?,
            id: None,
            tell: Tell::Nothing,
            operator: None,
        })),
        _ => Err(syntax(format!("a request is `user action`, this line has {} words", words.len()))),
    }
}

/// Writes an answer in the form of its question, with the end of the line.
pub fn render(answer: &Answer, form: Form) -> String {
    match (answer, form) {
        (answer, Form::Plain) => one_line(&answer.to_string()),
        (Answer::Accepted(id), Form::Json) => object(&Accepted { ok: true, id: id.clone() }),
        (Answer::Refused(refusal), Form::Json) => object(&Refused::from(refusal)),
    }
}

/// Writes an object as a line.
pub fn object(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value);
    one_line(&text.unwrap_or_else(|error| format!("{{\"ok\":false,\"message\":\"{error}\"}}")))
}

fn one_line(line: &str) -> String {
    // An answer is one line, whatever a refusal quotes.
    let mut line = line.replace(['\n', '\r'], " ");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(user: &str, action: &str) -> Call {
        let (user, action) = (user.parse().unwrap(), action.parse().unwrap());
        Call::Run { service: None, user, action, id: None, tell: Tell::Nothing, operator: None }
    }

    #[test]
    fn a_plain_line_is_two_words() {
        assert_eq!(parse(b"forum nightly-backup"), Ok(Some(run("forum", "nightly-backup"))));
        assert_eq!(parse(b"  1000\tbackup \r"), Ok(Some(run("1000", "backup"))));
        assert_eq!(parse(b" "), Ok(None));
    }

    #[test]
    fn a_json_line_may_have_fields_that_we_do_not_know() {
        let line = br#"{"op":"run","user":"forum","action":"backup","later":1}"#;
        assert_eq!(parse(line), Ok(Some(run("forum", "backup"))));
        assert_eq!(parse(br#"{"op":"ping"}"#), Ok(Some(Call::Ping)));
    }

    #[test]
    fn bad_lines_are_refused_as_syntax_and_say_what_is_wrong() {
        let cases: [(&[u8], &str); 9] = [
            (b"backup", "has 1 words"),
            (b"forum backup now", "has 3 words"),
            (b"Forum backup", "user `Forum`"),
            (b"forum ../backup", "action `../backup`"),
            (b"forum back\xff", "not UTF-8"),
            (br#"{"op":"explode"}"#, "explode"),
            (b"{\"op\":\"\\u001b[2J\x7f\"}", r"`\x1b[2J\x7f`"),
            (br#"{"op":"run","user":"root","action":"ok","tell":"all"}"#, "`tell` is `nothing`"),
            (br#"{"op":"run","user":"root","action":"ok","tell":{"outcome":null}}"#, "invalid type: map"),
        ];
        for (line, named) in cases {
            let refusal = parse(line).unwrap_err();
            assert_eq!(refusal.code, RefusalCode::Syntax);
            assert!(refusal.message.contains(named), "{}", refusal.message);
        }
    }

    #[test]
    fn an_answer_is_one_line_in_the_form_of_its_question() {
        let refusal = Refusal::new(RefusalCode::Callbacks, "two\nlines");
        let reply = Answer::Refused(refusal);
        assert_eq!(render(&reply, Form::Plain), "refused callbacks: two lines\n");
        let json = "{\"ok\":false,\"code\":\"callbacks\",\"message\":\"two\\nlines\"}\n";
        assert_eq!(render(&reply, Form::Json), json);
    }
}
