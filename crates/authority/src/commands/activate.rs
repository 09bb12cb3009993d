//! `activate`: answers a client's request that came as a file, by the same rules as over HTTP.

use std::path::PathBuf;

use clap::Args;
use keymuster_core::request::ClientRequest;
use serde_json::json;

use super::{Site, read_bundle};
use crate::data_dir::write_file;
use crate::error::Error;
use crate::mak::activate;
use crate::output::Output;

/// The options of `activate`.
#[derive(Debug, Args)]
pub struct Options {
    /// The client's request
    #[arg(long, value_name = "FILE.request")]
    request: PathBuf,
    /// Where the answer is written
    #[arg(long, value_name = "FILE.response")]
    out: PathBuf,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let bytes = read_bundle(&self.request)?.client_request;
        let missing = || Error::Rule(format!("{} holds no request of a client", self.request.display()));
        let request = ClientRequest::verify(&bytes.ok_or_else(missing)?)?;
        let (authority, mut db) = site.authority()?;
        let bundle = activate(&authority, &mut db, &request, &site.caller())?;
        write_file(&self.out, &bundle.to_file())?;
        let value = json!({ "client": request.client.to_string(), "file": self.out });
        Ok(Output::new(value, format!("Client {} is activated: {}", request.client, self.out.display())))
    }
}
