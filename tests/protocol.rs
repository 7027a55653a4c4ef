//! What docs/PROTOCOL.md says is so: its examples are put to a real supervisor, and its tables have what the program
//! knows, no more and no less.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Client, Running, Service, wait_for};
use lamplighter::request::RefusalCode;
use lamplighter::socket::protocol;
use serde_json::{Value, json};

const PAGE: &str = include_str!("../docs/PROTOCOL.md");

/// What the service of the examples does.
const CALLBACKS: &str = "CB_nightly_backup() { echo 143 tables; }
CB_check() { return 3; }
CB_import() { read -r <$FOLDER/hold; }
CB_upload() { echo connection refused; return 4; }";
const POLICY: &str = "[action.upload]\nretry = { attempts = 2, backoff = '10m' }";

fn service() -> Running {
    let service = Service::new().callbacks(CALLBACKS).file("conf/housekeeping.toml", POLICY);
    service.fifo("hold").start()
}

/// Fields whose values are as in the example. Of the others, only the kind of value is: names of services, sentences,
/// numbers and instants are others each time.
const SAME: [&str; 13] = [
    "event",
    "ok",
    "code",
    "op",
    "outcome",
    "user",
    "action",
    "attempt",
    "state",
    "overdue",
    "healthy",
    "protocol",
    "last_good",
];
/// Fields that name something: others each time, and the same wherever they are named again.
const NAMES: [&str; 3] = ["id", "with", "token"];
/// Questions whose answer may be another a moment later.
const LOOKS: [&str; 5] = ["status", "history", "show", "health", "actions"];

/// A line of an example.
#[derive(Debug)]
enum Line {
    Sent(String),
    Answered(String),
}

/// The examples: blocks whose lines begin with `>` or `<`, or go on with blanks.
fn examples() -> Vec<Vec<Line>> {
    let mut examples = Vec::new();
    for block in blocks() {
        let mut example = Vec::new();
        for line in block.lines() {
            match line.split_at_checked(2) {
                Some(("> ", sent)) => example.push(Line::Sent(sent.to_owned())),
                Some(("< ", answered)) => example.push(Line::Answered(answered.to_owned())),
                Some(("  ", more)) => match example.last_mut() {
                    Some(Line::Answered(answered)) => answered.push_str(more),
                    _ => panic!("`{line}` goes on with nothing"),
                },
                _ => break,
            }
        }
        examples.extend((!example.is_empty()).then_some(example));
    }
    examples
}

fn blocks() -> impl Iterator<Item = &'static str> {
    PAGE.split("\n```").skip(1).step_by(2).map(|block| block.split_once('\n').map_or("", |(_, text)| text))
}

/// What names of the page stand for in this conversation.
#[derive(Default, Debug)]
struct Names(BTreeMap<String, String>);

impl Names {
    /// A line as it is to be sent: with our names, and the beginnings of ours, for those of the page.
    fn translate(&self, line: &str) -> String {
        let Ok(mut call) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
        if let Some(name) = call["id"].as_str() {
            let ours = self.0.iter().find(|(theirs, _)| theirs.starts_with(name));
            // Names that a conversation brings itself stand for themselves.
            let ours =
                ours.filter(|(theirs, ours)| theirs != ours).map(|(_, ours)| ours[..name.len()].to_owned());
            call["id"] = ours.unwrap_or_else(|| name.to_owned()).into();
        }
        call.to_string()
    }

    /// Whether an answer is what the page shows, but for what is another each time.
    fn fit(&mut self, shown: &Value, given: &Value, field: &str) -> Result<(), String> {
        let differs = || Err(format!("`{field}` is {given} where the page has {shown}"));
        match (shown, given) {
            (Value::Object(shown), Value::Object(given)) => {
                if let Some(field) = shown.keys().find(|key| !given.contains_key(*key)) {
                    return Err(format!("there is no `{field}` in {given:?}"));
                }
                if let Some(field) = given.keys().find(|key| !shown.contains_key(*key)) {
                    return Err(format!("the page has no `{field}` for {given:?}"));
                }
                shown.iter().try_for_each(|(field, shown)| self.fit(shown, &given[field], field))
            }
            (Value::Array(shown), Value::Array(given)) if shown.len() == given.len() => {
                shown.iter().zip(given).try_for_each(|(shown, given)| self.fit(shown, given, field))
            }
            (Value::String(theirs), Value::String(ours)) if NAMES.contains(&field) => {
                let known = self.0.entry(theirs.clone()).or_insert_with(|| ours.clone());
                if known == ours { Ok(()) } else { differs() }
            }
            _ if SAME.contains(&field) => {
                if shown == given {
                    Ok(())
                } else {
                    differs()
                }
            }
            (Value::String(shown), Value::String(given)) if is_instant(shown) == is_instant(given) => Ok(()),
            (Value::Number(_), Value::Number(_)) | (Value::Null, Value::Null) => Ok(()),
            _ => differs(),
        }
    }

    /// The same for a line: JSON, or plain text up to the sentence in it.
    fn fit_line(&mut self, shown: &str, given: &str) -> Result<(), String> {
        if let (Ok(shown), Ok(given)) = (serde_json::from_str::<Value>(shown), serde_json::from_str(given)) {
            return self.fit(&shown, &given, "");
        }
        let begin = |line: &str| line.split_inclusive([' ', ':']).take(2).collect::<String>();
        let is_accepted = shown.starts_with("accepted ") && given.starts_with("accepted ");
        let fits = is_accepted || shown.starts_with("refused ") && begin(shown) == begin(given);
        if fits { Ok(()) } else { Err(format!("`{given}` where the page has `{shown}`")) }
    }
}

fn is_instant(text: &str) -> bool {
    text.parse::<jiff::Timestamp>().is_ok()
}

/// Has one of the page's conversations.
fn converse(service: &Running, names: &mut Names, example: &[Line]) {
    let mut client = service.connect();
    for (at, line) in example.iter().enumerate() {
        match line {
            Line::Sent(line) => drop(client.send(format!("{}\n", names.translate(line)))),
            Line::Answered(shown) => {
                let given = client.answer();
                let asked = match &example[at - 1] {
                    Line::Sent(asked) => names.translate(asked),
                    Line::Answered(_) => String::new(),
                };
                if let Err(why) = look_again(&mut client, names, shown, given, &asked) {
                    panic!("after `{asked}`: {why}");
                }
            }
        }
    }
    assert_eq!(client.finish().rest(), [""; 0], "there are more answers than the page has");
}

/// Compares an answer; where a moment may make a difference, asks until it fits.
fn look_again(
    client: &mut Client,
    names: &mut Names,
    shown: &str,
    mut given: String,
    asked: &str,
) -> Result<(), String> {
    let op = serde_json::from_str::<Value>(asked).map(|call| call["op"].clone()).unwrap_or_default();
    if !op.as_str().is_some_and(|op| LOOKS.contains(&op)) {
        return names.fit_line(shown, &given);
    }
    wait_for(&format!("the answer to {asked} to be {shown}"), || {
        let fits = names.fit_line(shown, &given);
        if let Err(why) = fits {
            eprintln!("not yet: {why}");
            given = client.send(format!("{asked}\n")).answer();
            return None;
        }
        Some(Ok(()))
    })
}

#[test]
fn its_conversations_are_had_like_that() {
    let service = service();
    let examples = examples();
    assert!(examples.len() >= 4, "{examples:?}");
    let mut names = Names::default();
    for example in &examples {
        converse(&service, &mut names, example);
    }
}

#[test]
fn every_operation_is_shown_in_a_conversation() {
    let examples = examples();
    let sent = examples.iter().flatten().filter_map(|line| match line {
        Line::Sent(line) => serde_json::from_str::<Value>(line).ok()?["op"].as_str().map(str::to_owned),
        Line::Answered(_) => None,
    });
    let mut shown: BTreeSet<_> = sent.collect();
    // The scheduler's own are not a supervisor's to answer.
    shown.extend(["next", "reload"].map(str::to_owned));
    shown.remove("explode");
    assert_eq!(shown, known_operations());
}

#[test]
fn the_plain_example_is_answered_like_that() {
    let service = service();
    let block = blocks().find(|block| block.starts_with("$ printf ")).expect("an example for a shell");
    let (command, answer) = block.trim_end().split_once('\n').expect("a command and its answer");
    let sent = command.split('\'').nth(1).expect("what is sent stands in quotes").replace("\\n", "\n");
    let mut client = service.connect();
    let answers = client.send(sent).finish().rest();
    assert_eq!(answers.len(), 1);
    Names::default().fit_line(answer, &answers[0]).unwrap_or_else(|why| panic!("{why}"));
}

#[test]
fn the_lines_of_being_told_are_records_of_the_journal() {
    let block = blocks().find(|block| block.starts_with("{\"event\"")).expect("the lines that are told");
    let mut events = BTreeSet::new();
    for line in block.lines() {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let event = object["event"].as_str().expect("an event").to_owned();
        if event != "output" {
            lamplighter::journal::JournalRecord::parse(line.as_bytes())
                .unwrap_or_else(|error| panic!("{error}: {line}"));
        }
        events.insert(event);
    }
    assert_eq!(events, ["accepted", "ended", "output", "started"].map(str::to_owned).into());
}

/// The rows of the first table under a heading, without its head: the words in its first cell that are set as code, and
/// the other cells.
fn rows(heading: &str) -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
    let section = PAGE.split(&format!("\n## {heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let table = section.lines().skip_while(|line| !line.starts_with('|'));
    let rows = table.take_while(|line| line.starts_with('|')).skip(2);
    let cells = rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    cells.map(|cells| (code(cells[0]), cells[1..].to_vec())).collect()
}

/// What is set as code in a text.
fn code(text: &'static str) -> Vec<&'static str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The operations that the program knows: it names them all when it is asked for another one.
fn known_operations() -> BTreeSet<String> {
    let refusal = protocol::parse(br#"{"op":"explode"}"#).expect_err("there is no such operation");
    let expected =
        refusal.message.split("expected one of").nth(1).expect("the known ones are named").to_owned();
    expected.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn its_operations_are_those_that_are_known() {
    let listed: BTreeSet<_> =
        rows("JSON lines").into_iter().flat_map(|(ops, _)| ops).map(str::to_owned).collect();
    assert_eq!(listed, known_operations());
}

/// A value that a field may have.
fn sample(field: &str) -> Value {
    match field {
        "user" => json!("root"),
        "action" => json!("ok"),
        "id" => json!("1f2e"),
        "tell" => json!("outcome"),
        "operator" => json!("anna"),
        "service" => json!("mysql"),
        "failed" | "past" | "output" | "each" => json!(true),
        "since" => json!("2026-11-23T04:05:00Z"),
        "limit" | "count" | "successes" => json!(5),
        _ => panic!("no value is known for `{field}`"),
    }
}

#[test]
fn its_fields_are_read_and_those_without_a_question_mark_are_needed() {
    for (ops, cells) in rows("JSON lines") {
        let fields = code(cells[0]);
        let is_optional = |field: &str| cells[0].contains(&format!("`{field}`?"));
        for op in ops {
            let full = fields.iter().fold(json!({"op": op}), |mut call, field| {
                // Of two operations in one row, the fields are the first one's; the other ignores them.
                call[*field] = sample(field);
                call
            });
            let accepts = |call: &Value| protocol::parse(call.to_string().as_bytes()).is_ok();
            assert!(accepts(&full), "{full}");
            for field in &fields {
                let mut call = full.clone();
                call[*field] = json!([]);
                assert!(!accepts(&call), "`{op}` does not read `{field}`");
                call.as_object_mut().expect("an object").remove(*field);
                assert_eq!(accepts(&call), is_optional(field), "`{op}` without `{field}`");
            }
        }
    }
}

#[test]
fn its_refusals_are_those_that_there_are() {
    let listed: BTreeSet<_> = rows("Refusals").into_iter().flat_map(|(codes, _)| codes).collect();
    let known: BTreeSet<_> = RefusalCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(listed, known);
    let named: BTreeSet<_> =
        rows("Names and limits").into_iter().flat_map(|(_, cells)| code(cells[1])).collect();
    assert!(named.is_subset(&known), "{named:?}");
}
