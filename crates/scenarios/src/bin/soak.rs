//! `cargo xtask soak`: whether memory and descriptors of the servers stay flat, and nothing that was acknowledged is lost.

use clap::Parser;
use keymuster_scenarios::soak;

/// Soaks a host and an authority. The build is the debug one; what must hold is that nothing grows.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    options: soak::Options,
}

fn main() -> anyhow::Result<()> {
    soak::run(&Arguments::parse().options)
}
