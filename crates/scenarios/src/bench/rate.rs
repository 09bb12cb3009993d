//! `bench rate`: how many activations a second one core of a host carries, how long they take at half of that, and how
//! much is written for each.
//!
//! The host has one core to itself and the senders the other, so that neither takes time from the other.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use keymuster_core::request::Act;
use keymuster_service::Env;
use rustix::thread::{sched_getaffinity, sched_setaffinity};
use serde::Serialize;

use super::{Host, progress, say};
use crate::cpu;
use crate::fixture::{Publisher, VOLUME_EDITION};
use crate::load::{Connection, Machine};
use crate::prepare;

/// Options of `bench rate`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Requests per round.
    #[arg(long, default_value_t = 30_000)]
    pub(super) requests: u64,
    /// Rounds of each kind; the best one counts, and all are in the JSON.
    #[arg(long, default_value_t = 5)]
    pub(super) rounds: u64,
    /// Connections at one time.
    #[arg(long, default_value_t = 256)]
    pub(super) connections: u64,
    /// Clients in the ledgers that are measured.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    pub(super) clients: Vec<u64>,
    /// Where all measurements are written, as JSON.
    #[arg(long)]
    pub(super) json: Option<std::path::PathBuf>,
}

/// What was measured with one ledger.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Clients that the ledger knew.
    pub known: u64,
    /// Renewals per second, round by round.
    pub renewals: Vec<f64>,
    /// Activations of new clients per second, round by round.
    pub newcomers: Vec<f64>,
    /// Milliseconds from the moment at which a renewal was due to be sent to its answer, at half of the best rate: of half,
    /// of 99 of 100, and of 999 of 1000.
    pub latency_millis: [f64; 3],
    /// Bytes that the host gave to the disk for a renewal, copying from the log to the tables included.
    pub written_bytes: f64,
    /// Requests that shared a transaction, on average.
    pub per_commit: f64,
    /// The host's resident memory at the end, in bytes.
    pub resident_bytes: u64,
}

/// Runs the benchmark.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let measured =
        options.clients.iter().map(|clients| measure(options, *clients)).collect::<anyhow::Result<Vec<_>>>()?;
    say("one core for the host, another for those who ask; durable activations a second, the best round of each\n")?;
    say(
        "  known  renewals/s  new clients/s  ms at half the rate: p50    p99  p99.9  bytes written  per commit  memory, MB",
    )?;
    for one in &measured {
        let [p50, p99, p999] = one.latency_millis;
        say(&format!(
            "{:>7} {:>11.0} {:>14.0} {p50:>29.1} {p99:>6.1} {p999:>6.1} {:>14.0} {:>11.0} {:>11.1}",
            one.known,
            best(&one.renewals),
            best(&one.newcomers),
            one.written_bytes,
            one.per_commit,
            one.resident_bytes as f64 / 1e6
        ))?;
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&measured)? + "\n";
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

pub(super) fn best(rates: &[f64]) -> f64 {
    rates.iter().copied().fold(0.0, f64::max)
}

fn measure(options: &Options, known: u64) -> anyhow::Result<Measured> {
    progress(&format!("preparing a ledger of {known} clients …"));
    let directory = tempfile::tempdir()?;
    let data_dir = directory.path().join("host");
    let publisher = Publisher::new(1, 5);
    // Of a large ledger every machine asks once, so that its pages are as cold as in life.
    let asking = known.min((options.rounds + 1) * options.requests);
    prepare::host_with_clients(&data_dir, &publisher, known, asking)?;
    let mut asking = Asking::new(&publisher, asking, options);

    let host = Host::start_on_one_core(&data_dir)?;
    let measured = on_the_other_core(|| {
        let mut renewals = Vec::new();
        let before = cpu::written(host.running.id())?;
        for round in 1..=options.rounds {
            progress(&format!("{known} known, renewals, round {round} of {} …", options.rounds));
            renewals.push(asking.renewals().send(host.address, None)?.rate);
        }
        let asked = (options.rounds * options.requests) as f64;
        let written_bytes = (cpu::written(host.running.id())? - before) as f64 / asked;
        progress(&format!("{known} known, renewals at half the rate …"));
        let latency_millis = asking.renewals().send(host.address, Some(best(&renewals) / 2.0))?.latency_millis;
        let mut newcomers = Vec::new();
        for round in 1..=options.rounds {
            progress(&format!("{known} known, new clients, round {round} of {} …", options.rounds));
            newcomers.push(asking.newcomers().send(host.address, None)?.rate);
        }
        let resident_bytes = cpu::resident(host.running.id())?;
        let per_commit = 0.0;
        Ok(Measured { known, renewals, newcomers, latency_millis, written_bytes, per_commit, resident_bytes })
    });
    let (decided, transactions) = host.stop(&data_dir)?;
    Ok(Measured { per_commit: decided as f64 / transactions.max(1) as f64, ..measured? })
}

/// Runs the senders on the cores that the host does not have.
pub(super) fn on_the_other_core<T>(act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let whole = sched_getaffinity(None)?;
    let mut other = whole;
    other.unset(0);
    ensure!(other.count() > 0, "this measurement needs two cores");
    sched_setaffinity(None, &other)?;
    let done = act();
    sched_setaffinity(None, &whole)?;
    done
}

/// Those who ask: known machines, each of which always uses the same connection, and new ones.
pub(super) struct Asking<'a> {
    publisher: &'a Publisher,
    options: &'a Options,
    pub known: Vec<Machine>,
    next: usize,
    env: Env,
}

/// Signed requests, one list for each connection.
pub(super) struct Round(Vec<Vec<Vec<u8>>>);

/// What a round has shown.
pub(super) struct Shown {
    pub rate: f64,
    pub latency_millis: [f64; 3],
}

impl<'a> Asking<'a> {
    pub fn new(publisher: &'a Publisher, known: u64, options: &'a Options) -> Asking<'a> {
        let known = prepare::in_parallel(0..known, Machine::numbered);
        Asking { publisher, options, known, next: 0, env: Env::system() }
    }

    pub fn renewals(&mut self) -> Round {
        self.renew(self.options.requests, self.options.connections as usize)
    }

    /// So many renewals over one connection, each of which has a transaction of its own.
    pub fn one_at_a_time(&mut self, number: u64) -> Round {
        self.renew(number, 1)
    }

    fn renew(&mut self, number: u64, connections: usize) -> Round {
        let mut lists = vec![Vec::new(); connections];
        for _ in 0..number {
            let at = self.next % self.known.len();
            self.next += 1;
            let machine = &mut self.known[at];
            let request = machine.request(Act::Activate, &self.publisher.trust.publisher, VOLUME_EDITION, &self.env);
            lists[at % connections].push(request);
        }
        Round(lists)
    }

    pub fn newcomers(&self) -> Round {
        let sign = |_| {
            let mut machine = Machine::new(&self.env);
            machine.request(Act::Activate, &self.publisher.trust.publisher, VOLUME_EDITION, &self.env)
        };
        let each = self.options.requests / self.options.connections;
        Round((0..self.options.connections).map(|_| (0..each).map(sign).collect()).collect())
    }
}

impl Round {
    /// All requests, whichever connection they were for.
    pub fn into_requests(self) -> Vec<Vec<u8>> {
        self.0.into_iter().flatten().collect()
    }

    /// Sends everything, as fast as it is answered, or so many a second whether or not answers come.
    pub fn send(self, address: SocketAddr, per_second: Option<f64>) -> anyhow::Result<Shown> {
        let number = self.0.iter().map(Vec::len).sum::<usize>() as f64;
        // Between two requests of one connection.
        let pause = per_second.map(|rate| Duration::from_secs_f64(self.0.len() as f64 / rate));
        let connections = self.0.len();
        let lists = self.0;
        let begin = Instant::now();
        let mut latencies = std::thread::scope(|scope| {
            let sender = |(at, list): (usize, Vec<Vec<u8>>)| {
                // Connections begin one after the other, spread over the first pause.
                let first = pause.map_or(Duration::ZERO, |pause| pause.mul_f64(at as f64 / connections as f64));
                scope.spawn(move || send_list(address, &list, begin + first, pause))
            };
            let senders: Vec<_> = lists.into_iter().enumerate().map(sender).collect();
            senders.into_iter().try_fold(Vec::new(), |mut all, sender| {
                all.extend(sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??);
                anyhow::Ok(all)
            })
        })?;
        let rate = number / begin.elapsed().as_secs_f64();
        latencies.sort_unstable();
        let quantile = |per_mille: usize| {
            let at = (latencies.len() * per_mille / 1000).min(latencies.len().saturating_sub(1));
            latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
        };
        Ok(Shown { rate, latency_millis: [quantile(500), quantile(990), quantile(999)] })
    }
}

/// Sends one after the other; with a pause each when it is due, or at once where the answer before came late.
fn send_list(
    address: SocketAddr,
    list: &[Vec<u8>],
    first: Instant,
    pause: Option<Duration>,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address).context("cannot connect")?;
    let mut latencies = Vec::with_capacity(list.len());
    for (number, request) in list.iter().enumerate() {
        let due = match pause {
            Some(pause) => first + pause * u32::try_from(number)?,
            None => Instant::now(),
        };
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let answer = connection.post("/v1/activate", request)?;
        ensure!(answer.status == 200, "status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        latencies.push(due.elapsed());
    }
    Ok(latencies)
}
