use serde_json::Value;

use super::*;

/// What Compose reads, as seen by running both generations.
const CASES: &str = include_str!("../../../tests/dotenv/cases.jsonl");

fn bee(name: &str) -> Option<String> {
    (name == "B").then(|| "bee".to_owned())
}

fn read(text: &str) -> Result<Dotenv, Box<Diagnostic>> {
    Dotenv::read(text.as_bytes().to_vec(), &bee)
}

/// The table's rows: a file, and what each generation makes of it.
fn rows() -> Vec<(String, Value, Value)> {
    let lines = CASES.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let rows = lines
        .filter_map(|row| Some((row["file"].as_str()?.to_owned(), row["v1"].clone(), row["v2"].clone())));
    rows.collect()
}

fn ours(file: &str) -> Value {
    match read(file) {
        Ok(dotenv) => dotenv.get("A").into(),
        Err(_) => serde_json::json!({"error": true}),
    }
}

fn theirs_of_1_29(file: &str) -> Value {
    let text = comparison::lines_of_the_first(file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(file));
    let found = first::read(&text, &bee);
    let last = found.iter().rfind(|found| found.name == "A");
    last.map(|found| found.value.clone().unwrap_or_default()).into()
}

#[test]
fn every_file_is_read_as_compose_2_reads_it() {
    assert!(rows().len() > 100);
    for (file, _, second) in rows() {
        assert_eq!(ours(&file), second, "{file:?}");
    }
}

#[test]
fn it_is_known_what_compose_1_29_makes_of_every_file() {
    for (file, first, _) in rows() {
        assert_eq!(theirs_of_1_29(&file), first, "{file:?}");
    }
}

#[test]
fn each_line_that_the_two_read_differently_is_found_and_no_other() {
    for (file, first, second) in rows() {
        let Ok(dotenv) = read(&file) else { continue };
        let found = dotenv.differences(&bee);
        let says_a = |fault: &Diagnostic| fault.message.contains("`A=") || fault.message.contains("`A`");
        assert_eq!(found.iter().any(says_a), first != second, "{file:?}: {found:?}");
    }
}

#[test]
fn what_the_hint_says_is_read_alike_by_both() {
    let mut hints = 0;
    for (file, _, second) in rows() {
        let Ok(dotenv) = read(&file) else { continue };
        for fault in dotenv.differences(&bee) {
            let Some(line) = fault.hint.as_deref().and_then(|hint| hint.strip_prefix("both read `")) else {
                continue;
            };
            let Some(line) = line.strip_suffix('`').filter(|line| line.starts_with("A=")) else { continue };
            let above: String = file.split_inclusive('\n').take(fault.line - 1).collect();
            let file = format!("{above}{line}\n");
            assert_eq!((ours(&file), theirs_of_1_29(&file)), (second.clone(), second.clone()), "{file}");
            hints += 1;
        }
    }
    assert!(hints > 10, "{hints}");
}

#[test]
fn a_fault_is_shown_at_its_place() {
    let shown = |text: &str| read(text).unwrap_err().in_file(FILE).to_string();
    insta::assert_snapshot!(shown("A=x\nfoo bar\n"), @r"
    .env:2:1: a name cannot have a blank in it
      |
    2 | foo bar
      | ^^^^^^^ NAME=value, or a comment with # before it
    ");
    insta::assert_snapshot!(shown("A=x\nB?=1"), @r"
    .env:2:2: `?` cannot be in a name
      |
    2 | B?=1
      |  ^ NAME=value is wanted
    ");
    insta::assert_snapshot!(shown("A=x\n\nexport B = 'it''s'\n"), @r"
    .env:3:16: `'` cannot be in a name
      |
    3 | export B = 'it''s'
      |                ^ NAME=value is wanted
    ");
    insta::assert_snapshot!(shown("A=1${B"), @r"
    .env:1:3: a `${` here is no variable
      |
    1 | A=1${B
      |   ^^^^ ${NAME}, or $$ for a dollar sign
    ");
    insta::assert_snapshot!(shown("A=${C:?the port, as in $B}"), @r"
    .env:1:3: `C` has to be set: the port, as in bee
      |
    1 | A=${C:?the port, as in $B}
      |   ^^^^^^^^^^^^^^^^^^^^^^^^
    ");
    let bytes = Dotenv::read(b"A=x\nB=\xe4\n".to_vec(), &bee).unwrap_err();
    insta::assert_snapshot!(bytes.in_file(FILE).to_string(), @r"
    .env:2:3: this is not UTF-8
      |
    2 | B=�
      |   ^
      = hint: save the file as UTF-8
    ");
}

#[test]
fn a_difference_says_how_both_would_read_it() {
    let shown = |text: &str| {
        let found = read(text).unwrap().differences(&bee);
        found.iter().map(|fault| fault.in_file(FILE).to_string()).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(shown("A=x\nP=p@ss$$word # c\nQ=$B/data\nFOO\n"), @r"
    .env:2:1: warning: docker-compose 1.29 reads `P=p@ss$$word`, `docker compose` 2 `P=p@ss$word`
      |
    2 | P=p@ss$$word # c
      | ^^^^^^^^^^^^^^^^
      = hint: both read `P='p@ss$word'`
    .env:3:1: warning: docker-compose 1.29 reads `Q=$B/data`, `docker compose` 2 `Q=bee/data`
      |
    3 | Q=$B/data
      | ^^^^^^^^^
      = hint: both read `Q=${B}/data`
    .env:4:1: warning: docker-compose 1.29 reads `FOO=`, `docker compose` 2 no `FOO` at all
      |
    4 | FOO
      | ^^^
      = hint: `FOO=` where it is to be empty, else take it out
    ");
}

#[test]
fn the_last_value_of_a_name_counts_and_names_are_told_once() {
    let dotenv = read("Z=1\nA=x\nA=y\n").unwrap();
    assert_eq!((dotenv.get("A"), dotenv.get("B")), (Some("y"), None));
    assert_eq!(dotenv.names(), ["A", "Z"]);
}
