//! `load steady`: requests at a steady rate while the host is killed again and again; what was acknowledged must be there in
//! the end, and memory, descriptors and latencies must not drift.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use super::Machine;
use super::crowd::{Crowd, Errand, Event};
use super::report::{Conditions, Demands, Report};
use super::site::{Engine, Site};
use super::storm::ONE_NEW_IN;
use super::watch::play;
use super::{SLICES, START_IN, progress, runtime};
use crate::bench::document;
use crate::bench::figures::build;
use crate::prepare::in_parallel;

/// How long after the last request everybody must have a lease.
const SETTLE: Duration = Duration::from_secs(300);

/// Options of `load steady`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How long requests come.
    #[arg(long, default_value_t = 60.0)]
    pub minutes: f64,
    /// Requests a second.
    #[arg(long, default_value_t = 500)]
    pub rate: u64,
    /// Clients in the ledger before; at least as many as renew.
    #[arg(long, default_value_t = 100_000)]
    pub known: u64,
    /// Machines that renew, one after the other and again.
    #[arg(long, default_value_t = 50_000)]
    pub renewing: u64,
    /// Seconds between two kills; 0 for none.
    #[arg(long, default_value_t = 60)]
    pub kill_every_secs: u64,
    /// Two servers on a PostgreSQL, in place of one on SQLite.
    #[arg(long)]
    pub postgresql: bool,
    /// The 99th percentile that is allowed, in milliseconds; whoever meets a kill waits for seconds.
    #[arg(long, default_value_t = 60_000.0)]
    pub p99_max_millis: f64,
    /// Where all figures are written, as JSON.
    #[arg(long, value_name = "FILE", default_value = "steady.json")]
    pub json: PathBuf,
    /// Puts the results into the documents, if all holds.
    #[arg(long)]
    pub publish: bool,
}

/// A steady load, by machines that the ledger knows and one new one in ten.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// When the first request is due.
    pub begin: Instant,
    /// Requests a second.
    pub rate: u64,
    /// Requests in all.
    pub requests: u64,
    /// Clients in the ledger before.
    pub known: u64,
}

/// Runs it; an error is what did not hold.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let (report, _) = play_steady(options)?;
    report.show(&options.json)?;
    let done_secs = report.conditions.lasts_secs + SETTLE.as_secs_f64();
    report.judge(Demands { done_secs, p99_millis: options.p99_max_millis, resident_max: u64::MAX })?;
    if options.publish { document::publish_load("steady", &report) } else { Ok(()) }
}

/// Plays it, and returns the host as well, which has stopped, for whoever wants to look.
pub fn play_steady(options: &Options) -> anyhow::Result<(Report, Site)> {
    let Options { rate, known, renewing, .. } = *options;
    ensure!((1..=known).contains(&renewing) && rate > 0, "{renewing} machines are to renew {rate} times a second");
    progress(&format!("writing a ledger that knows {known} clients …"));
    let engine = Engine::of(options.postgresql);
    let mut site = Site::start(engine, known, renewing)?;
    let machines = in_parallel(0..renewing, |number| (number, Machine::numbered(number)));

    let secs = options.minutes * 60.0;
    let pace = Pace { begin: Instant::now() + START_IN, rate, requests: (secs * rate as f64) as u64, known };
    let last = pace.begin + Duration::from_secs_f64(secs);
    let crowd = Crowd::new(site.addresses(), site.publisher.trust.publisher.clone(), last + SETTLE);
    progress(&format!("{rate} requests a second for {secs:.0} s …"));
    let runtime = runtime()?;
    let mut kills = Kills::new(options.kill_every_secs, pace.begin, last);
    let ask = |book| keep_asking(&runtime, machines, pace, crowd, book);
    let seen = play(&mut site, pace.begin, ask, |site| kills.next(site))?;
    let what = format!("steady load of {rate} requests a second");
    let conditions = Conditions {
        what,
        store: engine.name().to_owned(),
        known,
        asked: pace.requests,
        new: pace.newcomers(),
        lasts_secs: secs,
        kills: kills.start_millis.len() as u64,
        start_millis: kills.start_millis,
        idle: None,
        build: build(),
    };
    Ok((Report::new(conditions, &seen, secs / SLICES), site))
}

impl Pace {
    /// Requests of machines that the ledger does not know.
    pub fn newcomers(&self) -> u64 {
        self.requests / ONE_NEW_IN
    }
}

/// Sends a machine whenever a request is due: one in ten is new, the others go again as soon as they are back.
pub fn keep_asking(
    runtime: &Runtime,
    machines: Vec<(u64, Machine)>,
    pace: Pace,
    crowd: Arc<Crowd>,
    book: Sender<Event>,
) {
    runtime.spawn(async move {
        let (back, mut free) = mpsc::unbounded_channel();
        machines.into_iter().for_each(|machine| drop(back.send(machine)));
        for place in 0..pace.requests {
            let due = pace.begin + Duration::from_secs_f64(place as f64 / pace.rate as f64);
            tokio::time::sleep_until(due.into()).await;
            let is_new = place % ONE_NEW_IN == ONE_NEW_IN - 1;
            let number = pace.known + place;
            let next = if is_new { Some((number, Machine::numbered(number))) } else { free.recv().await };
            let Some((number, machine)) = next else { break };
            let asking = Arc::clone(&crowd).run(Errand { machine, number, due }, book.clone());
            let back = back.clone();
            tokio::spawn(async move {
                let machine = asking.await;
                if !is_new {
                    // Nobody waits for it any more where all requests have been sent.
                    let _ = back.send(machine);
                }
            });
        }
    });
}

/// When servers are killed, each in its turn.
#[derive(Debug)]
struct Kills {
    every: Option<Duration>,
    next: Instant,
    /// Nobody is killed any more.
    end: Instant,
    start_millis: Vec<f64>,
}

impl Kills {
    fn new(every_secs: u64, begin: Instant, end: Instant) -> Kills {
        let every = (every_secs > 0).then(|| Duration::from_secs(every_secs));
        // The first one comes early, so that a short run has one.
        Kills { every, next: begin + every.unwrap_or_default() / 2, end, start_millis: Vec::new() }
    }

    fn next(&mut self, site: &mut Site) -> anyhow::Result<()> {
        let Some(every) = self.every.filter(|_| (self.next..self.end).contains(&Instant::now())) else { return Ok(()) };
        let turn = self.start_millis.len() % site.servers.len();
        self.start_millis.push(site.servers[turn].kill()?.as_secs_f64() * 1000.0);
        self.next += every;
        Ok(())
    }
}
