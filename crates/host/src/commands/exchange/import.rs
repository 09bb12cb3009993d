//! `keymuster-host exchange import`: the publisher's answer, verified and kept until each machine fetches its result.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use keymuster_core::bundle::{self, Bundle};
use keymuster_service::{Env, files};

use super::{take_and_tell, tell_results};
use crate::site::Home;

/// Options of `exchange import`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The publisher's answer.
    #[arg(value_name = "FILE.response")]
    file: PathBuf,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let env = Env::system();
    let bytes = files::read_private(&options.file, bundle::SIZE_MAX + bundle::FILE_MAGIC.len())?;
    let answer = Bundle::parse_file(&bytes).with_context(|| format!("cannot use {}", options.file.display()))?;
    let mut home = Home::open(data_dir, &env)?;
    let outcomes = take_and_tell(&mut home, &answer, &env);
    let outcomes = outcomes.with_context(|| format!("cannot use {}", options.file.display()))?;
    tell_results(&outcomes, options.json)
}
