//! The protocol that clients speak: one file per endpoint.

pub mod lease;
