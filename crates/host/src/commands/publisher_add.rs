//! `keymuster-host add-publisher`: whose products this host may activate, and what they are.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, ensure};
use keymuster_core::bundle::{self, Bundle};
use keymuster_core::catalogue::Catalogue;
use keymuster_core::chain::Chain;
use keymuster_core::document::Document as _;
use keymuster_core::invalid::Invalid;
use keymuster_core::trust::{self, Trust};
use keymuster_service::{Env, files};

use super::print;
use crate::site::{Home, has_newest_revocations};
use crate::store::{self, audit};

/// Options of `add-publisher`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The publisher's trust file.
    #[arg(long)]
    trust: PathBuf,
    /// The publisher's licence pack.
    #[arg(long)]
    pack: PathBuf,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    let env = Env::system();
    let text = files::read_private(&options.trust, trust::SIZE_MAX)?;
    let trust = String::from_utf8_lossy(&text).parse::<Trust>();
    let trust = trust.with_context(|| format!("cannot use {}", options.trust.display()))?;
    let file = files::read_private(&options.pack, bundle::SIZE_MAX)?;
    let pack = Bundle::parse_file(&file).with_context(|| format!("cannot use {}", options.pack.display()))?;

    let mut home = Home::open(data_dir, &env)?;
    let held = home.site.publishers.iter().find(|held| held.trust.publisher == trust.publisher);
    let known_list = held.map(|held| Chain::new(&trust, &held.pack, None)).transpose()?;
    let known_list = known_list.and_then(|chain| chain.revocations().cloned());
    let chain = Chain::new(&trust, &pack, known_list).context("the licence pack does not fit the trust file")?;
    let none = || Invalid::WrongType { expected: Catalogue::TYPE, found: "a file without one".to_owned() };
    let bytes = pack.catalogue.as_ref().ok_or_else(none)?;
    let catalogue = chain.catalogue(bytes).context("the licence pack does not fit the trust file")?;

    let tx = home.db.transaction()?;
    let act = match held {
        None => {
            store::publisher::add(&tx, &trust.publisher, &trust.to_string(), &pack.to_bytes(), env.now())?;
            "publisher added"
        }
        Some(held) => {
            ensure!(held.trust.roots == trust.roots, "publisher {} is known with other root keys", trust.publisher);
            if catalogue.version < held.catalogue.version {
                let (found, known) = (catalogue.version, held.catalogue.version);
                let older = format!("the licence pack has version {found}, this host holds {known}");
                return Err(anyhow!(Invalid::OlderThanHeld).context(older));
            }
            if !has_newest_revocations(&pack, &chain) {
                let older = "the licence pack's revocations are older than those held";
                return Err(anyhow!(Invalid::OlderThanHeld).context(older));
            }
            store::publisher::set_pack(&tx, held.number, &pack.to_bytes())?;
            "licence pack replaced"
        }
    };
    let detail = format!("licence pack version {}", catalogue.version);
    let act = audit::Act { actor: &audit::operating_user(), act, subject: trust.publisher.as_str(), detail: &detail };
    audit::record(&tx, act, env.now())?;
    tx.commit()?;
    print(&format!(
        "{}: {} editions, licence pack version {}\nnext: keymuster-host install-key\n",
        catalogue.name,
        catalogue.editions.len(),
        catalogue.version
    ))
}
