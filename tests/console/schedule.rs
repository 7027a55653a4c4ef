//! What the page of the schedule shows.

use std::fs;

use crate::browser::Console;
use crate::common::{Service, wait_for};
use crate::stage::Stage;

const CALLBACKS: &str = "CB_ok() { echo done; }\nCB_often() { :; }\nCB_late() { :; }";

/// The pictures and the table of a page.
fn parts(page: &str) -> (Vec<&str>, &str) {
    let pictures = page.split("<svg").skip(1).map(|rest| rest.split_once("</svg>").unwrap().0);
    (pictures.collect(), page.split_once("<tbody>").unwrap().1.split_once("</tbody>").unwrap().0)
}

#[test]
fn the_schedule_shows_what_comes_by_time_and_what_became_of_it_last() {
    let schedule = "5 4 * * * web ok\n* * * * * web often\nCRON_TZ=Europe/Berlin\n0 12 * * mon nobody web ok\n@reboot web ok";
    let console = Console::start(Stage::new().with("web", CALLBACKS).with_schedule(schedule));
    console.stage.service("web").run("ok");
    let page = console.visitor().page("/schedule");
    let (pictures, table) = parts(&page);
    let [day, week] = pictures[..] else { panic!("{page}") };
    for picture in [day, week] {
        // What is due each minute is one bar.
        assert_eq!(picture.matches("web often: ").count(), 1, "{picture}");
        assert!(picture.contains("web often: every minute; from "), "{picture}");
    }
    assert_eq!((day.matches("04:05 +00:00").count(), week.matches("04:05 +00:00").count()), (1, 7), "{week}");
    let rows: Vec<&str> = table.split("</tr>").collect();
    assert!(rows[0].contains("<td>often</td>") && rows[0].contains("<code>* * * * *</code>"), "{table}");
    assert!(table.contains("<td>at 04:05<div"), "{table}");
    assert!(
        table.contains("at 12:00 on Monday (Europe/Berlin)") && table.contains("<td>nobody</td>"),
        "{table}"
    );
    assert!(table.contains(">succeeded, ") && table.contains("never"), "{table}");
    assert!(page.contains("(1 of 4)"), "what comes with a start is counted: {page}");
}

#[test]
fn what_is_late_or_overdue_comes_first() {
    let web = Service::new()
        .callbacks(CALLBACKS)
        .file("conf/housekeeping.toml", "[action.late]\nexpect-within = \"1s\"\n");
    let schedule = "0 0 1 1 * web ok\n0 0 2 1 * web late\n@reboot gone ok";
    let console = Console::start(Stage::new().with_service("web", web).with_schedule(schedule));
    let visitor = console.visitor();
    let page = wait_for("both to be late", || {
        let page = visitor.page("/schedule");
        (page.contains("2 of them late") && page.contains("cannot be reached")).then_some(page)
    });
    let rows: Vec<&str> = parts(&page).1.split("</tr>").collect();
    let late = rows[..2].concat();
    assert!(late.contains("gone cannot be reached; given up in ") && late.contains(">overdue: "), "{late}");
    assert!(rows[2].contains("<td>ok</td>") && !rows[2].contains("<strong"), "{}", rows[2]);
}

#[test]
fn times_are_told_in_the_zone_of_the_stack() {
    let stage = Stage::new().with("web", CALLBACKS);
    fs::write(stage.path(".env"), "TZ=Asia/Kolkata\n").unwrap();
    let console = Console::start(stage.with_schedule("30 23 * * * web ok"));
    let page = console.visitor().page("/schedule");
    // The scheduler of the stage goes by UTC.
    assert!(page.contains("05:00 +05:30") && page.contains("(UTC)"), "{page}");
    assert!(page.contains(", Asia/Kolkata</p>"), "{page}");
}

#[test]
fn without_a_scheduler_that_tells_the_page_says_so() {
    let console = Console::start(Stage::new().with("web", CALLBACKS));
    let page = console.visitor().page("/schedule");
    assert!(page.contains("no scheduler") && page.contains("Nothing is known to come."), "{page}");
    // One of an earlier version tells times, and neither their lines nor which is the next of each entry.
    let old = |line: &str| {
        let next = r#"{"ok":true,"next":[
            {"due":4000000000,"service":"web","user":"root","action":"ok"},
            {"due":4000000060,"service":"web","user":"root","action":"ok"}]}"#;
        let status =
            r#"{"ok":true,"service":"scheduler","protocol":1,"version":"0.0.9","state":"scheduling"}"#;
        Some(format!("{}\n", if line.contains("status") { status } else { next }).replace("\n ", " "))
    };
    let console = Console::start(Stage::new().with("web", CALLBACKS).with_impostor("scheduler", old));
    let page = console.visitor().page("/schedule");
    let (_, table) = parts(&page);
    assert_eq!(table.matches("<tr>").count(), 1, "{table}");
    assert!(table.contains("2096-10-02 07:06:40") && !page.contains("More entries"), "{page}");
}
