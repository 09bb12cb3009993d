//! `keymuster release`: give the lease back, so that another machine may have the seat.

use super::status;
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;
use crate::machines::{self, Many, Task};

pub fn run(machine: &Machine, many: &Many) -> Result<Answer, Failure> {
    if let Some(result) = machines::run(machine, many, Task::Release) {
        return result;
    }
    let client = machine.client()?;
    note("giving the lease back …");
    Ok(status::of(&client.release()?))
}
