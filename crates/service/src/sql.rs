//! SQL on the database of a server, written once: connections, transactions, statements and rows, whichever database they
//! speak to.
//!
//! They look like those of rusqlite. Values are integers of 64 bits, text and null; parameters are numbered, as `?1`.

mod error;
mod params;
pub mod postgres;
mod row;
mod statement;
mod transaction;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

pub use error::{Error, OptionalExtension, Result};
pub use params::{FromIter, Params, params_from_iter};
pub use row::{Column, Mapped, Row, Rows};
pub use rusqlite::params;
pub use rusqlite::types::{FromSql, ToSql, Value, ValueRef};
pub use statement::Statement;
pub use transaction::Transaction;

use postgres::{Access, Mode, Session};

/// A connection to a database; one thread at a time uses it.
#[derive(Debug)]
pub struct Connection(Store);

#[derive(Debug)]
enum Store {
    Sqlite(rusqlite::Connection),
    Postgres(Box<Session>),
}

impl Connection {
    /// A connection to a PostgreSQL, which is made when it is first used, and again when it was lost.
    pub fn to_postgres(access: Arc<Access>, patience: Duration) -> Connection {
        Connection(Store::Postgres(Box::new(Session::new(access, patience))))
    }

    /// Runs one statement, and returns how many rows it has changed.
    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare(sql)?.execute(params)
    }

    /// Runs several statements, without parameters.
    pub fn execute_batch(&self, sql: &str) -> Result<()> {
        match &self.0 {
            Store::Sqlite(db) => Ok(db.execute_batch(sql)?),
            Store::Postgres(session) => session.batch(sql),
        }
    }

    /// Runs a query, and reads its first row; without one it fails with [`Error::NoRows`].
    pub fn query_row<T>(&self, sql: &str, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        self.prepare(sql)?.query_row(params, read)
    }

    /// A statement to be used once.
    pub fn prepare(&self, sql: &str) -> Result<Statement<'_>> {
        match &self.0 {
            Store::Sqlite(db) => Ok(Statement::once(db.prepare(sql)?)),
            Store::Postgres(session) => Ok(Statement::of(session, sql)),
        }
    }

    /// A statement that the connection keeps for the next time.
    pub fn prepare_cached(&self, sql: &str) -> Result<Statement<'_>> {
        match &self.0 {
            Store::Sqlite(db) => Ok(Statement::kept(db.prepare_cached(sql)?)),
            Store::Postgres(session) => Ok(Statement::of(session, sql)),
        }
    }

    /// Hands on the rows of a query one after the other until `visit` breaks off, and reads hardly more than these. Only
    /// within a transaction can a PostgreSQL do so.
    pub fn each_row<E: From<Error>>(
        &self,
        sql: &str,
        params: impl Params,
        mut visit: impl FnMut(&Row<'_>) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<(), E> {
        match &self.0 {
            Store::Sqlite(_) => {
                let mut statement = self.prepare_cached(sql)?;
                let mut rows = statement.query(params)?;
                while let Some(row) = rows.next()? {
                    if visit(&row)?.is_break() {
                        break;
                    }
                }
                Ok(())
            }
            Store::Postgres(session) => session.each_row(sql, params, |row| visit(&Row::of_postgres(row))),
        }
    }

    /// Begins a transaction that sees one state of the database; it is for reading.
    pub fn transaction(&mut self) -> Result<Transaction<'_>> {
        Transaction::begin(self, Mode::Reading)
    }

    /// Begins a transaction that writes, and while which nobody else does.
    pub fn writing(&mut self) -> Result<Transaction<'_>> {
        Transaction::begin(self, Mode::Writing)
    }

    /// A number that changes when others have written to the database, and not when this connection has. Grants of other
    /// servers do not change it ([`Transaction::commit_unnoticed`]).
    pub fn data_version(&self) -> Result<i64> {
        match &self.0 {
            Store::Sqlite(db) => Ok(db.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))?),
            Store::Postgres(session) => session.data_version(),
        }
    }

    /// How long a statement waits for others who write.
    pub fn wait_at_most(&self, patience: Duration) -> Result<()> {
        match &self.0 {
            Store::Sqlite(db) => Ok(db.busy_timeout(patience)?),
            Store::Postgres(session) => {
                session.set_patience(patience);
                Ok(())
            }
        }
    }

    /// Ends the connection, and says whether that went well.
    pub fn close(self) -> Result<()> {
        match self.0 {
            Store::Sqlite(db) => db.close().map_err(|(_, error)| error.into()),
            Store::Postgres(_) => Ok(()),
        }
    }

    /// The file's own connection, for what only a file needs; `None` where the database is a server.
    pub fn sqlite(&self) -> Option<&rusqlite::Connection> {
        match &self.0 {
            Store::Sqlite(db) => Some(db),
            Store::Postgres(_) => None,
        }
    }

    fn store(&self) -> &Store {
        &self.0
    }
}

impl From<rusqlite::Connection> for Connection {
    fn from(db: rusqlite::Connection) -> Connection {
        Connection(Store::Sqlite(db))
    }
}
