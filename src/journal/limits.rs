//! How large a journal may become, and when it is compacted before it is that large.

/// No more requests are accepted when the journal has grown to this, in bytes.
pub const LARGEST: u64 = 1 << 30;
/// How much a journal grows, besides doubling, before it is compacted, in bytes.
pub const GROWTH: u64 = 1 << 20;

/// The sizes that a journal goes by, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At this size no more requests are accepted. What is about those that were is written all the same.
    pub largest: u64,
    /// It grows by this much at least before it is compacted again.
    pub growth: u64,
}

impl Default for Limits {
    /// [`LARGEST`] and [`GROWTH`].
    fn default() -> Self {
        Self { largest: LARGEST, growth: GROWTH }
    }
}

impl Limits {
    /// The size at which a journal is compacted that had `size` bytes after the last time: when it has doubled, but
    /// before it has taken more than half of what is left up to the largest size.
    pub(super) fn due_after(&self, size: u64) -> u64 {
        let left = self.largest.saturating_sub(size);
        size + (size + self.growth).min((left / 2).max(self.growth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_compacted_before_it_is_full_however_large_it_was_after_the_last_time() {
        let limits = Limits::default();
        assert_eq!(limits.due_after(100), 200 + GROWTH, "it doubles");
        for size in (0..1022).map(|mebibytes| mebibytes << 20) {
            let due = limits.due_after(size);
            assert!(due > size && due < LARGEST, "{size} is due at {due}");
        }
    }
}
