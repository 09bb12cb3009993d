//! `keymuster-host exchange send`: the whole exchange over HTTP, where this machine reaches the authority.

use std::io::Write as _;
use std::path::Path;

use keymuster_core::bundle::Bundle;
use keymuster_service::Env;
use keymuster_service::console::By;

use super::{Selection, tell_progress, tell_results, told_that_nothing_waits};
use crate::acts::exchange;
use crate::site::Home;

/// Options of `exchange send`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    selection: Selection,
    /// The authority's address, instead of the one in the trust file.
    #[arg(long, value_name = "URL")]
    authority: Option<String>,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let env = Env::system();
    let by = By::local_user(env.now());
    let mut home = Home::open(data_dir, &env)?;
    let selection = options.selection.read(&home.site)?;
    let mut bundles: Vec<Bundle> = Vec::new();
    let packed = exchange::pack(&mut home, &by, &selection, |packed| {
        bundles.extend_from_slice(packed);
        Ok(())
    })?;
    told_that_nothing_waits(&packed)?;
    let url = exchange::authority(&home, selection.publisher, options.authority.as_deref())?;
    // Where standard error is gone there is nobody to tell that we wait.
    let _ = writeln!(std::io::stderr(), "asking {url} for {} machines …", packed.requests);
    let report = exchange::send(&mut home, &by, &url, bundles, tell_progress)?;
    tell_results(&report, options.json)
}
