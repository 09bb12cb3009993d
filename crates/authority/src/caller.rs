//! Who asks, and when: taken once per request or command, and used for the row, the answer and the audit entry.

use std::fmt;
use std::net::IpAddr;

use keymuster_core::time::Timestamp;
use keymuster_service::console::By;
use keymuster_service::console::permission::Needs;

/// The context of one act.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who asks.
    pub actor: Actor,
    /// When.
    pub now: Timestamp,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// Somebody with an account, of the console or of this machine, as the audit names them.
    Person(String),
    /// Somebody at this address.
    Network(IpAddr),
}

impl<P: Needs> From<&By<P>> for Caller {
    fn from(by: &By<P>) -> Caller {
        Caller { actor: Actor::Person(by.actor().to_owned()), now: by.at() }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Actor::Person(name) => f.write_str(name),
            Actor::Network(address) => write!(f, "network {address}"),
        }
    }
}
