//! Benchmarks: CPU per activation beside its primitives in the same run; memory and start of a host.

use clap::{Parser, Subcommand};
use keymuster_scenarios::bench;

/// Measures the host. Ratios within one run tell more than numbers of different runs: machines are noisy.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All that is published, in one run: what an activation costs beside its parts, how many one core carries, and what
    /// follows for millions of clients.
    Whole(bench::whole::Options),
    /// What the client library's calls cost, and how long commands take that need no network.
    Client,
    /// How long the console's pages about clients take, and how large they are.
    Console(bench::console::Options),
    /// Memory of a host and the time it takes to start, with few and with many clients.
    Footprint,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().what {
        What::Whole(options) => bench::whole::run(&options),
        What::Client => bench::client::run(),
        What::Console(options) => bench::console::run(&options),
        What::Footprint => bench::footprint::run(),
    }
}
