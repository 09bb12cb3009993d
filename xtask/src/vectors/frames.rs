//! Vectors of frames (`docs/spec/qr-codes.md`): the texts of QR codes, and the file that they are.
//!
//! Base45 and checksums are written out, or so simple that they can be: a zero pair is `000`.

use keymuster_core::id::to_hex;
use serde_json::{Value, json};

use super::Vector;

/// `KM1`, a line feed and the bytes 0 to 8.
const FILE: [u8; 13] = [0x4b, 0x4d, 0x31, 0x0a, 0, 1, 2, 3, 4, 5, 6, 7, 8];
const WHOLE: &str = "KM1:1/1:5FD28D2D:HN9:86100KB0*M0DY080";
/// The same in three pieces of four, four and five bytes.
const PIECES: [&str; 3] = ["KM1:1/3:5FD28D2D:HN9:86", "KM1:2/3:5FD28D2D:100KB0", "KM1:3/3:5FD28D2D:*M0DY080"];

pub fn vectors() -> Vec<Vector> {
    let mut vectors = accepted();
    vectors.extend(incomplete());
    vectors.extend(unreadable());
    vectors
}

fn frames(name: &str, about: &'static str, texts: &[&str]) -> Vector {
    Vector::new("frames", name, about, json!({ "frames": texts }))
}

fn says(file: &[u8]) -> Value {
    json!({ "file": to_hex(file) })
}

fn accepted() -> Vec<Vector> {
    let [one, two, three] = PIECES;
    let zeros = |data: &str| format!("KM1:1/1:DA45C3E7:{data}");
    vec![
        frames("one", "a file in one frame", &[WHOLE]).says(says(&FILE)),
        frames("three", "a file in three frames", &PIECES).says(says(&FILE)),
        frames("any-order", "out of order, and repeated", &[three, one, three, two, one]).says(says(&FILE)),
        frames(
            "uneven",
            "pieces of any size, odd ones among them",
            &["KM1:1/3:5FD28D2D:U1", "KM1:2/3:5FD28D2D:6Y9+B1X507H0QS070", "KM1:3/3:5FD28D2D:80"],
        )
        .says(says(&FILE)),
        frames("largest-pair", "the group of three with the largest value", &["KM1:1/1:FFFF0000:FGW"])
            .says(says(&[0xff, 0xff])),
        frames("blanks-and-colons", "blanks and colons in the data", &["KM1:1/1:BF5D45A5:  0::0"])
            .says(says(&[0x06, 0x78, 0x07, 0xe8])),
        frames("full", "a frame of 954 bytes", &[&zeros(&"000".repeat(477))]).says(says(&[0; 954])),
    ]
}

fn incomplete() -> Vec<Vector> {
    let [one, two, three] = PIECES;
    let missing = |name: &str, about: &'static str, texts: &[&str], numbers: Value| {
        frames(name, about, texts).gives("frames-missing").says(json!({ "missing": numbers }))
    };
    let mixed = |name: &str, about: &'static str, texts: &[&str]| frames(name, about, texts).gives("frames-mixed");
    vec![
        missing("none", "no frame at all", &[], json!([])),
        missing("two-missing", "one frame of three", &[two, two], json!([1, 3])),
        mixed("other-file", "frames of two files", &[one, "KM1:2/3:5FD28D2E:100KB0", three]),
        mixed("other-count", "frames of one file, split in two ways", &[one, "KM1:2/2:5FD28D2D:100KB0*M0DY080"]),
    ]
}

fn unreadable() -> Vec<Vector> {
    let full = "000".repeat(477);
    let table = [
        ("changed", "all frames, and one bit of one changed", "KM1:1/1:5FD28D2D:HN9:86100KB0*M0DY090".to_owned()),
        ("empty", "an empty text", String::new()),
        ("address", "the code of a web page", "HTTPS://EXAMPLE.ORG/1/1:5FD28D2D:00".to_owned()),
        ("lower-case", "a prefix in lower case", WHOLE.replace("KM1", "km1")),
        ("version", "the prefix of another version", WHOLE.replace("KM1", "KM2")),
        ("number-zero", "frame 0", WHOLE.replace("1/1", "0/1")),
        ("number-beyond", "frame 2 of 1", WHOLE.replace("1/1", "2/1")),
        ("count-65", "more frames than there may be", WHOLE.replace("1/1", "1/65")),
        ("leading-zero", "a number with a leading zero", WHOLE.replace("1/1", "01/1")),
        ("sign", "a number with a sign", WHOLE.replace("1/1", "+1/1")),
        ("no-count", "a number without a count", WHOLE.replace("1/1", "1")),
        ("checksum-short", "seven digits", WHOLE.replace("5FD28D2D", "5FD28D2")),
        ("checksum-lower-case", "digits in lower case", WHOLE.replace("5FD28D2D", "5fd28d2d")),
        ("checksum-sign", "a checksum with a sign", WHOLE.replace("5FD28D2D", "+FD28D2D")),
        ("no-data", "an empty piece", "KM1:1/1:00000000:".to_owned()),
        ("no-field", "a text that ends after the checksum", "KM1:1/1:5FD28D2D".to_owned()),
        ("too-much", "955 bytes", format!("KM1:1/1:00000000:{full}00")),
        ("data-lower-case", "Base45 in lower case", WHOLE.replace("HN9", "hn9")),
        ("foreign", "a character outside Base45", WHOLE.replace("HN9", "HN_")),
        ("cut", "the last character is missing", WHOLE[..WHOLE.len() - 1].to_owned()),
        ("blank-lost", "one blank in the place of two", "KM1:1/1:BF5D45A5: 0::0".to_owned()),
        ("blank-after", "a blank behind the data", format!("{WHOLE} ")),
        ("beyond-two-bytes", "a group of three that stands for 65536", "KM1:1/1:00000000:GGW".to_owned()),
        ("beyond-one-byte", "a group of two that stands for 256", "KM1:1/1:00000000:V5".to_owned()),
    ];
    let refused = |(name, about, text): (&str, &'static str, String)| frames(name, about, &[&text]);
    let mut vectors: Vec<Vector> = table.into_iter().map(refused).collect();
    vectors.push(frames(
        "contradiction",
        "a number twice, with different data",
        &[PIECES[0], PIECES[1], "KM1:2/3:5FD28D2D:100LB0"],
    ));
    vectors.into_iter().map(|vector| vector.gives("frame-unreadable")).collect()
}
