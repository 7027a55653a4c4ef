//! When a certificate ends, as it says itself (RFC 5280, 4.1): as much of its form is read as lies before that.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// What says of which version it is; the oldest have none.
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The last second in which the certificate is good; nothing where it has not the form of one.
pub(super) fn end_of(der: &[u8]) -> Option<Timestamp> {
    let mut certificate = Reader(Reader(der).take(SEQUENCE)?);
    let mut body = Reader(certificate.take(SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        body.take(VERSION)?;
    }
    for before in [INTEGER, SEQUENCE, SEQUENCE] {
        body.take(before)?;
    }
    let mut validity = Reader(body.take(SEQUENCE)?);
    validity.next()?;
    let (kind, text) = validity.next()?;
    instant(kind, std::str::from_utf8(text).ok()?)
}

/// `261129120000Z`, whose years are those from 1950 to 2049, or `20501129120000Z`.
fn instant(kind: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let century = match (kind, digits.len()) {
        (UTC_TIME, 12) if digits < "50" => "20",
        (UTC_TIME, 12) => "19",
        (GENERALIZED_TIME, 14) => "",
        _ => return None,
    };
    let at = DateTime::strptime("%Y%m%d%H%M%S", format!("{century}{digits}")).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// What is left of a sequence of DER's: a kind, a length, and so many bytes.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next one's bytes, where it is of this kind.
    fn take(&mut self, kind: u8) -> Option<&'a [u8]> {
        self.next().filter(|(own, _)| *own == kind).map(|(_, bytes)| bytes)
    }

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[kind, length], rest) = self.0.split_first_chunk()?;
        let (length, rest) = match length {
            0..=0x7f => (usize::from(length), rest),
            // So many bytes of length follow.
            0x81..=0x83 => {
                let (long, rest) = rest.split_at_checked(usize::from(length & 0x0f))?;
                (long.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
            }
            _ => return None,
        };
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((kind, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        let read = |kind, text| instant(kind, text).map(|at| at.to_string());
        assert_eq!(read(UTC_TIME, "261129120000Z").as_deref(), Some("2026-11-29T12:00:00Z"));
        assert_eq!(read(UTC_TIME, "991231235959Z").as_deref(), Some("1999-12-31T23:59:59Z"));
        assert_eq!(read(GENERALIZED_TIME, "20501129120000Z").as_deref(), Some("2050-11-29T12:00:00Z"));
        for (kind, text) in [
            (UTC_TIME, "2611291200Z"),
            (UTC_TIME, "261129120000"),
            (UTC_TIME, "261329120000Z"),
            (UTC_TIME, "26112912000éZ"),
            (UTC_TIME, "20501129120000Z"),
            (GENERALIZED_TIME, "261129120000Z"),
            (INTEGER, "261129120000Z"),
        ] {
            assert_eq!(read(kind, text), None, "{text}");
        }
    }

    #[test]
    fn what_is_cut_off_or_no_certificate_has_no_end() {
        let made = [&[0x30, 0x1e, 0x30, 0x1c, 0x02, 0x01, 0x01, 0x30, 0, 0x30, 0, 0x30, 0x13][..], &[5, 0]];
        let made = [&made.concat()[..], &[UTC_TIME, 13], b"261129120000Z", &[0, 0]].concat();
        assert!(end_of(&made).is_some());
        for length in 0..made.len() - 2 {
            assert_eq!(end_of(&made[..length]), None, "{length} bytes");
        }
        for bytes in
            [&[0x30, 0x80, 0x30][..], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x83, 0xff, 0xff, 0xff]]
        {
            assert_eq!(end_of(bytes), None);
        }
    }
}
