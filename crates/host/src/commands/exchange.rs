//! `keymuster-host exchange`: activations by a MAK for machines that cannot reach the publisher's authority.

mod drop;
mod export;
mod import;
mod list;
mod send;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;
use keymuster_service::exit::Told;
use keymuster_service::table::table;
use keymuster_service::{exit, files};

use super::{choose_publisher, print, read_secret_line};
use crate::acts::exchange::{self, MachineResult, Packed, Report};
use crate::site::Site;

/// How often progress is told, in results.
const PROGRESS_STEP: usize = 250;

/// What is done with the requests that clients have left.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what is collected, and what became of it.
    List(list::Options),
    /// Write the requests that have no result to a file for the publisher, with the MAK for them.
    Export(export::Options),
    /// Take the publisher's answer; the machines fetch their results by themselves.
    Import(import::Options),
    /// Do both at once, where the publisher's authority can be reached from here.
    Send(send::Options),
    /// Forget what was collected.
    Drop(drop::Options),
}

/// Runs the command that was asked for.
pub fn run(data_dir: &Path, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List(options) => list::run(data_dir, options),
        Command::Export(options) => export::run(data_dir, options),
        Command::Import(options) => import::run(data_dir, options),
        Command::Send(options) => send::run(data_dir, options),
        Command::Drop(options) => drop::run(data_dir, options),
    }
}

/// Which requests go out, and by which MAK.
///
/// The MAK is no argument: it is a secret, and every user of the machine can read the arguments of all programs.
#[derive(Debug, clap::Args)]
struct Selection {
    /// The publisher, where this host has several.
    #[arg(long)]
    publisher: Option<Slug>,
    /// The edition, to make sure that the MAK is for it; without it, the one that the MAK is for.
    #[arg(long)]
    edition: Option<Slug>,
    /// Read the MAK from this file instead of standard input.
    #[arg(long, value_name = "FILE")]
    mak_file: Option<PathBuf>,
}

impl Selection {
    /// Reads the MAK, and finds its publisher.
    fn read(&self, site: &Site) -> anyhow::Result<exchange::Selection> {
        let publisher = choose_publisher(site, self.publisher.as_ref())?;
        Ok(exchange::Selection { publisher, mak: self.mak()?, edition: self.edition.clone(), file: None })
    }

    fn mak(&self) -> anyhow::Result<ProductKey> {
        let text = match &self.mak_file {
            Some(path) => {
                String::from_utf8(files::read_private(path, 256)?).context("the file of the MAK is no text")?
            }
            None => read_secret_line("MAK")?,
        };
        Ok(ProductKey::parse(text.trim())?)
    }
}

/// Says that nothing waits, where nothing does.
fn told_that_nothing_waits(packed: &Packed) -> anyhow::Result<()> {
    if packed.files > 0 {
        return Ok(());
    }
    let edition = &packed.edition;
    exit::tell(&format!("no request for {edition} waits; keymuster-host exchange list shows all"), None);
    Err(Told.into())
}

/// Tells how far the results of an answer are, where that takes a while.
fn tell_progress(done: usize, total: usize) {
    if total > PROGRESS_STEP && done.is_multiple_of(PROGRESS_STEP) {
        // Where standard error is gone there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{done} of {total} results …");
    }
}

/// Shows what became of each machine; not everything in order is the exit code of a refusal.
fn tell_results(report: &Report, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        print(&(serde_json::to_string_pretty(report)? + "\n"))?;
    } else {
        let rows: Vec<[String; 4]> = report.results.iter().map(row).collect();
        let mut text = table(["CLIENT", "NAME", "EDITION", "RESULT"], &rows, "");
        text += &format!("\n{} activated, {} refused", report.activated, report.refused);
        for (number, words) in [
            (report.invalid, "do not verify"),
            (report.unasked, "fit no request: the machine has asked anew, or its request was dropped"),
            (report.known_before, "were imported before, and change nothing"),
        ] {
            if number > 0 {
                text += &format!("\n{number} {words}");
            }
        }
        print(&(text + "\n"))?;
    }
    if report.activated == report.results.len() { Ok(()) } else { Err(Told.into()) }
}

fn row(result: &MachineResult) -> [String; 4] {
    let MachineResult { client, name, edition, code, detail, .. } = result;
    let words = [Some(result.result.to_owned()), code.clone(), detail.clone()];
    let words = words.into_iter().flatten().collect::<Vec<_>>().join(": ");
    let client = client.clone().unwrap_or_else(|| "?".to_owned());
    [client, name.clone().unwrap_or_default(), edition.clone().unwrap_or_default(), words]
}
