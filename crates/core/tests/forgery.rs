//! Nothing but the signed bytes is accepted: every bit of every document counts, and no bytes make a parser panic.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use keymuster_core::activation::Activation;
use keymuster_core::bundle::Bundle;
use keymuster_core::catalogue::Catalogue;
use keymuster_core::client_token::ClientToken;
use keymuster_core::document::{self, Document, Signed, from_payload, payload};
use keymuster_core::entitlement::Entitlement;
use keymuster_core::id::{ClientId, Label, Slug, from_hex, to_hex};
use keymuster_core::issuer::Issuer;
use keymuster_core::key::{KeyId, ProductKey};
use keymuster_core::lease::Lease;
use keymuster_core::request::{ClientRequest, HostRequest};
use keymuster_core::revocation::Revocations;
use keymuster_core::signature::{PublicKey, SecretKey};
use keymuster_core::trust::Trust;
use proptest::prelude::*;
use support::read::outcome;
use support::{Vector, named};

/// All documents of a bundle, each as its place.
fn documents(bundle: &mut Bundle) -> Vec<&mut Vec<u8>> {
    let Bundle { lease, entitlement, activation, catalogue, issuers, revocations, .. } = bundle;
    let single = [lease, entitlement, activation, catalogue, revocations];
    let single = single.into_iter().flatten();
    single.chain(issuers.iter_mut().flatten()).map(|bytes| &mut **bytes).collect()
}

fn with_bundle(vector: &Vector, bundle: &Bundle) -> Vector {
    let mut vector = Vector(vector.0.clone());
    vector.0["input"]["bundle"] = to_hex(&bundle.to_bytes()).into();
    vector
}

/// Whether a vector is accepted once the given document of its bundle has been changed.
fn is_accepted(vector: &Vector, bundle: &Bundle, at: usize, change: impl FnOnce(&mut Vec<u8>)) -> bool {
    let mut bundle = bundle.clone();
    change(documents(&mut bundle)[at]);
    outcome(&with_bundle(vector, &bundle)).is_ok()
}

/// Answers in which, together, every kind of document occurs.
const ANSWERS: [&str; 4] =
    ["lease-answer/seat", "lease-answer/revoked-none", "activation-answer/for-ever", "catalogue-pack/plain"];

#[test]
fn every_bit_of_every_document_counts() {
    for name in ANSWERS {
        let vector = named(name);
        let mut bundle = Bundle::parse(&vector.bytes("/input/bundle")).unwrap();
        let lengths: Vec<usize> = documents(&mut bundle).iter().map(|document| document.len()).collect();
        for (at, length) in lengths.into_iter().enumerate() {
            assert!(is_accepted(&vector, &bundle, at, |_| {}), "{name} is sound");
            for bit in 0..length * 8 {
                let flip = |document: &mut Vec<u8>| document[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_accepted(&vector, &bundle, at, flip), "{name}: bit {bit} of document {at}");
            }
        }
    }
}

#[test]
fn every_bit_of_a_request_counts() {
    for name in ["client-request/full", "host-request/full"] {
        let vector = named(name);
        let sound = vector.bytes("/input/document");
        for bit in 0..sound.len() * 8 {
            let mut bytes = sound.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let is_accepted = ClientRequest::verify(&bytes).is_ok() || HostRequest::verify(&bytes).is_ok();
            assert!(!is_accepted, "{name}: bit {bit}");
        }
    }
}

#[test]
fn no_part_of_a_document_is_a_document_and_none_can_be_left_out() {
    for name in ANSWERS {
        let vector = named(name);
        let mut bundle = Bundle::parse(&vector.bytes("/input/bundle")).unwrap();
        let lengths: Vec<usize> = documents(&mut bundle).iter().map(|document| document.len()).collect();
        for (at, length) in lengths.into_iter().enumerate() {
            for shorter in 0..length {
                assert!(!is_accepted(&vector, &bundle, at, |document| document.truncate(shorter)), "{name}: {at}");
            }
            assert!(!is_accepted(&vector, &bundle, at, |document| document.push(0)), "{name}: {at}");
        }
        bundle.issuers = None;
        assert!(outcome(&with_bundle(&vector, &bundle)).is_err(), "{name} without issuers");
    }
}

/// Calls every parser of outside bytes; what one of them accepts is written as the same bytes again.
fn parse_all(bytes: &[u8]) {
    fn body<D: Document>(bytes: &[u8]) {
        if let Ok(body) = from_payload::<D>(bytes) {
            assert_eq!(payload(&body).unwrap(), bytes, "{}", D::TYPE);
        }
        let key = SecretKey::from_seed(&[3; 32]).public();
        if let Ok(document) = Signed::<D>::verify(bytes, &key) {
            assert_eq!(document.bytes(), bytes);
        }
        let _ = document::signer_of::<D>(bytes);
    }
    body::<Activation>(bytes);
    body::<Catalogue>(bytes);
    body::<ClientRequest>(bytes);
    body::<Entitlement>(bytes);
    body::<HostRequest>(bytes);
    body::<Issuer>(bytes);
    body::<Lease>(bytes);
    body::<Revocations>(bytes);
    let _ = (ClientRequest::verify(bytes), HostRequest::verify(bytes));
    if let Ok(claim) = document::claim(bytes, 4096) {
        assert!(!format!("{claim:?}").is_empty());
    }
    if let Ok(bundle) = Bundle::parse(bytes) {
        assert_eq!(bundle.to_bytes(), bytes);
    }
    if let Ok(bundle) = Bundle::parse_file(bytes) {
        assert_eq!(bundle.to_file(), bytes);
    }
    if let Ok(point) = bytes.try_into().map(PublicKey::from_bytes) {
        assert!(point.is_none_or(|point| point.as_bytes() == bytes));
    }
}

fn parse_text(text: &str) {
    if let Ok(trust) = text.parse::<Trust>() {
        assert_eq!(trust.to_string().parse(), Ok(trust));
    }
    if let Ok(token) = text.parse::<ClientToken>() {
        // The lines have other numbers then, and nothing else.
        assert_eq!(token.to_string().parse::<ClientToken>().map(|token| token.to_string()), Ok(token.to_string()));
    }
    let _ = (ProductKey::parse(text), text.parse::<KeyId>(), text.parse::<ClientId>(), from_hex::<32>(text));
    let _ = (text.parse::<Slug>(), text.parse::<Label>());
}

/// The bytes of a sound document or of its payload.
fn sound() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "document/activation/full",
        "document/catalogue/full",
        "document/entitlement/full",
        "document/issuer/families",
        "document/lease/full",
        "document/revocations/full",
        "client-request/full",
        "host-request/full",
    ];
    let of = |name: &str| named(name).bytes("/input/document");
    let mut all: Vec<Vec<u8>> = names.iter().map(|name| of(name)).collect();
    all.extend(all.clone().iter().map(|document| payload_of(document)));
    all.push(named("bundle/all").bytes("/input/bundle"));
    all.push(named("bundle-file/answer").bytes("/input/file"));
    prop::sample::select(all)
}

fn payload_of(document: &[u8]) -> Vec<u8> {
    let mut d = minicbor::Decoder::new(document);
    d.array().unwrap();
    d.bytes().unwrap();
    d.map().unwrap();
    d.bytes().unwrap().to_vec()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        parse_all(&bytes);
        parse_text(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn no_damage_makes_a_parser_panic_or_accept_a_second_form(
        mut bytes in sound(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<u8>()), 1..4),
    ) {
        for (at, act, byte) in damage {
            let at = at.index(bytes.len());
            match act {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                // What counts things: lengths, keys and small numbers are off by one.
                2 => bytes[at] = bytes[at].wrapping_add(1),
                _ => drop(bytes.remove(at)),
            }
            prop_assume!(!bytes.is_empty());
        }
        parse_all(&bytes);
    }

    #[test]
    fn no_lines_make_the_trust_file_panic(
        lines in prop::collection::vec(
            prop_oneof![
                Just("keymuster-trust 1".to_owned()),
                Just("publisher aurora".to_owned()),
                Just(format!("root {}", to_hex(SecretKey::from_seed(&[1; 32]).public().as_bytes()))),
                Just("authority https://a.example".to_owned()),
                "(publisher|root|authority|#)? ?[a-f0-9:/]{0,70}",
                any::<String>(),
            ],
            0..6,
        ),
        is_headed in any::<bool>(),
    ) {
        let head = if is_headed { "keymuster-trust 1\n" } else { "" };
        parse_text(&format!("{head}{}", lines.join("\n")));
    }
}
