//! `keymuster-host backup`: everything of the host in one sealed file, and back.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use keymuster_service::Env;
use keymuster_service::backup::{self, BackupCommand};
use keymuster_service::console::commands::Said;

use super::print;
use crate::backup::CONTENTS;

/// Options of `backup`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    command: BackupCommand,
    /// Write JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let Said { json, text, note } = backup::run(&CONTENTS, data_dir, &options.command, &Env::system())?;
    write!(std::io::stderr(), "{note}").context("cannot write to standard error")?;
    print(&if options.json { format!("{json}\n") } else { text })
}
