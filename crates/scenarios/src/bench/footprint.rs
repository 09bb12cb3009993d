//! `bench footprint`: memory of a host and the time until it listens, with few and with many clients.

use keymuster_core::request::Act;
use keymuster_service::Env;

use super::{Host, progress, say};
use crate::cpu;
use crate::fixture::{Publisher, VOLUME_EDITION};
use crate::load::{Connection, Machine};
use crate::prepare;
use crate::programs;

/// Activations after which the memory is read again.
const ACTIVATIONS: u64 = 5_000;

/// Runs the benchmark.
pub fn run() -> anyhow::Result<()> {
    programs::command("keymuster-host")?;
    say(&format!("known clients   start, ms   resident, MB   after {ACTIVATIONS} activations"))?;
    for clients in [0, 100_000, 1_000_000] {
        progress(&format!("preparing {clients} clients …"));
        let directory = tempfile::tempdir()?;
        let data_dir = directory.path().join("host");
        let publisher = Publisher::new(1, 5);
        prepare::host_with_clients(&data_dir, &publisher, clients, ACTIVATIONS)?;
        let host = Host::start(&data_dir)?;
        let before = cpu::resident(host.running.id())? as f64 / 1e6;
        activate(&host, &publisher)?;
        let after = cpu::resident(host.running.id())? as f64 / 1e6;
        say(&format!("{clients:>13} {:>11.0} {before:>14.1} {after:>25.1}", host.started_in_millis))?;
        host.stop(&data_dir)?;
    }
    Ok(())
}

fn activate(host: &Host, publisher: &Publisher) -> anyhow::Result<()> {
    let env = Env::system();
    let mut connection = Connection::open(host.address)?;
    for number in 0..ACTIVATIONS {
        let request =
            Machine::numbered(number).request(Act::Activate, &publisher.trust.publisher, VOLUME_EDITION, &env);
        let answer = connection.post("/v1/activate", &request)?;
        anyhow::ensure!(answer.status == 200, "status {}", answer.status);
    }
    Ok(())
}
