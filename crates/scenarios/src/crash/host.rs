//! A host that is started and killed, and how long it took to come up.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::programs::{self, Running, bounded};

/// A host that runs. Dropping it kills it.
#[derive(Debug)]
pub struct Host {
    pub running: Running,
    /// Where clients ask.
    pub clients: SocketAddr,
    /// From its start to the moment at which it listens.
    pub started_in: Duration,
}

impl Host {
    /// Starts it on a data directory; its log goes beside that of earlier starts, and its process is told to whoever may
    /// have to kill it meanwhile.
    pub fn start(data_dir: &Path, log: &Path, process: &AtomicU32) -> anyhow::Result<Host> {
        let begin = Instant::now();
        let mut command = programs::command("keymuster-host")?;
        command.env("KEYMUSTER_LOG", "info").arg("--data-dir").arg(data_dir);
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut running = Running::start(&mut command, Stdio::from(log))?;
        process.store(running.id(), Ordering::SeqCst);
        let clients = bounded(running.id(), || running.line_after("listening on http://"))?;
        let clients = clients.parse().context("the host says where it listens")?;
        Ok(Host { running, clients, started_in: begin.elapsed() })
    }

    /// Stops it as a supervisor does.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let process = self.running.id();
        ensure!(bounded(process, || self.running.stop())?, "the host did not end well");
        Ok(())
    }
}

/// The end of a host's log, for whoever has to find out.
pub fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}

/// An empty log.
pub fn empty(log: &PathBuf) -> anyhow::Result<()> {
    File::create(log)?;
    Ok(())
}
