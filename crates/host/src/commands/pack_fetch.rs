//! `keymuster-host pack fetch`: the newest licence pack, straight from the publisher's authority.

use std::path::Path;

use anyhow::Context as _;
use keymuster_core::id::Slug;
use keymuster_service::Env;

use super::choose_publisher;
use super::pack::Brought;
use super::pack_import::tell;
use crate::pack;
use crate::site::Home;

/// Options of `pack fetch`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The publisher, where this host has several.
    #[arg(long)]
    publisher: Option<Slug>,
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
    let mut home = Home::open(data_dir, &env)?;
    let publisher = choose_publisher(&home.site, options.publisher.as_ref())?;
    let trust = home.site.publishers[publisher].trust.clone();
    let url = options.authority.as_ref().or(trust.authority.as_ref()).context(
        "the trust file names no authority; name one with --authority, or import a file: keymuster-host pack import FILE",
    )?;
    let fetched = pack::fetch(url)?;
    let taken = pack::import(&mut home, Some(trust), &fetched, &env)?;
    tell(&Brought::by(&taken, &mut home.db, env.now())?, options.json)
}
