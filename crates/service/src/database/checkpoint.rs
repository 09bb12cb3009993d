//! Moving the write-ahead log into the database on a thread of its own: inside a commit it would stall all writers.

use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::{Failure, connect};

/// The log then holds what was written in about a second, a few MiB under full load.
const INTERVAL: Duration = Duration::from_secs(1);

/// The thread that checkpoints one database, until it is dropped.
#[derive(Debug)]
pub struct Checkpointer {
    /// Never sent on: dropping it is the thread's signal to end.
    running: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Starts checkpointing the database at `path`, which has been opened before.
    pub fn start(path: &Path) -> Result<Checkpointer, Failure> {
        let db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let (running, ended) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || checkpoint_until(&ended, &db))
            .map_err(|source| Failure::io("start the checkpoints of", path, source))?;
        Ok(Checkpointer { running: Some(running), thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.running.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread has been reported, and there is nobody to pass it on to.
            let _ = thread.join();
        }
    }
}

fn checkpoint_until(ended: &Receiver<()>, db: &Connection) {
    let mut failing = false;
    while ended.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
        let moved = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(Failure::from);
        match &moved {
            Err(error) if !failing => tracing::error!(%error, "cannot move the write-ahead log into the database"),
            Ok(()) if failing => tracing::info!("the write-ahead log is moved into the database again"),
            _ => {}
        }
        failing = moved.is_err();
    }
}
