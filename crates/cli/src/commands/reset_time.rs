//! `keymuster reset-time`: ask the publisher's authority for the time, after the machine's clock was once far ahead.

use clap::Args;
use keymuster_qr::Asker;
use serde_json::json;

use super::status;
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;

/// Options of `reset-time`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    carried: Asker,
}

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    let client = machine.client()?;
    if options.carried.is_request() {
        let written = options.carried.write_request(&client.time_request_file()?)?;
        let text = written.text()
            + "the request holds no secret\n\
               then take the answer, within 30 days: keymuster reset-time --response FILE, or --response-qr PICTURE";
        return Ok(Answer::new(text, json!({ "files": written.files, "frames": written.frames() })));
    }
    if let Some(response) = options.carried.read_response()? {
        return Ok(status::of(&client.accept_time_reset(&response)?));
    }
    note("asking the publisher's authority for the time …");
    Ok(status::of(&client.reset_time()?))
}
