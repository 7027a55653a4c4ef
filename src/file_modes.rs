//! No file that gives whoever runs it another user's rights: a filter of system calls for a supervisor and all that it
//! starts, which nothing takes off again (`seccomp(2)`).
//!
//! Root in the container of an application could otherwise leave a program of root's in a folder that the machine sees,
//! where anybody who has a shell there could run it. A mount's `nosuid` holds in the container alone.

use std::collections::BTreeMap;
use std::ffi::OsString;

use nix::libc;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Set to 1, it asks for the filter; to 0 or nothing, for none.
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

/// A call, the place of the mode among its arguments, and of the flags that say whether that counts.
type CallWithMode = (i64, u8, Option<u8>);

/// The calls that give a file its mode. `mkdir` and `mkdirat` are not among them: no kernel takes these bits from them.
const CALLS: &[CallWithMode] = &[
    (libc::SYS_fchmod, 1, None),
    (libc::SYS_fchmodat, 2, None),
    (libc::SYS_mknodat, 2, None),
    (libc::SYS_openat, 3, Some(2)),
];
/// Those that only older machines have.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[CallWithMode] = &[
    (libc::SYS_chmod, 1, None),
    (libc::SYS_creat, 1, None),
    (libc::SYS_mknod, 1, None),
    (libc::SYS_open, 2, Some(1)),
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[CallWithMode] = &[];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum FileModesError {
    /// The variable means nothing.
    #[error("{VARIABLE} is `{0}`: set it to 1, or to 0 to go without")]
    Value(String),
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
    if !is_asked_for(std::env::var_os(VARIABLE))? {
        return Ok(());
    }
    for (rules, errno) in [(with_modes()?, libc::EPERM), (unseen(), libc::ENOSYS)] {
        seccompiler::apply_filter(&program(rules, errno)?)?;
    }
    Ok(())
}

/// What is not understood is no wish to go without.
fn is_asked_for(value: Option<OsString>) -> Result<bool, FileModesError> {
    match value.unwrap_or_default().to_string_lossy().as_ref() {
        "" | "0" => Ok(false),
        "1" => Ok(true),
        other => Err(FileModesError::Value(other.to_owned())),
    }
}

/// Answers what the rules match with this error, and lets all else pass. Calls of another machine's end the process.
fn program(rules: Rules, errno: i32) -> Result<BpfProgram, BackendError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno.unsigned_abs()), arch)?
        .try_into()
}

/// Those calls, when one of the bits is in the mode.
fn with_modes() -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    for &(call, mode, flags) in CALLS.iter().chain(OLD_CALLS) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_no_wish_to_go_without() {
        let asked = |value: Option<&str>| is_asked_for(value.map(OsString::from));
        for (value, is_asked) in [(None, false), (Some(""), false), (Some("0"), false), (Some("1"), true)] {
            assert_eq!(asked(value).unwrap(), is_asked, "{value:?}");
        }
        for value in ["yes", "true", "01", " 1"] {
            let said = asked(Some(value)).unwrap_err().to_string();
            assert_eq!(
                said,
                format!("LAMPLIGHTER_NO_SETUID_FILES is `{value}`: set it to 1, or to 0 to go without")
            );
        }
    }
}
