//! The request socket: who connects, what they say line by line, and what they are told.
//!
//! It knows lines, limits and time; what a line means is [`protocol`]'s, what is done about it the
//! [`Handler`]'s. [`client`] is the other end of it.

pub mod client;
mod connection;
pub mod lines;
pub mod protocol;
mod server;

pub use server::{Handler, Peer, serve};
