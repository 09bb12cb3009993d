//! Rules on the lines of any text file: clean ends, a purpose on top, no pointers out of the tree.
//!
//! The words that are looked for are written with escapes, here and in the tests, or this file would break its own rules.

use super::{Finding, Source};

/// What may not occur anywhere, and why.
const POINTERS: [(&str, &str); 5] = [
    ("..\x2fshared", "points out of the tree: say what is meant, or put it under docs/"),
    ("\x2fwork/", "names a directory of one machine: use a path inside the tree"),
    ("crates\x2eio", "names a package registry: name the package alone"),
    ("pypi\x2eorg", "names a package registry: name the package alone"),
    ("npm\x6as", "names a package registry: name the package alone"),
];

const PROMISE: &str = "\x54ODO";

pub fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(source.text.split('\n')) {
        if line.ends_with(|last: char| last.is_whitespace()) {
            findings.push(source.finding(number, "ends in blanks: remove them (`cargo fmt` does it for Rust)"));
        }
        // Lock files are written by cargo, and name where each package came from.
        if !source.path.ends_with(".lock") {
            findings.extend(pointers(line).into_iter().map(|message| source.finding(number, message)));
        }
    }
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        findings.push(source.finding(source.text.lines().count(), "the file does not end in a newline: add one"));
    }
    if source.extension() == "rs" && !source.text.starts_with("//!") {
        findings.push(source.finding(1, "the file does not begin with `//!`: say in one sentence what it is for"));
    }
    findings
}

fn pointers(line: &str) -> Vec<String> {
    let lower = line.to_lowercase();
    let mut messages: Vec<String> = POINTERS
        .iter()
        .filter(|(word, _)| lower.contains(word))
        .map(|(word, reason)| format!("`{word}` {reason}"))
        .collect();
    if line.match_indices(PROMISE).any(|(at, _)| !names_an_issue(&line[at + PROMISE.len()..])) {
        messages.push(format!("a {PROMISE} without an issue: do it, drop it, or write `{PROMISE}(#number)`"));
    }
    messages
}

fn names_an_issue(after: &str) -> bool {
    after.strip_prefix("(#").is_some_and(|number| number.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::lines_found;

    #[test]
    fn lines_of_text() {
        let table: &[(&str, &str, &[usize])] = &[
            ("a.md", "One.\n\nTwo.\n", &[]),
            ("a.md", "", &[]),
            ("a.md", "One. \nTwo.\n", &[1]),
            ("a.md", "One.\nTwo.\t\n", &[2]),
            ("a.md", "One.\r\n", &[1]),
            ("a.md", "One.\nTwo.", &[2]),
            ("a.rs", "//! Why.\n", &[]),
            ("a.rs", "// Why.\n", &[1]),
            ("a.rs", "use std::fs;\n//! Why.\n", &[1]),
            ("a.rs", "", &[1]),
            ("a.toml", "# Why.\n", &[]),
        ];
        for (path, text, expected) in table {
            assert_eq!(lines_found(check, path, text), *expected, "{path}: {text:?}");
        }
    }

    #[test]
    fn pointers_out_of_the_tree() {
        let table: &[(&str, &[usize])] = &[
            ("see ../docs/spec, shared by all\n", &[]),
            ("see ..\x2fshared/notes\n", &[1]),
            ("the work/ directory\n", &[]),
            ("fine\ncd \x2fwork/here\n", &[2]),
            ("https://Crates\x2eIO/x\n", &[1]),
            ("https://pypi\x2eorg/x\n", &[1]),
            ("https://www.npm\x6as.com/x\n", &[1]),
            ("\x54ODO: later\n", &[1]),
            ("\x54ODO(#12): later\n", &[]),
            ("\x54ODO(me): later\n", &[1]),
            ("\x54ODO(#12) and \x54ODO\n", &[1]),
        ];
        for (text, expected) in table {
            assert_eq!(lines_found(check, "a.md", text), *expected, "{text:?}");
            assert!(lines_found(check, "Cargo.lock", text).is_empty(), "{text:?}");
        }
    }
}
