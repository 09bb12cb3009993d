//! `keymuster renew`: ask for the next lease now, whether or not it is due.

use super::{activate, status};
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;

pub fn run(machine: &Machine) -> Result<Answer, Failure> {
    let client = machine.client()?;
    note(activate::waiting_for(&client));
    Ok(status::of(&client.renew()?))
}
