//! Debian's essential packages in one archive, for tests that install packages: made once, from Debian's own servers.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::process::{program, root, run as run_command};

/// Where the tests look for it, from the root.
const ARCHIVE: &str = "target/debian-12.tar";
const RELEASE: &str = "bookworm";
/// What our packages depend on, beside what is essential.
const INCLUDED: &str = "--include=adduser,libgcc-s1";
/// Nobody reads them there.
const LEFT_OUT: [&str; 2] = ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"];

fn archive() -> PathBuf {
    root().join(ARCHIVE)
}

/// Whether nothing is left to do.
pub fn is_ready() -> bool {
    archive().exists()
}

/// Makes the archive; it gets its name when it is whole.
pub fn make() -> Result<()> {
    let unfinished = archive().with_extension("unfinished.tar");
    eprintln!("setup: mmdebstrap {RELEASE} {ARCHIVE}");
    let mut command = program("mmdebstrap", &["--quiet", "--variant=essential", INCLUDED]);
    run_command(command.args(LEFT_OUT).arg(RELEASE).arg(&unfinished))?;
    fs::rename(&unfinished, archive()).context("could not name the Debian for the tests")
}
