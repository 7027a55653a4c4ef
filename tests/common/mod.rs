//! A service in a folder of its own, under the real supervisor, in a few words:
//!
//! ```ignore
//! let service = Service::new().callbacks("CB_greet() { echo hello $1; }").start();
//! let run = service.run("greet");
//! assert_eq!((run.outcome.as_str(), run.output.as_str()), ("succeeded", "hello root\n"));
//! service.term();
//! assert_eq!(service.exit(), 143);
//! ```
//!
//! Whatever is waited for is a condition, with a deadline that only a failure meets. A test that fails shows
//! the log; a test that ends, however it ends, leaves no process behind.
// Each test file is a crate of its own, which uses a part of this; `pub` is what it may use.
#![allow(dead_code, unused_imports, unreachable_pub)]

mod client;
mod log;
mod running;
mod service;
pub mod stranger;

use std::time::{Duration, Instant};

pub use client::Client;
pub use log::Log;
pub use running::{Run, Running, accepted, is_alive, send};
pub use service::{Service, lamplighter};

/// What has not happened after this long is not going to, on the slowest machine that builds this.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// For what nobody tells of when it happens.
const GLANCE: Duration = Duration::from_millis(5);

/// Waits until `look` finds something. For files and processes; what the log tells is waited for there.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::sleep(GLANCE);
    }
}

/// Whether these tests may do what only root may.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Starts a program as an ordinary user, who has none of root's rights.
pub fn as_user(uid: &str) -> [&str; 8] {
    ["setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "--bounding-set=-all", "--"]
}

/// Starts a program as root with so few of root's rights: to become another user, and to signal one.
pub const AS_ROOT_WITH_THREE_RIGHTS: [&str; 4] =
    ["setpriv", "--bounding-set=-all,+setuid,+setgid,+kill", "--inh-caps=-all", "--"];

/// Says why a test shows nothing here. Under CI there is no such excuse.
pub fn skip(why: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci.is_empty()),
        "under CI this must not be skipped: {why}"
    );
    eprintln!("SKIPPED: {why}");
}
