//! What holds for any bytes that are read as a JSON line.

use jiff::Timestamp;
use lamplighter::request::{Answer, RefusalCode};
use lamplighter::socket::lines::LONGEST_LINE;
use lamplighter::socket::protocol::{Form, form, parse, render};
use lamplighter::wire::{Call, PastWanted, Tell};
use serde_json::{Map, Value, json};

use super::names::{is_action, is_id, is_operator, is_service, is_user};

/// What stands in a refusal beside what it quotes, in bytes.
const REFUSAL: usize = 1024;
/// Every operation, and one that there is not.
const OPERATIONS: [&str; 11] =
    ["run", "cancel", "history", "show", "actions", "follow", "ping", "health", "status", "next", "reload"];
const UNKNOWN: &str = "explode";

/// Panics where it does not hold.
pub(crate) fn check(line: &[u8]) {
    if form(line) == Form::Plain || line.len() > LONGEST_LINE {
        return;
    }
    let parsed = parse(line);
    if let Err(refusal) = &parsed {
        assert_eq!(refusal.code, RefusalCode::Syntax);
        check_answer(&Answer::Refused(refusal.clone()), line.len());
    }
    // A name that stands twice in an object has its last value here, and is refused there.
    let Ok(Value::Object(object)) = serde_json::from_slice(line) else {
        assert!(parsed.is_err(), "{parsed:?} is no object");
        return;
    };
    let plain = read(&object);
    assert_eq!(plain.is_some(), is_valid(&object), "{object:?} is {plain:?}");
    let Ok(accepted) = parsed else { return };
    assert_eq!(plain, accepted, "{object:?} is the same");
    if let Some(call) = accepted {
        check_call(&call, object);
    }
}

fn read(object: &Map<String, Value>) -> Option<Call> {
    parse(Value::from(object.clone()).to_string().as_bytes()).ok().flatten()
}

fn check_call(call: &Call, mut object: Map<String, Value>) {
    let written = write(call);
    assert_eq!(parse(written.to_string().as_bytes()).as_ref(), Ok(&Some(call.clone())), "{written}");
    let ours = serde_json::to_string(call).expect("a call can be written");
    assert_eq!(parse(ours.as_bytes()).as_ref(), Ok(&Some(call.clone())), "{ours}");
    let op = object["op"].clone();
    object.insert("of-later".into(), Value::from(object.clone()));
    assert_eq!(read(&object).as_ref(), Some(call), "what is not known is ignored");
    object.insert("op".into(), UNKNOWN.into());
    assert_eq!(read(&object), None, "an unknown operation is refused, whatever stands beside it");
    object.insert("op".into(), Value::from(vec![op]));
    assert_eq!(read(&object), None, "an operation is a word");
}

/// Whether the document has it answered with something else than `syntax`.
fn is_valid(object: &Map<String, Value>) -> bool {
    let optional = |field: &str, is_valid: &dyn Fn(&Value) -> bool| {
        object.get(field).is_none_or(|value| value.is_null() || is_valid(value))
    };
    let given = |field: &str, is_valid: &dyn Fn(&Value) -> bool| object.get(field).is_none_or(is_valid);
    let text = |is_valid: fn(&str) -> bool| move |value: &Value| value.as_str().is_some_and(is_valid);
    let count = |value: &Value| value.as_u64().is_some_and(|count| usize::try_from(count).is_ok());
    let has = |field: &str, is_valid: fn(&str) -> bool| object.get(field).is_some_and(text(is_valid));
    let Some(op) = object.get("op").and_then(Value::as_str) else { return false };
    OPERATIONS.contains(&op)
        && match op {
            "run" => {
                let tell = |tell: &str| ["nothing", "outcome", "everything"].contains(&tell);
                has("user", is_user)
                    && has("action", is_action)
                    && optional("id", &text(is_id))
                    && given("tell", &text(tell))
                    && optional("service", &text(is_service))
                    && optional("operator", &text(is_operator))
            }
            "cancel" => has("id", is_id) && optional("operator", &text(is_operator)),
            "show" => has("id", |_| true),
            "follow" => {
                optional("id", &text(is_id))
                    && given("past", &Value::is_boolean)
                    && given("output", &Value::is_boolean)
            }
            "next" => given("count", &count) && given("each", &Value::is_boolean),
            "history" => {
                optional("action", &text(is_action))
                    && optional("since", &text(|since| since.parse::<Timestamp>().is_ok()))
                    && given("failed", &Value::is_boolean)
                    && given("limit", &count)
            }
            _ => true,
        }
}

/// A call as a program would write it.
fn write(call: &Call) -> Value {
    match call {
        Call::Run { service, user, action, id, tell, operator } => {
            let tell = match tell {
                Tell::Nothing => "nothing",
                Tell::Outcome => "outcome",
                Tell::Everything => "everything",
            };
            json!({
                "op": "run", "service": service, "user": user, "action": action, "id": id, "tell": tell,
                "operator": operator,
            })
        }
        Call::Cancel { id, operator } => json!({"op": "cancel", "id": id, "operator": operator}),
        Call::History(PastWanted { action, failed, since, successes, limit }) => {
            let since = since.map(|since| since.to_string());
            json!({"op": "history", "action": action, "failed": failed, "since": since, "successes": successes, "limit": limit})
        }
        Call::Show { id } => json!({"op": "show", "id": id}),
        Call::Actions => json!({"op": "actions"}),
        Call::Follow { id, past, output } => {
            json!({"op": "follow", "id": id, "past": past, "output": output})
        }
        Call::Ping => json!({"op": "ping"}),
        Call::Health => json!({"op": "health"}),
        Call::Status => json!({"op": "status"}),
        Call::Next { count, each } => json!({"op": "next", "count": count, "each": each}),
        Call::Reload => json!({"op": "reload"}),
    }
}

/// An answer is one line, an object, and not much longer than what it answers.
fn check_answer(answer: &Answer, asked: usize) {
    let text = render(answer, Form::Json);
    let line = text.strip_suffix('\n').expect("an answer is a line");
    assert!(!line.chars().any(char::is_control), "{line:?} is one line");
    let object: Value = serde_json::from_str(line).expect("an object");
    let message = object["message"].as_str().expect("a sentence");
    assert!(!message.chars().any(char::is_control), "{message:?} is harmless to a terminal");
    assert_eq!((&object["ok"], &object["code"]), (&false.into(), &"syntax".into()));
    // What is quoted has at most six characters of JSON for one.
    assert!(line.len() <= REFUSAL + 6 * asked, "{} bytes", line.len());
}
