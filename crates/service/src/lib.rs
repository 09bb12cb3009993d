//! What the host and the authority share: the edge that faces the network, errors as HTTP, the database, files and logs.
//!
//! Nothing in here knows a product, a lease or a key; whatever decides anything about them lives in `keymuster-core`.
#![warn(missing_docs)]

// The templates are compiled in the programs as well, and name this crate by its name.
extern crate self as keymuster_service;

// Facing the network.
pub mod acme;
pub mod edge;
pub mod health;
mod https;
pub mod metrics;
pub mod problem;
pub mod stop;
pub mod tls;

// Facing administrators.
pub mod console;

// Facing the machine.
pub mod backup;
pub mod config;
pub mod database;
pub mod doctor;
pub mod env;
pub mod exit;
pub mod files;
pub mod handed;
pub mod logs;
pub mod nearest;
pub mod notify;
pub mod papers;
pub mod sql;
pub mod table;
pub mod telemetry;
pub mod unit;

pub use env::Env;
pub use problem::Problem;
pub use stop::Stop;
