//! Vectors of the envelope (`docs/spec/documents.md`, 2 and 3): a sound lease in every envelope but the right one.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::SigningKey;
use keymuster_core::document::Document;
use keymuster_core::entitlement::Entitlement;
use keymuster_core::lease::Lease;
use keymuster_core::signature::PublicKey;

use super::forge::{
    Fields, Parts, array, bytes, cbor, challenge, header, malleated, map, protected, signature_with_r, text, uint,
};
use super::world::{HOST, OTHER_HOST, lease, public};
use super::{Vector, document};

const MALFORMED: &str = "document-malformed";
const TYPE: &str = Lease::TYPE;

pub fn vectors() -> Vec<Vector> {
    let mut vectors = shapes();
    vectors.extend(headers());
    vectors.extend(signatures());
    vectors.extend(weak_points());
    vectors.extend(sizes());
    vectors
}

fn envelope(name: &str, about: &'static str, content: &[u8]) -> Vector {
    document(&format!("lease/{name}"), about, content, &public(HOST))
}

fn sound() -> Parts {
    Parts::new(TYPE, Fields::of(lease()).payload(), HOST)
}

/// What stands around the four parts.
fn shapes() -> Vec<Vector> {
    let parts = sound();
    let sealed = parts.sealed();
    let [head, empty, payload, signature] =
        [bytes(&parts.protected), map(&[]), bytes(&parts.payload), bytes(&parts.signature())];
    let items = [head.clone(), empty.clone(), payload.clone(), signature.clone()];
    let four = items.concat();
    let unprotected = map(&[(uint(4), bytes(&[1; 8]))]);
    let length = u32::try_from(parts.payload.len()).expect("a lease is small");
    let long_payload = [&[0x5a], &length.to_be_bytes()[..], &parts.payload].concat();
    [
        ("empty", "no bytes", Vec::new()),
        ("cut-off", "the last byte is missing", sealed[..sealed.len() - 1].to_vec()),
        ("trailing", "a byte after the end", [sealed.clone(), vec![0]].concat()),
        ("tagged", "the tag of COSE_Sign1 (18)", [vec![0xd2], sealed.clone()].concat()),
        ("wrapped", "inside a byte string", bytes(&sealed)),
        ("three-parts", "without the signature", array(&items[..3])),
        ("five-parts", "with a fifth part", array(&[items.as_slice(), &[map(&[])]].concat())),
        ("indefinite", "an array of indefinite length", [vec![0x9f], four.clone(), vec![0xff]].concat()),
        ("long-array", "the length of the array in two bytes", [vec![0x98, 4], four.clone()].concat()),
        (
            "long-bytes",
            "the length of the payload in five bytes",
            array(&[head.clone(), empty.clone(), long_payload, signature.clone()]),
        ),
        (
            "unprotected",
            "an unprotected header",
            array(&[head.clone(), unprotected, payload.clone(), signature.clone()]),
        ),
        (
            "unprotected-indefinite",
            "an unprotected header of indefinite length",
            array(&[head.clone(), vec![0xbf, 0xff], payload.clone(), signature.clone()]),
        ),
        ("detached", "null for the payload", array(&[head.clone(), empty.clone(), vec![0xf6], signature.clone()])),
        (
            "payload-bare",
            "the payload outside a byte string",
            array(&[head.clone(), empty.clone(), parts.payload.clone(), signature.clone()]),
        ),
        (
            "chunked",
            "the payload in chunks",
            array(&[head, empty, [vec![0x5f], payload, vec![0xff]].concat(), signature]),
        ),
        ("short-signature", "a signature of 63 bytes", parts.sealed_with(&[1; 63])),
        ("long-signature", "a signature of 65 bytes", parts.sealed_with(&[1; 65])),
    ]
    .into_iter()
    .map(|(name, about, content)| envelope(name, about, &content).gives(MALFORMED))
    .collect()
}

/// Each signed as it stands, so that the header alone is wrong.
fn headers() -> Vec<Vector> {
    let signer = *public(HOST).as_bytes();
    let good = header(&signer, TYPE);
    let [algorithm, key_id, document_type] = [good[0].clone(), good[1].clone(), good[2].clone()];
    let of = |entries: &[(Vec<u8>, Vec<u8>)]| Parts { protected: protected(entries), ..sound() }.sealed();
    let with_algorithm = |value: Vec<u8>| of(&[(uint(1), value), key_id.clone(), document_type.clone()]);
    let with_key_id = |value: &[u8]| of(&[algorithm.clone(), (uint(4), bytes(value)), document_type.clone()]);
    let name = &Parts::new(TYPE, Vec::new(), HOST).protected;
    let mut vectors: Vec<Vector> = [
        ("no-header", "an empty protected header", Parts { protected: Vec::new(), ..sound() }.sealed()),
        ("eddsa", "the algorithm EdDSA (-8)", with_algorithm(cbor(-8_i8))),
        ("es256", "the algorithm ES256 (-7)", with_algorithm(cbor(-7_i8))),
        ("algorithm-name", "the algorithm as a name", with_algorithm(text("Ed25519"))),
        ("algorithm-float", "the algorithm as a float", with_algorithm(vec![0xf9, 0xcc, 0xc0])),
        ("algorithm-long", "the algorithm in two bytes", with_algorithm(vec![0x38, 18])),
        ("no-algorithm", "no algorithm", of(&[key_id.clone(), document_type.clone()])),
        ("no-key-id", "no key id", of(&[algorithm.clone(), document_type.clone()])),
        ("no-type", "no type", of(&[algorithm.clone(), key_id.clone()])),
        ("short-key-id", "a key id of 7 bytes", with_key_id(&[1; 7])),
        ("long-key-id", "the whole key as its id", with_key_id(&signer)),
        ("header-order", "the header out of order", of(&[key_id.clone(), algorithm.clone(), document_type.clone()])),
        ("critical", "a further header", of(&[&good[..], &[(uint(20), uint(1))]].concat())),
        (
            "header-trailing",
            "a byte after the header",
            Parts { protected: [name.as_slice(), &[0]].concat(), ..sound() }.sealed(),
        ),
        ("type-number", "a type that is a number", of(&[algorithm.clone(), key_id.clone(), (uint(16), uint(1))])),
    ]
    .into_iter()
    .map(|(name, about, content)| envelope(name, about, &content).gives(MALFORMED))
    .collect();
    let typed = |document_type: &str| Parts::new(document_type, sound().payload, HOST).sealed();
    for (name, about, content) in [
        ("entitlement-type", "the type of an entitlement", typed(Entitlement::TYPE)),
        ("unknown-type", "a type that does not exist", typed("keymuster-lease2+cose")),
        ("type-case", "types are compared byte by byte", typed("Keymuster-Lease+COSE")),
    ] {
        vectors.push(envelope(name, about, &content).gives("document-wrong-type"));
    }
    vectors
}

fn signatures() -> Vec<Vector> {
    let parts = sound();
    let signature = parts.signature();
    let flipped = |at: usize| {
        let mut signature = signature;
        signature[at] ^= 1;
        parts.sealed_with(&signature)
    };
    let signed_as = |changed: Parts| parts.sealed_with(&changed.signature());
    let changed = Fields::of(lease()).with(12, uint(31)).payload();
    let mut vectors: Vec<Vector> = [
        (
            "payload-changed",
            "one field was changed afterwards",
            Parts { payload: changed, ..sound() }.sealed_with(&signature),
        ),
        ("r-changed", "one bit of R was changed", flipped(0)),
        ("s-changed", "one bit of S was changed", flipped(32)),
        ("zeros", "a signature of zeros", parts.sealed_with(&[0; 64])),
        ("s-plus-order", "the group's order was added to S", parts.sealed_with(&malleated(&signature))),
        ("other-key", "signed by another key in this one's name", signed_as(Parts { seed: OTHER_HOST, ..sound() })),
        ("no-external", "signed without the external data", signed_as(Parts { external: String::new(), ..sound() })),
        (
            "external-type",
            "signed with the external data of another type",
            signed_as(Parts { external: format!("keymuster1/{}", Entitlement::TYPE), ..sound() }),
        ),
        (
            "external-version",
            "signed with the external data of another version",
            signed_as(Parts { external: format!("keymuster2/{TYPE}"), ..sound() }),
        ),
        ("context", "signed with the context of COSE_Sign", signed_as(Parts { context: "Signature", ..sound() })),
    ]
    .into_iter()
    .map(|(name, about, content)| envelope(name, about, &content).gives("signature-invalid"))
    .collect();
    let named_by_another = Parts::new(TYPE, parts.payload.clone(), OTHER_HOST).sealed();
    vectors.push(
        envelope("other-signer", "signed by another key in its own name", &named_by_another).gives("signer-unknown"),
    );
    vectors.push(envelope("sound", "the same lease as it should be", &parts.sealed()));
    vectors
}

/// Signatures that verifiers of Ed25519 are known to disagree on.
fn weak_points() -> Vec<Vector> {
    let key = SigningKey::from_bytes(&HOST);
    let (scalar, own) = (key.to_scalar(), key.verifying_key().to_bytes());
    let parts = sound();
    let r_is_zero = signature_with_r(Scalar::ZERO, EIGHT_TORSION[0], scalar, &own, &parts.input());
    let nonce = Scalar::from(7_u64);
    let r_off_group = EdwardsPoint::mul_base(&nonce) + EIGHT_TORSION[1];
    let r_off_group = signature_with_r(nonce, r_off_group, scalar, &own, &parts.input());
    vec![
        envelope("r-small-order", "R is the neutral element; the equation holds", &parts.sealed_with(&r_is_zero))
            .gives("signature-invalid"),
        envelope("r-mixed-order", "the equation holds only times the cofactor", &parts.sealed_with(&r_off_group))
            .gives("signature-invalid"),
        mixed_order_key("a-mixed-order", false).gives("signature-invalid"),
        mixed_order_key("a-mixed-order-exact", true),
    ]
}

/// A key with a part of order 8: the exact equation holds for one signature in eight, that times the cofactor always.
fn mixed_order_key(name: &str, is_exact: bool) -> Vector {
    let scalar = SigningKey::from_bytes(&HOST).to_scalar();
    let mixed = EdwardsPoint::mul_base(&scalar) + EIGHT_TORSION[1];
    let a = mixed.compress().to_bytes();
    let parts = Parts { protected: protected(&header(&a, TYPE)), ..sound() };
    let input = parts.input();
    let eighth = |nonce: &u64| {
        let r = EdwardsPoint::mul_base(&Scalar::from(*nonce)).compress().to_bytes();
        challenge(&r, &a, &input).as_bytes()[0] & 7
    };
    let nonce = (1..100).find(|nonce| (eighth(nonce) == 0) == is_exact).expect("one in eight is exact");
    let nonce = Scalar::from(nonce);
    let signature = signature_with_r(nonce, EdwardsPoint::mul_base(&nonce), scalar, &a, &input);
    let about = if is_exact {
        "a key of mixed order, and the equation holds without the cofactor"
    } else {
        "a key of mixed order, and the equation holds only times the cofactor"
    };
    let key = PublicKey::from_bytes(&a).expect("a point of mixed order is not of small order");
    document(&format!("lease/{name}"), about, &parts.sealed_with(&signature), &key)
}

/// A lease of so many bytes, filled up with an addition that readers ignore.
fn filled(length: usize) -> Vec<u8> {
    let with = |filling: usize| {
        let fields = Fields::of(lease()).with(100, map(&[(uint(1), bytes(&vec![0; filling]))]));
        Parts::new(TYPE, fields.payload(), HOST).sealed()
    };
    with(length - (with(length / 2).len() - length / 2))
}

fn sizes() -> Vec<Vector> {
    vec![
        envelope("full-size", "4096 bytes", &filled(4096)),
        envelope("too-large", "4097 bytes", &filled(4097)).gives("document-too-large"),
        envelope("too-large-garbage", "the size decides before anything is read", &[0; 4097])
            .gives("document-too-large"),
    ]
}
