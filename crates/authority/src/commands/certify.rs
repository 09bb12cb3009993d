//! `certify`: answers a host's request that came as a file or as QR codes, by the same rules as over HTTP.

use clap::Args;
use keymuster_core::request::HostRequest;
use keymuster_qr::Answerer;
use serde_json::json;

use super::{Site, answered, read_request};
use crate::certify::certify;
use crate::error::Error;
use crate::output::Output;

/// The options of `certify`.
#[derive(Debug, Args)]
pub struct Options {
    #[command(flatten)]
    carried: Answerer,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let bytes = read_request(&self.carried)?.host_request;
        let bytes = bytes.ok_or_else(|| Error::Rule("what was read holds no request of a host".to_owned()))?;
        let request = HostRequest::verify(&bytes)?;
        let (authority, mut db) = site.authority()?;
        let bundle = certify(&authority, &mut db, &request, &site.caller())?;
        let value = json!({ "host": request.host.to_string() });
        answered(&self.carried, &bundle, value, &format!("Host {} is certified", request.host))
    }
}
