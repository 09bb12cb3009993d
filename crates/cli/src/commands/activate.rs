//! `keymuster activate`: ask now, over the network, by file or by QR codes.

use clap::{ArgGroup, Args};
use keymuster_client::{Client, Way};
use keymuster_qr::Asker;
use serde_json::json;

use super::status;
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::machine::Machine;
use crate::machines::{self, Many, Task};

/// Options of `activate`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("list").arg("from").conflicts_with("Asker")))]
pub struct Options {
    /// Ask a host to have this machine activated by a MAK that its administrator adds; later calls ask for the result.
    #[arg(long, conflicts_with_all = ["Asker", "list"])]
    by_proxy: bool,
    #[command(flatten)]
    carried: Asker,
    #[command(flatten)]
    many: Many,
}

const ASKING_BY_PROXY: &str = "asking a host, whose administrator adds the MAK …";

pub fn run(machine: &Machine, options: &Options) -> Result<Answer, Failure> {
    if let Some(result) = machines::run(machine, &options.many, Task::Activate) {
        return result;
    }
    let client = machine.client()?;
    if options.carried.is_request() {
        return write_request(&client, &options.carried);
    }
    if let Some(response) = options.carried.read_response()? {
        return Ok(status::of(&client.accept_response(&response)?));
    }
    let activated = if options.by_proxy {
        note(ASKING_BY_PROXY);
        client.activate_by_proxy()?
    } else {
        note(waiting_for(&client));
        client.activate()?
    };
    Ok(status::of(&activated))
}

/// What the program waits for while it asks.
pub fn waiting_for(client: &Client) -> String {
    match client.status().way {
        Way::Host => "asking a host …".to_owned(),
        Way::Proxy => ASKING_BY_PROXY.to_owned(),
        Way::Mak { .. } => "asking the publisher's authority …".to_owned(),
    }
}

fn write_request(client: &Client, carried: &Asker) -> Result<Answer, Failure> {
    let written = carried.write_request(&client.request_file()?)?;
    let text = written.text()
        + "the request holds the whole MAK: show it to the publisher and to nobody else\n\
           then take the answer, within 30 days: keymuster activate --response FILE, or --response-qr PICTURE";
    Ok(Answer::new(text, json!({ "files": written.files, "frames": written.frames() })))
}
