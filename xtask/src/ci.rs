//! `cargo xtask ci`: the whole gate, the same on every machine; it stops at the first step that fails.
//!
//! All steps use the dev profile and every member of the workspace, so that nothing is built twice with other features.

use std::time::Instant;

use anyhow::{Context, Result};

use crate::process::{cargo, run as run_command};
use crate::{fuzz, test, tidy};

struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

/// From the quickest to the slowest, so that a slip is reported early.
const STEPS: [Step; 6] = [
    Step { name: "format", run: format },
    Step { name: "tidy", run: tidy::run },
    Step { name: "clippy", run: clippy },
    Step { name: "test", run: test_all },
    Step { name: "docs", run: docs },
    Step { name: "fuzz", run: fuzz_shortly },
];

/// Runs all steps.
pub fn run() -> Result<()> {
    let begin = Instant::now();
    for step in STEPS {
        let step_begin = Instant::now();
        eprintln!("ci: {} ...", step.name);
        (step.run)().with_context(|| format!("ci failed at {} after {}", step.name, seconds(step_begin)))?;
        eprintln!("ci: {} passed in {}", step.name, seconds(step_begin));
    }
    eprintln!("ci: all {} steps passed in {}", STEPS.len(), seconds(begin));
    Ok(())
}

fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

fn format() -> Result<()> {
    run_command(&mut cargo(&["fmt", "--all", "--check"]))?;
    run_command(&mut cargo(&["fmt", "--manifest-path", fuzz::MANIFEST, "--check"]))
}

fn clippy() -> Result<()> {
    run_command(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))
}

fn test_all() -> Result<()> {
    test::run(&test::Options::default())
}

fn docs() -> Result<()> {
    run_command(cargo(&["doc", "--workspace", "--no-deps", "--locked"]).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Long enough to notice a target that no longer builds or fails at once; findings take longer runs.
fn fuzz_shortly() -> Result<()> {
    fuzz::run(&fuzz::Options::every_target_for(5))
}
