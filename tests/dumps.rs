//! What is counted in a dump, and what becomes of one that breaks off: on text, as mariadb-dump prints it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

/// Passes a dump on, and says in its last lines whether it was whole, what is unfinished of a table `t` and a view
/// `v`, what was begun besides a table `listed`, and the facts.
const PROGRAM: &str = r#"
use DumpStream; use JSON::PP;
my $stream = DumpStream->new(before_views => sub { print "-- before views\n" });
my $whole = $stream->copy(*STDIN, 'databases') ? 'whole' : 'cut short';
my @unfinished = map { $_->[1] } $stream->unfinished(['d', 't', 'TABLE', 1], ['d', 'v', 'VIEW', 0]);
my @beside = map { $_->[1] } $stream->begun_beside(['d', 'listed', 'TABLE', 1]);
print join("\n", $whole, "unfinished: @unfinished", "beside: @beside", map { JSON::PP->new->canonical->encode($_) } $stream->facts), "\n";
"#;

struct Passed {
    printed: String,
    whole: bool,
    unfinished: String,
    beside: String,
    facts: Vec<Value>,
}

fn pass(dump: &str) -> Passed {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("target-sbin/lib");
    let mut perl = Command::new("perl")
        .args(["-w", "-I"])
        .arg(lib)
        .args(["-e", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    perl.stdin.take().unwrap().write_all(dump.as_bytes()).unwrap();
    let output = perl.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let (printed, rest) = match text.rfind("\nunfinished: ") {
        Some(at) => text.split_at(text[..at].rfind('\n').map_or(0, |at| at + 1)),
        None => panic!("{text}"),
    };
    let mut lines = rest.lines();
    Passed {
        printed: printed.to_owned(),
        whole: lines.next() == Some("whole"),
        unfinished: lines.next().unwrap().strip_prefix("unfinished:").unwrap().trim().to_owned(),
        beside: lines.next().unwrap().strip_prefix("beside:").unwrap().trim().to_owned(),
        facts: lines.map(|line| serde_json::from_str(line).unwrap()).collect(),
    }
}

fn dump(body: &str) -> String {
    format!("-- Server version\t11.8.9-MariaDB\nUSE `d`;\n{body}-- Dump completed\n")
}

fn table(rows: &str) -> String {
    format!(
        "CREATE TABLE `t` (\n  `id` int(11)\n) ENGINE=InnoDB;\n/*!40000 ALTER TABLE `t` DISABLE KEYS */;\n\
         INSERT INTO `t` VALUES\n{rows}"
    )
}

const ENABLED: &str = "/*!40000 ALTER TABLE `t` ENABLE KEYS */;\n";

fn counted(body: &str, what: &str) -> Value {
    pass(&dump(body)).facts.last().unwrap()[what].clone()
}

fn program(first_line: &str) -> String {
    format!("DELIMITER ;;\n{first_line}\nbegin end */;;\nDELIMITER ;\n")
}

#[test]
fn rows_are_counted_with_a_sum_in_which_their_order_does_not_count() {
    let one = pass(&dump(&table(&format!("(1,'a),\\n(2'),\n(2,NULL);\n{ENABLED}"))));
    let other = pass(&dump(&table(&format!("(2,NULL),\n(1,'a),\\n(2');\n{ENABLED}"))));
    assert!(one.whole);
    assert_eq!(one.facts[0]["rows"], 2);
    assert_eq!(one.facts[0], other.facts[0]);
    assert_eq!(one.facts[0]["sum"], "22cc9f595825988b", "as all snapshots have it");
    assert!(one.printed.contains("INSERT INTO `t` VALUES\n(1,'a),\\n(2'),\n(2,NULL);\n"), "{}", one.printed);
}

#[test]
fn a_trigger_counts_however_somebody_typed_it_and_whoever_defined_it() {
    for first_line in [
        "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW",
        "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 trigger low before insert on x for each row",
        "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 Trigger",
        "CREATE DEFINER=`role` trigger t before insert on x for each row",
    ] {
        assert_eq!(counted(&program(first_line), "triggers"), 1, "{first_line}");
        assert_eq!(counted(&program(first_line), "routines"), 0, "{first_line}");
    }
}

#[test]
fn events_and_routines_count_whoever_defined_them_and_what_is_soon_past_does_not() {
    for definer in ["DEFINER=`root`@`localhost`", "DEFINER=`role`", "DEFINER=`a TRIGGER b`@`c``d`"] {
        for (kind, text) in [
            ("routines", "PROCEDURE `p`() select 1"),
            ("routines", "FUNCTION `f`() returns int"),
            ("routines", "PACKAGE BODY `p` AS"),
            ("routines", "AGGREGATE FUNCTION `f`(x int) returns int"),
            (
                "events",
                "EVENT `e` ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01' DO select ' EVENT `e` ON SCHEDULE AT '",
            ),
        ] {
            assert_eq!(counted(&program(&format!("CREATE {definer} {text}")), kind), 1, "{definer} {text}");
        }
        let once =
            format!("CREATE {definer} EVENT `e` ON SCHEDULE AT '2026-01-01' ON COMPLETION NOT PRESERVE");
        assert_eq!(counted(&program(&once), "events"), 0);
    }
}

#[test]
fn a_view_counts_whoever_defined_it() {
    let placeholder = "DROP TABLE IF EXISTS `v`;\n/*!50001 DROP VIEW IF EXISTS `v`*/;\n/*!50001 CREATE VIEW `v` AS SELECT\n NULL AS `1` */;\n";
    for view in [
        "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 AS `1` */;\n",
        "/*!50001 CREATE ALGORITHM=UNDEFINED DEFINER=`role` SQL SECURITY DEFINER VIEW `v` AS select 1 AS `1` */;\n",
        "/*!50001 CREATE ALGORITHM=MERGE DEFINER=`x VIEW ``y`` AS `@`h` SQL SECURITY INVOKER VIEW `v` AS select '*/;\n' AS `1` */;\n",
    ] {
        let passed = pass(&dump(&format!("{placeholder}/*!50001 DROP VIEW IF EXISTS `v`*/;\n{view}")));
        assert_eq!(passed.facts[0]["views"], 1, "{view}");
        assert_eq!(passed.unfinished, "t");
        assert!(
            passed.printed.contains("-- before views\nUSE `d`;\n/*!50001 DROP VIEW IF EXISTS"),
            "{}",
            passed.printed
        );
    }
}

#[test]
fn a_view_that_nobody_can_look_into_is_not_made_when_the_dump_is_loaded() {
    let body = "DROP TABLE IF EXISTS `v`;\n/*!50001 DROP VIEW IF EXISTS `v`*/;\n\
                /*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`a`@`b` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 from `gone` */;\n";
    let passed = pass(&dump(body));
    assert!(!passed.printed.contains("gone"), "{}", passed.printed);
    assert_eq!((passed.unfinished.as_str(), &passed.facts[0]["views"]), ("t v", &Value::from(0)));
}

#[test]
fn rows_that_break_off_are_closed_and_what_follows_can_be_loaded() {
    for rest in [
        "(1,'a'),\n(2,'b')/*!50003 SET @saved_cs_client      = @@character_set_client */ ;\n",
        "(1,'a'),\n(2,'b')\n--\n-- Table structure for table `u`\n--\n",
        "(1,'a'),\n/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n",
    ] {
        let passed = pass(&dump(&table(&format!("{rest}CREATE TABLE `u` (\n"))));
        assert!(passed.printed.contains("VALUES\n(1,'a');\n"), "{}", passed.printed);
        assert!(!passed.printed.contains("'b'"), "{}", passed.printed);
        assert!(passed.printed.ends_with("CREATE TABLE `u` (\n-- Dump completed\n"), "{}", passed.printed);
        assert_eq!(passed.unfinished, "t v");
        assert_eq!(passed.facts[0]["rows"], 0, "they are no fact");
    }
    let none =
        pass(&dump("CREATE TABLE `t` (\n) ENGINE=InnoDB;\n/*!40000 ALTER TABLE `t` DISABLE KEYS */;\n"));
    assert_eq!(none.unfinished, "t v", "not one row came");
}

#[test]
fn a_table_that_was_made_after_the_list_and_whose_rows_did_not_come_is_found() {
    let listed =
        "CREATE TABLE `listed` (\n) ENGINE=InnoDB;\n/*!40000 ALTER TABLE `listed` DISABLE KEYS */;\n";
    let begun = table("(1,'a'),\n/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n");
    assert_eq!(pass(&dump(&format!("{listed}{begun}"))).beside, "t");
    assert_eq!(pass(&dump(&format!("{listed}{}{ENABLED}", table("(1,'a');\n")))).beside, "");
}

#[test]
fn which_transaction_wrote_a_row_is_not_compared() {
    let rows = table(&format!("(1,7,9);\n{ENABLED}"));
    let versioned = rows.replace(
        "`id` int(11)\n",
        "`id` int(11),\n  `rs` bigint(20) unsigned GENERATED ALWAYS AS ROW START,\n",
    );
    let fact = &pass(&dump(&versioned)).facts[0];
    assert_eq!((&fact["rows"], fact.get("sum")), (&Value::from(1), None));
}

#[test]
fn a_dump_is_whole_only_when_it_says_so_at_its_end() {
    let text = dump(&table(&format!("(1);\n{ENABLED}")));
    for (at, _) in text.match_indices('\n').filter(|(at, _)| at + 1 < text.len()) {
        assert!(!pass(&text[..=at]).whole, "{}", &text[..=at]);
    }
    let named =
        "--\n-- Table structure for table `x\n-- Dump completed\n-- y`\n--\nDROP TABLE IF EXISTS `t`;\n";
    assert!(!pass(&format!("USE `d`;\n{named}")).whole, "a name may have any line");
    assert!(pass(&text).whole);
}

#[test]
fn a_dump_is_loaded_with_days_that_there_are_not() {
    let header = "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n";
    let passed = pass(&dump(header));
    assert!(
        passed.printed.contains("SQL_MODE='NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES' */;\n"),
        "{}",
        passed.printed
    );
    // In the body of a routine it is somebody's text.
    let said = pass(&dump(&format!(
        "DELIMITER ;;\nCREATE PROCEDURE p()\nbegin /*\n{header}*/ end */;;\nDELIMITER ;\n"
    )));
    assert!(said.printed.contains(header), "{}", said.printed);
}
