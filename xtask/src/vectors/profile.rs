//! Vectors of the profile (`docs/spec/documents.md`, 3): leases whose signatures hold, over payloads out of form.

use keymuster_core::document::Document;
use keymuster_core::lease::Lease;

use super::forge::{Fields, Parts, array, bytes, cbor, map, text, uint};
use super::world::{HOST, lease, position, public, seat_lease};
use super::{Vector, document};

const MALFORMED: &str = "document-malformed";

pub fn vectors() -> Vec<Vector> {
    let mut vectors = extensions();
    for (name, about, payload) in
        forms().into_iter().chain(types()).chain(ranges()).chain(points()).chain(contradictions())
    {
        vectors.push(signed(name, about, payload).gives(MALFORMED));
    }
    vectors
}

type Case = (&'static str, &'static str, Vec<u8>);

fn signed(name: &str, about: &'static str, payload: Vec<u8>) -> Vector {
    let content = Parts::new(Lease::TYPE, payload, HOST).sealed();
    document(&format!("lease/payload-{name}"), about, &content, &public(HOST))
}

fn sound() -> Fields {
    Fields::of(lease())
}

fn with(key: u64, value: Vec<u8>) -> Vec<u8> {
    sound().with(key, value).payload()
}

/// The map itself.
fn forms() -> Vec<Case> {
    let fields = sound();
    let entries = fields.0.clone();
    let whole = fields.payload();
    let swapped = {
        let mut entries = entries.clone();
        entries.swap(0, 1);
        map(&entries)
    };
    let twice = map(&[&entries[..1], &entries].concat());
    let long_key = {
        let mut entries = entries.clone();
        entries[0].0 = vec![0x18, 0x01];
        map(&entries)
    };
    // At the end, where the order of encoded keys would have it.
    let float_key = map(&[&entries[1..], &[(vec![0xf9, 0x3c, 0x00], entries[0].1.clone())]].concat());
    vec![
        ("empty", "nothing", Vec::new()),
        ("empty-map", "a map without fields", map(&[])),
        ("array", "an array of the values", array(&entries.iter().map(|(_, value)| value.clone()).collect::<Vec<_>>())),
        ("tagged", "a tagged map", [vec![0xd9, 0xd9, 0xf7], whole.clone()].concat()),
        ("trailing", "a byte after the map", [whole.clone(), vec![0]].concat()),
        ("cut-off", "the last byte is missing", whole[..whole.len() - 1].to_vec()),
        ("indefinite", "a map of indefinite length", [&[0xbf], &whole[1..], &[0xff]].concat()),
        ("long-map", "the length of the map in two bytes", [&[0xb8, whole[0] & 0x1f], &whole[1..]].concat()),
        ("order", "two fields out of order", swapped),
        ("twice", "a field that occurs twice", twice),
        ("long-key", "a key in two bytes", long_key),
        ("float-key", "a key that is a float equal to its number", float_key),
        ("text-key", "a key that is a text", map(&[entries, vec![(text("x"), uint(1))]].concat())),
        ("missing", "a field that must be there is missing", fields.without(12).payload()),
        ("unknown", "an unknown field", with(22, uint(1))),
        ("unknown-99", "an unknown field below the additions", with(99, uint(1))),
        ("unknown-101", "an unknown field above the additions", with(101, uint(1))),
        ("deep", "an unknown field of a thousand nested arrays", with(22, [vec![0x81; 1000], vec![0x00]].concat())),
    ]
}

/// Values of another type, or in another form, than the field's.
fn types() -> Vec<Case> {
    let long_text = [&[0x78, 6], "aurora".as_bytes()].concat();
    let chunked_text = [&[0x7f, 0x66], "aurora".as_bytes(), &[0xff]].concat();
    let features = [&[0x9f], text("cad").as_slice(), &[0xff]].concat();
    vec![
        ("long-int", "a number in more bytes than it needs", with(12, vec![0x19, 0x00, 30])),
        ("long-text", "the length of a text in two bytes", with(2, long_text)),
        ("chunked-text", "a text of indefinite length", with(2, chunked_text)),
        ("chunked-array", "an array of indefinite length", with(16, features)),
        ("float", "a float for a number", with(12, vec![0xf9, 0x4f, 0x80])),
        ("bignum", "a tagged big number", with(12, vec![0xc2, 0x41, 30])),
        ("time-tag", "a tagged time", with(9, [vec![0xc1], cbor(lease().issued)].concat())),
        ("negative", "a negative number", with(12, cbor(-1_i8))),
        ("true", "true for a number", with(12, vec![0xf5])),
        ("null", "null for an absent field", with(14, vec![0xf6])),
        ("null-bytes", "null for absent bytes", with(17, vec![0xf6])),
        ("undefined", "undefined for an absent field", with(15, vec![0xf7])),
        ("bytes-for-text", "bytes for a text", with(2, bytes(b"aurora"))),
        ("text-for-bytes", "a text for bytes", with(4, text(&"p".repeat(16)))),
        ("not-utf-8", "a text that is not UTF-8", with(2, vec![0x62, 0xc3, 0x28])),
        ("text-for-array", "a text for an array", with(16, text("cad"))),
        ("array-for-map", "an array for a position", with(8, array(&[uint(1)]))),
        (
            "inner-unknown",
            "an unknown field inside a position",
            with(8, Fields::of(position(1, 42)).with(5, uint(0)).payload()),
        ),
        (
            "inner-missing",
            "a field missing inside a position",
            with(8, Fields::of(position(1, 42)).without(4).payload()),
        ),
    ]
}

/// Values beyond what the field may hold.
fn ranges() -> Vec<Case> {
    let slug = |name: &'static str, about: &'static str, value: &str| (name, about, with(2, text(value)));
    vec![
        ("u16", "an edition above 65535", with(6, uint(65_536))),
        ("u32", "a threshold of 2^32", with(13, uint(1 << 32))),
        ("u64", "a number that needs 65 bits", with(12, vec![0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0])),
        ("late", "a time after the year 9999", with(11, uint(253_402_300_800))),
        ("kind-0", "a kind that does not exist", with(1, uint(0))),
        ("kind-3", "another", with(1, uint(3))),
        slug("slug-empty", "an empty name", ""),
        slug("slug-case", "a capital letter in a name", "Aurora"),
        slug("slug-end", "a name that ends with a dash", "aurora-"),
        slug("slug-dot", "a name that begins with a dot", ".aurora"),
        slug("slug-blank", "a blank in a name", "aurora software"),
        slug("slug-umlaut", "a letter beyond a to z in a name", "auröra"),
        slug("slug-newline", "a line break after a name", "aurora\n"),
        slug("slug-long", "a name of 65 letters", &"a".repeat(65)),
        ("short-id", "an id of 15 bytes", with(4, bytes(&[0x70; 15]))),
        ("long-id", "an id of 17 bytes", with(4, bytes(&[0x70; 17]))),
        (
            "short-head",
            "a ledger head of 15 bytes",
            with(8, Fields::of(position(1, 42)).with(4, bytes(&[0x4d; 15])).payload()),
        ),
        ("short-ratchet", "a ratchet of 15 bytes", with(17, bytes(&[1; 15]))),
        ("short-fingerprint", "a fingerprint of 31 bytes", with(18, bytes(&[1; 31]))),
    ]
}

/// Client keys that are not good public keys.
fn points() -> Vec<Case> {
    let with_ends = |first: u8, middle: u8, last: u8| {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        with(5, bytes(&point))
    };
    let order_8 = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    vec![
        ("key-short", "a public key of 31 bytes", with(5, bytes(&[7; 31]))),
        ("key-off-curve", "no point of the curve", with_ends(2, 0, 0)),
        ("key-order-1", "the neutral element", with_ends(1, 0, 0)),
        ("key-order-1-sign", "the neutral element with a sign", with_ends(1, 0, 0x80)),
        ("key-order-2", "the point of order 2", with_ends(0xec, 0xff, 0x7f)),
        ("key-order-4", "a point of order 4", with_ends(0, 0, 0)),
        ("key-order-4-sign", "the other point of order 4", with_ends(0, 0, 0x80)),
        ("key-order-8", "a point of order 8", with(5, bytes(&order_8))),
        ("key-y-is-p", "y = p", with_ends(0xed, 0xff, 0x7f)),
        ("key-y-above-p", "y = p + 3, a point of large order", with_ends(0xf0, 0xff, 0x7f)),
    ]
}

/// Fields that are sound alone and contradict each other.
fn contradictions() -> Vec<Case> {
    let of = |lease: Lease| Fields::of(lease).payload();
    vec![
        ("renews-late", "renew_after is after expires", of(Lease { renew_after: lease().expires.plus(1), ..lease() })),
        ("renews-early", "renew_after is before issued", of(Lease { renew_after: lease().issued.minus(1), ..lease() })),
        ("volume-seat", "a volume lease with a seat", of(Lease { seat: seat_lease().seat, ..lease() })),
        ("no-seat", "a seat lease without a seat", of(Lease { seat: None, ..seat_lease() })),
    ]
}

/// Field 100 (`docs/spec/documents.md`, 3.3).
fn extensions() -> Vec<Vector> {
    let entries = |keys: &[u64]| map(&keys.iter().map(|key| (uint(*key), bytes(b"later"))).collect::<Vec<_>>());
    let sixteen: Vec<u64> = (1..=16).collect();
    let seventeen: Vec<u64> = (1..=17).collect();
    let mut vectors = vec![
        signed("extension", "an addition that readers ignore", with(100, entries(&[0]))),
        signed("extensions", "sixteen additions", with(100, entries(&sixteen))),
        signed("extension-large", "the largest key", with(100, entries(&[3, u64::MAX]))),
    ];
    for (name, about, value) in [
        ("extension-none", "additions without any", entries(&[])),
        ("extensions-17", "seventeen additions", entries(&seventeen)),
        ("extension-order", "additions out of order", entries(&[2, 1])),
        ("extension-twice", "an addition that occurs twice", entries(&[1, 1])),
        ("extension-text", "an addition that is a text", map(&[(uint(1), text("later"))])),
        ("extension-key", "an addition whose key is a text", map(&[(text("a"), bytes(b"later"))])),
        ("extension-negative", "an addition whose key is negative", map(&[(cbor(-1_i8), bytes(b"later"))])),
        ("extension-bytes", "bytes for the map of additions", bytes(b"later")),
        ("extension-null", "null for absent additions", vec![0xf6]),
    ] {
        vectors.push(signed(name, about, with(100, value)).gives(MALFORMED));
    }
    vectors
}
