//! `keymuster-host pack fetch`: the newest licence pack, straight from the publisher's authority.

use std::path::Path;

use keymuster_core::id::Slug;
use keymuster_service::Env;
use keymuster_service::console::By;

use super::choose_publisher;
use super::pack_import::tell;
use crate::acts::packs;
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
    let by = By::local_user(env.now());
    tell(&packs::fetch(&mut home, &by, publisher, options.authority.as_deref())?, options.json)
}
