//! Listeners: the bash processes that have read the callbacks and wait on stdin for one request each.
//!
//! [`pool`] decides how many there are and which one is next (pure); [`process`] starts them and takes what
//! they say.

pub mod capture;
pub mod pool;
pub mod process;
