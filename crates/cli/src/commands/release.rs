//! `keymuster release`: give the lease back, so that another machine may have the seat.

use super::status;
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;

pub fn run(machine: &Machine) -> Result<Answer, Failure> {
    let client = machine.client()?;
    note("giving the lease back …");
    Ok(status::of(&client.release()?))
}
