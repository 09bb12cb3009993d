//! What administrators do: one function per act, the same for commands, pages and the administration interface.
//!
//! An act takes a [`By`](keymuster_service::console::By) with the permission it needs, and writes its entry in the audit in
//! the transaction that does it.

pub mod activation;
pub mod client;
pub mod dns;
pub mod exchange;
pub mod keys;
pub mod packs;
pub mod seat;
pub mod settings;
