//! Lamplighter.
pub mod names;
pub mod settings;
