//! The trees of files that packages carry: each program with its manual, its completions and what belongs beside it.
//!
//! A program writes its manual and completions itself, so they are of exactly this version.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::PROGRAMS;
use crate::process::{output, program, root, run as run_command};

/// Where each shell looks for completions, and how the file of a program is called there.
const COMPLETIONS: [(&str, &str, &str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions", "", ""),
    ("zsh", "usr/share/zsh/vendor-completions", "_", ""),
    ("fish", "usr/share/fish/vendor_completions.d", "", ".fish"),
];
/// What lies beside the servers as examples.
const EXAMPLES: [(&str, &str); 4] = [
    ("keymuster-host", "packaging/prometheus/keymuster.rules.yml"),
    ("keymuster-host", "packaging/grafana/keymuster-host.json"),
    ("keymuster-authority", "packaging/prometheus/keymuster.rules.yml"),
    ("keymuster-authority", "packaging/grafana/keymuster-authority.json"),
];

/// The configuration of each server, with nothing in force, and the page of its keys.
const CONFIGURATIONS: [(&str, &str, &str); 2] = [
    ("keymuster-host", "host.toml", "docs/reference/host-config.md"),
    ("keymuster-authority", "authority.toml", "docs/reference/authority-config.md"),
];

/// The trees, one for each package.
pub struct Staged(PathBuf);

impl Staged {
    /// The directory that holds a tree for each package.
    pub fn directory(&self) -> &Path {
        &self.0
    }
}

/// Lays out all packages from programs that are built.
pub fn all(out: &Path, programs: &Path) -> Result<Staged> {
    let stage = out.join("stage");
    for name in PROGRAMS {
        one(name, &programs.join(name), &stage.join(name)).with_context(|| format!("could not lay out {name}"))?;
    }
    for (name, example) in EXAMPLES {
        into(&stage.join(name).join("usr/share/doc").join(name).join("examples"), example)?;
    }
    for (name, file, keys) in CONFIGURATIONS {
        into(&stage.join(name).join("etc/keymuster"), &format!("packaging/etc/{file}"))?;
        into(&stage.join(name).join("usr/share/doc").join(name), keys)?;
    }
    Ok(Staged(stage))
}

/// Copies a file of the repository, for everybody to read.
fn into(directory: &Path, file: &str) -> Result<()> {
    fs::create_dir_all(directory)?;
    let file = root().join(file);
    fs::copy(&file, directory.join(file.file_name().context("a file has a name")?))?;
    run_command(program("chmod", &["--recursive", "u=rwX,go=rX"]).arg(directory))
}

fn one(name: &str, built: &Path, tree: &Path) -> Result<()> {
    let installed = tree.join("usr/bin").join(name);
    fs::create_dir_all(tree.join("usr/bin"))?;
    fs::copy(built, &installed).with_context(|| format!("could not copy {}", built.display()))?;
    let manual = tree.join("usr/share/man/man1");
    output(program(built, &["manual"]).arg(&manual))?;
    for (shell, directory, before, after) in COMPLETIONS {
        let directory = tree.join(directory);
        fs::create_dir_all(&directory)?;
        let text = output(&mut program(built, &["completions", shell]))?;
        fs::write(directory.join(format!("{before}{name}{after}")), text)?;
    }
    // Whatever the umask was when the tree was checked out.
    run_command(program("chmod", &["--recursive", "u=rwX,go=rX"]).arg(tree))
}
