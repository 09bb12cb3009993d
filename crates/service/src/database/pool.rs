//! Connections for what runs beside the granting path: pages, the administration interface, watchers.
//!
//! SQLite blocks, so the work happens on threads for that; few at a time, so that a crowd of readers leaves the machine to
//! those who are granted leases.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use super::{Failure, Place};
use crate::sql::{Connection, Transaction};

/// How many pieces of work run at one time.
const AT_ONCE: usize = 4;

/// Connections to one database that is kept up by somebody else; clones share them.
#[derive(Clone, Debug)]
pub struct Pool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    place: Place,
    open: fn(&Place) -> Result<Connection, Failure>,
    readers: Mutex<Vec<Connection>>,
    writers: Mutex<Vec<Connection>>,
    turns: Semaphore,
}

impl Pool {
    /// Connections to the database at a place; `open` makes those that write.
    pub fn new(place: Place, open: fn(&Place) -> Result<Connection, Failure>) -> Pool {
        let (readers, writers) = (Mutex::default(), Mutex::default());
        Pool(Arc::new(Shared { place, open, readers, writers, turns: Semaphore::new(AT_ONCE) }))
    }

    /// Where the database is.
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// Runs `work` in a transaction that reads one state of the database.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        self.run(
            |shared| &shared.readers,
            |shared| shared.place.open_read_only(),
            |db| {
                let tx = db.transaction().map_err(Failure::from)?;
                work(&tx)
            },
        )
        .await
    }

    /// Runs `work` in a transaction that is committed where it succeeds, and is without effect where it fails.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        self.run(
            |shared| &shared.writers,
            |shared| {
                let db = (shared.open)(&shared.place)?;
                super::serve(&db)?;
                Ok(db)
            },
            |db| {
                let tx = super::begin(db)?;
                let value = work(&tx)?;
                tx.commit().map_err(Failure::from)?;
                Ok(value)
            },
        )
        .await
    }

    async fn run<T, E, F>(
        &self,
        kept: fn(&Shared) -> &Mutex<Vec<Connection>>,
        open: fn(&Shared) -> Result<Connection, Failure>,
        work: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Failure> + Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, E> + Send + 'static,
    {
        let shared = Arc::clone(&self.0);
        let _turn = self.0.turns.acquire().await.expect("the semaphore is never closed");
        let task = tokio::task::spawn_blocking(move || {
            let free = || kept(&shared).lock().unwrap_or_else(PoisonError::into_inner);
            let popped = free().pop();
            let mut db = popped.map_or_else(|| open(&shared), Ok)?;
            let result = work(&mut db);
            // A connection that fails may do so again; a new one costs little.
            if result.is_ok() {
                free().push(db);
            }
            result
        });
        match task.await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}
