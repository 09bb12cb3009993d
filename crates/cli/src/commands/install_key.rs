//! `keymuster install-key`: check a product key and choose by it who is asked for activation. Nothing is sent.

use std::io;

use clap::Args;

use super::status;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::machine::Machine;

/// Options of `install-key`.
#[derive(Debug, Args)]
pub struct Options {
    /// The setup key or MAK. Leave it out to be read from standard input, where no other user of the machine sees it.
    key: Option<String>,
}

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let client = machine.client()?;
    let key = match &options.key {
        Some(key) => key.clone(),
        None => typed()?,
    };
    Ok(status::of(&client.install_key(key.trim())?))
}

fn typed() -> Result<String, Failure> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|why| Failure::file("standard input".as_ref(), &why))?;
    Ok(line)
}
