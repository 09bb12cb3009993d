//! Holds the trust file and the licence pack of the examples to what the tests' publisher signs; `UPDATE=1` rewrites them.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

mod support;

use std::fs;
use std::path::Path;

use support::Publisher;

#[test]
fn the_examples_are_what_the_publisher_signs() {
    let publisher = Publisher::aurora();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for (name, expected) in
        [("aurora.trust", publisher.trust().to_string().into_bytes()), ("aurora.pack", publisher.pack())]
    {
        let file = examples.join(name);
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            fs::create_dir_all(&examples).unwrap();
            fs::write(&file, &expected).unwrap();
        }
        assert!(fs::read(&file).unwrap_or_default() == expected, "{} is out of date: UPDATE=1", file.display());
    }
}
