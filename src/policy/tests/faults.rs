//! What is said about a text that is no policy, word by word.

use super::*;

#[test]
fn a_misspelt_key() {
    insta::assert_snapshot!(rule_fault("timeuot = \"2h\""), @r#"
    housekeeping.toml:2:1: unknown key `timeuot`
      |
    2 | timeuot = "2h"
      | ^^^^^^^ a rule has `timeout`, `overlap`, `retry`, `allow`, `run-as`, `expect-within` and `needs`
      = hint: did you mean `timeout`?
    "#);
    insta::assert_snapshot!(rule_fault("run_as = \"root\""), @r#"
    housekeeping.toml:2:1: unknown key `run_as`
      |
    2 | run_as = "root"
      | ^^^^^^ a rule has `timeout`, `overlap`, `retry`, `allow`, `run-as`, `expect-within` and `needs`
      = hint: did you mean `run-as`?
    "#);
    insta::assert_snapshot!(rule_fault("retry = { attempt = 3 }"), @r"
    housekeeping.toml:2:11: unknown key `attempt`
      |
    2 | retry = { attempt = 3 }
      |           ^^^^^^^ a retry has `attempts` and `backoff`
      = hint: did you mean `attempts`?
    ");
}

#[test]
fn a_key_that_there_is_not() {
    insta::assert_snapshot!(rule_fault("colour = \"red\""), @r#"
    housekeeping.toml:2:1: unknown key `colour`
      |
    2 | colour = "red"
      | ^^^^^^ a rule has `timeout`, `overlap`, `retry`, `allow`, `run-as`, `expect-within` and `needs`
    "#);
    insta::assert_snapshot!(rule_fault("retry = { attempts = 3, jitter = true }"), @r"
    housekeeping.toml:2:25: unknown key `jitter`
      |
    2 | retry = { attempts = 3, jitter = true }
      |                         ^^^^^^ a retry has `attempts` and `backoff`
    ");
}

#[test]
fn a_key_at_the_top() {
    insta::assert_snapshot!(fault("timeout = \"2h\""), @r#"
    housekeeping.toml:1:1: unknown key `timeout`
      |
    1 | timeout = "2h"
      | ^^^^^^^ a policy has [action.NAME] tables only
      = hint: it belongs below the [action.NAME] it is meant for
    "#);
    insta::assert_snapshot!(fault("[actions.backup]"), @r"
    housekeeping.toml:1:2: unknown key `actions`
      |
    1 | [actions.backup]
      |  ^^^^^^^ a policy has [action.NAME] tables only
      = hint: did you mean `action`?
    ");
    insta::assert_snapshot!(fault("\n[nightly-backup]\ntimeout = \"2h\""), @r"
    housekeeping.toml:2:2: unknown key `nightly-backup`
      |
    2 | [nightly-backup]
      |  ^^^^^^^^^^^^^^ a policy has [action.NAME] tables only
      = hint: did you mean [action.nightly-backup]?
    ");
    insta::assert_snapshot!(fault("version = 1"), @r"
    housekeeping.toml:1:1: unknown key `version`
      |
    1 | version = 1
      | ^^^^^^^ a policy has [action.NAME] tables only
    ");
}

#[test]
fn a_time_that_is_none() {
    insta::assert_snapshot!(rule_fault("timeout = \"2 hours\""), @r#"
    housekeeping.toml:2:11: `2 hours` is not a length of time, such as `90s`, `5m`, `1h30m` or `2d`
      |
    2 | timeout = "2 hours"
      |           ^^^^^^^^^ expected a length of time in quotes, from "1s" to "30d"
    "#);
    insta::assert_snapshot!(rule_fault("timeout = \"90\""), @r#"
    housekeeping.toml:2:11: `90` lacks its unit: `s`, `m`, `h` or `d`
      |
    2 | timeout = "90"
      |           ^^^^ expected a length of time in quotes, from "1s" to "30d"
    "#);
    insta::assert_snapshot!(rule_fault("timeout = 90"), @r#"
    housekeeping.toml:2:11: `timeout` is a number without a unit
      |
    2 | timeout = 90
      |           ^^ expected a length of time in quotes, from "1s" to "30d"
      = hint: for seconds write "90s"
    "#);
    insta::assert_snapshot!(rule_fault("timeout = 0"), @r#"
    housekeeping.toml:2:11: `timeout` is a number without a unit
      |
    2 | timeout = 0
      |           ^ expected a length of time in quotes, from "1s" to "30d"
    "#);
    insta::assert_snapshot!(rule_fault("timeout = 01:30:00"), @r#"
    housekeeping.toml:2:11: `timeout` is a date or time
      |
    2 | timeout = 01:30:00
      |           ^^^^^^^^ expected a length of time in quotes, from "1s" to "30d"
    "#);
    insta::assert_snapshot!(rule_fault("timeout = \"\""), @r#"
    housekeeping.toml:2:11: `` is not a length of time, such as `90s`, `5m`, `1h30m` or `2d`
      |
    2 | timeout = ""
      |           ^^ expected a length of time in quotes, from "1s" to "30d"
    "#);
}

#[test]
fn a_time_out_of_bounds() {
    insta::assert_snapshot!(rule_fault("timeout = \"0s\""), @r#"
    housekeeping.toml:2:11: `timeout` of "0s" is out of bounds
      |
    2 | timeout = "0s"
      |           ^^^^ expected a length of time in quotes, from "1s" to "30d"
    "#);
    insta::assert_snapshot!(rule_fault("timeout = \"30d1s\""), @r#"
    housekeeping.toml:2:11: `timeout` of "30d1s" is out of bounds
      |
    2 | timeout = "30d1s"
      |           ^^^^^^^ expected a length of time in quotes, from "1s" to "30d"
    "#);
    insta::assert_snapshot!(rule_fault("expect-within = \"99999999999999999999d\""), @r#"
    housekeeping.toml:2:17: `expect-within` of "99999999999999999999d" is out of bounds
      |
    2 | expect-within = "99999999999999999999d"
      |                 ^^^^^^^^^^^^^^^^^^^^^^^ expected a length of time in quotes, from "1s" to "366d"
    "#);
    insta::assert_snapshot!(rule_fault("retry = { attempts = 2, backoff = \"25h\" }"), @r#"
    housekeeping.toml:2:35: `backoff` of "25h" is out of bounds
      |
    2 | retry = { attempts = 2, backoff = "25h" }
      |                                   ^^^^^ expected a length of time in quotes, from "1s" to "1d"
    "#);
}

#[test]
fn a_word_that_is_no_choice() {
    insta::assert_snapshot!(rule_fault("overlap = \"que\""), @r#"
    housekeeping.toml:2:11: `overlap` cannot be "que"
      |
    2 | overlap = "que"
      |           ^^^^^ expected "queue", "skip", "replace" or "allow"
      = hint: did you mean "queue"?
    "#);
    insta::assert_snapshot!(rule_fault("overlap = \"Replace\""), @r#"
    housekeeping.toml:2:11: `overlap` cannot be "Replace"
      |
    2 | overlap = "Replace"
      |           ^^^^^^^^^ expected "queue", "skip", "replace" or "allow"
      = hint: did you mean "replace"?
    "#);
    insta::assert_snapshot!(rule_fault("overlap = true"), @r#"
    housekeeping.toml:2:11: `overlap` is a boolean
      |
    2 | overlap = true
      |           ^^^^ expected "queue", "skip", "replace" or "allow"
    "#);
    insta::assert_snapshot!(rule_fault("run-as = \"forum\""), @r#"
    housekeeping.toml:2:10: `run-as` cannot be "forum"
      |
    2 | run-as = "forum"
      |          ^^^^^^^ expected "root" or "request"
    "#);
}

#[test]
fn attempts_that_are_none() {
    insta::assert_snapshot!(rule_fault("retry = 3"), @r#"
    housekeeping.toml:2:9: `retry` is a whole number
      |
    2 | retry = 3
      |         ^ expected { attempts = 3 }, or { attempts = 3, backoff = "5m" }
    "#);
    insta::assert_snapshot!(rule_fault("retry = { attempts = 0 }"), @r"
    housekeeping.toml:2:22: `attempts` is 0
      |
    2 | retry = { attempts = 0 }
      |                      ^ expected a whole number from 1 to 100
    ");
    insta::assert_snapshot!(rule_fault("retry = { attempts = 4294967297 }"), @r"
    housekeeping.toml:2:22: `attempts` is 4294967297
      |
    2 | retry = { attempts = 4294967297 }
      |                      ^^^^^^^^^^ expected a whole number from 1 to 100
    ");
    insta::assert_snapshot!(rule_fault("retry = { attempts = \"3\" }"), @r#"
    housekeeping.toml:2:22: `attempts` is a string
      |
    2 | retry = { attempts = "3" }
      |                      ^^^ expected a whole number from 1 to 100
    "#);
    insta::assert_snapshot!(rule_fault("retry = { backoff = \"5m\" }"), @r#"
    housekeeping.toml:2:1: `retry` lacks `attempts`
      |
    2 | retry = { backoff = "5m" }
      | ^^^^^ expected { attempts = 3 }, or { attempts = 3, backoff = "5m" }
    "#);
}

#[test]
fn users_that_are_none() {
    insta::assert_snapshot!(rule_fault("allow = \"forum\""), @r#"
    housekeeping.toml:2:9: `allow` is a string
      |
    2 | allow = "forum"
      |         ^^^^^^^ expected a list of users
      = hint: did you mean ["forum"]?
    "#);
    insta::assert_snapshot!(rule_fault("allow = { forum = true }"), @r"
    housekeeping.toml:2:9: `allow` is a table
      |
    2 | allow = { forum = true }
      |         ^^^^^^^^^^^^^^^^ expected a list of users
    ");
    insta::assert_snapshot!(rule_fault("allow = [\n  \"forum\",\n  \"Wiki\",\n]"), @r#"
    housekeeping.toml:4:3: `Wiki` is no user's name
      |
    4 |   "Wiki",
      |   ^^^^^^ a user is a lower-case letter or `_`, then up to 31 of a-z, 0-9, `_` and `-`; or a number below 4294967295
    "#);
    insta::assert_snapshot!(rule_fault("allow = [-1]"), @r"
    housekeeping.toml:2:10: `-1` is no user's name
      |
    2 | allow = [-1]
      |          ^^ a user is a lower-case letter or `_`, then up to 31 of a-z, 0-9, `_` and `-`; or a number below 4294967295
    ");
    insta::assert_snapshot!(rule_fault("allow = [[\"forum\"]]"), @r#"
    housekeeping.toml:2:10: a user cannot be a list
      |
    2 | allow = [["forum"]]
      |          ^^^^^^^^^ expected a name in quotes, or a number
    "#);
}

#[test]
fn an_action_that_is_none() {
    insta::assert_snapshot!(fault("[action.nightly_backup]"), @r"
    housekeeping.toml:1:9: `nightly_backup` is no action's name
      |
    1 | [action.nightly_backup]
      |         ^^^^^^^^^^^^^^ an action is a lower-case letter or digit, then up to 63 of a-z, 0-9 and `-`
      = hint: did you mean `nightly-backup`?
    ");
    insta::assert_snapshot!(fault("[action.\"../etc\"]"), @r#"
    housekeeping.toml:1:9: `../etc` is no action's name
      |
    1 | [action."../etc"]
      |         ^^^^^^^^ an action is a lower-case letter or digit, then up to 63 of a-z, 0-9 and `-`
    "#);
    insta::assert_snapshot!(fault("[action.health-check]\ntimeout = \"5s\""), @r"
    housekeeping.toml:1:9: `health-check` cannot have rules
      |
    1 | [action.health-check]
      |         ^^^^^^^^^^^^ nobody asks for it but the supervisor itself
    ");
}

#[test]
fn a_table_that_is_none() {
    insta::assert_snapshot!(fault("action = \"backup\""), @r#"
    housekeeping.toml:1:10: `action` is a string
      |
    1 | action = "backup"
      |          ^^^^^^^^ expected tables, such as [action.nightly-backup]
    "#);
    insta::assert_snapshot!(fault("[action]\nbackup = \"2h\""), @r#"
    housekeeping.toml:2:10: `backup` is a string
      |
    2 | backup = "2h"
      |          ^^^^ expected a table of an action's rules
    "#);
    insta::assert_snapshot!(fault("[[action.backup]]\ntimeout = \"2h\""), @r"
    housekeeping.toml:1:10: `backup` is a list
      |
    1 | [[action.backup]]
      |          ^^^^^^ expected a table, with its name in single brackets
    ");
}

#[test]
fn a_text_that_is_not_toml() {
    insta::assert_snapshot!(rule_fault("timeout = 2h"), @r"
    housekeeping.toml:2:11: this is not TOML: string values must be quoted, expected literal string
      |
    2 | timeout = 2h
      |           ^^
    ");
    insta::assert_snapshot!(rule_fault("timeout = \"2h"), @r#"
    housekeeping.toml:2:14: this is not TOML: invalid basic string, expected `"`
      |
    2 | timeout = "2h
      |              ^
    "#);
    insta::assert_snapshot!(rule_fault("timeout: \"2h\""), @r#"
    housekeeping.toml:2:8: this is not TOML: invalid unquoted key, expected letters, numbers, `-`, `_`
      |
    2 | timeout: "2h"
      |        ^
    "#);
    insta::assert_snapshot!(rule_fault("allow = [\"forum\""), @r#"
    housekeeping.toml:2:17: this is not TOML: unclosed array, expected `]`
      |
    2 | allow = ["forum"
      |                 ^
    "#);
    insta::assert_snapshot!(rule_fault("timeout = \"2h\"\ntimeout = \"3h\""), @r#"
    housekeeping.toml:3:1: this is not TOML: duplicate key
      |
    3 | timeout = "3h"
      | ^^^^^^^
    "#);
    insta::assert_snapshot!(fault("[action.a]\n[action.b]\n[action.a]"), @r"
    housekeeping.toml:3:9: this is not TOML: duplicate key
      |
    3 | [action.a]
      |         ^
    ");
    insta::assert_snapshot!(fault("[action.a\ntimeout = \"2h\""), @r"
    housekeeping.toml:1:10: this is not TOML: unclosed table, expected `]`
      |
    1 | [action.a
      |          ^
    ");
}

#[test]
fn all_of_a_file_are_told_at_once_in_their_order() {
    let text = "[action.zip]\ntimeuot = \"2h\"\noverlap = \"never\"\n\n[action.backup]\nallow = \"forum\"\n";
    insta::assert_snapshot!(fault(text), @r#"
    housekeeping.toml:2:1: unknown key `timeuot`
      |
    2 | timeuot = "2h"
      | ^^^^^^^ a rule has `timeout`, `overlap`, `retry`, `allow`, `run-as`, `expect-within` and `needs`
      = hint: did you mean `timeout`?
    housekeeping.toml:3:11: `overlap` cannot be "never"
      |
    3 | overlap = "never"
      |           ^^^^^^^ expected "queue", "skip", "replace" or "allow"
    housekeeping.toml:6:9: `allow` is a string
      |
    6 | allow = "forum"
      |         ^^^^^^^ expected a list of users
      = hint: did you mean ["forum"]?
    "#);
}

#[test]
fn one_line_is_enough_for_a_status() {
    let summary = |text| Policy::parse(text, FILE).unwrap_err().summary();
    insta::assert_snapshot!(summary("[action.a]\ntimeuot = \"2h\""), @"housekeeping.toml:2:1: unknown key `timeuot`; did you mean `timeout`?");
    insta::assert_snapshot!(summary("[action.a]\ncolour = 1\noverlap = 2\nretry = 3"), @"housekeeping.toml:2:1: unknown key `colour`; a rule has `timeout`, `overlap`, `retry`, `allow`, `run-as`, `expect-within` and `needs` (and 2 more)");
}

#[test]
fn a_place_is_counted_in_characters_and_shown_without_control_characters() {
    insta::assert_snapshot!(fault("[action.b]\r\n\tallow = [\"ä\\u001b\", \"Ü\"]\r\n"), @r#"
    housekeeping.toml:2:11: `ä\u{1b}` is no user's name
      |
    2 |  allow = ["ä\u001b", "Ü"]
      |           ^^^^^^^^^ a user is a lower-case letter or `_`, then up to 31 of a-z, 0-9, `_` and `-`; or a number below 4294967295
    housekeeping.toml:2:22: `Ü` is no user's name
      |
    2 |  allow = ["ä\u001b", "Ü"]
      |                      ^^^ a user is a lower-case letter or `_`, then up to 31 of a-z, 0-9, `_` and `-`; or a number below 4294967295
    "#);
}

#[test]
fn a_file_of_nothing_but_faults_is_cut_short() {
    let lines = |count: usize| (0..count).map(|n| format!("a{n} = 1")).collect::<Vec<_>>();
    let message = fault(&lines(30).join("\n"));
    assert!(message.ends_with("\nhousekeeping.toml: and 10 more faults"), "{message}");
    let on_one_line = fault(&format!("action = {{ backup = {{ {} }} }}", lines(5000).join(", ")));
    assert!(on_one_line.ends_with("\nhousekeeping.toml: and 4980 more faults"), "{on_one_line}");
    assert!(on_one_line.len() < 10_000, "{} bytes", on_one_line.len());
    let long_words =
        fault(&format!("{0} = 1\n[action.{0}]\n[action.a]\n{0} = 1\noverlap = '{0}'", "x".repeat(10_000)));
    assert!(long_words.len() < 2_000, "{} bytes", long_words.len());
    let not_toml = fault(&"=\n".repeat(LARGEST / 2));
    assert!(not_toml.len() < 10_000, "{} bytes", not_toml.len());
}
