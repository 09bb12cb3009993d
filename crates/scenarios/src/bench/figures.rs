//! What the published benchmark has measured, as its file has it. The documents are made of the file, so that neither text
//! nor charts drift away from what was measured.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use keymuster_service::Env;
use serde::{Deserialize, Serialize};

use crate::cpu::median;

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Benchmark {
    /// What was measured, and on what.
    pub machine: Machine,
    /// Requests of one round.
    pub requests: u64,
    /// Connections at one time.
    pub connections: u64,
    /// CPU microseconds of HTTP alone: keep-alive, a connection each.
    pub http_micros: [f64; 2],
    /// CPU microseconds of one signature.
    pub sign_micros: f64,
    /// One for each size.
    pub ledgers: Vec<OfLedger>,
    /// Renewals at the largest ledger that travel in other ways.
    pub travels: Vec<Travelled>,
}

/// Where it ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The version of the project.
    pub version: String,
    /// The commit, with a mark where files had been changed.
    pub commit: String,
    /// The day.
    pub date: String,
    /// Whether it was built as a release is.
    pub is_release: bool,
    /// The processor.
    pub processor: String,
    /// Cores that this machine has of it.
    pub cores: usize,
    /// The kernel's version.
    pub kernel: String,
    /// Microseconds until 4 KiB are on the disk, by the median.
    pub sync_micros: f64,
}

/// What was measured with one ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OfLedger {
    /// Clients that it knew.
    pub known: u64,
    /// Bytes of the database, when each of them had asked once.
    pub database_bytes: u64,
    /// The write-ahead log at its longest, in bytes.
    pub log_bytes: u64,
    /// Milliseconds until the host listened.
    pub start_millis: f64,
    /// The host's memory after all rounds, in bytes.
    pub resident_bytes: u64,
    /// Known clients that ask again, in the order in which they first came.
    pub renewals: Grants,
    /// The same in no order.
    pub scattered: Grants,
    /// The same one after the other, each with a transaction of its own.
    pub alone: Grants,
    /// Clients that ask for the first time.
    pub newcomers: Grants,
    /// Milliseconds to the answer of a renewal at half of the best rate: of half, of 99 of 100, and of 999 of 1000.
    pub half_rate_millis: [f64; 3],
}

/// One kind of activation, with the host on one core.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Grants {
    /// How many a second, round by round.
    pub per_second: Vec<f64>,
    /// CPU microseconds of the host for each, round by round.
    pub micros: Vec<f64>,
    /// Of these, those of the writer, of which a host has one however many cores there are.
    pub writer_micros: f64,
    /// How many shared a transaction.
    pub batch: f64,
    /// CPU microseconds of one signature check, as many together as shared a transaction.
    pub check_micros: f64,
    /// CPU microseconds of writing the rows of one.
    pub write_micros: f64,
    /// Bytes that were given to the disk for each.
    pub written_bytes: f64,
    /// Bytes by which the database has grown for each.
    pub grown_bytes: f64,
}

/// Renewals that come over connections of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Travelled {
    /// How.
    pub name: String,
    /// CPU microseconds of the host for each.
    pub micros: f64,
}

impl Grants {
    /// CPU microseconds, by the median of the rounds.
    pub fn median_micros(&self) -> f64 {
        median(self.micros.clone())
    }

    /// A second, by the median of the rounds.
    pub fn median_rate(&self) -> f64 {
        median(self.per_second.clone())
    }

    /// A second, in the best round.
    pub fn best_rate(&self) -> f64 {
        self.per_second.iter().copied().fold(0.0, f64::max)
    }
}

impl Machine {
    /// This one; the disk is that of a directory.
    pub fn this(directory: &Path) -> anyhow::Result<Machine> {
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let name = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Ok(Machine {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit(),
            date: day(),
            is_release: !cfg!(debug_assertions),
            processor: name.map_or("unknown", |(_, name)| name).to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            sync_micros: sync_micros(directory)?,
        })
    }
}

/// Version, commit and day of this build, in words.
pub fn build() -> String {
    format!("{}, {}, {}", env!("CARGO_PKG_VERSION"), commit(), day())
}

fn day() -> String {
    Env::system().now().to_string().chars().take_while(|char| *char != 'T').collect()
}

/// Of this source, where it is under git.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR")]).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=10", "HEAD"]) else { return "unknown".to_owned() };
    let is_changed = git(&["diff", "--quiet", "HEAD"]).is_none();
    if is_changed { commit + ", changed" } else { commit }
}

fn sync_micros(directory: &Path) -> anyhow::Result<f64> {
    let mut file = File::create(directory.join("sync"))?;
    let mut once = |_| {
        file.write_all(&[7; 4096])?;
        let begin = Instant::now();
        file.sync_data()?;
        anyhow::Ok(begin.elapsed().as_secs_f64() * 1e6)
    };
    Ok(median((0..200).map(&mut once).collect::<anyhow::Result<_>>()?))
}
