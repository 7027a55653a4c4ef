//! How the end-to-end test counts its cases (`tests/e2e/lib/cases.sh`): one that shows nothing is none that passed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

/// What is said of these cases, and how many passed, failed and were skipped.
fn run(cases: &str, ci: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "set -Eeuo pipefail; source bin/lib/output.sh; source tests/lib/steps.sh; source tests/e2e/lib/cases.sh
        only='' all='' results={}; exec {{lock}}>/dev/null
        saveLogs() {{ :; }}
        {cases}
        printf 'passed %s, failed %s, skipped %s\n' $casesPassed $casesFailed $casesSkipped",
        folder.path().display()
    );
    let mut bash = Command::new("bash");
    let output =
        bash.args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR")).env("CI", ci).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_case_that_is_skipped_has_failed_in_ci() {
    let cases = "testCase 'two are one' skip 'no two are here'";
    let said = run(cases, "");
    assert!(said.contains("two are one: no two are here\npassed 0, failed 0, skipped 1"), "{said}");
    let said = run(cases, "true");
    assert!(said.contains("FAIL"), "{said}");
    assert!(said.contains("no two are here") && said.contains("in CI every case has to be shown"), "{said}");
    assert!(said.ends_with("passed 0, failed 1, skipped 0\n"), "{said}");
}

#[test]
fn a_command_that_fails_in_the_middle_of_a_case_fails_it() {
    let said = run("middle() { false; true; }; testCase 'it goes on' middle; testCase 'it is true' true", "");
    assert!(said.ends_with("passed 1, failed 1, skipped 0\n"), "{said}");
    assert!(said.contains("`false` gave status 1"), "{said}");
}

#[test]
fn slow_cases_are_run_in_ci_with_all_and_by_name_and_rare_ones_with_all_alone() {
    let cases = "testCase 'one' true; slowCase 'two' true; rareCase 'three' true";
    for (setting, ci, passed) in [(":", "", 1), (":", "true", 2), ("all=1", "", 3), ("only=.", "", 2)] {
        let said = run(&format!("{setting}; {cases}"), ci);
        assert!(
            said.ends_with(&format!("passed {passed}, failed 0, skipped 0\n")),
            "{setting} CI={ci}: {said}"
        );
    }
}
