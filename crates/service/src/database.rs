//! The database of a server, a file of SQLite or a PostgreSQL: opening it the one right way, bringing its schema up to date,
//! and naming what fails.
//!
//! A commit is on the disk when it returns (WAL with `synchronous=FULL`); nothing may be answered before.

mod checkpoint;
mod copy;
mod failure;
mod moving;
mod place;
mod pool;
mod schema;
mod server;

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use keymuster_core::time::Timestamp;
use rusqlite::OpenFlags;
use rustix::fs::Access;

use crate::files::{directory_of, give_to_owner_of, sync_directory};
use crate::sql::{Connection, Transaction};
pub use checkpoint::Checkpointer;
pub use copy::{check, copy};
pub use failure::Failure;
pub use moving::{Moved, move_all};
pub use place::{Address, PLACE_FILE, Place};
pub use pool::Pool;
pub use schema::oldest_reader;

/// How long a statement of a command waits for another process's lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
/// How long one of a server waits, so that the answer still comes within the time of its request.
const SERVING_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
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
    // SQLite would be content to read a file that cannot be written, until the first write.
    check_access(path, Access::WRITE_OK, "write")?;
    let file = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mode: String = file.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        let reason = "the file system cannot hold a write-ahead log; use a local disk";
        return Err(Failure::io("open", path, io::Error::new(io::ErrorKind::Unsupported, reason)));
    }
    file.pragma_update(None, "synchronous", "full")?;
    file.pragma_update(None, "wal_autocheckpoint", WAL_PAGES_MAX)?;
    file.pragma_update(None, "journal_size_limit", WAL_KEPT_BYTES)?;
    let mut db = Connection::from(file);
    migrate(&mut db, path, migrations)?;
    file_of(&db).pragma_update(None, "foreign_keys", true)?;
    Ok(db)
}

/// Opens the existing database at `path` for reading, whatever its version.
pub fn open_read_only(path: &Path) -> Result<Connection, Failure> {
    // SQLite says "unable to open database file" to everything, and the system says why.
    check_access(path, Access::READ_OK, "open")?;
    let db = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.pragma_update(None, "query_only", true)?;
    Ok(db.into())
}

/// Begins a transaction that may write, so that what it reads cannot change before its commit.
///
/// One that reads first and writes later would fail at once where another program writes meanwhile, without any waiting.
pub fn begin(db: &mut Connection) -> Result<Transaction<'_>, Failure> {
    Ok(db.writing()?)
}

/// Makes a connection one of a server, which tells who asks that it cannot write rather than let them wait.
pub fn serve(db: &Connection) -> Result<(), Failure> {
    Ok(db.wait_at_most(SERVING_BUSY_TIMEOUT)?)
}

/// A path is never read as a URI, and a connection belongs to one thread at a time, as Rust sees to.
fn connect(path: &Path, access: OpenFlags) -> Result<rusqlite::Connection, Failure> {
    let db = rusqlite::Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update(None, "trusted_schema", false)?;
    Ok(db)
}

/// A time as it is stored.
pub fn seconds(at: Timestamp) -> i64 {
    // The largest timestamp lies in the year 9999.
    i64::try_from(at.as_secs()).expect("a timestamp fits into 63 bits")
}

/// A stored time.
pub fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// A count or sequence as it is stored; nothing that is counted one by one gets beyond 63 bits.
pub fn integer(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stored count or sequence.
pub fn number(integer: i64) -> u64 {
    u64::try_from(integer).unwrap_or(0)
}

/// Asks the system without opening the file: closing it again would take SQLite's locks from this whole process.
fn check_access(path: &Path, access: Access, verb: &'static str) -> Result<(), Failure> {
    rustix::fs::access(path, access).map_err(|error| Failure::io(verb, path, error.into()))
}

/// SQLite would create the file readable by others; the log beside it takes over mode and owner of the file.
fn create_private(path: &Path) -> io::Result<()> {
    let directory = directory_of(path);
    if !directory.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        sync_directory(directory_of(directory))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            give_to_owner_of(directory, &file);
            sync_directory(directory)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Runs the missing migrations, all or none, after a copy of the database as it was before.
///
/// The version is read inside the transaction that writes it, so that two programs can open the file at once.
/// Foreign keys are off meanwhile, as a table can only be rebuilt that way, and are checked at the end.
fn migrate(db: &mut Connection, path: &Path, migrations: &[&str]) -> Result<(), Failure> {
    let known = migrations.len();
    let found = version(db)?;
    if found == known || (found > known && schema::may_read(db, known)?) {
        return Ok(());
    }
    let tx = begin(db)?;
    let found = version(&tx)?;
    let missing = migrations.get(found..).ok_or(Failure::Newer { found, known })?;
    if (1..known).contains(&found) {
        // Nobody else writes meanwhile.
        schema::keep_before(path, found)?;
    }
    for migration in missing {
        tx.execute_batch(migration)?;
    }
    check_foreign_keys(&tx)?;
    schema::note_reader(&tx, migrations)?;
    file_of(&tx).pragma_update(None, "user_version", known as i64)?;
    tx.commit()?;
    tracing::info!(from = found, to = known, "brought the database to this program's version");
    Ok(())
}

fn version(db: &Connection) -> Result<usize, Failure> {
    let version: i64 = file_of(db).pragma_query_value(None, "user_version", |row| row.get(0))?;
    usize::try_from(version).map_err(|_| Failure::damaged("(header)", "user_version", "-", "it is negative"))
}

/// What this module has opened as a file is one.
fn file_of(db: &Connection) -> &rusqlite::Connection {
    db.sqlite().expect("it was opened as a file")
}

fn check_foreign_keys(db: &Connection) -> Result<(), Failure> {
    let mut violations = db.prepare("PRAGMA foreign_key_check")?;
    let mut rows = violations.query([])?;
    let Some(row) = rows.next()? else { return Ok(()) };
    let (table, rowid, parent): (String, Option<i64>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
    let rowid = rowid.map_or("?".to_owned(), |rowid| rowid.to_string());
    Err(Failure::damaged(table, "(foreign key)", rowid, format!("it names a row that {parent} does not have")))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::time::Instant;

    use rusqlite::ErrorCode;
    use tempfile::TempDir;

    use super::*;

    const CLIENTS: &str = "CREATE TABLE client (id BIGINT PRIMARY KEY, name TEXT NOT NULL)";
    const LEASES: &str = "CREATE TABLE lease (id BIGINT PRIMARY KEY, client BIGINT NOT NULL REFERENCES client (id))";

    const CLIENTS_GO: &str = "ALTER TABLE client DROP COLUMN name";

    /// A directory for one test, and the path of a database in it that does not exist.
    fn place() -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state").join("host.db");
        (directory, path)
    }

    fn pragma<T: rusqlite::types::FromSql>(db: &Connection, name: &str) -> T {
        file_of(db).pragma_query_value(None, name, |row| row.get(0)).unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_database_is_private_and_durable() {
        let (_directory, path) = place();
        let db = open(&path, &["CREATE TABLE client (id BIGINT)"]).unwrap();
        db.execute("INSERT INTO client VALUES (1)", []).unwrap();
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        for suffix in ["", "-wal", "-shm"] {
            let file = PathBuf::from(format!("{}{suffix}", path.display()));
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
        assert_eq!(pragma::<String>(&db, "journal_mode"), "wal");
        assert_eq!(pragma::<i64>(&db, "synchronous"), 2);
        assert_eq!(pragma::<i64>(&db, "foreign_keys"), 1);
        assert_eq!(pragma::<i64>(&db, "trusted_schema"), 0);
        assert_eq!(pragma::<i64>(&db, "wal_autocheckpoint"), i64::from(WAL_PAGES_MAX));
        assert_eq!(pragma::<i64>(&db, "page_size") * i64::from(WAL_PAGES_MAX), i64::from(WAL_KEPT_BYTES));
    }

    #[test]
    fn missing_migrations_run_once_and_in_order() {
        let (_directory, path) = place();
        drop(open(&path, &[CLIENTS]).unwrap());
        for _ in 0..2 {
            let db = open(&path, &[CLIENTS, LEASES]).unwrap();
            assert_eq!(pragma::<i64>(&db, "user_version"), 2);
            db.query_row("SELECT count(*) FROM lease", [], |_| Ok(())).unwrap();
        }
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_behind() {
        let (_directory, path) = place();
        drop(open(&path, &[CLIENTS]).unwrap());
        assert!(matches!(open(&path, &[CLIENTS, LEASES, "CREATE TABEL x"]), Err(Failure::Sqlite(_))));
        let db = open(&path, &[CLIENTS, LEASES]).unwrap();
        assert_eq!(pragma::<i64>(&db, "user_version"), 2);
    }

    #[test]
    fn programs_that_open_a_new_database_at_once_agree() {
        let (_directory, path) = place();
        let open_one = || open(&path, &[CLIENTS, LEASES]).map(|db| pragma::<i64>(&db, "user_version"));
        let versions: Vec<i64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open_one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        assert_eq!(versions, [2; 8]);
    }

    #[test]
    fn a_program_uses_a_newer_schema_to_which_nothing_but_additions_were_made() {
        let (_directory, path) = place();
        drop(open(&path, &[CLIENTS, LEASES, "ALTER TABLE client ADD COLUMN more TEXT NOT NULL DEFAULT ''"]).unwrap());
        let db = open(&path, &[CLIENTS]).unwrap();
        db.execute("INSERT INTO client (id, name) VALUES (1, 'x')", []).unwrap();
        assert_eq!(pragma::<i64>(&db, "user_version"), 3, "it is as new as before");
    }

    #[test]
    fn what_was_there_before_a_migration_is_kept_once() {
        let (directory, path) = place();
        let kept = |version: usize| path.with_file_name(format!("host.db.schema-{version}"));
        drop(open(&path, &[CLIENTS]).unwrap());
        assert!(!kept(0).exists(), "there was nothing");
        drop(open(&path, &[CLIENTS, LEASES]).unwrap());
        let before = open_read_only(&kept(1)).unwrap();
        assert_eq!(pragma::<i64>(&before, "user_version"), 1);
        assert_eq!(mode(&kept(1)), 0o600);
        drop(open(&path, &[CLIENTS, LEASES, CLIENTS_GO]).unwrap());
        assert!(kept(2).exists() && !kept(1).exists(), "the newest is enough");
        drop(directory);
    }

    #[test]
    fn a_newer_schema_is_left_alone() {
        let (_directory, path) = place();
        drop(open(&path, &[CLIENTS, CLIENTS_GO]).unwrap());
        let failure = open(&path, &[CLIENTS]).unwrap_err();
        assert!(matches!(failure, Failure::Newer { found: 2, known: 1 }));
        assert!(failure.to_string().contains("newer version of this program (schema 2, this version knows 1)"));
        assert!(open_read_only(&path).is_ok());
    }

    #[test]
    fn rows_that_contradict_each_other_stop_a_migration() {
        let (_directory, path) = place();
        let db = open(&path, &[CLIENTS, LEASES]).unwrap();
        file_of(&db).pragma_update(None, "foreign_keys", false).unwrap();
        db.execute("INSERT INTO lease (id, client) VALUES (7, 404)", []).unwrap();
        drop(db);
        let failure = open(&path, &[CLIENTS, LEASES, "CREATE TABLE seat (id BIGINT)"]).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "the database contradicts itself: table lease, column (foreign key), row 1: \
             it names a row that client does not have; restore a backup"
        );
    }

    #[test]
    fn other_files_and_missing_files_are_named() {
        let (directory, path) = place();
        let text = directory.path().join("notes.txt");
        fs::write(&text, "not a database, but long enough to be asked: ".repeat(100)).unwrap();
        assert!(matches!(open(&text, &[CLIENTS]), Err(Failure::Corrupt(_))));
        let failure = open_read_only(&path).unwrap_err().to_string();
        assert!(
            failure.starts_with(&format!("cannot open the database {}: No such file", path.display())),
            "{failure}"
        );
        let beneath_a_file = text.join("host.db");
        let failure = open(&beneath_a_file, &[CLIENTS]).unwrap_err().to_string();
        assert!(failure.starts_with(&format!("cannot create the database {}", beneath_a_file.display())), "{failure}");
    }

    #[test]
    fn a_reader_cannot_write() {
        let (_directory, path) = place();
        let db = open(&path, &[CLIENTS]).unwrap();
        let reader = open_read_only(&path).unwrap();
        assert!(reader.execute("INSERT INTO client VALUES (1, 'x')", []).is_err());
        db.execute("INSERT INTO client VALUES (1, 'x')", []).unwrap();
        let count: i64 = reader.query_row("SELECT count(*) FROM client", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 1);
    }

    #[test]
    fn a_full_database_and_a_locked_one_are_told_apart() {
        let (_directory, path) = place();
        let db = open(&path, &[CLIENTS]).unwrap();
        let pages: i64 = pragma(&db, "page_count");
        file_of(&db).pragma_update_and_check(None, "max_page_count", pages, |_| Ok(())).unwrap();
        let full = db.execute("INSERT INTO client VALUES (1, ?1)", ["x".repeat(100_000)]).unwrap_err();
        assert!(matches!(Failure::from(full), Failure::DiskFull));

        db.execute_batch("BEGIN IMMEDIATE").unwrap();
        let other = open(&path, &[CLIENTS]).unwrap();
        other.wait_at_most(Duration::ZERO).unwrap();
        let busy = other.execute("INSERT INTO client VALUES (1, 'x')", []).unwrap_err();
        assert!(matches!(Failure::from(busy), Failure::Busy));
    }

    #[test]
    fn the_index_of_the_log_has_its_own_way_to_say_full() {
        let sqlite = rusqlite::ffi::Error {
            code: ErrorCode::SystemIoFailure,
            extended_code: rusqlite::ffi::SQLITE_IOERR_SHMSIZE,
        };
        assert!(matches!(Failure::from(rusqlite::Error::SqliteFailure(sqlite, None)), Failure::DiskFull));
        let sqlite =
            rusqlite::ffi::Error { code: ErrorCode::SystemIoFailure, extended_code: rusqlite::ffi::SQLITE_IOERR_FSYNC };
        assert!(matches!(Failure::from(rusqlite::Error::SqliteFailure(sqlite, None)), Failure::Disk(_)));
    }

    /// Pages of the write-ahead log, and how many of them are in the database as well.
    fn wal(db: &Connection) -> (i64, i64) {
        db.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| Ok((row.get(1)?, row.get(2)?))).unwrap()
    }

    #[test]
    fn the_checkpointer_moves_the_log_and_ends_when_dropped() {
        let (_directory, path) = place();
        let db = open(&path, &[CLIENTS]).unwrap();
        let checkpointer = Checkpointer::start(&path).unwrap();
        db.execute("INSERT INTO client VALUES (1, 'x')", []).unwrap();
        let started = Instant::now();
        while wal(&db).0 != wal(&db).1 {
            assert!(started.elapsed() < Duration::from_secs(20), "the log is never moved");
            std::thread::yield_now();
        }
        let started = Instant::now();
        drop(checkpointer);
        assert!(started.elapsed() < Duration::from_millis(900), "it did not wait for the next checkpoint");
    }
}
