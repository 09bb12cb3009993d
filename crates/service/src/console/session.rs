//! Sessions: who has signed in with which browser, and for how long that counts.
//!
//! The browser holds a random id, and the database its digest, so that a copy of the database opens no session.

use crate::sql::{OptionalExtension as _, Row, Transaction, params};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keymuster_core::id::to_hex;
use keymuster_core::time::{HOUR, MINUTE, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::Env;
use crate::database::{Failure, seconds, timestamp};

/// For how long a session counts without a sign of its person, in seconds.
pub const IDLE_SECS: u64 = 15 * MINUTE;
/// For how long a session counts at all, in seconds.
pub const ABSOLUTE_SECS: u64 = 8 * HOUR;
/// For how long a proof of who somebody is suffices for acts that destroy something, in seconds.
pub const CONFIRMED_SECS: u64 = 5 * MINUTE;
/// How far the stored time of the last sign may lie behind, so that not every page writes.
const SEEN_SECS: u64 = MINUTE;

/// One session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// The digest of its id.
    pub digest: String,
    /// Whose it is.
    pub account: String,
    /// When it began.
    pub started_at: Timestamp,
    /// The last sign of its person.
    pub seen_at: Timestamp,
    /// When the person last proved who they are.
    pub confirmed_at: Timestamp,
    /// From where it began.
    pub address: String,
    /// What the browser calls itself.
    pub agent: String,
    /// What the next page tells.
    pub notice: Option<String>,
}

impl Session {
    /// Whether it counts.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now < self.started_at.plus(ABSOLUTE_SECS) && now < self.seen_at.plus(IDLE_SECS)
    }

    /// Whether the person has proved who they are lately enough for acts that destroy something.
    pub fn is_confirmed(&self, now: Timestamp) -> bool {
        now < self.confirmed_at.plus(CONFIRMED_SECS)
    }

    /// Whether the stored time of the last sign is old enough to be written anew.
    pub fn is_seen_anew(&self, now: Timestamp) -> bool {
        now >= self.seen_at.plus(SEEN_SECS)
    }
}

/// The digest under which a secret with enough randomness is stored.
pub fn digest(secret: &str) -> String {
    to_hex(&Sha256::digest(secret.as_bytes()))
}

/// A new secret of 256 random bits, as text that fits cookies, headers and links.
pub fn new_secret(env: &Env) -> String {
    URL_SAFE_NO_PAD.encode(env.random::<32>())
}

/// Begins a session.
pub fn begin(tx: &Transaction<'_>, session: &Session) -> Result<(), Failure> {
    let sql = "INSERT INTO session (digest, account, started_at, seen_at, confirmed_at, address, agent, notice) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let Session { digest, account, started_at, seen_at, confirmed_at, address, agent, notice } = session;
    let times = [started_at, seen_at, confirmed_at].map(|at| seconds(*at));
    tx.execute(sql, params![digest, account, times[0], times[1], times[2], address, agent, notice])?;
    Ok(())
}

/// The session with this digest, whether or not it counts.
pub fn find(tx: &Transaction<'_>, digest: &str) -> Result<Option<Session>, Failure> {
    let sql = "SELECT digest, account, started_at, seen_at, confirmed_at, address, agent, notice FROM session \
               WHERE digest = ?1";
    Ok(tx.prepare_cached(sql)?.query_row([digest], read).optional()?)
}

/// The sessions of an account that count, the newest first.
pub fn of_account(tx: &Transaction<'_>, account: &str, now: Timestamp) -> Result<Vec<Session>, Failure> {
    let sql = "SELECT digest, account, started_at, seen_at, confirmed_at, address, agent, notice FROM session \
               WHERE account = ?1 ORDER BY started_at DESC";
    let mut statement = tx.prepare_cached(sql)?;
    let sessions = statement.query_map([account], read)?.collect::<Result<Vec<_>, _>>()?;
    Ok(sessions.into_iter().filter(|session| session.is_alive(now)).collect())
}

/// Notes a sign of the person, and takes the notice that the next page shows.
pub fn seen(tx: &Transaction<'_>, digest: &str, now: Timestamp) -> Result<(), Failure> {
    tx.execute("UPDATE session SET seen_at = ?2, notice = NULL WHERE digest = ?1", params![digest, seconds(now)])?;
    Ok(())
}

/// Notes that the person has proved who they are.
pub fn confirm(tx: &Transaction<'_>, digest: &str, now: Timestamp) -> Result<(), Failure> {
    tx.execute("UPDATE session SET confirmed_at = ?2 WHERE digest = ?1", params![digest, seconds(now)])?;
    Ok(())
}

/// Leaves a notice for the next page.
pub fn notify(tx: &Transaction<'_>, digest: &str, notice: &str) -> Result<(), Failure> {
    tx.execute("UPDATE session SET notice = ?2 WHERE digest = ?1", params![digest, notice])?;
    Ok(())
}

/// Ends a session.
pub fn end(tx: &Transaction<'_>, digest: &str) -> Result<(), Failure> {
    tx.execute("DELETE FROM session WHERE digest = ?1", [digest])?;
    Ok(())
}

/// Ends all sessions of an account.
pub fn end_all(tx: &Transaction<'_>, account: &str) -> Result<(), Failure> {
    tx.execute("DELETE FROM session WHERE account = ?1", [account])?;
    Ok(())
}

/// Forgets the sessions of everybody that no longer count.
pub fn prune(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Failure> {
    let sql = "DELETE FROM session WHERE started_at <= ?1 OR seen_at <= ?2";
    tx.execute(sql, params![seconds(now.minus(ABSOLUTE_SECS)), seconds(now.minus(IDLE_SECS))])?;
    Ok(())
}

fn read(row: &Row<'_>) -> crate::sql::Result<Session> {
    Ok(Session {
        digest: row.get(0)?,
        account: row.get(1)?,
        started_at: timestamp(row.get(2)?),
        seen_at: timestamp(row.get(3)?),
        confirmed_at: timestamp(row.get(4)?),
        address: row.get(5)?,
        agent: row.get(6)?,
        notice: row.get(7)?,
    })
}
