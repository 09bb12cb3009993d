//! The pure heart of Keymuster: product keys, signed documents and the rules of volume activation.
//!
//! Nothing in here reads a clock, draws a random number, opens a file or a socket: time, ids and keys come in as values,
//! decisions go out as values.
//! Whatever arrives from outside is parsed once, into a type that cannot be wrong; no input makes this crate panic.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::expect_used))]
#![warn(missing_docs)]

// Values.
pub mod duration;
pub mod id;
pub mod signature;
pub mod time;

// Product keys.
pub mod key;
mod key_code;

// Codes: why something is refused or fails.
pub mod codes;
pub mod finding;
pub mod invalid;
pub mod refusal;

// Documents, and how they hang together.
pub mod activation;
pub mod bundle;
pub mod catalogue;
pub mod chain;
pub mod client_token;
pub mod document;
pub mod entitlement;
pub mod frames;
pub mod issuer;
pub mod lease;
pub mod report;
pub mod request;
pub mod revocation;
pub mod time_reset;
pub mod trust;

// Rules.
pub mod choice;
pub mod clock;
pub mod coverage;
pub mod exchange;
pub mod fingerprint;
pub mod grant;
pub mod ledger;
pub mod muster;
pub mod reminder;
pub mod seats;
pub mod state;
