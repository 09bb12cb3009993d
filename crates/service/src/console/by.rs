//! Who does something, when, and with which permission: what every administrative act takes.

use std::marker::PhantomData;

use keymuster_core::time::Timestamp;

use super::permission::Needs;

/// Somebody who has the permission `P`, at the time of the request.
#[derive(Clone, Debug)]
pub struct By<P> {
    actor: String,
    at: Timestamp,
    permission: PhantomData<P>,
}

impl<P: Needs> By<P> {
    /// Made by the extractors alone, after they have checked.
    pub(super) fn new(actor: String, at: Timestamp) -> By<P> {
        By { actor, at, permission: PhantomData }
    }

    /// The user at the command line, who may do what the system lets them do with the data directory; as the system names
    /// them, `SUDO_USER` where somebody became root by sudo.
    pub fn local_user(at: Timestamp) -> By<P> {
        let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
        By::new(format!("local user {}", name.as_deref().unwrap_or("unknown")), at)
    }

    /// The name for the audit.
    pub fn actor(&self) -> &str {
        &self.actor
    }

    /// The time of the act.
    pub fn at(&self) -> Timestamp {
        self.at
    }
}
