//! `keymuster add`: make a product known to this machine without starting it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use keymuster_client::{Client, Product};

use super::status;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::machine::Machine;

/// Options of `add`.
#[derive(Debug, Args)]
pub struct Options {
    /// The publisher's trust file.
    #[arg(long, value_name = "FILE")]
    trust: PathBuf,
    /// The publisher's licence pack.
    #[arg(long, value_name = "FILE")]
    pack: PathBuf,
    /// The edition that is installed, by its name for machines.
    name: String,
}

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let read = |file: &Path| fs::read(file).map_err(|why| Failure::file(file, &why));
    let trust = read(&options.trust)?;
    let product = Product::new(&String::from_utf8_lossy(&trust), &read(&options.pack)?, &options.name)?;
    Ok(status::of(&Client::open_with(product, machine.settings()?)?.status()))
}
