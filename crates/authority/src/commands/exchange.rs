//! `exchange`: answers the requests that a host has collected and that came as a file, by the same rules as over HTTP.

use std::path::PathBuf;

use clap::Args;
use keymuster_core::bundle::Refused;
use keymuster_core::document::Signed;
use keymuster_core::id::Label;
use keymuster_core::request::ClientRequest;
use keymuster_service::table::table;
use serde_json::json;

use super::{Site, read_bundle};
use crate::data_dir::write_file;
use crate::error::Error;
use crate::exchange::{Exchange, Exchanged, exchange};
use crate::output::Output;

/// The options of `exchange`.
#[derive(Debug, Args)]
pub struct Options {
    /// What the host has exported: requests of its clients, and the MAK
    #[arg(value_name = "FILE.request")]
    request: PathBuf,
    /// Where the answer is written
    #[arg(long, value_name = "FILE.response")]
    out: PathBuf,
}

impl Options {
    pub fn run(self, site: &Site) -> Result<Output, Error> {
        let asked = Exchange::read(read_bundle(&self.request)?)
            .map_err(|error| Error::Rule(format!("{}: {error}", self.request.display())))?;
        let (authority, mut db) = site.authority()?;
        let exchanged = exchange(&authority, &mut db, &asked, &site.caller())?;
        write_file(&self.out, &exchanged.bundle.to_file())?;
        Ok(self.output(&asked, &exchanged))
    }

    fn output(&self, asked: &Exchange, exchanged: &Exchanged) -> Output {
        let refusals = exchanged.bundle.refusals.as_deref().unwrap_or_default();
        let (decided, refused) = (exchanged.decided, refusals.len());
        let (activated, left) = (decided - refused, asked.requests.len() - decided);
        let value = json!({
            "activated": activated,
            "refused": refusals.iter().map(|refusal| value(asked, refusal)).collect::<Vec<_>>(),
            "left": left,
            "file": self.out,
        });
        let mut text = format!("{activated} activated, {refused} refused: {}\n", self.out.display());
        if refused > 0 {
            let rows: Vec<_> = refusals.iter().map(|refusal| row(asked, refusal)).collect();
            text += &table(["CLIENT", "NAME", "REFUSED", "WHY"], &rows, "");
        }
        let output = Output::new(value, text);
        if left == 0 {
            return output;
        }
        output.note(format!("{left} requests have no room in one answer; their host exports them again."))
    }
}

fn of<'a>(asked: &'a Exchange, refusal: &Refused) -> Option<&'a Signed<ClientRequest>> {
    asked.requests.iter().find(|request| request.request == refusal.request)
}

fn value(asked: &Exchange, refusal: &Refused) -> serde_json::Value {
    let request = of(asked, refusal);
    json!({
        "client": request.map(|request| request.client.to_string()),
        "name": request.and_then(|request| request.name.as_ref()).map(Label::as_str),
        "code": refusal.code.as_str(),
        "detail": refusal.detail.as_ref().map(Label::as_str),
    })
}

fn row(asked: &Exchange, refusal: &Refused) -> [String; 4] {
    let request = of(asked, refusal);
    let name = request.and_then(|request| request.name.as_ref());
    [
        request.map(|request| request.client.to_string()).unwrap_or_default(),
        name.map(ToString::to_string).unwrap_or_default(),
        refusal.code.to_string(),
        refusal.detail.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}
