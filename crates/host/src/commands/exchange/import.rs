//! `keymuster-host exchange import`: the publisher's answer, verified and kept until each machine fetches its result.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use keymuster_core::bundle::{self, Bundle};
use keymuster_service::console::By;
use keymuster_service::{Env, files};

use super::{tell_progress, tell_results};
use crate::acts::exchange;
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
    let report = exchange::import(&mut home, &By::local_user(env.now()), &answer, tell_progress);
    let report = report.with_context(|| format!("cannot use {}", options.file.display()))?;
    if report.still_open > 0 {
        let open = report.still_open;
        // Where standard error is gone, exchange list shows them.
        let _ = writeln!(
            std::io::stderr(),
            "{open} more that were exported have no result yet; they can be exported again"
        );
    }
    tell_results(&report, options.json)
}
