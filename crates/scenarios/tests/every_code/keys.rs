//! What is said of product keys that were mistyped, or that are for something else.

use keymuster_core::codes;
use keymuster_core::key::{KeyFields, KeyKind, ProductKey, publisher_mark};

use super::Row;
use super::documents::vector;
use super::site::{EDITION, Site};

/// What a machine says to a key; none of these is a secret.
fn typed(site: &mut Site, key: &str) -> String {
    site.machine(EDITION).says(&["install-key", key])
}

/// What a machine says to a key of the vectors, by its name there.
fn typed_vector(site: &mut Site, name: &str) -> String {
    typed(site, vector(name)["input"]["text"].as_str().unwrap())
}

pub const ROWS: &[Row<Site>] = &[
    (&codes::KEY_WRONG_LENGTH, |site| typed(site, "ABC")),
    (&codes::KEY_MISTYPED, |site| typed_vector(site, "product-key/one-wrong")),
    (&codes::KEY_UNREADABLE, |site| typed_vector(site, "product-key/two-wrong")),
    (&codes::KEY_UNKNOWN_VERSION, |site| typed_vector(site, "product-key/version-2")),
    (&codes::KEY_WRONG_PUBLISHER, |site| site.host_says(&["install-key"], "GDVC8-QHX68-699TG-DTXQ8-6K264")),
    (&codes::KEY_WRONG_KIND, |site| {
        let mak = site.aurora.mint_mak(EDITION, 1).unwrap();
        site.host_says(&["install-key"], &mak)
    }),
    (&codes::KEY_NOT_THIS_EDITION, |site| {
        let mint = ["key", "mint", "setup", "--edition", "desk-enterprise-2026"];
        let key = site.aurora.run(&mint).unwrap().remove(0);
        typed(site, &key)
    }),
    (&codes::KEY_NUMBER_UNKNOWN, |site| {
        let mark = publisher_mark(&"aurora".parse().unwrap());
        let fields = |serial| KeyFields { kind: KeyKind::Host, number: 999, mark, serial };
        let key = (1..).find_map(|serial| ProductKey::assemble(fields(serial), [7; 6])).unwrap();
        site.host_says(&["install-key"], &key.reveal())
    }),
    (&codes::KEY_ALREADY_INSTALLED, |site| {
        let key = site.aurora.mint_host_key("server-b-2026", &[]).unwrap();
        site.host.run(&["install-key"], &key).unwrap();
        site.host_says(&["install-key"], &key)
    }),
    // The key of the row before covers these clients.
    (&codes::KEY_ALREADY_COVERED, |site| {
        let key = site.aurora.mint_host_key("client-2020", &[]).unwrap();
        site.host_says(&["install-key"], &key)
    }),
];
