//! What nobody may do to the console.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::browser::Console;
use crate::stage::Stage;

fn console() -> Console {
    let console = Console::start(Stage::new().with("web", "CB_ok() { :; }"));
    console.user("anna");
    console
}

#[test]
fn only_names_that_are_ours_are_answered() {
    let console = Console::start_with(Stage::new().with("web", "CB_ok() { :; }"), &["--name", "lamp.test"]);
    console.user("anna");
    for (host, status) in [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8090", 200),
        ("lamp.test", 200),
        ("evil.test", 421),
        ("localhost.evil.test", 421),
        ("", 421),
    ] {
        let answer = console.ask("GET", "/login", &[&format!("Host: {host}")], "");
        assert_eq!(answer.status, status, "{host}");
    }
}

#[test]
fn no_path_leads_out_of_the_program() {
    let console = console();
    for path in [
        "/assets/../users.json",
        "/assets/..%2fusers.json",
        "/assets/%2e%2e%2fusers.json",
        "/assets/console.css%00",
        "/assets/",
        "//evil.test/",
        "/..",
        "/%ff",
        "/assets/console.css/",
    ] {
        let answer = console.get(path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.header("location").is_none(), "{path}");
    }
}

#[test]
fn a_run_of_a_path_that_is_no_name_is_none() {
    let console = Console::start(Stage::new().with("web", "CB_ok() { :; }"));
    let visitor = console.visitor();
    for path in ["/runs/..%2fweb/1", "/runs/web/..%2f1", "/runs/web/%00", "/runs/%77eb2/1", "/runs/web/%0a"] {
        assert_eq!(visitor.get(path).status, 404, "{path}");
        assert_eq!(visitor.get(&format!("{path}/events")).status, 404, "{path}");
    }
}

#[test]
fn what_is_too_large_is_not_taken() {
    let console = console();
    let host = format!("Host: {}", console.host());
    let origin = format!("Origin: http://{}", console.host());
    let long = "x".repeat(20_000);
    assert_eq!(console.ask("GET", &format!("/login?{long}"), &[&host], "").status, 431);
    assert_eq!(console.ask("GET", "/login", &[&host, &format!("X-Long: {long}")], "").status, 431);
    let many: Vec<String> = (0..100).map(|number| format!("X-{number}: 1")).collect();
    let many: Vec<&str> = std::iter::once(host.as_str()).chain(many.iter().map(String::as_str)).collect();
    assert_eq!(console.ask("GET", "/login", &many, "").status, 431);
    let form = format!("name=anna&password={long}&code=000000");
    assert_eq!(console.ask("POST", "/login", &[&host, &origin], &form).status, 413);
    // A length that is none, and one that is not kept.
    let head = format!(
        "POST /login HTTP/1.1\r\n{host}\r\n{origin}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    );
    for length in ["-1", "99999999999999999999999", "1, 2"] {
        let answer = console.raw(format!("{head}Content-Length: {length}\r\n\r\nx").as_bytes());
        assert_eq!(answer.status, 400, "{length}");
    }
    assert_eq!(console.get("/login").status, 200);
}

#[test]
fn what_is_no_question_is_none() {
    let console = console();
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let answer = console.raw(bytes);
        // What begins as HTTP/2 does is closed without a word.
        assert!(matches!(answer.status, 0 | 400 | 505), "{bytes:?}: {answer:?}");
    }
    for method in ["PUT", "DELETE", "OPTIONS", "TRACE"] {
        let answer = console.ask(method, "/login", &[&format!("Host: {}", console.host())], "");
        assert_eq!(answer.status, 405, "{method}");
    }
}

#[test]
fn ten_thousand_who_connect_and_ask_slowly_keep_nobody_out() {
    let console = Console::start(Stage::new().with("web", "CB_ok() { :; }"));
    let visitor = console.visitor();
    let mut slow: Vec<TcpStream> = Vec::new();
    for number in 0..10_000 {
        let mut stream = console.connect();
        let _ = stream.write_all(b"GET /login HTTP/1.1\r\nHost: loc");
        slow.push(stream);
        // So many are held; those before have been closed by then, or wait.
        if slow.len() > 600 {
            slow.remove(0);
        }
        if number % 1000 == 999 {
            assert_eq!(visitor.get("/").status, 200, "after {number} slow ones");
        }
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", console.pid())).unwrap().count();
    assert!(open < 600, "{open} descriptors");
    // Those that are too many were closed without a word.
    let mut first = slow.remove(0);
    let mut rest = Vec::new();
    let _ = first.read_to_end(&mut rest);
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}
