//! A session with PostgreSQL: it connects when it is first used, and again when the connection is gone.
//!
//! Everything here blocks, on a runtime of the library's own.

mod access;
mod client;
mod value;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use access::{Access, Unusable};
use client::Client;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_postgres::Statement;
use tokio_postgres::types::{ToSql, Type};
pub(super) use value::{Bound, Cell as Value};

use super::{Error, Params, Result};

/// Statements that a session keeps; more than a program has, so that only ones that are made up push others out.
const STATEMENTS_MAX: usize = 500;
/// Whoever writes holds this lock until the end of the transaction: "keymuste" in ASCII.
const WRITERS_LOCK: i64 = 0x6b65_796d_7573_7465;
/// Rows that a cursor gives at a time, first and then.
const PORTION_FIRST: usize = 100;
const PORTION: usize = 2000;
/// How long a transaction that writes may do nothing, in milliseconds. A server that is cut off or stands still holds the
/// lock of those who write, and the database does not find out for hours.
const IDLE_MAX: u64 = 10_000;

/// A session.
pub(super) struct Session {
    access: Arc<Access>,
    live: RefCell<Option<Live>>,
    /// How long to wait for others who write.
    patience: Cell<Duration>,
    in_transaction: Cell<Option<Mode>>,
    /// Whether a statement of the transaction has failed: it can only be undone then.
    is_failed: Cell<bool>,
    /// How many cursors are open.
    cursors: Cell<u32>,
    /// Changes of the database's version that were this session's own.
    own_versions: Cell<i64>,
}

/// A connection that was made.
struct Live {
    client: Client,
    statements: HashMap<String, Statement>,
    has_warned: Arc<AtomicBool>,
}

/// What a transaction may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mode {
    Reading,
    Writing,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("access", &self.access).finish_non_exhaustive()
    }
}

impl Session {
    pub fn new(access: Arc<Access>, patience: Duration) -> Session {
        Session {
            access,
            live: RefCell::new(None),
            patience: Cell::new(patience),
            in_transaction: Cell::new(None),
            is_failed: Cell::new(false),
            cursors: Cell::new(0),
            own_versions: Cell::new(0),
        }
    }

    pub fn set_patience(&self, patience: Duration) {
        self.patience.set(patience);
    }

    pub fn execute(&self, sql: &str, params: impl Params) -> Result<usize> {
        let changed =
            self.with_statement(sql, params, |client, statement, params| client.execute(statement, params))?;
        // No statement here changes more rows than a machine can count.
        Ok(usize::try_from(changed).unwrap_or(usize::MAX))
    }

    pub fn query(&self, sql: &str, params: impl Params) -> Result<Vec<tokio_postgres::Row>> {
        self.with_statement(sql, params, |client, statement, params| client.query(statement, params))
    }

    /// Hands on rows portion by portion, by a cursor; several of them can be open.
    pub fn each_row<E: From<Error>>(
        &self,
        sql: &str,
        params: impl Params,
        mut visit: impl FnMut(&tokio_postgres::Row) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<(), E> {
        let cursor = format!("cursor{}", self.cursors.get());
        self.execute(&format!("DECLARE {cursor} NO SCROLL CURSOR FOR {sql}"), params)?;
        self.cursors.set(self.cursors.get() + 1);
        let visited = self.portions(&cursor, &mut visit);
        self.cursors.set(self.cursors.get() - 1);
        visited?;
        Ok(self.batch(&format!("CLOSE {cursor}"))?)
    }

    fn portions<E: From<Error>>(
        &self,
        cursor: &str,
        visit: &mut impl FnMut(&tokio_postgres::Row) -> std::result::Result<ControlFlow<()>, E>,
    ) -> std::result::Result<(), E> {
        // A page of a list needs few, and whoever needs more needs many.
        for portion in std::iter::once(PORTION_FIRST).chain(std::iter::repeat(PORTION)) {
            // A kept statement would read the columns of the cursor that had this name before.
            let fetch = format!("FETCH {portion} FROM {cursor}");
            let rows = self.with_client(|live| live.client.query_once(&fetch))?;
            for row in &rows {
                if visit(row)?.is_break() {
                    return Ok(());
                }
            }
            if rows.len() < portion {
                break;
            }
        }
        Ok(())
    }

    /// Runs statements without parameters.
    pub fn batch(&self, sql: &str) -> Result<()> {
        self.with_client(|live| live.client.batch(sql))
    }

    /// Begins a transaction. One that writes waits for the others that do: its first statement sees what they have committed.
    pub fn begin(&self, mode: Mode) -> Result<()> {
        let wait = self.patience.get().as_millis();
        let sql = match mode {
            Mode::Reading => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned(),
            Mode::Writing => {
                format!(
                    "BEGIN; SET LOCAL lock_timeout = {wait}; SET LOCAL idle_in_transaction_session_timeout = {IDLE_MAX}; \
                     SELECT pg_advisory_xact_lock({WRITERS_LOCK})"
                )
            }
        };
        self.is_failed.set(false);
        let mut begun = self.with_client(|live| live.client.batch(&sql));
        if begun.is_err() {
            self.roll_back();
            // A connection that was lost while nobody used it tells so by its first failure. Nothing has happened yet.
            if self.live.borrow().is_none() {
                self.is_failed.set(false);
                begun = self.with_client(|live| live.client.batch(&sql));
            }
        }
        if begun.is_err() {
            self.roll_back();
        }
        begun?;
        self.in_transaction.set(Some(mode));
        Ok(())
    }

    /// Ends a transaction; `sql` runs before its end.
    pub fn commit(&self, sql: &str, own_versions: i64) -> Result<()> {
        // PostgreSQL would answer a commit of what has failed by undoing it, and without an error.
        if self.is_failed.get() {
            return Err(Error::Uncertain);
        }
        let has_warned = self.with_client(|live| {
            live.has_warned.store(false, Ordering::Relaxed);
            live.client.batch(&format!("{sql}; COMMIT"))?;
            Ok(live.has_warned.load(Ordering::Relaxed))
        })?;
        self.in_transaction.set(None);
        self.own_versions.set(self.own_versions.get() + own_versions);
        if has_warned { Err(Error::Uncertain) } else { Ok(()) }
    }

    pub fn roll_back(&self) {
        self.in_transaction.set(None);
        let mut live = self.live.borrow_mut();
        let is_undone = live.as_mut().is_some_and(|live| blocking(|| live.client.batch("ROLLBACK").is_ok()));
        if !is_undone {
            *live = None;
        }
    }

    pub fn mode(&self) -> Option<Mode> {
        self.in_transaction.get()
    }

    /// A number that changes when others have raised the database's version.
    pub fn data_version(&self) -> Result<i64> {
        let own = self.own_versions.get();
        let rows = self.query("SELECT version FROM store", [])?;
        let version: i64 = rows.first().ok_or(Error::NoRows)?.try_get(0)?;
        Ok(version - own)
    }

    fn with_statement<T>(
        &self,
        sql: &str,
        params: impl Params,
        run: impl FnOnce(&mut Client, &Statement, &[&(dyn ToSql + Sync)]) -> Result<T>,
    ) -> Result<T> {
        let mut bound = Vec::new();
        params.each(|_, value| {
            bound.push(Bound::of(value)?);
            Ok(())
        })?;
        self.with_client(|live| {
            let statement = live.statement(sql, &bound)?;
            let params: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|value| value as _).collect();
            run(&mut live.client, &statement, &params)
        })
    }

    /// Everything passes here: the connection is made where there is none, and given up where it is gone.
    fn with_client<T>(&self, run: impl FnOnce(&mut Live) -> Result<T>) -> Result<T> {
        let mut kept = self.live.borrow_mut();
        if kept.as_mut().is_some_and(|live| live.client.is_closed()) {
            *kept = None;
        }
        // What a transaction has done is lost with its connection.
        if kept.is_none() && self.in_transaction.get().is_some() {
            return Err(Error::Away("the connection was lost within a transaction".to_owned()));
        }
        let live = match &mut *kept {
            Some(live) => live,
            none => none.insert(blocking(|| Live::connect(&self.access))?),
        };
        let result = blocking(|| run(live));
        if result.is_err() {
            self.is_failed.set(true);
            if live.client.is_closed() {
                *kept = None;
            }
        }
        result
    }
}

impl Live {
    fn connect(access: &Access) -> Result<Live> {
        let has_warned = Arc::new(AtomicBool::new(false));
        let mut client = Client::connect(access, &has_warned)?;
        access::check(&mut client)?;
        Ok(Live { client, statements: HashMap::new(), has_warned })
    }

    fn statement(&mut self, sql: &str, bound: &[Bound]) -> Result<Statement> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        // A null tells nothing of its type, which then follows from its place.
        let types: Vec<Type> = bound.iter().map(Bound::postgres_type).collect();
        let statement = self.client.prepare(&numbered(sql), &types)?;
        if self.statements.len() >= STATEMENTS_MAX {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// Runs what blocks on a runtime of its own, also on a thread that drives another one, which goes on elsewhere meanwhile.
fn blocking<T>(run: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(run),
        _ => run(),
    }
}

/// The statement with its parameters as PostgreSQL numbers them. Text in quotes stays as it is.
///
/// `CROSS JOIN … ON` tells SQLite in which order to read two tables; PostgreSQL finds that out by itself.
fn numbered(sql: &str) -> String {
    let sql = sql.replace("CROSS JOIN", "JOIN");
    let (mut text, mut is_quoted, mut count) = (String::with_capacity(sql.len()), false, 0);
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\'' => {
                is_quoted = !is_quoted;
                text.push(c);
            }
            '?' if !is_quoted => {
                text.push('$');
                if !rest.peek().is_some_and(char::is_ascii_digit) {
                    count += 1;
                    text += &count.to_string();
                }
            }
            _ => text.push(c),
        }
    }
    text
}

/// A migration in PostgreSQL's words. Text is compared byte by byte, as SQLite does.
pub fn translated(migration: &str) -> String {
    let lines = migration.lines().map(|line| line.split("--").next().unwrap_or_default().trim_end());
    let words = |line: &str| -> String {
        let line = line.replace(" WITHOUT ROWID", "");
        line.split_inclusive(' ')
            .map(|word| match word.trim_end_matches([' ', ',']) {
                "INTEGER" => word.replace("INTEGER", "BIGINT"),
                "TEXT" => word.replace("TEXT", "TEXT COLLATE \"C\""),
                _ => word.to_owned(),
            })
            .collect()
    };
    lines.map(words).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_numbered_as_postgresql_does() {
        for (sql, expected) in [
            ("SELECT a FROM b WHERE c = ?1 AND d = ?12", "SELECT a FROM b WHERE c = $1 AND d = $12"),
            ("INSERT INTO a VALUES (?, ?)", "INSERT INTO a VALUES ($1, $2)"),
            ("SELECT '?1', 'it''s ?' || ?1", "SELECT '?1', 'it''s ?' || $1"),
            ("SELECT $1", "SELECT $1"),
        ] {
            assert_eq!(numbered(sql), expected);
        }
    }

    #[test]
    fn migrations_are_translated() {
        let migration = "-- Words; TEXT.\nCREATE TABLE a (\n    id    INTEGER NOT NULL PRIMARY KEY, -- INTEGER\n    \
                         b     TEXT   NOT NULL,\n    c     TEXT,\n    d BIGINT\n) WITHOUT ROWID;";
        assert_eq!(
            translated(migration),
            "CREATE TABLE a (\n    id    BIGINT NOT NULL PRIMARY KEY,\n    b     TEXT COLLATE \"C\"   NOT NULL,\n    \
             c     TEXT COLLATE \"C\",\n    d BIGINT\n);"
        );
    }
}
