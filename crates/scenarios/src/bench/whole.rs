//! `bench` without a further word: the published benchmark, everything in one run on one machine.
//!
//! The host has one core to itself and the senders the others, so that a rate is that of one core.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use keymuster_host::store;

use super::asking::{Asking, on_the_other_core};
use super::figures::{Benchmark, Grants, Machine, OfLedger, Travelled};
use super::travel::{Travel, cpu_per_request, echo};
use super::{Host, document, primitives, progress, say};
use crate::cpu;
use crate::fixture::Publisher;
use crate::load::Machine as Client;
use crate::prepare;
use crate::programs;

/// Clients that no ledger here knows have numbers from here on.
const UNKNOWN: u64 = 50_000_000;

/// Options of `bench whole`.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Requests per round.
    #[arg(long, default_value_t = 30_000)]
    pub(super) requests: u64,
    /// Rounds of each kind; the best one counts, and all are in the JSON.
    #[arg(long, default_value_t = 5)]
    rounds: u64,
    /// Connections at one time.
    #[arg(long, default_value_t = 256)]
    pub(super) connections: u64,
    /// Clients in the ledgers that are measured.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000, 1_000_000])]
    clients: Vec<u64>,
    /// Where all measurements are written, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Puts the results into the documents: the file of all figures, the charts, and the tables of `docs/performance.md`.
    #[arg(long)]
    publish: bool,
}

/// A ledger that is measured.
struct Place<'a> {
    data_dir: PathBuf,
    known: u64,
    options: &'a Options,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Known clients, in the order in which they first came.
    Known,
    /// The same in no order.
    Scattered,
    /// The same one after the other.
    Alone,
    New,
}

/// Runs the benchmark.
pub fn run(options: &Options) -> anyhow::Result<()> {
    programs::command("keymuster-host")?;
    let benchmark = measure(options)?;
    say(&document::all_tables(&benchmark))?;
    if let Some(path) = &options.json {
        fs::write(path, document::json(&benchmark)?).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if options.publish {
        ensure!(benchmark.machine.is_release, "what a debug build can do is nobody's business");
        document::publish(&benchmark)?;
    }
    Ok(())
}

fn measure(options: &Options) -> anyhow::Result<Benchmark> {
    let begin = Instant::now();
    let step = |what: &str| progress(&format!("[{:>4.0} s] {what} …", begin.elapsed().as_secs_f64()));
    step("HTTP, signatures and the disk alone");
    let directory = tempfile::tempdir()?;
    let machine = Machine::this(directory.path())?;
    let senders = (options.requests, options.connections);
    let http_micros = [echo(senders, Travel::KeepAlive)?, echo(senders, Travel::ConnectionEach)?];
    let sign_micros = primitives::signature_micros();
    let (mut ledgers, mut travels) = (Vec::new(), Vec::new());
    let largest = options.clients.iter().max();
    for known in &options.clients {
        step(&format!("writing a ledger of {known} clients"));
        let directory = tempfile::tempdir()?;
        let place = Place { data_dir: directory.path().join("host"), known: *known, options };
        let publisher = Publisher::new(1, 5);
        // Of a large ledger every machine asks once, so that its pages are as cold as in life: in the rounds, at half the
        // rate, and in three ways to travel.
        let asking = place.known.min((options.rounds + 4) * options.requests);
        prepare::host_with_clients(&place.data_dir, &publisher, place.known, asking)?;
        let mut asking = Asking::new(&publisher, asking, options);
        ledgers.push(place.measure(&mut asking, &step)?);
        if Some(known) == largest {
            step("connections of their own, and TLS");
            travels = place.travels(&mut asking)?;
        }
        let last = ledgers.last_mut().context("a ledger was measured")?;
        step("the rows of its tables alone");
        last.renewals.write_micros = place.write_micros(Who::Known, last.renewals.batch)?;
        last.scattered.write_micros = place.write_micros(Who::Scattered, last.scattered.batch)?;
        last.alone.write_micros = place.write_micros(Who::Alone, last.alone.batch)?;
        last.newcomers.write_micros = place.write_micros(Who::New, last.newcomers.batch)?;
    }
    step("done");
    let (requests, connections) = senders;
    Ok(Benchmark { machine, requests, connections, http_micros, sign_micros, ledgers, travels })
}

impl Place<'_> {
    fn measure(&self, asking: &mut Asking<'_>, step: &impl Fn(&str)) -> anyhow::Result<OfLedger> {
        let known = self.known;
        let database_bytes = fs::metadata(self.database())?.len();
        step(&format!("{known} clients: renewals"));
        let (renewals, start_millis, _) = self.rounds(asking, Who::Known)?;
        step(&format!("{known} clients: renewals at half the rate"));
        let host = Host::start_on_one_core(&self.data_dir)?;
        let half = Some(renewals.best_rate() / 2.0);
        let half_rate_millis = on_the_other_core(|| asking.renewals().send(host.address, half))?.latency_millis;
        host.stop(&self.data_dir)?;
        step(&format!("{known} clients: new ones"));
        let (newcomers, _, (log_bytes, resident_bytes)) = self.rounds(asking, Who::New)?;
        step(&format!("{known} clients: renewals in no order, and one at a time"));
        scatter(&mut asking.known);
        let (scattered, ..) = self.rounds(asking, Who::Scattered)?;
        let (alone, ..) = self.rounds(asking, Who::Alone)?;
        Ok(OfLedger {
            known,
            database_bytes,
            log_bytes,
            start_millis,
            resident_bytes,
            renewals,
            scattered,
            alone,
            newcomers,
            half_rate_millis,
        })
    }

    /// All rounds of one kind; also how long the host took to start, and in the end its log and its memory.
    fn rounds(&self, asking: &mut Asking<'_>, who: Who) -> anyhow::Result<(Grants, f64, (u64, u64))> {
        let before = fs::metadata(self.database())?.len();
        let host = Host::start_on_one_core(&self.data_dir)?;
        let pid = host.running.id();
        let writer = || cpu::of_threads(pid, |name| name == "writer");
        let (written, of_writer) = (cpu::written(pid)?, writer()?);
        let (mut per_second, mut micros) = (Vec::new(), Vec::new());
        let (rounds, each) = match who {
            Who::Alone => (1, self.options.requests / 10),
            _ => (self.options.rounds, self.options.requests),
        };
        let each = each as f64;
        on_the_other_core(|| {
            for _ in 0..rounds {
                let round = match who {
                    Who::Known | Who::Scattered => asking.renewals(),
                    Who::Alone => asking.one_at_a_time(each as u64),
                    Who::New => asking.newcomers(),
                };
                let used = cpu::of_process(pid)?;
                per_second.push(round.send(host.address, None)?.rate);
                micros.push((cpu::of_process(pid)? - used) as f64 / each / 1000.0);
            }
            Ok(())
        })?;
        let all = each * rounds as f64;
        let writer_micros = (writer()? - of_writer) as f64 / all / 1000.0;
        let written_bytes = (cpu::written(pid)? - written) as f64 / all;
        let log = fs::metadata(self.database().with_extension("db-wal")).map_or(0, |log| log.len());
        let (resident, start_millis) = (cpu::resident_max(pid)?, host.started_in_millis);
        let (decided, transactions) = host.stop(&self.data_dir)?;
        let batch = decided as f64 / transactions.max(1) as f64;
        let grants = Grants {
            per_second,
            micros,
            writer_micros,
            batch,
            check_micros: primitives::check_micros(batch.round() as usize),
            write_micros: 0.0,
            written_bytes,
            grown_bytes: (fs::metadata(self.database())?.len() - before) as f64 / all,
        };
        Ok((grants, start_millis, (log, resident)))
    }

    /// Renewals with a connection each, and with a handshake each.
    fn travels(&self, asking: &mut Asking<'_>) -> anyhow::Result<Vec<Travelled>> {
        let host = Host::start_on_one_core(&self.data_dir)?;
        let travels = [Travel::KeepAlive, Travel::ConnectionEach, Travel::TlsEach].map(|travel| {
            let lists = asking.renewals().into_lists();
            let micros = on_the_other_core(|| cpu_per_request(&host.running, host.address, lists, travel))?;
            Ok(Travelled { name: travel.name().to_owned(), micros })
        });
        let travels = travels.into_iter().collect::<anyhow::Result<_>>()?;
        host.stop(&self.data_dir)?;
        Ok(travels)
    }

    fn write_micros(&self, who: Who, batch: f64) -> anyhow::Result<f64> {
        let number = self.options.requests.min(self.known);
        let number = if who == Who::Alone { number / 10 } else { number };
        // Those that asked first, so that the database has read others since.
        let first = if who == Who::New { UNKNOWN } else { 0 };
        let mut machines = prepare::in_parallel(first..first + number, Client::numbered);
        if matches!(who, Who::Scattered | Who::Alone) {
            scatter(&mut machines);
        }
        primitives::write_micros(&self.data_dir, machines, batch.round() as usize, who == Who::New)
    }

    fn database(&self) -> PathBuf {
        Path::new(&self.data_dir).join(store::FILE_NAME)
    }
}

/// Puts machines into an order that has nothing to do with the one before, and is the same in each run.
fn scatter(machines: &mut [Client]) {
    let mut state: u64 = 1;
    for at in (1..machines.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        machines.swap(at, (state >> 33) as usize % (at + 1));
    }
}
