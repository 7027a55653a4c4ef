//! What the page of the backups shows.

use crate::browser::Console;
use crate::common::Service;
use crate::stage::Stage;

const MYSQL: &str = r#"CB_nightly_backup() {
    leaveData snapshots 2026-11-27T04:05:00Z '[{"id":"00000001","kind":"database","at":"2026-11-27T04:05:00Z"}]' 'one backup'
}
CB_keep_changes() { :; }"#;
const BACKUP: &str = r#"CB_nightly_backup() {
    leaveData snapshots 2026-11-28T04:15:00Z '[
      {"id":"0000000c","kind":"files","at":"2026-11-28T04:15:00Z","bytes":3221225472,"added":1048576},
      {"id":"0000000b","kind":"physical","at":"2026-11-28T04:05:01Z","bytes":null,"added":null},
      {"id":"<b>&","kind":"database","at":"2026-11-28T04:05:00Z","bytes":2048,"added":7},
      {"id":"0000000a","kind":"files","at":"2026-11-27T04:15:00Z","bytes":1610612736,"added":9}]' 'four backups'
}
CB_offsite_copy() { leaveData offsite 2026-11-27T04:05:00Z '["0000000a"]' 'elsewhere has all up to then'; }
CB_offsite_changes() { leaveInstant offsite-changes "$(date --utc +%Y-%m-%dT%H:%M:%SZ)" 'elsewhere has the changes'; }
CB_restore_drill() {
    leaveData proven 2026-11-28T05:01:00Z '{"proven":"2026-11-28T05:01:00Z","anySecondSince":"2026-11-27T04:05:01Z",
        "database":{"snapshot":"<b>&","time":"2026-11-28T04:05:00.5Z"},"files":{"snapshot":"0000000c","time":"2026-11-28T04:15:00Z"}}' 'proven'
}"#;

/// The data of a fact is one line.
fn callbacks(text: &str) -> Service {
    let in_lines: Vec<&str> = text.split("'[\n").collect();
    let one_line = in_lines.iter().map(|part| part.replace(",\n", ","));
    Service::new().callbacks(&one_line.collect::<Vec<_>>().join("'["))
}

fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("aria-labelledby=\"{id}\"")).unwrap();
    rest.split_once("</section>").unwrap().0
}

#[test]
fn the_page_tells_what_would_be_lost_what_is_proven_and_which_backups_there_are() {
    let stage =
        Stage::new().with_service("mysql", callbacks(MYSQL)).with_service("backup", callbacks(BACKUP));
    let console = Console::start(stage);
    for (service, action) in [
        ("mysql", "nightly-backup"),
        ("mysql", "keep-changes"),
        ("backup", "nightly-backup"),
        ("backup", "offsite-copy"),
        ("backup", "offsite-changes"),
        ("backup", "restore-drill"),
    ] {
        console.stage.service(service).run(action);
    }
    let page = console.visitor().page("/backups");
    let lost = section(&page, "lost");
    for what in ["the database (mysql)", "the site&#39;s files (backup)", "the database", "all of it"] {
        let row = lost.split("<tr>").find(|row| row.contains(&format!(">{what}<"))).unwrap();
        assert!(row.contains("<td>the last "), "{row}");
    }
    assert!(lost.contains("the copy elsewhere") && lost.contains("2026-11-27 04:05:00"), "{lost}");
    let proven = section(&page, "proven");
    assert!(proven.contains("2026-11-28 05:01:00 (") && proven.contains("2026-11-27 04:05:01 ("), "{proven}");
    assert!(proven.contains("snapshot &#60;b&#62;&#38;, of 2026-11-28 04:05:00"), "{proven}");
    assert!(proven.contains("class=\"good\"><a href=\"/runs/backup/"), "{proven}");
    let snapshots = section(&page, "snapshots");
    assert!(snapshots.contains("four backups. ") && snapshots.contains("Told by backup"), "{snapshots}");
    let rows: Vec<&str> = snapshots.split_once("<tbody>").unwrap().1.split("</tr>").collect();
    assert_eq!(rows.len(), 5, "{snapshots}");
    assert!(
        rows[0].contains("the site&#39;s files")
            && rows[0].contains("3.0 GiB")
            && rows[0].contains("1.0 MiB"),
        "{}",
        rows[0]
    );
    assert!(rows[0].contains("not yet") && rows[3].contains("<td>yes</td>"), "{}", rows[3]);
    assert!(rows[1].contains("MariaDB&#39;s files") && rows[1].contains("not told"), "{}", rows[1]);
    // Of one kind none tells how large it is.
    assert_eq!(snapshots.matches("role=\"img\"").count(), 2, "{snapshots}");
    assert!(snapshots.contains("from 1.5 GiB (2026-11-27 04:15:00) to 3.0 GiB"), "{snapshots}");
}

#[test]
fn what_has_never_been_backed_up_would_be_lost_as_a_whole() {
    let console = Console::start(Stage::new().with("mysql", "CB_nightly_backup() { return 1; }"));
    console.stage.service("mysql").run("nightly-backup");
    let page = console.visitor().page("/backups");
    let lost = section(&page, "lost");
    assert!(lost.contains("<td>all of it</td>") && lost.contains("BACKUP_OFFSITE"), "{lost}");
    assert!(section(&page, "proven").contains("No service tells of a proof"), "{page}");
    assert!(section(&page, "snapshots").contains("No service tells which there are"), "{page}");
}

#[test]
fn changes_elsewhere_without_a_backup_bring_nothing_back() {
    let console = Console::start(Stage::new().with_service("backup", callbacks(BACKUP)));
    let backup = console.stage.service("backup");
    backup.run("offsite-changes");
    let visitor = console.visitor();
    let page = visitor.page("/backups");
    let lost = section(&page, "lost");
    assert!(!lost.contains("the copy elsewhere") && lost.contains("and no backups yet"), "{lost}");
    backup.run("offsite-copy");
    let page = visitor.page("/backups");
    let lost = section(&page, "lost");
    assert!(
        lost.matches("the copy elsewhere").count() == 2 && !lost.contains("and no backups yet"),
        "{lost}"
    );
}

#[test]
fn a_service_of_an_earlier_version_tells_that_something_was_proven() {
    let old = |_: &str| {
        let drill = r#"{"action":"restore-drill","last":{"id":"1","ended_at":"2026-11-28T05:00:00Z","outcome":"succeeded","took_ms":1},
            "last_success":{"id":"1","ended_at":"2026-11-28T05:00:00Z","outcome":"succeeded","took_ms":1}}"#;
        let status = format!(
            r#"{{"ok":true,"service":"backup","protocol":1,"state":"callbacks-only","actions":[{drill}]}}"#
        );
        Some(format!("{}\n", status.replace('\n', " ")))
    };
    let console = Console::start(Stage::new().with("web", "CB_ok() { :; }").with_impostor("backup", old));
    console.stage.service("web").stop();
    let page = console.visitor().page("/backups");
    assert!(section(&page, "lost").contains("No service makes backups."), "{page}");
    let proven = section(&page, "proven");
    assert!(proven.contains("2026-11-28 05:00:00") && proven.contains("what is not told"), "{proven}");
    assert!(section(&page, "snapshots").contains("an earlier version"), "{page}");
    assert!(page.contains("web does not say how it is"), "{page}");
}
