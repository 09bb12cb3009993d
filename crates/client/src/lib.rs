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
mod machine;
mod product;
mod settings;

// What is held, and what may be told to do.
mod check;
mod client;
mod contact;
#[doc(hidden)]
pub mod examination;
mod keep_alive;
mod opening;
mod rearm;
mod reminder;
mod removal;
mod status;
mod time_reset;

// One attempt: request, hosts in turn, answer, outcome.
mod answer;
mod discovery;
mod outcome;
mod request;
mod route;
mod tls;
mod tolerance;
mod transport;

// What is kept.
mod record;
mod store;
#[cfg(windows)]
mod windows;

mod error;

pub use check::{Check, CheckedHost, HostReport};
pub use client::Client;
pub use env::Env;
pub use error::{Error, Refused};
pub use keep_alive::KeepAlive;
pub use keymuster_core::codes::Code;
pub use keymuster_core::state::State;
pub use keymuster_core::time::Timestamp;
pub use product::Product;
pub use reminder::Reminder;
pub use settings::{
    EffectiveSetting, Environment, HOST_PORT, HostAddress, Setting, SettingFault, SettingScope, SettingSource,
    SettingValue, Settings, SettingsFile, Timeouts, Ways,
};
pub use status::{HeldLease, HelpUrl, KnownHost, LastRefusal, Notice, Status, Tried, Via, Way};

/// Connections over TLS for the command of this project, which asks hosts for more than licences; no part of the library's
/// face.
#[doc(hidden)]
pub mod secured {
    pub use crate::tls::{Failure, Ready, Whom, connect};
}

#[doc(hidden)]
pub mod naming;

/// The parsers of bytes from outside that are no part of the library's face, for the fuzz targets alone.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod outside {
    /// A name server's reply.
    pub fn dns_reply(bytes: &[u8]) {
        let _ = crate::discovery::read_dns_reply(bytes);
    }

    /// The files in which other programs of the machine name its domains.
    pub fn domains(bytes: &[u8]) {
        crate::discovery::read_domains(bytes);
    }

    /// A host's problem details.
    pub fn problem(bytes: &[u8]) {
        let _ = crate::transport::problem("host", bytes, None);
    }

    /// A token file.
    pub fn token(bytes: &[u8]) {
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        if let Ok(token) = text.parse::<keymuster_core::client_token::ClientToken>() {
            let again: keymuster_core::client_token::ClientToken =
                token.to_string().parse().expect("what was written can be read");
            assert_eq!(again.to_string(), token.to_string(), "there is one form of a token");
        }
    }

    /// The settings file of a machine.
    pub fn settings(bytes: &[u8]) {
        crate::settings::read_settings_file(bytes);
    }

    /// The content of a state file, its hash aside.
    pub fn state(bytes: &[u8]) {
        if let Ok(record) = minicbor::decode::<crate::record::Record>(bytes) {
            let again = minicbor::to_vec(&record).expect("writing to a vector cannot fail");
            minicbor::decode::<crate::record::Record>(&again).expect("what was written can be read");
            let _ = record.mark.mark();
            let _ = record.pending.as_ref().map(|pending| pending.signed());
        }
    }
}
