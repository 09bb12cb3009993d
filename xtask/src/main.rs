//! `cargo xtask`: the gate and its parts, for people who change Keymuster. Nothing here is shipped.
//!
//! Progress and findings go to stderr; only what another program may read goes to stdout.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a program that talks to a person at a terminal")]

mod ci;
mod fuzz;
mod process;
mod scenarios;
mod setup;
mod test;
mod tidy;
mod vectors;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The gate and its parts")]
enum Xtask {
    /// The whole gate: format, tidy, clippy, tests, docs, a few seconds of fuzzing
    Ci,
    /// The house rules that no compiler checks
    Tidy,
    /// All tests, after installing what they need and building every program
    Test(test::Options),
    /// Installs what the tests need beyond Rust: a name server, a Python environment
    Setup,
    /// Writes the test vectors of the specification
    Vectors(vectors::Options),
    /// Measures: CPU per activation beside its parts, the client's calls, memory and start of a host
    Bench(scenarios::BenchOptions),
    /// The demonstration, as `cargo demo`
    Demo(scenarios::Options),
    /// Runs the fuzz targets, each for a while
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let result = match Xtask::parse() {
        Xtask::Ci => ci::run(),
        Xtask::Tidy => tidy::run(),
        Xtask::Test(options) => test::run(&options),
        Xtask::Setup => setup::run(),
        Xtask::Vectors(options) => vectors::run(&options),
        Xtask::Bench(options) => scenarios::bench(&options),
        Xtask::Demo(options) => scenarios::demo(&options),
        Xtask::Fuzz(options) => fuzz::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain of causes, without a stack: that of the gate itself helps nobody.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
