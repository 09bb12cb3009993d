//! Moving everything from one database to another: every row of every table, in one transaction, compared before it counts.
//!
//! Nobody writes to either meanwhile. Which tables there are, and what is in them, says a database that is made for that from
//! the migrations alone.

use std::ops::ControlFlow;

use sha2::{Digest as _, Sha256};

use super::{BUSY_TIMEOUT, Failure, Place};
use crate::sql::{Connection, Transaction, Value, ValueRef, params_from_iter};

/// Values in one statement: SQLite takes 32766.
const VALUES_MAX: usize = 8_000;

/// A table and how many rows of it were moved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moved {
    /// Its name.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// A table, its columns, and those of its primary key, by which rows are ordered.
struct Table {
    name: String,
    columns: Vec<String>,
    key: Vec<String>,
}

/// How many rows there were, and what stood in them.
type Content = (u64, [u8; 32]);

/// Moves everything between two databases that have the newest schema; `to` must be empty. `retire` makes the old one a
/// database that nobody goes on with, once the new one has everything.
pub fn move_all(
    from: &mut Connection,
    to: &mut Connection,
    migrations: &[&str],
    retire: impl FnOnce(&Transaction<'_>) -> Result<(), Failure>,
) -> Result<Vec<Moved>, Failure> {
    let tables = tables(migrations)?;
    for db in [&*from, &*to] {
        db.wait_at_most(BUSY_TIMEOUT)?;
    }
    let (source, target) = (from.writing()?, to.writing()?);
    for table in &tables {
        if table.content(&target)?.0 > 0 {
            let why =
                format!("its table {} has rows already, and everything is moved into an empty one only", table.name);
            return Err(Failure::Unfit(why));
        }
    }
    let mut moved = Vec::new();
    for table in &tables {
        table.copy(&source, &target)?;
        let (before, after) = (table.content(&source)?, table.content(&target)?);
        if before != after {
            let why = format!("of table {} arrived {} of {} rows as they were", table.name, after.0, before.0);
            return Err(Failure::Unfit(why));
        }
        moved.push(Moved { table: table.name.clone(), rows: before.0 });
    }
    target.commit()?;
    retire(&source)?;
    source.commit()?;
    Ok(moved)
}

/// All tables, each behind those that it refers to, as they were made in this order.
fn tables(migrations: &[&str]) -> Result<Vec<Table>, Failure> {
    let db = Connection::from(rusqlite::Connection::open_in_memory()?);
    for migration in migrations {
        db.execute_batch(migration)?;
    }
    let sql = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid";
    let names: Vec<String> = db.prepare(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    names.into_iter().map(|name| Table::of(&db, name)).collect()
}

impl Table {
    fn of(db: &Connection, name: String) -> Result<Table, Failure> {
        let sql = "SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid";
        let mut statement = db.prepare(sql)?;
        let columns = statement.query_map([&name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let columns: Vec<(String, u32)> = columns.collect::<Result<_, _>>()?;
        let mut key: Vec<_> = columns.iter().filter(|(_, place)| *place > 0).cloned().collect();
        key.sort_by_key(|(_, place)| *place);
        let names = |columns: Vec<(String, u32)>| columns.into_iter().map(|(name, _)| name).collect();
        Ok(Table { name, key: names(key), columns: names(columns) })
    }

    /// Every row, in the order of its key.
    fn each(
        &self,
        tx: &Transaction<'_>,
        mut visit: impl FnMut(Vec<Value>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Table { name, columns, key } = self;
        let sql = format!("SELECT {} FROM {name} ORDER BY {}", columns.join(", "), key.join(", "));
        tx.each_row(&sql, [], |row| {
            let value = |column| Ok(Value::try_from(row.get_ref(column)?).map_err(crate::sql::Error::from)?);
            visit((0..columns.len()).map(value).collect::<Result<_, Failure>>()?)?;
            Ok(ControlFlow::Continue(()))
        })
    }

    fn copy(&self, from: &Transaction<'_>, to: &Transaction<'_>) -> Result<(), Failure> {
        let rows_max = VALUES_MAX / self.columns.len();
        let mut waiting = Vec::with_capacity(rows_max);
        self.each(from, |row| {
            waiting.push(row);
            if waiting.len() == rows_max { self.insert(to, std::mem::take(&mut waiting)) } else { Ok(()) }
        })?;
        self.insert(to, waiting)
    }

    fn insert(&self, to: &Transaction<'_>, rows: Vec<Vec<Value>>) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let width = self.columns.len();
        let row = |row: usize| {
            let values = (1..=width).map(|column| format!("?{}", row * width + column));
            format!("({})", values.collect::<Vec<_>>().join(", "))
        };
        let values = (0..rows.len()).map(row).collect::<Vec<_>>().join(", ");
        let sql = format!("INSERT INTO {} ({}) VALUES {values}", self.name, self.columns.join(", "));
        to.prepare_cached(&sql)?.execute(params_from_iter(rows.into_iter().flatten()))?;
        Ok(())
    }

    fn content(&self, tx: &Transaction<'_>) -> Result<Content, Failure> {
        let (mut count, mut hash) = (0, Sha256::new());
        self.each(tx, |row| {
            count += 1;
            row.iter().for_each(|value| feed(&mut hash, ValueRef::from(value)));
            Ok(())
        })?;
        Ok((count, hash.finalize().into()))
    }
}

/// A value so that no two look the same.
fn feed(hash: &mut Sha256, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => hash.update([0]),
        ValueRef::Integer(number) => {
            hash.update([1]);
            hash.update(number.to_be_bytes());
        }
        ValueRef::Real(number) => {
            hash.update([2]);
            hash.update(number.to_be_bytes());
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            hash.update([3]);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
    }
}

impl Place {
    /// Whether two places are of one kind.
    pub fn is_like(&self, other: &Place) -> bool {
        self.file().is_some() == other.file().is_some()
    }
}
