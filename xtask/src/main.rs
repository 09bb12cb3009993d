//! `cargo xtask`: the gate and its parts, for people who change Keymuster. Nothing here is shipped.
//!
//! Progress and findings go to stderr; only what another program may read goes to stdout.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a program that talks to a person at a terminal")]

mod ci;
mod dist;
mod fuzz;
mod long;
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
    /// Load for an hour, with restarts, reloads, clocks that are put and rotated logs: whether memory stays flat
    Soak(scenarios::Options),
    /// Many clients at once: a boot storm, silent connections, a steady load with kills
    Load(scenarios::LoadOptions),
    /// Installs what the tests need beyond Rust: a name server, a Python environment
    Setup,
    /// Writes the test vectors of the specification
    Vectors(vectors::Options),
    /// Measures: CPU per activation beside its parts, the client's calls, memory and start of a host
    Bench(scenarios::BenchOptions),
    /// The demonstration, as `cargo demo`
    Demo(scenarios::Options),
    /// Everything that a release consists of, in target/dist: programs, packages, lists of what they are made of, checksums
    Dist(dist::Options),
    /// Checks of releases that take too long for the gate
    Long(long::Options),
    /// Runs the fuzz targets, each for a while
    Fuzz(fuzz::Options),
}

fn main() -> ExitCode {
    let result = match Xtask::parse() {
        Xtask::Ci => ci::run(),
        Xtask::Tidy => tidy::run(),
        Xtask::Test(options) => test::run(&options),
        Xtask::Soak(options) => scenarios::soak(&options),
        Xtask::Load(options) => scenarios::load(&options),
        Xtask::Setup => setup::run(),
        Xtask::Vectors(options) => vectors::run(&options),
        Xtask::Bench(options) => scenarios::bench(&options),
        Xtask::Demo(options) => scenarios::demo(&options),
        Xtask::Dist(options) => dist::run(&options),
        Xtask::Long(options) => long::run(&options),
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
