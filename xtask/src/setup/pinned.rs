//! Tools from PyPI (in `target/venv`) and npm (in `target/tools`), in exactly the versions that the repository names.
//!
//! Each tree keeps a copy of what it was made from, written last: half a tree has none, and is made again.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process::{program, root, run as run_command, succeeds};

/// One tree of installed packages.
struct Tree {
    /// Where it lies, from the root.
    directory: &'static str,
    /// What fixes its content.
    sources: [&'static str; 2],
    is_sound: fn(&Tree) -> bool,
    make: fn(&Tree) -> Result<()>,
}

/// The independent reader of documents, and Schemathesis.
const PYTHON: Tree = Tree {
    directory: "target/venv",
    sources: ["docs/spec/reader/requirements.txt", "crates/scenarios/tools/requirements.txt"],
    is_sound: imports,
    make: make_environment,
};

/// axe, which looks for obstacles in pages, and a certified OpenID Connect provider. The lock file has their checksums.
const NODE: Tree = Tree {
    directory: "target/tools",
    sources: ["crates/scenarios/tools/package.json", "crates/scenarios/tools/package-lock.json"],
    is_sound: |tree| tree.path().join("node_modules/axe-core/axe.min.js").exists(),
    make: make_modules,
};

const TREES: [Tree; 2] = [PYTHON, NODE];

/// Whether nothing is left to do.
pub fn are_ready() -> bool {
    TREES.iter().all(Tree::is_ready)
}

/// Makes the trees that are missing or were made from something else.
pub fn install() -> Result<()> {
    for tree in TREES.iter().filter(|tree| !tree.is_ready()) {
        eprintln!("setup: making {} from {}", tree.directory, tree.sources.join(" and "));
        (tree.make)(tree)?;
        let stamp = tree.stamp();
        fs::write(&stamp, tree.wanted()?).with_context(|| format!("could not write {}", stamp.display()))?;
    }
    Ok(())
}

impl Tree {
    fn path(&self) -> PathBuf {
        root().join(self.directory)
    }

    fn stamp(&self) -> PathBuf {
        self.path().join("made-from")
    }

    fn wanted(&self) -> Result<Vec<u8>> {
        let mut wanted = Vec::new();
        for source in self.sources {
            wanted.extend(fs::read(root().join(source)).with_context(|| format!("could not read {source}"))?);
        }
        Ok(wanted)
    }

    fn is_ready(&self) -> bool {
        let is_current = match (self.wanted(), fs::read(self.stamp())) {
            (Ok(wanted), Ok(made)) => wanted == made,
            _ => false,
        };
        is_current && (self.is_sound)(self)
    }
}

fn imports(tree: &Tree) -> bool {
    succeeds(&mut program(tree.path().join("bin/python"), &["-c", "import cbor2, cryptography, schemathesis"]))
}

fn make_environment(tree: &Tree) -> Result<()> {
    run_command(program("python3", &["-m", "venv", "--clear"]).arg(tree.path()))?;
    let mut pip = program(tree.path().join("bin/python"), &["-m", "pip", "install"]);
    pip.args(["--quiet", "--disable-pip-version-check"]);
    pip.args(tree.sources.iter().flat_map(|source| ["--requirement", source]));
    run_command(&mut pip)
}

/// No script of a package runs during its installation.
fn make_modules(tree: &Tree) -> Result<()> {
    let directory = tree.path();
    fs::create_dir_all(&directory).with_context(|| format!("could not make {}", directory.display()))?;
    for source in tree.sources.map(PathBuf::from) {
        let name = source.file_name().context("a source is a file")?;
        fs::copy(root().join(&source), directory.join(name))
            .with_context(|| format!("could not copy {}", source.display()))?;
    }
    let quietly = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run_command(program("npm", &quietly).current_dir(directory))
}
