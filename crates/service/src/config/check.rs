//! What `config check` says: every fault with its place, or that there is none.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::load::{Fault, Place};

/// The answer for programs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Checked {
    /// The file, whether it exists or not.
    pub file: PathBuf,
    /// Whether it exists.
    pub exists: bool,
    /// How many keys are given.
    pub keys: usize,
    /// What is wrong.
    pub faults: Vec<FaultLine>,
}

/// One fault for programs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FaultLine {
    /// Where: a file with line and column, or a variable.
    pub place: String,
    /// In the file.
    pub line: Option<usize>,
    /// In the line.
    pub column: Option<usize>,
    /// The key, where it is about one.
    pub key: Option<String>,
    /// What is wrong, and what is expected.
    pub message: String,
}

impl Checked {
    /// What was found in a file and beside it.
    pub fn new(file: &Path, keys: usize, faults: &[Fault]) -> Checked {
        let line = |fault: &Fault| {
            let (line, column) = match &fault.place {
                Place::Line { line, column, .. } => (Some(*line), Some(*column)),
                Place::File(_) | Place::Variable(_) => (None, None),
            };
            let (place, key, message) = (fault.place.to_string(), fault.key.clone(), fault.message.clone());
            FaultLine { place, line, column, key, message }
        };
        Checked { file: file.to_owned(), exists: file.exists(), keys, faults: faults.iter().map(line).collect() }
    }
}

/// The answer for people.
pub fn check_text(checked: &Checked) -> String {
    let mut text = String::new();
    for fault in &checked.faults {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}: {}", fault.place, fault.message);
    }
    let file = checked.file.display();
    text += &match (checked.faults.len(), checked.exists) {
        (0, true) => format!("{file}: nothing is wrong; keys given: {}\n", checked.keys),
        (0, false) => format!("{file} does not exist, and need not; keys given elsewhere: {}\n", checked.keys),
        (faults, _) => format!("{file} cannot be used as it is; faults: {faults}\n"),
    };
    text
}
