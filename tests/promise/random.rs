//! Choices that can be repeated.

use std::time::Duration;

/// A source of choices. The same seed makes the same ones (`SplitMix64`; Steele, Lea and Flood, 2014).
pub(crate) struct Random(u64);

impl Random {
    /// From `LAMPLIGHTER_SEED`, or from nowhere; the seed is printed.
    pub(crate) fn new() -> Self {
        let given = std::env::var("LAMPLIGHTER_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| getrandom::u64().expect("the kernel's randomness") >> 32);
        eprintln!("LAMPLIGHTER_SEED={seed} makes the same choices again");
        Self(seed)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).expect("a number of 63 bits") % end
    }

    /// True once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Less than this long.
    pub(crate) fn shorter_than(&mut self, limit: Duration) -> Duration {
        let micros = usize::try_from(limit.as_micros()).expect("a short time").max(1);
        Duration::from_micros(self.below(micros) as u64)
    }
}
