//! The head of the ledger, written beside the database as well, so that a database that was set back is noticed before any
//! client comes (`docs/spec/ledger.md`, 8).
//!
//! The file is never ahead of what is durable, and at most ten seconds behind it: it tells that the ledger went back, and
//! not that it did not.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use keymuster_core::id::to_hex;
use keymuster_core::time::Timestamp;
use keymuster_service::database::{self, Failure};
use keymuster_service::sql::{Connection, Transaction};
use keymuster_service::{Env, Stop, files};
use serde::{Deserialize, Serialize};

use crate::site::{Home, Site};
use crate::store;
use crate::store::epoch::{Cause, Place};

/// The file in the data directory.
const FILE_NAME: &str = "ledger-head";
/// Several times what it needs.
const SIZE_MAX: usize = 1024;
/// Beyond what any ledger reaches, so a file that names it is damaged.
const PLACE_MAX: u64 = 1 << 53;
/// How often it is written where something was granted: often enough that little is missing in it, and far too seldom to cost
/// anything beside the commits.
const INTERVAL: Duration = Duration::from_secs(10);

/// A place of the ledger, as it stood at a time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Mirrored {
    /// Whose ledger.
    pub host: String,
    /// Its epoch.
    pub epoch: u64,
    /// Its newest entry.
    pub sequence: u64,
    /// The running hash behind that, in hexadecimal digits.
    pub head: String,
    /// When it was written, in seconds since 1970.
    pub at: u64,
}

/// How the mirror and the ledger stand to one another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Compared {
    /// The ledger has the place, or begins behind it.
    Agrees,
    /// It is the mirror of another host's ledger.
    OfAnother,
    /// The ledger does not reach the place.
    Ahead(Place),
    /// The ledger has another entry in the place.
    Differs(Place),
}

/// Reads the mirror of a data directory; `None` where there is none.
pub fn read(data_dir: &Path) -> io::Result<Option<Mirrored>> {
    match files::read_private(&data_dir.join(FILE_NAME), SIZE_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => {
            let mirrored: Mirrored = serde_json::from_slice(&bytes)?;
            let is_possible = mirrored.epoch.max(mirrored.sequence) < PLACE_MAX;
            is_possible.then_some(Some(mirrored)).ok_or_else(|| io::Error::other("no ledger has such a place"))
        }
    }
}

/// Removes it.
pub(crate) fn remove(data_dir: &Path) -> io::Result<()> {
    match std::fs::remove_file(data_dir.join(FILE_NAME)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Mirrored {
    /// Compares it with the ledger.
    pub fn compare(&self, tx: &Transaction<'_>, site: &Site) -> Result<Compared, Failure> {
        let (head, _) = store::ledger::head(tx, site.host)?;
        let place = Place { epoch: self.epoch, sequence: self.sequence };
        if self.host != site.host.to_string() {
            return Ok(Compared::OfAnother);
        }
        if place > (Place { epoch: site.epoch, sequence: head.sequence }) {
            return Ok(Compared::Ahead(place));
        }
        // Of an earlier epoch, it may be of the time that was lost, and nothing new follows from it.
        let stored = store::ledger::hash(tx, self.sequence)?.filter(|_| self.epoch == site.epoch);
        let agrees = stored.is_none_or(|stored| stored == self.head);
        Ok(if agrees { Compared::Agrees } else { Compared::Differs(place) })
    }
}

/// Before a server grants anything: where the mirror proves that the ledger was set back, a new epoch begins.
pub fn heed(home: &mut Home, data_dir: &Path, now: Timestamp) -> anyhow::Result<()> {
    let mirrored = match read(data_dir) {
        Ok(Some(mirrored)) => mirrored,
        Ok(None) => return Ok(()),
        Err(error) => {
            tracing::warn!(%error, "the mirror of the ledger's head cannot be read; it is written anew");
            return Ok(());
        }
    };
    let tx = database::begin(&mut home.db)?;
    let shown = match mirrored.compare(&tx, &home.site)? {
        Compared::Agrees | Compared::OfAnother => return Ok(()),
        Compared::Ahead(place) | Compared::Differs(place) => place,
    };
    let (_, newest) = store::ledger::head(&tx, home.site.host)?;
    let mirrored_at = Timestamp::from_secs(mirrored.at);
    let made_at = newest.map_or(mirrored_at, |newest| newest.min(mirrored_at));
    store::epoch::raise_on_proof(&tx, home.site.host, Cause::Mirror { shown }, made_at, now)?;
    home.site = Site::load(&tx)?;
    Ok(tx.commit()?)
}

/// Writes the mirror at an orderly stop. As the last one that has the database open, it leaves one file behind, without a log.
pub fn write_last(data_dir: &Path, now: Timestamp) -> anyhow::Result<()> {
    write(&mut store::open(data_dir)?, data_dir, now)
}

/// Writes the mirror, where the ledger has grown since.
fn write(db: &mut Connection, data_dir: &Path, now: Timestamp) -> anyhow::Result<()> {
    let tx = db.transaction()?;
    let Some(host) = store::host::load(&tx)? else { return Ok(()) };
    let (head, _) = store::ledger::head(&tx, host.id)?;
    let newest = Mirrored {
        host: host.id.to_string(),
        epoch: host.epoch,
        sequence: head.sequence,
        head: to_hex(&head.hash),
        at: now.as_secs(),
    };
    let is_there = |found: &Mirrored| Mirrored { at: newest.at, ..found.clone() } == newest;
    if read(data_dir).is_ok_and(|found| found.as_ref().is_some_and(is_there)) {
        return Ok(());
    }
    let line = serde_json::to_string(&newest).context("cannot write the mirror of the ledger's head")? + "\n";
    Ok(files::write_private(&data_dir.join(FILE_NAME), line.as_bytes())?)
}

/// Keeps the mirror until the stop.
pub async fn keep(data_dir: PathBuf, env: Env, stop: Stop) {
    let mut is_failing = false;
    loop {
        let (directory, now) = (data_dir.clone(), env.now());
        let written =
            tokio::task::spawn_blocking(move || write(&mut store::open_read_only(&directory)?, &directory, now)).await;
        let failure = written.map_err(anyhow::Error::from).and_then(|written| written).err();
        if let Some(error) = failure.as_ref().filter(|_| !is_failing) {
            tracing::warn!(error = format!("{error:#}"), "cannot write the mirror of the ledger's head");
        }
        is_failing = failure.is_some();
        tokio::select! {
            () = stop.asked() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}
