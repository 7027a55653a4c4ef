//! Instants as people write and read them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

use super::error::CommandError;
use crate::duration;
use crate::schedule::Zone;

const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// Reads an instant: seconds since 1970-01-01 00:00 UTC, a time with its offset (`2026-03-29T02:00+01:00`), or
/// a time or a date by the zone's wall clock.
///
/// # Errors
/// When it is none of these.
pub(super) fn read(text: &str, zone: &Zone) -> Result<i64, CommandError> {
    let by_wall_clock = || {
        let wall = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(Date::into))?;
        zone.rules().to_timestamp(wall).map(Timestamp::as_second)
    };
    let instant = text.parse::<i64>().ok();
    let instant = instant.or_else(|| Some(text.parse::<Timestamp>().ok()?.as_second()));
    instant.or_else(|| by_wall_clock().ok()).ok_or_else(|| {
        let text = text.escape_debug();
        CommandError::Usage(format!(
            "`{text}` is no instant: give seconds since 1970, or such as 2026-03-29T02:00"
        ))
    })
}

/// An instant by the zone's wall clock, with its weekday and offset.
pub(super) fn show(instant: i64, zone: &Zone) -> String {
    let Ok(timestamp) = Timestamp::from_second(instant) else { return format!("second {instant}") };
    let seconds = if instant.rem_euclid(60) == 0 { "" } else { ":%S" };
    let form = format!("%a %Y-%m-%d %H:%M{seconds} %:z");
    timestamp.to_zoned(zone.rules().clone()).strftime(&form).to_string()
}

/// How long it is from an instant to another, as exactly as one wants to know.
pub(super) fn until(from: i64, to: i64) -> String {
    let seconds = to.saturating_sub(from).max(0).cast_unsigned();
    let rough = match seconds {
        0..HOUR => seconds,
        HOUR..DAY => seconds / 60 * 60,
        _ => seconds / HOUR * HOUR,
    };
    duration::show(Duration::from_secs(rough)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_in_every_usual_form() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let forms = ["1774746000", "2026-03-29T01:00:00Z", "2026-03-29T03:00+02:00", "2026-03-29 03:00"];
        for text in forms {
            assert_eq!(read(text, &berlin).unwrap(), 1_774_746_000, "{text}");
        }
        assert_eq!(read("2026-03-29", &berlin).unwrap(), 1_774_738_800);
        assert_eq!(read("tomorrow", &berlin).unwrap_err().code(), 2);
    }

    #[test]
    fn an_instant_is_shown_with_what_tells_it_from_another() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        assert_eq!(show(1_774_746_000, &berlin), "Sun 2026-03-29 03:00 +02:00");
        assert_eq!(show(1_774_746_007, &Zone::utc()), "Sun 2026-03-29 01:00:07 +00:00");
    }

    #[test]
    fn the_further_away_the_rougher() {
        assert_eq!(until(0, 59), "59s");
        assert_eq!(until(0, 3_725), "1h2m");
        assert_eq!(until(0, 2 * 86_400 + 3_725), "2d1h");
        assert_eq!(until(5, 0), "0s");
    }
}
