//! A copy of a database that is in use: one state of it, whole, checked, and on the disk when it is there.
//!
//! The pages are copied inside one transaction that reads, so that writers go on meanwhile and none of what they write is in
//! the copy. Without it SQLite would begin again after every commit of another connection.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};

use super::{Failure, check_foreign_keys, connect, open_read_only};
use crate::files::{directory_of, sync_directory};
use crate::sql::Connection;

/// Pages of one step: 8 MiB, a few milliseconds.
const STEP_PAGES: i32 = 2048;
/// Contradictions that are looked for before the check ends.
const FINDINGS_MAX: u32 = 3;

/// Copies the database at `from` to the file `to`, which must not exist; `tell` hears the pages that are copied, and of how
/// many. Where it fails, there is no file.
pub fn copy(from: &Path, to: &Path, mut tell: impl FnMut(u64, u64)) -> Result<(), Failure> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to);
    created.map_err(|source| Failure::io("create", to, source))?;
    let copied = copy_pages(from, to, &mut tell).and_then(|()| check(to)).and_then(|()| {
        let synced = File::open(to).and_then(|file| file.sync_all()).and_then(|()| sync_directory(directory_of(to)));
        synced.map_err(|source| Failure::io("write", to, source))
    });
    if copied.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(to);
    }
    copied
}

fn copy_pages(from: &Path, to: &Path, tell: &mut impl FnMut(u64, u64)) -> Result<(), Failure> {
    let source = open_read_only(from)?;
    let source = super::file_of(&source);
    let mut target = connect(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    target.pragma_update_and_check(None, "journal_mode", "off", |_| Ok(()))?;
    target.pragma_update(None, "synchronous", "off")?;
    let state = source.unchecked_transaction()?;
    // A transaction reads the state of its first statement.
    state.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
    let backup = Backup::new(source, &mut target)?;
    loop {
        match backup.step(STEP_PAGES)? {
            StepResult::Done => break,
            StepResult::More => {
                let progress = backup.progress();
                let pages = |number: i32| u64::try_from(number).unwrap_or_default();
                tell(pages(progress.pagecount - progress.remaining), pages(progress.pagecount));
            }
            _ => return Err(Failure::Busy),
        }
    }
    drop(backup);
    drop(state);
    // The copy says of itself that it has a log beside it, as its original has; alone it is one file.
    target.pragma_update_and_check(None, "journal_mode", "delete", |_| Ok(()))?;
    target.close().map_err(|(_, error)| Failure::from(error))
}

/// Reads a database from end to end, and looks whether it contradicts itself.
pub fn check(path: &Path) -> Result<(), Failure> {
    let db = open_read_only(path)?;
    let findings = integrity(&db)?;
    if findings != ["ok"] {
        let reason = io::Error::new(io::ErrorKind::InvalidData, findings.join("; "));
        return Err(Failure::Io { verb: "find no fault in", path: path.to_owned(), source: reason });
    }
    check_foreign_keys(&db)
}

fn integrity(db: &Connection) -> Result<Vec<String>, Failure> {
    let mut statement = db.prepare(&format!("PRAGMA integrity_check({FINDINGS_MAX})"))?;
    let findings = statement.query_map([], |row| row.get(0))?;
    Ok(findings.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::database::open;
    use crate::sql::params;

    const PAIRS: &str = "CREATE TABLE pair (id INTEGER PRIMARY KEY, one BIGINT NOT NULL, text TEXT NOT NULL);
                         CREATE TABLE other (id INTEGER PRIMARY KEY, one BIGINT NOT NULL)";

    /// Writes one row into each of two tables, in one transaction.
    fn write(db: &mut Connection, number: i64) {
        let tx = db.writing().unwrap();
        tx.execute("INSERT INTO pair (one, text) VALUES (?1, ?2)", params![number, "x".repeat(2000)]).unwrap();
        tx.execute("INSERT INTO other (one) VALUES (?1)", [number]).unwrap();
        tx.commit().unwrap();
    }

    #[test]
    fn a_copy_is_one_state_while_others_write() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("a.db"), directory.path().join("copy.db"));
        let mut db = open(&from, &[PAIRS]).unwrap();
        for number in 0..10_000 {
            write(&mut db, number);
        }
        let (is_over, mut told) = (AtomicBool::new(false), Vec::new());
        let written = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                let mut number = 10_000;
                while !is_over.load(Ordering::Relaxed) {
                    write(&mut db, number);
                    number += 1;
                }
                number
            });
            copy(&from, &to, |done, all| told.push((done, all))).unwrap();
            is_over.store(true, Ordering::Relaxed);
            writer.join().unwrap()
        });
        let copied = open_read_only(&to).unwrap();
        let sums = "SELECT (SELECT count(*) FROM pair), (SELECT count(*) FROM other), (SELECT max(one) FROM pair)";
        let (pairs, others, newest): (i64, i64, i64) =
            copied.query_row(sums, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        assert_eq!((pairs, pairs), (others, newest + 1), "half a transaction is in the copy");
        assert!((10_000..=written).contains(&pairs), "{pairs} of {written}");
        assert!(!told.is_empty() && told.iter().all(|(done, all)| done <= all), "{told:?}");
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        for suffix in ["-wal", "-shm", "-journal"] {
            assert!(!directory.path().join(format!("copy.db{suffix}")).exists(), "{suffix}");
        }
        assert!(copy(&from, &to, |_, _| {}).unwrap_err().to_string().contains("exists"), "nothing is overwritten");
    }

    #[test]
    fn a_damaged_database_gives_no_copy() {
        let directory = tempfile::tempdir().unwrap();
        let (from, to) = (directory.path().join("a.db"), directory.path().join("copy.db"));
        let mut db = open(&from, &[PAIRS, "CREATE INDEX pair_by_one ON pair (one)"]).unwrap();
        for number in 0..1000 {
            write(&mut db, number);
        }
        drop(db);
        let mut bytes = fs::read(&from).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 3000].fill(0x55);
        fs::write(&from, bytes).unwrap();
        copy(&from, &to, |_, _| {}).unwrap_err();
        assert!(!to.exists());
    }
}
