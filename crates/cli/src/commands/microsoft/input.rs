//! Text from files and standard input, for the commands that explain what was pasted.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use keymuster_microsoft::text::{self, Error};

use crate::answer::note;
use crate::exit;
use crate::failure::Failure;

/// The text of a file, or of standard input for `-`.
pub fn of(file: &Path) -> Result<String, Failure> {
    if file == Path::new("-") {
        return standard_input();
    }
    let opened = File::open(file).map_err(|why| Failure::file(file, &why))?;
    text::read(opened).map_err(|why| refused(&file.display().to_string(), why))
}

/// The text of standard input.
pub fn standard_input() -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        note("paste the text, then end it with Ctrl-D (on Windows Ctrl-Z and Enter):");
    }
    text::read(io::stdin().lock()).map_err(|why| refused("standard input", why))
}

fn refused(place: &str, why: Error) -> Failure {
    let exit = if matches!(why, Error::Read(_)) { exit::ENVIRONMENT } else { exit::INVALID };
    Failure::told(format!("{place} {why}"), None, exit)
}

/// Text that was read and says nothing to this command.
pub fn nothing_in(what: &str, advice: &str) -> Failure {
    Failure::told(format!("{what}\n  what to do: {advice}"), None, exit::INVALID)
}
