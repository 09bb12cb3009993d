//! The publishers of a host: trust file and licence pack of each.

use keymuster_core::id::Slug;
use keymuster_core::time::Timestamp;
use keymuster_service::database::Failure;
use keymuster_service::sql::{Transaction, params};

use super::{from_base64, parsed, seconds, to_base64};

/// One publisher, as it is stored.
#[derive(Clone, Debug)]
pub struct Row {
    /// The number that stands for it in the large tables.
    pub number: i64,
    /// Its name.
    pub id: Slug,
    /// The text of its trust file.
    pub trust: String,
    /// The bytes of the bundle with catalogue, issuers and revocations.
    pub pack: Vec<u8>,
}

/// All publishers, by number.
pub fn all(tx: &Transaction<'_>) -> Result<Vec<Row>, Failure> {
    let mut statement = tx.prepare_cached("SELECT number, id, trust, pack FROM publisher ORDER BY number")?;
    let mut rows = statement.query([])?;
    let mut publishers = Vec::new();
    while let Some(row) = rows.next()? {
        let (number, id, pack): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(3)?);
        publishers.push(Row {
            number,
            id: parsed(&id, "publisher", "id", number)?,
            trust: row.get(2)?,
            pack: from_base64(&pack, "publisher", "pack", number)?,
        });
    }
    Ok(publishers)
}

/// Adds a publisher.
pub fn add(tx: &Transaction<'_>, id: &Slug, trust: &str, pack: &[u8], now: Timestamp) -> Result<(), Failure> {
    let sql = "INSERT INTO publisher (number, id, trust, pack, added_at) \
               SELECT coalesce(max(number), 0) + 1, ?1, ?2, ?3, ?4 FROM publisher";
    tx.execute(sql, params![id.as_str(), trust, to_base64(pack), seconds(now)])?;
    Ok(())
}

/// Replaces the licence pack of a publisher.
pub fn set_pack(tx: &Transaction<'_>, number: i64, pack: &[u8]) -> Result<(), Failure> {
    tx.execute("UPDATE publisher SET pack = ?2 WHERE number = ?1", params![number, to_base64(pack)])?;
    Ok(())
}
