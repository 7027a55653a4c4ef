//! No file that gives whoever runs it another user's rights: a filter of system calls for a supervisor and all that it
//! starts, which nothing takes off again (`seccomp(2)`).
//!
//! Root in the container of an application could otherwise leave a program of root's in a folder that the machine sees,
//! where anybody who has a shell there could run it. A mount's `nosuid` holds in the container alone.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Set to 1, it asks for the filter.
const VARIABLE: &str = "LAMPLIGHTER_NO_SETUID_FILES";
/// The bits of a mode that do it: its owner's rights, its group's.
const BITS: [u32; 2] = [libc::S_ISUID, libc::S_ISGID];
/// What makes `open` create a file: by its name, or without one (all bits of `O_TMPFILE` but `O_DIRECTORY`, which is
/// asked of it anyway).
const CREATING: [i32; 2] = [libc::O_CREAT, libc::O_TMPFILE & !libc::O_DIRECTORY];
/// Calls whose mode lies in memory, where no filter looks, or that come in by a ring: programs that get "not implemented"
/// for an answer do without. `io_uring_setup`, `openat2`, `fchmodat2`; the numbers are those of all machines.
const UNSEEN: [i64; 3] = [425, 437, 452];
/// Another way to give the same numbers on x86-64 (`x32`).
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum FileModesError {
    /// It could not be made.
    #[error("{VARIABLE}: the filter of system calls cannot be made: {0}")]
    Filter(#[from] BackendError),
    /// The kernel does not take it.
    #[error("{VARIABLE}: the kernel takes no filter of system calls: {0}")]
    Kernel(#[from] seccompiler::Error),
}

/// Puts the filter on this thread and what it will start, where the environment asks for it. To be called before there are
/// other threads.
///
/// # Errors
/// When it cannot be had: what was asked for is not done without.
pub fn restrict() -> Result<(), FileModesError> {
    if std::env::var_os(VARIABLE).is_none_or(|value| value != "1") {
        return Ok(());
    }
    for (rules, errno) in [(with_modes()?, libc::EPERM), (unseen(), libc::ENOSYS)] {
        seccompiler::apply_filter(&program(rules, errno)?)?;
    }
    Ok(())
}

/// Answers what the rules match with this error, and lets all else pass. Calls of another machine's end the process.
fn program(rules: Rules, errno: i32) -> Result<BpfProgram, BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()), arch)?
        .try_into()
}

/// The calls that give a file its mode, when one of the bits is in it.
fn with_modes() -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    // The place of the mode among the arguments; and of the flags that say whether it counts.
    let mut calls: Vec<(i64, u8, Option<u8>)> = vec![
        (libc::SYS_fchmod, 1, None),
        (libc::SYS_fchmodat, 2, None),
        (libc::SYS_mknodat, 2, None),
        (libc::SYS_openat, 3, Some(2)),
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        (libc::SYS_chmod, 1, None),
        (libc::SYS_creat, 1, None),
        (libc::SYS_mknod, 1, None),
        (libc::SYS_open, 2, Some(1)),
    ]);
    for (call, mode, flags) in calls {
        let mut matching = Vec::new();
        for bit in BITS {
            let has_bit = has(mode, bit)?;
            match flags {
                None => matching.push(SeccompRule::new(vec![has_bit])?),
                Some(flags) => {
                    for flag in CREATING {
                        matching
                            .push(SeccompRule::new(vec![has_bit.clone(), has(flags, flag.unsigned_abs())?])?);
                    }
                }
            }
        }
        for number in numbers(call) {
            rules.insert(number, matching.clone());
        }
    }
    Ok(rules)
}

fn unseen() -> Rules {
    UNSEEN.into_iter().flat_map(numbers).map(|number| (number, Vec::new())).collect()
}

/// The numbers that mean this call.
fn numbers(call: i64) -> Vec<i64> {
    #[cfg(target_arch = "x86_64")]
    return vec![call, call | X32];
    #[cfg(not(target_arch = "x86_64"))]
    vec![call]
}

fn has(argument: u8, bits: u32) -> Result<SeccompCondition, BackendError> {
    let bits = u64::from(bits);
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(bits), bits)
}
