//! A host is killed under load, at a moment that is drawn as a number of answers, and started again.

use std::sync::atomic::AtomicU32;

use super::figures::{Figures, Progress};
use super::fleet::Fleet;
use super::host::Host;
use super::lot::Lot;
use super::place::publisher;
use crate::programs::{self, PATIENCE};

/// Connections that ask at one time.
const CONNECTIONS: usize = 8;
/// The most answers that a host may give before it is killed.
const ANSWERS_MAX: u64 = 250;
/// Kills before a new host takes its place, so that the whole ledger can be read each time.
const KILLS_OF_A_HOST: u64 = 20;

/// Kills hosts so many times, on the disk of temporary files.
pub fn run(lot: &Lot, kills: u64) -> anyhow::Result<Figures> {
    let mut figures = Figures::new("kill -9 under load");
    let mut progress = Progress::new("kills", kills);
    while figures.times < kills {
        of_a_host(lot, (kills - figures.times).min(KILLS_OF_A_HOST), &mut figures, &mut progress)?;
    }
    Ok(figures)
}

fn of_a_host(lot: &Lot, kills: u64, figures: &mut Figures, progress: &mut Progress) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let (data_dir, log, process) = (directory.path().join("host"), directory.path().join("log"), AtomicU32::new(0));
    let publisher = publisher();
    publisher.entitle_host(&data_dir)?;
    let mut fleet = Fleet::new(lot, &publisher, &data_dir, CONNECTIONS)?;
    let mut host = Host::start(&data_dir, &log, &process)?;
    for _ in 0..kills {
        let answers = 1 + lot.below(ANSWERS_MAX);
        fleet.ask_until_gone(host.clients, |answered| {
            // A client that stops for another reason says so itself.
            let _ = (0..answers).try_for_each(|_| answered.recv_timeout(PATIENCE).map(drop));
            programs::kill(host.running.id());
        })?;
        figures.open += fleet.open()?.len() as u64;
        host = Host::start(&data_dir, &log, &process)?;
        figures.starts.push(host.started_in);
        figures.entries += fleet.demand(&data_dir)?.len();
        fleet.come_back(host.clients)?;
        fleet.demand_count(&data_dir)?;
        figures.times += 1;
        progress.step();
    }
    fleet.demand(&data_dir)?;
    figures.acknowledged += fleet.acknowledged();
    host.stop()
}
