//! `cargo xtask vectors`: the test vectors of the specification, which every implementation runs (`docs/spec/vectors`).
//!
//! Everything in them follows from fixed seeds and times, so the files are the same wherever they are made.
//! What a vector expects is written by hand beside it and never asked of the code under test.

mod answers;
mod bodies;
mod bundles;
mod catalogues;
mod envelopes;
mod forge;
mod frames;
mod keys;
mod limits;
mod profile;
mod reports;
mod requests;
mod revoked;
mod tokens;
mod trust;
mod world;

use std::fs;

use anyhow::{Context, Result, ensure};
use keymuster_core::id::to_hex;
use serde_json::{Value, json};

use crate::process::root;

const DIRECTORY: &str = "docs/spec/vectors";

#[derive(clap::Args)]
pub struct Options {
    /// Change nothing, and fail where a file is not what would be written
    #[arg(long)]
    check: bool,
}

pub fn run(options: &Options) -> Result<()> {
    let directory = root().join(DIRECTORY);
    let mut count = 0;
    for (name, vectors) in files() {
        let path = directory.join(name);
        let text = render(&vectors)?;
        count += vectors.len();
        if options.check {
            let found = fs::read_to_string(&path).unwrap_or_default();
            ensure!(found == text, "{DIRECTORY}/{name} is out of date: run `cargo xtask vectors` and read the diff");
        } else {
            fs::create_dir_all(&directory)?;
            fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
        }
    }
    eprintln!("vectors: {count} in {DIRECTORY}");
    Ok(())
}

fn files() -> Vec<(&'static str, Vec<Vector>)> {
    vec![
        ("activation-answers.json", answers::activations()),
        ("bundles.json", bundles::vectors()),
        ("catalogue-packs.json", answers::packs()),
        ("catalogues.json", catalogues::vectors()),
        ("client-tokens.json", tokens::vectors()),
        ("documents.json", bodies::vectors().into_iter().chain(reports::documents()).collect()),
        ("entitlement-answers.json", limits::entitlements()),
        ("envelopes.json", envelopes::vectors()),
        ("frames.json", frames::vectors()),
        ("lease-answers.json", answers::leases()),
        ("lease-limits.json", limits::leases()),
        ("product-keys.json", keys::vectors()),
        ("profile.json", profile::vectors()),
        ("report-answers.json", reports::answers()),
        ("requests.json", requests::vectors()),
        ("revoked.json", revoked::vectors()),
        ("trust-files.json", trust::vectors()),
    ]
}

/// One vector: what is read, in which surroundings, and what comes of it.
struct Vector {
    name: String,
    about: &'static str,
    kind: &'static str,
    input: Value,
    context: Value,
    /// `accepted`, or the name of the code.
    expect: &'static str,
    /// Some of what an accepted input says, and some of why another is refused; null for nothing.
    decoded: Value,
}

impl Vector {
    fn new(kind: &'static str, name: &str, about: &'static str, input: Value) -> Vector {
        let name = format!("{kind}/{name}");
        Vector { name, about, kind, input, context: Value::Null, expect: "accepted", decoded: Value::Null }
    }

    fn within(mut self, context: Value) -> Vector {
        self.context = context;
        self
    }

    /// For an input that is accepted: some of what it says.
    fn says(mut self, decoded: Value) -> Vector {
        self.decoded = decoded;
        self
    }

    fn gives(mut self, code: &'static str) -> Vector {
        self.expect = code;
        self
    }
}

/// A document on its own, with the key that should have signed it.
fn document(name: &str, about: &'static str, bytes: &[u8], key: &keymuster_core::signature::PublicKey) -> Vector {
    let (document_type, _) = name.split_once('/').unwrap_or((name, ""));
    let input = json!({ "type": document_type, "document": to_hex(bytes), "key": to_hex(key.as_bytes()) });
    Vector::new("document", name, about, input)
}

/// One vector per paragraph, one member per line, in an order for readers.
fn render(vectors: &[Vector]) -> Result<String> {
    let mut paragraphs = Vec::new();
    for vector in vectors {
        let members = [
            ("name", json!(vector.name)),
            ("about", json!(vector.about)),
            ("kind", json!(vector.kind)),
            ("input", vector.input.clone()),
            ("context", vector.context.clone()),
            ("expect", json!(vector.expect)),
            ("decoded", vector.decoded.clone()),
        ];
        let mut lines = Vec::new();
        for (name, mut value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
            // Whether members keep their order depends on what else is built.
            value.sort_all_objects();
            lines.push(format!("    \"{name}\": {}", serde_json::to_string(&value)?));
        }
        paragraphs.push(format!("  {{\n{}\n  }}", lines.join(",\n")));
    }
    Ok(format!("[\n{}\n]\n", paragraphs.join(",\n")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_files_are_those_that_the_generator_writes() {
        run(&Options { check: true }).unwrap();
        let mut written: Vec<String> = fs::read_dir(root().join(DIRECTORY))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".json"))
            .collect();
        written.sort();
        let generated: Vec<&str> = files().iter().map(|(name, _)| *name).collect();
        assert_eq!(written, generated, "a file that nothing generates is stale");
    }

    #[test]
    fn names_are_unique() {
        let mut seen = BTreeSet::new();
        for vector in files().into_iter().flat_map(|(_, vectors)| vectors) {
            assert!(!vector.about.is_empty(), "{}", vector.name);
            assert!(seen.insert(vector.name.clone()), "{} occurs twice", vector.name);
        }
    }
}
