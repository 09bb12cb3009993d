//! `keymuster-host store migrate`: moves everything that is stored from the file to a PostgreSQL, or back.
//!
//! The host grants nothing meanwhile; the command says how long that was. The old database is never changed before the new one
//! has everything, and keeps all of it.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use clap::Subcommand;
use keymuster_service::console::by::By;
use keymuster_service::console::permission::Settings;
use keymuster_service::database::{self, Address, Failure, Moved, Place};
use keymuster_service::exit::Usage;
use keymuster_service::sql::Transaction;
use keymuster_service::{Env, backup};
use serde_json::json;

use super::print;
use crate::serving::Board;
use crate::store::{self, FILE_NAME, audit};

/// Subcommands of `store`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Move everything to a PostgreSQL, for several servers on one database, or back to a file. Every server of this host has
    /// to be stopped first.
    Migrate(Options),
}

/// Options of `store migrate`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Where to: an address as postgres://USER@HOST/NAME, or the word "file".
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// The file with the password for the PostgreSQL.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Certificates of who vouches for the PostgreSQL, where these are not the machine's own.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    backup::enter(data_dir)?;
    let from = store::place(data_dir)?;
    ensure!(from.is_there(), "there is nothing in {} to be moved", data_dir.display());
    let address = options.address()?;
    let to = match &address {
        Some(address) => Place::at(address)?,
        None => Place::File(data_dir.join(FILE_NAME)),
    };
    if from.is_like(&to) {
        bail!(Usage(format!("everything is in {from} already; a move is from the file to a PostgreSQL, or back")));
    }
    let board = Board::take(data_dir).with_context(|| format!("cannot lock {}", data_dir.display()))?;
    let _board =
        board.context("a server works on this data directory: stop it, and every other server of this host")?;
    if let Some(file) = to.file() {
        ensure!(!file.exists(), "{} exists, and nothing is overwritten: move it away", file.display());
    }
    let begin = Instant::now();
    let moved = carry(&from, &to)?;
    settle(data_dir, address.as_ref(), &from)?;
    let millis = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
    print(&if options.json { as_json(&to, &moved, millis) } else { words(&to, &moved, millis) })
}

impl Options {
    /// The PostgreSQL that is meant; none where it is the file.
    fn address(&self) -> anyhow::Result<Option<Address>> {
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::path::absolute).transpose();
        let (password_file, ca_file) = (absolute(&self.password_file)?, absolute(&self.ca_file)?);
        match (&*self.to, &password_file, &ca_file) {
            ("file", None, None) => Ok(None),
            ("file", ..) => bail!(Usage("a file has no password and no certificates".to_owned())),
            (url, ..) => Ok(Some(Address { url: url.to_owned(), password_file, ca_file })),
        }
    }
}

fn carry(from: &Place, to: &Place) -> anyhow::Result<Vec<Moved>> {
    let (mut source, mut target) = (store::connect(from)?, store::connect(to)?);
    let retire = |tx: &Transaction<'_>| -> Result<(), Failure> {
        // Of a file the name changes. In a server the host itself goes, so that none of its servers grants anything there.
        if from.file().is_none() {
            tx.execute("DELETE FROM host", [])?;
        }
        Ok(())
    };
    let moved = database::move_all(&mut source, &mut target, store::MIGRATIONS, retire)
        .with_context(|| format!("cannot move everything from {from} to {to}"))?;
    let now = Env::system().now();
    let tx = database::begin(&mut target)?;
    let (subject, detail) = (to.to_string(), format!("from {from}"));
    let by = By::<Settings>::of_process(now);
    audit::record(&tx, audit::Act { actor: by.actor(), act: "store moved", subject: &subject, detail: &detail }, now)?;
    tx.commit()?;
    Ok(moved)
}

/// From here on the directory names the new place; the old file keeps what it held, by another name.
fn settle(data_dir: &Path, address: Option<&Address>, from: &Place) -> anyhow::Result<()> {
    match address {
        Some(address) => address.settle(data_dir)?,
        None => Place::settle_on_file(data_dir)?,
    }
    Ok(from.put_aside()?)
}

fn words(to: &Place, moved: &[Moved], millis: u64) -> String {
    let rows: u64 = moved.iter().map(|moved| moved.rows).sum();
    let (seconds, tenths) = (millis / 1000, millis % 1000 / 100);
    format!(
        "moved {rows} rows of {} tables to {to}, each compared with what it was; nothing was granted for {seconds}.{tenths} s\n",
        moved.len()
    )
}

fn as_json(to: &Place, moved: &[Moved], millis: u64) -> String {
    let tables: serde_json::Map<_, _> = moved.iter().map(|moved| (moved.table.clone(), moved.rows.into())).collect();
    json!({ "to": to.to_string(), "pause_millis": millis, "rows": tables }).to_string() + "\n"
}
