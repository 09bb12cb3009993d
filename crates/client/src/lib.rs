//! The client of Keymuster: a product links it, asks it whether it may run, and lets it keep its licence.
//!
//! It blocks, brings few dependencies, and starts no thread but the one of [`Client::keep_alive`].
//! What is held stays valid to its end, whatever a network, a host or an authority says or fails to say.
//!
//! ```no_run
//! use keymuster_client::{Client, Error, Product};
//!
//! # fn main() -> Result<(), Error> {
//! # fn ask_for_activation(_: &str) {}
//! let product = Product::new(
//!     include_str!("../examples/aurora.trust"),
//!     include_bytes!("../examples/aurora.pack"),
//!     "desk-pro-2026",
//! )?;
//! let client = Client::open(product)?;
//! let _renewal = client.keep_alive();
//! if !client.status().state.may_run() {
//!     ask_for_activation(&client.status().state.to_string());
//! }
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

// What a product and a machine say.
mod env;
mod product;
mod settings;

// What is held, and what may be told to do.
mod client;
mod contact;
mod keep_alive;
mod opening;
mod status;

// One attempt: request, hosts in turn, answer, outcome.
mod answer;
mod discovery;
mod outcome;
mod request;
mod route;
mod transport;

// What is kept.
mod record;
mod store;

mod error;

pub use client::Client;
pub use env::Env;
pub use error::{Error, Refused};
pub use keep_alive::KeepAlive;
pub use keymuster_core::codes::Code;
pub use keymuster_core::state::State;
pub use keymuster_core::time::Timestamp;
pub use product::Product;
pub use settings::{HOST_PORT, HostAddress, Settings, Timeouts};
pub use status::{HeldLease, KnownHost, LastRefusal, Notice, Status, Tried, Way};
