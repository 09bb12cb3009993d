//! `keymuster unset`: take a value out of the settings file, so that the next one that says anything counts.

use clap::Args;
use keymuster_client::{Setting, SettingsFile};

use super::settings;
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;

/// Options of `unset`.
#[derive(Debug, Args)]
pub struct Options {
    /// The name of a setting, or of anything else that stands in the file and should not.
    name: String,
}

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let (scope, products) = machine.scope()?;
    let file = SettingsFile::of(&machine.settings()?.store);
    if !file.unset(&scope, &options.name)? {
        note(format!("{} was not set there in {}", options.name, file.path().display()));
    }
    let clients = products.iter().map(|product| machine.client_of(product)).collect::<Result<Vec<_>, _>>()?;
    let which = options.name.parse::<Setting>().ok();
    let mut answer = settings::of(&clients, which.as_slice());
    if clients.is_empty() || which.is_none() {
        answer.text = format!("{} is not set in {}", options.name, file.path().display());
    }
    Ok(answer)
}
