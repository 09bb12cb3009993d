//! The revocation list: what the publisher has taken back. It travels from the authority to hosts, and with every lease on.

use minicbor::{Decode, Encode};

use crate::document::{Document, Extensions};
use crate::entitlement::Entitlement;
use crate::id::{EntitlementId, HostId, Slug};
use crate::signature::SignerId;
use crate::time::Timestamp;

/// A publisher's whole list (`docs/spec/documents.md`, 6.6); a newer one replaces it. Signed by an issuer.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Revocations {
    /// Whose list this is.
    #[n(1)]
    pub publisher: Slug,
    /// Rises with each list; whoever holds a higher one ignores a lower one.
    #[n(2)]
    pub sequence: u64,
    /// When the issuer signed it.
    #[n(3)]
    pub issued: Timestamp,
    /// Single entitlements.
    #[n(4)]
    pub entitlements: Vec<EntitlementId>,
    /// Hosts, with every entitlement they have.
    #[n(5)]
    pub hosts: Vec<HostId>,
    /// Customers, with all their hosts.
    #[n(6)]
    pub customers: Vec<Slug>,
    /// Issuer keys, with everything they signed.
    #[n(7)]
    pub issuers: Vec<SignerId>,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

impl Revocations {
    /// Whether the list names this entitlement, its host or its customer.
    pub fn revoke(&self, entitlement: &Entitlement) -> bool {
        self.entitlements.contains(&entitlement.id)
            || self.hosts.contains(&entitlement.host)
            || self.customers.contains(&entitlement.customer)
    }

    /// Whether the list names this issuer key.
    pub fn revoke_issuer(&self, issuer: SignerId) -> bool {
        self.issuers.contains(&issuer)
    }
}

impl Document for Revocations {
    const TYPE: &'static str = "keymuster-revocations+cose";
    const SIZE_MAX: usize = 64 * 1024;
}
