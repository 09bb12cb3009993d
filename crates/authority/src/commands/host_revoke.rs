//! `host revoke`: takes back a host with every entitlement it has; it makes room for another host.

use clap::Args;
use keymuster_core::id::{HostId, Label};

use super::{Site, revoked};
use crate::acts::revoke::Target;
use crate::error::Error;
use crate::output::Output;

/// The options of `host revoke`.
#[derive(Debug, Args)]
pub struct Options {
    /// The host's id, as `host list` shows it
    #[arg(value_name = "HOST")]
    host: HostId,
    /// Why, for the records
    #[arg(long, value_name = "TEXT")]
    reason: Label,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let words = format!("Host {} is revoked", self.host);
        revoked(site, &Target::Host(self.host), self.reason.as_str(), &words)
    }
}
