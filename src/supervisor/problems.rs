//! Problems that last: what callbacks found wrong and left for people to see, a file each in the folder `problems`
//! of the service's state (docs/PROTOCOL.md). It is read when somebody asks, and when a run has ended.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::names::ActionName;

/// What is wrong, in a sentence, by what it is about.
pub type Problems = BTreeMap<String, String>;

/// More than these are not shown.
const MOST: usize = 64;
/// What is read of each, in bytes.
const LONGEST: u64 = 4096;

/// What lies in this folder: the first line of each file whose name is one that an action could have. Others are
/// somebody's work that is not done yet.
pub(super) fn in_folder(folder: &Path) -> Problems {
    let Ok(entries) = fs::read_dir(folder) else { return Problems::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let topics = names.filter(|name| name.parse::<ActionName>().is_ok());
    let problems = topics.filter_map(|topic| first_line(&folder.join(&topic)).map(|text| (topic, text)));
    problems.take(MOST).collect()
}

fn first_line(path: &Path) -> Option<String> {
    // Not a pipe, which might never say anything.
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut text = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().next().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
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
}
