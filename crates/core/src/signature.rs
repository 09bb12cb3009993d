//! Ed25519 keys and signatures (RFC 8032), verified strictly.
//!
//! Strict means: points of small order and non-canonical encodings are refused, so that one signature cannot hold for two
//! messages or keys, and every verifier agrees (`verify_strict` of `ed25519-dalek`).
//! A secret key is its 32-byte seed; the public half is always computed from it and never taken as an input beside it.

use std::fmt;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use sha2::{Digest as _, Sha256};

use crate::id::to_hex;

/// The public half of a key pair; a value of this type is a canonical point that is not of small order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key with this 32-byte encoding (RFC 8032, 5.1.2), or `None` where it is no point or a weak one.
    ///
    /// ```
    /// use keymuster_core::signature::PublicKey;
    /// assert!(PublicKey::from_bytes(&[0; 32]).is_none(), "a point of small order");
    /// ```
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<PublicKey> {
        let key = VerifyingKey::from_bytes(bytes).ok()?;
        (has_canonical_y(bytes) && !key.is_weak()).then_some(PublicKey(key))
    }

    /// The 32-byte encoding.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The short name by which documents refer to this key.
    pub fn signer(&self) -> SignerId {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut name = [0; 8];
        name.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        SignerId(name)
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

/// Whether all of these signatures hold: messages, signatures and keys.
///
/// One equation for all of them takes half the work. It also holds for some signatures that are refused alone, which only
/// who has the key can make; what the strict check refuses of R before its equation is refused here as well
/// (`docs/spec/documents.md`, 2.3).
#[cfg(feature = "batch")]
pub(crate) fn verify_all(checks: &[(&[u8], &[u8; 64], &PublicKey)]) -> bool {
    let signature = |(_, signature, _): &(_, &[u8; 64], _)| {
        let signature = ed25519_dalek::Signature::from_bytes(signature);
        (has_canonical_y(signature.r_bytes()) && !is_of_small_order(signature.r_bytes())).then_some(signature)
    };
    let Some(signatures) = checks.iter().map(signature).collect::<Option<Vec<_>>>() else { return false };
    let messages: Vec<&[u8]> = checks.iter().map(|(message, ..)| *message).collect();
    let keys: Vec<VerifyingKey> = checks.iter().map(|(.., key)| key.0).collect();
    ed25519_dalek::verify_batch(&messages, &signatures, &keys).is_ok()
}

/// The encodings of all points of small order, with the sign cleared (`docs/spec/documents.md`, 2.3).
#[cfg(feature = "batch")]
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
    ],
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 5, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 2, 0x88, 0x6d, 0x53, 0xfc, 5,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 3, 0x7a,
    ],
];

/// Whether these are the bytes of a point of small order, whatever the sign of its x.
#[cfg(feature = "batch")]
fn is_of_small_order(bytes: &[u8; 32]) -> bool {
    let mut y = *bytes;
    y[31] &= 0x7f;
    SMALL_ORDER.contains(&y)
}

/// Whether y is below the field's prime, 2^255 - 19. The other non-canonical encodings, those of x = 0 with a sign, are
/// points of small order.
fn has_canonical_y(bytes: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = bytes;
    !(high & 0x7f == 0x7f && middle.iter().all(|byte| *byte == 0xff) && *low >= 0xed)
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", to_hex(self.as_bytes()))
    }
}

impl<C> Encode<C> for PublicKey {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(self.as_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for PublicKey {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let bytes = d.bytes()?.try_into().map_err(|_| decode::Error::message("public key is not 32 bytes long"))?;
        PublicKey::from_bytes(bytes).ok_or_else(|| decode::Error::message("public key is no valid point"))
    }
}

/// The secret half of a key pair. It prints as `***`.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// The key with this 32-byte seed (RFC 8032, 5.1.5), which the caller has drawn at random or read from a key file.
    pub fn from_seed(seed: &[u8; 32]) -> SecretKey {
        SecretKey(SigningKey::from_bytes(seed))
    }

    /// The seed, for a key file. Nothing else may see it.
    pub fn reveal_seed(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(***)")
    }
}

/// The first 8 bytes of the SHA-256 of a public key: how a document names the key that signed it.
///
/// A name finds a key, it never vouches for one: two keys with one name would only make a signature fail.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignerId([u8; 8]);

impl fmt::Display for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for SignerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignerId({self})")
    }
}

impl<C> Encode<C> for SignerId {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for SignerId {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        d.bytes()?.try_into().map(SignerId).map_err(|_| decode::Error::message("signer is not 8 bytes long"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "batch")]
    #[test]
    fn small_orders_are_those_of_the_library() {
        for bytes in SMALL_ORDER {
            assert!(VerifyingKey::from_bytes(&bytes).unwrap().is_weak() && is_of_small_order(&bytes));
        }
        assert!(!is_of_small_order(SecretKey::from_seed(&[7; 32]).public().as_bytes()));
    }

    #[test]
    fn weak_and_non_canonical_keys_are_refused() {
        let mut sign_of_zero = [0; 32];
        sign_of_zero[0] = 1;
        sign_of_zero[31] = 0x80;
        let prime_plus = |low: u8| {
            let mut bytes = [0xff; 32];
            bytes[0] = low;
            bytes[31] = 0x7f;
            bytes
        };
        for (bytes, why) in [
            ([0; 32], "order 4"),
            (sign_of_zero, "the neutral element with a sign"),
            (prime_plus(0xed), "y = p"),
            (prime_plus(0xee), "y = p + 1"),
            (prime_plus(0xf0), "y = p + 3, a point of large order"),
        ] {
            assert!(PublicKey::from_bytes(&bytes).is_none(), "{why}");
        }
        assert!(PublicKey::from_bytes(SecretKey::from_seed(&[7; 32]).public().as_bytes()).is_some());
    }
}
