//! What this process may do that not every user may, as the kernel says (capabilities(7)).

use std::fs;

/// A right of root's that a container may be without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// To take on any group (`CAP_SETGID`).
    AnyGroup = 6,
    /// To become any user (`CAP_SETUID`).
    AnyUser = 7,
}

/// Whether this process has a right. Where there is no `/proc`, root is taken to have them all.
pub fn has(right: Right) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective(&status).map_or_else(|| nix::unistd::geteuid().is_root(), |all| all >> right as u32 & 1 == 1)
}

/// The rights in force, a bit each (`proc_pid_status(5)`).
fn effective(status: &str) -> Option<u64> {
    let bits = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(bits.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rights_in_force_are_read_from_among_the_others() {
        let status =
            "Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t00000000000000e0\n";
        let all = effective(status).unwrap();
        assert_eq!((all >> Right::AnyGroup as u32 & 1, all >> Right::AnyUser as u32 & 1), (1, 1));
        assert_eq!(all, 1 << 5 | 1 << 6 | 1 << 7);
        assert_eq!(effective("Name:\tx\n"), None);
    }

    #[test]
    fn who_is_no_root_has_none() {
        if !nix::unistd::geteuid().is_root() {
            assert!(!has(Right::AnyUser) && !has(Right::AnyGroup));
        }
    }
}
