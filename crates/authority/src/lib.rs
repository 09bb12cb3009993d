//! The publisher's authority: mints product keys, certifies hosts, counts MAKs, signs catalogues, revokes.
//!
//! One data directory is one publisher.
//! The command line and the server do the same acts through the same functions: load, decide, store and audit, in one
//! transaction; then sign and answer.

// How hosts and clients reach it.
pub mod api;
pub mod routes;

// What it answers them.
pub mod certificates;
pub mod certify;
pub mod exchange;
pub mod issuer;
pub mod mak;
pub mod pack;
pub mod refused;
pub mod time_reset;

// How administrators reach it.
pub mod acts;
pub mod admin_api;
pub mod administration;
pub mod commands;
pub mod metrics;
pub mod output;
pub mod pages;
pub mod views;

// What they need.
pub mod attempts;
pub mod authority;
pub mod backup;
pub mod caller;
pub mod catalogue_toml;
pub mod configuration;
pub mod data_dir;
pub mod doctor;
pub mod error;
pub mod keyfile;
pub mod lookup;
pub mod passphrase;
pub mod store;
pub mod tags;
