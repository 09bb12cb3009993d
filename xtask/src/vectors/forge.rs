//! Documents made by hand: CBOR item by item and envelopes part by part, so that each can be spoilt before it is signed.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::{Signer as _, SigningKey};
use minicbor::{Decoder, Encode, Encoder};
use sha2::{Digest as _, Sha256, Sha512};

/// The CBOR of a value, as the core writes it.
pub fn cbor(value: impl Encode<()>) -> Vec<u8> {
    minicbor::to_vec(value).expect("writing to memory cannot fail")
}

pub fn uint(value: u64) -> Vec<u8> {
    cbor(value)
}

pub fn bytes(value: &[u8]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.bytes(value).expect("writing to memory cannot fail");
    e.into_writer()
}

pub fn text(value: &str) -> Vec<u8> {
    cbor(value)
}

pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.array(items.len() as u64).expect("writing to memory cannot fail");
    [e.into_writer(), items.concat()].concat()
}

pub fn map(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.map(entries.len() as u64).expect("writing to memory cannot fail");
    let items = entries.iter().flat_map(|(key, value)| [key.as_slice(), value.as_slice()]);
    [e.into_writer(), items.collect::<Vec<_>>().concat()].concat()
}

/// The fields of a payload, by key, each as its own CBOR.
#[derive(Clone)]
pub struct Fields(pub Vec<(Vec<u8>, Vec<u8>)>);

impl Fields {
    pub fn of(body: impl Encode<()>) -> Fields {
        let payload = cbor(body);
        let mut d = Decoder::new(&payload);
        let length = d.map().ok().flatten().expect("a body is a map of known length");
        let mut item = || {
            let begin = d.position();
            d.skip().expect("what was just written can be read");
            payload[begin..d.position()].to_vec()
        };
        Fields((0..length).map(|_| (item(), item())).collect())
    }

    /// The fields with one replaced, or added at the place where it belongs.
    pub fn with(mut self, key: u64, value: Vec<u8>) -> Fields {
        let key = uint(key);
        self.0.retain(|(other, _)| *other != key);
        // Shorter keys are smaller, and those of equal length compare as their bytes do.
        let place = self.0.iter().position(|(other, _)| (other.len(), other) > (key.len(), &key));
        self.0.insert(place.unwrap_or(self.0.len()), (key, value));
        self
    }

    pub fn without(mut self, key: u64) -> Fields {
        self.0.retain(|(other, _)| *other != uint(key));
        self
    }

    pub fn payload(&self) -> Vec<u8> {
        map(&self.0)
    }
}

/// The parts of a document before it is signed.
#[derive(Clone)]
pub struct Parts {
    pub protected: Vec<u8>,
    pub context: &'static str,
    pub external: String,
    pub payload: Vec<u8>,
    pub seed: [u8; 32],
}

impl Parts {
    /// The parts of a document as it should be.
    pub fn new(document_type: &str, payload: Vec<u8>, seed: [u8; 32]) -> Parts {
        let public = SigningKey::from_bytes(&seed).verifying_key().to_bytes();
        let protected = protected(&header(&public, document_type));
        Parts { protected, context: "Signature1", external: format!("keymuster1/{document_type}"), payload, seed }
    }

    /// What is signed.
    pub fn input(&self) -> Vec<u8> {
        array(&[text(self.context), bytes(&self.protected), bytes(self.external.as_bytes()), bytes(&self.payload)])
    }

    pub fn signature(&self) -> [u8; 64] {
        SigningKey::from_bytes(&self.seed).sign(&self.input()).to_bytes()
    }

    pub fn sealed(&self) -> Vec<u8> {
        self.sealed_with(&self.signature())
    }

    pub fn sealed_with(&self, signature: &[u8]) -> Vec<u8> {
        array(&[bytes(&self.protected), map(&[]), bytes(&self.payload), bytes(signature)])
    }
}

/// The entries of the protected header as they should be.
pub fn header(signer: &[u8; 32], document_type: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    vec![(uint(1), cbor(-19_i8)), (uint(4), bytes(&Sha256::digest(signer)[..8])), (uint(16), text(document_type))]
}

pub fn protected(entries: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    map(entries)
}

/// A signature whose R is the point `r`, under the public key `a`, of which `secret` is the discrete logarithm apart from
/// a part of small order: what a malicious signer can make and an honest one never does.
pub fn signature_with_r(nonce: Scalar, r: EdwardsPoint, secret: Scalar, a: &[u8; 32], message: &[u8]) -> [u8; 64] {
    let r = r.compress().to_bytes();
    let k = challenge(&r, a, message);
    let s = nonce + k * secret;
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&r);
    signature[32..].copy_from_slice(s.as_bytes());
    signature
}

pub fn challenge(r: &[u8; 32], a: &[u8; 32], message: &[u8]) -> Scalar {
    let digest = Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize();
    Scalar::from_bytes_mod_order_wide(&digest.into())
}

/// The same signature with the group's order added to S, which a careless verifier accepts as another one.
pub fn malleated(signature: &[u8; 64]) -> [u8; 64] {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut malleated = *signature;
    let mut carry = 0;
    for (byte, addend) in malleated[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(addend) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    malleated
}
