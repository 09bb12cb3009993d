//! The reference page of the codes, generated as text; a test compares it with the file in `docs/reference/`.

use std::fmt::Write as _;

use super::{CHAPTERS, Code, all};

/// The text of `docs/reference/codes.md`.
pub fn reference_markdown() -> String {
    let mut text = String::from(REFERENCE_HEAD);
    for (title, codes) in CHAPTERS {
        let _ = writeln!(text, "\n## {title}");
        for code in codes {
            reference_entry(&mut text, code);
        }
    }
    text.push_str(KNOWN_AS_HEAD);
    let mut known: Vec<_> =
        all().flat_map(|code| code.known_as.iter().map(move |known_as| (*known_as, code))).collect();
    known.sort_by_key(|(known_as, code)| (*known_as, code.number));
    for (known_as, code) in known {
        let _ = writeln!(text, "| `{known_as}` | {code} |");
    }
    text
}

/// One section of the reference; all that follows its heading is written as sentences, with capital and full stop.
fn reference_entry(text: &mut String, code: &Code) {
    let _ = writeln!(text, "\n### {code}\n\n{}.\n", capitalised(code.sentence));
    let _ = match code.status {
        0 => writeln!(text, "A {}, never sent on its own.", code.kind),
        status => writeln!(text, "A {}, sent with HTTP status {status} and type `{}`.", code.kind, code.urn()),
    };
    if !code.known_as.is_empty() {
        let _ = writeln!(text, "Microsoft KMS: `{}`.", code.known_as.join("`, `"));
    }
    for (title, items) in [("Causes, the likeliest first:", code.causes), ("To check:", code.checks)] {
        let _ = writeln!(text, "\n{title}\n");
        for item in items {
            let _ = writeln!(text, "- {}.", capitalised(item));
        }
    }
    let _ = writeln!(text, "\nWhat to do: {}.", code.remedy);
}

fn capitalised(sentence: &str) -> String {
    let mut rest = sentence.chars();
    rest.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(rest).collect()
}

const REFERENCE_HEAD: &str = "\
<!-- Generated from crates/core/src/codes; `UPDATE=1 cargo test -p keymuster-core` rewrites this file. -->

# Codes

Every no of Keymuster and every failure that it can name has a code: a number for the telephone, a name for programs.
Numbers and names keep their meaning in all later versions.
A *refusal* is a normal answer of the rules: it delays, and it never takes anything away.
A *failure* comes from outside: a disk, a network, a clock, damaged or mistyped input.

`keymuster explain CODE` prints the same text on any machine, without a network.
It takes `KM-201`, `201`, `threshold-not-met`, a code of Microsoft KMS, or a whole log line.
";

const KNOWN_AS_HEAD: &str = "
## Codes that administrators of Microsoft KMS know

| Microsoft KMS | Keymuster |
| --- | --- |
";
