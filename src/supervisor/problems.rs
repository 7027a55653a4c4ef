//! What callbacks have left for people to see, a file each in the service's state (docs/PROTOCOL.md): problems that last
//! in the folder `problems`, read when somebody asks and when a run has ended; facts, which are nothing wrong, in
//! `facts`, read when somebody asks for the status.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use jiff::Timestamp;

use crate::names::ActionName;
use crate::wire::Fact;

/// What is wrong, in a sentence, by what it is about.
pub type Problems = BTreeMap<String, String>;

/// More than these are not shown.
const MOST: usize = 64;
/// What is read of each, in bytes; of a fact, which may have data.
const LONGEST: u64 = 4096;
const LONGEST_FACT: u64 = 16 * 1024;

/// The problems in this folder.
pub(super) fn in_folder(folder: &Path) -> Problems {
    left_in(folder, LONGEST, |_, text, _| text)
}

/// The facts in this folder, each with when it was left.
pub(super) fn facts_in(folder: &Path) -> BTreeMap<String, Fact> {
    left_in(folder, LONGEST_FACT, |path, message, more| {
        let changed = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
        let at = changed.ok().and_then(|at| Timestamp::try_from(at).ok());
        let instant = more.next().and_then(|line| line.parse().ok());
        Fact { message, at, instant, data: more.next().and_then(|line| serde_json::from_str(line).ok()) }
    })
}

/// What is made of the first line of each file, and of those that follow, whose name is one that an action could have. Others
/// are somebody's work that is not done yet.
fn left_in<T>(
    folder: &Path,
    longest: u64,
    make: impl Fn(&Path, String, &mut dyn Iterator<Item = &str>) -> T,
) -> BTreeMap<String, T> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let topics = names.filter(|name| name.parse::<ActionName>().is_ok());
    let left = topics.filter_map(|topic| {
        let path = folder.join(&topic);
        let text = beginning(&path, longest)?;
        let mut lines = text.lines().map(str::trim);
        let first = lines.next().filter(|line| !line.is_empty())?;
        let left = make(&path, first.to_owned(), &mut lines);
        Some((topic, left))
    });
    left.take(MOST).collect()
}

fn beginning(path: &Path, longest: u64) -> Option<String> {
    // Not a pipe, which might never say anything.
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    File::open(path).ok()?.take(longest).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Event;

    #[test]
    fn a_problem_is_the_first_line_of_a_file_and_what_is_none_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(in_folder(&folder.path().join("missing")), Problems::new());
        for (name, text) in [
            ("left-out", "one table is in no backup\nmore\n"),
            ("left-out.new", "half a sen"),
            ("empty", ""),
            ("blank", " \n"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let only = Problems::from([("left-out".to_owned(), "one table is in no backup".to_owned())]);
        assert_eq!(in_folder(folder.path()), only);
        let at = "2026-11-23T04:05:12.3464Z".parse().unwrap();
        insta::assert_snapshot!(
            serde_json::to_string(&Event::Problems { at, problems: only }).unwrap(),
            @r#"{"event":"problems","at":"2026-11-23T04:05:12.346Z","problems":{"left-out":"one table is in no backup"}}"#
        );
    }

    #[test]
    fn a_fact_is_read_as_a_problem_is_with_when_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("packages"), "12 days old\n").unwrap();
        fs::write(folder.path().join(".packages.17"), "12 da").unwrap();
        let facts = facts_in(folder.path());
        assert_eq!(facts.keys().collect::<Vec<_>>(), ["packages"]);
        let Fact { message, at, instant: None, data: None } = &facts["packages"] else { panic!("{facts:?}") };
        let age = Timestamp::now().duration_since(at.unwrap()).as_secs();
        assert!(message == "12 days old" && (0..60).contains(&age), "{facts:?}");
    }

    #[test]
    fn a_fact_about_an_instant_has_that_in_its_second_line() {
        let folder = tempfile::tempdir().unwrap();
        for (second, instant) in [
            ("2026-11-23T04:05:12Z\n", Some("2026-11-23T04:05:12Z".parse().unwrap())),
            ("tomorrow\n", None),
            ("", None),
        ] {
            fs::write(folder.path().join("certificate"), format!("good for a while\n{second}")).unwrap();
            let Fact { message, instant: told, .. } = &facts_in(folder.path())["certificate"];
            assert_eq!((message.as_str(), *told), ("good for a while", instant), "{second}");
        }
    }

    #[test]
    fn a_fact_may_have_data_in_its_third_line_and_what_is_no_json_or_too_long_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let data = |second: &str, third: &str| {
            fs::write(folder.path().join("snapshots"), format!("two of them\n{second}\n{third}\n")).unwrap();
            let mut facts = facts_in(folder.path());
            let fact = facts.remove("snapshots").unwrap();
            assert_eq!(fact.message, "two of them");
            fact.data
        };
        assert_eq!(data("2026-11-23T04:05:12Z", r#"[{"id":"a"}]"#), Some(serde_json::json!([{"id": "a"}])));
        assert_eq!(data("", "[1]"), Some(serde_json::json!([1])));
        assert_eq!(data("", r#"[{"id":"#), None);
        let long = |length: usize| format!("[\"{}\"]", "x".repeat(length));
        assert!(data("", &long(16_000)).is_some() && data("", &long(17_000)).is_none());
    }
}
