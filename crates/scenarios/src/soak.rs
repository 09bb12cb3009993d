//! A soak: a host and an authority under steady load while they are restarted, killed and reloaded, while clocks are put and
//! logs rotated; their memory and descriptors must stay flat, and every lease that was acknowledged must be in the ledger.
//!
//! Restarts fall into the first quarter only, and one at the end: a process that is restarted again and again hides what it
//! loses.

mod events;
mod load;
mod report;
mod server;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use keymuster_core::document::from_payload;
use keymuster_core::lease::Lease;
use keymuster_host::store::{self, ledger};
use keymuster_service::database;

use crate::demo::AURORA;
use crate::estate::{Authority, Host};
use events::Events;
use load::{Load, Totals};
use report::{Quarter, Report, Sample};
use server::{Log, Server};

/// The edition that machines ask for; its threshold is one here.
const EDITION: &str = "server-standard-2026";
/// So many samples in all, apart from long soaks, which have one a minute.
const SAMPLES: u32 = 60;
/// How long a server may take to close what is no longer used.
const SETTLE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(100);

/// Options of the soak.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// How long it lasts.
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Requests to the host in a second.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Where all figures are written, as JSON.
    #[arg(long, value_name = "FILE", default_value = "soak.json")]
    json: PathBuf,
}

/// What is soaked.
#[derive(Debug)]
struct Soaked {
    /// For commands; it never runs by itself.
    estate: Host,
    /// Asked through the client library, for the time.
    publisher: Authority,
    host: Server,
    authority: Server,
}

/// Runs the soak; an error is what did not hold.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let mut soaked = Soaked::start(directory.path())?;
    let whole = Duration::from_secs(60) * options.minutes;
    let mut totals = Totals::default();
    let mut quarters = Vec::new();
    for number in 0..4 {
        let mut events = Events::new(directory.path(), number == 0)?;
        let (quarter, of_quarter) = soaked.quarter(options, directory.path(), whole / 4, &mut events)?;
        quarters.push(quarter);
        ensure!(
            of_quarter.unexpected.is_empty(),
            "quarter {}: {:?} and {} more",
            number + 1,
            of_quarter.unexpected.first(),
            of_quarter.unexpected.len() - 1
        );
        ensure!(
            number == 0 || of_quarter.broken == 0,
            "{} requests had no answer, without a restart",
            of_quarter.broken
        );
        totals.add(of_quarter);
    }
    soaked.host.restart()?;
    soaked.authority.restart()?;
    soaked.host.stop()?;
    let lost = lost(&directory.path().join("host"), &totals.acknowledged)?;
    soaked.estate.run(&["audit", "--check"], "")?;
    let report = Report { minutes: options.minutes, rate: options.rate, quarters, lost, totals: totals.summary() };
    report.show(&options.json)?;
    report.judge()
}

impl Soaked {
    fn start(root: &Path) -> anyhow::Result<Soaked> {
        let (mut publisher, _) = Authority::start(root, "aurora", "Aurora Systems", AURORA, 0)?;
        let estate = Host::new(root, 0)?;
        estate.add_publisher(root, "aurora")?;
        let key = publisher.mint_host_key("server-c-2026", &["--threshold", "1"])?;
        estate.run(&["install-key"], &key)?;
        estate.run(&["activate"], "")?;
        publisher.stop()?;
        let listen = |program, directory: &str, address: &str, log| {
            Server::start(program, root.join(directory), address.to_owned(), log)
        };
        let host = listen("keymuster-host", "host", &estate.address.to_string(), Log::File)?;
        let url = publisher.url.trim_start_matches("http://").to_owned();
        let authority = listen("keymuster-authority", "authority-aurora", &url, Log::Pipe)?;
        Ok(Soaked { estate, publisher, host, authority })
    }

    /// One quarter: load, with events in between, and then rest.
    fn quarter(
        &mut self,
        options: &Options,
        root: &Path,
        lasts: Duration,
        events: &mut Events,
    ) -> anyhow::Result<(Quarter, Totals)> {
        let load = Load::start(self, root, options.rate)?;
        let pause = (4 * lasts / SAMPLES).min(Duration::from_secs(60));
        let begin = Instant::now();
        let mut samples = Vec::new();
        while begin.elapsed() < lasts {
            events.next(self)?;
            // The time between two samples is what is measured, and nothing is waited for.
            std::thread::sleep(pause.min(lasts.saturating_sub(begin.elapsed())));
            samples.push(Sample { host: self.host.figures()?, authority: self.authority.figures()? });
        }
        let totals = load.finish()?;
        let rest = Sample { host: self.host.settled()?, authority: self.authority.settled()? };
        Ok((Quarter { samples, rest }, totals))
    }
}

/// Which of these requests, whose leases were handed out, have no lease in the ledger.
fn lost(data_dir: &Path, acknowledged: &BTreeSet<String>) -> anyhow::Result<u64> {
    let mut db = database::open_read_only(&data_dir.join(store::FILE_NAME))?;
    let tx = db.transaction()?;
    let mut granted = BTreeSet::new();
    let mut sequence = 1;
    while let Some(entry) = ledger::entry(&tx, sequence)? {
        let lease: Lease =
            from_payload(&entry.payload).map_err(|error| anyhow::anyhow!("entry {sequence}: {error}"))?;
        granted.insert(lease.request.to_string());
        sequence += 1;
    }
    Ok(acknowledged.difference(&granted).count() as u64)
}
