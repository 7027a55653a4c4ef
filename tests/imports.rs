//! What becomes of somebody's dump on its way into the application's database: on text, as programs print it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

/// Passes a dump on, as into the database `target` of a server that knows only the collations of `MariaDB`. The argument
/// is the database that is wanted. What is refused is in the last line, with its line's number.
const PROGRAM: &str = r#"
use ImportStream;
my $stream = ImportStream->new(in => *STDIN, put => sub { print @_ }, into => 'target', database => $ARGV[0],
    knows => sub { $_[0] =~ /uca1400_(?:ai_ci|as_cs)$|_bin$/ });
if (!eval { $stream->run; 1 }) {
    my $why = ref $@ ? $@ : { text => $@ };
    my $begins = defined $why->{line} ? $stream->beginning_of($why->{line}) // '' : '';
    print "\nrefused", ($why->{cut} ? ' (cut)' : ''), ": ", $why->{line} // '-', ": $why->{text}", ($why->{hint} ? "; $why->{hint}" : ''), " [", $begins =~ s/\n/ /gr, ']';
}
"#;

fn perl(arguments: &[&str], input: &[u8]) -> Output {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("target-sbin/lib");
    let mut perl = Command::new("perl")
        .args(["-w", "-I"])
        .arg(lib)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = perl.stdin.take().unwrap();
    let input = input.to_vec();
    // Who refuses a dump reads no more of it.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = perl.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn pass_from(wanted: &[&str], dump: &[u8]) -> Vec<u8> {
    let output = perl(&[&["-e", PROGRAM], wanted].concat(), dump);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

fn pass(dump: &str) -> String {
    String::from_utf8(pass_from(&[], dump.as_bytes())).unwrap()
}

/// What is carried out of it, without empty lines.
fn carried_out(dump: &str) -> String {
    pass(dump).lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join("\n")
}

fn refusal(dump: &str) -> String {
    let passed = pass(dump);
    passed
        .lines()
        .last()
        .unwrap()
        .strip_prefix("refused")
        .unwrap_or_else(|| panic!("not refused: {passed}"))
        .to_owned()
}

#[test]
fn rows_are_passed_on_byte_by_byte_whatever_they_look_like() {
    let rows = "INSERT INTO `posts` VALUES (1,'DEFINER=`x`@`y`\nUSE `other`;\n-- Dump completed\nDELIMITER ;;\nCREATE DATABASE x;\n\
                LOCK TABLES `t` WRITE;\nutf8mb4_0900_ai_ci \\' '' \\\\'),(-1,--2,1/2,'/*','*/',\"#'\",'\\\n;',_binary 'x');";
    assert_eq!(pass(rows), rows);
    assert_eq!(
        carried_out(&format!("{rows}\nUSE x;\n")).lines().count(),
        rows.lines().count() + 1,
        "of two databases"
    );
}

#[test]
fn bytes_that_are_no_text_are_passed_on_and_so_are_lines_of_any_length() {
    let mut dump = b"INSERT INTO t VALUES (1,_binary '".to_vec();
    for byte in (0..=255_u8).cycle().take(3_000_000) {
        if matches!(byte, b'\'' | b'\\' | 0) {
            dump.push(b'\\');
        }
        dump.push(if byte == 0 { b'0' } else { byte });
    }
    dump.extend_from_slice(b"'),(2,'");
    dump.extend(std::iter::repeat_n(b"\\'", 400_000).flatten());
    dump.extend_from_slice(b"');\nSET x = 1;");
    assert!(pass_from(&[], &dump) == dump);
}

#[test]
fn statements_of_the_server_as_a_whole_and_locks_are_left_out_and_lines_stay_where_they_are() {
    let dump = "/*M!999999\\- enable the sandbox mode */ \n-- a remark; 'with a quote\nSET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a:1-7,\nb:1';\n\
        SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN;\nSET @@SESSION.SQL_LOG_BIN= 0;\n/*!40000 DROP DATABASE IF EXISTS `old`*/;\n\
        CREATE DATABASE /*!32312 IF NOT EXISTS*/ `old` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;\n\n/* of\nmore lines */ USE `old`;\n\
        LOCK TABLES `t` WRITE;\nUNLOCK TABLES;\n/*!40101 SET NAMES utf8mb4 */;\nINSERT INTO t VALUES (1);\n";
    let passed = pass(dump);
    assert_eq!(passed.trim(), "/*!40101 SET NAMES utf8mb4 */;\nINSERT INTO t VALUES (1);");
    assert_eq!(
        passed.lines().position(|line| line.starts_with("INSERT")),
        dump.lines().position(|line| line.starts_with("INSERT"))
    );
    assert_eq!(carried_out("/*!999999\\- enable the sandbox mode */ \nSET x = 1;"), "SET x = 1;");
}

#[test]
fn whoever_defined_a_view_or_a_program_is_left_out() {
    for (from, to) in [
        (
            "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`root`@`localhost` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */;",
            "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013  SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */;",
        ),
        (
            "CREATE DEFINER=`a``b`@`%` PROCEDURE `p`() select 'DEFINER=`x`@`y`';",
            "CREATE  PROCEDURE `p`() select 'DEFINER=`x`@`y`';",
        ),
        (
            "CREATE DEFINER='a'@'10.0.0.%' FUNCTION f() RETURNS INT RETURN 1;",
            "CREATE  FUNCTION f() RETURNS INT RETURN 1;",
        ),
        (
            "CREATE OR REPLACE DEFINER = root @ localhost EVENT e DO SELECT 1;",
            "CREATE OR REPLACE  EVENT e DO SELECT 1;",
        ),
        ("CREATE DEFINER=`role` AGGREGATE FUNCTION f();", "CREATE  AGGREGATE FUNCTION f();"),
        (
            "CREATE DEFINER=CURRENT_USER() TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = 1;",
            "CREATE  TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = 1;",
        ),
        ("CREATE TABLE t (DEFINER INT);", "CREATE TABLE t (DEFINER INT);"),
    ] {
        assert_eq!(carried_out(from), to);
    }
    assert_eq!(
        carried_out(
            "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a = 1; END */;;\nDELIMITER ;\n"
        ),
        "DELIMITER ;;\n/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN SET @a = 1; END */;;\nDELIMITER ;"
    );
}

#[test]
fn a_program_ends_with_its_delimiter_and_not_within_strings_names_and_remarks() {
    for delimiter in [";;", "//", "$$", "|", "//;"] {
        let dump = format!(
            "DELIMITER {delimiter}\nCREATE PROCEDURE p() BEGIN SELECT ';;//$$|--', \";;//$$|--\", `;;//$$|--`; # it's ;;//$$|\n\
             /* \" ;;//$$|-- */ SELECT 7 - -1; END{delimiter}\ndelimiter ;\nINSERT INTO t VALUES (1);"
        );
        assert_eq!(carried_out(&dump), dump, "{delimiter}");
    }
}

#[test]
fn what_a_backslash_means_goes_by_the_mode_of_the_moment() {
    let dump = "/*!50003 SET @saved_sql_mode = @@sql_mode */ ;\n/*!50003 SET sql_mode = 'NO_BACKSLASH_ESCAPES' */ ;\nDELIMITER ;;\n\
        CREATE PROCEDURE p() BEGIN SELECT 'ends with \\', \"\\\", '; LOCK TABLES x; '; END ;;\nDELIMITER ;\n\
        /*!50003 SET sql_mode = @saved_sql_mode */ ;\nINSERT INTO t VALUES ('a \\'; LOCK TABLES x; ');\nLOCK TABLES x;\nSET x = 1;";
    assert_eq!(carried_out(dump), dump.replace("\nLOCK TABLES x;", "").as_str());
}

#[test]
fn collations_and_modes_of_mysql_8_are_replaced_but_not_within_strings() {
    assert_eq!(
        carried_out(
            "CREATE TABLE t (a TEXT COLLATE utf8mb4_0900_ai_ci DEFAULT ('utf8mb4_0900_ai_ci') COMMENT \"it''s utf8mb4_0900_ai_ci\",\n\
            `utf8mb4_0900_ai_ci` TEXT COLLATE utf8mb4_de_pb_0900_as_cs, c TEXT COLLATE utf8mb4_0900_bin) COLLATE=utf8mb4_ja_0900_as_cs_ks;"
        ),
        "CREATE TABLE t (a TEXT COLLATE utf8mb4_uca1400_ai_ci DEFAULT ('utf8mb4_0900_ai_ci') COMMENT \"it''s utf8mb4_0900_ai_ci\",\n\
         `utf8mb4_0900_ai_ci` TEXT COLLATE utf8mb4_uca1400_as_cs, c TEXT COLLATE utf8mb4_0900_bin) COLLATE=utf8mb4_uca1400_as_cs;"
    );
    assert_eq!(
        carried_out("SET collation_connection = utf8mb4_0900_ai_ci;"),
        "SET collation_connection = utf8mb4_uca1400_ai_ci;"
    );
    assert_eq!(
        carried_out(
            "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO,TIME_TRUNCATE_FRACTIONAL' */;\nSET sql_mode = '';"
        ),
        "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\nSET sql_mode = '';"
    );
    assert_eq!(
        carried_out("ALTER DATABASE `old` CHARACTER SET latin1 COLLATE latin1_swedish_ci ;"),
        "ALTER DATABASE `target` CHARACTER SET latin1 COLLATE latin1_swedish_ci ;"
    );
}

#[test]
fn the_name_of_the_dumps_own_database_is_left_out_and_that_of_another_one_stays() {
    let of = |database: &str| {
        format!(
            "USE old;\nINSERT INTO `{database}`.`t` (a) VALUES ('`old`.`t`');\nCREATE TABLE IF NOT EXISTS {database}.t (a INT);\n"
        )
    };
    assert_eq!(
        carried_out(&of("old")),
        "INSERT INTO `t` (a) VALUES ('`old`.`t`');\nCREATE TABLE IF NOT EXISTS t (a INT);"
    );
    assert_eq!(
        carried_out(&of("mysql")),
        "INSERT INTO `mysql`.`t` (a) VALUES ('`old`.`t`');\nCREATE TABLE IF NOT EXISTS mysql.t (a INT);"
    );
}

const TWO: &str = "SET NAMES utf8mb4;\nUSE `a`;\nINSERT INTO t VALUES ('USE `c`;');\nDELIMITER ;;\nCREATE PROCEDURE p() SELECT 1;;\nDELIMITER ;\n\
                   USE `b`;\nSET sql_mode = '';\nINSERT INTO t VALUES (2);\n";

#[test]
fn of_several_databases_one_has_to_be_chosen() {
    assert_eq!(refusal(TWO), ": -: the dump has several databases: a, b; Choose one: --database NAME []");
    let chosen = |name: &str| String::from_utf8(pass_from(&[name], TWO.as_bytes())).unwrap();
    assert!(
        chosen("a").contains("USE `c`") && chosen("a").contains("PROCEDURE") && !chosen("a").contains("(2)")
    );
    let of_b = chosen("b");
    assert_eq!(
        of_b.replace('\n', ""),
        "SET NAMES utf8mb4;DELIMITER ;;DELIMITER ;SET sql_mode = '';INSERT INTO t VALUES (2);"
    );
    assert!(chosen("c").ends_with(
        "refused: -: the dump has no database `c`, but: a, b; Choose one of these: --database NAME []"
    ));
    assert!(
        refusal("CREATE TABLE t (a INT);\nUSE b;\n")
            .starts_with(": -: the dump has several databases: one without a name, b")
    );
    assert_eq!(
        carried_out("-- Host: localhost    Database: a\nCREATE TABLE t (a INT);\n"),
        "CREATE TABLE t (a INT);"
    );
    let unnamed = String::from_utf8(pass_from(&["a"], b"CREATE TABLE t (a INT);\n")).unwrap();
    assert!(
        unnamed
            .contains("refused: 1: the dump does not say which database this is for: leave --database out"),
        "{unnamed}"
    );
}

#[test]
fn a_dump_that_is_cut_short_is_refused_with_what_it_ends_in() {
    let whole = "-- MySQL dump 10.13\n/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\nCREATE TABLE t (a TEXT);\n\
        INSERT INTO t VALUES ('a;\n-- Dump completed\n');\n/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;\n-- Dump completed on 2026-01-01\n";
    assert!(!pass(whole).contains("refused"), "{}", pass(whole));
    for (end, said) in [
        ("a;\n-- Dump comp", "it ends in the middle of the statement that begins in line 4"),
        ("TEXT", "it ends in the middle of the statement that begins in line 3"),
        ("completed\n');\n", "it ends without its last line, `-- Dump completed`"),
    ] {
        let at = whole.find(end).unwrap() + end.len();
        assert!(
            refusal(&whole[..at]).contains(&format!(" (cut): -: the dump is cut short: {said}")),
            "{}",
            refusal(&whole[..at])
        );
    }
    assert!(
        refusal(&whole[..whole.rfind("/*!40101").unwrap()].replace("-- MySQL", "-- phpMyAdmin"))
            .contains("before it sets back")
    );
    assert!(
        refusal(&format!("-- MySQL dump 10.13\nSET x = 1;\n{whole}"))
            .contains("it ends before line 4, where another one begins")
    );
}

#[test]
fn what_is_no_dump_that_can_be_read_is_refused() {
    for (dump, said) in [
        ("", "the dump is empty"),
        ("PK\u{3}\u{4}abc", "the file is no dump in SQL"),
        ("a\0b", "the file is no dump in SQL"),
        (
            "/*!40101 SET NAMES gbk */;\nSELECT 1;",
            "the dump is in the character set gbk: make it again with --default-character-set=utf8mb4",
        ),
        ("SELECT 1;\n\\! id\n", ": 2: a command of the client, which is no SQL: \\!"),
        ("DELIMITER \\\nSELECT 1\\", "DELIMITER \\ cannot be one"),
    ] {
        assert!(refusal(dump).contains(said), "{}", refusal(dump));
    }
    assert!(String::from_utf8_lossy(&pass_from(&[], b"\xff\xfeS\0E\0")).contains("the dump is in UTF-16"));
    assert_eq!(carried_out("\u{feff}SET x = 1;"), "SET x = 1;");
}

/// As it comes in, with the mark behind it.
fn come_in(input: &[u8], mark: &str, options: &[&str]) -> (bool, Vec<u8>, String) {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/target-sbin/lib/import-input.pl");
    let arguments = [&[program, "--end", "MARK"], options, &["importing"]].concat();
    let output = perl(&arguments, &[input, mark.as_bytes()].concat());
    (output.status.success(), output.stdout, String::from_utf8(output.stderr).unwrap())
}

fn packed(program: &str, input: &[u8]) -> Vec<u8> {
    let mut packer = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    packer.stdin.take().unwrap().write_all(input).unwrap();
    packer.wait_with_output().unwrap().stdout
}

#[test]
fn what_comes_in_is_unpacked_by_its_content_and_refused_where_it_breaks_off() {
    let text = "all of it\n".repeat(1000);
    for program in ["cat", "gzip", "xz", "zstd"] {
        let input = packed(program, text.as_bytes());
        let size = input.len().to_string();
        let (whole, passed, said) = come_in(&input, "MARK", &["--size", &size]);
        assert!(whole && passed == text.as_bytes(), "{program}: {said}");
        assert!(said.contains("importing: 100 % of"), "{said}");
        assert!(!come_in(&input, "", &[]).0, "{program}, and nobody said that this is all");
        assert!(
            !come_in(&input[..input.len() - 8], "MARK", &["--size", &size]).0,
            "{program}, and it is less than there was"
        );
        if program != "cat" {
            let (whole, _, said) = come_in(&input[..input.len() - 8], "MARK", &[]);
            assert!(
                !whole && said.contains(&format!("cut short or damaged ({program} says why, above)")),
                "{said}"
            );
        }
    }
}
