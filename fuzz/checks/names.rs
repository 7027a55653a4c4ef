//! The rules for names as docs/PROTOCOL.md has them, written down a second time: what the parsers accept is held
//! against these.

/// `[a-z_][a-z0-9_-]{0,31}`, or a number below 4294967295.
pub(crate) fn is_user(text: &str) -> bool {
    let is_number = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = text == "0" || !text.starts_with('0');
    let is_named = fits(text, 32, "abcdefghijklmnopqrstuvwxyz_", "0123456789-");
    is_named || is_number && is_plain && text.parse::<u64>().is_ok_and(|uid| uid < 4_294_967_295)
}

/// `[a-z0-9][a-z0-9-]{0,63}`.
pub(crate) fn is_action(text: &str) -> bool {
    fits(text, 64, "abcdefghijklmnopqrstuvwxyz0123456789", "-")
}

/// `[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}`.
pub(crate) fn is_id(text: &str) -> bool {
    let head = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    fits(text, 128, head, "._:@+-")
}

/// `[a-z0-9][a-z0-9_-]{0,62}`.
pub(crate) fn is_service(text: &str) -> bool {
    fits(text, 63, "abcdefghijklmnopqrstuvwxyz0123456789", "_-")
}

/// `[a-z][a-z0-9._-]{0,31}`.
pub(crate) fn is_operator(text: &str) -> bool {
    fits(text, 32, "abcdefghijklmnopqrstuvwxyz", "0123456789._-")
}

/// At most so long, of the characters of `head`, and after the first one of those of `more` too.
fn fits(text: &str, longest: usize, head: &str, more: &str) -> bool {
    let is_ok = |(at, c): (usize, char)| head.contains(c) || at > 0 && more.contains(c);
    (1..=longest).contains(&text.len()) && text.char_indices().all(is_ok)
}
