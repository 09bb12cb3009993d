//! `keymuster-host ledger prove`: recomputes the whole ledger. Reads, writes nothing, and works beside a running server.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use keymuster_service::Env;
use keymuster_service::exit::Told;
use serde_json::{Value, json};

use super::print;
use super::status::open_read_only;
use crate::proof::{self, Held, Proof, Stopped};
use crate::site::Site;
use crate::{identity, mirror};

/// What is done with the ledger.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Recompute the whole ledger: every entry, every hash, what each client's row says, and who holds seats. The first thing
    /// that is wrong is named. Exit codes: 0 whole; 1 it contradicts itself; 3 it cannot be read.
    Prove(Options),
}

/// Options of `ledger prove`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, command: &Command) -> anyhow::Result<()> {
    let Command::Prove(options) = command;
    // It is read before the database, which may grow meanwhile. One that cannot be read proves nothing.
    let mirror = mirror::read(data_dir).unwrap_or_default();
    let mut db = open_read_only(data_dir)?;
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    // Whoever may read the database alone proves all but the signatures.
    let key = identity::read(data_dir).ok();
    let held = Held { key: key.as_ref(), mirror: mirror.as_ref(), now: Env::system().now() };
    let shows = std::io::stderr().is_terminal();
    let mut tell = |what: &str, done: u64, all: u64| {
        if shows {
            let _ = write!(std::io::stderr(), "\r{what}: {done} of {all} ");
        }
    };
    let proved = proof::prove(&tx, &site, &held, &mut tell);
    if shows {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    match (proved, options.json) {
        (Ok(proof), true) => print(&json_text(&json!({ "whole": true, "proof": proof, "wrong": null }))?),
        (Ok(proof), false) => print(&text(&proof)),
        (Err(Stopped::Failure(failure)), _) => Err(failure.into()),
        (Err(Stopped::Wrong(wrong)), false) => Err(wrong.coded().into()),
        (Err(Stopped::Wrong(wrong)), true) => {
            print(&json_text(
                &json!({ "whole": false, "proof": null, "wrong": wrong, "code": wrong.coded().code.name }),
            )?)?;
            Err(Told.into())
        }
    }
}

fn json_text(value: &Value) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

fn text(proof: &Proof) -> String {
    let Proof { entries, leases, releases, epoch, sequence, head, clients, seats, .. } = proof;
    let from = match proof.pruned {
        0 => "from its beginning".to_owned(),
        pruned => format!("from behind entry {pruned}, where it was pruned"),
    };
    let signatures = match proof.signatures {
        Some(number) => format!("{number} leases that are held were signed anew and verified"),
        None => "no lease was signed anew: the key cannot be read".to_owned(),
    };
    let mirrored = match proof.mirrored {
        Some(sequence) => format!("the mirror of the head confirms entry {sequence}"),
        None => "no mirror of the head that tells of this epoch's entries".to_owned(),
    };
    format!(
        "the ledger is whole, {from}\n\
         {entries} entries ({leases} leases, {releases} releases), each following from the one before\n\
         {clients} clients' rows agree with their entries\n\
         {seats} seats are held, none of them twice\n\
         {signatures}\n{mirrored}\n\
         entry {sequence}, epoch {epoch}, head {head}\n"
    )
}
