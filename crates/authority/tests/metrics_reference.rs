//! Holds `docs/reference/authority-metrics.md` to the table of metrics; `UPDATE=1` rewrites the page.

use std::path::Path;

#[test]
fn the_reference_page_is_the_table() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/authority-metrics.md");
    let expected = keymuster_authority::metrics::reference_markdown();
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&page, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(found == expected, "{} is out of date: run the test again with UPDATE=1 and read the diff", page.display());
}
