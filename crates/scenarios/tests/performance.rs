//! The tables and charts of `docs/performance.md` are those of the file of measured figures.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use keymuster_scenarios::bench::document;

#[test]
fn the_document_shows_what_was_measured() {
    for (path, expected) in document::files().unwrap() {
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            fs::write(&path, &expected).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == expected, "{} is out of date: run this test with UPDATE=1", path.display());
    }
}
