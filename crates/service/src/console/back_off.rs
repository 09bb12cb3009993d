//! Growing delays after failed attempts to sign in, for each account and each address.
//!
//! An attempt counts as failed from its beginning, so that many at once are as many; one that succeeds is taken back.
//! What is refused because of a delay does not count, so nobody keeps others out for longer than one delay.

use crate::sql::{OptionalExtension as _, Transaction, params};
use keymuster_core::time::{HOUR, MINUTE, Timestamp};

use crate::database::{Failure, number, seconds, timestamp};

/// Failures of an account that cost nothing, because people mistype.
const ACCOUNT_FREE: u64 = 4;
/// Failures of an address that cost nothing; several people may have one.
const ADDRESS_FREE: u64 = 20;
/// The longest delay, in seconds. An account can be kept from its owner for this long, so it is not long.
const DELAY_SECS_MAX: u64 = 5 * MINUTE;
/// After this time without a failure, all before are forgotten, in seconds.
const MEMORY_SECS: u64 = HOUR;
/// How many names and addresses are remembered; beyond that the one longest ago goes.
const ROWS_MAX: u32 = 10_000;

/// What attempts are counted by.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// A name, whether or not there is such an account.
    Account(&'a str),
    /// An address.
    Address(&'a str),
}

impl Subject<'_> {
    fn key(self) -> String {
        match self {
            Subject::Account(name) => format!("account {name}"),
            Subject::Address(address) => format!("address {address}"),
        }
    }

    fn free(self) -> u64 {
        match self {
            Subject::Account(_) => ACCOUNT_FREE,
            Subject::Address(_) => ADDRESS_FREE,
        }
    }
}

/// Counts an attempt as failed; or says how many seconds it is too early, where it is.
pub fn begin(tx: &Transaction<'_>, subjects: &[Subject<'_>], now: Timestamp) -> Result<Result<(), u64>, Failure> {
    prune(tx, now)?;
    let mut wait_secs = 0;
    let mut counts = Vec::new();
    for subject in subjects {
        let (failures, last_at) = failures(tx, &subject.key())?.unwrap_or((0, now));
        let until = last_at.plus(delay_secs(failures, subject.free()));
        wait_secs = wait_secs.max(until.secs_since(now));
        counts.push((subject.key(), failures + 1));
    }
    if wait_secs > 0 {
        return Ok(Err(wait_secs));
    }
    let sql = "INSERT INTO sign_in_failure (subject, failures, last_at) VALUES (?1, ?2, ?3) \
               ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last_at = excluded.last_at";
    for (key, failures) in counts {
        tx.execute(sql, params![key, failures.cast_signed(), seconds(now)])?;
    }
    Ok(Ok(()))
}

/// The attempt that was begun has succeeded: the account starts afresh, and the address has one failure less, as others
/// may have the same.
pub fn succeeded(tx: &Transaction<'_>, account: &str, address: &str) -> Result<(), Failure> {
    forgive(tx, account)?;
    let key = Subject::Address(address).key();
    tx.execute("UPDATE sign_in_failure SET failures = failures - 1 WHERE subject = ?1 AND failures > 0", [key])?;
    Ok(())
}

/// Forgets the failures of an account.
pub fn forgive(tx: &Transaction<'_>, account: &str) -> Result<(), Failure> {
    tx.execute("DELETE FROM sign_in_failure WHERE subject = ?1", [Subject::Account(account).key()])?;
    Ok(())
}

/// How long it takes from one failure to the next attempt.
fn delay_secs(failures: u64, free: u64) -> u64 {
    match failures.saturating_sub(free) {
        0 => 0,
        beyond => 1_u64.checked_shl(u32::try_from(beyond).unwrap_or(u32::MAX)).unwrap_or(u64::MAX).min(DELAY_SECS_MAX),
    }
}

fn failures(tx: &Transaction<'_>, key: &str) -> Result<Option<(u64, Timestamp)>, Failure> {
    let sql = "SELECT failures, last_at FROM sign_in_failure WHERE subject = ?1";
    let read = |row: &crate::sql::Row<'_>| Ok((number(row.get(0)?), timestamp(row.get(1)?)));
    Ok(tx.query_row(sql, [key], read).optional()?)
}

fn prune(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Failure> {
    tx.execute("DELETE FROM sign_in_failure WHERE last_at <= ?1", [seconds(now.minus(MEMORY_SECS))])?;
    let sql = "DELETE FROM sign_in_failure WHERE subject IN \
               (SELECT subject FROM sign_in_failure ORDER BY failures DESC, last_at DESC LIMIT -1 OFFSET ?1)";
    tx.execute(sql, [ROWS_MAX])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::sql::Connection;

    use super::*;

    fn db() -> Connection {
        let db = Connection::from(rusqlite::Connection::open_in_memory().unwrap());
        db.execute_batch(crate::console::MIGRATION).unwrap();
        db
    }

    #[test]
    fn delays_grow_up_to_a_limit() {
        let mut db = db();
        let tx = db.writing().unwrap();
        let mut now = Timestamp::from_secs(1_000_000);
        let subject = [Subject::Account("ada")];
        let mut waits = Vec::new();
        for _ in 0..16 {
            let wait = begin(&tx, &subject, now).unwrap();
            waits.push(wait.err().unwrap_or(0));
            if let Err(secs) = wait {
                assert_eq!(begin(&tx, &subject, now.plus(secs - 1)).unwrap(), Err(1), "asking early costs nothing");
                now = now.plus(secs);
                assert_eq!(begin(&tx, &subject, now).unwrap(), Ok(()));
            }
        }
        assert_eq!(waits, [0, 0, 0, 0, 0, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        succeeded(&tx, "ada", "192.0.2.1").unwrap();
        assert_eq!(begin(&tx, &subject, now).unwrap(), Ok(()));
    }

    #[test]
    fn an_address_is_delayed_whatever_names_it_tries() {
        let mut db = db();
        let tx = db.writing().unwrap();
        let now = Timestamp::from_secs(1_000_000);
        let attempt =
            |name: &str, address: &str| begin(&tx, &[Subject::Account(name), Subject::Address(address)], now).unwrap();
        let delayed = (0..).find(|n| attempt(&format!("name-{n}"), "192.0.2.1").is_err()).unwrap();
        assert_eq!(delayed, ADDRESS_FREE + 1);
        assert_eq!(attempt("ada", "192.0.2.2"), Ok(()), "others are not");
        let later = now.plus(MEMORY_SECS);
        assert_eq!(begin(&tx, &[Subject::Address("192.0.2.1")], later).unwrap(), Ok(()));
        let rows: u32 = tx.query_row("SELECT count(*) FROM sign_in_failure", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, 1, "the rest is forgotten");
    }
}
