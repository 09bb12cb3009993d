//! Vectors of token files (`docs/spec/client-tokens.md`, 2). No code names what is wrong with one, so these expect `refused`.

use keymuster_core::id::to_hex;
use serde_json::json;

use super::Vector;
use super::world::{OTHER_ROOT, ROOT, public};

const GOOD: &str = "keymuster-token 1\npublisher aurora\n";

pub fn vectors() -> Vec<Vector> {
    let mut vectors = accepted();
    vectors.extend(refused());
    vectors
}

fn file(name: &str, about: &'static str, text: &str) -> Vector {
    Vector::new("client-token", name, about, json!({ "text": text }))
}

fn accepted() -> Vec<Vector> {
    let [one, two] = [ROOT, OTHER_ROOT].map(|seed| to_hex(public(seed).as_bytes()));
    let full = format!(
        "keymuster-token 1\r\n# laptops\r\n\r\n  publisher aurora\t\r\nedition desk-pro-2026\r\nroot {}\r\nroot {two}\r\n\
         customer muster-works\r\nhost kms-a.corp.example,[2001:db8::7]:1700\r\ndomain corp.example, lab.example\r\n\
         dns 10.0.0.53",
        one.to_uppercase()
    );
    let comment = "#".repeat(4096 - GOOD.len() - 1);
    vec![
        file("minimal", "a publisher alone", GOOD)
            .says(json!({ "publisher": "aurora", "edition": null, "roots": [], "settings": {} })),
        file("full", "everything, with comments, blank lines, CR LF and no end of the last line", &full).says(json!({
            "publisher": "aurora", "edition": "desk-pro-2026", "roots": [one, two],
            "settings": {
                "customer": "muster-works", "host": "kms-a.corp.example,[2001:db8::7]:1700",
                "domain": "corp.example, lab.example", "dns": "10.0.0.53",
            },
        })),
        file(
            "value-of-no-host",
            "a value that is none of its setting's is no matter of the form",
            &format!("{GOOD}host ://\n"),
        )
        .says(json!({ "settings": { "host": "://" } })),
        file("blanks", "white space around a value", &format!("{GOOD}domain   corp.example  \n"))
            .says(json!({ "settings": { "domain": "corp.example" } })),
        file("eight-roots", "as many roots as there may be", &format!("{GOOD}{}", format!("root {one}\n").repeat(8)))
            .says(json!({ "publisher": "aurora" })),
        file("full-size", "4096 bytes", &format!("{GOOD}{comment}\n")).says(json!({ "settings": {} })),
    ]
}

fn refused() -> Vec<Vector> {
    let one = to_hex(public(ROOT).as_bytes());
    [
        ("empty", "nothing", String::new()),
        ("wrong-version", "another version", GOOD.replace("token 1", "token 2")),
        ("trust-file", "a trust file in its place", format!("keymuster-trust 1\npublisher aurora\nroot {one}\n")),
        ("late-header", "the header is not the first line", format!("\n{GOOD}")),
        ("byte-order-mark", "a byte order mark", format!("\u{feff}{GOOD}")),
        ("no-publisher", "no publisher", "keymuster-token 1\ndomain corp.example\n".to_owned()),
        ("two-publishers", "two publishers", format!("{GOOD}publisher aurora\n")),
        ("bad-publisher", "a name that is no slug", GOOD.replace("aurora", "Aurora")),
        ("two-editions", "two editions", format!("{GOOD}edition a\nedition b\n")),
        ("bad-edition", "an edition that is no slug", format!("{GOOD}edition a/b\n")),
        ("nine-roots", "more roots than there may be", format!("{GOOD}{}", format!("root {one}\n").repeat(9))),
        ("short-root", "63 digits", format!("{GOOD}root {}\n", &one[1..])),
        ("weak-root", "a point of small order", format!("{GOOD}root {}\n", "00".repeat(32))),
        ("unknown-word", "an unknown word", format!("{GOOD}way host\n")),
        ("secret", "a product key has no place in it", format!("{GOOD}key BBBBB-BBBBB-BBBBB-BBBBB-BBBBB\n")),
        ("authority", "an authority neither", format!("{GOOD}authority https://authority.example\n")),
        ("word-alone", "a word without a value", format!("{GOOD}host\n")),
        ("two-hosts-lines", "a setting twice", format!("{GOOD}host a\nhost b\n")),
        ("not-ascii", "a letter beyond ASCII", format!("{GOOD}domain m\u{fc}ller.example\n")),
        ("control", "a character for terminals", format!("{GOOD}host a\u{1b}[2J\n")),
        ("too-long", "4097 bytes", format!("{GOOD}{}\n", "#".repeat(4096 - GOOD.len()))),
    ]
    .into_iter()
    .map(|(name, about, text)| file(name, about, &text).gives("refused"))
    .collect()
}
