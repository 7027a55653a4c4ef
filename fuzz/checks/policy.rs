//! What holds for any bytes that are read as a policy.

use lamplighter::policy::{FILE, LARGEST, LONGEST_BACKOFF, Policy, PolicyError, Rule};

/// Panics where it does not hold.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    match Policy::parse(text, FILE) {
        Ok(policy) => {
            policy.rules().for_each(|(_, rule)| check_bounds(rule));
            assert_eq!(
                Policy::parse(&policy.to_string(), FILE),
                Ok(policy),
                "what is printed reads as the same"
            );
        }
        Err(error) => check_error(text, &error),
    }
}

fn check_bounds(rule: &Rule) {
    let hours = |count: u64| std::time::Duration::from_secs(count * 60 * 60);
    assert!(!rule.timeout.is_zero() && rule.timeout <= hours(30 * 24));
    assert!(!rule.retry.backoff.is_zero() && rule.retry.backoff <= LONGEST_BACKOFF);
    assert!((1..=100).contains(&rule.retry.attempts));
    assert!(rule.expect_within.is_none_or(|within| !within.is_zero() && within <= hours(366 * 24)));
}

fn check_error(text: &str, error: &PolicyError) {
    let (shown, summary) = (error.to_string(), error.summary());
    assert!(!summary.chars().any(char::is_control), "{summary:?} is one line");
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?} is harmless to a terminal");
    let PolicyError::Faults { faults, .. } = error else {
        assert!(text.len() > LARGEST, "{shown}");
        return;
    };
    assert!((1..=20).contains(&faults.len()), "{} faults", faults.len());
    assert!(shown.len() < 64 * 1024, "{} bytes", shown.len());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for fault in faults {
        let line = text.split('\n').nth(fault.line - 1).expect("the line is there");
        assert!(fault.column >= 1 && fault.column <= line.chars().count() + 1, "{fault:?}");
        assert!(line.starts_with(&fault.text), "{fault:?}");
    }
}
