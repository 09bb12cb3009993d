//! `cargo xtask long failover`: the database of two servers fails, again and again.

use clap::Parser;
use keymuster_scenarios::failover;

/// Lets the database of two servers fail in every way that we know of, and counts what is lost. The build is the debug one;
/// what must hold is that nothing is.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    options: failover::Options,
}

fn main() -> anyhow::Result<()> {
    failover::run(&Arguments::parse().options)
}
