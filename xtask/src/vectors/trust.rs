//! Vectors of trust files (`docs/spec/documents.md`, 4). No code names what is wrong with one, so these expect `refused`.

use keymuster_core::id::to_hex;
use serde_json::json;

use super::Vector;
use super::world::{OTHER_ROOT, ROOT, public, trust_text};

const REFUSED: &str = "refused";

pub fn vectors() -> Vec<Vector> {
    let mut vectors = accepted();
    vectors.extend(bad_lines());
    vectors.extend(bad_keys());
    vectors
}

fn file(name: &str, about: &'static str, text: &str) -> Vector {
    Vector::new("trust", name, about, json!({ "text": text }))
}

fn root(seed: [u8; 32]) -> String {
    to_hex(public(seed).as_bytes())
}

fn accepted() -> Vec<Vector> {
    let (one, two) = (root(ROOT), root(OTHER_ROOT));
    let full = format!(
        "keymuster-trust 1\r\n# Aurora Software\r\n\r\n  publisher aurora\t\r\nroot {}\r\nroot {two}\r\n\
         authority https://authority.aurora.example:1690",
        one.to_uppercase()
    );
    let roots = format!("root {one}\n").repeat(8);
    let comment = "#".repeat(4096 - trust_text().len() - 1);
    vec![
        file("minimal", "a publisher and one root", &trust_text())
            .says(json!({ "publisher": "aurora", "roots": [one], "authority": null })),
        file("full", "comments, blank lines, CR LF, digits of either case, no end of the last line", &full).says(
            json!({ "publisher": "aurora", "roots": [one, two], "authority": "https://authority.aurora.example:1690" }),
        ),
        file("eight-roots", "as many roots as there may be", &format!("keymuster-trust 1\npublisher aurora\n{roots}"))
            .says(json!({ "publisher": "aurora" })),
        file(
            "plain-authority",
            "an authority without encryption",
            &format!("{}authority http://[::1]\n", trust_text()),
        )
        .says(json!({ "authority": "http://[::1]" })),
        file("full-size", "4096 bytes", &format!("{}{comment}\n", trust_text())).says(json!({ "roots": [one] })),
    ]
}

fn bad_lines() -> Vec<Vector> {
    let good = trust_text();
    let one = root(ROOT);
    let nine = format!("keymuster-trust 1\npublisher aurora\n{}", format!("root {one}\n").repeat(9));
    let too_long = format!("{good}{}\n", "#".repeat(4096 - good.len()));
    [
        ("empty", "nothing", String::new()),
        ("wrong-version", "another version", good.replace("trust 1", "trust 2")),
        ("late-header", "the header is not the first line", format!("\n{good}")),
        ("byte-order-mark", "a byte order mark", format!("\u{feff}{good}")),
        ("no-publisher", "no publisher", format!("keymuster-trust 1\nroot {one}\n")),
        ("two-publishers", "two publishers", format!("{good}publisher aurora\n")),
        ("bad-publisher", "a name that is no slug", good.replace("aurora", "Aurora")),
        ("two-blanks", "two blanks after the word", good.replace("publisher ", "publisher  ")),
        ("no-root", "no root", "keymuster-trust 1\npublisher aurora\n".to_owned()),
        ("nine-roots", "more roots than there may be", nine),
        ("unknown-word", "an unknown word", format!("{good}mirror https://aurora.example\n")),
        ("word-alone", "a word without a value", format!("{good}authority\n")),
        ("two-authorities", "two authorities", format!("{good}authority http://a\nauthority http://b\n")),
        ("authority-with-path", "an address with a path", format!("{good}authority https://a.example/\n")),
        ("authority-with-user", "an address with a user", format!("{good}authority https://u@a.example\n")),
        ("authority-scheme", "an address of another scheme", format!("{good}authority ftp://a.example\n")),
        ("authority-empty", "an address without a host", format!("{good}authority https://\n")),
        ("too-long", "4097 bytes", too_long),
    ]
    .into_iter()
    .map(|(name, about, text)| file(name, about, &text).gives(REFUSED))
    .collect()
}

fn bad_keys() -> Vec<Vector> {
    let with_root = |hex: &str| format!("keymuster-trust 1\npublisher aurora\nroot {hex}\n");
    let one = root(ROOT);
    [
        ("short-root", "63 digits", with_root(&one[1..])),
        ("long-root", "65 digits", with_root(&format!("{one}0"))),
        ("root-not-hex", "a letter that is no digit", with_root(&format!("{}g", &one[1..]))),
        ("weak-root", "a point of small order", with_root(&"00".repeat(32))),
        ("root-off-curve", "no point of the curve", with_root(&format!("02{}", "00".repeat(31)))),
        ("root-not-canonical", "y = p + 3", with_root(&format!("f0{}7f", "ff".repeat(30)))),
    ]
    .into_iter()
    .map(|(name, about, text)| file(name, about, &text).gives(REFUSED))
    .collect()
}
