//! What is worth knowing of a stack as a whole, whether anything is wrong or not: what would be lost, when a restore was last
//! proven, when certificates end, how full the disks are, how old the image is. All of it is what services tell.

use jiff::{SignedDuration, Timestamp};

use super::ages;
use super::loss::{self, DRILL, Kept};
use super::status::asking::Heard;
use crate::wire::{Fact, Status};

/// The facts that are looked at, by what they are about.
const PROVEN: &str = "proven";
const CERTIFICATE: &str = "certificate";
const DISK: &str = "disk";
const PACKAGES: &str = "packages";
/// What is said of what no service has told.
const UNKNOWN: &str = "not known yet";
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glance {
    pub(super) about: &'static str,
    pub(super) text: String,
    /// Whether it is not as it should be, or not known.
    pub(super) is_odd: bool,
    /// The page of the web console that has more of it, where there is one.
    pub(super) page: &'static str,
}

/// All of them, as of `now`.
pub(super) fn at(heard: &[Heard], now: Timestamp) -> Vec<Glance> {
    let said: Vec<_> =
        heard.iter().filter_map(|heard| Some((heard.service.as_str(), heard.said.as_ref().ok()?))).collect();
    let glance = |about, text: Option<String>, page| Glance {
        about,
        is_odd: text.is_none(),
        text: text.unwrap_or_else(|| UNKNOWN.to_owned()),
        page,
    };
    vec![
        lost(&said, now),
        glance("Restore last proven", proven(&said).map(|at| ages::ago(at, now)), "/backups"),
        glance("Certificates", certificates(&said, now), ""),
        glance("Disk", disk(&said), ""),
        glance("Image", packages(&said, now), ""),
    ]
}

type Said<'a> = [(&'a str, &'a Status)];

fn facts<'a>(said: &Said<'a>, about: &str) -> Vec<(&'a str, &'a Fact)> {
    said.iter().filter_map(|(service, status)| Some((*service, status.facts.get(about)?))).collect()
}

fn lost(said: &Said<'_>, now: Timestamp) -> Glance {
    let kept: Vec<_> =
        said.iter().filter_map(|(service, status)| Some((*service, loss::kept(status)?))).collect();
    let words = kept.iter().map(|(service, kept)| match kept {
        Kept::Nothing => format!("{service}: all of it"),
        Kept::UpTo(at) => format!("{service}: the last {}", ages::span(ages::between(*at, now))),
    });
    let words: Vec<String> = words.collect();
    Glance {
        about: "In no backup yet",
        is_odd: words.is_empty() || kept.iter().any(|(_, kept)| *kept == Kept::Nothing),
        text: if words.is_empty() { UNKNOWN.to_owned() } else { words.join(", ") },
        page: "/backups",
    }
}

fn proven(said: &Said<'_>) -> Option<Timestamp> {
    let told = facts(said, PROVEN).into_iter().filter_map(|(_, fact)| fact.instant);
    let drilled =
        said.iter().filter_map(|(_, status)| loss::action(status, DRILL)?.last_success.as_ref()?.ended_at);
    told.max().or_else(|| drilled.max())
}

fn certificates(said: &Said<'_>, now: Timestamp) -> Option<String> {
    let words = facts(said, CERTIFICATE).into_iter().filter_map(|(service, fact)| {
        let left = fact.instant?.duration_since(now);
        Some(if left.is_negative() {
            format!("{service}: ended {}", ages::ago(fact.instant?, now))
        } else {
            format!("{service}: {} left", days(left))
        })
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Of the fullest, as services tell it.
fn disk(said: &Said<'_>) -> Option<String> {
    let percent = |fact: &Fact| fact.data.as_ref()?.get("used")?.as_u64();
    let fullest = facts(said, DISK).into_iter().max_by_key(|(_, fact)| percent(fact))?;
    Some(format!("{}: {}", fullest.0, fullest.1.message))
}

fn packages(said: &Said<'_>, now: Timestamp) -> Option<String> {
    let words = facts(said, PACKAGES).into_iter().map(|(_, fact)| match fact.instant {
        Some(made) => format!("its packages are {} old", days(now.duration_since(made))),
        None => format!("its packages are {}", fact.message),
    });
    words.into_iter().next()
}

fn days(time: SignedDuration) -> String {
    match (time.as_secs() / DAY.as_secs()).max(0) {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-11-29T12:00:00Z";

    fn heard(service: &str, status: &serde_json::Value) -> Heard {
        let said = Ok(serde_json::from_value(status.clone()).unwrap());
        Heard { service: service.parse().unwrap(), said, coming: Vec::new() }
    }

    fn told(heard: &[Heard]) -> Vec<(&'static str, String, bool)> {
        let glances = at(heard, NOW.parse().unwrap());
        glances.into_iter().map(|glance| (glance.about, glance.text, glance.is_odd)).collect()
    }

    #[test]
    fn what_nobody_has_told_is_said_to_be_unknown() {
        let told = told(&[heard("web", &json!({"ok": true, "service": "web", "state": "running"}))]);
        assert_eq!(told.len(), 5);
        assert!(told.iter().all(|(_, text, is_odd)| text == UNKNOWN && *is_odd), "{told:?}");
    }

    #[test]
    fn each_is_told_whether_it_is_a_problem_or_not() {
        let mysql = json!({"ok": true, "service": "mysql", "state": "running",
            "actions": [{"action": "nightly-backup", "last_success": {"id": "1", "user": "root", "action": "nightly-backup",
                "outcome": "succeeded", "ended_at": "2026-11-29T11:59:20Z", "took_ms": 20000}}],
            "facts": {"disk": {"message": "the disk of / is 40 % full", "data": {"used": 40}}}});
        let backup = json!({"ok": true, "service": "backup", "state": "callbacks-only",
            "actions": [{"action": "nightly-backup"}],
            "facts": {"disk": {"message": "the disk of /b is 60 % full", "data": {"used": 60}},
                "proven": {"message": "proven", "instant": "2026-11-29T09:00:00Z"}}});
        let apache2 = json!({"ok": true, "service": "apache2", "state": "running",
            "facts": {"certificate": {"message": "good", "instant": "2026-12-30T11:00:00Z"},
                "packages": {"message": "1 days old", "instant": "2026-11-28T11:00:00Z"}}});
        let console = json!({"ok": true, "service": "console", "state": "running",
            "facts": {"certificate": {"message": "good", "instant": "2026-11-29T10:00:00Z"}}});
        let all = [
            heard("mysql", &mysql),
            heard("backup", &backup),
            heard("apache2", &apache2),
            heard("console", &console),
        ];
        let text = |about| told(&all).into_iter().find(|glance| glance.0 == about).unwrap();
        let (_, lost, is_odd) = text("In no backup yet");
        assert_eq!((lost.as_str(), is_odd), ("mysql: the last 60 s, backup: all of it", true));
        assert_eq!(text("Restore last proven").1, "3 h ago");
        assert_eq!(text("Certificates").1, "apache2: 30 days left, console: ended 2 h ago");
        assert_eq!(text("Disk").1, "backup: the disk of /b is 60 % full");
        assert_eq!(text("Image").1, "its packages are 1 day old");
    }
}
