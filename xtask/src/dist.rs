//! `cargo xtask dist`: everything that a release consists of, in `target/dist`, with checksums.
//!
//! The programs are static and the same wherever the sources lie: see `build`. Packages only carry what lies in the trees
//! of `stage`, so that whatever is installed comes from one place.

mod archive;
mod build;
mod deb;
mod sbom;
mod stage;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use sha2::{Digest as _, Sha256};

use crate::process::{output, program, root};

pub use build::{LINUX, WINDOWS, release};

/// The programs, by the names of their packages.
pub const PROGRAMS: [&str; 3] = ["keymuster-host", "keymuster-authority", "keymuster"];

/// Options of `cargo xtask dist`.
#[derive(clap::Args)]
pub struct Options {
    /// The directory to write to, which is made anew
    #[arg(long, value_name = "DIRECTORY", default_value = "target/dist")]
    out: PathBuf,
    /// Only the Debian packages, of the programs that `cargo build` has made, for tests
    #[arg(long)]
    only_debug_packages: bool,
    /// What the version of Debian packages ends with, such as `+next`
    #[arg(long, value_name = "TEXT", default_value = "")]
    version_suffix: String,
}

/// Makes everything.
pub fn run(options: &Options) -> Result<()> {
    let out = root().join(&options.out);
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("could not empty {}", out.display()))?;
    }
    fs::create_dir_all(&out).with_context(|| format!("could not make {}", out.display()))?;
    if options.only_debug_packages {
        let programs = root().join("target/debug");
        let staged = stage::all(&out, &programs)?;
        return deb::pack(&out, &staged, &options.version_suffix);
    }
    let programs = release(&root(), LINUX, &PROGRAMS)?;
    let staged = stage::all(&out, &programs)?;
    deb::pack(&out, &staged, &options.version_suffix)?;
    archive::pack(&out, &staged)?;
    archive::windows(&out, &release(&root(), WINDOWS, &["keymuster"])?)?;
    archive::chart(&out)?;
    sbom::write(&out)?;
    fs::remove_dir_all(staged.directory()).context("could not remove what was packed")?;
    checksums(&out)
}

/// `SHA256SUMS`, as `sha256sum --check` reads it.
fn checksums(out: &Path) -> Result<()> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(out)? {
        let path = entry?.path();
        let name = path.file_name().context("an entry has a name")?.to_string_lossy().into_owned();
        let digest = Sha256::digest(fs::read(&path).with_context(|| format!("could not read {}", path.display()))?);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push((name.clone(), format!("{digest}  {name}\n")));
    }
    lines.sort();
    let text: String = lines.into_iter().map(|(_, line)| line).collect();
    fs::write(out.join("SHA256SUMS"), &text).context("could not write the checksums")?;
    eprint!("{text}");
    Ok(())
}

/// The version of the workspace.
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// When the sources were last changed, in seconds since 1970: the time of everything that is packed.
fn source_date() -> Result<String> {
    if let Ok(given) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(given);
    }
    let time = output(&mut program("git", &["log", "-1", "--format=%ct"]))?;
    Ok(time.trim().to_owned())
}
