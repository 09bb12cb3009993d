//! `activate`: answers a client's request that came as a file or as QR codes, by the same rules as over HTTP.

use clap::Args;
use keymuster_core::request::{Act, ClientRequest};
use keymuster_qr::Answerer;
use serde_json::json;

use super::{Site, answered, read_request};
use crate::error::Error;
use crate::mak::activate;
use crate::output::Output;
use crate::time_reset::reset_time;

/// The options of `activate`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    carried: Answerer,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let bytes = read_request(&self.carried)?.client_request;
        let bytes = bytes.ok_or_else(|| Error::Rule("what was read holds no request of a client".to_owned()))?;
        let request = ClientRequest::verify(&bytes)?;
        let (authority, mut db) = site.authority()?;
        let (bundle, done) = match request.act {
            Act::ResetTime => (reset_time(&authority, &mut db, &request, &site.caller())?, "is told the time"),
            _ => (activate(&authority, &mut db, &request, &site.caller())?, "is activated"),
        };
        let value = json!({ "client": request.client.to_string() });
        answered(&self.carried, &bundle, value, &format!("Client {} {done}", request.client))
    }
}
