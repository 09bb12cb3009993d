//! What a command has to say: one value for machines, one text for people, and how the program ends.

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::Value;

use crate::exit;
use crate::failure::Failure;

/// The result of a command.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    pub json: Value,
    pub exit: u8,
}

impl Answer {
    /// A result that ends well.
    pub fn new(text: impl Into<String>, json: Value) -> Answer {
        Answer { text: text.into(), json, exit: exit::OK }
    }

    /// Prints it on standard output; a reader that went away wanted no more of it.
    pub fn print(&self, as_json: bool) {
        let text = if as_json { self.json.to_string() } else { self.text.trim_end().to_owned() };
        let _ = writeln!(io::stdout().lock(), "{text}");
    }
}

/// A note for people that is no part of a result, such as what the program is waiting for.
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether somebody says yes; where nobody can be asked, nobody does.
pub fn confirmed(question: &str) -> Result<bool, Failure> {
    note(question);
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    note("type yes to go on:");
    Ok(read_line()?.eq_ignore_ascii_case("yes"))
}

/// A line of standard input.
pub fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|why| Failure::file("standard input".as_ref(), &why))?;
    Ok(line.trim().to_owned())
}
