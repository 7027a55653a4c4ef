//! `lamplighter explain`: a line of a schedule in words.

use insta::assert_snapshot;
use serde_json::json;

use crate::stage::{Stage, all};

/// What it says without the next instants, which depend on the day.
fn without_days(text: &str) -> String {
    let days = regex::Regex::new(r"\w{3} \d{4}-\d\d-\d\d ").unwrap();
    days.replace_all(text, "<day> ").into_owned()
}

#[test]
fn a_time_and_a_whole_line_are_told_in_words_in_a_pipe_and_on_a_terminal() {
    let stack = Stage::new();
    let line = "@daily forum mysql nightly-backup";
    assert_snapshot!(without_days(&all(&stack.call(&["explain", "5 4 * * *"]))), @"
    at 04:05
    (a time of day: where the clock jumps over it, it fires once when the jump is over; where it comes twice, once)
    next in UTC: <day> 04:05 +00:00, <day> 04:05 +00:00, <day> 04:05 +00:00
    exit status 0
    ");
    assert_snapshot!(without_days(&all(&stack.call(&["explain", "5", "4", "*", "*", "*"]))), @"
    at 04:05
    (a time of day: where the clock jumps over it, it fires once when the jump is over; where it comes twice, once)
    next in UTC: <day> 04:05 +00:00, <day> 04:05 +00:00, <day> 04:05 +00:00
    exit status 0
    ");
    assert_snapshot!(without_days(&stack.shown(200, &["explain", line])), @"
    asks mysql for nightly-backup, on behalf of forum:
    at 00:00
    (a time of day: where the clock jumps over it, it fires once when the jump is over; where it comes twice, once)
    next in UTC: <day> 00:00 +00:00, <day> 00:00 +00:00, <day> 00:00 +00:00
    ");
    assert_snapshot!(all(&stack.call(&["explain", "@reboot php warm-up"])), @"
    asks php for warm-up, on behalf of root:
    once for each start of the scheduler's container
    exit status 0
    ");
    assert_snapshot!(all(&stack.call(&["explain", "0 0 31 2 *"])), @"
    never: its months do not have such a day
    exit status 0
    ");
}

#[test]
fn options_may_stand_behind_the_line() {
    let stack = Stage::new();
    let said = stack.call(&["explain", "5 4 * * *", "--tz", "Asia/Tokyo"]);
    assert_snapshot!(without_days(&all(&said)), @"
    at 04:05
    (a time of day: where the clock jumps over it, it fires once when the jump is over; where it comes twice, once)
    next in Asia/Tokyo: <day> 04:05 +09:00, <day> 04:05 +09:00, <day> 04:05 +09:00
    exit status 0
    ");
}

#[test]
fn programs_are_told_the_same_in_json() {
    let stack = Stage::new();
    let mut told = stack.json(&["explain", "@daily forum mysql nightly-backup"]);
    let next = told["next"].take();
    assert!(
        next.as_array().unwrap().iter().all(|at| at.as_str().unwrap().ends_with("T00:00:00.000Z")),
        "{next}"
    );
    assert_snapshot!(told, @r#"{"asks":{"action":"nightly-backup","service":"mysql","user":"forum"},"jumps":"a time of day: where the clock jumps over it, it fires once when the jump is over; where it comes twice, once","next":null,"words":"at 00:00","zone":"UTC"}"#);
    assert_eq!(
        stack.json(&["explain", "0 0 31 2 *"]),
        json!({"asks": null, "jumps": null, "next": [], "words": "never: its months do not have such a day", "zone": "UTC"})
    );
}

#[test]
fn what_cannot_be_read_is_shown_with_its_fault() {
    let stack = Stage::new();
    assert_snapshot!(all(&stack.call(&["explain", "5 24 * * *"])), @"
    line:1:3: the hour `24` is too large
      |
    1 | 5 24 * * *
      |  ^^ an hour is 0 to 23
      = hint: midnight is hour 0
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["explain", "5 4 * * * forum mysql Nightly"])), @"
    line:1:23: action `Nightly` is not valid: an action is a lower-case letter or digit, then up to 63 of a-z, 0-9 and `-`
      |
    1 | 5 4 * * * forum mysql Nightly
      |  ^^^^^^^
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["explain", "5 4 * * *", "--tz", "Mars/Olympus"])), @"
    error: there is no time zone `Mars/Olympus`
    hint: such as Europe/Berlin: `timedatectl list-timezones` has all names
    exit status 2
    ");
    assert_snapshot!(all(&stack.call(&["explain"])), @"
    error: the following required arguments were not provided:
      <LINE>...

    Usage: lamplighter explain <LINE>...

    For more information, try '--help'.
    exit status 2
    ");
}
