//! The report: a host's statement of what it would do, by which it shows that it is sound without granting anything.

use minicbor::{Decode, Encode};

use crate::document::{Document, Extensions};
use crate::id::{EntitlementId, RequestId, Slug};
use crate::lease::Position;
use crate::time::Timestamp;

/// What a new client that asks for an edition now would be answered (`docs/spec/documents.md`, 6.9). Signed by a host.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Report {
    /// Whose products it is about.
    #[n(1)]
    pub publisher: Slug,
    /// The entitlement that the host would grant on.
    #[n(2)]
    pub entitlement: EntitlementId,
    /// The request that it answers.
    #[n(3)]
    pub request: RequestId,
    /// The edition's number.
    #[n(4)]
    pub edition: u16,
    /// The host's time.
    #[n(5)]
    pub time: Timestamp,
    /// The head of the host's ledger.
    #[n(6)]
    pub position: Position,
    /// Distinct clients counted now; the one that asks is not among them, unless it has asked for real before.
    #[n(7)]
    pub count: u64,
    /// The threshold that the count has to reach.
    #[n(8)]
    pub threshold: u32,
    /// The code's name of the refusal that a new client would get; absent where it would get a lease.
    #[n(9)]
    pub refusal: Option<Slug>,
    /// Additions that this version ignores.
    #[n(100)]
    pub extensions: Option<Extensions>,
}

impl Document for Report {
    const TYPE: &'static str = "keymuster-report+cose";
}
