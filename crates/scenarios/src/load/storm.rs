//! `load storm`: the morning after a power cut in the building: all machines boot at once and want their leases.
//!
//! Six in ten come in the first tenth of the time, more and more of them until it ends: 2,000 in the last second of the
//! first minute, for the default. One in ten is a machine that the host does not know.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::runtime::Runtime;

use super::Machine;
use super::crowd::{Crowd, Errand, Event};
use super::report::{Conditions, Demands, Report};
use super::site::{Engine, Site};
use super::watch::{Seen, play};
use super::{SLICES, START_IN, progress, runtime};
use crate::bench::document;
use crate::bench::figures::build;
use crate::prepare::in_parallel;

/// One machine in so many is new.
pub const ONE_NEW_IN: u64 = 10;
/// The share of the machines that come in the burst, and the share of the time that it lasts.
const BURST: (f64, f64) = (0.6, 0.1);
/// How much longer than the storm it may take until all have their leases: 15 minutes for one of ten.
const PATIENCE: f64 = 1.5;

/// Options of `load storm`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Machines that boot.
    #[arg(long, default_value_t = 100_000)]
    pub clients: u64,
    /// The time in which they boot.
    #[arg(long, default_value_t = 10.0)]
    pub minutes: f64,
    /// Clients in the ledger before; at least as many as boot.
    #[arg(long, default_value_t = 1_000_000)]
    pub known: u64,
    /// Two servers on a PostgreSQL, in place of one on SQLite.
    #[arg(long)]
    pub postgresql: bool,
    /// The 99th percentile that is allowed, in milliseconds; the burst may be more than a host can do.
    #[arg(long, default_value_t = 60_000.0)]
    pub p99_max_millis: f64,
    /// Where all figures are written, as JSON.
    #[arg(long, value_name = "FILE", default_value = "storm.json")]
    pub json: PathBuf,
    /// Puts the results into the documents, if all holds.
    #[arg(long)]
    pub publish: bool,
}

/// Runs it; an error is what did not hold.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let (report, ..) = play_storm(options)?;
    report.show(&options.json)?;
    report.judge(demands(options))?;
    if options.publish { document::publish_load("storm", &report) } else { Ok(()) }
}

/// What must hold.
pub fn demands(options: &Options) -> Demands {
    let done_secs = options.minutes * 60.0 * PATIENCE;
    Demands { done_secs, p99_millis: options.p99_max_millis, resident_max: u64::MAX }
}

/// Plays it, and returns what was seen, and the host, which has stopped, for whoever wants to look.
pub fn play_storm(options: &Options) -> anyhow::Result<(Report, Seen, Site)> {
    let Options { clients, known, .. } = *options;
    ensure!((1..=known).contains(&clients), "the ledger knows {known} clients, and {clients} are to boot");
    progress(&format!("writing a ledger that knows {known} clients …"));
    let engine = Engine::of(options.postgresql);
    let mut site = Site::start(engine, known, clients)?;
    progress(&format!("making the keys of {clients} machines …"));
    let number = |place: u64| if place % ONE_NEW_IN == ONE_NEW_IN - 1 { known + place } else { place };
    let machines = in_parallel(0..clients, |place| (number(place), Machine::numbered(number(place))));

    let (secs, runtime) = (options.minutes * 60.0, runtime()?);
    let begin = Instant::now() + START_IN;
    let end = begin + Duration::from_secs_f64(secs * PATIENCE);
    let crowd = Crowd::new(site.addresses(), site.publisher.trust.publisher.clone(), end);
    progress(&format!("{clients} machines boot within {secs:.0} s …"));
    let seen = play(&mut site, begin, |book| boot(&runtime, machines, (begin, secs), crowd, book), |_| Ok(()))?;
    let conditions = Conditions {
        what: "boot storm".to_owned(),
        store: engine.name().to_owned(),
        known,
        asked: clients,
        new: clients / ONE_NEW_IN,
        lasts_secs: secs,
        kills: 0,
        start_millis: Vec::new(),
        idle: None,
        build: build(),
    };
    Ok((Report::new(conditions, &seen, secs / SLICES), seen, site))
}

/// Sends every machine when it is due.
fn boot(
    runtime: &Runtime,
    machines: Vec<(u64, Machine)>,
    (begin, secs): (Instant, f64),
    crowd: Arc<Crowd>,
    book: Sender<Event>,
) {
    let all = machines.len() as f64;
    runtime.spawn(async move {
        for (place, (number, machine)) in machines.into_iter().enumerate() {
            let due = begin + Duration::from_secs_f64(secs * due_at((place as f64 + 0.5) / all));
            tokio::time::sleep_until(due.into()).await;
            tokio::spawn(Arc::clone(&crowd).run(Errand { machine, number, due }, book.clone()));
        }
    });
}

/// When the machine comes that has this share of all before it, as a share of the time.
fn due_at(share: f64) -> f64 {
    let (clients, time) = BURST;
    if share < clients {
        // As many a second as seconds have gone, so that those who have come grow with the square of the time.
        time * (share / clients).sqrt()
    } else {
        time + (1.0 - time) * (share - clients) / (1.0 - clients)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_is_as_the_plan_has_it() {
        let come = |secs: f64| (0..100_000).filter(|n| 600.0 * due_at(f64::from(*n) / 100_000.0) < secs).count();
        assert!((59_900..60_100).contains(&come(60.0)), "{}", come(60.0));
        let (in_last_second, later) = (come(60.0) - come(59.0), come(120.0) - come(60.0));
        assert!((1_950..2_050).contains(&in_last_second), "{in_last_second}");
        assert!((4_400..4_500).contains(&later), "{later}");
    }
}
