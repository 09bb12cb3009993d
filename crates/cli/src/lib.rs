//! What the command reads from outside besides what the client library reads: lists of machines.
//!
//! It is a library for the fuzz targets; the command itself is `main.rs`.
#![warn(missing_docs)]

pub mod list;
