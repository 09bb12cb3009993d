//! The test vectors of the specification, as the tests of this crate use them.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking, also in its helpers")]

pub mod fields;
pub mod read;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// One vector, as the file has it.
pub struct Vector(pub Value);

impl Vector {
    pub fn text(&self, path: &str) -> &str {
        self.0.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("{} has no {path}", self.name()))
    }

    pub fn name(&self) -> &str {
        self.0["name"].as_str().expect("a vector has a name")
    }

    pub fn bytes(&self, path: &str) -> Vec<u8> {
        unhex(self.text(path))
    }
}

pub fn unhex(text: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(byte).collect()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All vectors, file by file.
#[expect(clippy::disallowed_methods, reason = "the crate is pure, its tests read files")]
pub fn all() -> Vec<Vector> {
    let entries = std::fs::read_dir(root().join("docs/spec/vectors")).expect("the vectors are in the tree");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        serde_json::from_str::<Vec<Value>>(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
    };
    files.iter().flat_map(read).map(Vector).collect()
}

pub fn named(name: &str) -> Vector {
    all().into_iter().find(|vector| vector.name() == name).unwrap_or_else(|| panic!("there is no vector {name}"))
}
