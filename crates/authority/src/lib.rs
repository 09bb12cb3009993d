//! The publisher's authority: mints product keys, certifies hosts, counts MAKs, signs catalogues, revokes.
//!
//! One data directory is one publisher.
//! The command line and the server do the same acts through the same functions: load, decide, store and audit, in one
//! transaction; then sign and answer.

// What people and programs meet.
pub mod api;
pub mod commands;
pub mod output;
pub mod routes;

// The acts.
pub mod certify;
pub mod exchange;
pub mod issuer;
pub mod mak;
pub mod mint;
pub mod pack;
pub mod revoke;
pub mod time_reset;

// What they need.
pub mod attempts;
pub mod authority;
pub mod caller;
pub mod catalogue_toml;
pub mod data_dir;
pub mod error;
pub mod keyfile;
pub mod lookup;
pub mod passphrase;
pub mod store;
pub mod tags;
