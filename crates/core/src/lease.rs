//! The lease: a host's statement that one client is activated, and until when.

use minicbor::{Decode, Encode};

use crate::document::{Document, Extensions};
use crate::id::{ClientId, EntitlementId, HostId, Label, RequestId, Slug, check_url};
use crate::signature::PublicKey;
use crate::time::Timestamp;

/// How far before its issue a lease holds already, in seconds, so that a client whose clock is a little slow can use it.
pub const BACKDATED_SECS: u64 = 300;

/// One granted activation (`docs/spec/documents.md`, 6.4). Signed by a host.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Lease {
    /// Volume or seat.
    #[n(1)]
    pub kind: LeaseKind,
    /// Whose product it is for.
    #[n(2)]
    pub publisher: Slug,
    /// The entitlement that it stands on.
    #[n(3)]
    pub entitlement: EntitlementId,
    /// The client.
    #[n(4)]
    pub client: ClientId,
    /// The client's key: a lease is of no use to a machine that does not hold the secret half.
    #[n(5)]
    pub client_key: PublicKey,
    /// The edition's number.
    #[n(6)]
    pub edition: u16,
    /// The request that it answers.
    #[n(7)]
    pub request: RequestId,
    /// Its place in the host's ledger.
    #[n(8)]
    pub position: Position,
    /// The host's time when it was granted.
    #[n(9)]
    pub issued: Timestamp,
    /// From when the client asks for the next one.
    #[n(10)]
    pub renew_after: Timestamp,
    /// When it ends.
    #[n(11)]
    pub expires: Timestamp,
    /// Distinct clients counted when it was granted.
    #[n(12)]
    pub count: u64,
    /// The threshold that the count had to reach.
    #[n(13)]
    pub threshold: u32,
    /// The newest lease that the client showed when it asked: the link of the lineage.
    #[n(14)]
    pub previous: Option<Position>,
    /// The seat, for a lease of kind seat.
    #[n(15)]
    pub seat: Option<Seat>,
    /// Features that the product may enable.
    #[n(16)]
    pub features: Option<Vec<Slug>>,
    /// A value to show at the next renewal; a second user of one state is noticed by it.
    #[cbor(n(17), with = "minicbor::bytes")]
    pub ratchet: Option<[u8; 16]>,
    /// SHA-256 of the fingerprint that the client sent with its request, as encoded there.
    #[cbor(n(18), with = "minicbor::bytes")]
    pub fingerprint: Option<[u8; 32]>,
    /// From a failed attempt to the next, in seconds, as the customer chose it; absent means the catalogue's.
    #[n(19)]
    pub retry_secs: Option<u64>,
    /// Where the customer helps its own users.
    #[n(20)]
    pub help_url: Option<Label>,
    /// How the client is to ask this customer's hosts from now on; absent means with TLS or without.
    #[n(21)]
    pub transport: Option<Transport>,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

/// The two kinds of lease: 180 days offline and seats that can be handed on exclude each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum LeaseKind {
    /// Counted against a threshold; long.
    #[n(1)]
    Volume,
    /// Taken from a pool with a limit; at most a day; fenced.
    #[n(2)]
    Seat,
}

/// How a client asks hosts, where that was decided for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Transport {
    /// Over TLS, and never without.
    #[n(1)]
    TlsOnly,
}

/// A seat of a pool.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Seat {
    /// The pool's name.
    #[n(1)]
    pub pool: Slug,
    /// Rises with every seat given in the pool: of two holders, the one with the higher fence is right.
    #[n(2)]
    pub fence: u64,
}

/// A place in a host's ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Position {
    /// The host.
    #[n(1)]
    pub host: HostId,
    /// Rises when the host starts from an older copy of its ledger.
    #[n(2)]
    pub epoch: u64,
    /// Rises by one with every entry and has no gap.
    #[n(3)]
    pub sequence: u64,
    /// The first 16 bytes of the ledger's running hash before this entry.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub head: [u8; 16],
}

impl Position {
    /// Whether this place is older than `other` in the ledger of one host; places of different hosts have no order.
    pub fn is_older_than(&self, other: &Position) -> bool {
        self.host == other.host && (self.epoch, self.sequence) < (other.epoch, other.sequence)
    }
}

impl Document for Lease {
    const TYPE: &'static str = "keymuster-lease+cose";

    fn check(&self) -> Result<(), String> {
        if !(self.issued <= self.renew_after && self.renew_after <= self.expires) {
            return Err("issued, renew_after and expires are not in this order".into());
        }
        check_url("help_url", self.help_url.as_ref())?;
        match (self.kind, &self.seat) {
            (LeaseKind::Volume, Some(_)) => Err("a volume lease has no seat".into()),
            (LeaseKind::Seat, None) => Err("a seat lease names its seat".into()),
            _ => Ok(()),
        }
    }
}
