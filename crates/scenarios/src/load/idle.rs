//! `load idle`: thousands of connections that are opened and say nothing, while others are served.
//!
//! The host closes each after ten seconds of silence; it is opened again at once, so that they are always there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Runtime;

use super::Machine;
use super::crowd::{Crowd, connect};
use super::report::{Conditions, Demands, Report};
use super::site::{Engine, Site};
use super::steady::{Pace, keep_asking};
use super::watch::play;
use super::{SLICES, START_IN, progress, runtime};
use crate::bench::document;
use crate::bench::figures::build;
use crate::prepare::in_parallel;

/// Addresses from which nobody else asks begin with this number.
const FIRST: u64 = 12_000_000;
/// The share of the connections that must be open, as some are always being opened again.
const OPEN: f64 = 0.9;
/// How long it may take until so many are open.
const OPEN_WITHIN: Duration = Duration::from_secs(60);
/// How long after the last request everybody must have a lease.
const SETTLE: Duration = Duration::from_secs(60);

/// Options of `load idle`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Connections that say nothing.
    #[arg(long, default_value_t = 10_000)]
    pub connections: u64,
    /// Requests a second.
    #[arg(long, default_value_t = 200)]
    pub rate: u64,
    /// How long requests come.
    #[arg(long, default_value_t = 2.0)]
    pub minutes: f64,
    /// Clients in the ledger before, all of which may ask.
    #[arg(long, default_value_t = 20_000)]
    pub known: u64,
    /// Two servers on a PostgreSQL, in place of one on SQLite.
    #[arg(long)]
    pub postgresql: bool,
    /// The 99th percentile that is allowed, in milliseconds.
    #[arg(long, default_value_t = 250.0)]
    pub p99_max_millis: f64,
    /// The memory that is allowed, in megabytes.
    #[arg(long, default_value_t = 400)]
    pub memory_max_mb: u64,
    /// Where all figures are written, as JSON.
    #[arg(long, value_name = "FILE", default_value = "idle.json")]
    pub json: PathBuf,
    /// Puts the results into the documents, if all holds.
    #[arg(long)]
    pub publish: bool,
}

/// Runs it; an error is what did not hold.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let report = play_idle(options)?;
    report.show(&options.json)?;
    let (p99_millis, resident_max) = (options.p99_max_millis, options.memory_max_mb * 1_000_000);
    let done_secs = report.conditions.lasts_secs + SETTLE.as_secs_f64();
    report.judge(Demands { done_secs, p99_millis, resident_max })?;
    if options.publish { document::publish_load("idle", &report) } else { Ok(()) }
}

/// Plays it.
pub fn play_idle(options: &Options) -> anyhow::Result<Report> {
    let Options { connections, rate, known, .. } = *options;
    ensure!(known > 0 && rate > 0, "somebody has to ask");
    // Each connection is a descriptor of this process.
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?;
    progress(&format!("writing a ledger that knows {known} clients …"));
    let engine = Engine::of(options.postgresql);
    let mut site = Site::start(engine, known, known)?;
    let machines = in_parallel(0..known, |number| (number, Machine::numbered(number)));

    progress(&format!("opening {connections} connections …"));
    let runtime = runtime()?;
    let open = Arc::new(AtomicU64::new(0));
    hold(&runtime, &site.addresses(), connections, &open);
    let enough = (connections as f64 * OPEN) as u64;
    let opening = Instant::now();
    while open.load(Ordering::Relaxed) < enough {
        ensure!(opening.elapsed() < OPEN_WITHIN, "only {open:?} connections are open");
        std::thread::sleep(Duration::from_millis(10));
    }

    let secs = options.minutes * 60.0;
    let pace = Pace { begin: Instant::now() + START_IN, rate, requests: (secs * rate as f64) as u64, known };
    let end = pace.begin + Duration::from_secs_f64(secs) + SETTLE;
    let crowd = Crowd::new(site.addresses(), site.publisher.trust.publisher.clone(), end);
    progress(&format!("{rate} requests a second for {secs:.0} s …"));
    let mut fewest = connections;
    let ask = |book| keep_asking(&runtime, machines, pace, crowd, book);
    let seen = play(&mut site, pace.begin, ask, |_| {
        fewest = fewest.min(open.load(Ordering::Relaxed));
        Ok(())
    })?;
    ensure!(fewest >= enough, "there were moments with only {fewest} connections open");
    let conditions = Conditions {
        what: format!("{rate} requests a second beside connections that say nothing"),
        store: engine.name().to_owned(),
        known,
        asked: pace.requests,
        new: pace.newcomers(),
        lasts_secs: secs,
        kills: 0,
        start_millis: Vec::new(),
        idle: Some(fewest),
        build: build(),
    };
    Ok(Report::new(conditions, &seen, secs / SLICES))
}

/// Keeps so many connections open for as long as the runtime lasts; they begin one after the other, over ten seconds at most.
fn hold(runtime: &Runtime, hosts: &[SocketAddr], connections: u64, open: &Arc<AtomicU64>) {
    for number in 0..connections {
        let host = hosts[(number % hosts.len() as u64) as usize];
        let open = Arc::clone(open);
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(number)).await;
            loop {
                if let Ok(mut stream) = connect(host, Machine::own_address(FIRST + number)).await {
                    open.fetch_add(1, Ordering::Relaxed);
                    // It ends when the host closes it, which is all that a silent connection ever sees.
                    let _ = stream.read(&mut [0]).await;
                    open.fetch_sub(1, Ordering::Relaxed);
                } else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        });
    }
}
