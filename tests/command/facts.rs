//! What callbacks leave to be seen though nothing is wrong.

use crate::stage::Stage;

#[test]
fn a_fact_that_a_callback_leaves_is_shown_with_its_age_until_one_takes_it_away() {
    let stack = Stage::new().with(
        "web",
        "CB_count() { leaveFact refused 'one in'; leaveFact refused '23 refused, 20 by network'; }\n\
         CB_forget() { takeAwayFact refused; }",
    );
    stack.service("web").run("count");
    let said = stack.call(&["status", "web", "--exit-code"]);
    assert_eq!(said.code, 0, "nothing is wrong: {}", said.out);
    let line = said.out.lines().find(|line| line.starts_with("refused ")).unwrap_or(&said.out);
    assert_eq!(line, "refused  23 refused, 20 by network, as found <age> ago");
    let facts = &stack.json(&["status", "web"])["services"][0]["facts"];
    assert_eq!(facts["refused"]["message"], "23 refused, 20 by network");
    assert!(facts["refused"]["at"].is_string(), "{facts}");
    let short = stack.call(&["status"]).out;
    assert!(short.starts_with("all is well") && !short.contains("by network"), "{short}");
    stack.service("web").run("forget");
    let said = stack.call(&["status", "web"]).out;
    assert!(!said.contains("refused"), "{said}");
}
