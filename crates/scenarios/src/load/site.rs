//! A host under load: one server on SQLite, or two on a PostgreSQL that was started for it.
//!
//! A server that is killed comes back at the address that it had, as clients know it.

use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use keymuster_host::store;
use keymuster_service::sql::Connection;
use tempfile::TempDir;

use super::Machine;
use crate::cpu;
use crate::fixture::Publisher;
use crate::postgres::Cluster;
use crate::prepare::{self, Known};
use crate::programs::{self, Running};

const DATABASE: &str = "keymuster";

/// Where the host keeps its ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// In its file.
    Sqlite,
    /// In a PostgreSQL, which two servers share.
    Postgresql,
}

impl Engine {
    /// By an option.
    pub fn of(is_postgresql: bool) -> Engine {
        if is_postgresql { Engine::Postgresql } else { Engine::Sqlite }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Sqlite => "SQLite",
            Engine::Postgresql => "PostgreSQL, two servers",
        }
    }
}

/// A host with its servers.
#[derive(Debug)]
pub struct Site {
    /// Whose products it licenses.
    pub publisher: Publisher,
    /// Its servers.
    pub servers: Vec<Server>,
    /// The data directory of the first one.
    pub data_dir: PathBuf,
    cluster: Option<Cluster>,
    _directory: TempDir,
}

/// A server of the host.
#[derive(Debug)]
pub struct Server {
    data_dir: PathBuf,
    /// Where clients ask.
    pub address: SocketAddr,
    running: Running,
    /// What its processes used that were killed.
    before: Used,
}

/// What servers have used since they were first started.
#[derive(Clone, Copy, Default, Debug)]
pub struct Used {
    /// CPU seconds.
    pub cpu_secs: f64,
    /// Bytes that were written.
    pub written: u64,
    /// The most memory that one process had, in bytes.
    pub resident_max: u64,
}

impl Used {
    fn and(self, other: Used) -> Used {
        Used {
            cpu_secs: self.cpu_secs + other.cpu_secs,
            written: self.written + other.written,
            resident_max: self.resident_max.max(other.resident_max),
        }
    }
}

impl Site {
    /// A host that knows so many clients, of which the first `asking` may ask; it runs.
    pub fn start(engine: Engine, known: u64, asking: u64) -> anyhow::Result<Site> {
        let directory = tempfile::tempdir()?;
        let data_dir = directory.path().join("host");
        let publisher = Publisher::new(1, 5);
        let known = Known { clients: known, with_keys: asking, address: Machine::own_address };
        prepare::host_that_knows(&data_dir, &publisher, known)?;
        let mut directories = vec![data_dir.clone()];
        let cluster = match engine {
            Engine::Sqlite => None,
            Engine::Postgresql => {
                let cluster = move_to_postgresql(&data_dir)?;
                directories.push(copy(&data_dir, directory.path().join("other"))?);
                Some(cluster)
            }
        };
        let servers = directories.into_iter().map(Server::start).collect::<anyhow::Result<_>>()?;
        Ok(Site { publisher, servers, data_dir, cluster, _directory: directory })
    }

    /// Where clients may ask.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|server| server.address).collect()
    }

    /// What all servers have used.
    pub fn used(&self) -> anyhow::Result<Used> {
        self.servers.iter().try_fold(Used::default(), |all, server| Ok(all.and(server.used()?)))
    }

    /// CPU seconds of the database's own processes, where it has some.
    pub fn database_cpu_secs(&self) -> anyhow::Result<Option<f64>> {
        self.cluster.as_ref().map(|cluster| cpu::of_family(cluster.process()?)).transpose()
    }

    /// What the database's own processes say to a statement, where it has some.
    pub fn database_says(&self, sql: &str) -> anyhow::Result<Option<String>> {
        self.cluster.as_ref().map(|cluster| cluster.sql(DATABASE, sql)).transpose()
    }

    /// Resident memory in bytes and descriptors, each of the server that has most.
    pub fn figures(&self) -> anyhow::Result<(u64, u64)> {
        self.servers.iter().try_fold((0, 0), |(resident, descriptors): (u64, u64), server| {
            let pid = server.running.id();
            Ok((resident.max(cpu::resident(pid)?), descriptors.max(cpu::descriptors(pid)?)))
        })
    }

    /// Stops the servers; an error in one of their logs is one.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        for server in &mut self.servers {
            ensure!(server.running.stop()?, "a server did not stop well");
            let log = fs::read_to_string(server.data_dir.with_extension("log"))?;
            let told = log.lines().find(|line| line.contains("ERROR") || line.contains("panicked"));
            ensure!(told.is_none(), "a server's log says: {told:?}");
        }
        Ok(())
    }

    /// The database, for reading.
    pub fn database(&self) -> anyhow::Result<Connection> {
        Ok(store::open_read_only(&self.data_dir)?)
    }
}

impl Server {
    fn start(data_dir: PathBuf) -> anyhow::Result<Server> {
        let (running, address) = run(&data_dir, (Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Server { data_dir, address, running, before: Used::default() })
    }

    fn used(&self) -> anyhow::Result<Used> {
        let pid = self.running.id();
        let cpu_secs = cpu::of_process(pid)? as f64 / 1e9;
        Ok(self.before.and(Used { cpu_secs, written: cpu::written(pid)?, resident_max: cpu::resident_max(pid)? }))
    }

    /// Kills it, as a power cut would, and starts it again; how long it took until it listened.
    pub fn kill(&mut self) -> anyhow::Result<Duration> {
        self.before = self.used()?;
        self.running.kill()?;
        let begin = Instant::now();
        self.running = run(&self.data_dir, self.address)?.0;
        Ok(begin.elapsed())
    }
}

fn run(data_dir: &Path, at: SocketAddr) -> anyhow::Result<(Running, SocketAddr)> {
    let mut command = programs::command("keymuster-host")?;
    command.env("KEYMUSTER_LOG", "info").arg("--data-dir").arg(data_dir);
    command.args(["serve", "--listen", &at.to_string(), "--admin-listen", "127.0.0.1:0"]);
    let log = OpenOptions::new().create(true).append(true).open(data_dir.with_extension("log"))?;
    let mut running = Running::start(&mut command, Stdio::from(log))?;
    let address = running.line_after("listening on http://")?.parse().context("no address")?;
    Ok((running, address))
}

/// Moves the host from its file to a PostgreSQL, as an administrator does.
fn move_to_postgresql(data_dir: &Path) -> anyhow::Result<Cluster> {
    let cluster = Cluster::start()?;
    cluster.create(DATABASE)?;
    let mut command = programs::command("keymuster-host")?;
    command.arg("--data-dir").arg(data_dir).args(["store", "migrate", "--to", &cluster.address(DATABASE)]);
    let output = command.output()?;
    ensure!(output.status.success(), "cannot move the host: {}", String::from_utf8_lossy(&output.stderr));
    cluster.sql(DATABASE, "VACUUM ANALYZE")?;
    Ok(cluster)
}

/// The data directory of another server of the host.
fn copy(from: &Path, to: PathBuf) -> anyhow::Result<PathBuf> {
    fs::create_dir(&to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(to)
}
