//! `keymuster activate`: ask now, over the network or by file.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use keymuster_client::{Client, Way};
use serde_json::json;

use super::status;
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;
use crate::machines::{self, Many, Task};

/// Options of `activate`.
#[derive(Debug, Args)]
pub struct Options {
    /// Write a request for an activation by the installed MAK to a file, to be carried to the publisher.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["response", "from"])]
    request: Option<PathBuf>,
    /// Take the publisher's answer to a request from a file.
    #[arg(long, value_name = "FILE", conflicts_with = "from")]
    response: Option<PathBuf>,
    #[command(flatten)]
    many: Many,
}

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    if let Some(result) = machines::run(machine, &options.many, Task::Activate) {
        return result;
    }
    let client = machine.client()?;
    match (&options.request, &options.response) {
        (Some(file), _) => write_request(&client, file),
        (None, Some(file)) => {
            let response = fs::read(file).map_err(|why| Failure::file(file, &why))?;
            Ok(status::of(&client.accept_response(&response)?))
        }
        (None, None) => {
            note(waiting_for(&client));
            Ok(status::of(&client.activate()?))
        }
    }
}

/// What the program waits for while it asks.
pub fn waiting_for(client: &Client) -> String {
    match client.status().way {
        Way::Host => "asking a host …".to_owned(),
        Way::Mak { .. } => "asking the publisher's authority …".to_owned(),
    }
}

fn write_request(client: &Client, file: &Path) -> Result<Answer, Failure> {
    let request = client.request_file()?;
    fs::write(file, request).map_err(|why| Failure::file(file, &why))?;
    let text = format!(
        "{} holds the request, and in it the whole MAK: hand it to the publisher and to nobody else\n\
         then run `keymuster activate --response FILE` with the answer, within 30 days",
        file.display()
    );
    Ok(Answer::new(text, json!({ "request": file.display().to_string() })))
}
