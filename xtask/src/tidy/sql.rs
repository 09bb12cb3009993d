//! Rules on SQL, wherever it stands: columns are named, and the database is never asked for the time.
//!
//! Case and white space are ignored, so a statement may be broken over lines as one likes.
//! The words that are looked for are written with escapes, or this file would break its own rules.

use super::{Finding, Source};

const RULES: [(&str, &str); 5] = [
    ("select\x2a", "`SELECT \x2a` breaks when a migration adds a column: name the columns"),
    ("current\x5ftimestamp", DATABASE_TIME),
    ("(\x27now\x27", DATABASE_TIME),
    (",\x27now\x27", DATABASE_TIME),
    ("unixepoch\x28)", DATABASE_TIME),
];

const DATABASE_TIME: &str = "asks the database for the time: bind the time of the request instead";

pub fn check(source: &Source) -> Vec<Finding> {
    if !["rs", "sql"].contains(&source.extension()) {
        return Vec::new();
    }
    let (letters, lines) = squeeze(&source.text);
    let mut findings = Vec::new();
    for (pattern, message) in RULES {
        findings.extend(letters.match_indices(pattern).map(|(at, _)| source.finding(lines[at], message)));
    }
    findings
}

/// The text in lower case and without white space, comments of Rust and line continuations; and for each byte its line.
fn squeeze(text: &str) -> (String, Vec<usize>) {
    let mut letters = String::with_capacity(text.len());
    let mut lines = Vec::with_capacity(text.len());
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("//") {
            continue;
        }
        let line = line.strip_suffix('\\').unwrap_or(line);
        letters.extend(line.chars().filter(|letter| !letter.is_whitespace()).map(|letter| letter.to_ascii_lowercase()));
        lines.resize(letters.len(), number);
    }
    (letters, lines)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::lines_found;

    #[test]
    fn sql() {
        let table: &[(&str, &str, &[usize])] = &[
            ("a.sql", "SELECT id, name FROM host;\n", &[]),
            ("a.sql", "SELECT count(*) FROM host;\n", &[]),
            ("a.sql", "SELECT \x2a FROM host;\n", &[1]),
            ("a.rs", "let sql = \"select\n    \x2a from host\";\n", &[1]),
            ("a.rs", "let sql = \"select \\\n    \x2a from host\";\n", &[1]),
            ("a.rs", "// Never SELECT \x2a.\n", &[]),
            ("a.md", "Never SELECT \x2a.\n", &[]),
            ("a.sql", "\nasked BIGINT DEFAULT CURRENT\x5fTIMESTAMP\n", &[2]),
            ("a.sql", "VALUES (datetime( \x27now\x27 ))\n", &[1]),
            ("a.sql", "VALUES (strftime('%s', \x27now\x27))\n", &[1]),
            ("a.sql", "VALUES (unixepoch\x28))\n", &[1]),
            ("a.sql", "-- now is a bound value\nVALUES (:now)\n", &[]),
        ];
        for (path, text, expected) in table {
            assert_eq!(lines_found(check, path, text), *expected, "{path}: {text:?}");
        }
    }
}
