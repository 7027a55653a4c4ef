use serde_json::{Value, json};

use super::keys::Key;
use super::*;
use crate::console::stack::Stack;
use crate::console::status::asking::Heard;
use crate::console::telling::{Place, Update};

const NOW: &str = "2026-11-29T12:00:00Z";

fn heard(status: Value) -> Heard {
    let service = status["service"].as_str().unwrap().parse().unwrap();
    Heard { service, said: Ok(serde_json::from_value(status).unwrap()), coming: Vec::new() }
}

fn mysql() -> Heard {
    heard(json!({"ok": true, "service": "mysql", "state": "running", "since": "2026-11-29T09:00:00Z",
        "health": {"healthy": true, "at": "2026-11-29T11:59:50Z"},
        "running": [{"id": "aaaa1111aaaa1111", "user": "root", "action": "nightly-backup", "accepted_at": NOW,
            "started_at": "2026-11-29T11:59:58Z", "attempt": 1}],
        "waiting": [{"id": "bbbb2222bbbb2222", "user": "root", "action": "rotate-logs", "accepted_at": NOW}],
        "actions": [
            {"action": "check-disk", "last": {"id": "cccc3333cccc3333", "user": "forum", "action": "check-disk",
                "outcome": "failed 1", "ended_at": "2026-11-29T11:00:00Z", "took_ms": 5}},
            {"action": "nightly-backup"}]}))
}

fn screen() -> Screen {
    let mut screen = Screen::default();
    screen.take(&Report::new(vec![mysql()], Vec::new()), NOW.parse().unwrap());
    screen
}

fn drawn(screen: &mut Screen, size: (usize, usize), output: Option<&Output>) -> Vec<String> {
    let lines = screen.draw(size, output, NOW.parse().unwrap(), "12:00:00");
    lines.iter().map(|line| anstream::adapter::strip_str(line).to_string().trim_end().to_owned()).collect()
}

fn output() -> Output {
    let id = "aaaa1111aaaa1111".parse().unwrap();
    let stack = Stack::find(|_| Some("/nonexistent".into()), std::path::Path::new("/"));
    let mut output =
        Output::new(Place { stack, service: "mysql".parse().unwrap(), id }, "nightly-backup".to_owned());
    for number in 0..40 {
        let line = json!({"event": "output", "id": "aaaa1111aaaa1111", "stream": "stdout", "text": format!("line {number}")});
        output.take(Update::Line(line));
    }
    output
}

/// Moves to the row that has this text.
fn go_to(screen: &mut Screen, text: &str) {
    screen.press(Key::Home, None);
    for _ in 0..100 {
        let lines = drawn(screen, (100, 40), None);
        if lines.iter().any(|line| line.starts_with("> ") && line.contains(text)) {
            return;
        }
        screen.press(Key::Down, None);
    }
    panic!("there is no row with {text}");
}

#[test]
fn a_small_terminal_has_what_is_wrong_first_then_each_service_and_the_keys_below() {
    let lines = drawn(&mut screen(), (80, 24), None);
    assert_eq!(lines.len(), 24);
    assert_eq!(lines[0], "1 problem, 1 service");
    assert_eq!(lines[1], "> mysql: check-disk failed 1, 60 min ago: `lamplighter show cccc3333` has its o…");
    assert!(lines.iter().any(|line| line.starts_with("  mysql                 running 3 h")), "{lines:#?}");
    let run = lines.iter().find(|line| line.contains("nightly-backup aaaa1111")).unwrap();
    assert!(run.contains("running 2 s"), "{run}");
    assert_eq!(lines[23], "12:00:00  r run  c cancel  f follow  ? help  q ends");
}

#[test]
fn whatever_the_size_all_fits_and_the_row_that_is_meant_is_seen() {
    let output = output();
    for size in [(80, 24), (20, 6), (7, 3), (1, 1), (200, 60), (80, 13)] {
        for view in ["", "?", "\r"] {
            let mut screen = screen();
            for key in read(view.as_bytes()) {
                screen.press(key, Some(&output));
            }
            for _ in 0..30 {
                let lines = drawn(&mut screen, size, Some(&output));
                assert!(lines.len() <= size.1, "{size:?}: {lines:#?}");
                for line in &lines {
                    assert!(
                        unicode_width::UnicodeWidthStr::width(line.as_str()) <= size.0,
                        "{size:?}: {line}"
                    );
                }
                if view.is_empty() && size.1 > 2 && size.0 > 2 {
                    assert!(lines.iter().any(|line| line.starts_with('>')), "{size:?}: {lines:#?}");
                }
                screen.press(Key::Down, Some(&output));
            }
        }
    }
}

#[test]
fn nothing_is_done_before_it_is_confirmed() {
    let mut screen = screen();
    go_to(&mut screen, "check-disk    ");
    assert_eq!(screen.press(Key::Sign('r'), None), None);
    let asked = drawn(&mut screen, (80, 24), None).pop().unwrap();
    assert_eq!(asked, "have mysql run check-disk for forum now? y: yes");
    assert_eq!(screen.press(Key::Sign('n'), None), None);
    assert_eq!(drawn(&mut screen, (80, 24), None).pop().unwrap(), "not done");
    // Also not by the key that would end it, or by what is meant for later.
    screen.press(Key::Sign('r'), None);
    assert_eq!(screen.press(Key::Sign('q'), None), None);
    screen.press(Key::Sign('r'), None);
    let wish = screen.press(Key::Sign('y'), None).unwrap();
    let user = Some("forum".parse().unwrap());
    assert_eq!(
        wish,
        Wish::Run { service: "mysql".parse().unwrap(), action: "check-disk".parse().unwrap(), user }
    );
    assert_eq!(screen.press(Key::Sign('y'), None), None, "once");
}

#[test]
fn what_runs_or_waits_is_called_off_and_nothing_else() {
    let mut screen = screen();
    go_to(&mut screen, "bbbb2222");
    screen.press(Key::Sign('c'), None);
    let asked = drawn(&mut screen, (80, 24), None).pop().unwrap();
    assert!(asked.starts_with("call off rotate-logs bbbb2222 of mysql?"), "{asked}");
    let wish = screen.press(Key::Sign('y'), None).unwrap();
    assert!(matches!(wish, Wish::Cancel { id, .. } if id.as_str() == "bbbb2222bbbb2222"));
    go_to(&mut screen, "check-disk    ");
    screen.press(Key::Sign('c'), None);
    assert_eq!(screen.press(Key::Sign('y'), None), None);
}

#[test]
fn the_row_that_is_meant_stays_the_same_when_all_is_told_anew() {
    let mut screen = screen();
    go_to(&mut screen, "bbbb2222");
    // Nothing is wrong any more: the rows move up.
    let mut later = mysql();
    later.said.as_mut().unwrap().actions.remove(0);
    screen.take(&Report::new(vec![later], Vec::new()), NOW.parse().unwrap());
    screen.press(Key::Sign('c'), None);
    assert!(
        matches!(screen.press(Key::Sign('y'), None), Some(Wish::Cancel { id, .. }) if id.as_str() == "bbbb2222bbbb2222")
    );
}

#[test]
fn an_answer_to_a_question_means_what_was_asked_though_the_rows_have_changed() {
    let mut screen = screen();
    go_to(&mut screen, "bbbb2222");
    screen.press(Key::Sign('c'), None);
    screen.take(&Report::new(Vec::new(), Vec::new()), NOW.parse().unwrap());
    let asked = drawn(&mut screen, (80, 24), None).pop().unwrap();
    assert!(asked.contains("bbbb2222"), "{asked}");
    assert!(
        matches!(screen.press(Key::Sign('y'), None), Some(Wish::Cancel { id, .. }) if id.as_str() == "bbbb2222bbbb2222")
    );
}

#[test]
fn what_runs_is_followed_by_itself_until_its_output_is_put_away() {
    let mut screen = screen();
    let is_of =
        |wish: Option<Wish>, name: &str| matches!(wish, Some(Wish::Follow { action, .. }) if action == name);
    assert!(is_of(screen.to_follow(), "nightly-backup"));
    go_to(&mut screen, "bbbb2222");
    assert!(is_of(screen.to_follow(), "rotate-logs"), "that of the row goes before");
    screen.press(Key::Home, None);
    let output = output();
    let lines = drawn(&mut screen, (80, 24), Some(&output));
    assert_eq!(lines[22], "line 39");
    assert!(
        lines.iter().any(|line| line.starts_with("── nightly-backup aaaa1111 of mysql: waits")),
        "{lines:#?}"
    );
    assert_eq!(screen.press(Key::Escape, Some(&output)), Some(Wish::Unfollow));
    assert_eq!(screen.to_follow(), None);
}

#[test]
fn output_is_scrolled_to_its_beginning_and_back() {
    let (mut screen, output) = (screen(), output());
    go_to(&mut screen, "aaaa1111");
    assert!(matches!(screen.press(Key::Enter, Some(&output)), Some(Wish::Follow { .. })));
    let line = |screen: &mut Screen, number: usize| drawn(screen, (80, 24), Some(&output))[number].clone();
    assert_eq!((line(&mut screen, 1), line(&mut screen, 22)), ("line 18".to_owned(), "line 39".to_owned()));
    screen.press(Key::Up, Some(&output));
    assert_eq!(line(&mut screen, 22), "line 38");
    screen.press(Key::Home, Some(&output));
    assert_eq!(line(&mut screen, 1), "line 0");
    screen.press(Key::PageUp, Some(&output));
    assert_eq!(line(&mut screen, 1), "line 0");
    screen.press(Key::End, Some(&output));
    assert_eq!(line(&mut screen, 22), "line 39");
    screen.press(Key::Escape, Some(&output));
    assert_eq!(line(&mut screen, 0), "1 problem, 1 service");
}

#[test]
fn what_a_run_prints_obeys_nobody() {
    let mut output = output();
    let nasty = "\u{1b}[2J\u{1b}]0;title\u{7}\u{202e}turned\tend";
    output.take(Update::Line(
        json!({"event": "output", "id": "aaaa1111aaaa1111", "stream": "stdout", "text": nasty}),
    ));
    let lines = screen().draw((100, 24), Some(&output), NOW.parse().unwrap(), "12:00:00");
    let line = &lines[22];
    assert!(line.contains(r"\x1b[2J") && line.contains(r"\u{202e}turned    end"), "{line}");
    assert!(!lines.iter().any(|line| line.chars().any(|c| c.is_control() && c != '\u{1b}')), "{lines:?}");
}
