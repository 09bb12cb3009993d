//! The customer's server: activates the machines around it on the strength of entitlements, and keeps the ledger.
//!
//! A request, end to end: [`routes`] → [`api::lease`] (parse and verify) → [`engine`] (queue, one transaction for all that
//! wait: load, decide, store) → commit → sign → answer.

// What a host holds.
pub mod backup;
pub mod choices;
pub mod configuration;
pub mod identity;
pub mod pack;
pub mod settings;
pub mod site;
pub mod standing;
pub mod store;
pub mod tls;

// What it does.
pub mod certify;
pub mod dns;
pub mod doctor;
pub mod engine;
pub mod exchange;
pub mod forecast;
pub mod glance;
pub mod listening;
pub mod mirror;
pub mod outgoing;
pub mod proof;
pub mod pruning;
pub mod serving;
pub mod windows;

// How clients reach it.
pub mod api;
pub mod routes;

// How administrators reach it.
pub mod acts;
pub mod admin_api;
pub mod administration;
pub mod commands;
pub mod lookout;
pub mod metrics;
pub mod pages;
pub mod views;
