//! Host keys at a host: what they stand for, installing and removing them, and activating them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use keymuster_core::key::ProductKey;
use keymuster_core::time::Timestamp;
use keymuster_qr::Asker;
use serde_json::{Value, json};

use super::{Around, Asked, Show, files, one, rows, words};
use crate::answer::{Answer, confirmed, note};
use crate::failure::Failure;
use crate::remote::shown::Column;
use crate::remote::{Ask, encoded};

#[derive(Debug, Subcommand)]
pub enum Keys {
    /// Show all host keys, and until when each counts.
    List,
    /// Show what a host key covers, and what would be lost with it.
    Show {
        /// The last five symbols of the key, or its id.
        key: String,
    },
    /// Install a host key, read from standard input; nothing is sent to the publisher before it is activated.
    Install {
        /// Read the key from this file instead of standard input.
        #[arg(long, value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
    /// Remove a host key with its entitlement; leases that clients hold run on to their end.
    Remove {
        /// The last five symbols of the key, or its id.
        key: String,
        /// Do not ask whether it is meant.
        #[arg(long)]
        yes: bool,
    },
}

/// Options of `activate`.
#[derive(Debug, Args)]
pub struct Activate {
    /// The last five symbols of the host key, or its id; may be left out where one alone is installed.
    #[arg(conflicts_with_all = ["response", "response_qr"])]
    key: Option<String>,
    /// The authority's address, instead of the one in the trust file.
    #[arg(long, value_name = "URL", conflicts_with = "Asker")]
    authority: Option<String>,
    /// Ask again for a key whose entitlement is not yet about to end. Each time uses one of the key's activations.
    #[arg(long, conflicts_with_all = ["response", "response_qr"])]
    renew: bool,
    #[command(flatten)]
    carried: Asker,
}

const KEYS: &[Column] = &[
    ("KEY", "last_five"),
    ("ID", "id"),
    ("PUBLISHER", "publisher"),
    ("GROUP", "group"),
    ("STATE", "state"),
    ("CUSTOMER", "customer"),
    ("UNTIL", "stop_at"),
];

const AFTER_REQUEST: &str = "the request holds the whole host key: show it to the publisher and to nobody else
next: take it to the publisher, and the answer back: keymuster host activate --response FILE, or --response-qr PICTURE
";

impl Keys {
    pub(super) fn asked(&self, at: &Around<'_>) -> Result<Asked, Failure> {
        Ok(match self {
            Keys::List => rows(Ask::get("/keys"), "keys", KEYS, "no host key is installed"),
            Keys::Show { key } => one(Ask::get(&path(&found(at, Some(key))?)), Show::Words(words::loss)),
            Keys::Install { key_file } => {
                let mut body = json!({ "key": files::secret("host key", key_file.as_deref())? });
                if let Some(publisher) = at.publisher {
                    body["publisher"] = json!(publisher);
                }
                one(Ask::act("POST", "/keys", Some(body)), Show::Words(words::installed))
            }
            Keys::Remove { key, yes } => {
                let path = path(&found(at, Some(key))?);
                if !yes {
                    consent(&at.remote.ask(&Ask::get(&path))?)?;
                }
                one(Ask::act("DELETE", &path, None), Show::Words(words::removed))
            }
        })
    }
}

fn consent(loss: &Value) -> Result<(), Failure> {
    match confirmed(&format!("this removes:\n{}", words::loss(loss).trim_end()))? {
        true => Ok(()),
        false => Err(Failure::refused("nothing was removed", "say yes, or add --yes where nobody can be asked")),
    }
}

impl Activate {
    pub(super) fn run(&self, at: &Around<'_>) -> Result<Answer, Failure> {
        if let Some(response) = self.carried.read_response()? {
            let ask = Ask::file("/activation/response", response);
            return one(ask, Show::Words(words::activated)).answer(at.remote);
        }
        let key = found(at, self.key.as_deref())?;
        if key["state"] == "active" && !self.renew {
            let (last_five, until) = (words::text(&key, "last_five"), key["stop_at"].as_u64().unwrap_or_default());
            let until = Timestamp::from_secs(until);
            let text = format!(
                "the key that ends in {last_five} is activated until {until}\n\
                 to ask again and use up an activation, add --renew"
            );
            return Ok(Answer::new(text, key));
        }
        let mut meant = json!({ "publisher": key["publisher"], "key": key["id"] });
        if self.carried.is_request() {
            let request = at.remote.file(&Ask::act("POST", "/activation/request", Some(meant)))?;
            let written = self.carried.write_request(&request.bytes)?;
            let value = json!({ "files": written.files, "frames": written.frames() });
            return Ok(Answer::new(written.text() + AFTER_REQUEST, value));
        }
        if let Some(authority) = &self.authority {
            meant["authority"] = json!(authority);
        }
        note("the host asks the publisher's authority …");
        one(Ask::act("POST", "/activation/online", Some(meant)), Show::Words(words::activated)).answer(at.remote)
    }
}

/// The installed key that is meant.
fn found(at: &Around<'_>, wanted: Option<&str>) -> Result<Value, Failure> {
    if wanted.is_some_and(|wanted| ProductKey::parse(wanted).is_ok()) {
        let message = "a host key is a secret, and every user of the machine can read a command line";
        return Err(Failure::usage(message, "name it by its last five symbols"));
    }
    let mut keys = at.remote.ask(&Ask::get("/keys"))?;
    let mut keys: Vec<Value> = keys["keys"].as_array_mut().map(std::mem::take).unwrap_or_default();
    keys.retain(|key| is_meant(key, at.publisher, wanted));
    let shown = wanted.unwrap_or_default();
    match (keys.pop(), keys.is_empty(), wanted) {
        (Some(key), true, _) => Ok(key),
        (None, _, None) => {
            Err(Failure::refused("no host key is installed", "install one: keymuster host keys install"))
        }
        (None, _, Some(_)) => {
            let message = format!("no installed host key ends in {shown} or has this id");
            Err(Failure::refused(message, "`keymuster host keys list` shows those that are installed"))
        }
        (_, _, None) => Err(Failure::usage("several host keys are installed", "name one by its last five symbols")),
        (_, _, Some(_)) => {
            let message = format!("several host keys end in {shown}");
            Err(Failure::usage(message, "name it by its id, which `keymuster host keys list` shows"))
        }
    }
}

fn is_meant(key: &Value, publisher: Option<&str>, wanted: Option<&str>) -> bool {
    let is = |member: &str, wanted: &str| key[member].as_str().is_some_and(|text| text.eq_ignore_ascii_case(wanted));
    publisher.is_none_or(|publisher| is("publisher", publisher))
        && wanted.is_none_or(|wanted| is("last_five", wanted) || is("id", wanted))
}

fn path(key: &Value) -> String {
    format!("/keys/{}/{}", encoded(&words::text(key, "publisher")), encoded(&words::text(key, "id")))
}
