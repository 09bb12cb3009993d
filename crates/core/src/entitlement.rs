//! The entitlement: the authority's statement of what one host may grant, and until when.

use minicbor::{Decode, Encode};

use crate::catalogue::{Edition, Group};
use crate::document::{Document, Extensions};
use crate::id::{EntitlementId, HostId, Label, RequestId, Slug};
use crate::key::KeyId;
use crate::signature::PublicKey;
use crate::time::Timestamp;

/// What one host may grant (`docs/spec/documents.md`, 6.3). Signed by an issuer.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Entitlement {
    /// Whose products it covers.
    #[n(1)]
    pub publisher: Slug,
    /// Its own id, which leases repeat and revocation lists name.
    #[n(2)]
    pub id: EntitlementId,
    /// The host it belongs to.
    #[n(3)]
    pub host: HostId,
    /// The key with which that host signs leases.
    #[n(4)]
    pub host_key: PublicKey,
    /// The customer, as the publisher names it.
    #[n(5)]
    pub customer: Slug,
    /// The customer's name for people.
    #[n(6)]
    pub customer_name: Label,
    /// When the issuer signed it.
    #[n(7)]
    pub issued: Timestamp,
    /// From when the host reminds its administrator to renew it.
    #[n(8)]
    pub warn_at: Timestamp,
    /// No lease on it may outlast this moment.
    #[n(9)]
    pub stop_at: Timestamp,
    /// The groups that the host key stands for.
    #[n(10)]
    pub covers: Vec<Cover>,
    /// Floating seats.
    #[n(11)]
    pub pools: Vec<Pool>,
    /// The longest lease, in seconds.
    #[n(12)]
    pub lease_secs_max: u64,
    /// The most distinct clients per family within the counting window; absent means no limit.
    #[n(13)]
    pub clients_max: Option<u64>,
    /// The host key (product key) it was issued for.
    #[n(14)]
    pub key: KeyId,
    /// The request that it answers.
    #[n(15)]
    pub request: RequestId,
    /// Features for every lease on it, beside those of the edition.
    #[n(16)]
    pub features: Option<Vec<Slug>>,
    /// SHA-256 of the host's TLS public key (SubjectPublicKeyInfo), which lets clients recognise it without any public CA.
    #[cbor(n(17), with = "minicbor::bytes")]
    pub tls_spki: Option<[u8; 32]>,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

/// One covered group: all editions of its family, of its rank and below, of its generation and older.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Cover {
    /// The group's number, as host keys carry it.
    #[n(1)]
    pub group: u16,
    /// The family it belongs to.
    #[n(2)]
    pub family: u16,
    /// The highest rank covered.
    #[n(3)]
    pub rank: u8,
    /// The newest generation covered.
    #[n(4)]
    pub generation: u16,
    /// A threshold that the publisher agreed with this customer instead of the editions' own.
    #[n(5)]
    pub threshold: Option<u32>,
}

/// A pool of floating seats for one edition.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Pool {
    /// Its name.
    #[n(1)]
    pub id: Slug,
    /// The edition's number.
    #[n(2)]
    pub edition: u16,
    /// How many may be held at one time.
    #[n(3)]
    pub seats: u32,
    /// How long one lease of a seat lasts, in seconds; at most a day.
    #[n(4)]
    pub term_secs: u64,
    /// How long after its end a seat that was not released stays reserved, in seconds: the clock error that is allowed for.
    #[n(5)]
    pub guard_secs: u64,
}

/// The longest term of a seat, in seconds.
pub const SEAT_SECS_MAX: u64 = crate::time::DAY;

impl Entitlement {
    /// The threshold of an edition of this group: the lowest that its covers give, each the agreed one or else the
    /// edition's own; `None` where nothing covers the group.
    pub fn threshold(&self, edition: &Edition, group: &Group) -> Option<u32> {
        let covers = self.covers.iter().filter(|cover| cover.includes(group));
        covers.map(|cover| cover.threshold.unwrap_or(edition.threshold)).min()
    }
}

impl Document for Entitlement {
    const TYPE: &'static str = "keymuster-entitlement+cose";

    fn check(&self) -> Result<(), String> {
        if !(self.issued <= self.warn_at && self.warn_at <= self.stop_at) {
            return Err("issued, warn_at and stop_at are not in this order".into());
        }
        if self.covers.is_empty() && self.pools.is_empty() {
            return Err("covers nothing".into());
        }
        if self.covers.iter().any(|cover| cover.threshold == Some(0)) {
            return Err("a threshold of 0 counts nobody".into());
        }
        for pool in &self.pools {
            if pool.term_secs == 0 || pool.term_secs > SEAT_SECS_MAX {
                return Err(format!("the term of pool {} is not between a second and a day", pool.id));
            }
            if self.pools.iter().filter(|other| other.id == pool.id).count() > 1 {
                return Err(format!("two pools are named {}", pool.id));
            }
        }
        Ok(())
    }
}
