//! `keymuster-host pack list`: which licence packs this host holds.

use std::path::Path;

use keymuster_core::chain::Chain;
use keymuster_core::time::Timestamp;
use serde::Serialize;

use super::print;
use super::status::open_read_only;
use crate::pack::program_version;
use crate::site::{Publisher, Site};

/// Options of `pack list`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// One pack. Times are seconds since 1970.
#[derive(Debug, Serialize)]
struct Pack {
    publisher: String,
    name: String,
    version: u32,
    issued: u64,
    groups: usize,
    editions: usize,
    host_min: String,
    /// Which of the publisher's revocation lists came with it.
    revocations: Option<u64>,
    authority: Option<String>,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let mut db = open_read_only(data_dir)?;
    let tx = db.transaction()?;
    let site = Site::load(&tx)?;
    let packs = site.publishers.iter().map(pack).collect::<anyhow::Result<Vec<Pack>>>()?;
    if options.json {
        return print(&(serde_json::to_string_pretty(&packs)? + "\n"));
    }
    print(&packs.iter().map(text).collect::<String>())
}

fn pack(held: &Publisher) -> anyhow::Result<Pack> {
    let catalogue = &held.catalogue;
    let chain = Chain::new(&held.trust, &held.pack, None)?;
    Ok(Pack {
        publisher: held.trust.publisher.to_string(),
        name: catalogue.name.to_string(),
        version: catalogue.version,
        issued: catalogue.issued.as_secs(),
        groups: catalogue.groups.len(),
        editions: catalogue.editions.len(),
        host_min: catalogue.host_min.to_string(),
        revocations: chain.revocations().map(|list| list.sequence),
        authority: held.trust.authority.clone(),
    })
}

fn text(pack: &Pack) -> String {
    let Pack { publisher, name, version, groups, editions, host_min, .. } = pack;
    let issued = Timestamp::from_secs(pack.issued);
    let revocations = pack.revocations.map_or_else(|| "none".to_owned(), |sequence| format!("list {sequence}"));
    let authority = pack.authority.as_deref().unwrap_or("none in the trust file");
    format!(
        "{name} ({publisher}), licence pack version {version} of {issued}\n  \
         {editions} editions in {groups} groups; revocations: {revocations}\n  \
         needs host version {host_min}, this is {}\n  \
         authority: {authority}\n",
        program_version()
    )
}
