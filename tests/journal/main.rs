//! The journal as the supervisor uses it: what is committed is there again, whatever happens in between.
#![allow(clippy::unwrap_used)]

mod entries;
mod restart;
