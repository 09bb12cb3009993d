//! The audit: who did what, written in the transaction of the act itself. It never holds a whole secret key.

use keymuster_core::time::Timestamp;
use keymuster_service::console;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};

use super::{Columns, all, integer, time, write};
use crate::caller::Caller;

/// One act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its number, from 1 on.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// A verb and a noun.
    pub act: String,
    /// What it was done to.
    pub subject: String,
    /// The rest.
    pub detail: String,
}

/// Adds an entry: `act` is a verb and a noun, `subject` what it was done to, `detail` the rest.
pub fn append(
    tx: &Transaction<'_>,
    caller: &Caller,
    act: &'static str,
    subject: &str,
    detail: &str,
) -> Result<(), Failure> {
    let actor = caller.actor.to_string();
    record_of_console(tx, &console::audit::Entry { actor: &actor, act, subject, detail, at: caller.now })
}

/// Adds an entry about accounts and tokens.
pub fn record_of_console(tx: &Transaction<'_>, entry: &console::audit::Entry<'_>) -> Result<(), Failure> {
    let console::audit::Entry { actor, act, subject, detail, at } = *entry;
    let sql = "INSERT INTO audit (sequence, at, actor, act, subject, detail) \
               SELECT COALESCE(MAX(sequence), 0) + 1, $1, $2, $3, $4, $5 FROM audit";
    write(tx, sql, params![time(at), actor, act, subject, detail])?;
    Ok(())
}

/// Entries before a number that contain a text in any case, the newest first, at most `limit`.
pub fn before(tx: &Transaction<'_>, before: Option<u64>, text: &str, limit: u32) -> Result<Vec<Entry>, Failure> {
    let sql = "SELECT sequence, at, actor, act, subject, detail FROM audit WHERE sequence < $1 AND ($2 = '' OR \
               INSTR(LOWER(actor || ' ' || act || ' ' || subject || ' ' || detail), $2) > 0) \
               ORDER BY sequence DESC LIMIT $3";
    all(tx, sql, params![before.map_or(i64::MAX, integer), text.to_lowercase(), limit], read)
}

/// The newest entries, at most `limit`, in the order of the acts.
pub fn newest(tx: &Transaction<'_>, limit: u32) -> Result<Vec<Entry>, Failure> {
    let sql = "SELECT sequence, at, actor, act, subject, detail FROM audit ORDER BY sequence DESC LIMIT $1";
    let mut entries = all(tx, sql, [limit], read)?;
    entries.reverse();
    Ok(entries)
}

fn read(row: &Row<'_>) -> Result<Entry, Failure> {
    let columns = Columns::of("audit", "sequence", row);
    Ok(Entry {
        sequence: columns.number("sequence")?,
        at: columns.time("at")?,
        actor: columns.text("actor")?,
        act: columns.text("act")?,
        subject: columns.text("subject")?,
        detail: columns.text("detail")?,
    })
}
