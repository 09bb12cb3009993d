//! `keymuster-host install-key`: checks a host key and installs it, before anything is sent anywhere.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use keymuster_core::coverage::installable_host_key;
use keymuster_core::id::Slug;
use keymuster_core::key::ProductKey;
use keymuster_service::{Env, files};

use super::layout::list;
use super::{choose_publisher, print, read_secret_line};
use crate::site::Home;
use crate::store::{self, audit};

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
    let held = &home.site.publishers[index];

    let tx = home.db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let installed = store::host_key::of_publisher(&tx, held.number)?;
    let group = installable_host_key(&key, &installed, &held.catalogue)?;
    store::host_key::add(&tx, held.number, &key, env.now())?;
    let detail = format!("publisher {}, group {}", held.trust.publisher, group.id);
    let subject = format!("host key …{}", key.last_five());
    let act = audit::Act { actor: &audit::operating_user(), act: "key installed", subject: &subject, detail: &detail };
    audit::record(&tx, act, env.now())?;
    tx.commit()?;

    let cover = group.cover(None);
    let covered = held.catalogue.groups.iter().filter(|group| cover.includes(group)).map(|group| group.name.as_str());
    print(&format!(
        "installed the host key that ends in {} for {}\n{}next: keymuster-host activate\n",
        key.last_five(),
        group.name,
        list("covers:", covered)
    ))
}
