//! `claim`, `account` and `token`: who may use the console and the administration interface.

use clap::Subcommand;
use keymuster_service::Problem;
use keymuster_service::console::commands::{AccountCommand, ClaimOptions, Commands, Said, TokenCommand};

use super::Site;
use crate::error::Error;
use crate::output::Output;
use crate::pages::PRODUCT;

/// The three commands.
#[derive(Debug, Subcommand)]
pub enum Options {
    /// Print a one-time token for the console: for the first administrator, or for an account that is locked out
    Claim(ClaimOptions),
    /// Who may use the console
    #[command(subcommand)]
    Account(AccountCommand),
    /// Tokens with which programs use the administration interface
    #[command(subcommand)]
    Token(TokenCommand),
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let mut db = site.dir.open_database()?;
        let mut commands = Commands { db: &mut db, product: &PRODUCT, by: site.by(), env: &site.env };
        let said = match &self {
            Options::Claim(options) => commands.claim(options),
            Options::Account(command) => commands.account(command),
            Options::Token(command) => commands.token(command),
        };
        let Said { json, text, note } = said.map_err(|error| {
            let problem = Problem::from(error);
            Error::Denied { code: problem.code(), detail: problem.detail().to_owned() }
        })?;
        let output = Output::new(json, text);
        Ok(if note.is_empty() { output } else { output.note(note.trim_end()) })
    }
}
