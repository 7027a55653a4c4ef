//! Signals as events: blocked for good at the start, then read from a descriptor one by one.
//!
//! What is blocked waits, so a signal that arrives before anybody asks is not lost. Left alone are those
//! that a fault of ours raises (SEGV and its like), which must end us, and KILL and STOP, which nobody can
//! hold. glibc keeps 32 and 33 for its threads and never lets them into a set.

use std::io;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use tokio::io::unix::AsyncFd;

/// A signal's number, 1 to 64. Not [`Signal`]: that has no real-time ones.
pub type Number = i32;

/// The signals that a fault of the process itself raises.
const FAULTS: [Signal; 7] = [
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGTRAP,
    Signal::SIGSYS,
    Signal::SIGABRT,
];

/// Blocks every signal that can be an event. Call it first, while there is one thread.
///
/// Dispositions are set to their defaults before: who started us may have ignored some, and with CHLD
/// ignored the kernel would bury the children itself.
pub fn block() -> io::Result<()> {
    crate::process::reset_dispositions();
    events().thread_block().map_err(Into::into)
}

fn events() -> SigSet {
    let mut set = SigSet::all();
    for fault in FAULTS {
        set.remove(fault);
    }
    set
}

/// The signals sent to this process, in the order in which the kernel hands them out.
#[derive(Debug)]
pub struct Signals {
    descriptor: AsyncFd<SignalFd>,
}

impl Signals {
    /// Opens the stream. Needs a tokio runtime, and [`block`] before it.
    pub fn open() -> io::Result<Self> {
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let descriptor = SignalFd::with_flags(&events(), flags)?;
        Ok(Self { descriptor: crate::process::watch_input(descriptor)? })
    }

    /// The next signal; waits until there is one.
    pub async fn next(&self) -> io::Result<Number> {
        loop {
            let mut ready = self.descriptor.readable().await?;
            match ready.get_inner().read_signal()? {
                Some(info) if is_our_own(&info) => {}
                Some(info) => return Ok(info.ssi_signo.cast_signed()),
                None => ready.clear_ready(),
            }
        }
    }
}

/// A write of ours met a closed pipe or socket, or the largest size that a file of ours may have. The write
/// told us; nobody sent us anything.
fn is_our_own(info: &siginfo) -> bool {
    let of_writes = [nix::libc::SIGPIPE, nix::libc::SIGXFSZ].map(i32::cast_unsigned);
    of_writes.contains(&info.ssi_signo) && info.ssi_pid == std::process::id()
}

/// A signal's usual name, such as `TERM`, or `RTMIN+3`, or its number.
pub fn name(number: Number) -> String {
    match (Signal::try_from(number), nix::libc::SIGRTMIN()) {
        (Ok(signal), _) => signal.as_str().trim_start_matches("SIG").to_owned(),
        (Err(_), first) if number >= first => format!("RTMIN+{}", number - first),
        _ => number.to_string(),
    }
}

/// The number of a signal given as `TERM`, `SIGTERM`, `RTMIN+3` or `15`.
pub fn number(text: &str) -> Option<Number> {
    let text = text.trim().to_ascii_uppercase();
    let text = text.strip_prefix("SIG").unwrap_or(&text);
    let number = if let Some(offset) = text.strip_prefix("RTMIN") {
        let offset = if offset.is_empty() { 0 } else { offset.strip_prefix('+')?.parse().ok()? };
        nix::libc::SIGRTMIN().checked_add(offset)?
    } else if let Ok(number) = text.parse() {
        number
    } else {
        format!("SIG{text}").parse::<Signal>().ok()? as Number
    };
    (1..=nix::libc::SIGRTMAX()).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_may_be_named_in_each_usual_way() {
        for (text, expected) in [("TERM", 15), ("SIGQUIT", 3), ("winch", 28), ("15", 15), ("RTMIN+3", 37)] {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        for text in ["", "NOPE", "0", "65", "-1", "RTMIN+99"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn every_signal_has_a_name_that_names_it() {
        for signal in 1..=64 {
            assert_eq!(number(&name(signal)), Some(signal), "{}", name(signal));
        }
    }
}
