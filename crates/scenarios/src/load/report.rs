//! What a load test has shown: a table for people, JSON for programs, and whether it is as it must be.

use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::book::{Book, Took};
use super::watch::Seen;
use crate::crash::figures::thousands;

/// The servers at one look.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Since the beginning.
    pub at_secs: f64,
    /// Memory in bytes, of the server that has most.
    pub resident: u64,
    /// Descriptors, of the server that has most.
    pub descriptors: u64,
}

/// What was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Conditions {
    /// In words.
    pub what: String,
    /// The database.
    pub store: String,
    /// Clients in the ledger at the beginning.
    pub known: u64,
    /// Requests for a lease.
    pub asked: u64,
    /// Those of them whose machine the ledger did not know.
    pub new: u64,
    /// How long the requests came.
    pub lasts_secs: f64,
    /// Servers that were killed.
    pub kills: u64,
    /// Milliseconds until they listened again.
    pub start_millis: Vec<f64>,
    /// Connections that were always open beside the requests.
    pub idle: Option<u64>,
    /// Version, commit and day.
    pub build: String,
}

/// What must hold besides: nothing lost, everybody answered, the count exact.
#[derive(Clone, Copy, Debug)]
pub struct Demands {
    /// When the last machine must have its lease, in seconds from the beginning.
    pub done_secs: f64,
    /// The 99th percentile of answers, in milliseconds.
    pub p99_millis: f64,
    /// The servers' memory, in bytes.
    pub resident_max: u64,
}

/// How many of all took at most so long.
#[derive(Clone, Copy, Default, Debug, Serialize, Deserialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

/// A part of the time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Slice {
    /// When it began.
    pub from_secs: f64,
    /// Leases.
    pub granted: u64,
    /// Milliseconds to an answer with a lease.
    pub answer_millis: Quantiles,
    /// The most memory at a look, in bytes.
    pub resident: u64,
    /// The most descriptors at a look.
    pub descriptors: u64,
}

/// Everything.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub conditions: Conditions,
    /// Leases that were acknowledged.
    pub granted: u64,
    /// Attempts that a server answered with 503 and `Retry-After`.
    pub busy: u64,
    /// Attempts that a server did not answer.
    pub unanswered: u64,
    /// Machines without a lease.
    pub gave_up: u64,
    /// The first answers that nobody expects.
    pub unexpected: Vec<String>,
    /// Milliseconds from the moment at which the attempt was due to its answer with a lease.
    pub answer_millis: Quantiles,
    /// Seconds from the moment at which a machine wanted its lease to the lease.
    pub lease_secs: Quantiles,
    /// When the last one had its lease, in seconds from the beginning.
    pub done_secs: f64,
    /// CPU seconds of the servers, and microseconds for each lease.
    pub cpu_secs: f64,
    pub cpu_micros: f64,
    /// CPU seconds of the database's own processes.
    pub database_cpu_secs: Option<f64>,
    /// The most memory that a server had, in bytes.
    pub resident_max: u64,
    pub descriptors_max: u64,
    /// Bytes that servers wrote; those of a PostgreSQL are not theirs.
    pub written: u64,
    /// Entries of the ledger, whose hashes were recomputed.
    pub entries: u64,
    /// Leases that were acknowledged and are not in the ledger.
    pub lost: u64,
    /// Clients in the database, and how many there must be.
    pub clients: u64,
    pub clients_expected: u64,
    /// Clients in the window as the host counts them, and as SQL does.
    pub counted: u64,
    pub counted_expected: u64,
    pub slices: Vec<Slice>,
}

/// What is shown of a report.
type Row = (&'static str, fn(&Report) -> String);

const ROWS: [Row; 16] = [
    ("database", |report| report.conditions.store.clone()),
    ("clients in the ledger before", |report| thousands(report.conditions.known)),
    ("leases asked for; by new machines", |report| {
        format!("{}; {}", thousands(report.conditions.asked), thousands(report.conditions.new))
    }),
    ("time in which they were asked for", |report| format!("{:.0} s", report.conditions.lasts_secs)),
    ("leases acknowledged; lost", |report| format!("{}; {}", thousands(report.granted), report.lost)),
    ("entries recomputed", |report| thousands(report.entries)),
    ("clients counted; expected", |report| {
        format!("{}; {}", thousands(report.counted), thousands(report.counted_expected))
    }),
    ("the last lease came after", |report| format!("{:.1} s", report.done_secs)),
    ("attempts told to come back (503); without an answer", |report| {
        format!("{}; {}", thousands(report.busy), thousands(report.unanswered))
    }),
    ("ms to a lease, p50 / p90 / p99 / p99.9 / max", |report| report.answer_millis.words()),
    ("s from wanting a lease to having it", |report| report.lease_secs.words()),
    ("kills; slowest start", |report| {
        let slowest = report.conditions.start_millis.iter().copied().fold(0.0, f64::max);
        format!("{}; {slowest:.0} ms", report.conditions.kills)
    }),
    ("silent connections, always open", |report| report.conditions.idle.map_or("–".to_owned(), thousands)),
    ("CPU of the servers; for each lease; of the database", |report| {
        let database = report.database_cpu_secs.map_or("–".to_owned(), |secs| format!("{secs:.1} s"));
        format!("{:.1} s; {:.0} µs; {database}", report.cpu_secs, report.cpu_micros)
    }),
    ("most memory of a server; descriptors; written", |report| {
        let (memory, written) = (megabytes(report.resident_max), megabytes(report.written));
        format!("{memory}; {}; {written}", thousands(report.descriptors_max))
    }),
    ("build", |report| report.conditions.build.clone()),
];

/// Reports beside each other, in Markdown; nothing without any.
pub fn table(reports: &[Report]) -> String {
    if reports.is_empty() {
        return String::new();
    }
    let line = |cells: &mut dyn Iterator<Item = String>| {
        cells.fold("|".to_owned(), |line, cell| format!("{line} {cell} |").replace("|  |", "| |")) + "\n"
    };
    let with = |first: &str, of: &dyn Fn(&Report) -> String| {
        line(&mut std::iter::once(first.to_owned()).chain(reports.iter().map(of)))
    };
    let head = with("", &|report| report.conditions.what.clone()) + &with("---", &|_| "---".to_owned());
    ROWS.iter().fold(head, |text, (name, cell)| text + &with(name, cell))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

impl Report {
    /// Takes together what was seen, in slices of so many seconds.
    pub fn new(conditions: Conditions, seen: &Seen, slice_secs: f64) -> Report {
        let Seen { book, checked, counted, samples, used, database_cpu_secs } = seen;
        let granted = book.granted.len() as u64;
        let done = book.granted.iter().map(|took| f64::from(took.at_secs)).fold(0.0, f64::max);
        Report {
            granted,
            busy: book.busy,
            unanswered: book.unanswered,
            gave_up: book.gave_up,
            unexpected: book.unexpected.clone(),
            answer_millis: Quantiles::of(book.granted.iter().map(|took| took.answer_millis)),
            lease_secs: Quantiles::of(book.granted.iter().map(|took| took.lease_secs)),
            done_secs: done,
            cpu_secs: used.cpu_secs,
            cpu_micros: used.cpu_secs * 1e6 / granted.max(1) as f64,
            database_cpu_secs: *database_cpu_secs,
            resident_max: used.resident_max,
            descriptors_max: samples.iter().map(|sample| sample.descriptors).max().unwrap_or(0),
            written: used.written,
            entries: checked.entries,
            lost: checked.lost,
            clients: checked.clients,
            // One more has asked for the count.
            clients_expected: conditions.known + conditions.new + 1,
            counted: *counted,
            counted_expected: checked.in_window,
            slices: slices(book, samples, (slice_secs, done)),
            conditions,
        }
    }

    /// Whether it is as it must be.
    pub fn judge(&self, demands: Demands) -> anyhow::Result<()> {
        ensure!(self.lost == 0, "{} leases that were acknowledged are not in the ledger", self.lost);
        ensure!(self.unexpected.is_empty(), "answers that nobody expects: {:?}", self.unexpected);
        let (asked, granted) = (self.conditions.asked, self.granted);
        ensure!(asked == granted && self.gave_up == 0, "{granted} leases for {asked} requests");
        ensure!(self.clients == self.clients_expected, "{} clients, not {}", self.clients, self.clients_expected);
        ensure!(self.counted == self.counted_expected, "counted {}, not {}", self.counted, self.counted_expected);
        ensure!(self.done_secs <= demands.done_secs, "the last lease came after {:.0} s", self.done_secs);
        let p99 = self.answer_millis.p99;
        ensure!(p99 <= demands.p99_millis, "1 of 100 answers took more than {p99:.0} ms");
        ensure!(self.resident_max <= demands.resident_max, "a server had {} bytes of memory", self.resident_max);
        Ok(())
    }

    /// The time, slice by slice, in Markdown.
    pub fn slices(&self) -> String {
        let mut text = "| from, s | leases | ms to a lease, p50 / p90 / p99 / p99.9 / max | memory | descriptors |\n\
                        | ---: | ---: | --- | ---: | ---: |\n"
            .to_owned();
        for slice in &self.slices {
            let (granted, descriptors) = (thousands(slice.granted), thousands(slice.descriptors));
            let (took, memory) = (slice.answer_millis.words(), megabytes(slice.resident));
            text += &format!("| {:.0} | {granted} | {took} | {memory} | {descriptors} |\n", slice.from_secs);
        }
        text
    }

    /// Shows it, and writes it to a file.
    pub fn show(&self, file: &Path) -> anyhow::Result<()> {
        use std::io::Write as _;
        let text = format!("{}\n{}", table(std::slice::from_ref(self)), self.slices());
        std::io::stdout().lock().write_all(text.as_bytes())?;
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
    }
}

impl Quantiles {
    fn words(self) -> String {
        let numbers = [self.p50, self.p90, self.p99, self.p999, self.max].map(|number| format!("{number:.1}"));
        numbers.join(" / ")
    }

    fn of(values: impl Iterator<Item = f32>) -> Quantiles {
        let mut sorted: Vec<f32> = values.collect();
        sorted.sort_by(f32::total_cmp);
        let at = |per_mille: usize| {
            let place = (sorted.len() * per_mille).div_ceil(1000).max(1) - 1;
            sorted.get(place).copied().map_or(0.0, f64::from)
        };
        Quantiles { p50: at(500), p90: at(900), p99: at(990), p999: at(999), max: at(1000) }
    }
}

fn slices(book: &Book, samples: &[Sample], (secs, done_secs): (f64, f64)) -> Vec<Slice> {
    // The answers to those who came last belong to the last slice.
    let last = ((done_secs - 1.0).max(0.0) / secs) as u32;
    let slice = |at: u32| {
        let from_secs = f64::from(at) * secs;
        let end_secs = if at == last { f64::INFINITY } else { from_secs + secs };
        let is_within = |at_secs: f64| (from_secs..end_secs).contains(&at_secs);
        let took: Vec<&Took> = book.granted.iter().filter(|took| is_within(took.at_secs.into())).collect();
        let of = |figure: fn(&Sample) -> u64| {
            samples.iter().filter(|sample| is_within(sample.at_secs)).map(figure).max().unwrap_or(0)
        };
        Slice {
            from_secs,
            granted: took.len() as u64,
            answer_millis: Quantiles::of(took.iter().map(|took| took.answer_millis)),
            resident: of(|sample| sample.resident),
            descriptors: of(|sample| sample.descriptors),
        }
    };
    (0..=last).map(slice).collect()
}
