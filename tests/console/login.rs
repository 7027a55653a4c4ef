//! Who is let in, and for how long.

use crate::browser::{Console, PASSWORD, code, program};
use crate::stage::Stage;

const OK: &str = "CB_ok() { :; }";

#[test]
fn the_console_is_off_until_there_is_a_user() {
    let console = Console::start(Stage::new().with("web", OK));
    console.log.wait_for("nobody may log in yet");
    let answer = console.get("/login");
    assert_eq!(answer.status, 503);
    assert!(answer.body.contains("lamplighter console user add"), "{}", answer.body);
    assert_eq!(console.claim("anna", PASSWORD, "000000").status, 503);
    console.user("anna");
    assert_eq!(console.get("/login").status, 200);
}

#[test]
fn without_a_session_nothing_is_shown_and_nothing_done() {
    let console = Console::start(Stage::new().with("web", OK));
    console.user("anna");
    for path in
        ["/", "/history", "/runs/web/1", "/events", "/runs/web/1/events", "/do/web/ok", "/cancel/web/1"]
    {
        let answer = console.get(path);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/login")), "{path}");
        assert!(answer.body.is_empty(), "{path}");
    }
    let host = format!("Host: {}", console.host());
    let wrong = console.ask("GET", "/", &[&host, "Cookie: lamplighter-console=00"], "");
    assert_eq!(wrong.status, 303);
    let refreshed = console.ask("GET", "/", &[&host, "X-Refresh: 1"], "");
    assert_eq!(refreshed.status, 401);
}

#[test]
fn all_three_have_to_be_right_and_what_was_wrong_is_not_told() {
    let console = Console::start(Stage::new().with("web", OK));
    let secret = console.user("anna");
    let answers = [
        console.claim("anna", "another long secret", &code(&secret, 0)),
        console.claim("anna", PASSWORD, "abcdef"),
        console.claim("berta", PASSWORD, &code(&secret, 0)),
    ];
    for answer in &answers {
        assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{answer:?}");
        let told = answer.body.replace("berta", "anna");
        assert_eq!(told, answers[0].body);
    }
    console.log.wait_for("127.0.0.1 could not log in as `berta`");
    console.log_in("anna", &secret, 0);
    console.log.wait_for("anna logged in from 127.0.0.1");
}

#[test]
fn a_code_is_good_once_and_none_before_it_is_good_again() {
    let console = Console::start(Stage::new().with("web", OK));
    let secret = console.user("anna");
    let taken = code(&secret, 0);
    let before = code(&secret, -1);
    assert_eq!(console.claim("anna", PASSWORD, &taken).status, 303);
    assert_eq!(console.claim("anna", PASSWORD, &taken).status, 403);
    assert_eq!(console.claim("anna", PASSWORD, &before).status, 403);
}

#[test]
fn who_tries_again_and_again_has_to_wait_with_the_right_password_too() {
    let console = Console::start(Stage::new().with("web", OK));
    let secret = console.user("anna");
    let answers: Vec<u16> = (0..8).map(|_| console.claim("anna", "wrong", "000000").status).collect();
    assert_eq!(answers[..3], [403; 3]);
    assert!(answers.contains(&429), "{answers:?}");
    // By then the pause is longer than this test takes.
    for _ in 0..3 {
        let wait = console.claim("anna", "wrong", "000000");
        if wait.status == 429 {
            let seconds: u64 = wait.header("retry-after").unwrap().parse().unwrap();
            std::thread::sleep(std::time::Duration::from_secs(seconds));
            console.claim("anna", "wrong", "000000");
        }
    }
    let answer = console.claim("anna", PASSWORD, &code(&secret, 0));
    assert_eq!(answer.status, 429, "{answer:?}");
}

#[test]
fn the_cookie_is_for_this_console_alone() {
    let console = Console::start(Stage::new().with("web", OK));
    let secret = console.user("anna");
    let answer = console.claim("anna", PASSWORD, &code(&secret, 0));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
    let token = cookie.split(['=', ';']).nth(1).unwrap();
    assert_eq!(token.len(), 64, "256 bits");
}

#[test]
fn a_session_ends_when_somebody_logs_out_is_removed_or_the_console_is_started_again() {
    let console = Console::start(Stage::new().with("web", OK));
    let secret = console.user("anna");
    let visitor = console.log_in("anna", &secret, -1);
    let page = visitor.get("/");
    assert_eq!(page.status, 200);
    let mut events = visitor.follow("/events");
    let answer = visitor.post("/logout", "csrf=0000");
    assert_eq!((answer.status, visitor.get("/").status), (403, 200), "a form of nobody's page");
    let answer = visitor.post("/logout", &format!("csrf={}", page.csrf()));
    assert_eq!((answer.status, visitor.get("/").status), (303, 303));
    // Whoever still follows with it is told no more.
    events.next_of(&["over"]);
    let visitor = console.log_in("anna", &secret, 0);
    assert_eq!(visitor.get("/").status, 200);
    assert!(program(&console.stage, &["console", "user", "remove", "anna"]).status().unwrap().success());
    assert_eq!(visitor.get("/").status, 303);
}

#[test]
fn a_session_ends_when_nobody_uses_it_though_its_page_refreshes_itself() {
    let console = Console::start_with(Stage::new().with("web", OK), &["--idle", "2s"]);
    let visitor = console.visitor();
    crate::common::wait_for("the session's end", || {
        (visitor.get_with("/", &["X-Refresh: 1"]).status == 401).then_some(())
    });
    assert_eq!(visitor.get("/").status, 303);
}

#[test]
fn a_form_of_another_session_or_origin_is_none() {
    let console = Console::start(Stage::new().with("web", OK));
    let (first, second) = (console.user("anna"), console.user("berta"));
    let (anna, berta) = (console.log_in("anna", &first, 0), console.log_in("berta", &second, 0));
    let stolen = format!("csrf={}", anna.get("/").csrf());
    assert_eq!(berta.post("/logout", &stolen).status, 403);
    for origin in
        ["Origin: http://evil.test", "Origin: null", "Sec-Fetch-Site: cross-site", "X-Nothing: said"]
    {
        assert_eq!(anna.post_from("/logout", &stolen, origin).status, 403, "{origin}");
    }
    assert_eq!((anna.get("/").status, berta.get("/").status), (200, 200));
    assert_eq!(anna.post_from("/logout", &stolen, "Sec-Fetch-Site: same-origin").status, 303);
}
