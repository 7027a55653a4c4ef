//! What the pages show.

use crate::browser::Console;
use crate::common::Service;
use crate::stage::Stage;

const CALLBACKS: &str = r#"CB_ok() { echo done; }
CB_fails() { echo "no space left"; return 3; }
CB_held() { echo begun; read -r <"$FOLDER/hold"; echo "after it"; }
CB_tells() {
    leaveInstant certificate "$(date --utc --date='10 days 1 hour' +%Y-%m-%dT%H:%M:%SZ)" 'good for a while'
    leaveInstant packages "$(date --utc --date='-3 days' +%Y-%m-%dT%H:%M:%SZ)" '3 days old'
    leaveData disk 2026-11-29T12:00:00Z '{"used":41}' 'the disk of / is 41 % full'
}
CB_nasty() { printf '<script>alert(1)</script> & "quoted" \033[31mred\033]0;title\007 \342\200\256turned\n'; }"#;

fn web() -> Service {
    Service::new().callbacks(CALLBACKS).fifo("hold")
}

fn console() -> Console {
    Console::start(Stage::new().with_service("web", web()).with("db", "CB_ok() { :; }"))
}

#[test]
fn now_shows_what_is_wrong_before_each_service_and_what_it_did() {
    let console = console();
    console.stage.service("web").run("fails");
    console.stage.service("web").run("ok");
    let visitor = console.visitor();
    let page = visitor.page("/");
    let (problems, services) = page.split_once("id=\"service-db\"").unwrap();
    assert!(problems.contains("What is wrong: 1") && problems.contains("fails failed 3"), "{problems}");
    assert!(services.contains("id=\"service-web\"") && services.contains("succeeded, "), "{services}");
}

#[test]
fn what_is_wrong_leads_to_the_output_of_the_run_that_tells_why() {
    let console = console();
    let web = console.stage.service("web");
    let failed = web.request("fails");
    web.outcome("fails", &failed);
    let page = console.visitor().page("/");
    let problems = page.split_once("id=\"glance\"").unwrap().0;
    assert!(problems.contains(&format!("<a href=\"/runs/web/{failed}\">Its output</a>")), "{problems}");
}

#[test]
fn disk_image_and_certificate_are_told_whether_anything_is_wrong_with_them_or_not() {
    let console = console();
    let visitor = console.visitor();
    let glance = |page: &str| {
        let (_, rest) = page.split_once("aria-labelledby=\"glance\"").unwrap();
        rest.split_once("</section>").unwrap().0.to_owned()
    };
    let unknown = glance(&visitor.page("/"));
    assert_eq!(unknown.matches("not known yet").count(), 5, "{unknown}");
    console.stage.service("web").run("tells");
    let known = glance(&visitor.page("/"));
    for told in ["web: 10 days left", "web: the disk of / is 41 % full", "its packages are 3 days old"] {
        assert!(known.contains(told), "`{told}` is not told: {known}");
    }
    assert!(known.contains("<a href=\"/backups\">not known yet</a>"), "{known}");
}

#[test]
fn a_service_that_does_not_run_is_shown_as_such() {
    let console = console();
    console.stage.service("db").stop();
    let page = console.visitor().page("/");
    let (problems, services) = page.split_once("id=\"service-db\"").unwrap();
    assert!(problems.contains("<strong>db</strong> down: not running"), "{problems}");
    assert!(services.contains("not running"), "{services}");
}

#[test]
fn a_run_is_shown_with_what_it_printed_and_found_in_the_history() {
    let console = console();
    let web = console.stage.service("web");
    let failed = web.request("fails");
    web.outcome("fails", &failed);
    web.run("ok");
    let visitor = console.visitor();
    let page = visitor.page(&format!("/runs/web/{failed}"));
    assert!(page.contains("failed 3") && page.contains("no space left"), "{page}");
    let short = visitor.page(&format!("/runs/web/{}", failed.short()));
    assert!(short.contains(&failed.to_string()), "{short}");
    let row = format!("<a href=\"/runs/web/{failed}\">{}</a>", failed.short());
    for (query, is_there) in [
        ("", true),
        ("?service=web&action=fails&outcome=failed&text=ROOT", true),
        ("?service=db", false),
        ("?action=ok", false),
        ("?outcome=succeeded", false),
        ("?text=nothing-of-that", false),
        ("?service=elsewhere", false),
    ] {
        assert_eq!(visitor.page(&format!("/history{query}")).contains(&row), is_there, "{query}");
    }
    let page = visitor.page("/history");
    let picture = page.split_once("<svg").unwrap().1.split_once("</svg>").unwrap().0;
    assert!(picture.contains("class=\"m-bad\"") && picture.contains("class=\"m-good\""), "{picture}");
    assert!(!page.contains(" style="), "the policy allows no style in the page");
}

#[test]
fn what_a_run_prints_is_text_and_nothing_else() {
    let console = console();
    let web = console.stage.service("web");
    let id = web.request("nasty");
    web.outcome("nasty", &id);
    let visitor = console.visitor();
    let page = visitor.page(&format!("/runs/web/{id}"));
    let output = page.split_once("<pre").unwrap().1.split_once("</pre>").unwrap().0;
    assert!(!output.contains("<script") && output.contains("script"), "{output}");
    assert!(output.contains("\\x1b[31mred\\x1b]0;title\\x07 \\u{202e}turned"), "{output}");
    assert!(!page.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{page}");
    let (_, told) = visitor.follow(&format!("/runs/web/{id}/events")).next_of(&["past"]);
    assert!(told.contains("\\\\x1b[31mred") && !told.contains('\u{202e}'), "{told}");
}

#[test]
fn what_is_asked_for_comes_back_as_text_too() {
    let console = console();
    let visitor = console.visitor();
    let page = visitor.page("/history?text=%22%3E%3Cscript%3E&action=%3Cb%3E&service=%27%3E");
    assert!(!page.contains("\"><script>") && !page.contains("<b>"), "{page}");
    let answer = visitor.get("/runs/web/%3Cscript%3E");
    assert!(answer.status == 404 && !answer.body.contains("<script>"), "{answer:?}");
}

#[test]
fn a_run_is_followed_to_its_end() {
    let console = console();
    let visitor = console.visitor();
    let web = console.stage.service("web");
    let mut changes = visitor.follow("/events");
    assert_eq!(changes.status(), "HTTP/1.1 200 OK");
    let id = web.request("held");
    let link = format!("<a href=\"/runs/web/{id}\">held</a>: running");
    // Whoever looks only when he is told sees it.
    while !visitor.page("/").contains(&link) {
        changes.next_of(&["changed"]);
    }
    let mut events = visitor.follow(&format!("/runs/web/{id}/events"));
    let (name, said) = events.next_of(&["past"]);
    assert_eq!(name, "past");
    let begun = said.contains("begun") || events.next_of(&["output"]).1.contains("begun");
    assert!(begun, "{said}");
    web.release("hold");
    assert_eq!(events.next_of(&["output"]).1, "\"after it\\n\"");
    events.next_of(&["over"]);
    assert!(visitor.page(&format!("/runs/web/{id}")).contains("succeeded"));
    while visitor.page("/").contains(&link) {
        changes.next_of(&["changed"]);
    }
}

#[test]
fn a_service_of_an_earlier_version_is_shown_and_what_it_refuses_is_said() {
    let old = |line: &str| {
        let refused = r#"{"ok":false,"code":"not-allowed","message":"uid 905 may not read what was asked"}"#;
        let status = r#"{"ok":true,"service":"old","protocol":1,"version":"0.0.9","state":"running"}"#;
        Some(format!("{}\n", if line.contains("status") { status } else { refused }))
    };
    let console = Console::start(Stage::new().with("web", CALLBACKS).with_impostor("old", old));
    let visitor = console.visitor();
    let page = visitor.page("/");
    assert!(page.contains("id=\"service-old\"") && page.contains("0.0.9"), "{page}");
    let page = visitor.page("/history");
    assert!(page.contains("may not read what was asked"), "{page}");
}

#[test]
fn each_page_may_load_what_comes_from_here_and_is_kept_nowhere() {
    let console = console();
    let visitor = console.visitor();
    for path in ["/", "/schedule", "/backups", "/history", "/nothing", "/login", "/assets/console.css"] {
        let answer = visitor.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{path}");
        assert!(policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let kept = if path.starts_with("/assets") { "no-cache" } else { "no-store" };
        assert_eq!(answer.header("cache-control"), Some(kept), "{path}");
    }
}

#[test]
fn each_page_has_one_head_and_says_which_of_them_it_is() {
    let console = console();
    let visitor = console.visitor();
    for (path, here) in [
        ("/", "Now"),
        ("/schedule", "Schedule"),
        ("/backups", "Backups"),
        ("/history", "History"),
        ("/do/web/ok", "Now"),
    ] {
        let page = visitor.page(path);
        assert_eq!(page.matches("<!doctype html>").count(), 1, "{path}");
        assert_eq!(page.matches("aria-current").count(), 1, "{path}");
        assert!(page.contains(&format!(" aria-current=\"page\">{here}</a>")), "{path}");
    }
    for path in ["/login", "/nothing"] {
        let page = visitor.get(path).body;
        assert!(page.contains("<meta name=\"viewport\"") && page.contains("<h1>"), "{page}");
        assert!(!page.contains("<nav") && !page.contains("<script"), "nothing is live there: {page}");
    }
}
