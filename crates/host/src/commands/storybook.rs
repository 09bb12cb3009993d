//! `keymuster-host storybook`: every page in every state, with sample values, as files to look at.

use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use keymuster_service::console::assets;

use super::print;
use crate::pages;

/// Options of `storybook`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The directory to write to; it is made where there is none.
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
}

/// Runs the command.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let mut files = assets::files();
    files.extend(pages::samples()?.into_iter().map(|(name, html)| (format!("{name}.html"), html)));
    for (name, text) in &files {
        let path = options.out.join(name.trim_start_matches('/'));
        let directory = path.parent().context("the file has no directory")?;
        fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let out = options.out.display();
    print(&format!("wrote {} files; to look at them: python3 -m http.server --directory {out}\n", files.len()))
}
