//! The SQLite file of a server: opening it the one right way, bringing its schema up to date, and naming what fails.
//!
//! A commit is on the disk when it returns (WAL with `synchronous=FULL`); nothing may be answered before.

mod checkpoint;
mod failure;

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::files::{directory_of, sync_directory};
pub use checkpoint::Checkpointer;
pub use failure::Failure;

/// How long a statement waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages in the write-ahead log (64 MiB) at which a writer moves them itself: the [`Checkpointer`] has fallen behind, or
/// there is none. It also bounds the file that is kept.
const WAL_PAGES_MAX: u32 = 16_384;
const WAL_KEPT_BYTES: u32 = WAL_PAGES_MAX * 4096;

/// Opens the database at `path` for writing, creates it if need be, and runs those of `migrations` that it lacks.
///
/// The list only ever grows at its end: the number of migrations run is the version of the schema.
/// The database is private: a directory that is created gets mode 0700, and the file 0600.
pub fn open(path: &Path, migrations: &[&str]) -> Result<Connection, Failure> {
    create_private(path).map_err(|source| Failure::io("create", path, source))?;
    let mut db = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let reason = "the file system cannot hold a write-ahead log; use a local disk";
        return Err(Failure::io("open", path, io::Error::new(io::ErrorKind::Unsupported, reason)));
    }
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "wal_autocheckpoint", WAL_PAGES_MAX)?;
    db.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    migrate(&mut db, migrations)?;
    db.pragma_update(None, "foreign_keys", true)?;
    Ok(db)
}

/// Opens the existing database at `path` for reading, whatever its version.
pub fn open_read_only(path: &Path) -> Result<Connection, Failure> {
    // SQLite says "unable to open database file" to everything, and the system says why.
    std::fs::File::open(path).map_err(|source| Failure::io("open", path, source))?;
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db)
}

/// A path is never read as a URI, and a connection belongs to one thread at a time, as Rust sees to.
fn connect(path: &Path, access: OpenFlags) -> Result<Connection, Failure> {
    let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(db)
}

/// SQLite would create the file readable by others; the log beside it takes over the mode of the file.
fn create_private(path: &Path) -> io::Result<()> {
    let directory = directory_of(path);
    if !directory.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        sync_directory(directory_of(directory))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => sync_directory(directory),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Runs the missing migrations, all or none.
///
/// The version is read inside the transaction that writes it, so that two programs can open the file at once.
/// Foreign keys are off meanwhile, as a table can only be rebuilt that way, and are checked at the end.
fn migrate(db: &mut Connection, migrations: &[&str]) -> Result<(), Failure> {
    let known = migrations.len();
    if version(db)? == known {
        return Ok(());
    }
    let tx = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&tx)?;
    let missing = migrations.get(found..).ok_or(Failure::Newer { found, known })?;
    for migration in missing {
        tx.execute_batch(migration)?;
    }
    check_foreign_keys(&tx)?;
    tx.pragma_update(None, "user_version", known as i64)?;
    tx.commit()?;
    tracing::info!(from = found, to = known, "brought the database to this program's version");
    Ok(())
}

fn version(db: &Connection) -> Result<usize, Failure> {
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(version).map_err(|_| Failure::damaged("(header)", "user_version", "-", "it is negative"))
}

fn check_foreign_keys(db: &Connection) -> Result<(), Failure> {
    let mut violations = db.prepare("PRAGMA foreign_key_check")?;
    let mut rows = violations.query([])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let (table, rowid, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let rowid = rowid.map_or("?".to_owned(), |rowid| rowid.to_string());
    Err(Failure::damaged(table, "(foreign key)", rowid, format!("it names a row that {parent} does not have")))
}
