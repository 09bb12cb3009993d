//! The host in DNS: publishing its SRV records by signed dynamic updates (RFC 2136, RFC 8945), and checking what is there.
//!
//! Several hosts share one record set, so nobody here ever deletes a set: a host's own records are those with its own
//! target, and it enters, replaces and removes these alone.

mod authority;
mod compare;
mod exchange;
mod follow;
mod keep;
mod key;
mod look;
mod name;
mod own;
mod paste;
mod publish;

use std::net::{IpAddr, SocketAddr};

use keymuster_core::id::NotAnId;

pub use authority::primary;
pub use compare::{Compared, Comparison, Own, Standing, compare};
pub use follow::{addresses, keep_as_set, port, publication, zones};
pub use keep::{Kept, Progress, keep_published};
pub use key::TsigKey;
pub use look::{SrvRecord, look, look_at, system_servers};
pub use name::DnsName;
pub use own::{ADDRESSES_MAX, is_reachable, own_addresses};
pub use paste::{Form, Plan, paste};
pub use publish::{Change, Entry, Published, publish, withdraw};

/// Seconds that others may keep a record which nobody has given another time: a host that moves is found within the hour.
pub const TTL_SECS: u32 = 3600;
/// Clients try hosts with the smallest number first.
pub const PRIORITY: u16 = 0;
/// A host's share among those of its priority. Where all have 0, clients take them in the order of the answer.
pub const WEIGHT: u16 = 0;

/// What a host wants to be in DNS, and by whose leave.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The domains whose clients shall find the host.
    pub zones: Vec<Zone>,
    /// Where clients reach the host.
    pub port: u16,
    /// The host's own name. Records with this target are its own, whatever else they say.
    pub target: DnsName,
    /// Addresses to publish for the target; none where others look after them.
    pub addresses: Vec<IpAddr>,
    /// The server that takes changes of all the zones; where none is named, each zone's primary server is asked for it.
    pub server: Option<SocketAddr>,
    /// By whose leave.
    pub tsig: TsigKey,
    /// Whether a host that is stopped takes its records with it.
    pub is_removed_on_stop: bool,
}

/// A domain whose clients shall find the host, and how eagerly they take it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone {
    /// The domain; it need not be a zone of its own.
    pub name: DnsName,
    /// See [`PRIORITY`].
    pub priority: u16,
    /// See [`WEIGHT`].
    pub weight: u16,
}

impl Zone {
    /// `NAME`, or `NAME:PRIORITY`, or `NAME:PRIORITY:WEIGHT`; what is not said is as in `others`.
    pub fn parse(text: &str, others: (u16, u16)) -> Result<Zone, NotAnId> {
        let wrong = |_| NotAnId { expected: "a domain, or a domain with priority and weight: example.com:0:10" };
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default().parse()?;
        let mut number = |other| parts.next().map_or(Ok(other), |part| part.parse().map_err(wrong));
        let (priority, weight) = (number(others.0)?, number(others.1)?);
        match parts.next() {
            Some(_) => Err(NotAnId { expected: "a domain, a priority and a weight, and nothing more" }),
            None => Ok(Zone { name, priority, weight }),
        }
    }

    /// The record that a host with this target and port has in the zone.
    pub fn record(&self, target: &DnsName, port: u16) -> SrvRecord {
        SrvRecord { priority: self.priority, weight: self.weight, port, target: target.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read() {
        for (text, expected) in [
            ("Example.com.", Some(("example.com", 0, 7))),
            ("eu.example.com:5", Some(("eu.example.com", 5, 7))),
            ("eu.example.com:5:65535", Some(("eu.example.com", 5, 65535))),
            ("eu.example.com::", None),
            ("eu.example.com:5:6:7", None),
            ("eu.example.com:65536", None),
            ("eu example.com", None),
            ("", None),
        ] {
            let found = Zone::parse(text, (0, 7)).ok();
            let expected = expected.map(|(name, priority, weight)| {
                let name = name.parse().unwrap();
                Zone { name, priority, weight }
            });
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
