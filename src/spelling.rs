//! What was probably meant by a word that means nothing.

/// The candidate that a misspelt word is closest to, if any is close enough to be worth a question: a third
/// of its letters wrong, missing, added or swapped with their neighbour, at most.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let close = candidates.into_iter().filter_map(|candidate| {
        let most = candidate.len().div_ceil(3);
        // Without this a word of any length would be measured letter by letter.
        let similar = candidate.len().abs_diff(word.len()) <= most;
        let edits = similar.then(|| distance(word.as_bytes(), candidate.as_bytes()))?;
        (edits <= most).then_some((edits, candidate))
    });
    close.min_by_key(|&(edits, _)| edits).map(|(_, candidate)| candidate)
}

/// The edits that turn one into the other (optimal string alignment).
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut edits = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && y == a[i - 1] {
                edits = edits.min(before[j - 1] + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        let keys = ["timeout", "overlap", "retry", "allow", "run-as", "expect-within"];
        let meant = [
            ("timeuot", "timeout"),
            ("time-out", "timeout"),
            ("overlaps", "overlap"),
            ("alow", "allow"),
            ("run_as", "run-as"),
            ("expect_whitin", "expect-within"),
        ];
        for (written, key) in meant {
            assert_eq!(nearest(written, keys), Some(key), "{written}");
        }
    }

    #[test]
    fn another_word_is_not_taken_for_a_misspelt_one() {
        for word in ["", "user", "schedule", "command", "x", &"timeout".repeat(1000)] {
            assert_eq!(nearest(word, ["timeout", "retry", "allow"]), None, "{word}");
        }
    }

    #[test]
    fn edits_are_counted_with_swaps_as_one() {
        let cases =
            [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("abcd", "acbd", 1)];
        for (a, b, edits) in cases {
            assert_eq!(distance(a.as_bytes(), b.as_bytes()), edits, "{a} {b}");
            assert_eq!(distance(b.as_bytes(), a.as_bytes()), edits, "{b} {a}");
        }
    }
}
