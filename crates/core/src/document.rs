//! Signed documents: COSE_Sign1 (RFC 9052) in a closed profile (`docs/spec/documents.md`), where parsing is verifying.
//!
//! A [`Signed`] value exists only if its signature held under the key that was asked for, or was just made.
//! Bytes are accepted only if encoding what was read gives the same bytes again: that one comparison refuses unknown
//! fields, other orders, longer forms, indefinite lengths, tags, repeated keys and anything after the end.

use std::fmt;
use std::ops::Deref;

use minicbor::bytes::ByteSlice;
use minicbor::data::Type;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

use crate::invalid::Invalid;
use crate::signature::{PublicKey, SecretKey, SignerId};

/// COSE algorithm `Ed25519` (RFC 9864): the only one, so it is compared and never chosen.
const ALGORITHM: i8 = -19;

/// The body of a document: a CBOR map with integer keys and a type of its own.
pub trait Document: Encode<()> + for<'b> Decode<'b, ()> {
    /// The content of the protected header `typ` (RFC 9596).
    const TYPE: &'static str;
    /// The most bytes that the whole signed document may have.
    const SIZE_MAX: usize = 4096;

    /// Rules that bind the fields to one another; they are checked before a document is signed and after it is read.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A document with its signature: the body, and the exact bytes that were signed and are stored or sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<D> {
    body: D,
    bytes: Vec<u8>,
    signer: SignerId,
}

impl<D: Document> Signed<D> {
    /// Signs a body. Fails with the broken rule where the body contradicts itself, so that nothing is signed that no
    /// reader would accept.
    pub fn sign(body: D, key: &SecretKey) -> Result<Signed<D>, Invalid> {
        body.check().map_err(Invalid::Malformed)?;
        let bytes = sign_payload::<D>(&to_cbor(&body), key);
        within(bytes.len(), D::SIZE_MAX)?;
        Ok(Signed { body, bytes, signer: key.public().signer() })
    }

    /// Reads a document that `key` must have signed.
    pub fn verify(bytes: &[u8], key: &PublicKey) -> Result<Signed<D>, Invalid> {
        let envelope = Envelope::of::<D>(bytes)?;
        envelope.verify::<D>(key)?;
        Ok(Signed { body: from_payload(envelope.payload)?, bytes: bytes.to_vec(), signer: envelope.signer })
    }

    /// Reads a document that carries the key it is signed with, as requests do: the signature proves that the sender holds
    /// that key, and nothing else about the sender.
    pub fn verify_own(bytes: &[u8], key_of: impl Fn(&D) -> &PublicKey) -> Result<Signed<D>, Invalid> {
        Unverified::read_own(bytes, key_of)?.verify()
    }

    /// The name of the key that signed it.
    pub fn signer(&self) -> SignerId {
        self.signer
    }

    /// The signed bytes, to be stored or sent as they are.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<D> Deref for Signed<D> {
    type Target = D;

    fn deref(&self) -> &D {
        &self.body
    }
}

/// A document that carries the key it is signed with, read and found in order but for its signature.
///
/// What it says counts for nothing before [`Unverified::verify`] or [`Unverified::verify_all`].
#[derive(Debug)]
pub struct Unverified<D> {
    signed: Signed<D>,
    key: PublicKey,
    input: Vec<u8>,
    signature: [u8; 64],
}

impl<D: Document> Unverified<D> {
    /// Reads a document that carries the key it is signed with.
    pub fn read_own(bytes: &[u8], key_of: impl Fn(&D) -> &PublicKey) -> Result<Unverified<D>, Invalid> {
        let envelope = Envelope::of::<D>(bytes)?;
        let body = from_payload::<D>(envelope.payload)?;
        let key = *key_of(&body);
        let input = envelope.signature_input::<D>(&key)?;
        let signed = Signed { body, bytes: bytes.to_vec(), signer: envelope.signer };
        Ok(Unverified { signed, key, input, signature: *envelope.signature })
    }

    /// What it says, whoever may have written it.
    pub fn unverified(&self) -> &D {
        &self.signed
    }

    /// Checks its signature, strictly.
    pub fn verify(self) -> Result<Signed<D>, Invalid> {
        if self.key.verify(&self.input, &self.signature) { Ok(self.signed) } else { Err(Invalid::Signature) }
    }

    /// Checks the signatures of all of them, in their order: together, which costs about half for each, and one by one and
    /// strictly where together they do not hold (`docs/spec/documents.md`, 2.3).
    #[cfg(feature = "batch")]
    pub fn verify_all(documents: Vec<Unverified<D>>) -> Vec<Result<Signed<D>, Invalid>> {
        let checks: Vec<_> = documents.iter().map(|one| (&*one.input, &one.signature, &one.key)).collect();
        if checks.len() > 1 && crate::signature::verify_all(&checks) {
            return documents.into_iter().map(|one| Ok(one.signed)).collect();
        }
        documents.into_iter().map(Unverified::verify).collect()
    }
}

/// Signs a payload that [`payload`] made, and returns the document's bytes.
///
/// Ed25519 is deterministic, so a host that keeps payloads alone answers a repeated request with the same bytes.
pub fn sign_payload<D: Document>(payload: &[u8], key: &SecretKey) -> Vec<u8> {
    let protected = protected_header(D::TYPE, key.public().signer());
    let signature = key.sign(&signature_input(D::TYPE, &protected, payload));
    envelope_bytes(&protected, payload, &signature)
}

/// The payload of a document, as it is stored before it is signed.
pub fn payload<D: Document>(body: &D) -> Result<Vec<u8>, Invalid> {
    body.check().map_err(Invalid::Malformed)?;
    Ok(to_cbor(body))
}

/// Reads a payload that this program stored; no signature is involved.
pub fn from_payload<D: Document>(payload: &[u8]) -> Result<D, Invalid> {
    let body: D = from_cbor(payload)?;
    body.check().map_err(Invalid::Malformed)?;
    Ok(body)
}

/// What a document says of itself before anything is verified: its type and signer, for display.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// The type in the protected header.
    pub document_type: String,
    /// The key that is said to have signed it.
    pub signer: SignerId,
}

/// Reads type and signer of any document of at most `size_max` bytes, without verifying it.
pub fn claim(bytes: &[u8], size_max: usize) -> Result<Claim, Invalid> {
    within(bytes.len(), size_max)?;
    let envelope = Envelope::parse(bytes)?;
    Ok(Claim { document_type: envelope.document_type.to_owned(), signer: envelope.signer })
}

/// The key that is said to have signed a document of type `D`, so that it can be found; nothing is verified yet.
pub fn signer_of<D: Document>(bytes: &[u8]) -> Result<SignerId, Invalid> {
    Ok(Envelope::of::<D>(bytes)?.signer)
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} signed by {}", self.document_type, self.signer)
    }
}

/// Reads a value of the profile: accepted only if encoding it again gives the same bytes.
pub(crate) fn from_cbor<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, Invalid> {
    let value: T = minicbor::decode(bytes).map_err(|e| Invalid::Malformed(e.to_string()))?;
    if to_cbor(&value) != bytes {
        return Err(Invalid::Malformed("not in deterministic form, or with a field this version does not know".into()));
    }
    Ok(value)
}

pub(crate) fn to_cbor<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(384);
    infallible(minicbor::encode(value, &mut bytes));
    bytes
}

pub(crate) fn within(found: usize, limit: usize) -> Result<(), Invalid> {
    if found > limit { Err(Invalid::TooLarge { found, limit }) } else { Ok(()) }
}

struct Envelope<'b> {
    document_type: &'b str,
    signer: SignerId,
    protected: &'b [u8],
    payload: &'b [u8],
    signature: &'b [u8; 64],
}

impl<'b> Envelope<'b> {
    fn of<D: Document>(bytes: &'b [u8]) -> Result<Envelope<'b>, Invalid> {
        within(bytes.len(), D::SIZE_MAX)?;
        let envelope = Envelope::parse(bytes)?;
        if envelope.document_type != D::TYPE {
            return Err(Invalid::WrongType { expected: D::TYPE, found: envelope.document_type.to_owned() });
        }
        Ok(envelope)
    }

    fn parse(bytes: &'b [u8]) -> Result<Envelope<'b>, Invalid> {
        let envelope = Envelope::read(bytes).map_err(|e| Invalid::Malformed(e.to_string()))?;
        let protected = protected_header(envelope.document_type, envelope.signer);
        if envelope_bytes(&protected, envelope.payload, envelope.signature) != bytes {
            return Err(Invalid::Malformed("the envelope is not in the deterministic form of the profile".into()));
        }
        Ok(envelope)
    }

    fn read(bytes: &'b [u8]) -> Result<Envelope<'b>, decode::Error> {
        let mut d = Decoder::new(bytes);
        if d.datatype()? != Type::Array || d.array()? != Some(4) {
            return Err(decode::Error::message("not a COSE_Sign1 array of four"));
        }
        let protected = d.bytes()?;
        if d.map()? != Some(0) {
            return Err(decode::Error::message("the unprotected header is not empty"));
        }
        let payload = d.bytes()?;
        let signature =
            d.bytes()?.try_into().map_err(|_| decode::Error::message("the signature is not 64 bytes long"))?;
        let (document_type, signer) = Envelope::read_protected(protected)?;
        Ok(Envelope { document_type, signer, protected, payload, signature })
    }

    fn read_protected(protected: &'b [u8]) -> Result<(&'b str, SignerId), decode::Error> {
        let mut d = Decoder::new(protected);
        let shape_is_known = d.map()? == Some(3) && d.i8()? == 1 && d.i8()? == ALGORITHM && d.i8()? == 4;
        if !shape_is_known {
            return Err(decode::Error::message("the protected header is not {1: -19, 4: key id, 16: type}"));
        }
        let signer = SignerId::decode(&mut d, &mut ())?;
        if d.i8()? != 16 {
            return Err(decode::Error::message("the protected header has no type"));
        }
        Ok((d.str()?, signer))
    }

    fn verify<D: Document>(&self, key: &PublicKey) -> Result<(), Invalid> {
        let input = self.signature_input::<D>(key)?;
        if key.verify(&input, self.signature) { Ok(()) } else { Err(Invalid::Signature) }
    }

    /// What `key` must have signed, where it is the key that the envelope names.
    fn signature_input<D: Document>(&self, key: &PublicKey) -> Result<Vec<u8>, Invalid> {
        if key.signer() != self.signer {
            return Err(Invalid::SignerUnknown);
        }
        Ok(signature_input(D::TYPE, self.protected, self.payload))
    }
}

fn protected_header(document_type: &str, signer: SignerId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    let write = |e: &mut Encoder<&mut Vec<u8>>| -> Result<(), encode::Error<_>> {
        e.map(3)?.i8(1)?.i8(ALGORITHM)?.i8(4)?.encode(signer)?.i8(16)?.str(document_type)?.ok()
    };
    infallible(write(&mut Encoder::new(&mut bytes)));
    bytes
}

fn envelope_bytes(protected: &[u8], payload: &[u8], signature: &[u8; 64]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(protected.len() + payload.len() + 80);
    let write = |e: &mut Encoder<&mut Vec<u8>>| -> Result<(), encode::Error<_>> {
        e.array(4)?.bytes(protected)?.map(0)?.bytes(payload)?.bytes(signature)?.ok()
    };
    infallible(write(&mut Encoder::new(&mut bytes)));
    bytes
}

/// The `Sig_structure` of RFC 9052, 4.4, with `keymuster1/` and the type as external data.
fn signature_input(document_type: &str, protected: &[u8], payload: &[u8]) -> Vec<u8> {
    let external = format!("keymuster1/{document_type}");
    let mut bytes = Vec::with_capacity(protected.len() + payload.len() + external.len() + 32);
    let write = |e: &mut Encoder<&mut Vec<u8>>| -> Result<(), encode::Error<_>> {
        e.array(4)?.str("Signature1")?.bytes(protected)?.bytes(external.as_bytes())?.bytes(payload)?.ok()
    };
    infallible(write(&mut Encoder::new(&mut bytes)));
    bytes
}

fn infallible(result: Result<(), encode::Error<std::convert::Infallible>>) {
    // Writing to a `Vec` cannot fail, and every length here is known.
    debug_assert!(result.is_ok());
}

/// Fields with keys of 100 and more are reserved for additions that an older reader may ignore: a map from integers to
/// byte strings, kept as it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Extensions(Vec<(u64, Vec<u8>)>);

impl Extensions {
    const ENTRIES_MAX: u64 = 16;

    /// One addition.
    pub fn one(key: u64, value: Vec<u8>) -> Extensions {
        Extensions(vec![(key, value)])
    }

    /// The addition with this key.
    pub fn value(&self, key: u64) -> Option<&[u8]> {
        self.0.iter().find(|(found, _)| *found == key).map(|(_, value)| &**value)
    }
}

impl<C> Encode<C> for Extensions {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.map(self.0.len() as u64)?;
        for (key, value) in &self.0 {
            e.u64(*key)?.bytes(value)?;
        }
        e.ok()
    }
}

impl<'b, C> Decode<'b, C> for Extensions {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let Some(length) = d.map()?.filter(|length| (1..=Extensions::ENTRIES_MAX).contains(length)) else {
            return Err(decode::Error::message("extensions are a map of 1 to 16 entries"));
        };
        let mut entries: Vec<(u64, Vec<u8>)> = Vec::new();
        for _ in 0..length {
            let key = d.u64()?;
            if entries.last().is_some_and(|(last, _)| *last >= key) {
                return Err(decode::Error::message("extensions are not in ascending order"));
            }
            let value: &ByteSlice = d.decode()?;
            entries.push((key, value.to_vec()));
        }
        Ok(Extensions(entries))
    }
}
