//! Two servers of one host on a cluster, their clients, and what is demanded of them after a fault.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;

use anyhow::{Context as _, ensure};

use super::cluster::Cluster;
use super::faults::Fault;
use super::figures::Figures;
use crate::crash::fleet::{Checked, Fleet};
use crate::crash::host::{Host, end_of};
use crate::crash::lot::Lot;
use crate::crash::place::publisher;

/// Connections that ask at one time.
const CONNECTIONS: usize = 8;
/// Answers before something happens, at most.
const ANSWERS_MAX: u64 = 200;

/// A host with two servers.
#[derive(Debug)]
pub struct Site {
    data_dirs: [PathBuf; 2],
    servers: [Host; 2],
    pub fleet: Fleet,
    lot: Lot,
}

impl Site {
    /// A new host on a database of this name.
    pub fn new(cluster: &Cluster, lot: &Lot, name: &str) -> anyhow::Result<Site> {
        let within = cluster.directory().join(name);
        let data_dirs = ["one", "two"].map(|server| within.join(server));
        fs::create_dir(&within)?;
        for directory in &data_dirs {
            fs::create_dir(directory)?;
            fs::set_permissions(directory, Permissions::from_mode(0o700))?;
        }
        cluster.create(name)?.settle(&data_dirs[0])?;
        publisher().entitle_host(&data_dirs[0])?;
        for entry in fs::read_dir(&data_dirs[0])? {
            let path = entry?.path();
            fs::copy(&path, data_dirs[1].join(path.file_name().context("a file without a name")?))?;
        }
        let start = |data_dir: &PathBuf| Host::start(data_dir, &log(data_dir), &AtomicU32::new(0));
        let servers = [start(&data_dirs[0])?, start(&data_dirs[1])?];
        let fleet = Fleet::new(lot, &publisher(), &data_dirs[0], CONNECTIONS)?;
        Ok(Site { data_dirs, servers, fleet, lot: lot.branch() })
    }

    /// Where clients ask.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        self.servers.each_ref().map(|server| server.clients)
    }

    /// The data directory of one of the servers.
    pub fn data_dir(&self) -> &Path {
        &self.data_dirs[0]
    }

    /// How many answers are waited for before something happens.
    pub fn answers(&self) -> u64 {
        20 + self.lot.below(ANSWERS_MAX)
    }

    /// Has a fault happen under load, and checks everything when it is over.
    pub fn endure(&mut self, cluster: &mut Cluster, fault: Fault, figures: &mut Figures) -> anyhow::Result<()> {
        let (leader, before, answers) = (cluster.whole()?, self.fleet.acknowledged(), self.answers());
        let addresses = self.addresses();
        let gap = self.fleet.ask_among(&addresses, |answered| fault.happen(cluster, leader, answers, answered))?;
        cluster.whole()?;
        let ledger = self.fleet.demand(&self.data_dirs[0])?;
        ledger.requests()?;
        // What was not answered is asked of a server that may not have heard of it.
        let server = addresses[self.lot.below(2) as usize];
        self.fleet.come_back(server)?;
        self.fleet.demand(&self.data_dirs[1])?;
        self.fleet.demand_count(&self.data_dirs[1])?;
        figures.times += 1;
        figures.gaps.push(gap);
        figures.entries += ledger.len();
        figures.acknowledged += self.fleet.acknowledged() - before;
        Ok(())
    }

    /// What the ledger holds of what was acknowledged.
    pub fn check(&mut self) -> anyhow::Result<Checked> {
        self.fleet.check(&self.data_dirs[0])
    }

    /// The ends of both logs.
    pub fn logs(&self) -> String {
        self.data_dirs.iter().map(|data_dir| end_of(&log(data_dir)) + "\n").collect()
    }

    /// Stops both; neither of them has panicked.
    pub fn stop(self) -> anyhow::Result<()> {
        for server in self.servers {
            server.stop()?;
        }
        for data_dir in &self.data_dirs {
            let said = fs::read_to_string(log(data_dir))?;
            ensure!(!said.contains("panicked"), "{said}");
        }
        Ok(())
    }
}

fn log(data_dir: &Path) -> PathBuf {
    data_dir.with_extension("log")
}
