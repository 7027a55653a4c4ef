//! What a policy means.

use super::*;

#[test]
fn an_action_without_a_table_has_the_default_rule() {
    let rule = parse("").rule(&action("backup")).clone();
    assert_eq!(rule, Rule::default());
    assert_eq!(rule.timeout, Duration::from_secs(3600));
    assert_eq!(rule.overlap, Overlap::Queue);
    assert_eq!(rule.retry, Retry { attempts: 1, backoff: Duration::from_secs(60) });
    assert_eq!((rule.allow, rule.run_as, rule.expect_within), (vec![], RunAs::Root, None));
    assert_eq!(rule.needs, Needs::Service);
}

#[test]
fn an_empty_table_says_the_same_as_none() {
    for text in
        ["[action.backup]", "[action]", "# nothing", "\u{feff}[action.backup]\r\n", "action.backup = {}"]
    {
        assert_eq!(*parse(text).rule(&action("backup")), Rule::default(), "{text:?}");
    }
}

#[test]
fn every_key_has_its_meaning() {
    let policy = parse(
        r#"
        [action.nightly-backup]
        timeout  = "2h"
        overlap  = "replace"
        retry    = { attempts = 3, backoff = "5m" }
        allow    = ["forum", "10001", 10002, "forum"]
        run-as   = "request"
        expect-within = "1d2h"
        needs    = "nothing"

        [action.rotate]
        overlap = "skip"
        "#,
    );
    let expected = Rule {
        timeout: Duration::from_secs(7200),
        overlap: Overlap::Replace,
        retry: Retry { attempts: 3, backoff: Duration::from_secs(300) },
        allow: ["forum", "10001", "10002"].map(|user| user.parse().unwrap()).to_vec(),
        run_as: RunAs::Request,
        expect_within: Some(Duration::from_secs(26 * 3600)),
        needs: Needs::Nothing,
    };
    assert_eq!(*policy.rule(&action("nightly-backup")), expected);
    assert_eq!(*policy.rule(&action("rotate")), Rule { overlap: Overlap::Skip, ..Rule::default() });
    assert_eq!(
        policy.rules().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["nightly-backup", "rotate"]
    );
}

#[test]
fn tables_may_be_written_in_any_way_that_toml_has() {
    let same = [
        "[action.backup.retry]\nattempts = 2",
        "action.backup.retry.attempts = 2",
        "action = { backup = { retry = { attempts = 2 } } }",
        "[\"action\".'backup']\nretry = { 'attempts' = 0x2 }",
    ];
    for text in same {
        assert_eq!(parse(text).rule(&action("backup")).retry.attempts, 2, "{text}");
    }
}

#[test]
fn bounds_are_part_of_what_they_bound() {
    for line in ["timeout = '1s'", "timeout = '30d'", "expect-within = '1s'", "expect-within = '366d'"] {
        parse(&format!("[action.backup]\n{line}"));
    }
    for (attempts, backoff) in [(1, "1s"), (100, "1d"), (2, "24h")] {
        parse(&format!("[action.backup]\nretry = {{ attempts = {attempts}, backoff = '{backoff}' }}"));
    }
}

#[test]
fn words_are_those_of_their_choices() {
    for (word, overlap) in Overlap::WORDS {
        assert_eq!(overlap.as_str(), word);
    }
    for (word, run_as) in RunAs::WORDS {
        assert_eq!(run_as.as_str(), word);
    }
    for (word, needs) in Needs::WORDS {
        assert_eq!(needs.as_str(), word);
    }
}

#[test]
fn pauses_double_until_the_attempts_are_used_up() {
    let seconds = Duration::from_secs;
    let retry = Retry { attempts: 4, backoff: seconds(300) };
    let pauses: Vec<_> = (1..=5).map(|failed| retry.pause_after(failed)).collect();
    assert_eq!(pauses, [Some(seconds(300)), Some(seconds(600)), Some(seconds(1200)), None, None]);
    assert_eq!(Rule::DEFAULT.retry.pause_after(1), None);
    let patient = Retry { attempts: 100, backoff: LONGEST_BACKOFF };
    assert_eq!(patient.pause_after(99), Some(LONGEST_BACKOFF));
    assert_eq!(patient.pause_after(100), None);
}

#[test]
fn a_table_for_an_action_that_is_not_there_is_noticed() {
    let policy = parse("[action.nightly-bakup]\n[action.rotate]\n[action.other]");
    let actions = ["nightly-backup", "rotate"].map(action);
    insta::assert_snapshot!(policy.strays(&actions).join("\n"), @r"
    [action.nightly-bakup] in housekeeping.toml is for an action that is not there; did you mean `nightly-backup`?
    [action.other] in housekeeping.toml is for an action that is not there
    ");
}
