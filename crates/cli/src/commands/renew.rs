//! `keymuster renew`: ask for the next lease now, whether or not it is due.

use super::{activate, status};
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;
use crate::machines::{self, Many, Task};

pub fn run(machine: &Machine, many: &Many) -> Result<Answer, Failure> {
    if let Some(result) = machines::run(machine, many, Task::Renew) {
        return result;
    }
    let client = machine.client()?;
    note(activate::waiting_for(&client));
    Ok(status::of(&client.renew()?))
}
