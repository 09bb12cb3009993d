//! `keymuster-host pack import`: a licence pack from a file, of a known publisher or, with its trust file, of a new one.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use keymuster_core::bundle::{self, Bundle};
use keymuster_core::trust::{self, Trust};
use keymuster_service::console::By;
use keymuster_service::{Env, files};

use super::pack::text;
use super::print;
use crate::acts::packs::{self, Brought};
use crate::site::Home;

/// Options of `pack import`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The licence pack.
    file: PathBuf,
    /// The publisher's trust file, where this host does not know the publisher yet.
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Write JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(data_dir: &Path, options: &Options) -> anyhow::Result<()> {
    import(data_dir, &options.file, options.trust.as_deref(), options.json)
}

/// Takes a pack over from a file, and says what it has brought.
pub(super) fn import(data_dir: &Path, file: &Path, trust: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let env = Env::system();
    let trust = trust.map(read_trust).transpose()?;
    let bytes = files::read_private(file, bundle::SIZE_MAX)?;
    let pack = Bundle::parse_file(&bytes).with_context(|| format!("cannot use {}", file.display()))?;
    let mut home = Home::open(data_dir, &env)?;
    tell(&packs::import(&mut home, &By::local_user(env.now()), trust, &pack)?, json)
}

/// Prints what a pack has brought.
pub(super) fn tell(brought: &Brought, json: bool) -> anyhow::Result<()> {
    print(&if json { serde_json::to_string_pretty(brought)? + "\n" } else { text(brought) })
}

fn read_trust(path: &Path) -> anyhow::Result<Trust> {
    let bytes = files::read_private(path, trust::SIZE_MAX)?;
    String::from_utf8_lossy(&bytes).parse().with_context(|| format!("cannot use {}", path.display()))
}
