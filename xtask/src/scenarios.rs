//! `cargo demo` and `cargo xtask bench`: programs that start the others, so all are built first, in one build.

use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result};

use crate::process;

/// What is passed on.
#[derive(clap::Args)]
pub struct Options {
    /// Options of the program; `--help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct BenchOptions {
    /// Which benchmark, and its options: `grant`, `client`, `console` or `footprint`; `grant --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// Runs the demonstration.
pub fn demo(options: &Options) -> Result<()> {
    run("demo", "debug", &[], &options.arguments)
}

/// Runs a benchmark, built with optimisation, in a process of its own.
pub fn bench(options: &BenchOptions) -> Result<()> {
    run("bench", "release", &["--release"], &options.arguments)
}

/// Becomes the program, so that Ctrl-C reaches it alone.
fn run(name: &str, profile: &str, options: &[&str], arguments: &[String]) -> Result<()> {
    process::run(&mut process::cargo(&[&["build", "--locked", "--workspace", "--bins"], options].concat()))?;
    let path = process::root().join("target").join(profile).join(name);
    let error = process::program(path, &[]).args(arguments).exec();
    Err(error).with_context(|| format!("could not start {name}"))
}
