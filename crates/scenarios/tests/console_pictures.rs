//! The pictures of the console in the documents can be taken; `UPDATE=1` takes them anew.
//!
//! They show sample values, so they need no machines; and they differ a little from one version of the browser to the next,
//! so they are not compared.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

use std::path::Path;

use keymuster_scenarios::browser::{Browser, Look, Scheme};
use keymuster_scenarios::storybook::Storybook;

/// A page of a program's storybook, and what its picture is called.
const PICTURES: [(&str, &str, &str); 9] = [
    ("keymuster-host", "overview-typical", "host-overview"),
    ("keymuster-host", "clients-typical", "host-clients"),
    ("keymuster-host", "keys-typical", "host-keys"),
    ("keymuster-host", "setting-preview", "host-setting"),
    ("keymuster-host", "code-typical", "host-code"),
    ("keymuster-host", "dns-typical", "host-dns"),
    ("keymuster-authority", "overview-typical", "authority-overview"),
    ("keymuster-authority", "customer-typical", "authority-customer"),
    ("keymuster-authority", "revoke-large", "authority-revoke"),
];
/// More would be a burden to whoever fetches the repository.
const PICTURE_BYTES: usize = 200_000;

#[test]
fn the_pictures_in_the_documents_can_be_taken() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/images/console");
    let is_update = std::env::var_os("UPDATE").is_some();
    let browser = Browser::start().unwrap();
    let storybooks =
        ["keymuster-host", "keymuster-authority"].map(|program| (program, Storybook::open(program).unwrap()));
    for (program, page, name) in PICTURES {
        let (_, storybook) = storybooks.iter().find(|(of, _)| *of == program).unwrap();
        let (_, url) =
            storybook.pages.iter().find(|(found, _)| found == page).unwrap_or_else(|| panic!("no page {page}"));
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.look(Look { scheme, ..Look::default() }).unwrap();
            browser.open(url).unwrap();
            let picture = browser.picture_of_window().unwrap();
            assert!(picture.len() < PICTURE_BYTES, "{name} has {} bytes", picture.len());
            let path = directory.join(format!("{name}-{}.png", scheme.name()));
            if is_update {
                std::fs::create_dir_all(&directory).unwrap();
                std::fs::write(&path, picture).unwrap();
            }
            assert!(path.exists(), "no {}: run this with UPDATE=1", path.display());
        }
    }
}
