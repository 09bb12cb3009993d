//! Holds `docs/reference/codes.md` to the catalogue of codes; `UPDATE=1` rewrites the page.
#![expect(clippy::disallowed_methods, reason = "the crate is pure, its test compares a file")]

use std::path::Path;

#[test]
fn the_reference_page_is_the_catalogue() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/codes.md");
    let expected = keymuster_core::codes::reference_markdown();
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&page, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(found == expected, "{} is out of date: run the test again with UPDATE=1 and read the diff", page.display());
}
