//! The ledger recomputed from its first entry on, and everything that leans on it compared (`docs/spec/ledger.md`, 5).
//!
//! It reads one state of the database in one transaction and writes nothing, so a server goes on beside it. What is found
//! first is told, as whatever follows a wrong entry is wrong for that reason.

mod clients;
mod entries;
mod seats;

use std::fmt;

use keymuster_core::codes;
use keymuster_core::id::to_hex;
use keymuster_core::ledger::Head;
use keymuster_core::signature::SecretKey;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::exit::Coded;
use keymuster_service::sql::{self, Transaction};
use serde::Serialize;

use self::clients::Holders;
use self::entries::Played;
use self::seats::Seats;
use crate::mirror::{Compared, Mirrored};
use crate::site::Site;
use crate::store;

/// What the ledger is compared with, beside the database.
#[derive(Debug)]
pub struct Held<'a> {
    /// The key that leases are signed with, where it can be read.
    pub key: Option<&'a SecretKey>,
    /// The mirror of the head, where there is one.
    pub mirror: Option<&'a Mirrored>,
    /// When it is.
    pub now: Timestamp,
}

/// What was recomputed.
#[derive(Debug, Default, Serialize)]
pub struct Proof {
    /// Whose ledger.
    pub host: String,
    /// The newest entry that was pruned; 0 where the ledger is whole from its beginning.
    pub pruned: u64,
    /// Entries that follow from one another.
    pub entries: u64,
    /// Leases among them.
    pub leases: u64,
    /// Releases among them.
    pub releases: u64,
    /// The epoch.
    pub epoch: u64,
    /// The newest entry.
    pub sequence: u64,
    /// The running hash behind it.
    pub head: String,
    /// Clients and editions whose rows agree with their entries.
    pub clients: u64,
    /// Seats that are held now, by the ledger.
    pub seats: u64,
    /// Leases that were signed anew as they were signed, and verified; none where the key cannot be read.
    pub signatures: Option<u64>,
    /// The newest entry that the mirror of the head confirms; none where there is no mirror.
    pub mirrored: Option<u64>,
}

/// The first thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Wrong {
    /// The entry, where it is one.
    pub entry: Option<u64>,
    /// The client, where it is about one.
    pub client: Option<String>,
    /// What is wrong.
    pub why: String,
}

impl Wrong {
    fn entry(sequence: u64, why: impl Into<String>) -> Stopped {
        Stopped::Wrong(Wrong { entry: Some(sequence), client: None, why: why.into() })
    }

    fn client(client: impl ToString, entry: Option<u64>, why: impl Into<String>) -> Stopped {
        Stopped::Wrong(Wrong { entry, client: Some(client.to_string()), why: why.into() })
    }

    fn host(why: impl Into<String>) -> Stopped {
        Stopped::Wrong(Wrong { entry: None, client: None, why: why.into() })
    }

    /// As a refusal of the command.
    pub fn coded(&self) -> Coded {
        Coded { code: &codes::LEDGER_CONTRADICTS, detail: self.to_string() }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.entry, &self.client) {
            (Some(entry), None) => write!(f, "entry {entry} of the ledger: {}", self.why),
            (Some(entry), Some(client)) => write!(f, "client {client}, entry {entry} of the ledger: {}", self.why),
            (None, Some(client)) => write!(f, "client {client}: {}", self.why),
            (None, None) => f.write_str(&self.why),
        }
    }
}

/// Why it was not proved.
#[derive(Debug)]
pub enum Stopped {
    /// It is wrong.
    Wrong(Wrong),
    /// It cannot be read.
    Failure(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Stopped {
        Stopped::Failure(failure)
    }
}

impl From<sql::Error> for Stopped {
    fn from(error: sql::Error) -> Stopped {
        Stopped::Failure(error.into())
    }
}

/// Recomputes everything. `tell` hears now and then how much was looked at, of how much.
pub fn prove(
    tx: &Transaction<'_>,
    site: &Site,
    held: &Held<'_>,
    tell: &mut dyn FnMut(&str, u64, u64),
) -> Result<Proof, Stopped> {
    let mut proof = Proof { host: site.host.to_string(), epoch: site.epoch, ..Proof::default() };
    if let Some(key) = held.key {
        let mut granted = site.publishers.iter().flat_map(|publisher| &publisher.entitlements);
        if granted.any(|granted| granted.entitlement.host_key != key.public()) {
            return Err(Wrong::host("the host's key is not the one that its entitlements name"));
        }
    }
    let mut played = Played { seats: Seats::new(tx, site), holders: Holders::new(site) };
    let head = entries::prove(tx, site, &mut played, &mut proof, tell)?;
    (proof.sequence, proof.head) = (head.sequence, to_hex(&head.hash));
    proof.seats = played.seats.compare(held.now)?;
    (proof.clients, proof.signatures) = clients::prove(tx, held, played.holders, tell)?;
    proof.mirrored = mirrored(tx, site, held.mirror, &head)?;
    Ok(proof)
}

fn mirrored(tx: &Transaction<'_>, site: &Site, mirror: Option<&Mirrored>, head: &Head) -> Result<Option<u64>, Stopped> {
    let Some(mirror) = mirror else { return Ok(None) };
    let newest = head.sequence;
    match mirror.compare(tx, site)? {
        Compared::Agrees => {
            let is_there = mirror.epoch == site.epoch && mirror.sequence > store::pruning::ledger_pruned(tx)?;
            Ok(is_there.then_some(mirror.sequence))
        }
        Compared::OfAnother => Err(Wrong::host(format!("the mirror of the head is of another host, {}", mirror.host))),
        Compared::Ahead(place) => {
            let shown = format!("the mirror of the head names entry {} of epoch {}", place.sequence, place.epoch);
            Err(Wrong::host(format!("{shown}, and the ledger ends with entry {newest} in epoch {}", site.epoch)))
        }
        Compared::Differs(place) => Err(Wrong::entry(place.sequence, "the mirror of the head has another hash for it")),
    }
}
