//! `cargo xtask load`: thousands of clients at once, connections that say nothing, hosts that are killed under load.

use clap::{Parser, Subcommand};
use keymuster_scenarios::load;

/// Puts load on a host, and checks that nobody was forgotten.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// 100,000 machines boot within ten minutes, most of them in the first.
    Storm(load::storm::Options),
    /// 10,000 connections say nothing while others are served.
    Idle(load::idle::Options),
    /// A steady load for an hour, while the host is killed every minute.
    Steady(load::steady::Options),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Storm(options) => load::storm::run(&options),
        What::Idle(options) => load::idle::run(&options),
        What::Steady(options) => load::steady::run(&options),
    }
}
