//! Vectors of product keys (`docs/spec/product-keys.md`). They are texts that people type, so they are written out.

use serde_json::{Value, json};

use super::Vector;

const HOST_KEY: &str = "GDVC8-QHX68-699TG-DTXQ8-6K264";

pub fn vectors() -> Vec<Vector> {
    let mut vectors = accepted();
    vectors.extend(mistyped());
    vectors.extend(refused());
    vectors
}

fn key(name: &str, about: &'static str, text: &str) -> Vector {
    Vector::new("product-key", name, about, json!({ "text": text }))
}

fn host_key() -> Value {
    json!({
        "key": HOST_KEY, "kind": "host", "number": 7, "mark": 0x82, "serial": 43,
        "tag": "6b5ed6483f67", "id": "500078200002b",
    })
}

fn accepted() -> Vec<Vector> {
    let written = [
        ("plain", "a host key as it is written", HOST_KEY),
        ("lower-case", "case and grouping do not matter", "gdvc8qhx68699tgdtxq86k264"),
        ("dashes", "all the dashes that text processors make", "GDVC8‐QHX68–699TG—DTXQ8−6K264―"),
        (
            "blanks",
            "Unicode white space: tab, no-break space, next line, ideographic space",
            "GDVC8\tQHX68\u{a0}699TG\u{85}DTXQ8\u{3000}6K264",
        ),
    ];
    let mut vectors: Vec<Vector> =
        written.into_iter().map(|(name, about, text)| key(name, about, text).says(host_key())).collect();
    let padded = format!("{HOST_KEY:100}");
    vectors.push(key("hundred-bytes", "a text of 100 bytes is not too long", &padded).says(host_key()));
    vectors.push(key("setup-key", "a setup key", "FJ6B3-QVQCM-YCVB7-BJB3P-8KDBJ").says(json!({
        "key": "FJ6B3-QVQCM-YCVB7-BJB3P-8KDBJ", "kind": "setup", "number": 1, "mark": 0x82, "serial": 1,
        "tag": "825ce7bce257", "id": "4000182000001",
    })));
    vectors.push(key("mak", "a MAK with the largest number and serial", "H29B4-VD2T6-4V74J-678TY-WXHVC").says(json!({
        "key": "H29B4-VD2T6-4V74J-678TY-WXHVC", "kind": "mak", "number": 65535, "mark": 0x93, "serial": 16_777_215,
        "tag": "9c8a81798d5f", "id": "6ffff93ffffff",
    })));
    vectors
}

/// Texts for which the key that was meant can be told, as far as the code reaches.
fn mistyped() -> Vec<Vector> {
    let corrected = [
        ("one-wrong", "one wrong symbol is located", "GDVC8-QHX68-689TG-DTXQ8-6K264", json!([[3, 2, "9"]])),
        ("last-wrong", "the last symbol, in lower case", "GDVC8-QHX68-699TG-DTXQ8-6K26b", json!([[5, 5, "4"]])),
        ("one-foreign", "one character outside the alphabet", "GDVC8-QHX68-699TG-DTXQO-6K264", json!([[4, 5, "8"]])),
        (
            "three-foreign",
            "three characters outside the alphabet are filled",
            "0DVC8-QHX68-699OG-DTXQ8-6K26Z",
            json!([[1, 1, "G"], [3, 4, "T"], [5, 5, "4"]]),
        ),
        (
            "kelvin",
            "the Kelvin sign becomes a k where case is folded beyond ASCII, and is foreign here",
            "GDVC8-QHX68-699TG-DTXQ8-6\u{212a}264",
            json!([[5, 2, "K"]]),
        ),
    ];
    let mut vectors: Vec<Vector> = corrected
        .into_iter()
        .map(|(name, about, text, corrections)| {
            key(name, about, text).gives("key-mistyped").says(json!({ "corrections": corrections }))
        })
        .collect();
    for (name, about, text, place) in [
        ("swapped", "two neighbours changed places", "GDVC8-QHX86-699TG-DTXQ8-6K264", [2, 4]),
        ("swapped-across", "the last of a group and the first of the next", "GDVC8-QHX66-899TG-DTXQ8-6K264", [2, 5]),
    ] {
        vectors.push(key(name, about, text).gives("key-mistyped").says(json!({ "swapped": place })));
    }
    vectors
}

fn refused() -> Vec<Vector> {
    let padded = format!("{HOST_KEY:101}");
    [
        ("too-long", "101 bytes, most of them blanks", padded.as_str(), "key-wrong-length"),
        ("empty", "nothing", "", "key-wrong-length"),
        ("short", "24 symbols", "GDVC8-QHX68-699TG-DTXQ8-6K26", "key-wrong-length"),
        ("long", "26 symbols", "GDVC8-QHX68-699TG-DTXQ8-6K264-B", "key-wrong-length"),
        ("unit-separator", "U+001F is no white space", "GDVC8\u{1f}QHX68699TGDTXQ86K264", "key-wrong-length"),
        ("zero-width", "U+200B is no white space", "GDVC8\u{200b}QHX68699TGDTXQ86K264", "key-wrong-length"),
        ("two-wrong", "two wrong symbols", "GDVC8-QHX68-BB9TG-DTXQ8-6K264", "key-unreadable"),
        ("four-foreign", "four characters outside the alphabet", "0000B-QHX68-699TG-DTXQ8-6K264", "key-unreadable"),
        ("foreign-and-wrong", "one foreign and one wrong", "0DVC8-QHX68-689TG-DTXQ8-6K264", "key-unreadable"),
        ("version-0", "a codeword of version 0", "BBBBB-BBBBB-BBBBB-BBBBB-BBBBB", "key-unknown-version"),
        ("version-2", "a codeword of version 2", "JVYCB-MHX2G-7YXF7-JK9HB-7M294", "key-unknown-version"),
        ("version-3", "a codeword of version 3", "P6TCT-TMRV4-MT824-7R84V-MBK7V", "key-unknown-version"),
        ("kind-3", "a codeword of version 1 and kind 3", "H29B7-KG83C-J9VJP-WT9KP-3YFBF", "key-unknown-version"),
        ("too-large", "a codeword that writes 2^100", "VFMDB-YRKQP-4PJK3-TX8QC-3YT9M", "key-unreadable"),
        ("largest", "a codeword near the largest", "99999-99999-99999-99998-JMPWG", "key-unreadable"),
        ("mistyped-version", "one wrong symbol in version 2", "JVYCB-MHX2H-7YXF7-JK9HB-7M294", "key-unreadable"),
    ]
    .into_iter()
    .map(|(name, about, text, code)| key(name, about, text).gives(code))
    .collect()
}
