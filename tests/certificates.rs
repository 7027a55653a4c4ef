//! Apache's names and certificates: names are one however they are written, and a certificate that has been asked for
//! and never comes is told. Without Apache: what is on the wire stands in a file, as what `mod_md` keeps does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// The folder of certificates of a site, whose address for orders is set unless a test says otherwise.
struct Site {
    top: TempDir,
    name: &'static str,
    contact: &'static str,
}

/// Nothing has failed, and nothing has come.
const WAITING: &str =
    r#"{"finished": false, "errors": 0, "last": {"activity": "Waiting for the authority"}}"#;

const HOUR: u64 = 3600;

impl Site {
    fn new() -> Self {
        let site = Self { top: tempfile::tempdir().unwrap(), name: "forum.test", contact: "you@forum.test" };
        site.order(WAITING);
        site.bash("makeSelfSignedCertificate; cp \"$selfSigned\" \"$CERTIFICATES/wire\"").unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// Runs a script with Apache's functions; its output, or what it says when it fails.
    fn bash(&self, script: &str) -> Result<String, String> {
        let script = format!(
            r#"set -Eeo pipefail
            source target-sbin/lib/log.sh; source target-sbin/lib/problems.sh; source target-sbin/lib/site-names.sh; source service/apache2/bin/certificates.sh
            servedCertificate() {{ openssl x509 -in "$CERTIFICATES/wire"; }}
            {script}"#
        );
        let mut command = Command::new("bash");
        command.args(["-c", &script]).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("CERTIFICATES", self.top.path()).env("SITE_ALIASES", "");
        command.env("LAMPLIGHTER_SBIN", "target-sbin").env("LAMPLIGHTER_STATE", self.path("state"));
        let output = command.env("SITE_NAME", self.name).env("ACME_CONTACT", self.contact).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        if output.status.success() { Ok(said) } else { Err(said) }
    }

    fn look(&self) -> Result<String, String> {
        self.bash("lookAtServed")
    }

    /// What `mod_md` keeps of the order.
    fn order(&self, job: &str) {
        let folder = self.path("acme/staging").join(self.name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("job.json"), job).unwrap();
    }

    /// Since when a certificate is awaited, and for whom.
    fn mark(&self) -> Option<String> {
        fs::read_to_string(self.path("awaited-since")).ok()
    }

    fn set_mark(&self, hours_ago: u64, name: &str) {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        fs::write(self.path("awaited-since"), format!("{} {name}\n", now - hours_ago * HOUR)).unwrap();
    }

    /// Puts a certificate on the wire that an authority vouches for.
    fn serve_vouched_for(&self) {
        self.bash(
            r#"cd "$CERTIFICATES"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=authority -keyout ca.key -out ca.pem
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$SITE_NAME" -keyout key -out request
            openssl x509 -req -in request -CA ca.pem -CAkey ca.key -days 30 -out wire"#,
        )
        .unwrap();
    }
}

#[test]
fn a_certificate_that_does_not_come_within_a_day_is_a_failure_with_mod_mds_reason() {
    let site = Site::new();
    site.look().unwrap();
    let mark = site.mark().expect("that one is awaited is on disk");
    site.look().unwrap();
    assert_eq!(site.mark(), Some(mark), "the day does not begin anew at every look");
    site.set_mark(23, site.name);
    site.look().unwrap();
    site.set_mark(25, site.name);
    let said = site.look().unwrap_err();
    assert!(said.contains("no certificate has come for forum.test in 25 hours"), "{said}");
    assert!(said.contains("Waiting for the authority"), "{said}");
    for nothing in ["", "{}", "no JSON", r#"{"last": {}}"#] {
        site.order(nothing);
        // What cannot be read is no reason to say nothing.
        let said = site.look().unwrap_err();
        if nothing != "no JSON" {
            assert!(said.contains("mod_md says nothing of it"), "{said}");
        }
    }
}

#[test]
fn the_day_begins_with_the_name_and_by_a_clock_that_is_right() {
    let site = Site::new();
    site.set_mark(25, "other.test");
    site.look().unwrap();
    assert!(site.mark().unwrap().ends_with(" forum.test\n"));
    for unusable in ["99999999999 forum.test\n", "", "yesterday forum.test\n", "1 2 3\n"] {
        fs::write(site.path("awaited-since"), unusable).unwrap();
        site.look().unwrap();
        assert_ne!(site.mark().unwrap(), unusable);
    }
}

#[test]
fn nothing_is_awaited_once_it_has_come_or_where_nobody_asked() {
    let mut site = Site::new();
    site.set_mark(25, site.name);
    site.serve_vouched_for();
    site.look().unwrap();
    assert_eq!(site.mark(), None);

    site = Site::new();
    site.set_mark(25, site.name);
    fs::copy(site.path("self-signed.pem"), site.path("fullchain.pem")).unwrap();
    fs::copy(site.path("self-signed.pem"), site.path("privkey.pem")).unwrap();
    site.look().unwrap();
    assert_eq!(site.mark(), None, "one's own is as good as one likes");

    site = Site::new();
    site.contact = "";
    site.set_mark(25, site.name);
    site.look().unwrap();
    assert_eq!(site.mark(), None);
}

#[test]
fn what_has_come_and_is_not_where_it_is_looked_for_is_a_failure() {
    let site = Site::new();
    let said = site.bash("needOrdered").unwrap_err();
    assert!(
        said.contains("a certificate for forum.test has come, and is not in acme/domains/forum.test"),
        "{said}"
    );
    fs::create_dir_all(site.path("acme/domains/forum.test")).unwrap();
    fs::write(site.path("acme/domains/forum.test/pubcert.pem"), "it").unwrap();
    site.bash("needOrdered").unwrap();
}

#[test]
fn browsers_take_what_an_authority_has_signed_for_the_name_and_nothing_else() {
    let site = Site::new();
    let noted = |what: &str| {
        let script = format!(
            "{what}; noteVouchedFor; ls \"$vouchedFor\" 2>/dev/null || true; echo \"new: $vouchedForIsNew\""
        );
        site.bash(&script)
            .unwrap()
            .lines()
            .map(|line| line.trim_end_matches('/').to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(noted(":"), ["new: "], "the one that is made for the beginning");
    site.serve_vouched_for();
    let own = "cd \"$CERTIFICATES\"; cp wire fullchain.pem; cp key privkey.pem";
    let file = site.path("vouched-for").to_str().unwrap().to_owned();
    assert_eq!(noted(own), ["new: "], "no name that browsers look at");
    let named = "cd \"$CERTIFICATES\"; openssl x509 -req -in request -CA ca.pem -CAkey ca.key -days DAYS \
        -extfile <(echo subjectAltName=DNS:NAME) -out fullchain.pem 2>/dev/null";
    let signed = |days: &str, name: &str| named.replace("DAYS", days).replace("NAME", name);
    assert_eq!(noted(&signed("30", "forum.test")), [&*file, "new: 1"]);
    assert_eq!(noted(":"), [&*file, "new: "]);
    assert_eq!(noted(&signed("30", "other.test")), ["new: 1"], "another name");
    assert_eq!(noted(&signed("0", "forum.test")), ["new: "], "one that has ended");
}

#[test]
fn a_name_is_one_however_it_is_written() {
    let site = Site::new();
    let folded = |function: &str, text: &str| {
        let script = format!("printf '<%s>' \"$({function} '{text}')\"");
        site.bash(&script).unwrap()
    };
    for (written, name) in [
        ("forum.test", "forum.test"),
        ("Forum.Test", "forum.test"),
        ("FORUM.TEST.", "forum.test"),
        ("forum.test..", "forum.test"),
        ("forum.test:8443", "forum.test"),
        ("Forum.Test.:443", "forum.test"),
        ("*.Forum.Test", "*.forum.test"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:8080", "[::1]:8080"),
        (".", "."),
        ("", ""),
    ] {
        assert_eq!(folded("foldName", written), format!("<{name}>"), "{written}");
    }
    assert_eq!(folded("foldNames", " WWW.a.test,  b.Test.;\nc.test\t"), "<www.a.test b.test c.test>");
    assert_eq!(folded("foldNames", ""), "<>");
    assert_eq!(folded("foldAddress", " mailto:You@Forum.Test. "), "<You@forum.test>");
    assert_eq!(folded("foldAddress", "  "), "<>");
    for (name, is_one) in [
        ("forum.test", true),
        ("localhost", true),
        ("xn--bcher-kva.test", true),
        ("127.0.0.1", true),
        ("a_b.test", true),
        ("", false),
        (".", false),
        ("a..b", false),
        ("-a.test", false),
        ("a b", false),
        ("http://a.test", false),
        ("a.test/x", false),
        ("[::1]", false),
    ] {
        assert_eq!(site.bash(&format!("isName '{name}'")).is_ok(), is_one, "{name}");
    }
}

#[test]
fn apache_gets_the_names_folded_and_does_not_start_with_what_is_none() {
    let environment = |name: &str| {
        let script = "set -e; source target-sbin/lib/log.sh; source service/apache2/bin/environment.sh
            env | grep -E '^(SITE_NAME|SITE_ALIASES|ACME_CONTACT)=' | sort; echo \"$apacheOptions\"";
        let mut command = Command::new("bash");
        command
            .args(["-c", script])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("LAMPLIGHTER_SBIN", "target-sbin");
        command
            .env("SITE_NAME", name)
            .env("SITE_ALIASES", "WWW.Forum.Test. *.Forum.Test")
            .env("ACME_CONTACT", " ");
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, said) = environment(" Forum.Test. ");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        said,
        "ACME_CONTACT=\nSITE_ALIASES=www.forum.test *.forum.test\nSITE_NAME=forum.test\n\
         -e error -d /usr/local/conf -f apache2.conf -D ALIASES -D CONNECTIONS -D TO_HTTPS -D HSTS -D LOCAL\n"
    );
    let (code, said) = environment("forum.test www.forum.test");
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("SITE_NAME is `forum.test www.forum.test`: one name such as forum.example"),
        "{said}"
    );
}

#[test]
fn the_end_of_what_visitors_are_given_is_left_as_a_fact_also_when_it_is_near() {
    let site = Site::new();
    let left = |openssl: &str| -> (String, String) {
        let end = site
            .bash(&format!("{openssl} >/dev/null; openssl x509 -in \"$CERTIFICATES/wire\" -noout -enddate"))
            .unwrap();
        let _ = site.look();
        let fact = fs::read_to_string(site.path("state/facts/certificate")).unwrap();
        let (sentence, instant) = fact.trim_end().split_once('\n').unwrap();
        let end = end.trim().strip_prefix("notAfter=").unwrap();
        assert_eq!(sentence, format!("from CN=forum.test, good until {end}"));
        let same = site.bash(&format!("date --utc --date='{end}' +%s; date --date={instant} +%s")).unwrap();
        let (first, second) = same.trim().split_once('\n').unwrap();
        (first.to_owned(), second.to_owned())
    };
    let (end, told) = left(":");
    assert_eq!(end, told);
    let soon =
        "openssl x509 -in \"$selfSigned\" -signkey \"$selfSigned\" -days 3 -out \"$CERTIFICATES/wire\" 2>&1";
    let (sooner, told) = left(soon);
    assert_eq!(sooner, told);
    assert!(sooner < end, "{sooner} {end}");
}
