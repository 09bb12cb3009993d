//! Holds `docs/reference/host-config.md` to the table of keys; `UPDATE=1` rewrites the page.

use std::path::Path;

use keymuster_host::configuration::{TABLE, reference_markdown};
use keymuster_service::config::Kind;

#[test]
fn the_reference_page_is_the_table() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/host-config.md");
    let expected = reference_markdown();
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&page, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(found == expected, "{} is out of date: run the test again with UPDATE=1 and read the diff", page.display());
}

#[test]
fn each_key_is_there_once_and_a_secret_is_a_file() {
    for (place, key) in TABLE.keys.iter().enumerate() {
        assert!(TABLE.keys[..place].iter().all(|other| other.name != key.name), "{} is there twice", key.name);
        let is_file = key.name.ends_with("-file");
        let is_about_a_secret = ["key", "secret", "password", "token"].iter().any(|word| key.name.contains(word));
        assert!(!is_about_a_secret || is_file && key.kind == Kind::Secret, "{} must be a file", key.name);
    }
}
