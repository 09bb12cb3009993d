//! An entitled host whose data directory lies on a disk that can be cut off.
//!
//! Nothing in this process may open a database through the mount: SQLite maps memory that it shares, and the kernel, which
//! writes such memory while it holds the process still, would wait for the thread that serves the mount. What is to be read
//! is taken from the disk by [`Place::seen`].

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use super::disk::{Disk, Event, Waited};
use super::fleet::{Fleet, SEATS};
use super::host::{self, Host};
use super::lot::Lot;
use super::mount::Mount;
use crate::fixture::Publisher;
use crate::programs;

/// The data directory's name on the disk.
const HOST: &str = "host";
/// Longer than anything takes that waits for the disk to stand still.
const PATIENCE: Duration = Duration::from_secs(60);

/// The publisher of every host here.
pub fn publisher() -> Publisher {
    Publisher::new(1, SEATS)
}

/// A host's data directory, on a disk.
#[derive(Debug)]
pub struct Place {
    pub disk: Disk,
    mount: Option<Mount>,
    /// The host that was started last.
    process: AtomicU32,
    directory: TempDir,
}

impl Place {
    /// A host that has never run; everything about it lasts.
    pub fn new(lot: &Lot) -> anyhow::Result<Place> {
        Place::with(lot, |_| Ok(()))
    }

    /// The same after something that is done to its data directory.
    pub fn with(lot: &Lot, act: impl FnOnce(&Path) -> anyhow::Result<()>) -> anyhow::Result<Place> {
        let directory = tempfile::tempdir()?;
        let data_dir = directory.path().join("host");
        publisher().entitle_host(&data_dir)?;
        act(&data_dir)?;
        let disk = Disk::new(lot.branch());
        disk.take_in(&data_dir)?;
        Place::on(disk)
    }

    /// The host on a disk that has one.
    pub fn on(disk: Disk) -> anyhow::Result<Place> {
        let directory = tempfile::tempdir()?;
        let mountpoint = directory.path().join("disk");
        std::fs::create_dir(&mountpoint)?;
        let mount = Mount::new(&disk, &mountpoint)?;
        Ok(Place { disk, mount: Some(mount), process: AtomicU32::new(0), directory })
    }

    /// What the disk has at this moment, as a data directory to look into.
    pub fn seen(&self) -> anyhow::Result<TempDir> {
        let directory = tempfile::tempdir()?;
        self.disk.give_out(HOST, directory.path())?;
        Ok(directory)
    }

    /// The host's data directory, for the host.
    pub fn data_dir(&self) -> PathBuf {
        self.directory.path().join("disk").join(HOST)
    }

    /// The host's log, on another disk.
    pub fn log(&self) -> PathBuf {
        self.directory.path().join("log")
    }

    /// Its clients.
    pub fn fleet(&self, lot: &Lot, connections: usize) -> anyhow::Result<Fleet> {
        Fleet::new(lot, &publisher(), self.seen()?.path(), connections)
    }

    /// Starts the host.
    pub fn start(&self) -> anyhow::Result<Host> {
        let started = Host::start(&self.data_dir(), &self.log(), &self.process);
        started.with_context(|| format!("the end of its log:\n{}", host::end_of(&self.log())))
    }

    /// Does something while the disk may stand still, which kills the host at once; whether it came to that. What is done
    /// may then fail in any way, and must not fail otherwise.
    pub fn watch<T>(&self, act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<Option<T>> {
        let (done, waited) = std::thread::scope(|scope| {
            let warden = scope.spawn(|| {
                let waited = self.disk.wait(PATIENCE);
                if waited != Waited::Dismissed {
                    programs::kill(self.process.load(Ordering::SeqCst));
                    self.disk.release();
                }
                waited
            });
            let done = act();
            self.disk.dismiss();
            (done, warden.join())
        });
        match waited.ok().context("the warden has panicked")? {
            Waited::Stopped => Ok(None),
            Waited::Dismissed => done.map(Some),
            Waited::TimedOut => bail!("the disk was waited for in vain; what was done meanwhile: {:?}", done.err()),
        }
    }

    /// Puts the power off while nobody uses the disk.
    pub fn cut(&self, fate: super::disk::Fate) {
        self.disk.cut(fate);
        self.disk.release();
    }

    /// Puts the power on again: the disk has what lasted. The host must be gone.
    pub fn power_up(&mut self) -> anyhow::Result<()> {
        let disk = self.disk.after_cut().context("the power was not off")?;
        self.end_mount()?;
        self.mount = Some(Mount::new(&disk, &self.directory.path().join("disk"))?);
        self.disk = disk;
        host::empty(&self.log())
    }

    fn end_mount(&mut self) -> anyhow::Result<()> {
        self.mount.take().map_or(Ok(()), Mount::end)
    }

    /// Checks after what was done at one change of the disk: the host comes up, and has all it acknowledged.
    pub fn demand(&self, fleet: &mut Fleet) -> anyhow::Result<(Host, u64)> {
        let host = self.start()?;
        let seen = self.seen()?;
        let entries = fleet.demand(seen.path())?.len();
        integrity(seen.path())?;
        fleet.come_back(host.clients)?;
        let seen = self.seen()?;
        fleet.demand(seen.path())?;
        fleet.demand_count(seen.path())?;
        Ok((host, entries))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.disk.dismiss();
        self.disk.release();
        // The namespace takes with it what stays.
        let _ = self.end_mount();
    }
}

/// SQLite finds nothing wrong with the pages of the database.
pub fn integrity(data_dir: &Path) -> anyhow::Result<()> {
    let db = keymuster_service::database::open_read_only(&data_dir.join(keymuster_host::store::FILE_NAME))?;
    let found: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    ensure!(found == "ok", "the database is damaged: {found}");
    Ok(())
}

/// Whether the power is off after an event.
pub fn is_cut(event: Event) -> bool {
    matches!(event, Event::Cut(_))
}
