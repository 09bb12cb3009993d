//! The two requests: a client asks a host (or, with a MAK, the authority); a host asks the authority.
//!
//! Each is signed by the key that it carries, which proves that the sender holds it, and each carries a fresh request id,
//! which the answer repeats.

use minicbor::{Decode, Encode};

use crate::document::{Document, Extensions, Signed, Unverified};
use crate::id::{ClientId, HostId, Label, RequestId, Slug};
use crate::invalid::Invalid;
use crate::lease::Position;
use crate::signature::PublicKey;
use crate::time::Timestamp;

/// What a client asks for (`docs/spec/documents.md`, 6.7). Signed by the client.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct ClientRequest {
    /// What is asked.
    #[n(1)]
    pub act: Act,
    /// Whose product it is.
    #[n(2)]
    pub publisher: Slug,
    /// The client.
    #[n(3)]
    pub client: ClientId,
    /// The client's key, with which the request is signed.
    #[n(4)]
    pub client_key: PublicKey,
    /// The edition's number.
    #[n(5)]
    pub edition: u16,
    /// Nonce and idempotency key: a retry repeats the whole request, the next attempt draws a new one.
    #[n(6)]
    pub request: RequestId,
    /// The client's clock.
    #[n(7)]
    pub time: Timestamp,
    /// The latest moment that the client knows to have passed.
    #[n(8)]
    pub high_water: Timestamp,
    /// Rises with every request of this client for this edition: an older request cannot be played again.
    #[n(9)]
    pub counter: u64,
    /// The product's version, for the inventory.
    #[n(10)]
    pub product_version: Option<Label>,
    /// The newest lease held.
    #[n(11)]
    pub previous: Option<Position>,
    /// The host that the request is meant for, once the client knows its id.
    #[n(12)]
    pub audience: Option<HostId>,
    /// The pool asked for, where the edition has more than one.
    #[n(13)]
    pub pool: Option<Slug>,
    /// The fence of the seat held, for a renewal or release.
    #[n(14)]
    pub fence: Option<u64>,
    /// The ratchet of the last lease.
    #[cbor(n(15), with = "minicbor::bytes")]
    pub ratchet: Option<[u8; 16]>,
    /// The MAK, whole; only with [`Act::Mak`], only to the authority. Absent there where a host collects the request and
    /// its administrator adds the MAK.
    #[n(16)]
    pub key: Option<Label>,
    /// The machine's name, where its administrator lets it be sent.
    #[n(17)]
    pub name: Option<Label>,
    /// The operating system, for the inventory.
    #[n(18)]
    pub system: Option<Label>,
    /// A hash of the machine's boot id, which tells a restart from a clock step.
    #[cbor(n(19), with = "minicbor::bytes")]
    pub boot: Option<[u8; 8]>,
    /// Salted hashes of machine facts, at most eight: signals for people, never an identity.
    #[n(20)]
    pub fingerprint: Option<Vec<Fact>>,
    /// The id that this client replaces after a rekey.
    #[n(21)]
    pub replaces: Option<ClientId>,
    /// How the client stands, for the host's counters.
    #[n(22)]
    pub standing: Option<Standing>,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

/// What a client asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Act {
    /// A lease: the first or the next.
    #[n(1)]
    Activate,
    /// Give the lease back.
    #[n(2)]
    Release,
    /// An activation by a MAK.
    #[n(3)]
    Mak,
    /// Replace the client's key.
    #[n(4)]
    Rekey,
    /// Say what would become of a request like this, without counting it or granting anything.
    #[n(5)]
    Check,
    /// A signed statement of the time, by which a client whose clock was once far ahead finds back.
    #[n(6)]
    ResetTime,
}

/// How a client stands when it asks: the six states that a host's counters tell apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(index_only)]
pub enum Standing {
    /// It was never used before.
    #[n(1)]
    Unlicensed,
    /// In the grace after first use.
    #[n(2)]
    Grace,
    /// It holds what is valid.
    #[n(3)]
    Licensed,
    /// What it held has ended, and it is in the grace after that.
    #[n(4)]
    Ended,
    /// The machine has changed too much.
    #[n(5)]
    OutOfTolerance,
    /// Grace is over.
    #[n(6)]
    Notification,
}

/// One salted hash of a machine fact.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Fact {
    /// Which fact (`docs/spec/documents.md`, 6.7).
    #[n(1)]
    pub kind: u8,
    /// The first 8 bytes of its HMAC-SHA-256 under a salt that never leaves the client.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub hash: [u8; 8],
}

/// The addition of a request that holds the whole lease whose place is `previous` (`docs/spec/documents.md`, 6.7).
pub const SHOWN_LEASE: u64 = 1;
/// The largest lease that is shown, so that the request stays within its own size.
pub const SHOWN_LEASE_MAX: usize = 2048;

impl ClientRequest {
    /// The lease that the client shows, as the host signed it; nobody has verified it yet.
    pub fn shown_lease(&self) -> Option<&[u8]> {
        self.extensions.as_ref()?.value(SHOWN_LEASE)
    }

    /// The addition that shows a lease; none where it is too large.
    pub fn showing(lease: &[u8]) -> Option<Extensions> {
        (lease.len() <= SHOWN_LEASE_MAX).then(|| Extensions::one(SHOWN_LEASE, lease.to_vec()))
    }

    /// Reads a request; the signature proves that the sender holds `client_key`.
    pub fn verify(bytes: &[u8]) -> Result<Signed<ClientRequest>, Invalid> {
        ClientRequest::read(bytes)?.verify()
    }

    /// Reads a request whose signature is checked later, together with others.
    pub fn read(bytes: &[u8]) -> Result<Unverified<ClientRequest>, Invalid> {
        Unverified::read_own(bytes, |request: &ClientRequest| &request.client_key)
    }
}

impl Document for ClientRequest {
    const TYPE: &'static str = "keymuster-request+cose";

    fn check(&self) -> Result<(), String> {
        if self.act != Act::Mak && self.key.is_some() {
            return Err("only a request for an activation by a MAK carries a key".into());
        }
        if self.fingerprint.as_ref().is_some_and(|facts| facts.len() > 8) {
            return Err("a fingerprint has at most eight facts".into());
        }
        Ok(())
    }
}

/// What a host asks the authority for: an entitlement (`docs/spec/documents.md`, 6.8). Signed by the host.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct HostRequest {
    /// Whose authority is asked.
    #[n(1)]
    pub publisher: Slug,
    /// The host.
    #[n(2)]
    pub host: HostId,
    /// The host's key, with which the request is signed.
    #[n(3)]
    pub host_key: PublicKey,
    /// Nonce and idempotency key.
    #[n(4)]
    pub request: RequestId,
    /// The host's clock.
    #[n(5)]
    pub time: Timestamp,
    /// The host key (product key), whole.
    #[n(6)]
    pub key: Label,
    /// The version of the catalogue that the host holds; 0 for none.
    #[n(7)]
    pub catalogue_version: u32,
    /// The host's name, for the publisher's list.
    #[n(8)]
    pub name: Option<Label>,
    /// The head of the host's ledger.
    #[n(9)]
    pub ledger: Option<Position>,
    /// Distinct clients counted now, over all families of the publisher.
    #[n(10)]
    pub clients: Option<u64>,
    /// SHA-256 of the host's TLS public key (SubjectPublicKeyInfo).
    #[cbor(n(11), with = "minicbor::bytes")]
    pub tls_spki: Option<[u8; 32]>,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

impl HostRequest {
    /// Reads a request; the signature proves that the sender holds `host_key`.
    pub fn verify(bytes: &[u8]) -> Result<Signed<HostRequest>, Invalid> {
        Signed::verify_own(bytes, |request: &HostRequest| &request.host_key)
    }
}

impl Document for HostRequest {
    const TYPE: &'static str = "keymuster-host-request+cose";
}
