//! What the host and the authority share: the edge that faces the network, errors as HTTP, the database, files and logs.
//!
//! Nothing in here knows a product, a lease or a key; whatever decides anything about them lives in `keymuster-core`.
#![warn(missing_docs)]

// The templates are compiled in the programs as well, and name this crate by its name.
extern crate self as keymuster_service;

// Facing the network.
pub mod edge;
pub mod health;
pub mod problem;
pub mod stop;

// Facing administrators.
pub mod console;

// Facing the machine.
pub mod database;
pub mod env;
pub mod exit;
pub mod files;
pub mod logs;
pub mod nearest;
pub mod notify;
pub mod table;
pub mod unit;

pub use env::Env;
pub use problem::Problem;
pub use stop::Stop;
