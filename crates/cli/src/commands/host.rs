//! `keymuster host`: administers a host with a token, as the console does.

mod audit;
mod exchange;
mod files;
mod keys;
mod nouns;
mod packs;
mod people;
mod status;
mod words;

use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::answer::{Answer, note};
use crate::exit;
use crate::failure::Failure;
use crate::machine::Machine;
use crate::remote::shown::{Column, facts, table};
use crate::remote::{Ask, Key, Remote, URL};
use nouns::Command;

/// Options of `host`.
#[derive(Debug, Args)]
pub struct Options {
    /// Where the host takes administrators: https://HOST:PORT, or an address of this machine.
    #[arg(long, value_name = "URL", env = "KEYMUSTER_HOST_URL", default_value = URL)]
    url: String,
    /// The host's own key, as `keymuster-host status` shows it, where no certificate authority vouches for the host.
    #[arg(long, value_name = "SHA256", env = "KEYMUSTER_HOST_TLS_KEY")]
    tls_key: Option<Key>,
    /// The file with the token that an administrator made in the console.
    #[arg(long, value_name = "FILE", env = "KEYMUSTER_HOST_TOKEN_FILE")]
    token_file: PathBuf,
    #[command(subcommand)]
    command: Command,
}

/// The host that is asked, and what the command line says beside the command.
struct Around<'a> {
    remote: &'a Remote,
    publisher: Option<&'a str>,
    edition: Option<&'a str>,
}

/// A request, how its answer is shown, and how many rows are asked for.
struct Asked {
    ask: Ask,
    show: Show,
    most: usize,
}

/// How an answer is shown.
enum Show {
    /// Rows as a table; a sentence where there is none. They are a member of the answer, or all of it where that is empty.
    Rows(&'static str, &'static [Column], &'static str),
    /// All that it says, one below the other.
    Facts,
    /// In sentences.
    Words(fn(&Value) -> String),
    /// A member that is a secret and shown this once, and beside it what it is for.
    Secret(&'static str, fn(&Value) -> String),
    /// What became of each machine of an exchange; not everything in order is the exit code of a refusal.
    Results,
}

/// Rows that are asked for where nothing else is said.
const ROWS_MAX: usize = 1000;

/// Runs the command.
pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let remote = Remote::new(&options.url, options.tls_key, &options.token_file)?;
    let (publisher, edition) = (machine.named_publisher(), machine.named_edition());
    options.command.run(&Around { remote: &remote, publisher, edition })
}

fn rows(ask: Ask, member: &'static str, columns: &'static [Column], if_empty: &'static str) -> Asked {
    Asked { ask, show: Show::Rows(member, columns, if_empty), most: ROWS_MAX }
}

fn one(ask: Ask, show: Show) -> Asked {
    Asked { ask, show, most: 1 }
}

impl Asked {
    /// Asks, and shows the answer.
    fn answer(self, remote: &Remote) -> Result<Answer, Failure> {
        let Asked { ask, show, most } = self;
        let value = match show {
            Show::Rows(member, ..) if !member.is_empty() => remote.list(&ask, member, most)?,
            _ => remote.ask(&ask)?,
        };
        let text = match show {
            Show::Rows(member, columns, if_empty) => {
                let rows = if member.is_empty() { &value } else { &value[member] };
                table(rows.as_array().map_or(&[][..], Vec::as_slice), columns, if_empty)
            }
            Show::Facts => facts(&value),
            Show::Words(words) => words(&value),
            Show::Secret(member, words) => {
                note(words(&value).trim_end());
                words::text(&value, member)
            }
            Show::Results => {
                let is_done = words::all_activated(&value);
                let exit = if is_done { exit::OK } else { exit::REFUSED };
                return Ok(Answer { exit, ..Answer::new(words::results(&value), value) });
            }
        };
        Ok(Answer::new(text, value))
    }
}
