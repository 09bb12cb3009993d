//! What administrators look at, as typed values: the same for pages, the administration interface and commands.
//!
//! A view is loaded in one transaction that only reads. Times are seconds since 1970 in UTC.

pub mod audit;
pub mod client;
pub mod clients;
pub mod clones;
pub mod dns;
pub mod exchange;
pub mod keys;
pub mod overview;
pub mod pools;
pub mod products;
pub mod refusals;
pub mod settings;
pub mod status;
