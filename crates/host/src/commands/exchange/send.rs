//! `keymuster-host exchange send`: the whole exchange over HTTP, where this machine reaches the authority.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use keymuster_core::bundle::Bundle;
use keymuster_service::Env;

use super::{Selection, take_and_tell, tell_results};
use crate::exchange;

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
    let mut bundles: Vec<Bundle> = Vec::new();
    let mut selected = options.selection.pack(data_dir, &env, |packed| {
        bundles.extend_from_slice(packed);
        Ok(())
    })?;
    let trusted = &selected.home.site.publishers[selected.publisher].trust.authority;
    let url = options.authority.clone().or_else(|| trusted.clone());
    let url = url.context("the trust file names no authority; name it with --authority URL, or use exchange export")?;
    // Where standard error is gone there is nobody to tell that we wait.
    let _ = writeln!(std::io::stderr(), "asking {url} for {} machines …", selected.requests);
    let mut outcomes = Vec::new();
    for bundle in bundles {
        exchange::send(&url, bundle, |answer| {
            outcomes.extend(take_and_tell(&mut selected.home, answer, &env)?);
            Ok(())
        })?;
    }
    tell_results(&outcomes, options.json)
}
