//! A running server follows what is set: whoever changes a setting writes to the database, and the server looks there.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use keymuster_service::database::Failure;
use keymuster_service::sql::Connection;
use tokio::sync::watch;

use super::host::HostSettings;
use crate::store;

/// How often the server looks: one read of the database's counter of changes.
const INTERVAL: Duration = Duration::from_secs(1);

/// Looks until it is dropped.
#[derive(Debug)]
pub struct Follower {
    wake: Sender<()>,
}

/// Starts to look on a thread of its own, since reading a database may block; `first` is what the server starts with.
pub fn follow(data_dir: &Path, first: HostSettings) -> anyhow::Result<(Follower, watch::Receiver<HostSettings>)> {
    let db = store::open_read_only(data_dir)?;
    let (wake, woken) = mpsc::channel();
    let (settings, followed) = watch::channel(first);
    let thread = thread::Builder::new().name("settings".into());
    thread.spawn(move || look(db, &woken, &settings)).context("cannot start the thread that follows the settings")?;
    Ok((Follower { wake }, followed))
}

impl Follower {
    /// Looks at once, and passes on what is set even where it is what it was.
    pub fn look_now(&self) {
        // The thread ends with this value only.
        let _ = self.wake.send(());
    }
}

fn look(mut db: Connection, woken: &Receiver<()>, settings: &watch::Sender<HostSettings>) {
    let mut seen = None;
    let mut failing = false;
    loop {
        let is_asked = match woken.recv_timeout(INTERVAL) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let read = if is_asked { load(&mut db).map(Some) } else { load_if_changed(&mut db, &mut seen) };
        match &read {
            Err(error) if !failing => tracing::error!(%error, "cannot read the settings; those that counted go on"),
            Ok(_) if failing => tracing::info!("the settings are read again"),
            _ => {}
        }
        failing = read.is_err();
        let Ok(Some(read)) = read else { continue };
        settings.send_if_modified(|known| {
            let is_changed = is_asked || *known != read;
            *known = read;
            is_changed
        });
    }
}

/// The settings, where anything was written to the database since `seen`.
fn load_if_changed(db: &mut Connection, seen: &mut Option<i64>) -> Result<Option<HostSettings>, Failure> {
    let version = db.data_version()?;
    if *seen == Some(version) {
        return Ok(None);
    }
    let settings = load(db)?;
    *seen = Some(version);
    Ok(Some(settings))
}

fn load(db: &mut Connection) -> Result<HostSettings, Failure> {
    let tx = db.transaction()?;
    HostSettings::load(&tx)
}
