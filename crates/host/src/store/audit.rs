//! What administrators did, each entry in the transaction of the act.

use keymuster_core::time::Timestamp;
use keymuster_service::console;
use keymuster_service::database::Failure;
use rusqlite::{Row, Transaction, params};

use super::{integer, number, seconds, timestamp};

/// One act.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// Who did it.
    pub actor: &'a str,
    /// What was done: `key installed`.
    pub act: &'a str,
    /// To what.
    pub subject: &'a str,
    /// Further words; never a secret.
    pub detail: &'a str,
}

/// Writes one entry.
pub fn record(tx: &Transaction<'_>, act: Act<'_>, now: Timestamp) -> Result<(), Failure> {
    let sql = "INSERT INTO audit (at, actor, act, subject, detail) VALUES (?1, ?2, ?3, ?4, ?5)";
    tx.execute(sql, params![seconds(now), act.actor, act.act, act.subject, act.detail])?;
    Ok(())
}

/// Writes what was done to accounts, sessions and tokens.
pub fn record_of_console(tx: &Transaction<'_>, entry: &console::audit::Entry<'_>) -> Result<(), Failure> {
    let console::audit::Entry { actor, act, subject, detail, at } = *entry;
    record(tx, Act { actor, act, subject, detail }, at)
}

/// One act that was written down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its number, from 1 on.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What was done.
    pub act: String,
    /// To what.
    pub subject: String,
    /// Further words.
    pub detail: String,
}

/// Which entries are meant. Texts are contained in any case; empty ones are contained in everything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Filter {
    /// In all that an entry says.
    pub text: String,
    /// In who did it.
    pub actor: String,
    /// In what was done.
    pub act: String,
    /// From this time on.
    pub from: Timestamp,
    /// Before this time.
    pub until: Timestamp,
}

/// Entries before a number, the newest first, at most `limit`.
pub fn before(tx: &Transaction<'_>, before: Option<u64>, filter: &Filter, limit: u32) -> Result<Vec<Entry>, Failure> {
    let sql = "SELECT sequence, at, actor, act, subject, detail FROM audit \
               WHERE sequence < ?1 AND at >= ?5 AND at < ?6 \
               AND (?3 = '' OR instr(lower(actor), ?3) > 0) AND (?4 = '' OR instr(lower(act), ?4) > 0) \
               AND (?2 = '' OR instr(lower(actor || ' ' || act || ' ' || subject || ' ' || detail), ?2) > 0) \
               ORDER BY sequence DESC LIMIT ?7";
    let mut statement = tx.prepare_cached(sql)?;
    let before = before.map_or(i64::MAX, integer);
    let [text, actor, act] = [&filter.text, &filter.actor, &filter.act].map(|text| text.trim().to_lowercase());
    let (from, until) = (seconds(filter.from), seconds(filter.until));
    let rows = statement.query_map(params![before, text, actor, act, from, until, limit], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The newest entries, at most `limit`, in the order of the acts.
pub fn newest(tx: &Transaction<'_>, limit: u32) -> Result<Vec<Entry>, Failure> {
    let sql = "SELECT sequence, at, actor, act, subject, detail FROM audit ORDER BY sequence DESC LIMIT ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([limit], read)?;
    let mut entries = rows.collect::<Result<Vec<_>, _>>()?;
    entries.reverse();
    Ok(entries)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        sequence: number(row.get(0)?),
        at: timestamp(row.get(1)?),
        actor: row.get(2)?,
        act: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
    })
}

/// The user at the command line, as the system names it; `SUDO_USER` where somebody became root by sudo.
pub fn operating_user() -> String {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    format!("local user {}", name.as_deref().unwrap_or("unknown"))
}
