//! The time reset: an authority's statement of the time to one client, the only thing that lowers a client's mark.

use minicbor::{Decode, Encode};

use crate::document::{Document, Extensions};
use crate::id::{ClientId, RequestId, Slug};
use crate::signature::PublicKey;
use crate::time::Timestamp;

/// What time it was when a client asked (`docs/spec/documents.md`, 6.10). Signed by an issuer.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct TimeReset {
    /// Whose client it is.
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
    /// The request that it answers; each is good for once.
    #[n(5)]
    pub request: RequestId,
    /// The authority's time.
    #[n(6)]
    pub issued: Timestamp,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

impl Document for TimeReset {
    const TYPE: &'static str = "keymuster-time-reset+cose";
}
