//! How large backups were, one after the other: a small picture of bars.

use super::backups::Snapshot;
use super::page::Clock;
use super::picture::rounded;

/// How high and wide it is drawn, and how wide a bar is with its gap.
const HEIGHT: f64 = 60.0;
const BAR: f64 = 8.0;
const GAP: f64 = 2.0;

/// The picture of what is of one kind.
pub(super) struct Sizes {
    pub(super) name: &'static str,
    /// The same in words.
    pub(super) words: String,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) bars: Vec<Bar>,
}

/// One backup.
pub(super) struct Bar {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) height: f64,
    pub(super) title: String,
}

impl Sizes {
    /// Of these, which come the newest first, those of one kind from left to right; nothing where there are none that tell.
    pub(super) fn of(kind: &str, name: &'static str, snapshots: &[Snapshot], clock: &Clock) -> Option<Self> {
        let of_kind = snapshots.iter().rev().filter(|snapshot| snapshot.kind == kind);
        let sizes: Vec<_> = of_kind.filter_map(|one| Some((one.at, one.bytes?))).collect();
        let (oldest, newest) = (sizes.first()?, sizes.last()?);
        let most = sizes.iter().map(|(_, bytes)| *bytes).max()?.max(1);
        let words = format!(
            "from {} ({}) to {} ({})",
            in_words(oldest.1),
            clock.instant(oldest.0),
            in_words(newest.1),
            clock.instant(newest.0)
        );
        let bars = sizes.iter().zip(0_u32..).map(|((at, bytes), number)| {
            let height = rounded((HEIGHT * share(*bytes, most)).max(1.0));
            let title = format!("{}: {}", clock.instant(*at), in_words(*bytes));
            Bar { x: f64::from(number) * (BAR + GAP), y: rounded(HEIGHT - height), height, title }
        });
        let bars: Vec<Bar> = bars.collect();
        let width = bars.last().map_or(0.0, |last| last.x) + BAR;
        Some(Self { name, words, width, height: HEIGHT, bars })
    }
}

#[allow(clippy::cast_precision_loss, reason = "it becomes the height of a bar")]
fn share(bytes: u64, most: u64) -> f64 {
    bytes as f64 / most as f64
}

/// So many bytes as people say them: `1.2 GiB`.
#[allow(clippy::cast_precision_loss, reason = "two digits of it are shown")]
pub(super) fn in_words(bytes: u64) -> String {
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
        // What would be rounded to 1024 is one of the next unit.
        if size < 1023.95 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1024.0;
    }
    format!("{size:.1} PiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Zone;

    #[test]
    fn a_size_is_said_in_the_unit_that_tells_most() {
        for (bytes, words) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_288_490_189, "1.2 GiB"),
            (u64::MAX, "16384.0 PiB"),
        ] {
            assert_eq!(in_words(bytes), words);
        }
    }

    #[test]
    fn the_largest_bar_is_as_high_as_the_picture_and_the_newest_the_last() {
        let clock = Clock { zone: Zone::utc(), now: "2026-11-28T05:00:00Z".parse().unwrap() };
        let one = |kind: &str, at: &str, bytes| Snapshot {
            id: "x".to_owned(),
            kind: kind.to_owned(),
            at: at.parse().unwrap(),
            bytes,
            added: None,
        };
        let all = [
            one("files", "2026-11-28T04:00:00Z", Some(50)),
            one("database", "2026-11-28T04:00:00Z", Some(7)),
            one("files", "2026-11-27T04:00:00Z", None),
            one("files", "2026-11-26T04:00:00Z", Some(200)),
        ];
        let sizes = Sizes::of("files", "the site's files", &all, &clock).unwrap();
        let bars: Vec<_> = sizes.bars.iter().map(|bar| (bar.x, bar.y, bar.height)).collect();
        assert_eq!(bars, [(0.0, 0.0, 60.0), (10.0, 45.0, 15.0)]);
        assert_eq!(sizes.words, "from 200 B (2026-11-26 04:00:00) to 50 B (2026-11-28 04:00:00)");
        assert!(Sizes::of("physical", "", &all, &clock).is_none());
    }
}
