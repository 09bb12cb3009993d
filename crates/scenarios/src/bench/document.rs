//! The published benchmark in the documents: tables and charts that follow from the file of its figures, and from nothing else.
//!
//! A table stands between two marks; `bench whole --publish`, `load … --publish` and a test put it there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::figures::{Benchmark, Grants, OfLedger};
use super::picture::{Bar, Chart, number};
use crate::load::report::{self, Report};

/// The file of all figures, below `docs`.
const FIGURES: &str = "performance/benchmark.json";
const TEXT: &str = "performance.md";
const RELIABILITY: &str = "reliability.md";
const END: &str = "<!-- end -->";
/// The parts of an activation, and the whole.
const PARTS: [&str; 5] = ["HTTP", "check of the signature", "signature", "writing the rows", "the host, in all"];
const WEEK_SECS: f64 = 7.0 * 86_400.0;
const RENEWALS_A_YEAR: f64 = 365.0 / 7.0;

/// A section of the text: its name, and what stands in it.
type Section = (&'static str, fn(&Benchmark) -> String);

const SECTIONS: [Section; 5] =
    [("machine", machine), ("activation", activation), ("rate", rate), ("travel", travel), ("projection", projection)];

/// Load tests, by the names of their files, in the order of their columns.
const AT_ONCE: [&str; 4] = ["storm", "storm-postgresql", "idle", "idle-postgresql"];
const KILLS: [&str; 2] = ["steady", "steady-postgresql"];

/// Everything, for a terminal.
pub(super) fn all_tables(benchmark: &Benchmark) -> String {
    SECTIONS.iter().map(|(_, section)| section(benchmark)).collect::<Vec<_>>().join("\n")
}

/// The file of all figures.
pub(super) fn json(benchmark: &Benchmark) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(benchmark)? + "\n")
}

/// Puts new figures into the documents.
pub(super) fn publish(benchmark: &Benchmark) -> anyhow::Result<()> {
    let file = docs().join(FIGURES);
    fs::create_dir_all(file.parent().context("it lies in a directory")?)?;
    fs::write(file, json(benchmark)?)?;
    files()?.into_iter().try_for_each(|(file, text)| Ok(fs::write(file, text)?))
}

/// Puts a load test into the documents.
pub(crate) fn publish_load(name: &str, report: &Report) -> anyhow::Result<()> {
    anyhow::ensure!(!cfg!(debug_assertions), "what a debug build can do is nobody's business");
    let of_database = if report.database_cpu_secs.is_some() { "-postgresql" } else { "" };
    let file = docs().join(format!("performance/{name}{of_database}.json"));
    fs::write(file, serde_json::to_string_pretty(report)? + "\n")?;
    files()?.into_iter().try_for_each(|(file, text)| Ok(fs::write(file, text)?))
}

/// The documents that follow from the file of all figures, each with the text that it must have.
pub fn files() -> anyhow::Result<Vec<(PathBuf, String)>> {
    let benchmark: Benchmark = serde_json::from_str(&fs::read_to_string(docs().join(FIGURES))?)?;
    let mut text = fs::read_to_string(docs().join(TEXT))?;
    for (name, section) in SECTIONS {
        text = with(&text, &format!("benchmark: {name}"), &section(&benchmark))?;
    }
    let text = with(&text, "load: at once", &report::table(&loads(&AT_ONCE)?))?;
    let kills = loads(&KILLS)?;
    let slices = kills.first().map_or(String::new(), |first| format!("\n{}", first.slices()));
    let reliability = fs::read_to_string(docs().join(RELIABILITY))?;
    let reliability = with(&reliability, "load: kills", &(report::table(&kills) + &slices))?;
    Ok(vec![
        (docs().join(TEXT), text),
        (docs().join(RELIABILITY), reliability),
        (docs().join("performance/activation.svg"), activation_chart(&benchmark)),
        (docs().join("performance/rate.svg"), rate_chart(&benchmark)),
    ])
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The load tests that there are.
fn loads(names: &[&str]) -> anyhow::Result<Vec<Report>> {
    let files = names.iter().map(|name| docs().join(format!("performance/{name}.json")));
    files.filter(|file| file.exists()).map(|file| Ok(serde_json::from_str(&fs::read_to_string(file)?)?)).collect()
}

/// Puts a table between its mark and the next end.
fn with(text: &str, name: &str, table: &str) -> anyhow::Result<String> {
    let mark = format!("<!-- {name} -->\n");
    let (before, rest) = text.split_once(&mark).with_context(|| format!("no document has {mark}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("there is no end of {mark}"))?;
    Ok(format!("{before}{mark}{table}{END}{after}"))
}

fn machine(benchmark: &Benchmark) -> String {
    let machine = &benchmark.machine;
    let build = if machine.is_release { "a release build" } else { "a debug build, which says nothing" };
    format!(
        "Version {}, commit {}, {build}, on {}: {}, {} cores, Linux {}; 4 KiB are on the disk after {:.0} µs.\n",
        machine.version,
        machine.commit,
        machine.date,
        machine.processor,
        machine.cores,
        machine.kernel,
        machine.sync_micros
    )
}

/// Each kind of activation of each ledger.
fn kinds(ledger: &OfLedger) -> [(&'static str, &Grants); 4] {
    [
        ("renewal", &ledger.renewals),
        ("renewal, in no order", &ledger.scattered),
        ("new client", &ledger.newcomers),
        ("renewal, one at a time", &ledger.alone),
    ]
}

/// Those of them that the charts show.
fn charted(ledger: &OfLedger) -> [(&'static str, &Grants); 2] {
    [("renewal", &ledger.renewals), ("new client", &ledger.newcomers)]
}

/// What the parts cost by themselves, in microseconds.
fn parts(benchmark: &Benchmark, grants: &Grants) -> [f64; 4] {
    [benchmark.http_micros[0], grants.check_micros, benchmark.sign_micros, grants.write_micros]
}

fn activation(benchmark: &Benchmark) -> String {
    let mut text = "| known clients | activation | host, µs | HTTP | check | sign | write | sum | host/sum | of the host: writer | \
                    batch | written, kB |\n| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
        .to_owned();
    for ledger in &benchmark.ledgers {
        for (kind, grants) in kinds(ledger) {
            let (host, parts) = (grants.median_micros(), parts(benchmark, grants));
            let sum: f64 = parts.iter().sum();
            let [http, check, sign, write] = parts;
            text += &format!(
                "| {} | {kind} | {host:.1} | {http:.1} | {check:.1} | {sign:.1} | {write:.1} | {sum:.1} | {:.2} | {:.1} | {:.0} | \
                 {:.1} |\n",
                number(ledger.known as f64),
                host / sum,
                grants.writer_micros,
                grants.batch,
                grants.written_bytes / 1000.0
            );
        }
    }
    text
}

fn rate(benchmark: &Benchmark) -> String {
    let mut text =
        "| known clients | renewals/s, best (median) | new clients/s, best (median) | ms at half the rate: p50 | p99 | p99.9 | \
         start, ms | memory, MB | log, MB |\n| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
            .to_owned();
    let rates = |grants: &Grants| format!("{} ({})", number(grants.best_rate()), number(grants.median_rate()));
    for ledger in &benchmark.ledgers {
        let [p50, p99, p999] = ledger.half_rate_millis;
        text += &format!(
            "| {} | {} | {} | {p50:.1} | {p99:.1} | {p999:.1} | {:.0} | {:.1} | {:.1} |\n",
            number(ledger.known as f64),
            rates(&ledger.renewals),
            rates(&ledger.newcomers),
            ledger.start_millis,
            ledger.resident_bytes as f64 / 1e6,
            ledger.log_bytes as f64 / 1e6
        );
    }
    text
}

fn travel(benchmark: &Benchmark) -> String {
    let mut text = "| renewals travel by | host, µs |\n| --- | ---: |\n".to_owned();
    for travelled in &benchmark.travels {
        text += &format!("| {} | {:.1} |\n", travelled.name, travelled.micros);
    }
    text
}

/// What is taken from the measurements for larger numbers of clients.
struct Basis {
    known: f64,
    /// CPU microseconds of a renewal in the dearest way to travel.
    micros: f64,
    way: String,
    writer_micros: f64,
    bytes_of_client: f64,
    bytes_of_renewal: f64,
    written: f64,
    start_secs: f64,
}

impl Basis {
    fn of(benchmark: &Benchmark) -> Option<Basis> {
        let ledger = benchmark.ledgers.iter().max_by_key(|ledger| ledger.known)?;
        let dearest = benchmark.travels.iter().max_by(|one, other| one.micros.total_cmp(&other.micros))?;
        let known = ledger.known as f64;
        Some(Basis {
            known,
            micros: dearest.micros,
            way: dearest.name.clone(),
            writer_micros: ledger.renewals.writer_micros,
            bytes_of_client: ledger.database_bytes as f64 / known,
            bytes_of_renewal: ledger.renewals.grown_bytes,
            written: ledger.alone.written_bytes,
            start_secs: ledger.start_millis / 1000.0,
        })
    }

    /// One column of the table.
    fn column(&self, clients: f64) -> [String; 10] {
        let mean = clients / WEEK_SECS;
        let cores = |per_second: f64| few(per_second * self.micros / 1e6);
        let (hour, ten_minutes) = (clients / 3600.0, clients / 600.0);
        let hosts = (ten_minutes * self.writer_micros / 1e6).ceil();
        let gigabytes = |bytes: f64| few(bytes / 1e9);
        let year = clients * RENEWALS_A_YEAR * self.bytes_of_renewal;
        [
            few(mean),
            cores(mean),
            format!("{}; {}", number(hour), cores(hour)),
            format!("{}; {}", number(ten_minutes), cores(ten_minutes)),
            number(hosts),
            gigabytes(clients * self.bytes_of_client),
            gigabytes(year),
            gigabytes(clients * self.bytes_of_client + 2.0 * year),
            gigabytes(clients / 7.0 * self.written),
            few(self.start_secs * clients / self.known),
        ]
    }

    fn arithmetic(&self) -> String {
        format!(
            "\nThe arithmetic, with what was measured at {known} known clients:\n\n\
             - renewals a second = clients / (7 × 86,400 s); within an hour = clients / 3,600 s; within ten minutes = clients / 600 s;\n\
             - cores = renewals a second × {micros:.0} µs ({way});\n\
             - hosts = renewals a second × {writer:.1} µs of the one writer that a host has, rounded up;\n\
             - clients on the disk = clients × {client:.0} bytes (row, description, indexes, the first entry of the ledger);\n\
             - a year of history = clients × 365 / 7 × {renewal:.0} bytes (an entry of the ledger);\n\
             - written a day = clients / 7 × {written:.1} kB (log, tables and their indexes);\n\
             - start = {start:.2} s × clients / {known}.\n",
            known = number(self.known),
            micros = self.micros,
            way = self.way,
            writer = self.writer_micros,
            client = self.bytes_of_client,
            renewal = self.bytes_of_renewal,
            written = self.written / 1000.0,
            start = self.start_secs,
        )
    }
}

fn projection(benchmark: &Benchmark) -> String {
    let Some(basis) = Basis::of(benchmark) else { return String::new() };
    let names = [
        "renewals a second, all week round",
        "cores for that",
        "all within an hour: renewals a second; cores",
        "all within ten minutes: renewals a second; cores",
        "hosts for these ten minutes, by their writers",
        "clients on the disk, GB",
        "a year of history, GB",
        "in all after two years, which are kept by default, GB",
        "written to the disk a day, GB",
        "start of a server, s",
    ];
    let sizes = [1e6, 1e7, 1e8];
    let columns = sizes.map(|clients| basis.column(clients));
    let heads = sizes.map(number).join(" | ");
    let mut text = format!("| clients that renew every 7 days | {heads} |\n| --- | ---: | ---: | ---: |\n");
    for (row, name) in names.iter().enumerate() {
        let cells: Vec<&str> = columns.iter().map(|column| column[row].as_str()).collect();
        text += &format!("| {name} | {} |\n", cells.join(" | "));
    }
    text + &basis.arithmetic()
}

/// Two digits where a number is small, and groups of three where it is large.
fn few(value: f64) -> String {
    match value {
        _ if value >= 100.0 => number(value),
        _ if value >= 10.0 => format!("{value:.0}"),
        _ if value >= 1.0 => format!("{value:.1}"),
        _ => format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

fn activation_chart(benchmark: &Benchmark) -> String {
    let mut bars = Vec::new();
    for ledger in &benchmark.ledgers {
        for (kind, grants) in charted(ledger) {
            let heading = format!("{kind}, {} known clients", number(ledger.known as f64));
            let parts = parts(benchmark, grants).into_iter().enumerate().collect();
            bars.push(Bar { heading: Some(heading), name: "the parts alone".to_owned(), parts });
            let whole = vec![(PARTS.len() - 1, grants.median_micros())];
            bars.push(Bar { heading: None, name: "the host".to_owned(), parts: whole });
        }
    }
    Chart { title: "CPU microseconds per activation", parts: &PARTS, bars }.svg()
}

fn rate_chart(benchmark: &Benchmark) -> String {
    let mut bars = Vec::new();
    for ledger in &benchmark.ledgers {
        for (place, (kind, grants)) in charted(ledger).into_iter().enumerate() {
            let heading = (place == 0).then(|| format!("{} known clients", number(ledger.known as f64)));
            bars.push(Bar { heading, name: format!("{kind}s"), parts: vec![(place, grants.best_rate())] });
        }
    }
    let title = "Durable activations a second on one core, the best of the rounds";
    Chart { title, parts: &["known clients that ask again", "new clients"], bars }.svg()
}
