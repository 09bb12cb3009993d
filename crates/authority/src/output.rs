//! What a command has to say: one value for machines, one text for people, and notes beside either.

use std::io::{self, Write as _};

use keymuster_service::exit;
use serde_json::Value;

/// The result of a command.
#[derive(Clone, Debug)]
pub struct Output {
    json: Value,
    text: String,
    notes: Vec<String>,
    exit: u8,
}

/// How it is printed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// For people.
    Text,
    /// For machines: one JSON value.
    Json,
}

impl Output {
    /// The same result in both forms; the text needs no line break at its end.
    pub fn new(json: Value, text: impl Into<String>) -> Output {
        Output { json, text: text.into(), notes: Vec::new(), exit: exit::OK }
    }

    /// Adds a line for people that is no part of the result, such as what to do next.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Output {
        self.notes.push(note.into());
        self
    }

    /// The same where the program ends with another code than that of success.
    #[must_use]
    pub fn exiting(self, exit: u8) -> Output {
        Output { exit, ..self }
    }

    /// How the program ends.
    pub fn exit(&self) -> u8 {
        self.exit
    }

    /// Prints the result on standard output and the notes on standard error.
    pub fn print(&self, form: Form) -> io::Result<()> {
        let result = match form {
            Form::Text => self.text.trim_end().to_owned(),
            Form::Json => self.json.to_string(),
        };
        let mut out = io::stdout().lock();
        if !result.is_empty() {
            writeln!(out, "{result}")?;
        }
        out.flush()?;
        let mut notes = io::stderr().lock();
        self.notes.iter().try_for_each(|note| writeln!(notes, "{note}"))
    }
}
