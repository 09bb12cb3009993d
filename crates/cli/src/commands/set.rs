//! `keymuster set`: set a value for the machine, a publisher or an edition; running products follow it.

use clap::Args;
use keymuster_client::{Setting, SettingsFile};

use super::settings;
use crate::answer::Answer;
use crate::failure::Failure;
use crate::machine::Machine;

/// Options of `set`.
#[derive(Debug, Args)]
pub struct Options {
    /// host, domain, dns, caching, activation-interval, renewal-interval, way, help-url or send-name.
    name: String,
    /// The value; lists with commas, on or off, lengths of time with a unit.
    #[arg(required = true)]
    value: Vec<String>,
}

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let setting: Setting = options.name.parse()?;
    let value = setting.parse_value(&options.value.join(" "))?;
    let (scope, products) = machine.scope()?;
    SettingsFile::of(&machine.settings()?.store).set(&scope, setting, &value, &products)?;
    let clients = products.iter().map(|product| machine.client_of(product)).collect::<Result<Vec<_>, _>>()?;
    let mut answer = settings::of(&clients, &[setting]);
    if clients.is_empty() {
        answer.text = format!("{setting} is {value} for every product that will be used on this machine");
    }
    Ok(answer)
}
