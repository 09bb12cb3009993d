//! `cargo demo` and `cargo xtask bench`: programs that start the others, so all are built first, in one build.

use std::os::unix::process::CommandExt as _;

use anyhow::{Context as _, Result};

use crate::{process, setup};

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
    /// Which benchmark, and its options: `whole`, `client`, `console` or `footprint`; `whole --help` lists them.
    /// Without one the whole that is published: `whole --help`, with `--publish` into the documents
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// Runs the demonstration.
pub fn demo(options: &Options) -> Result<()> {
    run("demo", "debug", &[], &options.arguments)
}

/// Runs a benchmark, built with optimisation, in a process of its own.
pub fn bench(options: &BenchOptions) -> Result<()> {
    let is_named = options.arguments.first().is_some_and(|first| !first.starts_with('-'));
    let whole = (!is_named).then(|| "whole".to_owned());
    let arguments: Vec<String> = whole.into_iter().chain(options.arguments.iter().cloned()).collect();
    run("bench", "release", &["--release"], &arguments)
}

/// Options of `cargo xtask load`.
#[derive(clap::Args)]
pub struct LoadOptions {
    /// Which load, and its options: `storm`, `idle` or `steady`; `storm --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    arguments: Vec<String>,
}

/// Puts load on a host, built with optimisation, as latencies are measured.
pub fn load(options: &LoadOptions) -> Result<()> {
    run("load", "release", &["--release"], &options.arguments)
}

/// Runs the soak, with clocks that can be put.
pub fn soak(options: &Options) -> Result<()> {
    setup::run()?;
    run("soak", "debug", &[], &options.arguments)
}

/// Runs the crash tests, in their long form.
pub fn crash(arguments: &[String]) -> Result<()> {
    setup::run()?;
    run("crash", "debug", &[], arguments)
}

/// Runs the failover tests.
pub fn failover(arguments: &[String]) -> Result<()> {
    setup::run()?;
    setup::for_failover()?;
    run("failover", "debug", &[], arguments)
}

/// Becomes the program, so that Ctrl-C reaches it alone.
fn run(name: &str, profile: &str, options: &[&str], arguments: &[String]) -> Result<()> {
    process::run(&mut process::cargo(&[&["build", "--locked", "--workspace", "--bins"], options].concat()))?;
    let path = process::root().join("target").join(profile).join(name);
    let error = process::program(path, &[]).args(arguments).exec();
    Err(error).with_context(|| format!("could not start {name}"))
}
