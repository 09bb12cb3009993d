//! Bundles: documents that travel together, as the body of an answer or as a file.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::document::{from_cbor, to_cbor, within};
use crate::id::{Label, RequestId, Slug};
use crate::invalid::Invalid;

/// The documents of an answer, a licence pack, an offline request or an offline response, each as its signed bytes
/// (`docs/spec/messages.md`, 2). What stands in a bundle is not verified; [`crate::chain`] does that.
#[derive(Clone, PartialEq, Eq, Debug, Default, Encode, Decode)]
#[cbor(map)]
pub struct Bundle {
    /// A lease.
    #[n(1)]
    pub lease: Option<ByteVec>,
    /// The entitlement that the lease stands on, or the one that was asked for.
    #[n(2)]
    pub entitlement: Option<ByteVec>,
    /// An activation.
    #[n(3)]
    pub activation: Option<ByteVec>,
    /// A catalogue.
    #[n(4)]
    pub catalogue: Option<ByteVec>,
    /// The issuer certificates that the other documents need.
    #[n(5)]
    pub issuers: Option<Vec<ByteVec>>,
    /// The newest revocation list that the sender knows.
    #[n(6)]
    pub revocations: Option<ByteVec>,
    /// A client's request, for an offline exchange.
    #[n(7)]
    pub client_request: Option<ByteVec>,
    /// A host's request, for an offline exchange.
    #[n(8)]
    pub host_request: Option<ByteVec>,
    /// A host's report on what it would do.
    #[n(9)]
    pub report: Option<ByteVec>,
    /// An authority's statement of the time.
    #[n(10)]
    pub time_reset: Option<ByteVec>,
    /// The requests of clients that a host has collected, for one exchange.
    #[n(11)]
    pub client_requests: Option<Vec<ByteVec>>,
    /// The MAK that the requests of an exchange are to be activated with, whole: a secret.
    #[n(12)]
    pub mak: Option<Label>,
    /// The activations of an exchange.
    #[n(13)]
    pub activations: Option<Vec<ByteVec>>,
    /// The refusals of an exchange. They are unsigned, and only explain.
    #[n(14)]
    pub refusals: Option<Vec<Refused>>,
}

/// One request of an exchange that was refused.
#[derive(Clone, PartialEq, Eq, Debug, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// The request.
    #[n(1)]
    pub request: RequestId,
    /// The code's name.
    #[n(2)]
    pub code: Slug,
    /// The sentence with the numbers; cut where it is too long.
    #[n(3)]
    pub detail: Option<Label>,
}

/// The first bytes of a bundle in a file.
pub const FILE_MAGIC: &[u8; 4] = b"KM1\n";
/// The most bytes of a bundle.
pub const SIZE_MAX: usize = 512 * 1024;
/// The most issuer certificates in a bundle.
pub const ISSUERS_MAX: usize = 8;
/// The most requests in one exchange.
pub const EXCHANGE_MAX: usize = 1000;

impl Bundle {
    /// Reads the body of an answer.
    pub fn parse(bytes: &[u8]) -> Result<Bundle, Invalid> {
        within(bytes.len(), SIZE_MAX)?;
        let bundle: Bundle = from_cbor(bytes)?;
        if bundle.issuers.as_ref().is_some_and(|issuers| issuers.is_empty() || issuers.len() > ISSUERS_MAX) {
            return Err(Invalid::Malformed("a bundle has 1 to 8 issuer certificates or no list of them".into()));
        }
        let exchanged = [
            bundle.client_requests.as_ref().map(Vec::len),
            bundle.activations.as_ref().map(Vec::len),
            bundle.refusals.as_ref().map(Vec::len),
        ];
        if exchanged.into_iter().flatten().any(|length| length == 0 || length > EXCHANGE_MAX) {
            return Err(Invalid::Malformed("a list of an exchange has 1 to 1000 entries or is absent".into()));
        }
        Ok(bundle)
    }

    /// Reads a file: the magic, then the bundle.
    pub fn parse_file(bytes: &[u8]) -> Result<Bundle, Invalid> {
        let body = bytes.strip_prefix(FILE_MAGIC);
        Bundle::parse(body.ok_or_else(|| Invalid::Malformed("a file of Keymuster begins with \"KM1\"".into()))?)
    }

    /// The body of an answer.
    pub fn to_bytes(&self) -> Vec<u8> {
        to_cbor(self)
    }

    /// A file.
    pub fn to_file(&self) -> Vec<u8> {
        let mut bytes = FILE_MAGIC.to_vec();
        bytes.extend(self.to_bytes());
        bytes
    }
}
