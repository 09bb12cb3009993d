//! `keymuster-host add-publisher`: whose products this host may activate, and what they are.

use std::path::{Path, PathBuf};

use super::pack_import::import;

/// Options of `add-publisher`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The publisher's trust file.
    #[arg(long)]
    trust: PathBuf,
    /// The publisher's licence pack.
    #[arg(long)]
    pack: PathBuf,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    import(data_dir, &options.pack, Some(&options.trust), false)
}
