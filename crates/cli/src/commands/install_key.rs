//! `keymuster install-key`: check a product key and choose by it who is asked for activation. Nothing is sent.

use std::io::{self, IsTerminal as _};

use clap::Args;
use keymuster_core::key::{KeyKind, ProductKey};

use super::status;
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;
use crate::machines::{self, Many, Task};

/// Options of `install-key`.
#[derive(Debug, Args)]
pub struct Options {
    /// The setup key. A MAK is a secret: leave it out here, and it is read from standard input, where no other user of
    /// the machine sees it.
    #[arg(conflicts_with = "from")]
    key: Option<String>,
    #[command(flatten)]
    many: Many,
}

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    if let Some(result) = machines::run(machine, &options.many, Task::InstallKey) {
        return result;
    }
    let client = machine.client()?;
    let key = match &options.key {
        Some(key) => public(key)?.to_owned(),
        None => typed()?,
    };
    Ok(status::of(&client.install_key(key.trim())?))
}

/// A key from the command line, which every user of the machine can read while the program runs.
fn public(key: &str) -> Result<&str, Failure> {
    match ProductKey::parse(key) {
        Ok(parsed) if parsed.fields().kind == KeyKind::Mak => Err(Failure::usage(
            "a MAK is a secret, and every user of the machine can read a command line",
            "run keymuster install-key without the key, and type it then or pipe it in",
        )),
        // A mistyped key is explained where every key is checked.
        _ => Ok(key),
    }
}

fn typed() -> Result<String, Failure> {
    if io::stdin().is_terminal() {
        note("type the product key:");
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|why| Failure::file("standard input".as_ref(), &why))?;
    Ok(line)
}
