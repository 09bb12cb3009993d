//! The benchmarks: one file each.

mod asking;
pub mod client;
pub mod console;
pub mod document;
pub mod figures;
pub mod footprint;
mod picture;
mod primitives;
mod tls;
mod travel;
pub mod whole;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::Context as _;

use crate::programs::{self, Running};

/// A host under measurement.
struct Host {
    running: Running,
    address: SocketAddr,
    administration: SocketAddr,
    /// From the start of the process to its first line, which it writes when it listens.
    started_in_millis: f64,
}

impl Host {
    fn start(data_dir: &Path) -> anyhow::Result<Host> {
        Host::start_by(programs::command("keymuster-host")?, data_dir)
    }

    /// Starts it so that all its threads share the first core, as on a machine that has no other.
    fn start_on_one_core(data_dir: &Path) -> anyhow::Result<Host> {
        let host = programs::command("keymuster-host")?;
        let mut command = std::process::Command::new("taskset");
        command.args(["--cpu-list", "0"]).arg(host.get_program());
        Host::start_by(command, data_dir)
    }

    fn start_by(mut command: std::process::Command, data_dir: &Path) -> anyhow::Result<Host> {
        command.arg("--data-dir").arg(data_dir).env("KEYMUSTER_LOG", "info");
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        let log = std::fs::File::create(data_dir.join("log"))?;
        let begin = Instant::now();
        let mut running = Running::start(&mut command, Stdio::from(log))?;
        let address = running.line_after("listening on http://")?.parse().context("no address")?;
        let started_in_millis = begin.elapsed().as_secs_f64() * 1000.0;
        let administration = running.line_after("administration on http://")?.parse().context("no address")?;
        Ok(Host { running, address, administration, started_in_millis })
    }

    /// Stops it, and returns how many requests it decided in how many transactions.
    fn stop(mut self, data_dir: &Path) -> anyhow::Result<(u64, u64)> {
        anyhow::ensure!(self.running.stop()?, "the host did not stop well");
        let log = std::fs::read_to_string(data_dir.join("log"))?;
        let number = |name: &str| {
            let rest = log.lines().rev().find_map(|line| line.split_once(name).map(|(_, rest)| rest));
            let digits: Option<String> = rest.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
            digits.and_then(|digits| digits.parse().ok()).with_context(|| format!("the host's log has no {name}"))
        };
        Ok((number(" requests=")?, number(" transactions=")?))
    }
}

fn say(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("cannot write to standard output")
}

fn progress(text: &str) {
    // Progress that cannot be shown is not missed.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
