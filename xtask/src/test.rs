//! `cargo xtask test`: everything that `cargo test` runs, after making sure that what the tests start is there.
//!
//! The integration tests start the real programs, some of them from other packages, and cargo builds only a package's own;
//! so all programs are built first, together with the tests: one build, one set of features.

use anyhow::Result;

use crate::process::{cargo, run as run_command};
use crate::setup;

#[derive(clap::Args, Default)]
pub struct Options {
    /// Run only the tests whose name contains this
    filter: Option<String>,
}

/// Runs the tests of one test program that take minutes, which shows what it is at.
pub fn long(name: &str) -> Result<()> {
    setup::run()?;
    run_command(&mut cargo(&["test", "--workspace", "--locked", "--test", name, "--", "--ignored", "--nocapture"]))
}

pub fn run(options: &Options) -> Result<()> {
    setup::run()?;
    run_command(&mut cargo(&["build", "--workspace", "--bins", "--tests", "--locked"]))?;
    let mut command = cargo(&["test", "--workspace", "--locked"]);
    if let Some(filter) = &options.filter {
        command.arg(filter);
    }
    run_command(&mut command)
}
