//! `bench footprint`: memory of a host and the time until it listens, with few and with many clients.

use super::{Host, progress, say};
use crate::cpu;
use crate::fixture::Publisher;
use crate::prepare;
use crate::programs;

/// Runs the benchmark.
pub fn run() -> anyhow::Result<()> {
    programs::command("keymuster-host")?;
    say("known clients   start, ms   resident, MB")?;
    for clients in [0, 100_000, 1_000_000] {
        progress(&format!("preparing {clients} clients …"));
        let directory = tempfile::tempdir()?;
        let data_dir = directory.path().join("host");
        prepare::host_with_clients(&data_dir, &Publisher::new(1, 5), clients, 0)?;
        let host = Host::start(&data_dir)?;
        let resident = cpu::resident(host.running.id())? as f64 / 1e6;
        say(&format!("{clients:>13} {:>11.0} {resident:>14.1}", host.started_in_millis))?;
        host.stop(&data_dir)?;
    }
    Ok(())
}
