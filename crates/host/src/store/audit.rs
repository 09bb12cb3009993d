//! What administrators did, each entry in the transaction of the act.

use keymuster_core::id::to_hex;
use keymuster_core::time::Timestamp;
use keymuster_service::console;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Row, Transaction, params};
use sha2::{Digest as _, Sha256};

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

/// What the running hash begins with.
const CHAIN: &str = "keymuster-audit-1";

/// Writes one entry.
pub fn record(tx: &Transaction<'_>, act: Act<'_>, now: Timestamp) -> Result<(), Failure> {
    let newest = newest(tx, 1)?.pop();
    let sequence = newest.as_ref().map_or(1, |newest| newest.sequence + 1);
    let mut entry = Entry {
        sequence,
        at: now,
        actor: act.actor.to_owned(),
        act: act.act.to_owned(),
        subject: act.subject.to_owned(),
        detail: act.detail.to_owned(),
        head: String::new(),
    };
    entry.head = entry.head_after(newest.as_ref().map_or("", |newest| &newest.head));
    let sql = "INSERT INTO audit (sequence, at, actor, act, subject, detail, head) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tx.execute(sql, params![integer(sequence), seconds(now), act.actor, act.act, act.subject, act.detail, entry.head])?;
    Ok(())
}

/// Follows the running hash through all entries, and returns the newest entry, if there is one.
pub fn check(tx: &Transaction<'_>) -> Result<Option<Entry>, Failure> {
    let mut statement = tx.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY sequence"))?;
    let mut previous: Option<Entry> = None;
    for entry in statement.query_map([], read)? {
        let entry = entry?;
        let damaged = |why: &str| Err(Failure::damaged("audit", "head", entry.sequence, why));
        if entry.sequence != previous.as_ref().map_or(1, |previous| previous.sequence + 1) {
            return damaged("the entry before it is missing");
        }
        let head = previous.as_ref().map_or("", |previous| &previous.head);
        let is_older = entry.head.is_empty() && head.is_empty();
        if !is_older && entry.head != entry.head_after(head) {
            return damaged("it does not follow from the entry and the one before it");
        }
        previous = Some(entry);
    }
    Ok(previous)
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
    /// The running hash up to here; empty where there was none yet.
    pub head: String,
}

impl Entry {
    /// The running hash of this entry after another one (docs/spec/audit.md, 2).
    fn head_after(&self, previous: &str) -> String {
        let (sequence, at) = (self.sequence.to_string(), self.at.as_secs().to_string());
        let mut hash = Sha256::new_with_prefix(CHAIN).chain_update(previous);
        for part in [&sequence, &at, &self.actor, &self.act, &self.subject, &self.detail] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        to_hex(&hash.finalize())
    }
}

const COLUMNS: &str = "sequence, at, actor, act, subject, detail, head";

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
    let sql = "SELECT sequence, at, actor, act, subject, detail, head FROM audit \
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
    let sql = "SELECT sequence, at, actor, act, subject, detail, head FROM audit ORDER BY sequence DESC LIMIT ?1";
    let mut statement = tx.prepare_cached(sql)?;
    let rows = statement.query_map([limit], read)?;
    let mut entries = rows.collect::<Result<Vec<_>, _>>()?;
    entries.reverse();
    Ok(entries)
}

fn read(row: &Row<'_>) -> keymuster_service::sql::Result<Entry> {
    Ok(Entry {
        sequence: number(row.get(0)?),
        at: timestamp(row.get(1)?),
        actor: row.get(2)?,
        act: row.get(3)?,
        subject: row.get(4)?,
        detail: row.get(5)?,
        head: row.get(6)?,
    })
}

/// The user at the command line, as the system names it; `SUDO_USER` where somebody became root by sudo.
pub fn operating_user() -> String {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    format!("local user {}", name.as_deref().unwrap_or("unknown"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three entries, changed behind the program's back; what is said of them.
    fn checked(sql: &str) -> Result<Option<(u64, String)>, String> {
        let directory = tempfile::tempdir().unwrap();
        let mut db = crate::store::open(directory.path()).unwrap();
        let tx = db.writing().unwrap();
        for subject in ["a", "b", "c"] {
            let act = Act { actor: "ada", act: "test", subject, detail: "" };
            record(&tx, act, Timestamp::from_secs(1_800_000_000)).unwrap();
        }
        tx.execute_batch(sql).unwrap();
        let newest = check(&tx).map_err(|failure| failure.to_string())?;
        Ok(newest.map(|entry| (entry.sequence, entry.head)))
    }

    #[test]
    fn a_changed_entry_does_not_follow() {
        let (sequence, head) = checked("").unwrap().unwrap();
        assert_eq!((sequence, head.len()), (3, 64));
        assert_eq!(checked("DELETE FROM audit"), Ok(None));
        // As a host of an earlier version left them.
        assert_eq!(checked("UPDATE audit SET head = ''"), Ok(Some((3, String::new()))));
        for (sql, row) in [
            ("UPDATE audit SET detail = 'x' WHERE sequence = 2", "2"),
            ("UPDATE audit SET actor = 'ad', act = 'atest' WHERE sequence = 1", "1"),
            ("UPDATE audit SET at = at + 1 WHERE sequence = 3", "3"),
            ("UPDATE audit SET head = '' WHERE sequence = 2", "2"),
            ("DELETE FROM audit WHERE sequence = 2", "3"),
            ("DELETE FROM audit WHERE sequence = 1", "2"),
        ] {
            let said = checked(sql).unwrap_err();
            assert!(said.contains("audit") && said.contains(row), "{sql}: {said}");
        }
    }
}
