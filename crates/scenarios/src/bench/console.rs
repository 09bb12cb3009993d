//! `bench console`: what the console's pages about clients cost a host with a million clients.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;

use super::{Host, progress, say};
use crate::console::{Console, SignedIn};
use crate::cpu::median;
use crate::fixture::Publisher;
use crate::load::Machine;
use crate::prepare;

/// Options of `bench console`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Clients in the ledger.
    #[arg(long, default_value_t = 1_000_000)]
    clients: u64,
    /// How often each page is read.
    #[arg(long, default_value_t = 9)]
    repeats: u32,
    /// A directory to keep, with the host that was prepared there before; by default one that is deleted again.
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
}

/// Runs the benchmark.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let directory = tempfile::tempdir()?;
    let data_dir = options.keep.clone().unwrap_or_else(|| directory.path().join("host"));
    if !data_dir.exists() {
        progress("writing the ledger …");
        prepare::host_with_clients(&data_dir, &Publisher::new(1, 500), options.clients, 0)?;
        prepare::what_happened(&data_dir)?;
    }
    let mut host = Host::start(&data_dir)?;
    let console = Console::new("keymuster-host", host.administration, &data_dir);
    let ada = console.claim(&mut host.running)?;
    say("milliseconds from request to whole answer; bytes of HTML\n")?;
    say("page                                                       median  worst   bytes")?;
    for path in paths() {
        say(&measure(&ada, &path, options.repeats)?)?;
    }
    host.stop(&data_dir)?;
    Ok(())
}

/// One row. The first answer, for which the disk may have to be read, is not counted.
fn measure(ada: &SignedIn, path: &str, repeats: u32) -> anyhow::Result<String> {
    let (mut millis, mut bytes) = (Vec::new(), 0);
    for _ in 0..=repeats {
        let begin = Instant::now();
        let answer = ada.get(path)?;
        millis.push(begin.elapsed().as_secs_f64() * 1000.0);
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        bytes = answer.body.len();
    }
    millis.remove(0);
    let worst = millis.iter().copied().fold(0.0, f64::max);
    Ok(format!("{path:<58} {:>6.1} {worst:>6.1} {bytes:>7}", median(millis)))
}

fn paths() -> Vec<String> {
    let mut paths: Vec<String> =
        ["/", "/refusals", "/seats", "/seats/fixture/pool", "/clones"].map(str::to_owned).to_vec();
    paths.push(format!("/clients/fixture/{}", Machine::numbered(77).id));
    for sort in ["asked", "name", "lease-end", "first-seen"] {
        for filter in [
            "",
            "&search=pc-0123",
            "&search=0a",
            "&address=10.3.7",
            "&state=licensed",
            "&state=ended",
            "&state=refused",
            "&state=returned",
            "&shared=yes",
            "&edition=volume&search=pc-",
        ] {
            paths.push(format!("/clients?sort={sort}{filter}"));
        }
    }
    paths
}
