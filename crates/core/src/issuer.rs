//! The issuer certificate: by it the publisher's root lets one online key sign, within limits and for a time.

use minicbor::{Decode, Encode};

use crate::document::{Document, Extensions};
use crate::id::Slug;
use crate::signature::PublicKey;
use crate::time::Timestamp;

/// What the root grants to an issuer key (`docs/spec/documents.md`, 6.1). Signed by a root key.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Issuer {
    /// Whose issuer this is.
    #[n(1)]
    pub publisher: Slug,
    /// The key that may sign catalogues, entitlements, activations and revocation lists.
    #[n(2)]
    pub key: PublicKey,
    /// From when it may sign.
    #[n(3)]
    pub not_before: Timestamp,
    /// The last moment at which it may sign; what it signed before stays valid until `expires`.
    #[n(4)]
    pub sign_until: Timestamp,
    /// Nothing below this certificate may outlast it.
    #[n(5)]
    pub expires: Timestamp,
    /// The longest entitlement it may sign, in seconds.
    #[n(6)]
    pub entitlement_secs_max: u64,
    /// The longest lease that an entitlement of its may allow, in seconds.
    #[n(7)]
    pub lease_secs_max: u64,
    /// The product families whose editions may be activated under it; absent means all.
    #[n(8)]
    pub families: Option<Vec<u16>>,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

impl Issuer {
    /// Whether a document may carry this moment as the one at which it was signed by this issuer.
    pub fn may_sign_at(&self, issued: Timestamp) -> bool {
        self.not_before <= issued && issued <= self.sign_until
    }

    /// Whether editions of the family may be activated under this issuer.
    pub fn may_cover(&self, family: u16) -> bool {
        self.families.as_ref().is_none_or(|families| families.contains(&family))
    }
}

impl Document for Issuer {
    const TYPE: &'static str = "keymuster-issuer+cose";

    fn check(&self) -> Result<(), String> {
        if !(self.not_before <= self.sign_until && self.sign_until <= self.expires) {
            return Err("not_before, sign_until and expires are not in this order".into());
        }
        if self.entitlement_secs_max == 0 || self.lease_secs_max == 0 {
            return Err("a limit of zero seconds allows nothing".into());
        }
        Ok(())
    }
}
