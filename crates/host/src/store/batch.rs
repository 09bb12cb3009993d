//! What the servers of one host tell each other: who was counted in which batch of grants (`docs/spec/ledger.md`, 7).
//!
//! Numbers have no gap, and every batch is written under the lock of those who write: whoever knows one number reads on from
//! it, and whoever finds it gone counts anew.

use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{OptionalExtension as _, Transaction, params};

use super::{integer, number, seconds, timestamp};

/// Batches that are kept, for servers that were busy with something else meanwhile.
const KEPT: u64 = 1000;
/// How often the older ones are dropped, in batches.
const DROP_EVERY: u64 = 100;

/// One batch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Its number.
    pub number: u64,
    /// Its time.
    pub at: Timestamp,
    /// Who was counted.
    pub asked: Vec<Asked>,
}

/// A client that was counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The publisher's number.
    pub publisher: i64,
    /// The family's.
    pub family: u16,
    /// When it was last counted before.
    pub before: Option<Timestamp>,
}

/// The number and the time of the newest batch, where there is one.
pub fn newest(tx: &Transaction<'_>) -> Result<Option<(u64, Timestamp)>, Failure> {
    let sql = "SELECT number, at FROM batch ORDER BY number DESC LIMIT 1";
    let mut statement = tx.prepare_cached(sql)?;
    let newest = statement.query_row([], |row| Ok((number(row.get(0)?), timestamp(row.get(1)?))));
    Ok(newest.optional()?)
}

/// The batches from a number on, in their order.
pub fn from(tx: &Transaction<'_>, first: u64) -> Result<Vec<Batch>, Failure> {
    let mut statement = tx.prepare_cached("SELECT number, at, asked FROM batch WHERE number >= ?1 ORDER BY number")?;
    let mut rows = statement.query([integer(first)])?;
    let mut batches = Vec::new();
    while let Some(row) = rows.next()? {
        let number = number(row.get(0)?);
        let text: String = row.get(2)?;
        let unreadable = || Failure::damaged("batch", "asked", number, "not a list of clients");
        let asked = text.split_terminator(' ').map(|word| Asked::read(word).ok_or_else(unreadable));
        batches.push(Batch { number, at: timestamp(row.get(1)?), asked: asked.collect::<Result<_, _>>()? });
    }
    Ok(batches)
}

/// Writes a batch down, and drops those that nobody waits for any more.
pub fn append(tx: &Transaction<'_>, batch: &Batch) -> Result<(), Failure> {
    let asked = batch.asked.iter().map(Asked::word).collect::<Vec<_>>().join(" ");
    let sql = "INSERT INTO batch (number, at, asked) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute(params![integer(batch.number), seconds(batch.at), asked])?;
    if batch.number.is_multiple_of(DROP_EVERY) {
        let sql = "DELETE FROM batch WHERE number <= ?1";
        tx.prepare_cached(sql)?.execute([integer(batch.number.saturating_sub(KEPT))])?;
    }
    Ok(())
}

impl Asked {
    fn word(&self) -> String {
        let before = self.before.map_or_else(|| "-".to_owned(), |before| before.as_secs().to_string());
        format!("{}:{}:{before}", self.publisher, self.family)
    }

    fn read(word: &str) -> Option<Asked> {
        let mut parts = word.split(':');
        let (publisher, family) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let before = match parts.next()? {
            "-" => None,
            seconds => Some(Timestamp::from_secs(seconds.parse().ok()?)),
        };
        parts.next().is_none().then_some(Asked { publisher, family, before })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_read_as_they_were_written() {
        for before in [None, Some(Timestamp::from_secs(0)), Some(Timestamp::from_secs(1_800_000_000))] {
            let asked = Asked { publisher: 7, family: 3, before };
            assert_eq!(Asked::read(&asked.word()), Some(asked));
        }
        for word in ["", "1", "1:2", "1:2:x", "1:2:3:4", "1:70000:-"] {
            assert_eq!(Asked::read(word), None, "{word}");
        }
    }
}
