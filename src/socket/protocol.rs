//! What a line on the request socket means, and how the answer is written.
//!
//! Two forms, told apart by the first byte: plain (`user action`) and one JSON object a line.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use tokio::sync::mpsc;

use crate::names::{ActionName, RequestId, ServiceName, UserName};
use crate::request::{Answer, Refusal, RefusalCode};

/// The version of the protocol that this program speaks.
pub const VERSION: u32 = 1;

/// Something that a line asks for. Fields that are not known are ignored, so that newer programs can talk
/// to older ones.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Call {
    /// Do an action on behalf of a user.
    Run {
        /// On whose behalf.
        user: UserName,
        /// What to do.
        action: ActionName,
        /// The request's id, where the sender may choose it.
        id: Option<RequestId>,
        /// How much of what becomes of it is told after the answer.
        #[serde(default)]
        tell: Tell,
    },
    /// Call a request off.
    Cancel {
        /// The request.
        id: RequestId,
    },
    /// Tell what was asked before, and what became of it.
    History(Past),
    /// Tell all about one request.
    Show {
        /// Its id, or the beginning of it.
        id: String,
    },
    /// Which actions are there?
    Actions,
    /// Tell what happens, to one request or to all.
    Follow {
        /// The request, where it is one; with `past` the beginning of its id is enough.
        id: Option<RequestId>,
        /// What has become of that request so far is told first.
        #[serde(default)]
        past: bool,
        /// What runs print is told too.
        #[serde(default = "yes")]
        output: bool,
    },
    /// Is somebody there?
    Ping,
    /// Is the service healthy?
    Health,
    /// How are things?
    Status,
    /// What comes next on schedule?
    Next {
        /// How much of it.
        #[serde(default = "ten")]
        count: usize,
        /// Only the next instant of each entry.
        #[serde(default)]
        each: bool,
    },
    /// Read the configuration again.
    Reload,
}

/// Which past requests to tell of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Past {
    /// Those for this action only.
    pub action: Option<ActionName>,
    /// Those only that did not succeed.
    #[serde(default)]
    pub failed: bool,
    /// Those only that were accepted since.
    pub since: Option<Timestamp>,
    /// At most so many, the newest.
    #[serde(default = "a_screenful")]
    pub limit: usize,
}

fn a_screenful() -> usize {
    20
}

/// What is told of a request after it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Tell {
    /// Nothing.
    #[default]
    Nothing,
    /// Its outcome.
    Outcome,
    /// All that becomes of it, with what its run prints.
    Everything,
}

impl TryFrom<String> for Tell {
    type Error = &'static str;

    // By hand, because serde takes `{"outcome":null}` for the word too.
    fn try_from(word: String) -> Result<Self, Self::Error> {
        match word.as_str() {
            "nothing" => Ok(Tell::Nothing),
            "outcome" => Ok(Tell::Outcome),
            "everything" => Ok(Tell::Everything),
            _ => Err("`tell` is `nothing`, `outcome` or `everything`"),
        }
    }
}

/// The answer to a ping: who is there, and what it speaks.
pub fn greeting(service: &ServiceName) -> serde_json::Value {
    serde_json::json!({
        "ok": true, "service": service.as_str(), "protocol": VERSION,
        "version": env!("CARGO_PKG_VERSION"),
    })
}

/// An answer that tells how a service is: the greeting, and what `facts` adds to it.
pub fn introduced(service: &ServiceName, facts: &impl Serialize) -> serde_json::Value {
    let mut answer = greeting(service);
    if let (Some(answer), Ok(serde_json::Value::Object(facts))) =
        (answer.as_object_mut(), serde_json::to_value(facts))
    {
        answer.extend(facts);
    }
    answer
}

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

fn ten() -> usize {
    10
}

fn yes() -> bool {
    true
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
        return serde_json::from_str(text).map(Some).map_err(|error| syntax(harmless(&error.to_string())));
    }
    let words: Vec<_> = text.split_ascii_whitespace().collect();
    match words[..] {
        [] => Ok(None),
        [user, action] => Ok(Some(Call::Run {
            user: user.parse().map_err(|error| syntax(format!("{error}")))?,
            action: action.parse().map_err(|error| syntax(format!("{error}")))?,
            id: None,
            tell: Tell::Nothing,
        })),
        _ => Err(syntax(format!("a request is `user action`, this line has {} words", words.len()))),
    }
}

/// An error that quotes what was sent, without what could move a terminal's cursor.
fn harmless(error: &str) -> String {
    error.chars().fold(String::with_capacity(error.len()), |mut text, c| {
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
        text
    })
}

#[derive(Serialize)]
struct JsonAnswer<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// Writes an answer in the form of its question, with the end of the line.
pub fn render(answer: &Answer, form: Form) -> String {
    match (answer, form) {
        (answer, Form::Plain) => one_line(&answer.to_string()),
        (Answer::Accepted(id), Form::Json) => {
            object(&JsonAnswer { ok: true, id: Some(id.as_str()), code: None, message: None })
        }
        (Answer::Refused(Refusal { code, message }), Form::Json) => {
            object(&JsonAnswer { ok: false, id: None, code: Some(code.as_str()), message: Some(message) })
        }
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
        Call::Run { user, action, id: None, tell: Tell::Nothing }
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
            (b"{\"op\":\"\\u001b[2J\x7f\"}", r"`\u{1b}[2J\u{7f}`"),
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
