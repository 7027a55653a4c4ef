//! Listeners: the bash processes that have read the callbacks and wait on stdin for one request each.
//!
//! [`pool`] decides how many there are and which one is next (pure); [`process`] starts them and takes what
//! they say, and [`fork`] is for those that another one forks.

pub mod capture;
pub mod fork;
pub mod forkable;
pub mod pool;
pub mod process;
