//! Why a document is not accepted: one variant per reason, each with its stable code.

use std::fmt;

use crate::codes::{self, Code};
use crate::time::Timestamp;

/// Why bytes that claim to be a document are refused. The first failing check decides (`docs/spec/documents.md`, 5).
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Invalid {
    /// More bytes than a document of this type may have.
    TooLarge {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Not the closed profile: not CBOR, not deterministic, an unknown or missing field, a value out of its range.
    Malformed(String),
    /// A document of another type.
    WrongType {
        /// The type asked for.
        expected: &'static str,
        /// The type found.
        found: String,
    },
    /// The signature does not hold under the key that should have made it.
    Signature,
    /// No key of the chain has the name that the document gives as its signer.
    SignerUnknown,
    /// Its end has passed.
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// It claims more than its issuer may grant; the text names the limit.
    BeyondLimits(&'static str),
    /// The publisher's revocation list names its entitlement, host, customer or issuer.
    Revoked,
    /// Made for another client id or client key.
    ForAnotherClient,
    /// It answers another request than the one that was sent.
    AnswerToAnotherRequest,
    /// An older place in the host's ledger, or an older version, than the one held already.
    OlderThanHeld,
    /// Of another publisher.
    WrongPublisher,
    /// For another edition.
    ForAnotherEdition,
    /// A lease granted below the edition's threshold.
    CountBelowThreshold,
    /// For another host, or signed by another host than its entitlement names.
    ForAnotherHost,
    /// The entitlement belongs to another customer than the one this client belongs to.
    CustomerChanged,
}

impl Invalid {
    /// The stable code of this reason.
    pub fn code(&self) -> &'static Code {
        match self {
            Invalid::TooLarge { .. } => &codes::DOCUMENT_TOO_LARGE,
            Invalid::Malformed(_) => &codes::DOCUMENT_MALFORMED,
            Invalid::WrongType { .. } => &codes::DOCUMENT_WRONG_TYPE,
            Invalid::Signature => &codes::SIGNATURE_INVALID,
            Invalid::SignerUnknown => &codes::SIGNER_UNKNOWN,
            Invalid::Expired { .. } => &codes::EXPIRED,
            Invalid::BeyondLimits(_) => &codes::BEYOND_LIMITS,
            Invalid::Revoked => &codes::REVOKED,
            Invalid::ForAnotherClient => &codes::FOR_ANOTHER_CLIENT,
            Invalid::AnswerToAnotherRequest => &codes::ANSWER_TO_ANOTHER_REQUEST,
            Invalid::OlderThanHeld => &codes::OLDER_THAN_HELD,
            Invalid::WrongPublisher => &codes::WRONG_PUBLISHER,
            Invalid::ForAnotherEdition => &codes::FOR_ANOTHER_EDITION,
            Invalid::CountBelowThreshold => &codes::COUNT_BELOW_THRESHOLD,
            Invalid::ForAnotherHost => &codes::FOR_ANOTHER_HOST,
            Invalid::CustomerChanged => &codes::CUSTOMER_CHANGED,
        }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Invalid::TooLarge { found, limit } => write!(f, "{found} bytes are more than the {limit} allowed"),
            Invalid::Malformed(why) => write!(f, "not a well-formed document: {why}"),
            Invalid::WrongType { expected, found } => write!(f, "expected {expected:?}, found {found:?}"),
            Invalid::Expired { at } => write!(f, "expired at {at}"),
            Invalid::BeyondLimits(what) => write!(f, "{what} is beyond what its issuer may grant"),
            other => f.write_str(other.code().sentence),
        }
    }
}

impl std::error::Error for Invalid {}
