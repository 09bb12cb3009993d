//! Two copies of the sources, in directories with names of different lengths, make the same programs to the last byte.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::dist::{LINUX, PROGRAMS, release};
use crate::process::{output, program, root, run as run_command};

pub fn check() -> Result<()> {
    // Work may go on here meanwhile.
    let commit = output(&mut program("git", &["rev-parse", "HEAD"]))?;
    let built = ["a", "another-path"].iter().map(|name| copy_and_build(name, commit.trim()));
    let built: Vec<_> = built.collect::<Result<_>>()?;
    for name in PROGRAMS {
        let [one, other] = [&built[0], &built[1]].map(|directory| fs::read(directory.join(name)));
        ensure!(one.with_context(|| format!("there is no {name}"))? == other?, "{name} depends on where it is built");
        eprintln!("long: {name} is the same from both directories");
    }
    fs::remove_dir_all(root().join("target/reproducible")).context("could not remove the copies")
}

/// Builds a copy of a commit, and tells where its programs lie.
fn copy_and_build(name: &str, commit: &str) -> Result<std::path::PathBuf> {
    let copy = root().join("target/reproducible").join(name);
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    run_command(program("git", &["clone", "--quiet", "--local", "--no-checkout", "."]).arg(&copy))?;
    run_command(program("git", &["checkout", "--quiet", "--detach", commit]).current_dir(&copy))?;
    let programs = release(&copy, LINUX, &PROGRAMS)?;
    let kept = copy.with_extension("built");
    fs::create_dir_all(&kept)?;
    PROGRAMS.iter().try_for_each(|name| keep(&programs.join(name), &kept.join(name)))?;
    // Both at once would fill small disks.
    fs::remove_dir_all(&copy)?;
    Ok(kept)
}

fn keep(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).map(|_| ()).with_context(|| format!("could not keep {}", from.display()))
}
