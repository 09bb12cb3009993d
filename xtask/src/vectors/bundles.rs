//! Vectors of bundles (`docs/spec/messages.md`, 2): their form alone, since what stands in one is not verified yet.

use keymuster_core::id::to_hex;
use serde_json::json;

use super::Vector;
use super::forge::{array, bytes, cbor, map, uint};
use super::world::{answer, entitlement, lease};

const MALFORMED: &str = "document-malformed";

pub fn vectors() -> Vec<Vector> {
    let mut vectors = accepted();
    vectors.extend(malformed());
    vectors
}

fn bundle(name: &str, about: &'static str, content: &[u8]) -> Vector {
    Vector::new("bundle", name, about, json!({ "bundle": to_hex(content) }))
}

fn file(name: &str, about: &'static str, content: &[u8]) -> Vector {
    Vector::new("bundle-file", name, about, json!({ "file": to_hex(content) }))
}

fn accepted() -> Vec<Vector> {
    let whole = answer(lease(), entitlement());
    let refused = map(&[(uint(1), bytes(&[0x7e; 16])), (uint(2), cbor("mak-exhausted")), (uint(3), cbor("9 of 9"))]);
    let content = |key: u64| match key {
        5 | 11 | 13 => array(&[bytes(b"i")]),
        12 => cbor("a key"),
        14 => array(std::slice::from_ref(&refused)),
        _ => bytes(b"d"),
    };
    let entries: Vec<_> = (1..=14).map(|key| (uint(key), content(key))).collect();
    let issuers = vec![bytes(b"i"); 8];
    vec![
        bundle("answer", "an answer to a client", &whole.to_bytes()).says(json!({ "keys": [1, 2, 5] })),
        bundle("empty", "a bundle of nothing", &map(&[])).says(json!({ "keys": [] })),
        bundle("all", "every key; contents are not looked at", &map(&entries))
            .says(json!({ "keys": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14] })),
        bundle(
            "thousand",
            "as many requests as an exchange may have",
            &map(&[(uint(11), array(&vec![bytes(b"r"); 1000]))]),
        )
        .says(json!({ "keys": [11] })),
        bundle("eight-issuers", "as many issuers as there may be", &map(&[(uint(5), array(&issuers))]))
            .says(json!({ "keys": [5] })),
        file("answer", "the same in a file", &whole.to_file()).says(json!({ "keys": [1, 2, 5] })),
    ]
}

fn malformed() -> Vec<Vector> {
    let entry = |key: u64, value: Vec<u8>| (uint(key), value);
    let sound = answer(lease(), entitlement()).to_bytes();
    let mut vectors: Vec<Vector> = [
        ("nothing", "no bytes", Vec::new()),
        ("no-map", "an array", array(&[])),
        ("unknown-key", "a key that does not exist", map(&[entry(15, bytes(b"d"))])),
        ("no-requests", "an exchange of nothing", map(&[entry(11, array(&[]))])),
        (
            "many-requests",
            "more requests than an exchange may have",
            map(&[entry(11, array(&vec![bytes(b"r"); 1001]))]),
        ),
        ("no-refusals", "an empty list of refusals", map(&[entry(14, array(&[]))])),
        ("refusal-bare", "a refusal without its code", map(&[entry(14, array(&[map(&[(uint(1), bytes(&[1; 16]))])]))])),
        ("key-100", "no key is kept for additions in a bundle", map(&[entry(100, map(&[]))])),
        ("text", "a text where bytes belong", map(&[entry(1, cbor("d"))])),
        ("null", "null for an absent document", map(&[entry(1, vec![0xf6])])),
        ("no-issuers", "an empty list of issuers", map(&[entry(5, array(&[]))])),
        ("nine-issuers", "more issuers than there may be", map(&[entry(5, array(&vec![bytes(b"i"); 9]))])),
        ("one-issuer-bare", "an issuer outside a list", map(&[entry(5, bytes(b"i"))])),
        ("order", "keys out of order", map(&[entry(2, bytes(b"d")), entry(1, bytes(b"d"))])),
        ("twice", "a key that occurs twice", map(&[entry(1, bytes(b"d")), entry(1, bytes(b"d"))])),
        ("indefinite", "a map of indefinite length", vec![0xbf, 0x01, 0x41, 0x64, 0xff]),
        ("trailing", "a byte after the end", [sound.clone(), vec![0]].concat()),
        ("magic", "the head of a file in an answer", [b"KM1\n".to_vec(), sound.clone()].concat()),
    ]
    .into_iter()
    .map(|(name, about, content)| bundle(name, about, &content).gives(MALFORMED))
    .collect();
    vectors.push(file("no-magic", "a file without its head", &sound).gives(MALFORMED));
    vectors.push(
        file("dos-magic", "a head whose line end was converted", &[b"KM1\r\n".to_vec(), sound].concat())
            .gives(MALFORMED),
    );
    vectors
}
