//! The authority's database: one file per noun, SQL in the dialect that SQLite and PostgreSQL share.
//!
//! Functions take the transaction first and return domain types; what they cannot read is a failure that names its place.

pub mod activation;
pub mod audit;
pub mod catalogue;
pub mod customer;
pub mod entitlement;
pub mod host;
pub mod issuer;
pub mod limit;
pub mod pool;
pub mod product_key;
pub mod proposal;
pub mod publisher;
pub mod reach;
pub mod refusal;
pub mod response;
pub mod revocation_list;
pub mod tally;

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use keymuster_core::id::{from_hex, to_hex};
use keymuster_core::signature::PublicKey;
use keymuster_core::time::Timestamp;
pub use keymuster_service::database::begin;
use keymuster_service::database::{self, Failure, Place};
use keymuster_service::sql::FromSql;
use keymuster_service::sql::{Connection, Row, Transaction};

/// The schema, in the order in which it grew.
pub const MIGRATIONS: &[&str] = &[
    include_str!("store/migrations/0001_first.sql"),
    keymuster_service::console::MIGRATION,
    include_str!("store/migrations/0002_console.sql"),
];

/// Opens the database file, and creates it where there is none.
pub fn open(path: &Path) -> Result<Connection, Failure> {
    database::open(path, MIGRATIONS)
}

/// Opens the database at its place, and creates it where there is none.
pub fn open_place(place: &Place) -> Result<Connection, Failure> {
    place.open(MIGRATIONS)
}

/// When and why something was taken back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taken {
    /// When.
    pub at: Timestamp,
    /// Why, in the publisher's words.
    pub reason: String,
}

/// A number as it is stored; whatever is counted here stays far below 2^63.
fn integer(number: impl Into<u64>) -> i64 {
    i64::try_from(number.into()).unwrap_or(i64::MAX)
}

fn time(at: Timestamp) -> i64 {
    integer(at.as_secs())
}

fn public_key(key: &PublicKey) -> String {
    to_hex(key.as_bytes())
}

fn document(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The columns of one row; what cannot be read is a failure that names table, column and row.
struct Columns<'r> {
    table: &'static str,
    /// The name of the key column, by whose value a failure names the row.
    key: &'static str,
    row: &'r Row<'r>,
}

impl<'r> Columns<'r> {
    fn of(table: &'static str, key: &'static str, row: &'r Row<'r>) -> Columns<'r> {
        Columns { table, key, row }
    }

    fn text<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<T, Failure> {
        let text: String = self.row.get(column)?;
        text.parse().map_err(|error: T::Err| self.damaged(column, error))
    }

    fn text_if_any<T: FromStr<Err: Display>>(&self, column: &'static str) -> Result<Option<T>, Failure> {
        self.if_any::<String, _>(column, || self.text(column))
    }

    fn number<T: TryFrom<i64, Error: Display>>(&self, column: &'static str) -> Result<T, Failure> {
        let number: i64 = self.row.get(column)?;
        number.try_into().map_err(|error: T::Error| self.damaged(column, error))
    }

    fn number_if_any<T: TryFrom<i64, Error: Display>>(&self, column: &'static str) -> Result<Option<T>, Failure> {
        self.if_any::<i64, _>(column, || self.number(column))
    }

    fn time(&self, column: &'static str) -> Result<Timestamp, Failure> {
        Ok(Timestamp::from_secs(self.number(column)?))
    }

    fn public_key(&self, column: &'static str) -> Result<PublicKey, Failure> {
        let hex: String = self.row.get(column)?;
        let key = from_hex(&hex).and_then(|bytes| PublicKey::from_bytes(&bytes));
        key.ok_or_else(|| self.damaged(column, "not a public key"))
    }

    fn document(&self, column: &'static str) -> Result<Vec<u8>, Failure> {
        let text: String = self.row.get(column)?;
        BASE64.decode(text).map_err(|error| self.damaged(column, error))
    }

    fn taken(&self, at: &'static str, reason: &'static str) -> Result<Option<Taken>, Failure> {
        self.if_any::<i64, _>(at, || Ok(Taken { at: self.time(at)?, reason: self.row.get(reason)? }))
    }

    fn if_any<S: FromSql, T>(
        &self,
        column: &'static str,
        read: impl Fn() -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        match self.row.get::<_, Option<S>>(column)? {
            Some(_) => read().map(Some),
            None => Ok(None),
        }
    }

    fn damaged(&self, column: &'static str, reason: impl Display) -> Failure {
        let row = self.row.get_ref(self.key).map_or("?".to_owned(), |key| format!("{key:?}"));
        Failure::damaged(self.table, column, row, reason.to_string())
    }
}

/// The first row of a query, if it has one.
fn first<T>(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl keymuster_service::sql::Params,
    read: impl FnMut(&Row<'_>) -> Result<T, Failure>,
) -> Result<Option<T>, Failure> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query_and_then(params, read)?;
    rows.next().transpose()
}

/// All rows of a query.
fn all<T>(
    tx: &Transaction<'_>,
    sql: &str,
    params: impl keymuster_service::sql::Params,
    read: impl FnMut(&Row<'_>) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_and_then(params, read)?;
    rows.collect()
}

/// Runs a statement that writes, and returns the number of rows it changed.
fn write(tx: &Transaction<'_>, sql: &str, params: impl keymuster_service::sql::Params) -> Result<usize, Failure> {
    Ok(tx.prepare_cached(sql)?.execute(params)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Migrations of the first release. Since then there are additions only, so that the release before another one opens
    /// what that has written (`docs/guides/upgrading.md`).
    const FIRST_RELEASE: usize = 3;

    #[test]
    fn the_release_before_opens_what_this_one_has_written() {
        assert!(database::oldest_reader(MIGRATIONS) <= FIRST_RELEASE);
        assert!(MIGRATIONS.len() >= FIRST_RELEASE);
    }
}
