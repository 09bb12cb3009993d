//! `keymuster-host pack list`: which licence packs this host holds.

use std::path::Path;

use keymuster_core::time::Timestamp;

use super::print;
use super::status::open_read_only;
use crate::views::products::{self, Pack};

/// Options of `pack list`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let mut db = open_read_only(data_dir)?;
    let tx = db.transaction()?;
    let packs = products::packs(&tx)?;
    if options.json {
        return print(&(serde_json::to_string_pretty(&packs)? + "\n"));
    }
    print(&packs.iter().map(text).collect::<String>())
}

fn text(pack: &Pack) -> String {
    let Pack { publisher, name, version, groups, editions, host_min, host, .. } = pack;
    let issued = Timestamp::from_secs(pack.issued);
    let revocations = pack.revocations.map_or_else(|| "none".to_owned(), |sequence| format!("list {sequence}"));
    let authority = pack.authority.as_deref().unwrap_or("none in the trust file");
    format!(
        "{name} ({publisher}), licence pack version {version} of {issued}\n  \
         {editions} editions in {groups} groups; revocations: {revocations}\n  \
         needs host version {host_min}, this is {host}\n  \
         authority: {authority}\n"
    )
}
