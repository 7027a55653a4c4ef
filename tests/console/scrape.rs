//! The metrics, for a program that has the token.

use std::os::unix::fs::PermissionsExt;

use crate::browser::{Answer, Console, program};
use crate::stage::Stage;

fn scraped(console: &Console, head: &[&str]) -> Answer {
    let host = format!("Host: {}", console.host());
    console.ask("GET", "/metrics", &[&[host.as_str()], head].concat(), "")
}

fn new_token(console: &Console) -> String {
    let printed = program(&console.stage, &["console", "metrics-token"]).output().unwrap();
    assert!(printed.status.success());
    String::from_utf8(printed.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn whoever_has_the_token_reads_the_metrics_in_either_format() {
    let console = Console::start(Stage::new().with("web", "CB_ok() { :; }"));
    let token = new_token(&console);
    let file = console.stage.path("data/console/metrics-token");
    assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o640);
    let authorization = format!("Authorization: Bearer {token}");
    let text = scraped(&console, &[&authorization]);
    assert_eq!(
        (text.status, text.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    assert!(text.body.contains("lamplighter_up{service=\"web\"} 1\n"), "{text:?}");
    // As Prometheus asks.
    let accept =
        "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    let open = scraped(&console, &[&authorization, accept]);
    let kind = Some("application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!((open.status, open.header("content-type")), (200, kind));
    assert!(
        open.body.contains("lamplighter_up{service=\"web\"} 1\n") && open.body.ends_with("# EOF\n"),
        "{open:?}"
    );
}

#[test]
fn nobody_else_is_told_anything() {
    let console = Console::start(Stage::new().with("web", "CB_ok() { :; }"));
    assert_eq!(scraped(&console, &[]).status, 404, "there is no token yet");
    assert_eq!(scraped(&console, &["Authorization: Bearer "]).status, 404);
    let token = new_token(&console);
    let half = &token[..32];
    for head in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {half}"),
        format!("Bearer {token}0"),
        format!("Basic {token}"),
        token.clone(),
    ] {
        let answer = scraped(&console, &[&format!("Authorization: {head}")]);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{head}");
        assert!(!answer.body.contains("lamplighter_up"), "{answer:?}");
    }
    // Who is logged in is none, and another token takes the place of the first one.
    assert_eq!(console.visitor().get("/metrics").status, 401);
    assert_ne!(new_token(&console), token);
    assert_eq!(scraped(&console, &[&format!("Authorization: Bearer {token}")]).status, 401);
    let remove =
        || program(&console.stage, &["console", "metrics-token", "--remove"]).status().unwrap().success();
    assert!(remove());
    assert_eq!(scraped(&console, &[&format!("Authorization: Bearer {token}")]).status, 404);
    assert!(!remove());
}
