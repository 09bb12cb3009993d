//! `keymuster-host exchange import`: the publisher's answer, verified and kept until each machine fetches its result.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use keymuster_core::bundle::{self, Bundle};
use keymuster_core::exchange::REPEATED_SECS;
use keymuster_service::{Env, files};

use super::{take_and_tell, tell_results};
use crate::site::Home;
use crate::store::collected;

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
    let open = still_open(&mut home, &env)?;
    if open > 0 {
        // Where standard error is gone, exchange list shows them.
        let _ = writeln!(
            std::io::stderr(),
            "{open} more that were exported have no result yet; they can be exported again"
        );
    }
    tell_results(&outcomes, options.json)
}

/// How many requests went out and wait: their answer is in another file, or had no room in this one.
fn still_open(home: &mut Home, env: &Env) -> anyhow::Result<u64> {
    Ok(collected::exported(&home.db.transaction()?, env.now().minus(REPEATED_SECS))?)
}
