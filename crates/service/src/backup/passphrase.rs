//! The passphrase of a backup: from a file, from systemd, or asked on the terminal without showing it.
//!
//! Never from the command line or the environment, where every other process could read it.

use std::path::PathBuf;
use std::str::FromStr;
use std::{env, fmt};

use anyhow::{Context as _, bail};
use zeroize::Zeroizing;

use crate::exit::Usage;
use crate::files::read_private;

/// Shorter ones are found by trying, whatever the key derivation costs.
const LENGTH_MIN: usize = 12;
const FILE_SIZE_MAX: usize = 1024;
/// The credential of a service, by systemd's LoadCredential= or LoadCredentialEncrypted=.
const CREDENTIAL: &str = "backup-passphrase";
/// Where systemd puts credentials.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// A passphrase. It prints as `***`.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    fn is_long_enough(&self) -> bool {
        self.0.chars().count() >= LENGTH_MIN
    }
}

impl FromStr for Passphrase {
    type Err = Usage;

    fn from_str(text: &str) -> Result<Passphrase, Usage> {
        if text.is_empty() || text.contains(['\n', '\r']) {
            return Err(Usage("a passphrase is one line".to_owned()));
        }
        Ok(Passphrase(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(***)")
    }
}

/// Where the passphrase of a backup comes from.
#[derive(Clone, Debug, clap::Args)]
pub struct PassphraseSource {
    /// Read the passphrase from this file instead of the terminal; under systemd, the credential backup-passphrase is used
    /// where there is no file.
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseSource {
    /// A passphrase for a new backup; on the terminal it is asked twice.
    pub(super) fn choose(&self) -> anyhow::Result<Passphrase> {
        let passphrase = match self.unattended()? {
            Some(passphrase) => passphrase,
            None => {
                let first = ask("New passphrase for the backup: ")?;
                anyhow::ensure!(*ask("The same again: ")? == *first, "the two passphrases differ; nothing was made");
                first.parse()?
            }
        };
        if !passphrase.is_long_enough() {
            let advice = "four or five random words are a good one";
            bail!(Usage(format!("a passphrase has at least {LENGTH_MIN} characters; {advice}")));
        }
        Ok(passphrase)
    }

    /// The passphrase that was chosen before.
    pub(super) fn recall(&self) -> anyhow::Result<Passphrase> {
        match self.unattended()? {
            Some(passphrase) => Ok(passphrase),
            None => Ok(ask("Passphrase of the backup: ")?.parse()?),
        }
    }

    fn unattended(&self) -> anyhow::Result<Option<Passphrase>> {
        let credential = || env::var_os(CREDENTIALS).map(|directory| PathBuf::from(directory).join(CREDENTIAL));
        let file = self.passphrase_file.clone().or_else(|| credential().filter(|file| file.exists()));
        let Some(file) = file else { return Ok(None) };
        let text = String::from_utf8(read_private(&file, FILE_SIZE_MAX)?).map(Zeroizing::new);
        let text = text.ok().with_context(|| format!("{} is no text", file.display()))?;
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        Ok(Some(line.parse().with_context(|| format!("cannot use {}", file.display()))?))
    }
}

fn ask(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    let answer = rpassword::prompt_password(prompt).map(Zeroizing::new);
    answer.map_err(|error| Usage(format!("cannot ask on the terminal ({error}): use --passphrase-file")).into())
}
