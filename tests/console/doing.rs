//! What is done from the console, and who it was.

use serde_json::Value;

use crate::browser::{Console, Visitor};
use crate::common::{Service, wait_for};
use crate::stage::Stage;

const CALLBACKS: &str = r#"CB_ok() { echo "for $1"; }
CB_held() { echo begun; read -r <"$FOLDER/hold"; }"#;

fn console() -> Console {
    let web = Service::new().callbacks(CALLBACKS).fifo("hold");
    Console::start(Stage::new().with_service("web", web))
}

/// What the service tells of its last request.
fn last(console: &Console) -> Value {
    console.stage.service("web").call(r#"{"op":"history","limit":1}"#)["runs"][0].clone()
}

fn shown(console: &Console, id: &str) -> String {
    let output = console.stage.command(&["show", id]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Confirms what the page says; where that leads.
fn confirm(visitor: &Visitor<'_>, path: &str) -> String {
    let page = visitor.get(path);
    assert_eq!(page.status, 200, "{page:?}");
    let done = visitor.post(path, &format!("csrf={}", page.csrf()));
    assert_eq!(done.status, 303, "{done:?}");
    done.header("location").unwrap().to_owned()
}

#[test]
fn a_run_is_confirmed_done_and_kept_with_who_asked_for_it() {
    let console = console();
    let visitor = console.visitor();
    let page = visitor.page("/do/web/ok");
    assert!(page.contains("web is asked to carry out ok for root"), "{page}");
    assert_eq!(last(&console), Value::Null, "a page alone does nothing");
    let run = confirm(&visitor, "/do/web/ok");
    let id = run.rsplit('/').next().unwrap().to_owned();
    wait_for("the run's end", || visitor.page(&run).contains("succeeded").then_some(()));
    let page = visitor.page(&run);
    assert!(page.contains("console/anna") && page.contains("for root"), "{page}");
    assert_eq!(last(&console)["operator"], "anna");
    assert!(shown(&console, &id).contains("by console/anna (root), for root"), "{}", shown(&console, &id));
    let journal = std::fs::read_to_string(console.stage.service("web").path("state/journal.jsonl")).unwrap();
    assert!(journal.contains(r#""by":0,"operator":"anna""#), "{journal}");
}

#[test]
fn a_run_is_called_off_and_the_journal_says_by_whom() {
    let console = console();
    let visitor = console.visitor();
    let run = confirm(&visitor, "/do/web/held");
    let id = run.rsplit('/').next().unwrap().to_owned();
    wait_for("the run's output", || visitor.page(&run).contains("begun").then_some(()));
    let waiting = confirm(&visitor, "/do/web/held").rsplit('/').next().unwrap().to_owned();
    for id in [&waiting, &id] {
        assert_eq!(confirm(&visitor, &format!("/cancel/web/{id}")), format!("/runs/web/{id}"));
        let of_it = format!("/runs/web/{id}");
        wait_for("the end of it", || visitor.page(&of_it).contains(">cancelled<").then_some(()));
        let page = visitor.page(&of_it);
        assert!(page.contains("by console/anna"), "{page}");
    }
    let page = visitor.get(&format!("/cancel/web/{id}"));
    let again = visitor.post(&format!("/cancel/web/{id}"), &format!("csrf={}", page.csrf()));
    assert!(again.status == 409 && again.body.contains("no request with this id"), "{again:?}");
}

#[test]
fn nothing_is_done_without_the_token_of_the_session() {
    let console = console();
    let visitor = console.visitor();
    for form in ["", "csrf=", "csrf=0000", "token=1"] {
        let status = visitor.post("/do/web/ok", form).status;
        assert!(matches!(status, 403 | 422), "{form}: {status}");
    }
    let csrf = format!("csrf={}", visitor.get("/").csrf());
    for origin in ["Origin: http://evil.test", "Origin: null", "Sec-Fetch-Site: cross-site"] {
        assert_eq!(visitor.post_from("/do/web/ok", &csrf, origin).status, 403, "{origin}");
    }
    assert_eq!(visitor.get(&format!("/do/web/ok?{csrf}")).status, 200);
    let nobody = Visitor { console: &console, cookie: "lamplighter-console=0".to_owned() };
    assert_eq!(nobody.post("/do/web/ok", &csrf).status, 303);
    assert_eq!(last(&console), Value::Null);
}

#[test]
fn what_is_not_there_cannot_be_done() {
    let console = console();
    let visitor = console.visitor();
    let csrf = format!("csrf={}", visitor.get("/").csrf());
    for path in
        ["/do/web/nothing", "/do/nobody/ok", "/do/web/health-check", "/do/web/..%2fok", "/cancel/nobody/1"]
    {
        assert_eq!(visitor.post(path, &csrf).status, 404, "{path}");
    }
    assert_eq!(visitor.post("/cancel/web/1", &csrf).status, 409);
    assert_eq!(visitor.post("/cancel/web/%2e", &csrf).status, 404);
    assert_eq!(last(&console), Value::Null);
}

#[test]
fn a_console_of_the_stack_offers_what_is_scheduled_and_has_the_scheduler_ask_for_it() {
    let web = Service::new().callbacks(CALLBACKS).fifo("hold");
    let stage = Stage::new().with_service("web", web).with_schedule("0 0 1 1 * nobody web ok");
    let console = Console::start_with(stage, &["--only-scheduled"]);
    console.stage.service("web").request("held");
    let visitor = console.visitor();
    let page = visitor.page("/");
    assert!(page.contains("href=\"/do/web/ok\"") && !page.contains("href=\"/do/web/held\""), "{page}");
    let csrf = format!("csrf={}", visitor.get("/").csrf());
    assert_eq!(visitor.get("/do/web/held").status, 403);
    let refused = visitor.post("/do/web/held", &csrf);
    assert!(
        refused.status == 403 && refused.body.contains("The schedule names no held of web"),
        "{refused:?}"
    );
    let held = last(&console)["id"].as_str().unwrap().to_owned();
    assert_eq!(confirm(&visitor, &format!("/cancel/web/{held}")), format!("/runs/web/{held}"));
    let of_held = format!("/runs/web/{held}");
    wait_for("the end of it", || visitor.page(&of_held).contains(">cancelled<").then_some(()));
    assert!(!visitor.page(&of_held).contains("Run it again"), "what is not scheduled cannot be run again");

    let run = confirm(&visitor, "/do/web/ok");
    wait_for("the run's end", || visitor.page(&run).contains("succeeded").then_some(()));
    let page = visitor.page(&run);
    assert!(page.contains("console/anna") && page.contains("for nobody"), "{page}");
    assert!(page.contains("Run it again"), "{page}");
    assert_eq!(last(&console)["operator"], "anna");
}

#[test]
fn a_console_of_the_stack_runs_nothing_where_the_scheduler_does_not_answer() {
    let web = Service::new().callbacks(CALLBACKS).fifo("hold");
    let console = Console::start_with(Stage::new().with_service("web", web), &["--only-scheduled"]);
    let visitor = console.visitor();
    let csrf = format!("csrf={}", visitor.get("/").csrf());
    assert!(!visitor.page("/").contains("href=\"/do/"));
    assert_eq!(visitor.post("/do/web/ok", &csrf).status, 403);
    assert_eq!(last(&console), Value::Null);
}
