//! Runs the second reader, which was written from the specification in another language, over all test vectors.
#![expect(clippy::disallowed_types, reason = "the crate is pure, this test starts another program")]

mod support;

use std::process::Command;

use support::{all, root};

#[test]
fn the_second_reader_agrees_on_every_vector() {
    let python = root().join("target/venv/bin/python");
    assert!(python.exists(), "there is no {}: run `cargo xtask test`, which installs it", python.display());
    let output = Command::new(&python).arg(root().join("docs/spec/reader/reader.py")).output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    let count = all().len();
    assert_eq!(stdout.lines().last(), Some(format!("{count} vectors, {count} agree").as_str()));
}
