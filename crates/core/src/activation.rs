//! The activation: the authority's answer to a multiple-activation key (MAK), for one client, for a time or for ever.

use minicbor::{Decode, Encode};

use crate::document::{Document, Extensions};
use crate::id::{ClientId, RequestId, Slug};
use crate::key::KeyId;
use crate::signature::PublicKey;
use crate::time::Timestamp;

/// One activation by a MAK (`docs/spec/documents.md`, 6.5). Signed by an issuer.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Activation {
    /// Whose product it is for.
    #[n(1)]
    pub publisher: Slug,
    /// The client.
    #[n(2)]
    pub client: ClientId,
    /// The client's key.
    #[n(3)]
    pub client_key: PublicKey,
    /// The edition's number.
    #[n(4)]
    pub edition: u16,
    /// The request that it answers.
    #[n(5)]
    pub request: RequestId,
    /// The MAK that was counted.
    #[n(6)]
    pub key: KeyId,
    /// When the issuer signed it.
    #[n(7)]
    pub issued: Timestamp,
    /// When it ends; absent means never.
    #[n(8)]
    pub expires: Option<Timestamp>,
    /// Features that the product may enable.
    #[n(9)]
    pub features: Option<Vec<Slug>>,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

impl Document for Activation {
    const TYPE: &'static str = "keymuster-activation+cose";

    fn check(&self) -> Result<(), String> {
        if self.expires.is_some_and(|end| end < self.issued) {
            return Err("expires before it was issued".into());
        }
        Ok(())
    }
}
