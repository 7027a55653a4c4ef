//! The one binary: a thin edge around the library.
fn main() {}
