//! `certify`: answers a host's request that came as a file, by the same rules as over HTTP.

use std::path::PathBuf;

use clap::Args;
use keymuster_core::request::HostRequest;
use serde_json::json;

use super::{Site, read_bundle};
use crate::certify::certify;
use crate::data_dir::write_file;
use crate::error::Error;
use crate::output::Output;

/// The options of `certify`.
#[derive(Debug, Args)]
pub struct Options {
    /// The host's request
    #[arg(long, value_name = "FILE.request")]
    request: PathBuf,
    /// Where the answer is written
    #[arg(long, value_name = "FILE.response")]
    out: PathBuf,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let bytes = read_bundle(&self.request)?.host_request;
        let missing = || Error::Rule(format!("{} holds no request of a host", self.request.display()));
        let request = HostRequest::verify(&bytes.ok_or_else(missing)?)?;
        let (authority, mut db) = site.authority()?;
        let bundle = certify(&authority, &mut db, &request, &site.caller())?;
        write_file(&self.out, &bundle.to_file())?;
        let value = json!({ "host": request.host.to_string(), "file": self.out });
        Ok(Output::new(value, format!("Host {} is certified: {}", request.host, self.out.display())))
    }
}
