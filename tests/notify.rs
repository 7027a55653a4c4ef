//! The notifier that the stack brings, with somebody who hears it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const ALARM: &str = r#"{"kind":"failed","service":"mysql","action":"nightly-backup","summary":"it failed"}"#;

/// Fails, without a word, where the message's text is made.
const BROKEN_JQ: &str = r#"#!/bin/bash
for argument; do
    if [[ $argument == *summary* && $argument != *'$name'* ]]; then exit 5; fi
done
exec /usr/bin/jq "$@""#;

/// Fails where a mail's body is made.
const BROKEN_JQ_BODY: &str = r#"#!/bin/bash
for argument; do
    if [[ $argument == *to_entries* ]]; then exit 5; fi
done
exec /usr/bin/jq "$@""#;

/// Takes requests on loopback, says that all is well, and gives what was posted.
fn hearer() -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut length = 0;
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                let line = line.to_ascii_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _ = sender.send(String::from_utf8(body).unwrap());
            reader
                .get_mut()
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .unwrap();
        }
    });
    (address, heard)
}

fn program(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the notifier with a message; whether somebody was told, and what it says.
fn notify(message: &str, address: &str, jq: Option<&str>, ways: &[(&str, &str)]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("alarm-webhook"), format!("{address}\n")).unwrap();
    fs::write(folder.path().join("alarm-pings"), format!("mysql nightly-backup {address}\n")).unwrap();
    notify_in(folder.path(), message, jq, ways)
}

/// As [`notify`], with the secrets and the programs of a folder.
fn notify_in(folder: &Path, message: &str, jq: Option<&str>, ways: &[(&str, &str)]) -> (bool, String) {
    if let Some(jq) = jq {
        program(folder, "jq", jq);
    }
    let tree = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(tree.join("service/scheduler/bin/notify"))
        .env_clear()
        .env("LAMPLIGHTER_RUN", folder)
        .env("LAMPLIGHTER_SBIN", tree.join("target-sbin"))
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("ALARM_SECRETS", folder)
        .envs(ways.iter().copied())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

/// Keeps what is to be mailed.
const MSMTP: &str = "#!/bin/bash\ncat >\"$ALARM_SECRETS/mailed\"\n";

/// Runs the notifier where mail is set up and nothing else; as [`notify`], and what was mailed.
fn mail(jq: Option<&str>) -> (bool, String, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("alarm-mail"), "account default\n").unwrap();
    program(folder.path(), "msmtp", MSMTP);
    let (is_told, said) = notify_in(folder.path(), ALARM, jq, &[("ALARM_MAIL", "one@forum.example")]);
    (is_told, said, fs::read_to_string(folder.path().join("mailed")).ok())
}

#[test]
fn a_mail_has_the_message_and_one_that_would_have_none_is_not_sent() {
    let (is_told, said, mailed) = mail(None);
    assert_eq!((is_told, said.as_str()), (true, ""));
    let mailed = mailed.unwrap();
    let (head, body) = mailed.split_once("\n\n").unwrap();
    assert!(head.contains("Subject: [lamplighter] it failed"), "{head}");
    // `it failed`, in base64.
    assert!(body.starts_with("aXQgZmFpbGVk"), "{body}");

    let (is_told, said, mailed) = mail(Some(BROKEN_JQ_BODY));
    assert!(!is_told && said.contains("failed could not be told by Mail"), "{said}");
    assert_eq!(mailed, None);
}

const WAYS: [&[(&str, &str)]; 2] = [&[("ALARM_WEBHOOK", "1")], &[("ALARM_PINGS", "1")]];

#[test]
fn an_alarm_is_heard_whole() {
    let (address, heard) = hearer();
    for (way, expected) in WAYS.into_iter().zip([r#""text": "it failed""#, "it failed\n"]) {
        assert_eq!(notify(ALARM, &address, None, way), (true, String::new()));
        let body = heard.recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(body.contains(expected), "{body}");
    }
}

#[test]
fn an_alarm_whose_text_cannot_be_made_is_not_sent_empty_and_does_not_count_as_told() {
    let (address, heard) = hearer();
    for way in WAYS {
        let (is_told, said) = notify(ALARM, &address, Some(BROKEN_JQ), way);
        assert!(!is_told && said.contains("failed could not be told by "), "{said}");
        assert!(heard.try_recv().is_err(), "something was heard");
    }
}

#[test]
fn what_is_no_message_does_not_count_as_told() {
    let (address, heard) = hearer();
    for message in ["", "{}", "{\"kind\":\"\"}", "no JSON"] {
        let (is_told, said) = notify(message, &address, None, WAYS[0]);
        assert!(!is_told && said.contains("it has no kind"), "{message}: {said}");
    }
    assert!(heard.try_recv().is_err(), "something was heard");
}
