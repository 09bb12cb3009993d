//! Asking for the passphrase of the root key: from a file, or on the terminal without showing it.
//!
//! Never from the command line or the environment, where every other process could read it.

use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use crate::data_dir::read_text;
use crate::error::Error;
use crate::keyfile::Passphrase;

const FILE_SIZE_MAX: usize = 1024;

/// Where the passphrase comes from.
#[derive(Debug, Args)]
pub struct PassphraseSource {
    /// Read the passphrase of the root key from this file instead of the terminal
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// A new passphrase; on the terminal it is asked twice.
    pub fn choose(&self) -> Result<Passphrase, Error> {
        let Some(file) = &self.passphrase_file else {
            let first = ask("New passphrase for the root key: ")?;
            let passphrase = checked(&first)?;
            if *ask("The same again: ")? != *first {
                return Err(Error::Rule("the two passphrases differ; nothing was made".to_owned()));
            }
            return Ok(passphrase);
        };
        from_file(file)
    }

    /// The passphrase that was chosen before.
    pub fn recall(&self) -> Result<Passphrase, Error> {
        match &self.passphrase_file {
            Some(file) => from_file(file),
            None => checked(&ask("Passphrase of the root key: ")?),
        }
    }
}

fn from_file(path: &Path) -> Result<Passphrase, Error> {
    let text = read_text(path, FILE_SIZE_MAX)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains('\n') {
        return Err(Error::Rule(format!("{} has more than one line; a passphrase is one", path.display())));
    }
    checked(line)
}

fn checked(text: &str) -> Result<Passphrase, Error> {
    text.parse().map_err(|error: crate::keyfile::TooShort| Error::Rule(error.to_string()))
}

fn ask(prompt: &str) -> Result<Zeroizing<String>, Error> {
    let advice = "use --passphrase-file where there is no terminal";
    let answer = rpassword::prompt_password(prompt);
    answer
        .map(Zeroizing::new)
        .map_err(|error| Error::Environment(format!("cannot ask on the terminal: {error}; {advice}")))
}
