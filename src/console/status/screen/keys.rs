//! Keys, as a terminal sends them.

/// A key that means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::console::status) enum Key {
    /// A letter, or another sign.
    Sign(char),
    Enter,
    Escape,
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
}

/// The keys in what the terminal has sent; what is none of them is passed over.
pub(in crate::console::status) fn read(bytes: &[u8]) -> Vec<Key> {
    let (mut keys, mut rest) = (Vec::new(), bytes);
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        keys.extend(match first {
            b'\r' | b'\n' => Some(Key::Enter),
            0x1b => match sequence(&mut rest) {
                Some(found) => named(found),
                None => Some(Key::Escape),
            },
            b' '..=b'~' => Some(Key::Sign(char::from(first))),
            _ => None,
        });
    }
    keys
}

/// What follows an escape and belongs to it, up to its last byte.
fn sequence<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    if !matches!(rest.first(), Some(b'[' | b'O')) {
        return None;
    }
    let end =
        rest.iter().skip(1).position(|byte| (0x40..=0x7e).contains(byte)).map_or(rest.len(), |at| at + 2);
    let (found, behind) = rest.split_at(end);
    *rest = behind;
    Some(found)
}

fn named(sequence: &[u8]) -> Option<Key> {
    match &sequence[1..] {
        b"A" => Some(Key::Up),
        b"B" => Some(Key::Down),
        b"5~" => Some(Key::PageUp),
        b"6~" => Some(Key::PageDown),
        b"H" | b"1~" | b"7~" => Some(Key::Home),
        b"F" | b"4~" | b"8~" => Some(Key::End),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_one_however_a_terminal_names_it() {
        use Key::{Down, End, Enter, Escape, Home, PageDown, PageUp, Sign, Up};
        assert_eq!(read(b"q?\r"), [Sign('q'), Sign('?'), Enter]);
        assert_eq!(read(b"\x1b[A\x1bOB\x1b[5~\x1b[6~"), [Up, Down, PageUp, PageDown]);
        assert_eq!(read(b"\x1b[H\x1b[4~\x1bOF"), [Home, End, End]);
        assert_eq!(read(b"\x1b"), [Escape]);
        // What is none of ours means nothing, and none of its letters do.
        assert_eq!(read(b"\x1b[1;5Cr\x1b[200~\xc3\xa4\x07"), [Sign('r')]);
        assert_eq!(read(b"\x1b[1"), []);
    }
}
