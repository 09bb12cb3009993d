//! Activations by a MAK for machines that cannot reach the publisher, at a host.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Around, Asked, ROWS_MAX, Show, files, one, rows, words};
use crate::answer::{Answer, note};
use crate::failure::Failure;
use crate::remote::shown::Column;
use crate::remote::{Ask, encoded};

#[derive(Debug, Subcommand)]
pub enum Exchange {
    /// Show what is collected, the oldest first, and what became of it.
    List {
        /// The beginning of a machine's name, of a client id or of an address.
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
        /// Only requests in this state: waiting, exported, activated or refused.
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// How many at most.
        #[arg(long, value_name = "N", default_value_t = ROWS_MAX)]
        most: usize,
    },
    /// Write the requests that have no result to a file for the publisher, with the MAK for them.
    Export {
        /// Where they are written. More than a thousand make more files: FILE-2.request and so on.
        #[arg(long, value_name = "FILE.request", alias = "output")]
        out: PathBuf,
        #[command(flatten)]
        order: Order,
    },
    /// Take the publisher's answer; the machines fetch their results by themselves.
    Import {
        /// The answer.
        file: PathBuf,
    },
    /// Do both at once, where the host reaches the publisher's authority.
    Send {
        #[command(flatten)]
        order: Order,
        /// The authority's address, instead of the one in the trust file.
        #[arg(long, value_name = "URL")]
        authority: Option<String>,
    },
    /// Forget what was collected; a machine that asks again is collected again.
    Drop(Dropped),
}

/// The MAK; `--publisher` and `--edition` make sure that it is for those.
#[derive(Debug, Args)]
pub struct Order {
    /// Read the MAK from this file instead of standard input.
    #[arg(long, value_name = "FILE")]
    mak_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Dropped {
    /// The id of the client whose requests are meant.
    client: Option<String>,
    /// Everything, also what has a result that no machine has fetched yet.
    #[arg(long)]
    all: bool,
}

const REQUESTS: &[Column] = &[
    ("CLIENT", "client"),
    ("NAME", "name"),
    ("PUBLISHER", "publisher"),
    ("EDITION", "edition"),
    ("STATE", "state"),
    ("SINCE", "since"),
    ("CODE", "code"),
];

impl Exchange {
    pub(super) fn run(&self, at: &Around<'_>) -> Result<Answer, Failure> {
        let asked = match self {
            Exchange::List { search, state, most } => {
                let ask = Ask::get("/exchange").with("search", search.as_ref()).with("state", state.as_ref());
                Asked { most: *most, ..rows(ask, "requests", REQUESTS, "nothing is collected") }
            }
            Exchange::Export { out, order } => return export(at, out, order.body(at)?),
            Exchange::Import { file } => one(Ask::file("/exchange/import", files::document(file)?), Show::Results),
            Exchange::Send { order, authority } => {
                let mut body = order.body(at)?;
                if let Some(authority) = authority {
                    body["authority"] = json!(authority);
                }
                note("the host asks the publisher's authority …");
                one(Ask::act("POST", "/exchange/send", Some(body)), Show::Results)
            }
            Exchange::Drop(Dropped { client, .. }) => {
                let path = client.as_ref().map_or_else(String::new, |client| format!("/{}", encoded(client)));
                one(Ask::act("DELETE", &format!("/exchange{path}"), None), Show::Words(words::forgotten))
            }
        };
        asked.answer(at.remote)
    }
}

impl Order {
    fn body(&self, at: &Around<'_>) -> Result<Value, Failure> {
        let mut body = json!({ "mak": files::secret("MAK", self.mak_file.as_deref())? });
        for (name, value) in [("publisher", at.publisher), ("edition", at.edition)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        Ok(body)
    }
}

/// Writes every file of an export.
fn export(at: &Around<'_>, out: &std::path::Path, body: Value) -> Result<Answer, Failure> {
    let ask = Ask::act("POST", "/exchange/export", Some(body));
    let (mut text, mut written, mut number, mut last) = (String::new(), Vec::new(), 1, 1);
    while number <= last {
        let sent = at.remote.file(&ask.clone().with_member("file", json!(number)))?;
        let path = files::numbered(out, number);
        files::write_private(&path, &sent.bytes)?;
        text += &format!("wrote {}\n", path.display());
        written.push(path);
        (number, last) = (number + 1, sent.files);
    }
    text += if written.len() == 1 { "the file holds" } else { "the files hold" };
    text += " the whole MAK: hand it to the publisher and to nobody else, and delete it afterwards\n\
             next: take it to the publisher, and the answer back: keymuster host exchange import FILE\n";
    Ok(Answer::new(text, json!({ "files": written })))
}
