//! TLS that the console ends itself: with which certificate, for whom, and what becomes of it when that is none.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version};

use crate::browser::{Answer, Console, code, program};
use crate::common::wait_for;
use crate::stage::Stage;

const OK: &str = "CB_ok() { :; }";
pub(crate) const NAME: &str = "lamp.test";

/// A certificate that vouches for itself, and its key.
pub(crate) struct Certificate {
    chain: String,
    key: String,
}

/// One for this name that ends in so many days.
pub(crate) fn certificate(name: &str, days: i64) -> Certificate {
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let date = |days: i64| {
        let at = Timestamp::now() + SignedDuration::from_hours(days * 24);
        let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    (parameters.not_before, parameters.not_after) = (date(days - 100), date(days));
    let key = KeyPair::generate().unwrap();
    Certificate { chain: parameters.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

impl Certificate {
    fn put(&self, stage: &Stage) {
        let folder = stage.path("data/console");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("privkey.pem"), &self.key).unwrap();
        std::fs::write(folder.join("fullchain.pem"), &self.chain).unwrap();
    }

    /// A browser that takes this one and no other.
    fn trusted(&self, versions: &[&'static SupportedProtocolVersion]) -> Trust {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.chain.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let configuration = builder.with_root_certificates(roots).with_no_client_auth();
        Trust { name: NAME, configuration: Arc::new(configuration) }
    }
}

/// Which certificate a browser takes, and for which name.
pub(crate) struct Trust {
    pub(crate) name: &'static str,
    configuration: Arc<ClientConfig>,
}

impl Trust {
    pub(crate) fn begin(&self, stream: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from(self.name).unwrap();
        StreamOwned::new(ClientConnection::new(Arc::clone(&self.configuration), name).unwrap(), stream)
    }

    /// What keeps the two from agreeing.
    fn refusal(&self, console: &Console) -> Option<String> {
        let mut stream = self.begin(console.connect());
        stream.conn.complete_io(&mut stream.sock).err().map(|error| error.to_string())
    }
}

const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

pub(crate) fn console(certificate: &Certificate) -> Console {
    let stage = Stage::new().with("web", OK);
    certificate.put(&stage);
    Console::start_with(stage, &["--name", NAME, "--tls"]).trusting(certificate.trusted(BOTH))
}

/// Says what is wrong with serving so, and ends.
fn refused(stage: &Stage, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = program(stage, &[&["serve"], arguments].concat()).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    said
}

fn told(stage: &Stage, arguments: &[&str]) -> (Option<i32>, String) {
    let output = program(stage, &[&["console", "certificate"], arguments].concat()).output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn who_asks_over_tls_logs_in_and_is_kept_to_it() {
    let console = console(&certificate(NAME, 90));
    let secret = console.user("anna");
    let answer = console.get("/login");
    assert_eq!((answer.status, answer.header("strict-transport-security")), (200, Some("max-age=31536000")));
    let answer = console.claim("anna", crate::browser::PASSWORD, &code(&secret, -1));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-lamplighter-console=") && cookie.contains("; Path=/;"), "{cookie}");
    assert!(cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    let visitor = console.log_in("anna", &secret, 0);
    let page = visitor.get("/do/web/ok");
    let run = visitor.post("/do/web/ok", &format!("csrf={}", page.csrf()));
    assert_eq!(run.status, 303, "{run:?}");
    // What could be set without TLS is no session, and what comes from a page without it is no form.
    let bare = visitor.cookie.strip_prefix("__Host-").unwrap();
    let host = format!("Host: {}", console.host());
    assert_eq!(console.ask("GET", "/", &[&host, &format!("Cookie: {bare}")], "").status, 303);
    let origin = format!("Origin: http://{}", console.host());
    assert_eq!(visitor.post_from("/do/web/ok", &format!("csrf={}", page.csrf()), &origin).status, 403);
    let out = visitor.post("/logout", &format!("csrf={}", page.csrf()));
    assert!(out.header("set-cookie").unwrap().ends_with("; Secure; Max-Age=0"), "{out:?}");
}

#[test]
fn only_its_names_are_answered_and_only_its_own_is_told_to_be_asked_over_tls() {
    let console = console(&certificate(NAME, 90));
    console.user("anna");
    for (host, status, strict) in
        [(NAME, 200, Some("max-age=31536000")), ("localhost:1", 200, None), ("evil.test", 421, None)]
    {
        let answer = console.ask("GET", "/login", &[&format!("Host: {host}")], "");
        assert_eq!((answer.status, answer.header("strict-transport-security")), (status, strict), "{host}");
    }
}

#[test]
fn what_happens_and_the_metrics_come_over_tls_too() {
    let console = console(&certificate(NAME, 90));
    let visitor = console.visitor();
    let mut events = visitor.follow("/events");
    assert_eq!(events.status(), "HTTP/1.1 200 OK");
    let run = console.stage.service("web").call(r#"{"op":"run","user":"root","action":"ok"}"#);
    assert_eq!(run["ok"], true, "{run}");
    events.next_of(&["changed"]);
    let printed = program(&console.stage, &["console", "metrics-token"]).output().unwrap().stdout;
    let authorization = format!("Authorization: Bearer {}", String::from_utf8(printed).unwrap().trim_end());
    let host = format!("Host: {}", console.host());
    let Answer { status, body, .. } = console.ask("GET", "/metrics", &[&host, &authorization], "");
    assert!(status == 200 && body.contains("lamplighter_up{service=\"web\"} 1\n"), "{body}");
}

#[test]
fn nothing_older_than_tls_1_2_and_nothing_without_tls_is_spoken() {
    let own = certificate(NAME, 90);
    let console = console(&own);
    for version in BOTH {
        assert_eq!(own.trusted(&[version]).refusal(&console), None, "{version:?}");
    }
    let (_, port) =
        console.host().rsplit_once(':').map(|(name, port)| (name.to_owned(), port.to_owned())).unwrap();
    let asked = |version: &str| {
        // What would let openssl itself speak the old ones.
        let arguments =
            ["s_client", "-cipher", "DEFAULT@SECLEVEL=0", version, "-connect", &format!("127.0.0.1:{port}")];
        let mut command = Command::new("openssl");
        let output = command.args(arguments).stdin(std::process::Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains("BEGIN CERTIFICATE")
    };
    assert!(asked("-tls1_2"));
    for old in ["-tls1", "-tls1_1"] {
        assert!(!asked(old), "{old}");
    }
    let mut stream = console.connect();
    // It may have been closed before all is sent.
    let question = format!("GET /health HTTP/1.1\r\nHost: {}\r\n\r\n", console.host());
    let _ = stream.write_all(question.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP"), "{answer:?}");
}

#[test]
fn another_certificate_is_taken_up_at_once_and_a_broken_one_never() {
    let (first, second) = (certificate(NAME, 90), certificate(NAME, 91));
    let console = console(&first);
    let is_served = |own: &Certificate| own.trusted(BOTH).refusal(&console).is_none();
    assert!(is_served(&first) && !is_served(&second));
    // Half of it is there.
    let folder = console.stage.path("data/console");
    std::fs::write(folder.join("fullchain.pem"), &second.chain).unwrap();
    assert!(is_served(&first), "the key of the other is not there yet");
    console.log.wait_for("is not the key of the certificate in");
    std::fs::write(folder.join("privkey.pem"), &second.key).unwrap();
    assert!(is_served(&second) && !is_served(&first));
    console.log.wait_for("another certificate, good until ");
    std::fs::remove_file(folder.join("privkey.pem")).unwrap();
    assert!(is_served(&second));
    console.log.wait_for("the certificate of before goes on");
    // As somebody puts one there, who is about to renew it.
    let (chain, key) = (console.stage.path("new.pem"), console.stage.path("new.key"));
    std::fs::write(&chain, &first.chain).unwrap();
    std::fs::write(&key, &first.key).unwrap();
    let (status, said) = told(&console.stage, &[chain.to_str().unwrap(), key.to_str().unwrap()]);
    assert_eq!(status, Some(0), "{said}");
    assert!(is_served(&first));
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &folder.join("privkey.pem").metadata().unwrap().permissions(),
    );
    assert_eq!(mode & 0o777, 0o640);
}

#[test]
fn beyond_this_machine_nothing_is_spoken_but_tls() {
    let stage = Stage::new().with("web", OK);
    for arguments in [
        &["--listen", "0.0.0.0:0"][..],
        &["--listen", "[::]:0"],
        &["--listen", "192.0.2.1:0"],
        &["--listen", "127.0.0.1:0", "--published", "0.0.0.0"],
        &["--listen", "0.0.0.0:0", "--name", NAME],
    ] {
        let said = refused(&stage, arguments);
        assert!(
            said.contains("where the console speaks TLS alone") && said.contains("CONSOLE_NAME"),
            "{said}"
        );
    }
    let said = refused(&stage, &["--tls"]);
    assert!(said.contains("--name <NAME>"), "{said}");
    let console = Console::start_with(stage, &["--published", "127.0.0.1"]);
    assert_eq!(console.get("/health").status, 200);
}

#[test]
fn without_a_certificate_that_can_be_used_it_does_not_begin_and_says_why() {
    let stage = Stage::new().with("web", OK);
    let serve = ["--listen", "0.0.0.0:0", "--name", NAME, "--tls"];
    let said = refused(&stage, &serve);
    assert!(said.contains("fullchain.pem: No such file") && said.contains("hint: "), "{said}");
    let (own, other) = (certificate(NAME, 90), certificate(NAME, 90));
    let bad = |chain: &str, key: &str| {
        Certificate { chain: chain.to_owned(), key: key.to_owned() }.put(&stage);
        let served = refused(&stage, &serve);
        let (status, said) = told(&stage, &[]);
        assert_eq!((status, &said), (Some(2), &served), "the same is said of it");
        said
    };
    assert!(bad(&own.chain, &other.key).contains("privkey.pem is not the key of the certificate in "));
    assert!(bad("", &own.key).contains("fullchain.pem is no certificate in PEM"));
    assert!(bad(&own.key, &own.key).contains("fullchain.pem is no certificate in PEM"));
    assert!(bad(&own.chain, &own.chain).contains("privkey.pem is no private key in PEM"));
    let cut = own.chain.replace("END CERTIFICATE", "END CERTIFIC");
    assert!(bad(&cut, &own.key).contains("fullchain.pem is no certificate in PEM"));
    let large = "x".repeat(300_000);
    assert!(bad(&large, &own.key).contains("it is too large"));
}

#[test]
fn what_is_wrong_with_a_certificate_now_or_soon_is_told() {
    let stage = Stage::new().with("web", OK);
    let said_of = |name: &str, days: i64| {
        certificate(name, days).put(&stage);
        told(&stage, &["--name", NAME])
    };
    let (status, said) = said_of(NAME, 90);
    assert!(status == Some(0) && said.starts_with("good until ") && said.lines().count() == 1, "{said}");
    for (name, days, wrong) in [
        (NAME, 13, "certificate ends in 12 days, on "),
        (NAME, -2, "certificate has ended, on "),
        ("other.test", 90, "certificate is not for lamp.test: "),
    ] {
        let (status, said) = said_of(name, days);
        assert!(
            status == Some(1) && said.contains(wrong) && said.contains("console certificate FULLCHAIN"),
            "{said}"
        );
    }
    certificate("*.lamp.test", 90).put(&stage);
    assert_eq!(told(&stage, &["--name", "console.lamp.test"]).0, Some(0), "a name may stand for many");
    // It is served nevertheless: who has to use it may.
    certificate(NAME, -2).put(&stage);
    Console::start_with(stage, &["--name", NAME, "--tls"]).log.wait_for("certificate has ended, on ");
}

#[test]
fn a_certificate_that_cannot_be_used_is_not_put_there() {
    let (own, other) = (certificate(NAME, 90), certificate(NAME, 90));
    let stage = Stage::new().with("web", OK);
    own.put(&stage);
    let (chain, key) = (stage.path("new.pem"), stage.path("new.key"));
    std::fs::write(&chain, &other.chain).unwrap();
    std::fs::write(&key, &own.key).unwrap();
    let (status, said) = told(&stage, &[chain.to_str().unwrap(), key.to_str().unwrap()]);
    assert!(status == Some(2) && said.contains("is not the key of"), "{said}");
    assert_eq!(std::fs::read_to_string(stage.path("data/console/fullchain.pem")).unwrap(), own.chain);
}

#[test]
fn ten_thousand_who_begin_to_agree_on_tls_and_go_no_further_keep_nobody_out() {
    let console = console(&certificate(NAME, 90));
    let visitor = console.visitor();
    // As far as the first five bytes of what a browser says first, of half a kilobyte.
    let begun = [0x16, 0x03, 0x01, 0x02, 0x00];
    let mut slow: Vec<TcpStream> = Vec::new();
    for number in 0..10_000 {
        let mut stream = console.connect();
        let _ = stream.write_all(&begun);
        slow.push(stream);
        if slow.len() > 600 {
            slow.remove(0);
        }
        if number % 1000 == 999 {
            assert_eq!(visitor.get("/").status, 200, "after {number} slow ones");
        }
    }
    let open = std::fs::read_dir(format!("/proc/{}/fd", console.pid())).unwrap().count();
    assert!(open < 600, "{open} descriptors");
    // Nobody comes any more, and they are closed all the same, in time.
    wait_for("those who do not go on to be closed", || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", console.pid())).ok()?.count();
        (open < 50).then_some(())
    });
}
