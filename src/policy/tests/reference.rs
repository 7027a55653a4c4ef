//! What docs/POLICY.md says is so.

use super::*;

const REFERENCE: &str = include_str!("../../../docs/POLICY.md");

/// The blocks of code in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    REFERENCE.split(&fence).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The cells of the row about a key, without quotation marks of their own.
fn row(key: &str) -> Vec<&'static str> {
    let rows = REFERENCE.lines().filter(|line| line.starts_with(&format!("| [`{key}`]")));
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.len(), 1, "`{key}` has a row, and only one");
    rows[0].split('|').map(|cell| cell.trim().trim_matches('`')).collect()
}

#[test]
fn every_example_is_a_policy() {
    let examples = blocks("toml");
    assert!(examples.len() > 6, "{} examples", examples.len());
    for example in examples {
        assert!(parse(example).rules().count() > 0, "{example}");
    }
}

#[test]
fn every_key_is_in_the_table_with_its_default_and_has_a_section_with_an_example() {
    for key in reader::RULE_KEYS {
        let default = row(key)[2];
        if default == "none" {
            assert_eq!(Rule::DEFAULT.expect_within, None, "{key}");
        } else {
            let written = parse(&format!("[action.backup]\n{key} = {default}"));
            assert_eq!(*written.rule(&action("backup")), Rule::DEFAULT, "{key}");
        }
        let section = REFERENCE.split(&format!("\n## {key}\n")).nth(1).unwrap_or_default();
        let section = section.split("\n## ").next().unwrap_or_default();
        let example = section.split("```toml\n").nth(1).unwrap_or_default();
        assert!(example.contains(&format!("\n{key} ")), "`{key}` lacks its section, or that its example");
    }
}

#[test]
fn every_word_is_there() {
    for (word, _) in Overlap::WORDS {
        assert!(REFERENCE.contains(&format!("\n| `\"{word}\"` |")), "{word}");
    }
    for (word, _) in RunAs::WORDS {
        assert!(row("run-as")[3].contains(word), "{word}");
    }
    for (word, _) in Needs::WORDS {
        assert!(row("needs")[3].contains(word), "{word}");
    }
}

#[test]
fn the_bounds_are_those_that_hold() {
    let bounds = |key: &str, bounds: &std::ops::RangeInclusive<Duration>| {
        let shown = [bounds.start(), bounds.end()].map(|bound| format!("\"{}\"", duration::show(*bound)));
        assert!(row(key)[3].contains(&shown.join("` to `")), "{key}: {shown:?}");
    };
    bounds("timeout", &reader::TIMEOUT);
    bounds("retry", &reader::BACKOFF);
    bounds("expect-within", &reader::EXPECT_WITHIN);
    let (fewest, most) = (reader::ATTEMPTS.start(), reader::ATTEMPTS.end());
    assert!(row("retry")[3].contains(&format!("from {fewest} to {most}")));
    assert!(REFERENCE.contains(&format!("{} KiB", LARGEST / 1024)));
}

#[test]
fn the_error_that_is_shown_is_the_one_that_is_printed() {
    assert_eq!(blocks("text"), [rule_fault("timeuot = \"2h\"") + "\n"]);
}
