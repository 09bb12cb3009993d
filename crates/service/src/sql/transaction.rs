//! A transaction: all of it happens, or nothing.

use std::ops::Deref;

use super::postgres::Mode;
use super::{Connection, Result, Store};

/// A transaction, which is undone unless it is committed.
#[derive(Debug)]
pub struct Transaction<'c> {
    db: &'c Connection,
    is_over: bool,
}

impl<'c> Transaction<'c> {
    /// A connection has one transaction at a time, which is why it is borrowed as a whole.
    pub(super) fn begin(db: &'c mut Connection, mode: Mode) -> Result<Transaction<'c>> {
        match (db.store(), mode) {
            (Store::Sqlite(db), Mode::Reading) => db.execute_batch("BEGIN DEFERRED")?,
            (Store::Sqlite(db), Mode::Writing) => db.execute_batch("BEGIN IMMEDIATE")?,
            (Store::Postgres(session), mode) => session.begin(mode)?,
        }
        Ok(Transaction { db, is_over: false })
    }

    /// Makes it happen; what it wrote is on the disk when this returns. Others notice a change.
    pub fn commit(self) -> Result<()> {
        match self.db.store() {
            Store::Postgres(session) if session.mode() == Some(Mode::Writing) => {
                session.commit("UPDATE store SET version = version + 1", 1)?;
                self.over()
            }
            _ => self.commit_unnoticed(),
        }
    }

    /// Makes it happen, of which others learn in another way.
    pub fn commit_unnoticed(self) -> Result<()> {
        match self.db.store() {
            Store::Sqlite(db) => db.execute_batch("COMMIT")?,
            Store::Postgres(session) => session.commit("", 0)?,
        }
        self.over()
    }

    fn over(mut self) -> Result<()> {
        self.is_over = true;
        Ok(())
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.db
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        match self.db.store() {
            // Some failures end a transaction by themselves. Where the end of another one does not work, the connection does
            // not work either, and its own end undoes the transaction.
            Store::Sqlite(db) if !db.is_autocommit() => drop(db.execute_batch("ROLLBACK")),
            Store::Sqlite(_) => {}
            Store::Postgres(session) => session.roll_back(),
        }
    }
}
