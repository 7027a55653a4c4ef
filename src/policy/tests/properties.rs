//! What holds for any policy, and for any text.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;

fn seconds(longest: u64) -> impl Strategy<Value = Duration> {
    (1..=longest).prop_map(Duration::from_secs)
}

fn rules() -> impl Strategy<Value = Rule> {
    let overlap = prop::sample::select(Overlap::WORDS.map(|(_, overlap)| overlap).to_vec());
    let run_as = prop::sample::select(RunAs::WORDS.map(|(_, run_as)| run_as).to_vec());
    let needs = prop::sample::select(Needs::WORDS.map(|(_, needs)| needs).to_vec());
    let users = vec("[a-z_][a-z0-9_-]{0,31}|[1-9][0-9]{0,8}", 0..4);
    let retry = (1_u32..=100, seconds(86_400));
    let within = option::of(seconds(366 * 86_400));
    (seconds(30 * 86_400), overlap, retry, users, run_as, within, needs).prop_map(
        |(timeout, overlap, (attempts, backoff), mut users, run_as, expect_within, needs)| {
            users.sort();
            users.dedup();
            let allow = users.iter().map(|user| user.parse().unwrap()).collect();
            let retry = Retry { attempts, backoff };
            Rule { timeout, overlap, retry, allow, run_as, expect_within, needs }
        },
    )
}

fn policies() -> impl Strategy<Value = Policy> {
    let names = "[a-z0-9][a-z0-9-]{0,20}".prop_filter("reserved", |name| name != "health-check");
    let rules = btree_map(names.prop_map(|name| action(&name)), rules(), 0..5);
    rules.prop_map(|rules| rules.into_iter().collect())
}

proptest! {
    #[test]
    fn a_printed_policy_reads_as_the_same(policy in policies()) {
        prop_assert_eq!(Policy::parse(&policy.to_string(), FILE), Ok(policy));
    }

    #[test]
    fn any_text_is_a_policy_or_has_faults_that_can_be_shown(text in ".{0,200}|[\\[\\]{}=,.\"'#a-z0-9\n \u{e4}]{0,200}") {
        if let Err(error) = Policy::parse(&text, FILE) {
            prop_assert!(error.to_string().starts_with("housekeeping.toml:"), "{}", error);
            prop_assert!(!error.summary().contains('\n'), "{}", error.summary());
        }
    }

    #[test]
    fn a_policy_with_one_place_changed_is_a_policy_or_has_faults(
        policy in policies(), at in 0.0..1.0, put in "[\\[\\]{}=,.\"'#a-z0-9\n \u{e4}]{0,3}", cut in 0_usize..4,
    ) {
        let text: Vec<char> = policy.to_string().chars().collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let at = (text.len() as f64 * at) as usize;
        let after = text.iter().skip(at + cut);
        let changed: String = text.iter().take(at).copied().chain(put.chars()).chain(after.copied()).collect();
        match Policy::parse(&changed, FILE) {
            Ok(changed) => prop_assert_eq!(Policy::parse(&changed.to_string(), FILE), Ok(changed)),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
