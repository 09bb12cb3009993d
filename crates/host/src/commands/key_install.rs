//! `keymuster-host install-key`: checks a host key and installs it, before anything is sent anywhere.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;
use keymuster_service::console::By;
use keymuster_service::{Env, files};

use super::layout::list;
use super::{choose_publisher, print, read_secret_line, site_activate};
use crate::acts::keys::{self, Installed};
use crate::site::Home;

/// Options of `install-key`.
///
/// The key is no argument: a host key is a secret, and every user of the machine can read the arguments of all programs.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Read the key from this file instead of standard input.
    #[arg(long)]
    key_file: Option<PathBuf>,
    /// The publisher, where this host has several.
    #[arg(long)]
    publisher: Option<Slug>,
    /// Activate the key at once, at the authority whose address is in the trust file.
    #[arg(long)]
    activate: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let env = Env::system();
    let text = match &options.key_file {
        Some(path) => String::from_utf8(files::read_private(path, 256)?).context("the key file is no text")?,
        None => read_secret_line("host key")?,
    };
    let key = ProductKey::parse(text.trim())?;
    let mut home = Home::open(data_dir, &env)?;
    let index = choose_publisher(&home.site, options.publisher.as_ref())?;
    let installed = keys::install(&mut home, &By::local_user(env.now()), index, &key)?;
    let Installed { last_five, group, covers, .. } = installed;
    let next = if options.activate { "" } else { "next: keymuster-host activate\n" };
    print(&format!("installed the host key that ends in {last_five} for {group}\n{}{next}", list("covers:", covers)))?;
    if options.activate { site_activate::ask_at_once(&mut home, index, &key, &env) } else { Ok(()) }
}
