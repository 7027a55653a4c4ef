//! What Apache has refused, counted by why: `service/apache2/bin/count-refusals.pl`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What it prints of these lines, from second 10 to 49, with these files of networks.
fn counted(lines: &str, refused: &str, crawlers: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let [refused, crawlers] = [("refused", refused), ("crawler", crawlers)].map(|(name, text)| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    });
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("service/apache2/bin/count-refusals.pl");
    let mut counting = Command::new(program)
        .args(["10", "50"])
        .args([refused, crawlers])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    counting.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = counting.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn each_refusal_counts_where_it_belongs_and_who_had_most_is_named() {
    let lines = "9 421 192.0.2.1 -\n\
                 10 421 192.0.2.1 -\n\
                 11 429 192.0.2.1 -\n\
                 12 429 192.0.2.2 -\n\
                 50 429 192.0.2.2 -\n\
                 torn";
    assert_eq!(counted(lines, "", ""), "1 2 0 0 192.0.2.1 (2)");
    assert_eq!(counted("", "", ""), "0 0 0 0 -");
}

#[test]
fn a_403_is_the_networks_where_the_address_lies_in_one_and_else_the_sites_own() {
    let refused = "<RequireAll>\n    Require all granted\n    \
                   Require not ip  203.0.113.0/25 198.51.100.7 2001:db8::/33\n    \
                   Require not ip  100.0.0.0/8 100.1.0.0/16\n</RequireAll>";
    for (address, is_refused) in [
        ("203.0.113.0", true),
        ("203.0.113.127", true),
        ("203.0.113.128", false),
        ("203.0.112.255", false),
        ("198.51.100.7", true),
        ("198.51.100.8", false),
        ("100.255.255.255", true),
        ("2001:db8:7fff::1", true),
        ("2001:db8:8000::1", false),
        ("not-an-address", false),
    ] {
        let wanted = if is_refused { format!("0 0 1 0 {address} (1)") } else { "0 0 0 0 -".to_owned() };
        assert_eq!(counted(&format!("10 403 {address} -\n"), refused, ""), wanted);
    }
}

#[test]
fn who_says_to_be_a_crawler_counts_as_a_false_one_outside_of_their_networks() {
    let lines = "10 403 192.0.2.1 1\n10 403 192.0.2.2 -\n10 403 203.0.113.1 1\n";
    assert_eq!(counted(lines, "", "    Require ip  203.0.113.0/24\n"), "0 0 0 1 192.0.2.1 (1)");
}
