//! `keymuster remove-key`: take a product's key off this machine, with what was activated by it.

use super::status;
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;

pub fn run(machine: &Machine) -> Result<Answer, Failure> {
    let client = machine.client()?;
    note("removing the key; a lease is given back if its host can be reached …");
    Ok(status::of(&client.remove_key()?))
}
