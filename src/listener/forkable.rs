//! What callbacks must not use so that they can be forked: what bash does not set anew in a fork, as far as their text
//! tells. What only happens while they are read is told by the listener that reads them.

use std::fmt;

/// A place of a text that uses what no fork has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// The line, counted from 1.
    pub line: usize,
    /// What it uses there.
    what: &'static str,
    /// Why that cannot be forked.
    why: &'static str,
}

/// What is looked for. In a string too: `trap 'rm /tmp/$$' EXIT` is carried out later.
const USES: [(&str, &str, &str); 2] = [
    ("$$", "$$", "the number of another process in a fork: `$BASHPID` is its own"),
    ("${$", "$$", "the number of another process in a fork: `$BASHPID` is its own"),
];

/// The first use in a text. Where there is none, it can be forked as far as its text tells; some are none, such as `\$$`.
pub fn first_use(text: &str) -> Option<Use> {
    // In the text of a here document, `#` begins no comment.
    let has_comments = !text.contains("<<");
    let lines = text.lines().enumerate();
    let mut lines = lines.filter(|(_, line)| !(has_comments && line.trim_start().starts_with('#')));
    lines.find_map(|(place, line)| {
        let &(_, what, why) = USES.iter().find(|(written, ..)| line.contains(written))?;
        Some(Use { line: place + 1, what, why })
    })
}

/// Whether `$!` is used, which in a fork is the one that was forked before it, where several are forked together.
pub fn uses_last_job(text: &str) -> bool {
    text.contains("$!") || text.contains("${!")
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` in line {} is {}", self.what, self.line, self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_process_is_found_wherever_it_is_used() {
        for text in [
            "CB_a() { echo >/tmp/a.$$; }",
            "CB_a() { kill \"${$}\"; }",
            "trap 'rm -f /tmp/a.$$' EXIT",
            "cat <<EOF\n# $$\nEOF",
        ] {
            assert!(first_use(text).is_some(), "{text}");
        }
    }

    #[test]
    fn what_stands_in_a_comment_is_no_use() {
        assert_eq!(first_use("# $$ is not used\nCB_a() { echo \"$1\" $BASHPID \"$(date)\"; }"), None);
    }

    #[test]
    fn a_use_is_shown_with_its_line_and_what_to_write() {
        let found = first_use("CB_a() {\n    echo $$\n}").unwrap();
        assert_eq!(
            found.to_string(),
            "`$$` in line 2 is the number of another process in a fork: `$BASHPID` is its own"
        );
    }
}
