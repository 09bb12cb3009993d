//! `cargo xtask bench`: the benchmarks, built with optimisation and run in a process of their own.

use anyhow::Result;

use crate::process;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Options {
    /// Which benchmark, and its options: `grant`, `client`, `console` or `footprint`; `grant --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// Builds the benchmarks and everything they start, then runs one.
pub fn run(options: &Options) -> Result<()> {
    let build = ["build", "--release", "--locked", "--bins", "--package", "keymuster-scenarios"];
    process::run(&mut process::cargo(&build))?;
    let mut bench = process::program(process::root().join("target/release/bench"), &[]);
    process::run(bench.args(&options.arguments))
}
