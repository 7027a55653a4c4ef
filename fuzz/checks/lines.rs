//! What holds for any bytes that come from a socket in any pieces.

use lamplighter::socket::lines::{LONGEST_LINE, Line, Lines};

/// Panics where it does not hold. The first byte says how many pieces there are cuts for, the next ones how long
/// the pieces are, in turns; the rest is what comes.
pub(crate) fn check(input: &[u8]) {
    let Some((&count, rest)) = input.split_first() else { return };
    let (sizes, bytes) = rest.split_at(rest.len().min(usize::from(count)));
    // So that long lines need no long input.
    let bytes: Vec<u8> =
        bytes.iter().flat_map(|&byte| vec![byte; if byte == b'x' { 1024 } else { 1 }]).collect();

    let expected = expect(&bytes);
    assert_eq!(cut(&bytes, sizes), expected);
    assert_eq!(cut(&bytes, &[]), expected);
}

/// The lines of a text that is there as a whole.
fn expect(bytes: &[u8]) -> Vec<Line> {
    let mut lines: Vec<_> = bytes.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    // What ends with a newline has no line after it.
    lines.pop_if(|last| last.is_empty());
    let line = |line: Vec<u8>| if line.len() > LONGEST_LINE { Line::TooLong } else { Line::Whole(line) };
    lines.into_iter().map(line).collect()
}

/// The lines of what comes in pieces of these sizes, in turns; in one piece when there are none.
fn cut(mut bytes: &[u8], sizes: &[u8]) -> Vec<Line> {
    let (mut lines, mut found) = (Lines::default(), Vec::new());
    let mut sizes = sizes.iter().cycle();
    while !bytes.is_empty() {
        let size = sizes.next().map_or(bytes.len(), |&size| usize::from(size) * 16 + 1);
        let (piece, rest) = bytes.split_at(size.min(bytes.len()));
        bytes = rest;
        lines.push(piece);
        while let Some(line) = lines.cut() {
            found.push(line);
        }
        assert_eq!(lines.is_within_line(), !piece.ends_with(b"\n"));
    }
    found.extend(lines.last());
    assert!(!lines.is_within_line() || found.last() == Some(&Line::TooLong));
    found
}
